/** A product as the pipeline writes it (tests/tasks/page/small_product.py), over HTTP: packed, sharded, over 180 degrees. */

import { describe, expect, test } from "vitest";
import { Failure } from "../src/failures";
import { raster } from "../src/fields";
import { seriesAt, terrainAt, valueAt } from "../src/point";
import { milliseconds, openProduct } from "../src/product";
import { quantitiesOf, QUANTITIES, type QuantityName } from "../src/quantities";
import expected from "./fiji.json";
import { HERE, serve } from "./served";

const served = serve(HERE);
const blind = serve(HERE, { ranges: false });
const still = new AbortController().signal;
const product = (under = "store") => openProduct(new URL(`${under}/fiji.zarr`, served.url));

function named(name: QuantityName) {
  const found = QUANTITIES.find((q) => q.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

describe("what its metadata say", () => {
  test("lead times, valid times, periods, title", async () => {
    const { leads, times, periods, title, attribution } = await product();
    expect(leads).toEqual(expected.leads);
    expect(times).toEqual(expected.times.map((t) => new Date(t)));
    expect(periods).toEqual(expected.periods);
    expect([title, attribution]).toEqual(["Fiji: ifs/2026-11-22T00 at 0.05 degree", "invented"]);
  });

  test("the zone of who reads, which old products do not name", async () => {
    expect((await product()).zone).toBe("UTC");
    expect((await openProduct(new URL("store/fiji-calibrated.zarr", served.url))).zone).toBe("Pacific/Fiji");
  });

  test("its fields and those of its input are on two grids", async () => {
    const { fine, coarse } = await product();
    expect([fine.rows, fine.cols, coarse?.rows, coarse?.cols]).toEqual([6, 140, 2, 16]);
    expect([...fine.fields.keys()].toSorted()).toEqual(["surface_altitude", "t2m", "tp", "u10", "v10"]);
    expect(quantitiesOf(new Set(fine.fields.keys())).map((q) => q.name)).toEqual(["t2m", "tp", "wind"]);
  });
});

describe("its values are those that xarray reads", () => {
  test.each(expected.places)("at $latitude, $longitude", async (place) => {
    const { fine } = await product();
    const cell = fine.cellAt(place.latitude, place.longitude);
    if (cell === null) throw new Error("outside");
    for (const name of ["t2m", "u10", "v10", "tp"] as const) {
      const found = await Promise.all(expected.leads.map((_, step) => fine.value(name, step, ...cell, still)));
      expect(found).toEqual(place[name].map((v) => v ?? NaN));
    }
  });

  test("temperature in °C, rain in mm, wind as speed and the direction that it comes from", async () => {
    const { fine } = await product();
    const place = expected.places[0];
    const [t2m, tp, u, v] = [place?.t2m[0] ?? NaN, place?.tp[0] ?? NaN, place?.u10[0] ?? NaN, place?.v10[0] ?? NaN];
    const at = (name: QuantityName) => valueAt(fine, named(name), 0, [0, 0], still);
    expect((await at("t2m")).value).toBeCloseTo(t2m - 273.15, 9);
    expect((await at("tp")).value).toBeCloseTo(tp * 1000, 9);
    const wind = await at("wind");
    expect(wind.value).toBeCloseTo(Math.hypot(u, v), 9);
    expect(wind.from).toBeCloseTo(((Math.atan2(-u, -v) * 180) / Math.PI + 360) % 360, 9);
  });

  test("a series has a value for every lead time, and the input's beside it", async () => {
    const found = await seriesAt(await product(), named("t2m"), { latitude: -16.1, longitude: -179.95 }, still);
    expect(found?.product.map((p) => p.value)).toHaveLength(expected.leads.length);
    expect(found?.product[1]?.value).toBeNaN(); // missing there
    expect(found?.input?.every((p) => Number.isFinite(p.value))).toBe(true);
  });

  test("outside there is no series and no terrain", async () => {
    const [there, outside] = [{ latitude: -16.1, longitude: 180 }, { latitude: -16.1, longitude: 175 }];
    const fiji = await product();
    expect(await seriesAt(fiji, named("t2m"), outside, still)).toBeNull();
    expect(await terrainAt(fiji, outside, still)).toBeNull();
    expect(await terrainAt(fiji, there, still)).toBe(250);
  });
});

describe("windows of a field", () => {
  test("a thinned one over two chunks holds every third value", async () => {
    const { fine } = await product();
    const whole = await fine.window("u10", 9, fine.whole, still);
    const window = { rows: [1, 6], cols: [100, 140], stride: 3 } as const;
    const part = await fine.window("u10", 9, window, still);
    expect([part.height, part.width]).toEqual([2, 14]);
    expect([part.latitude, part.longitude]).toEqual([fine.latitude[1], fine.longitude[100]]);
    expect([part.dlat, part.dlon]).toEqual([fine.dlat * 3, fine.dlon * 3]);
    const wanted = [1, 4].flatMap((row) => Array.from({ length: 14 }, (_, i) => whole.data[row * 140 + 100 + 3 * i]));
    expect([...part.data]).toEqual(wanted);
  });

  test("missing values are missing in what is drawn, and so is a shard that was never written", async () => {
    const { fine } = await product();
    const drawn = await raster(fine, named("t2m"), 1, fine.whole, still);
    const gaps = [...drawn.data].flatMap((v, i) => (Number.isNaN(v) ? [i] : []));
    expect(gaps).toEqual([2, 3].flatMap((row) => Array.from({ length: 20 }, (_, i) => row * 140 + 60 + i)));
    const rain = await raster(fine, named("tp"), 9, fine.whole, still);
    expect(rain.data.every(Number.isNaN)).toBe(true);
  });

  test("what was read is not asked for again", async () => {
    const { fine } = await product();
    await fine.window("v10", 0, fine.whole, still);
    const before = served.asked.length;
    await fine.window("v10", 7, fine.whole, still); // of the same chunks
    expect(served.asked.length).toBe(before);
  });

  test("one that is given up ends as such", async () => {
    const { fine } = await product("given-up");
    const controller = new AbortController();
    const wanted = fine.window("u10", 0, fine.whole, controller.signal);
    controller.abort();
    await expect(wanted).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("what cannot be opened says why", () => {
  test("a product that is not there", async () => {
    await expect(openProduct(new URL("store/none.zarr", served.url))).rejects.toMatchObject({ key: "missing", values: { file: "/store/none.zarr/zarr.json" } });
  });

  test("a server without ranges, at the first chunk", async () => {
    const { fine } = await openProduct(new URL("blind/fiji.zarr", blind.url));
    await expect(fine.value("t2m", 0, 0, 0, still)).rejects.toMatchObject({ key: "noRange", values: { server: blind.url.host } });
  });

  test("a server that is gone", async () => {
    await expect(openProduct(new URL("http://127.0.0.1:9/store/fiji.zarr"))).rejects.toMatchObject({ key: "unreachable" });
  });
});

describe("CF times", () => {
  const hours = (units: string) => milliseconds({ values: [0, 6], units }).map((ms) => new Date(ms).toISOString());

  test.each([
    "hours since 2026-11-22", "hours since 2026-11-22 00:00", "hours since 2026-11-22 00:00:00", "hours since 2026-11-22T00:00:00Z",
    "hour since 2026-11-22T00:00:00", "hours since 2026-11-22T08:00:00+08:00",
  ])("%s", (units) => {
    expect(hours(units)).toEqual(["2026-11-22T00:00:00.000Z", "2026-11-22T06:00:00.000Z"]);
  });

  test("durations in any unit", () => {
    expect(["seconds", "minutes", "hours", "days"].map((units) => milliseconds({ values: [2], units })[0])).toEqual([2e3, 12e4, 72e5, 1728e5]);
  });

  test.each(["months since 2026-11-22", "hours since the flood", "K"])("%s: refused", (units) => {
    expect(() => hours(units)).toThrow(new Failure("units", { units }));
  });
});
