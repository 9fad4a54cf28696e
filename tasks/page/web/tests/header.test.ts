// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from "vitest";
import type { Latest } from "../src/catalogue";
import { age, drawChoices, drawCycles, drawStatus, drawWords, named } from "../src/header";
import { isHidden, showPage, textOf } from "./page";

const start = new Date("2026-11-22T00:00Z");
const later = (hours: number): Date => new Date(start.getTime() + hours * 3_600_000);
const latest: Latest = {
  region: "hubei", cycle: "ifs/2026-11-22T00", product: "hubei/ifs/2026/11/2026-11-22T00.zarr", report: "hubei/ifs/2026/11/2026-11-22T00.html",
  quality: "degraded", why: ["t2m: <b>0.4 K</b> too warm", "few stations"], stations: "", published_at: "2026-11-22T08:00:00Z",
};

beforeEach(showPage);

describe("age", () => {
  test.each([
    [-1, "starts in the future"],
    [0, "0 min old"],
    [0.99, "59 min old"],
    [1, "1 h old"],
    [47.9, "47 h old"],
    [48, "2 days old"],
    [240, "10 days old"],
  ])("%f hours: %s", (hours, words) => {
    expect(age(start, later(hours), "en")).toBe(words);
  });
});

test("words of files are the page's own where it has them", () => {
  expect(named("verified", "zh")).toBe("已检验");
  expect(named("eccentric", "en")).toBe("eccentric");
});

describe("the verdict", () => {
  test("cycle, age, quality, and its reasons as text", () => {
    drawStatus(latest, "en", later(9));
    expect(textOf("cycle")).toBe("Sun 22 Nov 2026 00:00 UTC");
    expect(textOf("age")).toBe("Cycle · 9 h old");
    expect(document.getElementById("verdict")?.dataset["quality"]).toBe("degraded");
    expect(textOf("because")).toBe("t2m: <b>0.4 K</b> too warm; few stations");
    expect(document.querySelectorAll("#why li")).toHaveLength(2);
    expect(document.querySelector("#why b"), "names and reasons come from outside").toBeNull();
    expect(document.querySelector<HTMLAnchorElement>("#report")?.href).toMatch(/\/hubei\/ifs\/2026\/11\/2026-11-22T00\.html$/);
  });

  test("the cycle's start is in the region's time, with UTC beside it; the report is in the reader's language", () => {
    drawStatus({ ...latest, timezone: "Asia/Shanghai" }, "zh", later(9));
    expect(textOf("cycle")).toBe("北京时间2026年11月22日周日 08:00");
    expect(textOf("age")).toBe("起报 · 周日 00:00 UTC · 9 小时前");
    expect(document.querySelector<HTMLAnchorElement>("#report")?.href).toMatch(/\.html#zh$/);
    drawStatus({ ...latest, timezone: "Asia/Shanghai" }, "en", later(9));
    expect(textOf("cycle")).toBe("Sun 22 Nov 2026 08:00 UTC+8");
    expect(textOf("age")).toBe("Cycle · Sun 00:00 UTC · 9 h old");
  });

  test.each([
    [23, true, ""],
    [24, false, "This product is one day old."],
    [72, false, "This product is 3 days old."],
  ])("after %i hours the warning of its age is hidden: %s", (hours, hidden, words) => {
    drawStatus(latest, "en", later(hours));
    expect(isHidden("stale")).toBe(hidden);
    expect(textOf("stale")).toBe(words);
  });

  test("a quality that the page does not know stands as it is, and has no meaning made up", () => {
    drawStatus({ ...latest, quality: "splendid", report: "" }, "en", later(1));
    expect([textOf("quality"), textOf("meaning")]).toEqual(["splendid", ""]);
    expect(isHidden("report")).toBe(true);
  });

  test("nothing is said of no product", () => {
    drawStatus(latest, "en", later(100));
    drawStatus(null, "en", later(100));
    expect([isHidden("status"), isHidden("stale")]).toEqual([true, true]);
  });
});

describe("choosers", () => {
  const options = (id: string) => [...document.querySelectorAll<HTMLOptionElement>(`#${id} option`)].map((o) => [o.value, o.textContent]);

  test("sources by the page's words, or the catalogue's where it has none; regions by their titles", () => {
    drawChoices("source", [{ name: "ifs", title: "IFS" }, { name: "gfs", title: "NOAA GFS" }], "gfs", "en");
    expect(options("source")).toEqual([["ifs", "ECMWF IFS forecast"], ["gfs", "NOAA GFS"]]);
    expect(document.querySelector<HTMLSelectElement>("#source")?.value).toBe("gfs");
    drawChoices("region", [{ name: "demo", title: "Demo County" }, { name: "hubei", title: "Hubei" }], "demo", "en");
    expect(options("region")).toEqual([["demo", "Demo County"], ["hubei", "Hubei"]]);
  });

  test("of one thing there is nothing to choose, of nothing no chooser", () => {
    drawChoices("region", [{ name: "hubei", title: "Hubei" }], "hubei", "en");
    expect(document.querySelector<HTMLSelectElement>("#region")?.disabled).toBe(true);
    drawChoices("region", [], null, "en");
    expect(isHidden("region")).toBe(true);
  });
});

describe("cycles", () => {
  const options = () => [...document.querySelectorAll<HTMLOptionElement>("#cycles option")].map((o) => [o.value, o.textContent]);
  const value = () => document.querySelector<HTMLSelectElement>("#cycles")?.value;

  test("stand in the region's time, behind the newest whichever that is", () => {
    drawCycles(["2026-11-22T12", "2026-11-22T00"], "2026-11-22T00", "Asia/Shanghai", "zh");
    expect(options().map(([stamp]) => stamp)).toEqual(["", "2026-11-22T12", "2026-11-22T00"]);
    expect([options()[0]?.[1], options()[2]?.[1], value(), isHidden("cycles")]).toEqual(["最新起报", "11月22日周日 08:00", "2026-11-22T00", false]);
    drawCycles(["2026-11-22T12", "2026-11-22T00"], null, undefined, "en");
    expect([options()[1], value()]).toEqual([["2026-11-22T12", "Sun 22 Nov 12:00"], ""]);
  });

  test("one that the catalogue does not have is there if it is shown; of one cycle there is nothing to choose", () => {
    drawCycles([], "2026-11-22T00", undefined, "en");
    expect([options().length, isHidden("cycles")]).toEqual([2, false]);
    drawCycles(["2026-11-22T00"], null, undefined, "en");
    expect(isHidden("cycles")).toBe(true);
  });
});

test("every fixed word of index.html has both languages", () => {
  for (const [language, words] of [["en", "Compare"], ["zh", "对比"]] as const) {
    drawWords(language);
    expect(document.querySelector("[data-say=compareShort]")?.textContent).toBe(words);
    for (const element of document.querySelectorAll<HTMLElement>("[data-say]")) expect(element.textContent, element.dataset["say"] ?? "").not.toBe("");
    for (const element of document.querySelectorAll<HTMLElement>("[data-title]")) expect(element.title, element.dataset["title"] ?? "").not.toBe("");
    for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) expect(element.getAttribute("aria-label"), element.dataset["label"] ?? "").not.toBeNull();
  }
});
