/** A product as its metadata describes it: grids, lead times, attributes. No chunk shape or codec is assumed. */

import * as zarr from "zarrita";
import { Calibration } from "./calibration";
import { Ensemble } from "./ensemble";
import { Failure } from "./failures";
import { Grid } from "./grid";
import { chanceOf, endsOf, type Quantity } from "./quantities";
import { openStore, type Store } from "./store";
import { zoneOf } from "./text";

const HOUR = 3_600_000; // ms
const UNIT: Readonly<Record<string, number>> = { seconds: HOUR / 3600, minutes: HOUR / 60, hours: HOUR, days: 24 * HOUR };

export interface Product {
  readonly fine: Grid;
  /** What it was made from; null in products of older versions. */
  readonly coarse: Grid | null;
  /** What stations have changed; null where none took part. */
  readonly calibration: Calibration | null;
  /** What the members of an ensemble say, of which the product is the mean; null of single forecasts. */
  readonly ensemble: Ensemble | null;
  /** Thresholds whose chances it has, and ends of its ranges: fields of `fine`. */
  readonly chances: readonly Quantity[];
  readonly ends: readonly Quantity[];
  /** Hours since the start of the forecast. */
  readonly leads: readonly number[];
  readonly times: readonly Date[];
  /** Hours that amounts are summed over, of each lead time; 0 where that is not said. */
  readonly periods: readonly number[];
  /** IANA name of the zone whose times are shown: that of the region. */
  readonly zone: string;
  readonly title: string;
  /** The region's in Chinese; empty where it has none. */
  readonly titleZh: string;
  /** Who made the input, and under which licence. */
  readonly attribution: string;
}

type Location = zarr.Group<Store>;

/** An attribute; nothing where it is missing, or no text. */
function textOf(attributes: Readonly<Record<string, unknown>>, name: string): string {
  const found = attributes[name];
  return typeof found === "string" ? found : "";
}

/** The zone that a ledger's entry names; UTC in products of before, and where it is no JSON. */
function zoneIn(ledger: string): string {
  try {
    const { timezone } = JSON.parse(ledger) as { timezone?: unknown };
    return typeof timezone === "string" ? zoneOf(timezone) : "UTC";
  } catch {
    return "UTC";
  }
}

async function numbers(group: Location, name: string): Promise<{ values: number[]; units: string } | null> {
  let array: zarr.Array<zarr.DataType, Store>;
  try {
    array = await zarr.open.v3(group.resolve(name), { kind: "array" });
  } catch (error) {
    if (zarr.isZarritaError(error, "NotFoundError")) return null;
    throw error;
  }
  const { data } = await zarr.get(array);
  return { values: Array.from(data as ArrayLike<number | bigint>, Number), units: textOf(array.attrs, "units") };
}

/** CF times and durations, "hours since 1970-01-01" or "hours", as milliseconds; Failure "units" of others. */
export function milliseconds(found: { readonly values: readonly number[]; readonly units: string }): number[] {
  const [unit = "hours", since] = found.units.split(" since ");
  const factor = UNIT[unit.endsWith("s") ? unit : `${unit}s`];
  const start = since === undefined ? 0 : startOf(since);
  if (factor === undefined || Number.isNaN(start)) throw new Failure("units", { units: found.units });
  return found.values.map((v) => start + v * factor);
}

/** UTC where no zone is said, as CF has it; NaN where it is no time. */
function startOf(since: string): number {
  const text = since.trim().replace(" ", "T");
  return Date.parse(text.includes("T") && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text);
}

async function gridOf(group: Location, name: string, arrays: readonly string[]): Promise<Grid | null> {
  const [latitude, longitude] = await Promise.all([numbers(group, "latitude"), numbers(group, "longitude")]);
  if (latitude === null || longitude === null) return null;
  const fields = await Promise.all(arrays.map(async (a) => [a, await zarr.open.v3(group.resolve(a), { kind: "array" })] as const));
  return new Grid(name, latitude.values, longitude.values, new Map(fields));
}

/** Group `calibration`: increments of fields of the product, on its grid. */
async function calibrationOf(root: Location, name: string, fine: Grid, paths: readonly string[]): Promise<Calibration> {
  const group = await zarr.open.v3(root.resolve("calibration"), { kind: "group" });
  const there = new Set(paths);
  const names = [...fine.fields.keys()].filter((n) => there.has(`/calibration/${n}`));
  const found = await Promise.all(names.map(async (n) => [n, await zarr.open.v3(group.resolve(n), { kind: "array" })] as const));
  const read = async (n: string): Promise<number[] | null> => (there.has(`/calibration/${n}`) ? ((await numbers(group, n))?.values ?? null) : null);
  return new Calibration(new Grid(name, fine.latitude, fine.longitude, new Map(found)), read);
}

