// @vitest-environment happy-dom
/** Which product is chosen, from the files of a store over HTTP: tests write them as they need them. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type * as Catalogue from "../src/catalogue";
import type * as Choice from "../src/choice";
import { Failure } from "../src/failures";
import { Store } from "../src/state";
import { showPage, textOf } from "./page";
import { serve } from "./served";

const folder = await mkdtemp(join(tmpdir(), "finescale-page-"));
const served = serve(folder);
let catalogue: typeof Catalogue;
let choice: typeof Choice;

async function write(path: string, content: unknown): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
}

const children = (...entries: [href: string, title?: string][]) => ({
  type: "Catalog",
  links: [{ rel: "self", href: "./catalog.json" }, ...entries.map(([href, title]) => ({ rel: "child", href, title }))],
});

beforeAll(async () => {
  // the page lies at the root of its store, and asks there
  (window as unknown as { happyDOM: { setURL: (url: string) => void } }).happyDOM.setURL(new URL("store/", served.url).href);
  catalogue = await import("../src/catalogue");
  choice = await import("../src/choice");
});

beforeEach(async () => {
  showPage();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A store of two regions, the first with two sources. */
async function twoRegions(): Promise<void> {
  await write("catalog.json", children(["./hubei/catalog.json", "Hubei, China"], ["./fiji/catalog.json"]));
  await write("hubei/catalog.json", children(["./ifs/collection.json", "IFS"], ["./era5/collection.json", "ERA5"]));
  await write("fiji/catalog.json", children(["./era5/collection.json", "ERA5"]));
}

async function chosen(search: string) {
  const store = new Store(`?lang=en&${search}`);
  const chooser = new choice.Chooser(store);
  await chooser.read();
  return { store, chooser };
}

test("the demonstration comes last, a source that somebody has added before it", async () => {
  await write("catalog.json", children(["./hubei/catalog.json", "Hubei, China"]));
  const sources = ["demo", "era5", "file", "ifs", "radar"];
  await write("hubei/catalog.json", children(...sources.map((s): [string] => [`./${s}/collection.json`])));
  expect((await chosen("")).store.now.source).toBe("ifs");
  const found = sources.map((name) => ({ name, title: name }));
  expect(choice.ordered(found).map((s) => s.name)).toEqual(["ifs", "era5", "file", "radar", "demo"]);
});

describe("what the address asks for", () => {
  test.each([
    ["", "hubei", "ifs"],
    ["region=fiji", "fiji", "era5"],
    ["region=hubei&source=era5", "hubei", "era5"],
    ["source=era5", "hubei", "era5"],
    ["region=peru&source=ifs", "peru", "ifs"], // published, and not yet in the catalogue
  ])("%s: %s, %s", async (search, region, source) => {
    await twoRegions();
    const { store } = await chosen(search);
    expect([store.now.region, store.now.source]).toEqual([region, source]);
  });

  test("is enough where there is no catalogue", async () => {
    const { store } = await chosen("region=hubei&source=ifs");
    expect([store.now.region, store.now.source]).toEqual(["hubei", "ifs"]);
  });

  test("without it a catalogue is missed by name", async () => {
    await expect(chosen("")).rejects.toMatchObject({ key: "noCatalogue", values: { file: "/store/catalog.json" } });
    await expect(chosen("region=hubei")).rejects.toBeInstanceOf(Failure);
  });

  test.each([
    [children(), "emptyCatalogue"],
    ["<html>", "broken"],
  ])("a catalogue of nothing, or not of JSON (%#)", async (content, key) => {
    await write("catalog.json", content);
    await expect(chosen("")).rejects.toMatchObject({ key });
  });
});

describe("another region", () => {
  test("has another place and other times: the point and the lead time are given up", async () => {
    await twoRegions();
    const { store, chooser } = await chosen("region=hubei&source=era5&lat=30&lon=114&lead=12");
    expect(store.now.point).toEqual({ latitude: 30, longitude: 114 });
    await chooser.choose("fiji");
    expect(store.now).toMatchObject({ region: "fiji", source: "era5", point: null, lead: null });
  });

  test("takes its own first source where it has not the one that was shown", async () => {
    await twoRegions();
    const { store, chooser } = await chosen("region=hubei&source=ifs");
    await chooser.choose("fiji");
    expect(store.now.source).toBe("era5");
  });
});

