import { expect, test } from "vitest";
import { force, grade, hasForce } from "../src/beaufort";
import { QUANTITIES } from "../src/quantities";

// lowest and highest speed of each grade as the standard has them
test.each([
  ["0", 0, 0.2], ["1", 0.3, 1.5], ["2", 1.6, 3.3], ["3", 3.4, 5.4], ["4", 5.5, 7.9], ["5", 8, 10.7], ["6", 10.8, 13.8], ["7", 13.9, 17.1],
  ["8", 17.2, 20.7], ["9", 20.8, 24.4], ["10", 24.5, 28.4], ["11", 28.5, 32.6], ["12", 32.7, 36.9], ["13", 37, 41.4], ["14", 41.5, 46.1],
  ["15", 46.2, 50.9], ["16", 51, 56], ["17", 56.1, 61.2], ["17+", 61.3, 90],
] as const)("grade %s is from %f to %f m/s", (wanted, low, high) => {
  expect([grade(low), grade(high)]).toEqual([wanted, wanted]);
});

test("what is between two tenths has the grade of the speed that is shown", () => {
  expect([5.44, 5.46].map(grade)).toEqual(["3", "4"]);
  expect(grade(NaN)).toBe("");
});

test("in both languages", () => {
  expect([force(6, "en"), force(6, "zh"), force(70, "en"), force(70, "zh"), force(NaN, "zh")]).toEqual(["Bft 4", "风力 4 级", "Bft 17+", "风力 17 级以上", ""]);
});

test("of wind at 10 m alone", () => {
  expect(QUANTITIES.filter(hasForce).map((q) => q.name)).toEqual(["wind", "gust"]);
});
