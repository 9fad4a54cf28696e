/** The buttons over the map: quantities, and what else is drawn. */

import type { Stations } from "./catalogue";
import { byId, make } from "./dom";
import { say } from "./i18n";
import { nameOf } from "./legend";
import { windOf } from "./paint";
import type { Product } from "./product";
import type { Quantity } from "./quantities";
import type { State } from "./state";

export interface Offered {
  readonly product: Product;
  readonly quantity: Quantity;
  /** Quantities to choose from. */
  readonly choices: readonly Quantity[];
  readonly stations: Stations | null;
}

/** Draw those that the product has something for, pressed as the state has them. */
export function drawButtons({ product, quantity, choices, stations }: Offered, state: State): void {
  const group = byId("quantities");
  const focused = group.contains(document.activeElement);
  group.replaceChildren(
    ...choices.map((q) => {
      const chosen = q === quantity;
      const name = nameOf(q, state.language);
      const text = choices.some(({ end }) => end?.of === q) ? say(state.language, "mean", { of: name }) : name; // beside ends of its ranges
      return make("button", { type: "button", role: "radio", tabindex: chosen ? "0" : "-1", "aria-checked": String(chosen), "data-quantity": q.name }, text);
    }),
  );
  const chosen = group.querySelector<HTMLElement>("[aria-checked=true]");
  chosen?.scrollIntoView({ block: "nearest", inline: "nearest" }); // the row is narrower than its buttons on a phone
  if (focused) chosen?.focus();
  const offer = (id: string, there: boolean, pressed: boolean): void => {
    byId(id).hidden = !there;
    byId(id).setAttribute("aria-pressed", String(pressed));
  };
  offer("compare", product.coarse !== null, state.split !== null);
  offer("corrections", product.calibration !== null, state.corrections);
  byId<HTMLButtonElement>("corrections").disabled = !product.calibration?.changes(quantity);
  offer("barbs", windOf(product, quantity, true) !== null, state.barbs);
  offer("stations", Boolean(stations?.features.length), state.stations);
}
