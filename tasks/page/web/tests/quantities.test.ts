import { describe, expect, test } from "vitest";
import { chanceOf, comesFrom, endsOf, offered, type Quantity, QUANTITIES, quantitiesOf, shown } from "../src/quantities";

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

describe("of an ensemble", () => {
  const single = quantitiesOf(new Set(["t2m", "tp"]));
  const cold = chanceOf("t2m_below_0", "t2m<0") as Quantity;
  const wet = chanceOf("tp_24h_above_50", "tp/24h>50") as Quantity;
  const [low, high] = endsOf("t2m_quantiles", [0.1, 0.5, 0.9]) as [Quantity, Quantity];
  const all = [...single, cold, wet, low, high, ...endsOf("tp_quantiles", [0.1, 0.9])];
  const names = (chosen: Quantity | null | undefined): string[] => offered(all, chosen ?? null).map((q) => q.name);
  const ofT2m = ["t2m", "tp", "chance:t2m_below_0", "chance:tp_24h_above_50", "end:t2m_quantiles@0", "end:t2m_quantiles@2"];

  test("mean, ends of the ranges and chances of a variable are offered whichever of them is shown", () => {
    for (const chosen of [single[0], cold, low, high]) expect(names(chosen), chosen?.name).toEqual(ofT2m);
  });

  test("ends of the ranges are those of the variable that is shown", () => {
    expect(names(wet).slice(-2)).toEqual(["end:tp_quantiles@0", "end:tp_quantiles@1"]);
    expect(names(null)).toEqual(["t2m", "tp", "chance:t2m_below_0", "chance:tp_24h_above_50"]);
  });
});
