/** What stations have changed in a product, from its group `calibration`: increments, and whether they are used. */

import { mean, quantile } from "d3-array";
import * as fields from "./fields";
import type { Grid, Raster, Window } from "./grid";
import { type Language, say } from "./i18n";
import { type Quantity, sizeOf } from "./quantities";
import { roundAbove } from "./stations";
import { number } from "./text";

/** Values of an array without latitude and longitude; null where there is none of that name. */
export type Numbers = (name: string) => Promise<readonly number[] | null>;

export interface Range {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

export class Calibration {
  readonly #read = new Map<string, Promise<readonly number[] | null>>();
  readonly #numbers: Numbers;

  /** `grid`: of the increments, which is the product's. */
  constructor(readonly grid: Grid, numbers: Numbers) {
    this.#numbers = numbers;
  }

  /** Whether there are increments of a quantity, at some lead times. */
  changes(quantity: Quantity): boolean {
    return quantity.arrays.every((name) => this.grid.fields.has(name));
  }

  /** Whether the quantity's own correction is used at a lead time. */
  async used(quantity: Quantity, step: number): Promise<boolean> {
    const applied = await this.#once(`${quantity.variable}_applied`);
    return applied?.[step] === 1;
  }

  /**
   * End of the scale of colours of a quantity's increments, in its unit: by what is expected at the stations at all lead
   * times where that is taken off, so that times can be compared; by `now` where no such correction is used.
   */
  async most(quantity: Quantity, now: Raster): Promise<number> {
    const [own, applied] = await Promise.all([this.#once(`${quantity.variable}_own`), this.#once(`${quantity.variable}_applied`)]);
    const stations = (own?.length ?? 0) / (applied?.length ?? 1);
    const used = (own ?? []).filter((v, i) => Number.isFinite(v) && applied?.[Math.floor(i / stations)] === 1);
    const sizes = used.length ? used.map((v) => Math.abs(v * quantity.scale)) : now.data.filter(Number.isFinite).map(Math.abs);
    return roundAbove(quantile(sizes, 0.98) ?? 0);
  }

  /**
   * Between which values the truth lies eight times in ten, at every lead time; null where stations do not say. `values`:
   * the quantity's at these, in its unit. A wind's range is of square roots.
   */
  async range(quantity: Quantity, values: readonly number[]): Promise<Range | null> {
    const [apart, levels] = await Promise.all([this.#once(`${quantity.variable}_range`), this.#once("quantile")]);
    if (!apart || !levels) return null;
    const at = (level: number): number[] => {
      const column = levels.findIndex((one) => Math.abs(one - level) < 1e-6);
      return values.map((value, i) => {
        const by = apart[i * levels.length + column] ?? NaN;
        return quantity.arrays.length === 2 ? Math.max(Math.sqrt(value) + by, 0) ** 2 : value + by * quantity.scale;
      });
    };
    return { low: at(0.1), high: at(0.9) };
  }

  #once(name: string): Promise<readonly number[] | null> {
    const found = this.#read.get(name) ?? this.#numbers(name);
    this.#read.set(name, found);
    found.catch(() => this.#read.delete(name)); // to be asked for again
    return found;
  }
}

/** What was added to a quantity, in its unit; of wind, to its speed. */
export async function increments(
  fine: Grid, calibration: Calibration, quantity: Quantity, step: number, window: Window, signal: AbortSignal,
): Promise<Raster> {
  const [values, added] = await Promise.all([fine, calibration.grid].map((grid) => fields.components(grid, quantity, step, window, signal)));
  const [first, second] = values as [Raster, Raster?];
  const [one, other] = added as [Raster, Raster?];
  const data = first.data.map((v, i) => {
    const [now, by] = second ? [[v, second.data[i] ?? NaN], [one.data[i] ?? NaN, other?.data[i] ?? NaN]] : [[v], [one.data[i] ?? NaN]];
    return (sizeOf(now) - sizeOf(now.map((part, k) => part - (by[k] ?? NaN)))) * quantity.scale;
  });
  return { ...first, data };
}

/** Mean size of increments; NaN of none. */
export function meanSize(of: Raster): number {
  return mean(of.data.filter(Number.isFinite), Math.abs) ?? NaN;
}

/** A line on what stations have done to a quantity at a lead time; `size`: of the increments, NaN where that is not known. */
export function correctionLine(quantity: Quantity, changes: boolean, used: boolean, size: number, language: Language): string {
  if (used) {
    return Number.isFinite(size)
      ? say(language, "correctedBy", { n: number(size, quantity.decimals + 1), unit: quantity.unit })
      : say(language, "corrected");
  }
  if (size > 0) return say(language, "correctedBound"); // a dew point is brought down to a corrected temperature
  return say(language, changes ? "notCorrectedThen" : "notCorrected");
}