describe("choosers", () => {
  const options = (id: string) => [...document.querySelectorAll(`#${id} option`)].map((o) => o.textContent);

  test("show titles, names where there are none", async () => {
    await twoRegions();
    const { chooser } = await chosen("");
    chooser.draw("en");
    expect(options("region")).toEqual(["Hubei, China", "fiji"]);
    expect(options("source")).toEqual(["ECMWF IFS forecast", "ERA5 reanalysis"]);
  });

  test("a region that has only a name is called as its product calls it, others are not", async () => {
    await twoRegions();
    const { chooser } = await chosen("");
    chooser.entitle("fiji", { title: "Fiji Islands: era5/2026-11-22T00 at 0.05 degree", titleZh: "" });
    chooser.entitle("hubei", { title: "Another name: ifs/2026-11-22T00", titleZh: "湖北省" });
    chooser.draw("en");
    expect(options("region")).toEqual(["Hubei, China", "Fiji Islands"]);
    chooser.draw("zh");
    expect(options("region")).toEqual(["湖北省", "Fiji Islands"]);
  });

  test("the verdict is of what is chosen, not of what was read before", async () => {
    await twoRegions();
    const { chooser } = await chosen("region=hubei&source=era5");
    await write("hubei/era5/latest.json", { product: "p.zarr", cycle: "era5/2026-11-22T00", quality: "verified", why: [] });
    chooser.latest = await catalogue.latest("hubei", "era5");
    chooser.draw("en");
    expect(textOf("quality")).toBe("Verified");
    await chooser.choose("fiji"); // of the same source
    chooser.draw("en");
    expect(document.getElementById("status")?.hidden).toBe(true);
  });
});

describe("cycles", () => {
  const item = (path: string, quality: string) => ({
    properties: { created: "2026-11-22T08:00:00Z", "finescale:quality": quality, "finescale:why": ["few stations"] },
    assets: { product: { href: `../../2026/11/${path}.zarr` }, report: { href: `../../2026/11/${path}.html` } },
  });
  const month = (...stamps: string[]) => ({ links: stamps.map((s) => ({ rel: "item", href: `./${s}.json` })) });

  async function published(): Promise<void> {
    await twoRegions();
    await write("hubei/ifs/collection.json", children(...["2026-09", "2026-10", "2026-11"].map((m): [string] => [`./items/${m}/catalog.json`])));
    await write("hubei/ifs/items/2026-09/catalog.json", month("2026-09-30T12"));
    await write("hubei/ifs/items/2026-10/catalog.json", month("2026-10-31T00", "2026-10-31T12"));
    await write("hubei/ifs/items/2026-11/catalog.json", month("2026-11-21T12", "2026-11-22T00"));
    await write("hubei/ifs/items/2026-11/2026-11-22T00.json", item("2026-11-22T00", "degraded"));
    await write("hubei/ifs/items/2026-11/2026-11-21T12.json", item("2026-11-21T12", "unverified"));
  }

  test("of the two newest months are offered, the newest first; none where the catalogue has none", async () => {
    await published();
    expect(await catalogue.cycles("hubei", "ifs")).toEqual(["2026-11-22T00", "2026-11-21T12", "2026-10-31T12", "2026-10-31T00"]);
    expect(await catalogue.cycles("hubei", "era5")).toEqual([]);
  });

  test("an earlier one is read as the newest is", async () => {
    await published();
    expect(await catalogue.past("hubei", "ifs", "2026-11-22T00")).toEqual({
      region: "hubei", cycle: "ifs/2026-11-22T00", product: "hubei/ifs/2026/11/2026-11-22T00.zarr", report: "hubei/ifs/2026/11/2026-11-22T00.html",
      quality: "degraded", why: ["few stations"], stations: "hubei/ifs/2026/11/2026-11-22T00.stations.geojson", published_at: "2026-11-22T08:00:00Z",
    });
    expect((await catalogue.past("hubei", "ifs", "2026-11-21T12")).stations, "nothing has been observed yet").toBe("");
    await expect(catalogue.past("hubei", "ifs", "2026-11-01T00")).rejects.toMatchObject({ key: "noCycle", values: { cycle: "2026-11-01T00" } });
    await write("hubei/ifs/items/2026-11/2026-11-02T00.json", {});
    await expect(catalogue.past("hubei", "ifs", "2026-11-02T00")).rejects.toMatchObject({ key: "broken" });
  });

  test("another region or source has others: the chosen one is given up", async () => {
    await published();
    const { store, chooser } = await chosen("region=hubei&source=ifs&cycle=2026-11-21T12");
    expect(store.now.cycle).toBe("2026-11-21T12");
    await chooser.list(() => "en");
    expect([...document.querySelectorAll<HTMLOptionElement>("#cycles option")].map((o) => o.value)).toEqual(["", "2026-11-22T00", "2026-11-21T12", "2026-10-31T12", "2026-10-31T00"]);
    await chooser.choose("fiji");
    chooser.draw("en");
    expect([store.now.cycle, document.querySelectorAll("#cycles option").length]).toEqual([null, 1]);
  });

  test("the time that is shown stays where the other cycle has it", async () => {
    await published();
    const { chooser } = await chosen("region=hubei&source=ifs");
    const time = new Date("2026-11-22T06:00Z");
    expect(chooser.leadAt(null, time), "the newest is not known").toBeNull();
    await chooser.list(() => "en");
    expect([chooser.leadAt("2026-11-21T12", time), chooser.leadAt(null, time), chooser.leadAt("2026-11-22T12", time)]).toEqual([18, 6, null]);
  });
});

