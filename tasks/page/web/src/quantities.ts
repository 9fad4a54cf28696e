/** What can be shown: which arrays it is made of, its unit as people use it, its colours. */

import type { ColourMapName } from "./colours";

export type QuantityName = "t2m" | "d2m" | "wind" | "tp" | "msl" | "sp";

export interface Quantity {
  readonly name: QuantityName;
  /** Arrays of the product; two are the eastward and northward component of a vector. */
  readonly arrays: readonly [string] | readonly [string, string];
  /** Name in the stations' file. */
  readonly observed: string;
  readonly unit: string;
  readonly scale: number;
  readonly offset: number;
  readonly decimals: number;
  readonly colours: ColourMapName;
  readonly reverse: boolean;
  /** The scale starts at nothing, and what is below `visible` is not drawn. */
  readonly anchored: boolean;
  readonly visible: number;
  /** No narrower scale than this, so that noise is not painted like weather. */
  readonly leastRange: number;
  /** Between isolines; 0: none. */
  readonly contour: number;
}

const plain = { scale: 1, offset: 0, decimals: 1, reverse: false, anchored: false, visible: -Infinity, contour: 0 };

export const QUANTITIES: readonly Quantity[] = [
  { ...plain, name: "t2m", arrays: ["t2m"], observed: "t2m", unit: "°C", offset: -273.15, colours: "thermal", leastRange: 8 },
  { ...plain, name: "tp", arrays: ["tp"], observed: "tp", unit: "mm", scale: 1000, colours: "dense", anchored: true, visible: 0.1, leastRange: 2 },
  { ...plain, name: "wind", arrays: ["u10", "v10"], observed: "wind_speed", unit: "m/s", colours: "speed", anchored: true, leastRange: 6 },
  { ...plain, name: "d2m", arrays: ["d2m"], observed: "d2m", unit: "°C", offset: -273.15, colours: "tempo", leastRange: 8 },
  { ...plain, name: "msl", arrays: ["msl"], observed: "msl", unit: "hPa", scale: 0.01, colours: "haline", leastRange: 4, contour: 1 },
  { ...plain, name: "sp", arrays: ["sp"], observed: "sp", unit: "hPa", scale: 0.01, colours: "deep", reverse: true, leastRange: 20 },
];

/** The quantities that a product with these arrays has. */
export function quantitiesOf(arrays: ReadonlySet<string>): Quantity[] {
  return QUANTITIES.filter((q) => q.arrays.every((name) => arrays.has(name)));
}

/** From SI to what people use. */
export function shown(quantity: Quantity, value: number): number {
  return value * quantity.scale + quantity.offset;
}

/** Where wind comes from, degrees clockwise from north. */
export function comesFrom(u: number, v: number): number {
  return ((Math.atan2(-u, -v) * 180) / Math.PI + 360) % 360;
}
