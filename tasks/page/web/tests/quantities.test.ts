import { describe, expect, test } from "vitest";
import { comesFrom, QUANTITIES, quantitiesOf, shown } from "../src/quantities";

describe("a product shows what it has the arrays of", () => {
  test.each([
    [["t2m", "u10", "tp", "surface_altitude"], ["t2m", "tp"]], // half of a wind is none
    [["v10", "u10"], ["wind"]],
    [["t2m", "d2m", "u10", "v10", "sp", "msl", "tp"], ["t2m", "tp", "wind", "d2m", "msl", "sp"]],
    [["v100", "u100", "tcc", "fg10"], ["wind100", "gust", "tcc"]],
    [["land_area_fraction"], []],
  ])("%j: %j", (arrays, names) => {
    expect(quantitiesOf(new Set(arrays)).map((q) => q.name)).toEqual(names);
  });
});

test.each([
  ["t2m", 273.15, 0, "°C"],
  ["d2m", 263.15, -10, "°C"],
  ["tp", 0.0125, 12.5, "mm"],
  ["wind", 7.5, 7.5, "m/s"],
  ["msl", 101_325, 1013.25, "hPa"],
  ["sp", 50_000, 500, "hPa"],
  ["tcc", 0.25, 25, "%"],
  ["ssrd", 3.6e6, 3.6, "MJ/m²"],
])("%s: %f is shown as %f %s", (name, value, wanted, unit) => {
  const quantity = QUANTITIES.find((q) => q.name === name);
  if (quantity === undefined) throw new Error(name);
  expect(shown(quantity, value)).toBeCloseTo(wanted, 9);
  expect(quantity.unit).toBe(unit);
});

test("rain below a tenth of a millimetre is not drawn, cold is", () => {
  const cut = QUANTITIES.filter((q) => q.visible > -Infinity).map((q) => [q.name, q.visible]);
  expect(cut).toEqual([["tp", 0.1], ["sf", 0.1], ["sd", 1]]);
});

test("sums over an interval are shown as such", () => {
  expect(QUANTITIES.filter((q) => q.amount).map((q) => q.name)).toEqual(["tp", "ssrd", "strd", "sf"]);
});

test.each([
  [0, -5, 0], // from north to south
  [-5, 0, 90],
  [0, 5, 180],
  [5, 0, 270],
  [5, 5, 225],
])("wind of u %f, v %f comes from %f degrees", (u, v, from) => {
  expect(comesFrom(u, v)).toBeCloseTo(from, 9);
});
