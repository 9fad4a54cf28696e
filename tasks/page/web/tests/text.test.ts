import { describe, expect, test } from "vitest";
import display from "../src/display.json";
import cases from "./rounding.json";
import { bearing, beside, clock, compass, dayOf, local, moment, number, place, short, zoneOf } from "../src/text";

describe("numbers", () => {
  test.each([
    [1.25, 1, false, "1.2"], // as Python: to the even one
    [1.75, 1, false, "1.8"],
    [-1.25, 1, false, "−1.2"], // a minus, not a hyphen
    [12.5, 0, false, "12"],
    [13.5, 0, false, "14"],
    [1e22, 1, false, "1e+22"],
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

test.each(cases as [keyof typeof display.variables, number, string][])("%s %f is %s, as finescale point has it", (variable, value, text) => {
  const { scale, offset, decimals } = display.variables[variable];
  expect(number(Math.fround(value) * scale + offset, decimals).replace("−", "-")).toBe(text);
});

test("wind from the north comes from 360 degrees", () => {
  expect([0, 0.4, 359.6, 1, 90].map(bearing)).toEqual(["360°", "360°", "360°", "1°", "90°"]);
});

describe("times", () => {
  const time = new Date("2021-12-10T20:05:00Z"); // the next day in Shanghai, where these tests run

  test("in UTC, whatever the device's zone", () => {
    expect(new Date(2021, 0).getTimezoneOffset(), "the zone that vitest.config.js sets").toBe(-480);
    expect(moment(time, "en", "UTC")).toBe("Fri 10 Dec 2021 20:05 UTC");
    expect(short(time, "en", "UTC")).toBe("Fri 10 Dec 20:05");
    expect(moment(time, "zh", "UTC")).toBe("2021年12月10日周五 20:05 UTC");
    expect(clock(time, "UTC")).toBe("20:05");
    expect(dayOf(time, "en", "UTC")).toMatch(/Fri.*10|10.*Fri/);
    expect(beside(time, "en", "UTC")).toBe("");
  });

  test("in the region's zone, with UTC beside it", () => {
    expect(moment(time, "en", "Asia/Shanghai")).toBe("Sat 11 Dec 2021 04:05 UTC+8");
    expect(moment(time, "zh", "Asia/Shanghai")).toBe("北京时间2021年12月11日周六 04:05");
    expect(moment(time, "zh", "Asia/Tokyo")).toBe("2021年12月11日周六 05:05 UTC+9");
    expect(short(time, "en", "Asia/Shanghai")).toBe("Sat 11 Dec 04:05");
    expect(beside(time, "en", "Asia/Shanghai")).toBe("Fri 20:05 UTC");
    expect(dayOf(time, "en", "Asia/Shanghai")).toMatch(/Sat.*11|11.*Sat/);
    expect(clock(new Date("2021-12-10T16:00:00Z"), "Asia/Shanghai"), "midnight is not 24:00").toBe("00:00");
    expect(moment(new Date("2026-07-01T00:00:00Z"), "en", "Europe/London"), "summer time").toBe("Wed 1 Jul 2026 01:00 UTC+1");
  });

  test("in that of the device, where it is another", () => {
    expect(local(time, "en", "UTC")).toMatch(/^Sat,? 04:05 GMT\+8$/);
    expect(local(time, "en", "Asia/Singapore"), "the same clock").toBe("");
  });

  test("in a zone that nobody knows are UTC", () => {
    expect([zoneOf("Asia/Shanghai"), zoneOf("Nowhere/Town"), zoneOf("")]).toEqual(["Asia/Shanghai", "UTC", "UTC"]);
  });
});

describe("places", () => {
  test.each([
    [30.59, 114.31, "30.59°N 114.31°E", "北纬30.59° 东经114.31°"],
    [30.6, 114.3, "30.60°N 114.30°E", "北纬30.60° 东经114.30°"],
    [-16.1, 180.5, "16.10°S 179.50°W", "南纬16.10° 西经179.50°"],
    [-16.1, -180.5, "16.10°S 179.50°E", "南纬16.10° 东经179.50°"],
    [0, 0, "0.00°N 0.00°E", "北纬0.00° 东经0.00°"],
    [-33.9, -70.66, "33.90°S 70.66°W", "南纬33.90° 西经70.66°"],
    [51.5, 359.9, "51.50°N 0.10°W", "北纬51.50° 西经0.10°"],
  ])("%f, %f: %s, %s", (latitude, longitude, en, zh) => {
    expect([place(latitude, longitude, "en"), place(latitude, longitude, "zh")]).toEqual([en, zh]);
  });
});

test("the compass has sixteen points, and north twice", () => {
  expect([0, 11, 12, 45, 180, 270, 348, 349, 360].map((d) => compass(d, "en"))).toEqual(["N", "N", "NNE", "NE", "S", "W", "NNW", "N", "N"]);
  expect([20, 66, 160, 290, 340].map((d) => compass(d, "zh"))).toEqual(["北东北", "东东北", "南东南", "西西北", "北西北"]);
  expect(compass(270, "zh")).toBe("西");
});
