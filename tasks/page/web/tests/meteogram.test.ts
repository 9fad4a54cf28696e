// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import type { Product } from "../src/product";
import { Grid } from "../src/grid";
import { description, intervals, partsOf } from "../src/meteogram";
import { QUANTITIES } from "../src/quantities";

/** A product of arrays of these names: which parts the picture has depends on no more. */
function product(...names: string[]): Product {
  const fields = new Map(names.map((name) => [name, {}])) as unknown as Grid["fields"];
  return { fine: new Grid("/", [1, 0], [0, 1], fields) } as Product;
}

describe("the picture", () => {
  test.each([
    [["t2m", "d2m", "tp", "u10", "v10", "sp", "msl", "tcc", "fg10"], ["t2m d2m", "tp", "tcc", "wind gust", "msl"]],
    [["t2m", "tp"], ["t2m", "tp"]],
    [["sp", "d2m", "u10"], ["d2m", "sp"]],
    [["skt"], []],
  ])("of a product with %j has the parts %j", (arrays, expected) => {
    expect(partsOf(product(...arrays)).map((part) => part.map((q) => q.name).join(" "))).toEqual(expected);
  });

  test.each([
    [[3, 3, 3], "in 3 h"],
    [[3, 3, 6, 6], "in 3–6 h"],
    [[0, 6, 6], "in 6 h"],
    [[0, 0], ""],
  ])("says of rain over %j hours: %s", (periods, text) => {
    expect(intervals(periods, "en")).toBe(text);
  });
});

describe("its text", () => {
  const times = ["2026-11-22T18:00Z", "2026-11-23T00:00Z", "2026-11-23T06:00Z"].map((t) => new Date(t));
  const line = (name: string, values: readonly number[]) => {
    const quantity = QUANTITIES.find((q) => q.name === name);
    if (quantity === undefined) throw new Error(name);
    return { quantity, values: values.map((value) => ({ value, from: null })) };
  };
  const parts = [[line("t2m", [-2.04, 3, NaN]), line("d2m", [NaN, NaN, NaN])], [line("tp", [0, 1.24, 2])], [line("wind", [2, 9.41, 5])]];

  test("has the times of the region, ends of temperature, the sum of rain, the strongest wind, and nothing of what is missing", () => {
    expect(description({ times, zone: "Asia/Shanghai" }, parts, "en")).toBe(
      "Meteogram, Mon 23 Nov 02:00 to Mon 23 Nov 14:00 (UTC+8); Temperature −2.0 to 3.0 °C; Precipitation 3.2 mm in all; Wind up to 9.4 m/s",
    );
  });

  test("is in Chinese, too", () => {
    expect(description({ times, zone: "Asia/Shanghai" }, parts, "zh")).toBe(
      "气象要素时序图，11月23日周一 02:00至11月23日周一 14:00（北京时间）；气温 −2.0 至 3.0 °C；降水合计 3.2 mm；风最大 9.4 m/s",
    );
  });
});
