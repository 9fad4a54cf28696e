import type { FeatureCollection } from "geojson";
import { describe, expect, test } from "vitest";
import { middleOf, moved, movedAround } from "../src/meridian";

describe("the middle of the map", () => {
  test.each([
    [[108, 29, 117, 34], 0], // Hubei
    [[-180.125, -90, 179.875, 90], 0], // a globe
    [[170, -20, 180, -10], 0], // up to 180 degrees, not over it
    [[176.475, -17, 183.475, -15], 180], // Fiji
    [[120, 50, 200, 80], 160],
  ] as const)("of %j is %i", (box, middle) => {
    expect(middleOf(box)).toBe(middle);
  });
});

describe("longitudes around it", () => {
  test("around Greenwich stay as they are", () => {
    expect([-180.125, -180, 0, 180, 181].map((l) => moved(l, 0))).toEqual([-180.125, -180, 0, 180, 181]);
  });

  test("around 180 degrees east and west are one", () => {
    expect([176, 180, 184, -176, -180, 0, 360].map((l) => moved(l, 180))).toEqual([-4, 0, 4, 4, 0, -180, 180]);
  });

  test("none leaves the map's world", () => {
    for (let longitude = -540; longitude <= 540; longitude += 7) expect(Math.abs(moved(longitude, 160))).toBeLessThanOrEqual(180);
  });
});

describe("what is drawn", () => {
  const outline: FeatureCollection = {
    type: "FeatureCollection",
    features: [
      { type: "Feature", properties: { name: "Fiji" }, geometry: { type: "MultiPolygon", coordinates: [[[[177, -18], [180, -18], [180, -17], [177, -18]]], [[[-180, -17], [-179, -17], [-180, -16], [-180, -17]]]] } },
      { type: "Feature", properties: null, geometry: { type: "GeometryCollection", geometries: [{ type: "Point", coordinates: [-179.5, -16, 12] }, { type: "LineString", coordinates: [[179, -16], [181, -16]] }] } },
    ],
  };

  test("is moved, parts on both sides beside each other, heights and properties kept", () => {
    const [islands, rest] = movedAround(outline, 180).features;
    expect(islands?.properties).toEqual({ name: "Fiji" });
    expect(islands?.geometry).toEqual({ type: "MultiPolygon", coordinates: [[[[-3, -18], [0, -18], [0, -17], [-3, -18]]], [[[0, -17], [1, -17], [0, -16], [0, -17]]]] });
    expect(rest?.geometry).toEqual({
      type: "GeometryCollection", geometries: [{ type: "Point", coordinates: [0.5, -16, 12] }, { type: "LineString", coordinates: [[-1, -16], [1, -16]] }],
    });
  });

  test("is itself around Greenwich", () => {
    expect(movedAround(outline, 0)).toBe(outline);
  });
});
