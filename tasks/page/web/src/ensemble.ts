/** What an ensemble's members say beside their mean, from group `ensemble` of a product. */

import type { Range } from "./calibration";
import type { Grid } from "./grid";
import type { PointValue } from "./point";
import { type Quantity, shown } from "./quantities";

type Cell = readonly [number, number];

export class Ensemble {
  /** `grid`: of its fields; `levels`: of quantiles, rising. */
  constructor(readonly grid: Grid, readonly levels: readonly number[]) {}

  /** Between which values the truth lies eight times in ten, at so many lead times; null of what has no quantiles. */
  async range(quantity: Quantity, steps: number, cell: Cell, signal: AbortSignal): Promise<Range | null> {
    const every = Array.from({ length: steps }, (_, step) => step);
    const [low, high] = await Promise.all([0.1, 0.9].map((level) => this.#at(quantity, level, every, cell, signal)));
    return low && high ? { low, high } : null;
  }

  /** Whether a place is shown the median of a quantity's members, which is so of a wind's speed, and not their mean. */
  hasMedian(quantity: Quantity): boolean {
    return quantity.arrays.length === 2 && this.grid.fields.has(`${quantity.variable}_quantiles`) && this.#index(0.5) >= 0;
  }

  /** A wind's values with the median of its members' speeds: the speed of their mean wind is too low. `steps`: of the values. */
  async withMedians(quantity: Quantity, values: readonly PointValue[], steps: readonly number[], cell: Cell, signal: AbortSignal): Promise<readonly PointValue[]> {
    const medians = this.hasMedian(quantity) ? await this.#at(quantity, 0.5, steps, cell, signal) : null;
    return medians ? values.map((v, i) => ({ ...v, value: medians[i] ?? NaN })) : values;
  }

  #index(level: number): number {
    return this.levels.findIndex((one) => Math.abs(one - level) < 1e-6);
  }

  async #at(quantity: Quantity, level: number, steps: readonly number[], cell: Cell, signal: AbortSignal): Promise<number[] | null> {
    const name = `${quantity.variable}_quantiles`;
    const index = this.#index(level);
    if (!this.grid.fields.has(name) || index < 0) return null;
    const found = steps.map((step) => this.grid.value(name, step, ...cell, signal, index));
    return (await Promise.all(found)).map((value) => shown(quantity, value));
  }
}