/** Group `ensemble`: fields of several quantiles, on the product's grid. */
async function ensembleOf(root: Location, name: string, fine: Grid, names: readonly string[]): Promise<Ensemble> {
  const group = await zarr.open.v3(root.resolve("ensemble"), { kind: "group" });
  const found = await Promise.all(names.map(async (n) => [n, await zarr.open.v3(group.resolve(n), { kind: "array" })] as const));
  const levels = await numbers(group, "quantile");
  return new Ensemble(new Grid(name, fine.latitude, fine.longitude, new Map(found)), levels?.values ?? []);
}

/** A product's grid with chances of thresholds and ends of ranges among its fields, and these. */
function withMembers(fine: Grid, ensemble: Ensemble | null): { fine: Grid; chances: Quantity[]; ends: Quantity[] } {
  const fields = new Map(fine.fields);
  const [chances, ends]: [Quantity[], Quantity[]] = [[], []];
  for (const [name, array] of ensemble?.grid.fields ?? []) {
    const chance = chanceOf(name, textOf(array.attrs, "threshold"));
    const of = endsOf(name, ensemble?.levels ?? []);
    for (const one of chance ? [chance] : of) fields.set(one.arrays[0], array);
    if (chance) chances.push(chance);
    ends.push(...of);
  }
  return { fine: ensemble ? new Grid(fine.name, fine.latitude, fine.longitude, fields) : fine, chances, ends };
}

/** Open a product; Failure says what is missing. */
export async function openProduct(url: URL): Promise<Product> {
  const store = await openStore(url);
  const root = await zarr.open.v3(zarr.root(store), { kind: "group" });
  const contents = store.contents();
  const fieldsUnder = async (prefix: string): Promise<string[]> => {
    const arrays = contents.filter((c) => c.kind === "array" && c.path.startsWith(prefix));
    const names = arrays.map((c) => c.path.slice(prefix.length)).filter((n) => !n.includes("/"));
    const found = await Promise.all(
      names.map(async (n) => ({ n, array: await zarr.open.v3(zarr.root(store).resolve(prefix + n), { kind: "array" }) })),
    );
    return found.filter(({ array }) => array.dimensionNames?.slice(-2).join() === "latitude,longitude").map(({ n }) => n);
  };
  const [fineNames, coarseNames] = await Promise.all([fieldsUnder("/"), fieldsUnder("/input/")]);
  const fine = await gridOf(root, `${url.pathname}/`, fineNames);
  if (fine === null) throw new Failure("missing", { file: `${url.pathname}/latitude` });
  const inside = coarseNames.length ? await zarr.open.v3(root.resolve("input"), { kind: "group" }) : null;
  const bounded = contents.some((c) => c.path === "/step_bounds"); // not so where nothing is an amount
  const calibrated = contents.some((c) => c.path === "/calibration");
  const ofMembers = contents.some((c) => c.path === "/ensemble") ? await fieldsUnder("/ensemble/") : null;
  const [coarse, calibration, ensemble, step, valid, bounds] = await Promise.all([
    inside ? gridOf(inside, `${url.pathname}/input/`, coarseNames) : null,
    calibrated ? calibrationOf(root, `${url.pathname}/calibration/`, fine, contents.map((c) => c.path)) : null,
    ofMembers ? ensembleOf(root, `${url.pathname}/ensemble/`, fine, ofMembers) : null,
    numbers(root, "step"), numbers(root, "valid_time"), bounded ? numbers(root, "step_bounds") : null,
  ]);
  if (step === null || valid === null) throw new Failure("missing", { file: `${url.pathname}/step` });
  const leads = milliseconds(step).map((ms) => ms / HOUR);
  // bounds take their unit from what they bound (CF-1.11, 7.1)
  const ends = bounds ? milliseconds(bounds.units ? bounds : { ...bounds, units: step.units }).map((ms) => ms / HOUR) : [];
  return {
    ...withMembers(fine, ensemble), coarse, calibration, ensemble, leads,
    times: milliseconds(valid).map((ms) => new Date(ms)),
    periods: leads.map((_, i) => (ends[2 * i + 1] ?? 0) - (ends[2 * i] ?? 0)),
    zone: zoneIn(textOf(root.attrs, "ledger")),
    title: textOf(root.attrs, "title"), titleZh: textOf(root.attrs, "finescale_region_title_zh"),
    attribution: textOf(root.attrs, "attribution"),
  };
}
