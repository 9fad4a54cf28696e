// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from "vitest";
import { drawLegend, labels } from "../src/legend";
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

describe("values of a scale", () => {
  const texts = (low: number, high: number, signed = false) => labels(low, high, signed).map((l) => l.text);

  test.each([
    [0, 100, false, ["0", "20", "40", "60", "80", "100"]],
    [-3, 19, false, ["−3", "0", "5", "10", "15", "19"]],
    [996, 1034, false, ["996", "1010", "1020", "1034"]], // 1000 and 1030 have no room beside the ends
    [0, 6, false, ["0", "2", "4", "6"]],
    [-0.5, 0.5, true, ["−0.5", "−0.2", "0.0", "+0.2", "+0.5"]],
    [-200, 200, true, ["−200", "−100", "0", "+100", "+200"]],
  ] as const)("from %f to %f, signed %s: %j", (low, high, signed, wanted) => {
    expect(texts(low, high, signed)).toEqual(wanted);
  });

  test("have both ends, and lie beside each other whatever the scale", () => {
    for (const low of [-45, -12.5, -3, 0, 0.2, 870, 1004]) {
      for (const span of [0.5, 1, 2.4, 7, 18, 36, 120]) {
        const found = labels(low, low + span, false);
        expect([found[0]?.share, found.at(-1)?.share]).toEqual([0, 1]);
        const boxes = found.map(({ text, share }) => {
          const [at, size] = [share * 250, text.length * 7];
          const from = share === 0 ? at : share === 1 ? at - size : at - size / 2;
          return [from, from + size] as const;
        });
        for (const [i, [from]] of boxes.entries()) expect(from, `${low} + ${span}`).toBeGreaterThan(boxes[i - 1]?.[1] ?? -1);
      }
    }
  });
});
