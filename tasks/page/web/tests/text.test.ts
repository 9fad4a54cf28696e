import { describe, expect, test } from "vitest";
import { clock, compass, dayOf, local, number, place, utc } from "../src/text";

describe("numbers", () => {
  test.each([
    [1.25, 1, false, "1.3"],
    [-1.25, 1, false, "−1.3"], // a minus, not a hyphen
    [-0.04, 1, false, "0.0"], // a rounded zero has no sign
    [-0.04, 1, true, "0.0"],
    [2, 0, true, "+2"],
    [-2, 0, true, "−2"],
    [NaN, 1, false, "–"],
    [Infinity, 1, true, "–"],
  ])("%f with %i decimals, signed %s: %s", (value, decimals, signed, text) => {
    expect(number(value, decimals, signed)).toBe(text);
  });
});

describe("times are UTC, whatever the device's zone", () => {
  const time = new Date("2021-12-10T20:05:00Z"); // the next day in Shanghai, where these tests run

  test("in both languages", () => {
    expect(new Date(2021, 0).getTimezoneOffset(), "the zone that vitest.config.js sets").toBe(-480);
    expect(utc(time, "en")).toBe("Fri 10 Dec 2021 20:05 UTC");
    expect(utc(time, "en", false)).toBe("Fri 10 Dec 20:05 UTC");
    expect(utc(time, "zh")).toMatch(/^2021年12月10日周五 20:05 UTC$/);
    expect(clock(time)).toBe("20:05");
    expect(dayOf(time, "en")).toMatch(/Fri.*10|10.*Fri/);
  });

  test("but for the one that is said beside", () => {
    expect(local(time, "en")).toMatch(/^Sat,? 04:05 GMT\+8$/);
  });
});

describe("places", () => {
  test.each([
    [30.6, 114.3, "30.60° N  114.30° E"],
    [-16.1, 180.5, "16.10° S  179.50° W"],
    [-16.1, -180.5, "16.10° S  179.50° E"],
    [0, 0, "0.00° N  0.00° E"],
    [-33.9, -70.66, "33.90° S  70.66° W"],
    [51.5, 359.9, "51.50° N  0.10° W"],
  ])("%f, %f: %s", (latitude, longitude, text) => {
    expect(place(latitude, longitude)).toBe(text);
  });
});

test("the compass has sixteen points, and north twice", () => {
  expect([0, 11, 12, 45, 180, 270, 348, 349, 360].map((d) => compass(d, "en"))).toEqual(["N", "N", "NNE", "NE", "S", "W", "NNW", "N", "N"]);
  expect(compass(270, "zh")).toBe("西");
});