describe("the newest product", () => {
  test("what an older version did not say is empty", async () => {
    await write("hubei/ifs/latest.json", { product: "hubei/ifs/2026/11/2026-11-22T00.zarr", cycle: "ifs/2026-11-22T00" });
    expect(await catalogue.latest("hubei", "ifs")).toEqual({
      region: "hubei", cycle: "ifs/2026-11-22T00", product: "hubei/ifs/2026/11/2026-11-22T00.zarr",
      report: "", quality: "", why: [], stations: "", published_at: "",
    });
    expect(catalogue.startOf("ifs/2026-11-22T00")).toEqual(new Date("2026-11-22T00:00Z"));
  });

  test("says in whose time it is read", async () => {
    await write("hubei/ifs/latest.json", { product: "p.zarr", cycle: "ifs/2026-11-22T00", timezone: "Asia/Shanghai" });
    const { store, chooser } = await chosen("region=hubei&source=ifs");
    chooser.latest = await catalogue.latest("hubei", "ifs");
    chooser.draw(store.now.language);
    expect(textOf("cycle")).toBe("Sun 22 Nov 2026 08:00 UTC+8");
  });

  test("none is named with what to do, half a one is broken", async () => {
    await expect(catalogue.latest("hubei", "ifs")).rejects.toMatchObject({ key: "noLatest", values: { region: "hubei", source: "ifs" } });
    await write("hubei/ifs/latest.json", { cycle: "ifs/2026-11-22T00" });
    await expect(catalogue.latest("hubei", "ifs")).rejects.toMatchObject({ key: "broken" });
  });

  test("has no stations before there are any", async () => {
    await write("hubei/ifs/latest.json", { product: "p.zarr", cycle: "ifs/2026-11-22T00", stations: "hubei/a b.geojson" });
    const latest = await catalogue.latest("hubei", "ifs");
    expect(await catalogue.stations({ ...latest, stations: "" })).toBeNull();
    expect(await catalogue.stations(latest), "not there yet").toBeNull();
    await write("hubei/a b.geojson", { type: "FeatureCollection", features: [] });
    expect(await catalogue.stations(latest)).toEqual({ type: "FeatureCollection", features: [] });
  });
});
