import { describe, expect, test } from "vitest";
import { colourAt, type ColourMapName, cssColour, ERRORS, ramp } from "../src/colours";
import display from "../src/display.json";
import { QUANTITIES } from "../src/quantities";

const NAMES = Object.keys(display.colours) as ColourMapName[];

describe.each(NAMES)("%s", (name) => {
  const stops = display.colours[name].match(/../g)?.map((hex) => parseInt(hex, 16)) ?? [];
  const count = stops.length / 3;

  test("has at its stops the table's colours", () => {
    expect(count).toBeGreaterThan(8);
    for (let i = 0; i < count; i++) expect(colourAt(name, i / (count - 1))).toEqual(stops.slice(3 * i, 3 * i + 3));
  });

  test("goes on at its ends as it ended", () => {
    expect(colourAt(name, -3)).toEqual(colourAt(name, 0));
    expect(colourAt(name, 7)).toEqual(colourAt(name, 1));
  });

  test("between two stops lies between their colours", () => {
    const [a, b, between] = [colourAt(name, 0), colourAt(name, 1 / (count - 1)), colourAt(name, 0.5 / (count - 1))];
    between.forEach((v, i) => expect(Math.abs(v - ((a[i] ?? 0) + (b[i] ?? 0)) / 2)).toBeLessThanOrEqual(0.5));
  });
});

test("every quantity and the errors have a map that is there", () => {
  for (const { colours } of QUANTITIES) expect(NAMES).toContain(colours);
  expect(NAMES).toContain(ERRORS);
});

test("errors are red where the product is too high, blue where it is too low, light where it is right", () => {
  const [low, right, high] = [colourAt(ERRORS, 0.25), colourAt(ERRORS, 0.5), colourAt(ERRORS, 0.75)];
  expect(high[0]).toBeGreaterThan(high[2]);
  expect(low[2]).toBeGreaterThan(low[0]);
  expect(Math.min(...right)).toBeGreaterThan(220);
});

test("a ramp begins and ends with the map's ends, and is opaque", () => {
  const bytes = ramp("thermal", 16);
  expect(bytes).toHaveLength(64);
  expect(Array.from(bytes.subarray(0, 4))).toEqual([...colourAt("thermal", 0), 255]);
  expect(Array.from(bytes.subarray(-4))).toEqual([...colourAt("thermal", 1), 255]);
});

test("as CSS", () => {
  expect(cssColour([4, 35, 51])).toBe("rgb(4 35 51)");
});
