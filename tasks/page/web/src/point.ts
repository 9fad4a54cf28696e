/** Values at one place: of all quantities at one lead time, and of one quantity at all lead times. */

import type { Grid } from "./grid";
import type { Product } from "./product";
import { comesFrom, type Quantity, shown, sizeOf } from "./quantities";
import type { Place } from "./state";

export interface PointValue {
  readonly value: number;
  /** Degrees that wind comes from; null of what has no direction. */
  readonly from: number | null;
}

/** A quantity in a cell of a grid at one lead time. */
export async function valueAt(grid: Grid, quantity: Quantity, step: number, cell: readonly [number, number], signal: AbortSignal): Promise<PointValue> {
  return valueOf(quantity, await partsAt(grid, quantity, step, cell, signal));
}

/** Of the product at one lead time, of an ensemble's wind the median. */
export async function shownAt(product: Product, quantity: Quantity, step: number, cell: readonly [number, number], signal: AbortSignal): Promise<PointValue> {
  const found = await valueAt(product.fine, quantity, step, cell, signal);
  return (await product.ensemble?.withMedians(quantity, [found], [step], cell, signal))?.[0] ?? found;
}

/** As it was before calibration, to rounding; null of what stations have not changed there, and of medians. */
export async function rawAt(product: Product, quantity: Quantity, step: number, cell: readonly [number, number], signal: AbortSignal): Promise<PointValue | null> {
  const { fine, calibration, ensemble } = product;
  if (!calibration?.changes(quantity) || ensemble?.hasMedian(quantity)) return null;
  const [now, added] = await Promise.all([fine, calibration.grid].map((grid) => partsAt(grid, quantity, step, cell, signal)));
  if (!now || !added?.some((part) => Number.isFinite(part) && part !== 0)) return null;
  return valueOf(quantity, now.map((part, i) => part - (added[i] ?? NaN)));
}

function partsAt(grid: Grid, quantity: Quantity, step: number, cell: readonly [number, number], signal: AbortSignal): Promise<number[]> {
  return Promise.all(quantity.arrays.map((name) => grid.value(name, step, ...cell, signal)));
}

function valueOf(quantity: Quantity, parts: readonly number[]): PointValue {
  const [first = NaN, second] = parts;
  return { value: shown(quantity, sizeOf(parts)), from: second === undefined ? null : comesFrom(first, second) };
}

export interface PointSeries {
  readonly product: readonly PointValue[];
  readonly input: readonly PointValue[] | null;
}

/** A quantity of the product at a place, at every lead time, of an ensemble's wind the median; null outside of it. */
export async function valuesAt(product: Product, quantity: Quantity, place: Place, signal: AbortSignal): Promise<readonly PointValue[] | null> {
  const cell = product.fine.cellAt(place.latitude, place.longitude);
  if (cell === null) return null;
  const found = await Promise.all(product.leads.map((_, step) => valueAt(product.fine, quantity, step, cell, signal)));
  return product.ensemble?.withMedians(quantity, found, [...found.keys()], cell, signal) ?? found;
}

/** The same, and of what the product was made from. */
export async function seriesAt(product: Product, quantity: Quantity, place: Place, signal: AbortSignal): Promise<PointSeries | null> {
  const { coarse } = product;
  const both = coarse !== null && quantity.arrays.every((name) => coarse.fields.has(name));
  const cell = both ? coarse.cellAt(place.latitude, place.longitude) : null;
  const [ours, input] = await Promise.all([
    valuesAt(product, quantity, place, signal),
    both && cell ? Promise.all(product.leads.map((_, step) => valueAt(coarse, quantity, step, cell, signal))) : null,
  ]);
  return ours && { product: ours, input };
}

/** Height of the product's terrain at a place, m; null where it is not known. */
export async function terrainAt(product: Product, place: Place, signal: AbortSignal): Promise<number | null> {
  const cell = product.fine.cellAt(place.latitude, place.longitude);
  if (cell === null || !product.fine.fields.has("surface_altitude")) return null;
  return product.fine.value("surface_altitude", 0, ...cell, signal);
}
