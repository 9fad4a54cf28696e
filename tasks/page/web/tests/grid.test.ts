import { describe, expect, test } from "vitest";
import { Grid } from "../src/grid";

const grid = (north: number, west: number, spacing: number, rows: number, cols: number): Grid =>
  new Grid("made", Array.from({ length: rows }, (_, i) => north - spacing * i), Array.from({ length: cols }, (_, i) => west + spacing * i), new Map());

describe("the cell that a place lies in", () => {
  const fiji = grid(-15, 176, 0.5, 9, 17); // 176 to 184 east

  test.each([
    [-15, 176, [0, 0]],
    [-17, 180, [4, 8]],
    [-17, -180, [4, 8]],
    [-17, -179.5, [4, 9]],
    [-17, 180.5, [4, 9]],
    [-17, -539.5, [4, 9]], // the map has gone round
    [-19, -176, [8, 16]],
    [-15.24, 176.24, [0, 0]], // up to half a cell from its middle
    [-15.26, 176.26, [1, 1]],
    [-14.76, 175.76, [0, 0]],
    [-19.24, -175.76, [8, 16]],
  ])("%f, %f", (latitude, longitude, cell) => {
    expect(fiji.cellAt(latitude, longitude)).toEqual(cell);
  });

  test.each([[-14.74, 180], [-19.26, 180], [-17, 175.74], [-17, -175.74], [-17, 0]])("%f, %f: outside", (latitude, longitude) => {
    expect(fiji.cellAt(latitude, longitude)).toBeNull();
  });

  test("of a whole globe every place lies in one, on both sides of its seam", () => {
    const globe = grid(90, -180, 1, 181, 360);
    expect(globe.cellAt(0, 180)).toEqual([90, 0]);
    expect(globe.cellAt(0, 179.4)).toEqual([90, 359]);
    expect(globe.cellAt(0, -180.4)).toEqual([90, 0]);
    expect(globe.cellAt(90, 12)).toEqual([0, 192]);
    expect(globe.cellAt(-90, 12)).toEqual([180, 192]);
  });
});

describe("its box is the outer edge of its cells", () => {
  test("over 180 degrees longitude goes on", () => {
    expect(grid(-15, 176, 0.5, 9, 17).box).toEqual([175.75, -19.25, 184.25, -14.75]);
  });

  test("no farther than the poles", () => {
    expect(grid(90, -180, 1, 181, 360).box).toEqual([-180.5, -90, 179.5, 90]);
  });
});

test("a field that it has not is named", async () => {
  await expect(grid(1, 0, 1, 2, 2).value("t2m", 0, 0, 0, new AbortController().signal)).rejects.toThrow("made has no t2m");
});
