import { describe, expect, test } from "vitest";
import type { StationScore, Stations } from "../src/catalogue";
import { colourAt, cssColour, ERRORS } from "../src/colours";
import { type Quantity, QUANTITIES, type QuantityName } from "../src/quantities";
import { errorAt, observedAt, paint, scoreOf } from "../src/stations";

function quantity(name: QuantityName): Quantity {
  const found = QUANTITIES.find((q) => q.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

const score = (variable: string, more: Partial<StationScore> = {}): StationScore => ({ variable, period: 0, n: 2, bias: 0.5, rmse: 1, ...more });
const station = (scores: StationScore[], name = "57494") => ({ station: name, network: "synop", elevation: 23, above: 1, scores });
const series = { lead_hours: [3, 9], observed: [280, 282], product: [281.5, 281] };

describe("the score of a quantity", () => {
  test("wind is observed as speed, rain over the product's own period where it is there", () => {
    const [six, day] = [score("tp", { period: 6 }), score("tp", { period: 24 })];
    const of = station([score("wind_direction"), score("wind_speed"), day, six]);
    expect(scoreOf(of, quantity("wind"), 0)?.variable).toBe("wind_speed");
    expect(scoreOf(of, quantity("tp"), 6)).toBe(six);
    expect(scoreOf(of, quantity("tp"), 3)).toBe(day);
    expect(scoreOf(of, quantity("msl"), 0)).toBeNull();
  });
});

describe("product - observed", () => {
  test("of a lead time, as a difference: no offset", () => {
    expect(errorAt(score("t2m", series), quantity("t2m"), 3)).toBe(1.5);
    expect(errorAt(score("msl", { lead_hours: [3], observed: [101_300], product: [101_100] }), quantity("msl"), 3)).toBe(-2);
  });

  test("nothing at another lead time; the bias where there is no series", () => {
    expect(errorAt(score("t2m", series), quantity("t2m"), 6)).toBeNaN();
    expect(errorAt(score("tp", { bias: 0.002 }), quantity("tp"), 6)).toBe(2);
  });
});

test("observations stand at the product's lead times, in its unit, with gaps", () => {
  const found = observedAt(score("t2m", series), quantity("t2m"), [3, 6, 9]);
  expect(found?.[0]).toBeCloseTo(6.85, 9);
  expect(found?.[1]).toBeNaN();
  expect(found?.[2]).toBeCloseTo(8.85, 9);
  expect(observedAt(score("t2m"), quantity("t2m"), [3])).toBeNull();
});

describe("stations as they are drawn", () => {
  const at = (longitude: number, scores: StationScore[]): Stations["features"][number] => ({
    type: "Feature", geometry: { type: "Point", coordinates: [longitude, 30] }, properties: station(scores, String(longitude)),
  });
  const error = (value: number) => [score("t2m", { lead_hours: [3], observed: [280], product: [280 + value] })];
  const all: Stations = { type: "FeatureCollection", features: [at(110, error(1.9)), at(111, error(-1.9)), at(112, error(0)), at(113, [score("msl")])] };

  test("those that have something to say, coloured from too low to too high on a round scale", () => {
    const { most, features } = paint(all, quantity("t2m"), 3, 0);
    expect(most).toBe(2);
    expect(features.features.map((f) => f.properties?.["station"])).toEqual(["110", "111", "112"]);
    expect(features.features.map((f) => f.properties?.["colour"])).toEqual(
      [1.9, -1.9, 0].map((e) => cssColour(colourAt(ERRORS, 0.5 + e / 4))),
    );
  });

  test("none where there are none, or nothing was observed then", () => {
    expect(paint(null, quantity("t2m"), 3, 0)).toEqual({ most: null, features: { type: "FeatureCollection", features: [] } });
    expect(paint(all, quantity("t2m"), 6, 0).most).toBeNull();
  });
});
