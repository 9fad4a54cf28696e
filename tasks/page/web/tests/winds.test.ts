import { describe, expect, test } from "vitest";
import type { Raster } from "../src/grid";
import { arrows, barbs, every } from "../src/winds";

function same(value: number, at: Partial<Raster> = {}): Raster {
  return { data: new Float32Array(54).fill(value), height: 6, width: 9, latitude: 10, longitude: 179, dlat: -1, dlon: 1, ...at };
}
const START = [0, 0] as const;
const properties = ({ features }: ReturnType<typeof barbs>) => features[0]?.properties;
const places = ({ features }: ReturnType<typeof barbs>) => features.map((f) => f.geometry.coordinates);

describe("arrows", () => {
  test("say where wind comes from, and the stronger the larger", () => {
    const [weak, strong] = [1, 10].map((speed) => properties(arrows([same(speed), same(0)], START, [3, 3])));
    expect(weak?.from).toBeCloseTo(270, 9);
    expect(strong?.size).toBeGreaterThan(weak?.size ?? NaN);
  });

  test("none where it is calm or missing", () => {
    expect(arrows([same(0.3), same(0.3)], START, [1, 1]).features).toEqual([]);
    expect(arrows([same(NaN), same(5)], START, [1, 1]).features).toEqual([]);
  });
});

describe("barbs", () => {
  test("are named by their speed in steps of 2.5 m/s, and turned by where wind comes from", () => {
    expect(properties(barbs([same(0), same(-12.4)], START, [3, 3]))).toEqual({ icon: "barb-5", from: 0, size: 1 });
    expect(properties(barbs([same(-0.5), same(0.5)], START, [3, 3]))?.icon).toBe("barb-0");
  });

  test("south of the equator are those of the south", () => {
    const found = barbs([same(6, { latitude: 2 }), same(0, { latitude: 2 })], START, [2, 9]);
    expect(found.features.map((f) => [f.geometry.coordinates[1], f.properties.icon])).toEqual([[1, "barb-2"], [-1, "barb-2-south"], [-3, "barb-2-south"]]);
  });

  test("none where wind is missing", () => {
    expect(barbs([same(NaN), same(5)], START, [1, 1]).features).toEqual([]);
  });
});

describe("signs", () => {
  test("stand in the middle of so many rows and columns, on past 180 degrees", () => {
    expect(places(arrows([same(5), same(5)], START, [3, 3]))).toEqual([[180, 9], [183, 9], [186, 9], [180, 6], [183, 6], [186, 6]]);
  });

  test("stay at their places when the window moves", () => {
    const moved = same(5, { latitude: 9, longitude: 184 }); // begins a row and 5 columns later
    const [before, after] = [places(barbs([same(5), same(5)], START, [4, 4])), places(barbs([moved, moved], [1, 5], [4, 4]))];
    const both = after.filter(([x = 0, y = 0]) => x < 188 && y > 4);
    expect(both).not.toHaveLength(0);
    expect(before).toEqual(expect.arrayContaining(both));
  });

  test.each([[10, 4], [34, 1], [100, 1], [8.5, 4], [8.4, 8], [0.1, 512]])("of cells of %f px every %i has one, 34 px apart and never twice as far", (pixels, expected) => {
    expect(every(pixels, 34)).toBe(expected);
    expect(pixels * expected).toBeGreaterThanOrEqual(34);
    expect(pixels * expected).toBeLessThan(Math.max(68, pixels + 1));
  });
});
