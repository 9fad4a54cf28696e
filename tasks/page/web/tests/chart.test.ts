// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import { bandsOf, linesOf, rowsOf, type Series } from "../src/chart";
import { fromNothing, tickOf } from "../src/plots";

const times = ["2026-11-22T18:00Z", "2026-11-23T00:00Z", "2026-11-23T06:00Z"].map((t) => new Date(t));
const series: Series = { times, zone: "UTC", product: [1, NaN, 3], input: [0, 1, 2], observed: [NaN, 1.5, NaN], bars: false, range: null };

describe("what is plotted", () => {
  test("times in seconds, then product, input and observations, with gaps where nothing is known", () => {
    const first = Date.UTC(2026, 10, 22, 18) / 1000;
    expect(rowsOf(series)).toEqual([[first, first + 21_600, first + 43_200], [1, null, 3], [0, 1, 2], [null, 1.5, null]]);
  });

  test.each([
    [series, ["Product", "Input", "Observed"]],
    [{ ...series, input: null }, ["Product", "Observed"]],
    [{ ...series, observed: null }, ["Product", "Input"]],
    [{ ...series, input: null, observed: null }, ["Product"]],
  ])("a line a row, in the same order (%#)", (given, labels) => {
    const lines = linesOf(given, "en");
    expect(lines.slice(1).map((line) => line.label)).toEqual(labels);
    expect(lines).toHaveLength(rowsOf(given).length);
  });

  test("a range is filled between its ends, which are the last rows", () => {
    const sure = { ...series, input: null, range: { low: [0, NaN, 2], high: [2, NaN, 4] } };
    expect(rowsOf(sure).slice(-2)).toEqual([[2, null, 4], [0, null, 2]]);
    expect(linesOf(sure, "en")).toHaveLength(5);
    expect(bandsOf(sure).map((b) => b.series)).toEqual([[3, 4]]);
    expect(bandsOf(series)).toEqual([]);
  });

  test("so few values that no line is seen have points", () => {
    const points = (given: Series): unknown => linesOf(given, "en")[1]?.points?.show;
    expect(points({ ...series, times: times.slice(0, 2), product: [1, 2] })).toBe(true);
    expect(points(series)).toBe(false);
  });

  test("amounts are bars", () => {
    expect(linesOf({ ...series, bars: true }, "en")[1]?.fill).toBeDefined();
    expect(linesOf(series, "en")[1]?.fill).toBeUndefined();
  });
});

describe("scales", () => {
  test("of amounts begin at nothing, and a trace does not fill them", () => {
    expect(fromNothing(10)).toEqual([0, 10.8]);
    expect(fromNothing(0.2)).toEqual([0, 1]);
    expect(fromNothing(0)).toEqual([0, 1]);
  });

  test.each([
    ["UTC", "18:00", /Mon.*23|23.*Mon/, "06:00"],
    ["Asia/Shanghai", "02:00", "08:00", "14:00"],
    ["Asia/Kamchatka", "06:00", "12:00", "18:00"],
    ["Europe/Athens", "20:00", "02:00", "08:00"],
    ["America/Chicago", "12:00", "18:00", /Mon.*23|23.*Mon/],
  ])("of time say the day where it begins in %s, else the hour", (zone, ...expected) => {
    const ticks = times.map((t) => tickOf(t.getTime() / 1000, "en", zone));
    ticks.forEach((tick, i) => expect(tick).toMatch(expected[i] ?? ""));
  });
});
