import { describe, expect, test } from "vitest";
import type { Raster } from "../src/grid";
import { graticule, graticuleStep, graticuleValues, isolines } from "../src/lines";

function raster(rows: readonly (readonly number[])[], at: Partial<Raster> = {}): Raster {
  return { data: Float32Array.from(rows.flat()), height: rows.length, width: rows[0]?.length ?? 0, latitude: 10, longitude: 179, dlat: -1, dlon: 1, ...at };
}

describe("the graticule", () => {
  test.each([
    [1, 0.25],
    [5, 1],
    [40, 5],
    [75, 10],
    [360, 30],
  ])("over %f degrees: every %f", (span, step) => {
    expect(graticuleStep(span)).toBe(step);
  });

  test("has its lines at whole steps, over 180 degrees too", () => {
    expect(graticuleValues(176, 184, 2)).toEqual([176, 178, 180, 182, 184]);
    expect(graticuleValues(-3, 3, 2).map((v) => v + 0)).toEqual([-2, 0, 2]);
    expect(graticuleValues(1.1, 1.9, 1)).toEqual([]);
  });

  test("meridians run from south to north, parallels from west to east", () => {
    const { features } = graticule([176, -20, 184, -10], 5);
    expect(features.map((f) => f.geometry.coordinates)).toEqual([
      [[180, -20], [180, -10]],
      [[176, -20], [184, -20]], [[176, -15], [184, -15]], [[176, -10], [184, -10]],
    ]);
  });
});

describe("isolines", () => {
  const slope = raster(Array.from({ length: 8 }, () => [0, 1, 2, 3, 4, 5, 6, 7])); // rises to the east, 179 to 186

  test("run where the field has their value, longitude going on past 180", () => {
    const [found] = isolines(slope, [3]).features;
    expect(found?.properties).toEqual({ value: 3 });
    const points = found?.geometry.type === "MultiLineString" ? found.geometry.coordinates.flat() : [];
    expect(points.length).toBeGreaterThan(3);
    for (const [longitude = NaN, latitude = NaN] of points) {
      expect(longitude).toBeCloseTo(182, 6);
      expect(latitude).toBeLessThanOrEqual(10);
      expect(latitude).toBeGreaterThanOrEqual(3);
    }
  });

  test("not along the edges of the grid", () => {
    const [found] = isolines(slope, [-1]).features; // all of it is above
    expect(found?.geometry.coordinates).toEqual([]);
  });

  test("one of each level, in their order", () => {
    expect(isolines(slope, [2, 5]).features.map((f) => f.properties)).toEqual([{ value: 2 }, { value: 5 }]);
  });
});
