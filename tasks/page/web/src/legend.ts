/** The scale of colours, and that of the stations' errors. */

import { colourAt, cssColour, ERRORS } from "./colours";
import { byId, make } from "./dom";
import { marks } from "./fields";
import { type Language, say } from "./i18n";
import type { Quantity } from "./quantities";
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

/** Draw both scales; `errors`: the largest error of stations that is told apart, null where no stations are shown. */
export function drawLegend(quantity: Quantity, range: readonly [number, number], period: number, errors: number | null, language: Language): void {
  const legend = byId("legend");
  const title = quantityTitle(quantity, period, language);
  legend.replaceChildren(
    scale(title, quantity.unit, range[0], range[1], (share) => cssColour(colourAt(quantity.colours, share)), false),
  );
  if (errors !== null) {
    const colour = (share: number): string => cssColour(colourAt(ERRORS, share));
    legend.append(scale(say(language, "stationError"), quantity.unit, -errors, errors, colour, true));
  }
  legend.dataset["low"] = String(range[0]);
  legend.dataset["high"] = String(range[1]);
  legend.hidden = false;
}

/** Precipitation in 3 h. */
export function quantityTitle(quantity: Quantity, period: number, language: Language): string {
  const title = say(language, `${quantity.name}Long`);
  return quantity.name === "tp" && period > 0 ? `${title} ${say(language, "overHours", { hours: period })}` : title;
}
