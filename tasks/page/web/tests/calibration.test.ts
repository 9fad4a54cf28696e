/** A product that stations have corrected, as the pipeline writes it, beside the same without them (small_product.py). */

import { describe, expect, test } from "vitest";
import { Calibration, correctionLine, increments, meanSize } from "../src/calibration";
import { raster } from "../src/fields";
import { Grid } from "../src/grid";
import { rawAt, valueAt } from "../src/point";
import { openProduct, type Product } from "../src/product";
import { QUANTITIES, type QuantityName } from "../src/quantities";
import { HERE, serve } from "./served";

const served = serve(HERE);
const still = new AbortController().signal;
const LAST = 9; // a lead time of the second day, that is not proven
const open = (name: string): Promise<Product> => openProduct(new URL(`store/${name}`, served.url));

function named(name: QuantityName) {
  const found = QUANTITIES.find((q) => q.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

async function corrected() {
  const product = await open("fiji-calibrated.zarr");
  if (product.calibration === null) throw new Error("no calibration");
  return { product, calibration: product.calibration };
}

describe("how sure it is", () => {
  test("ends of what the truth lies in eight times in ten: of temperature around it, of wind never below nothing", async () => {
    const { calibration } = await corrected();
    const warm = await calibration.range(named("t2m"), Array(10).fill(20));
    expect([warm?.low[0], warm?.high[0]].map((v) => v?.toFixed(2))).toEqual(["18.70", "21.40"]);
    expect(warm?.high[9]).toBeCloseTo(22.8, 5);
    const wind = await calibration.range(named("wind"), Array(10).fill(4));
    expect([wind?.low[0], wind?.high[0]].map((v) => v?.toFixed(3))).toEqual([(1.74 ** 2).toFixed(3), (2.28 ** 2).toFixed(3)]);
    expect((await calibration.range(named("wind"), Array(10).fill(0)))?.low).toEqual(Array(10).fill(0));
  });

  test("of rain nothing is said", async () => {
    const { calibration } = await corrected();
    expect(await calibration.range(named("tp"), [1])).toBeNull();
  });
});

describe("what there is", () => {
  test("of a product without the group nothing, and nothing before", async () => {
    const product = await open("fiji.zarr");
    expect(product.calibration).toBeNull();
    expect(await rawAt(product, named("t2m"), 0, [0, 0], still)).toBeNull();
  });

  test("increments of temperature and wind, not of rain", async () => {
    const { calibration } = await corrected();
    expect((["t2m", "wind", "tp"] as const).filter((name) => calibration.changes(named(name)))).toEqual(["t2m", "wind"]);
  });

  test("they are used on the first day alone", async () => {
    const { calibration } = await corrected();
    for (const name of ["t2m", "wind"] as const) {
      expect(await Promise.all([0, 7, 8, LAST].map((step) => calibration.used(named(name), step)))).toEqual([true, true, false, false]);
    }
    expect(await calibration.used(named("tp"), 0)).toBe(false);
  });

  test("arrays of a reading that failed are asked for again", async () => {
    let asked = 0;
    const moody = new Calibration(new Grid("moody", [1, 0], [0, 1], new Map()), () => ((asked += 1) === 1 ? Promise.reject(new Error("gone")) : Promise.resolve([1])));
    await expect(moody.used(named("t2m"), 0)).rejects.toThrow("gone");
    expect(await moody.used(named("t2m"), 0)).toBe(true);
    expect(await moody.used(named("t2m"), 0)).toBe(true);
    expect(asked).toBe(2);
  });
});

describe("what was before is the product without stations, to rounding", () => {
  test.each([["t2m", 0.02], ["wind", 0.03]] as const)("%s at a place", async (name, rounding) => {
    const [{ product }, plain] = [await corrected(), await open("fiji.zarr")];
    for (const col of [0, 20, 139]) {
      const [now, before, wanted] = await Promise.all([
        valueAt(product.fine, named(name), 2, [3, col], still), rawAt(product, named(name), 2, [3, col], still), valueAt(plain.fine, named(name), 2, [3, col], still),
      ]);
      expect(Math.abs((before?.value ?? NaN) - wanted.value)).toBeLessThan(rounding);
      expect(Math.abs(now.value - wanted.value)).toBeGreaterThan(3 * rounding);
      expect(before?.from === null).toBe(name === "t2m");
      const turned = wanted.from === null ? 0 : (before?.from ?? NaN) - wanted.from;
      expect(Math.cos((turned * Math.PI) / 180)).toBeGreaterThan(0.999);
    }
  });

  test.each(["t2m", "wind"] as const)("%s on the map", async (name) => {
    const [{ product, calibration }, plain] = [await corrected(), await open("fiji.zarr")];
    const { fine } = product;
    const window = { rows: [0, 6], cols: [100, 140], stride: 2 } as const; // over two chunks
    const [by, now, before] = await Promise.all([
      increments(fine, calibration, named(name), 3, window, still), raster(fine, named(name), 3, window, still), raster(plain.fine, named(name), 3, window, still),
    ]);
    expect([by.height, by.width, by.latitude, by.dlon]).toEqual([3, 20, now.latitude, now.dlon]);
    by.data.forEach((v, i) => expect(Math.abs((now.data[i] ?? NaN) - v - (before.data[i] ?? NaN))).toBeLessThan(0.03));
    expect(meanSize(by)).toBeGreaterThan(0.3);
  });

  test("of wind they are its speed's, which is a quarter less", async () => {
    const { product, calibration } = await corrected();
    const [by, now] = await Promise.all([
      increments(product.fine, calibration, named("wind"), 3, product.fine.whole, still), raster(product.fine, named("wind"), 3, product.fine.whole, still),
    ]);
    by.data.forEach((v, i) => expect(Math.abs(v + (now.data[i] ?? NaN) / 3)).toBeLessThan(0.03));
  });

  test("at lead times that are not corrected there is none, and increments are nothing", async () => {
    const { product, calibration } = await corrected();
    expect(await rawAt(product, named("t2m"), LAST, [0, 0], still)).toBeNull();
    expect(meanSize(await increments(product.fine, calibration, named("t2m"), LAST, product.fine.whole, still))).toBe(0);
  });

  test("where the product is missing, so is its increment on the map; the mean is of the others", async () => {
    const { product, calibration } = await corrected();
    const by = await increments(product.fine, calibration, named("t2m"), 1, product.fine.whole, still);
    expect([...by.data].filter(Number.isNaN)).toHaveLength(2 * 20);
    expect(meanSize(by)).toBeGreaterThan(0.5);
  });
});

describe("the scale of increments", () => {
  const now = (...values: number[]) => ({ data: new Float32Array(values), height: 1, width: values.length, latitude: 0, longitude: 0, dlat: -1, dlon: 1 });

  test("is by what stations expect at all lead times, whatever is seen now", async () => {
    const { calibration } = await corrected();
    expect([await calibration.most(named("t2m"), now(0)), await calibration.most(named("wind"), now(9))]).toEqual([2, 1]);
  });

  test("is by what is seen, where no correction of the quantity itself is used", async () => {
    const made = new Calibration(new Grid("made", [1, 0], [0, 1], new Map()), (name) => Promise.resolve(name.endsWith("own") ? [40, 40] : [0, 0]));
    expect(await made.most(named("d2m"), now(-1.4, NaN, 1))).toBe(2);
    expect(await made.most(named("d2m"), now(NaN))).toBe(0.5);
  });
});

describe("its line", () => {
  const line = (changes: boolean, used: boolean, size: number) => ["en", "zh"].map((language) => correctionLine(named("t2m"), changes, used, size, language as "en" | "zh"));

  test.each([
    [true, true, 0.844, ["Corrected by stations, mean 0.84 °C", "已按站点订正，平均 0.84 °C"]],
    [true, true, NaN, ["Corrected by stations", "已按站点订正"]],
    [true, false, 0.01, ["Held to the corrected temperature", "仅限制为不高于订正后的气温"]],
    [true, false, 0, ["Not corrected at this lead time", "此时效未订正"]],
    [false, false, NaN, ["Not corrected by stations", "未按站点订正"]],
  ])("changes %s, used %s, by %f", (changes, used, size, words) => {
    expect(line(changes, used, size)).toEqual(words);
  });
});
