/** The scale of colours, and that of the stations' errors. */

import { colourAt, cssColour, ERRORS } from "./colours";
import { byId, make } from "./dom";
import { marks } from "./fields";
import { type Language, say } from "./i18n";
import type { Quantity, QuantityName } from "./quantities";
import { number } from "./text";

const gradient = (colour: (share: number) => string): string =>
  `linear-gradient(to right, ${Array.from({ length: 33 }, (_, i) => colour(i / 32)).join(", ")})`;

function scale(title: string, unit: string, low: number, high: number, colour: (share: number) => string, signed: boolean): HTMLElement {
  const bar = make("div", { class: "bar" });
  bar.style.background = gradient(colour);
  const values = make("div", { class: "marks" });
  const found = marks(low, high, 4);
  const decimals = Math.max(0, ...found.map((v) => (String(Number(v.toFixed(4))).split(".")[1] ?? "").length));
  for (const value of found) {
    const mark = make("span", {}, number(value, decimals, signed));
    const share = (value - low) / (high - low);
    mark.style.left = `${100 * share}%`;
    mark.style.transform = `translateX(${share < 0.04 ? -20 : share > 0.96 ? -80 : -50}%)`;
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
