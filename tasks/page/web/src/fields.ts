/** What the map shows of a quantity: a window of display values, and the range of its colours. */

import { extent, nice, quantile, ticks } from "d3-array";
import type { Grid, Raster, Window } from "./grid";
import type { Product } from "./product";
import { type Quantity, shown } from "./quantities";

/** Points that are read and drawn at once: 16 MB a lead time, some seconds on a slow line. */
export const MOST_POINTS = 4_000_000;
/** Below, the whole field is read however the map is moved. */
export const SMALL = 1_500_000;
/** Lead times that the range of colours is taken from, and points of the input in all of them. */
const RANGE_LEADS = 12;

export type View = readonly [west: number, south: number, east: number, north: number];

/**
 * The part of a grid that a view needs, with a margin, so thinned that a value is about a pixel; null if it holds too
 * many points to be read.
 */
export function windowFor(grid: Grid, view: View, pixels: number): Window | null {
  if (grid.rows * grid.cols <= SMALL) return grid.whole;
  const margin = 0.15;
  const [west, south, east, north] = view;
  const [down, across] = [(north - south) * margin, (east - west) * margin];
  const at = (axis: ArrayLike<number>, spacing: number, degrees: number): number => (degrees - (axis[0] ?? 0)) / spacing;
  const clip = (value: number, size: number): number => Math.min(Math.max(value, 0), size);
  const rows: [number, number] = [
    clip(Math.floor(at(grid.latitude, grid.dlat, north + down)), grid.rows),
    clip(Math.ceil(at(grid.latitude, grid.dlat, south - down)) + 1, grid.rows),
  ];
  const cols: [number, number] = [
    clip(Math.floor(at(grid.longitude, grid.dlon, west - across)), grid.cols),
    clip(Math.ceil(at(grid.longitude, grid.dlon, east + across)) + 1, grid.cols),
  ];
  if (rows[1] <= rows[0] || cols[1] <= cols[0]) return { rows: [0, 1], cols: [0, 1], stride: 1 };
  if ((rows[1] - rows[0]) * (cols[1] - cols[0]) > MOST_POINTS) return null;
  const stride = Math.max(1, Math.floor((cols[1] - cols[0]) / (1 + 2 * margin) / Math.max(pixels, 1)));
  return { rows, cols, stride };
}

/** A window of a quantity in its own unit; of a vector its length. */
export async function raster(grid: Grid, quantity: Quantity, step: number, window: Window, signal: AbortSignal): Promise<Raster> {
  const parts = await Promise.all(quantity.arrays.map((name) => grid.window(name, step, window, signal)));
  const [first, second] = parts as [Raster, Raster?];
  const data = first.data.map((v, i) => shown(quantity, second ? Math.hypot(v, second.data[i] ?? NaN) : v));
  return { ...first, data };
}

/** Eastward and northward component of a vector. */
export function components(grid: Grid, quantity: Quantity, step: number, window: Window, signal: AbortSignal): Promise<Raster[]> {
  return Promise.all(quantity.arrays.map((name) => grid.window(name, step, window, signal)));
}

const finite = (values: Iterable<number>): number[] => [...values].filter(Number.isFinite);

function ends(values: Float32Array): [number, number] {
  const sample = finite(values.length > 200_000 ? values.filter((_, i) => i % Math.ceil(values.length / 200_000) === 0) : values);
  return [quantile(sample, 0.002) ?? 0, quantile(sample, 0.998) ?? 1];
}

/**
 * The range of a quantity's colours, the same at all lead times so that they can be compared: that of the input over
 * the lead times, widened by what the product at this one has beyond its input.
 */
export async function range(
  product: Product, quantity: Quantity, step: number, now: Raster | null, signal: AbortSignal,
): Promise<[number, number]> {
  const seen: number[] = now ? ends(now.data) : [];
  const coarse = product.coarse;
  if (coarse && quantity.arrays.every((name) => coarse.fields.has(name))) {
    const every = Math.ceil(product.leads.length / Math.max(1, Math.min(RANGE_LEADS, Math.floor(MOST_POINTS / (coarse.rows * coarse.cols)))));
    const wanted = product.leads.map((_, i) => i).filter((i) => i % every === 0);
    const found = await Promise.all(wanted.map((i) => raster(coarse, quantity, i, coarse.whole, signal)));
    const over = extent(found.flatMap(({ data }) => ends(data)));
    const here = now ? ends((await raster(coarse, quantity, step, coarse.whole, signal)).data) : null;
    if (over[0] !== undefined && over[1] !== undefined) {
      const beyond = here && seen.length ? [Math.min((seen[0] ?? 0) - here[0], 0), Math.max((seen[1] ?? 0) - here[1], 0)] : [0, 0];
      seen.push(over[0] + (beyond[0] ?? 0), over[1] + (beyond[1] ?? 0));
    }
  }
  let [low, high] = extent(seen) as [number | undefined, number | undefined];
  low ??= 0;
  high ??= 1;
  const lacking = (quantity.leastRange - (high - low)) / 2;
  if (lacking > 0) [low, high] = [low - lacking, high + lacking];
  if (quantity.anchored) [low, high] = [0, Math.max(high, quantity.leastRange)];
  return nice(low, high, 8);
}

/** Round values for a scale. */
export function marks(low: number, high: number, count: number): number[] {
  return ticks(low, high, count);
}
