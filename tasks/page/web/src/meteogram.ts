/** The forecast of a place in one picture: temperature and dew point, rain, clouds, wind and pressure over all lead times. */

import type uPlot from "uplot";
import { barb, pathOf } from "./barbs";
import { make } from "./dom";
import { type Language, say } from "./i18n";
import { nameOf } from "./legend";
import { colour, fromNothing, gaps, type Plot, Plots, seconds, stroke } from "./plots";
import { type PointValue, valuesAt } from "./point";
import type { Product } from "./product";
import { type Quantity, quantitiesOf, type QuantityName } from "./quantities";
import type { Place } from "./state";
import { clock, number, short, zoneName } from "./text";

/** What stands in which part of the picture, from above; of pressures the first that there is. */
const PARTS: readonly (readonly QuantityName[])[] = [["t2m", "d2m"], ["tp"], ["tcc"], ["wind", "gust"], ["msl"], ["sp"]];
const HEIGHT: Partial<Record<QuantityName, number>> = { t2m: 118, d2m: 118, tp: 72, tcc: 50, wind: 112, gust: 72, msl: 62, sp: 62 };
const AXIS = 18; // px, of the hours under the last part
const BARB = { size: 0.72, apart: 22, above: 46 }; // of a map's barb; px between two, and of their row

export interface Line {
  readonly quantity: Quantity;
  readonly values: readonly PointValue[];
}

/** Quantities of each part that the product has; parts without any are not there. */
export function partsOf(product: Product): Quantity[][] {
  const there = quantitiesOf(new Set(product.fine.fields.keys()));
  const parts = PARTS.map((names) => names.flatMap((name) => there.filter((q) => q.name === name))).filter((part) => part.length > 0);
  return there.some((q) => q.name === "msl") ? parts.filter(([q]) => q?.name !== "sp") : parts;
}

/** "in 3 h", "in 3–6 h" where intervals differ; empty where none is known. */
export function intervals(periods: readonly number[], language: Language): string {
  const known = periods.filter((hours) => hours > 0);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return known.length ? say(language, "overHours", { hours: least === most ? least : `${least}–${most}` }) : "";
}

/** What the picture shows, for who does not see it. */
export function description({ times, zone }: Pick<Product, "times" | "zone">, parts: readonly (readonly Line[])[], language: Language): string {
  const [first, last] = [times[0] ?? new Date(NaN), times.at(-1) ?? new Date(NaN)];
  const texts = parts.flat().flatMap(({ quantity, values }) => {
    const known = values.map((v) => v.value).filter(Number.isFinite);
    if (known.length === 0) return [];
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const filled = { name: nameOf(quantity, language), unit: quantity.unit, low: number(low, quantity.decimals), high: number(high, quantity.decimals) };
    if (quantity.amount) return [say(language, "inAll", { ...filled, sum: number(known.reduce((a, b) => a + b, 0), quantity.decimals) })];
    return [say(language, quantity.anchored ? "upTo" : "lowToHigh", filled)];
  });
  const title = say(language, "meteogramOf", { from: short(first, language, zone), to: short(last, language, zone), zone: zoneName(first, language, zone) });
  return [title, ...texts].join(say(language, "semicolon"));
}

export class Meteogram {
  readonly element = make("div", { class: "meteogram", role: "img" });
  readonly #plots: Plots;
  #of = "";
  #reading = Promise.resolve();
  #controller = new AbortController();

  constructor(pick: (step: number) => void) {
    this.#plots = new Plots(this.element, pick);
  }

  /** Read and draw a place of the product; again only if another one is wanted than is there. */
  show(product: Product, place: Place, step: number, language: Language): Promise<void> {
    const of = [product.fine.name, place.latitude, place.longitude, language].join(" ");
    this.#plots.mark(step);
    if (of === this.#of) return this.#reading;
    this.forget();
    this.#of = of;
    this.element.hidden = product.leads.length === 1; // a chart of one value says nothing
    if (this.element.hidden) return this.#reading;
    this.#reading = this.#read(product, place, step, language, this.#controller.signal);
    this.#reading.catch(() => this.#of === of && this.forget()); // to be asked for again
    return this.#reading;
  }

  /** Give up what is being read. */
  forget(): void {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#of = "";
    this.#reading = Promise.resolve();
  }

  mark(step: number): void {
    this.#plots.mark(step);
  }

  async #read(product: Product, place: Place, step: number, language: Language, signal: AbortSignal): Promise<void> {
    this.element.dataset["state"] = "loading";
    this.element.setAttribute("aria-label", say(language, "loading"));
    const read = async (quantity: Quantity): Promise<Line> => ({ quantity, values: (await valuesAt(product, quantity, place, signal)) ?? [] });
    const parts = await Promise.all(partsOf(product).map((part) => Promise.all(part.map(read))));
    signal.throwIfAborted();
    this.element.setAttribute("aria-label", description(product, parts, language));
    this.element.replaceChildren();
    const plots = parts.map((part, i) => plotOf(product, part, place, language, this.element, i === 0, i === parts.length - 1));
    const rain = parts.some(([line]) => line?.quantity.amount);
    this.#plots.draw({ times: product.times, zone: product.zone, language, before: rain ? (product.periods[0] ?? 0) * 3600 : 0 }, plots, step);
    this.element.dataset["state"] = "ready";
  }
}

