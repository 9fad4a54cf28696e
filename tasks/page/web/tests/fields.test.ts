import { describe, expect, test } from "vitest";
import { MOST_POINTS, range, SMALL, windowFor } from "../src/fields";
import { Grid } from "../src/grid";
import { openProduct } from "../src/product";
import { QUANTITIES, type QuantityName } from "../src/quantities";
import { HERE, serve } from "./served";

const grid = (north: number, west: number, spacing: number, rows: number, cols: number): Grid =>
  new Grid("made", Array.from({ length: rows }, (_, i) => north - spacing * i), Array.from({ length: cols }, (_, i) => west + spacing * i), new Map());

describe("what is read of a field for a view", () => {
  const china = grid(54, 73, 0.02, 1801, 3101); // more than SMALL, more than MOST_POINTS
  const rowsOf = (latitude: number): number => (54 - latitude) / 0.02;
  const colsOf = (longitude: number): number => (longitude - 73) / 0.02;

  test("all of a small one, wherever the map is", () => {
    const small = grid(34, 108, 0.05, 100, 160);
    expect(small.rows * small.cols).toBeLessThan(SMALL);
    expect(windowFor(small, [0, 0, 1, 1], 1000)).toEqual(small.whole);
  });

  test("of a large one what is seen, and a margin", () => {
    const window = windowFor(china, [110, 30, 112, 31], 1000);
    expect(window?.stride).toBe(1);
    const found = [...(window?.rows ?? []), ...(window?.cols ?? [])];
    const wanted = [rowsOf(31.15), rowsOf(29.85) + 1, colsOf(109.7), colsOf(112.3) + 1]; // 0.15 of the view on every side
    expect(found).toHaveLength(4);
    found.forEach((edge, i) => expect(Math.abs(edge - (wanted[i] ?? NaN))).toBeLessThanOrEqual(1));
  });

  test("a value a pixel, where there are fewer pixels than values", () => {
    expect(windowFor(china, [100, 30, 120, 40], 250)?.stride).toBe(4);
  });

  test("nothing where it is too much", () => {
    expect(china.rows * china.cols).toBeGreaterThan(MOST_POINTS);
    expect(windowFor(china, [70, 15, 140, 56], 1000)).toBeNull();
  });

  test("next to nothing where the map shows another place", () => {
    expect(windowFor(china, [-60, -40, -50, -30], 1000)).toEqual({ rows: [0, 1], cols: [0, 1], stride: 1 });
  });
});

describe("the range of colours", () => {
  const served = serve(HERE);
  const still = new AbortController().signal;

  async function rangeOf(name: QuantityName, step = 0): Promise<readonly number[]> {
    const [product, quantity] = [await openProduct(new URL("store/fiji.zarr", served.url)), QUANTITIES.find((q) => q.name === name)];
    if (quantity === undefined) throw new Error(name);
    return range(product, quantity, step, null, still);
  }

  test("is that of all lead times, so that they can be compared", async () => {
    expect(await rangeOf("t2m", 0)).toEqual(await rangeOf("t2m", 9));
    const [low = NaN, high = NaN] = await rangeOf("t2m");
    expect(low).toBeLessThan(299 - 273.15 - 3);
    expect(high).toBeGreaterThan(299 - 273.15 + 3);
  });

  test("begins at nothing for wind and rain", async () => {
    const [speed, rain] = [await rangeOf("wind"), await rangeOf("tp")];
    expect([speed[0], rain[0]]).toEqual([0, 0]);
    expect(speed[1]).toBeGreaterThanOrEqual(8);
    expect(rain[1]).toBeGreaterThanOrEqual(3.9);
  });

  test("is no narrower than noise deserves", async () => {
    const calm = { ...(await openProduct(new URL("store/fiji.zarr", served.url))), coarse: null };
    const msl = QUANTITIES.find((q) => q.name === "msl");
    if (msl === undefined) throw new Error("msl");
    const flat = { data: new Float32Array(100).fill(1013), height: 10, width: 10, latitude: 0, longitude: 0, dlat: -1, dlon: 1 };
    const [low, high] = await range(calm, msl, 0, flat, still);
    expect(high - low).toBeGreaterThanOrEqual(msl.leastRange);
    expect((low + high) / 2).toBeCloseTo(1013, 0);
  });

  test("of nothing but missing values is still one that can be drawn", async () => {
    const calm = { ...(await openProduct(new URL("store/fiji.zarr", served.url))), coarse: null };
    const tp = QUANTITIES.find((q) => q.name === "tp");
    if (tp === undefined) throw new Error("tp");
    const empty = { data: new Float32Array(4).fill(NaN), height: 2, width: 2, latitude: 0, longitude: 0, dlat: -1, dlon: 1 };
    const [low, high] = await range(calm, tp, 0, empty, still);
    expect([low, high]).toEqual([0, 2]);
  });
});
