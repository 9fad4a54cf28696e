/** The scale of colours, and that of the stations' errors. */

import { colourAt, cssColour, ERRORS } from "./colours";
import { byId, make } from "./dom";
import { marks } from "./fields";
import { type Language, say } from "./i18n";
import type { Quantity, QuantityName } from "./quantities";
import { number } from "./text";

const gradient = (colour: (share: number) => string): string =>
  `linear-gradient(to right, ${Array.from({ length: 33 }, (_, i) => colour(i / 32)).join(", ")})`;

const BAR = { width: 250, digit: 7, gap: 8 }; // px: of a scale at its narrowest, of a digit, and between two values

export interface Label {
  readonly text: string;
  /** Of the way from the low end to the high one. */
  readonly share: number;
}

/** How much of a label lies before its place: ends lie within the scale. */
const beside = (share: number): number => (share === 0 || share === 1 ? share : 0.5);

/** The ends of a scale, and between them those of its round values that have room. */
export function labels(low: number, high: number, signed: boolean): Label[] {
  const label = (value: number, decimals: number): Label => ({ text: number(value, decimals, signed), share: (value - low) / (high - low) });
  const inner = (count: number): Label[] => {
    const found = marks(low, high, count);
    const decimals = Math.max(0, ...[low, high, ...found].map((v) => (String(Number(v.toFixed(4))).split(".")[1] ?? "").length));
    const ends = [label(low, decimals), label(high, decimals)] as const;
    const between = found.map((v) => label(v, decimals)).filter((one) => one.share > 1e-6 && one.share < 1 - 1e-6);
    return [ends[0], ...between.filter((one) => !meet(ends[0], one) && !meet(one, ends[1])), ends[1]];
  };
  const tries = [4, 3, 2, 1].map(inner);
  return tries.find((found) => found.every((one, i) => i === 0 || !meet(found[i - 1] ?? one, one))) ?? inner(0);
}

/** Whether two labels, from the lower end, have no room beside each other. */
function meet(one: Label, next: Label): boolean {
  const size = ({ text }: Label): number => text.length * BAR.digit;
  const end = one.share * BAR.width + (1 - beside(one.share)) * size(one);
  return next.share * BAR.width - beside(next.share) * size(next) - end < BAR.gap;
}

function scale(title: string, unit: string, low: number, high: number, colour: (share: number) => string, signed: boolean): HTMLElement {
  const bar = make("div", { class: "bar" });
  bar.style.background = gradient(colour);
  const values = make("div", { class: "marks" });
  for (const { text, share } of labels(low, high, signed)) {
    const mark = make("span", {}, text);
    mark.style.left = `${100 * share}%`;
    mark.style.transform = `translateX(${-100 * beside(share)}%)`;
    values.append(mark);
  }
  return make("div", { class: "scale" }, make("div", { class: "head" }, make("span", {}, title), make("span", { class: "unit" }, unit)), bar, values);
}

export interface Legend {
  readonly quantity: Quantity;
  readonly range: readonly [number, number];
  /** The fields are means of an ensemble's members. */
  readonly ensemble: boolean;
  /** Hours that an amount is summed over. */
  readonly period: number;
  /** The map shows increments of calibration. */
  readonly increments: boolean;
  /** What stations have done to the quantity; empty of products without calibration. */
  readonly correction: string;
  /** Wind is drawn as barbs. */
  readonly barbs: boolean;
  /** The largest error of stations that is told apart; null where no stations are shown. */
  readonly errors: number | null;
}

/** Draw both scales. */
export function drawLegend(shown: Legend, language: Language): void {
  const { quantity, range, ensemble, period, increments, correction, barbs, errors } = shown;
  const legend = byId("legend");
  const title = increments ? say(language, "increment", { quantity: nameOf(quantity, language) }) : quantityTitle(quantity, period, language, ensemble ? "mean" : null);
  const field = scale(title, quantity.unit, range[0], range[1], (share) => cssColour(colourAt(quantity.colours, share)), increments);
  if (correction) field.append(make("p", { class: "correction" }, correction));
  if (barbs) field.append(make("p", { class: "barbs" }, say(language, "barbsKey")));
  legend.replaceChildren(field);
  if (errors !== null) {
    const colour = (share: number): string => cssColour(colourAt(ERRORS, share));
    legend.append(scale(say(language, "stationError"), quantity.unit, -errors, errors, colour, true));
  }
  legend.dataset["low"] = String(range[0]);
  legend.dataset["high"] = String(range[1]);
  legend.hidden = false;
}

/** In few words, as on its button. */
export function nameOf({ name, threshold, end }: Quantity, language: Language): string {
  if (end) return say(language, end.level < 0.5 ? "lowEnd" : "highEnd", { of: nameOf(end.of, language) });
  if (threshold === null) return say(language, name as QuantityName);
  const { of, hours, sign, value } = threshold;
  const over = hours > 0 ? ` ${say(language, "overHours", { hours })}` : "";
  return `${nameOf(of, language)}${over} ${sign} ${value.replace("-", "−")} ${of.unit}`;
}

/** Precipitation in 3 h; `members`: what of an ensemble's members is shown. */
export function quantityTitle(quantity: Quantity, period: number, language: Language, members: "mean" | "median" | null = null): string {
  if (quantity.threshold) return say(language, "chance", { of: nameOf(quantity, language) });
  const { end } = quantity;
  if (end) return say(language, end.level < 0.5 ? "lowLong" : "highLong", { of: quantityTitle(end.of, period, language) });
  const title = say(language, `${quantity.name as QuantityName}Long`);
  const of = quantity.amount && period > 0 ? `${title} ${say(language, "overHours", { hours: period })}` : title;
  return members ? say(language, members === "mean" ? "ensembleMean" : "ensembleMedian", { of }) : of;
}
