// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from "vitest";
import { drawLegend } from "../src/legend";
import { QUANTITIES } from "../src/quantities";
import { isHidden, showPage } from "./page";

describe("the legend", () => {
  const t2m = QUANTITIES.find((q) => q.name === "t2m") ?? QUANTITIES[0];
  if (t2m === undefined) throw new Error("t2m");
  beforeEach(showPage);
  const usual = { quantity: t2m, range: [-2, 2] as const, ensemble: false, period: 0, increments: false, correction: "", barbs: false, errors: null };
  const part = (selector: string) => document.querySelector(`#legend ${selector}`)?.textContent ?? null;

  test("says nothing of stations where a product is not calibrated", () => {
    drawLegend(usual, "en");
    expect([part(".head span"), part(".correction")]).toEqual(["Air temperature at 2 m", null]);
    expect(isHidden("legend")).toBe(false);
  });

  test("calls an ensemble's mean by its name", () => {
    drawLegend({ ...usual, ensemble: true }, "en");
    expect(part(".head span")).toBe("Air temperature at 2 m, ensemble mean");
    drawLegend({ ...usual, ensemble: true }, "zh");
    expect(part(".head span")).toBe("2 米气温（集合平均）");
  });

  test("names increments as such, with signs", () => {
    drawLegend({ ...usual, increments: true, correction: "Corrected <b>by</b> stations" }, "en");
    expect([part(".head span"), part(".correction"), part("b")]).toEqual(["Correction: Temperature", "Corrected <b>by</b> stations", null]);
    expect(part(".marks")).toContain("+2");
    drawLegend({ ...usual, increments: true }, "zh");
    expect(part(".head span")).toBe("订正量：气温");
  });
});
