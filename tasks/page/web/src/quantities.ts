/** What can be shown: which arrays it is made of, and how, from the one table of units and colours. */

import type { ColourMapName } from "./colours";
import display from "./display.json";

export type QuantityName =
  | "t2m" | "d2m" | "wind" | "tp" | "msl" | "sp" | "wind100" | "gust" | "tcc" | "ssrd" | "strd" | "skt" | "tcwv"
  | "mx2t" | "mn2t" | "sf" | "sd";

/** A threshold of an ensemble's product, by the name of its array. */
export type ChanceName = `chance:${string}`;

/** An end of an ensemble's ranges, by the name of its field. */
export type EndName = `end:${string}`;

/** Below which value the truth lies so often: 0.1, 0.9. */
export interface End {
  readonly of: Quantity;
  readonly level: number;
}

/** A threshold as region.yaml has it: t2m<0, tp/24h>50, in the unit that is shown. */
export interface Threshold {
  readonly of: Quantity;
  /** That an amount is summed over; 0: as it is. */
  readonly hours: number;
  readonly sign: string;
  readonly value: string;
}

export interface Quantity {
  readonly name: QuantityName | ChanceName | EndName;
  /** Of which this is the chance; null of what is no chance. */
  readonly threshold: Threshold | null;
  /** Of whose ranges this is an end; null of what is none. */
  readonly end: End | null;
  /** Arrays of the product; two are the eastward and northward component of a vector. */
  readonly arrays: readonly [string] | readonly [string, string];
  /** Name in the table of units and colours, and in the stations' file. */
  readonly variable: keyof typeof display.variables;
  readonly unit: string;
  readonly scale: number;
  readonly offset: number;
  readonly decimals: number;
  readonly colours: ColourMapName;
  /** The scale starts at nothing, and what is below `visible` is not drawn. */
  readonly anchored: boolean;
  readonly visible: number;
  /** No narrower scale than this, so that noise is not painted like weather. */
  readonly leastRange: number;
  /** Between isolines; 0: none. */
  readonly contour: number;
  /** A sum over the hours before each lead time. */
  readonly amount: boolean;
}

const ENDS = [0.1, 0.9];
const AMOUNTS: ReadonlySet<QuantityName> = new Set(["tp", "ssrd", "strd", "sf"]);

function made(name: Quantity["name"], arrays: Quantity["arrays"], variable: Quantity["variable"], threshold: Threshold | null = null): Quantity {
  const how = display.variables[variable];
  return {
    name, arrays, variable, threshold, end: null,
    unit: how.unit, scale: how.scale, offset: how.offset, decimals: how.decimals,
    colours: how.colours as ColourMapName, // a test of the table says that it names maps that are there
    anchored: how.from_zero, visible: how.least_drawn ?? -Infinity, leastRange: how.cycle_span, contour: how.isolines,
    amount: (AMOUNTS as ReadonlySet<string>).has(name),
  };
}

export const QUANTITIES: readonly Quantity[] = [
  made("t2m", ["t2m"], "t2m"),
  made("tp", ["tp"], "tp"),
  made("wind", ["u10", "v10"], "wind_speed"),
  made("d2m", ["d2m"], "d2m"),
  made("msl", ["msl"], "msl"),
  made("sp", ["sp"], "sp"),
  made("wind100", ["u100", "v100"], "wind_speed_100"),
  made("gust", ["fg10"], "fg10"),
  made("tcc", ["tcc"], "tcc"),
  made("ssrd", ["ssrd"], "ssrd"),
  made("strd", ["strd"], "strd"),
  made("skt", ["skt"], "skt"),
  made("tcwv", ["tcwv"], "tcwv"),
  made("mx2t", ["mx2t"], "mx2t"),
  made("mn2t", ["mn2t"], "mn2t"),
  made("sf", ["sf"], "sf"),
  made("sd", ["sd"], "sd"),
];

/** How likely a threshold is passed, from an array of that name; null of a threshold that this page does not know. */
export function chanceOf(array: string, text: string): Quantity | null {
  const found = /^(\w+?)(?:\/(\d+)h)?([<>])(-?[\d.]+)$/.exec(text);
  const of = QUANTITIES.find((q) => q.variable === found?.[1]);
  if (!found || !of) return null;
  return made(`chance:${array}`, [array], "chance", { of, hours: Number(found[2] ?? 0), sign: found[3] ?? "", value: found[4] ?? "" });
}

/** Ends of ranges that are quantiles of an array, whose fields are called by its name and their place in `levels`. */
export function endsOf(array: string, levels: readonly number[]): Quantity[] {
  const of = QUANTITIES.find((q) => `${q.variable}_quantiles` === array);
  return ENDS.flatMap((level) => {
    const place = levels.findIndex((one) => Math.abs(one - level) < 1e-6);
    if (of === undefined || place < 0) return [];
    const field = `${array}@${place}`;
    return [{ ...made(`end:${field}`, [field], of.variable), amount: of.amount, end: { of, level } }];
  });
}

/** The quantities that a product with these arrays has. */
export function quantitiesOf(arrays: ReadonlySet<string>): Quantity[] {
  return QUANTITIES.filter((q) => q.arrays.every((name) => arrays.has(name)));
}

/** What an end of a range or a chance is of; of all else itself. */
export function basisOf(quantity: Quantity): Quantity {
  return quantity.end?.of ?? quantity.threshold?.of ?? quantity;
}

/** Those to choose from: of the ends of ranges only those of what the chosen one is of, so that there is a way back from it. */
export function offered(all: readonly Quantity[], chosen: Quantity | null): Quantity[] {
  return all.filter((q) => q.end === null || (chosen !== null && q.end.of === basisOf(chosen)));
}

/** From SI to what people use. */
export function shown(quantity: Quantity, value: number): number {
  return value * quantity.scale + quantity.offset;
}

/** Of a vector's components its length; of one value itself. */
export function sizeOf(parts: readonly number[]): number {
  return parts.length === 1 ? (parts[0] ?? NaN) : Math.hypot(...parts);
}

/** Where wind comes from, degrees clockwise from north. */
export function comesFrom(u: number, v: number): number {
  return ((Math.atan2(-u, -v) * 180) / Math.PI + 360) % 360;
}
