import { describe, expect, test } from "vitest";
import { type Barb, barb, pathOf, REACH } from "../src/barbs";

const long = ({ lines }: Barb): number => lines.slice(1).filter(([[, from], [, to]]) => from - to > 4).length;
const short = ({ lines }: Barb): number => lines.slice(1).length - long({ lines, pennants: [], calm: false });

describe("a wind barb", () => {
  test.each([
    // m/s, pennants of 25 m/s, long barbs of 5 m/s, short ones of 2.5 m/s
    [2.5, 0, 0, 1],
    [5, 0, 1, 0],
    [7.5, 0, 1, 1],
    [10, 0, 2, 0],
    [22.5, 0, 4, 1],
    [25, 1, 0, 0],
    [27.5, 1, 0, 1],
    [40, 1, 3, 0],
    [52.5, 2, 0, 1],
  ])("of %f m/s has %i pennants, %i long barbs and %i short ones", (speed, pennants, longs, shorts) => {
    const found = barb(speed);
    expect([found.pennants.length, long(found), short(found), found.calm]).toEqual([pennants, longs, shorts, false]);
  });

  test.each([[0, 0], [1.24, 0], [1.26, 2.5], [3.74, 2.5], [3.76, 5], [23.74, 22.5], [23.76, 25]])("of %f m/s is that of %f", (speed, rounded) => {
    expect(barb(speed)).toEqual(barb(rounded));
  });

  test("of knots as much as of m/s: 5, 10 and 50 kn are a short one, a long one, a pennant", () => {
    const knots = (n: number): Barb => barb((n * 1852) / 3600);
    expect([5, 10, 50].map(knots)).toEqual([2.5, 5, 25].map((speed) => barb(speed)));
  });

  test("is a circle where it is calm, and no sign of strength", () => {
    expect(barb(1)).toEqual({ lines: [], pennants: [], calm: true });
    expect(pathOf(barb(1))).toMatch(/A3\.5 3\.5/);
  });

  test("points upwards where wind comes from above, its barbs lean upwind and begin at the end of the shaft", () => {
    const [shaft, first, second] = barb(10).lines;
    expect(shaft?.[0]).toEqual([0, 0]);
    expect(shaft?.[1][1]).toBeLessThan(-20);
    expect(first?.[0]).toEqual(shaft?.[1]);
    expect(first?.[1][1]).toBeLessThan(first?.[0][1] as number);
    expect(second?.[0][1]).toBeGreaterThan(first?.[0][1] as number);
  });

  test("alone, a short barb is not at the end of the shaft", () => {
    const [shaft, first] = barb(2.5).lines;
    expect(first?.[0][1]).toBeGreaterThan(shaft?.[1][1] as number);
  });

  test.each([5, 7.5, 62.5])("of %f m/s points left of the wind in the north, right of it in the south", (speed) => {
    const [north, south] = [barb(speed), barb(speed, true)];
    const outer = ({ lines, pennants }: Barb): number[] => [...lines.slice(1).map(([, [x]]) => x), ...pennants.map(([, [x]]) => x)];
    // wind from above blows down: its left is right on the screen
    for (const x of outer(north)) expect(x).toBeGreaterThan(0);
    expect(outer(south)).toEqual(outer(north).map((x) => -x));
    expect(south.lines[0]).toEqual(north.lines[0]);
  });

  test("stays within its picture, and its barbs on the shaft", () => {
    for (let speed = 0; speed < 100; speed += 2.5) {
      const { lines, pennants } = barb(speed);
      for (const [x, y] of [...lines, ...pennants].flat()) expect(Math.hypot(x, y)).toBeLessThan(REACH);
      for (const [[, y]] of lines) expect(y).toBeLessThanOrEqual(0);
    }
  });
});

test("as a path: lines are open, pennants closed", () => {
  expect(pathOf(barb(30))).toMatch(/^M0 0L0 -25(M[^MZ]+)M[^MZ]+Z$/);
});