function plotOf(product: Product, part: readonly Line[], place: Place, language: Language, element: HTMLElement, first: boolean, last: boolean): Plot {
  const { times, zone, periods } = product;
  const [{ quantity, values }] = part as [Line];
  const [wind, amount] = [quantity.arrays.length === 2, quantity.amount];
  const keys = part.map((line) => make("span", { class: `line ${line.quantity.name}` }, nameOf(line.quantity, language)));
  const over = amount ? ` ${intervals(periods, language)}` : "";
  const into = make("div", {}, make("p", {}, ...keys, make("span", { class: "unit" }, `${quantity.unit}${over}`)));
  element.append(into);
  const line = ({ quantity: { name } }: Line): uPlot.Series => ({
    stroke: () => colour(name), width: amount ? 0 : 1.8, points: { show: false },
    ...(name === "gust" ? { dash: [4, 3] } : {}), ...(name === "tcc" ? { fill: () => colour("tcc-fill") } : {}), ...(amount ? { paths: () => null } : {}),
  });
  const range = (low: number, high: number): [number, number] => {
    if (quantity.name === "tcc") return [0, 100];
    return quantity.anchored ? fromNothing(high) : [Math.floor(low - 1), Math.ceil(high + 1)];
  };
  return {
    height: (HEIGHT[quantity.name as QuantityName] ?? 70) + (last ? AXIS : 0), rows: [times.map(seconds), ...part.map((one) => gaps(one.values.map((v) => v.value)))],
    lines: [{}, ...part.map(line)], range, into, days: first ? "named" : "lines",
    ...(last ? { ticks: (at: number) => clock(new Date(at * 1000), zone).slice(0, 2) } : {}),
    ...(wind ? { above: BARB.above, over: (u: uPlot) => drawBarbs(u, times, values, place.latitude < 0) } : {}),
    under: (u) => {
      if (amount) drawBars(u, times, values, periods);
      if (quantity.name === "t2m" || quantity.name === "d2m") drawFreezing(u);
    },
  };
}

/** Each amount from the beginning to the end of the hours that it fell in. */
function drawBars(u: uPlot, times: readonly Date[], values: readonly PointValue[], periods: readonly number[]): void {
  u.ctx.fillStyle = colour("tp");
  times.forEach((time, i) => {
    const amount = values[i]?.value ?? NaN;
    if (!(amount > 0)) return;
    const [from, to] = [seconds(time) - (periods[i] ?? 0) * 3600, seconds(time)].map((at) => u.valToPos(at, "x", true)) as [number, number];
    const [top, ground] = [amount, 0].map((at) => u.valToPos(at, "y", true)) as [number, number];
    u.ctx.fillRect(from + devicePixelRatio / 2, top, Math.max(to - from, 2) - devicePixelRatio, ground - top);
  });
}

function drawFreezing(u: uPlot): void {
  const { min = 0, max = 0 } = u.scales["y"] ?? {};
  const y = Math.round(u.valToPos(0, "y", true)) + 0.5;
  if (min < 0 && max > 0) stroke(u, colour("freezing"), [[u.bbox.left, y], [u.bbox.left + u.bbox.width, y]], [2, 3]);
}

function drawBarbs(u: uPlot, times: readonly Date[], values: readonly PointValue[], southern: boolean): void {
  const every = Math.ceil((BARB.apart * devicePixelRatio * (times.length - 1)) / u.bbox.width);
  const { ctx } = u;
  times.forEach((time, i) => {
    const { value = NaN, from = null } = values[i] ?? {};
    if (i % every !== 0 || !Number.isFinite(value)) return;
    ctx.save();
    ctx.translate(u.valToPos(seconds(time), "x", true), u.bbox.top - (BARB.above / 2) * devicePixelRatio);
    ctx.rotate(((from ?? 0) * Math.PI) / 180);
    ctx.scale(BARB.size * devicePixelRatio, BARB.size * devicePixelRatio);
    Object.assign(ctx, { strokeStyle: colour("ink"), fillStyle: colour("ink"), lineWidth: 1.6, lineCap: "round", lineJoin: "round" });
    const sign = barb(value, southern);
    const path = new Path2D(pathOf(sign));
    ctx.stroke(path);
    // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- of a canvas, which is no array
    if (sign.pennants.length) ctx.fill(path);
    ctx.restore();
  });
}

