/** What is drawn on the map of one quantity at one lead time. */

import { type Calibration, correctionLine, increments, meanSize } from "./calibration";
import type { Stations } from "./catalogue";
import { ERRORS } from "./colours";
import { byId } from "./dom";
import * as fields from "./fields";
import type { Grid, Raster } from "./grid";
import { type Language, say } from "./i18n";
import { drawLegend } from "./legend";
import { isolines, NOTHING } from "./lines";
import type { MapView } from "./map";
import type { Product } from "./product";
import { type Quantity, QUANTITIES } from "./quantities";
import type { State } from "./state";
import { paint } from "./stations";
import { arrows, barbs, every } from "./winds";

const MOST_CONTOURED = 500_000; // points; more take seconds
const APART = { arrows: 30, barbs: 34 }; // px, at least: a barb is about as long

export interface Shown {
  readonly product: Product;
  readonly quantity: Quantity;
  readonly step: number;
  readonly stations: Stations | null;
  /** Of colours, by quantity: found once a product. */
  readonly ranges: Map<string, [number, number]>;
}

/** Draw field, isolines, wind, stations and legend, as the state has them. */
export async function drawField(shown: Shown, state: State, view: MapView, signal: AbortSignal): Promise<void> {
  const { product, quantity, step, stations, ranges } = shown;
  const { fine, coarse, calibration } = product;
  const { split } = state;
  const pixels = view.map.getCanvas().width;
  const read = (grid: Grid | null): Promise<Raster | null> => {
    if (grid === null || !quantity.arrays.every((name) => grid.fields.has(name))) return Promise.resolve(null);
    const window = fields.windowFor(grid, view.view, pixels);
    return window === null ? Promise.resolve(null) : fields.raster(grid, quantity, step, window, signal);
  };
  const [ours, changes] = await Promise.all([read(fine), changesOf(shown, view, signal)]);
  const input = split !== null || ours === null ? await read(coarse) : null;
  const key = quantity.name;
  const range = ranges.get(key) ?? (await fields.range(product, quantity, step, ours, signal));
  signal.throwIfAborted();
  ranges.set(key, range);
  const differences = state.corrections && calibration && changes ? await asDifferences(calibration, changes, shown) : null;
  const correction = calibration ? await lineOf(calibration, changes, shown, state.language) : "";
  signal.throwIfAborted();
  view.field.split = split;
  view.field.clip = fine.box;
  view.field.show("coarse", input, quantity, range);
  if (differences) view.field.show("fine", changes, differences.quantity, differences.range);
  else view.field.show("fine", ours, quantity, range);
  const note = byId("note");
  note.hidden = ours !== null;
  note.textContent = say(state.language, "zoomIn");
  view.set("isolines", quantity.contour && ours && !differences && ours.data.length <= MOST_CONTOURED ? isolines(ours, fields.marks(...range, (range[1] - range[0]) / quantity.contour)) : NOTHING);
  await drawWind(shown, state.barbs, view, signal);
  const painted = paint(state.stations ? stations : null, quantity, product.leads[step] ?? 0, product.periods[step] ?? 0);
  view.set("stations", painted.features);
  drawLegend(
    { ...(differences ?? { quantity, range }), ensemble: product.ensemble !== null, period: product.periods[step] ?? 0, increments: differences !== null, correction, barbs: state.barbs && windOf(product, quantity, true) !== null, errors: painted.most },
    state.language,
  );
  view.mark(state.point);
}

/** Increments of what is seen; null where there are none, or too many points. */
async function changesOf({ product: { fine, calibration }, quantity, step }: Shown, view: MapView, signal: AbortSignal): Promise<Raster | null> {
  const window = calibration?.changes(quantity) ? fields.windowFor(fine, view.view, view.map.getCanvas().width) : null;
  return calibration && window ? increments(fine, calibration, quantity, step, window, signal) : null;
}

/** How increments are coloured: as differences, by one scale at all lead times. */
async function asDifferences(calibration: Calibration, changes: Raster, { quantity, ranges }: Shown): Promise<{ quantity: Quantity; range: [number, number] }> {
  const key = `${quantity.name} increments`;
  const most = ranges.get(key)?.[1] ?? (await calibration.most(quantity, changes));
  ranges.set(key, [-most, most]);
  return { quantity: { ...quantity, colours: ERRORS, visible: -Infinity }, range: [-most, most] };
}

async function lineOf(calibration: Calibration, changes: Raster | null, { quantity, step }: Shown, language: Language): Promise<string> {
  const used = await calibration.used(quantity, step);
  return correctionLine(quantity, calibration.changes(quantity), used, changes ? meanSize(changes) : NaN, language);
}

/** The wind whose signs stand on the map: of a quantity that is one its own, else, where barbs are wanted, at 10 m. */
export function windOf(product: Product, quantity: Quantity, asBarbs: boolean): Quantity | null {
  if (quantity.arrays.length === 2) return quantity;
  const wind = QUANTITIES.find(({ name }) => name === "wind");
  return asBarbs && wind?.arrays.every((name) => product.fine.fields.has(name)) ? wind : null;
}

async function drawWind({ product, quantity, step }: Shown, asBarbs: boolean, view: MapView, signal: AbortSignal): Promise<void> {
  const wind = windOf(product, quantity, asBarbs);
  if (wind === null) return view.set("wind", NOTHING);
  const grid = product.coarse && fields.windowFor(product.fine, view.view, 1) === null ? product.coarse : product.fine;
  const [west, south, east, north] = view.view;
  const clip = (from: number, to: number, size: number): [number, number] => [Math.max(0, Math.min(from, to, size - 1)), Math.min(size, Math.max(from, to, 1))];
  const at = (axis: ArrayLike<number>, spacing: number, degrees: number): number => Math.round((degrees - (axis[0] ?? 0)) / spacing);
  const rows = clip(at(grid.latitude, grid.dlat, north), at(grid.latitude, grid.dlat, south), grid.rows);
  const cols = clip(at(grid.longitude, grid.dlon, west), at(grid.longitude, grid.dlon, east), grid.cols);
  const [u, v] = await fields.components(grid, wind, step, { rows, cols, stride: 1 }, signal);
  if (!u || !v) return;
  const [down, across] = view.scale;
  const apart = asBarbs ? APART.barbs : APART.arrows;
  const steps = [every(Math.abs(grid.dlat) * down, apart), every(grid.dlon * across, apart)] as const;
  view.set("wind", (asBarbs ? barbs : arrows)([u, v], [rows[0], cols[0]], steps));
}

/** Where land ends, from the product's own mask. */
export async function drawCoast(product: Product, view: MapView): Promise<void> {
  const grid = [product.fine, product.coarse].find((g) => g?.fields.has("land_area_fraction") && g.rows * g.cols <= fields.MOST_POINTS);
  if (!grid) return view.set("coast", NOTHING);
  const mask = await grid.window("land_area_fraction", 0, grid.whole, new AbortController().signal);
  view.set("coast", isolines(mask, [0.5]));
}
