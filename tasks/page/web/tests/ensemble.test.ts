import { expect, test } from "vitest";
import { Ensemble } from "../src/ensemble";
import { type Field, Grid } from "../src/grid";
import { nameOf, quantityTitle } from "../src/legend";
import { chanceOf, endsOf, QUANTITIES } from "../src/quantities";

const named = (name: string) => {
  const found = QUANTITIES.find((q) => q.name === name);
  if (!found) throw new Error(name);
  return found;
};
const { signal } = new AbortController();

/** (quantile, step, latitude, longitude), cut into chunks of two quantiles, two steps and one row; value: its own place. */
function field(shape: readonly number[], chunks: readonly number[]): Field {
  const getChunk = (place: number[]): Promise<unknown> => {
    const stride = chunks.map((_, axis) => chunks.slice(axis + 1).reduce((a, b) => a * b, 1));
    const data = Float32Array.from({ length: chunks.reduce((a, b) => a * b, 1) }, (_, i) => {
      const at = chunks.map((size, axis) => (place[axis] ?? 0) * size + (Math.floor(i / (stride[axis] ?? 1)) % size));
      return at.reduce((sum, index) => sum * 10 + index, 0);
    });
    return Promise.resolve({ data, shape: chunks, stride });
  };
  return { shape, chunks, getChunk } as unknown as Field;
}

const grid = (name: string, array: string) =>
  new Grid(name, [31, 30.5], [110, 110.5, 111], new Map([[array, field([3, 5, 2, 3], [2, 2, 1, 3])]]));

test("a value is read at its quantile and lead time, in whichever chunk these lie", async () => {
  const said = grid("four", "tp_quantiles");
  for (const [level, step] of [[0, 0], [1, 3], [2, 4]] as const) {
    expect(await said.value("tp_quantiles", step, 1, 2, signal, level)).toBe(1000 * level + 100 * step + 12);
  }
});

test("ranges are the quantiles of eight times in ten, in the unit that is shown", async () => {
  const said = new Ensemble(grid("rain", "tp_quantiles"), [0.1, 0.5, 0.9]);
  const range = await said.range(named("tp"), 5, [0, 1], signal);
  expect(range?.low).toEqual([0, 1, 2, 3, 4].map((step) => (100 * step + 1) * 1000));
  expect(range?.high).toEqual([0, 1, 2, 3, 4].map((step) => (2000 + 100 * step + 1) * 1000));
  expect(await said.range(named("t2m"), 5, [0, 1], signal)).toBeNull();
});

test("wind is the median of its members' speeds and keeps the direction of their mean", async () => {
  const said = new Ensemble(grid("wind", "wind_speed_quantiles"), [0.1, 0.5, 0.9]);
  const mean = [{ value: 1, from: 270 }, { value: 2, from: 180 }];
  expect(await said.withMedians(named("wind"), mean, [0, 1], [0, 0], signal)).toEqual([{ value: 1000, from: 270 }, { value: 1100, from: 180 }]);
  expect(await said.withMedians(named("wind"), mean.slice(1), [3], [0, 0], signal), "of one lead time").toEqual([{ value: 1300, from: 180 }]);
  expect(await said.withMedians(named("t2m"), mean, [0, 1], [0, 0], signal)).toBe(mean);
  expect(["wind", "wind100", "t2m"].map((name) => said.hasMedian(named(name)))).toEqual([true, false, false]);
});

test.each([
  ["t2m_below_minus5", "t2m<-5", "Temperature < −5 °C", "气温 < −5 °C"],
  ["wind_speed_above_10p8", "wind_speed>10.8", "Wind > 10.8 m/s", "风 > 10.8 m/s"],
  ["tp_24h_above_50", "tp/24h>50", "Precipitation in 24 h > 50 mm", "降水 24 小时 > 50 mm"],
])("%s is the chance of %s", (array, text, en, zh) => {
  const chance = chanceOf(array, text);
  expect(chance?.name).toBe(`chance:${array}`);
  expect(chance?.arrays).toEqual([array]);
  expect([chance?.unit, chance && nameOf(chance, "en"), chance && nameOf(chance, "zh")]).toEqual(["%", en, zh]);
  expect(chance && quantityTitle(chance, 6, "en")).toBe(`Chance: ${en}`);
});

test("a threshold of something that is not shown is left out", () => {
  expect(chanceOf("rh_above_90", "rh>90")).toBeNull();
  expect(chanceOf("t2m", "")).toBeNull();
});

test("ends of ranges are fields at their quantile, named in both languages", async () => {
  const [low, high] = endsOf("tp_quantiles", [0.1, 0.5, 0.9]);
  expect([low?.name, high?.name]).toEqual(["end:tp_quantiles@0", "end:tp_quantiles@2"]);
  expect([low?.unit, low?.amount]).toEqual(["mm", true]);
  expect(low && [nameOf(low, "en"), nameOf(low, "zh")]).toEqual(["Precipitation, low", "降水 10% 分位"]);
  expect(high && quantityTitle(high, 6, "en")).toBe("Precipitation in 6 h: above this 1 in 10 times");
  const name = high?.arrays[0] ?? "";
  const said = new Grid("rain", [31, 30.5], [110, 110.5, 111], new Map([[name, field([3, 5, 2, 3], [2, 2, 1, 3])]]));
  expect(await said.value(name, 4, 1, 2, signal)).toBe(2412);
  expect([...(await said.window(name, 4, said.whole, signal)).data]).toEqual([2400, 2401, 2402, 2410, 2411, 2412]);
  expect(endsOf("wind_speed_100_quantiles", [0.5])).toEqual([]);
  expect(endsOf("t2m_spread", [0.1, 0.9])).toEqual([]);
});

test("what is the members' mean is called so, chances and ends of ranges are not", () => {
  expect(quantityTitle(named("t2m"), 0, "en", "mean")).toBe("Air temperature at 2 m, ensemble mean");
  expect(quantityTitle(named("tp"), 3, "zh", "mean")).toBe("降水量 3 小时（集合平均）");
  expect(quantityTitle(named("wind"), 0, "en", "median")).toBe("Wind at 10 m, ensemble median");
  expect(quantityTitle(named("wind"), 0, "zh", "median")).toBe("10 米风（集合中位数）");
  const chance = chanceOf("t2m_below_0", "t2m<0");
  const [low] = endsOf("t2m_quantiles", [0.1, 0.9]);
  for (const q of [chance, low]) expect(q && quantityTitle(q, 0, "en", "mean")).not.toContain("mean");
});
