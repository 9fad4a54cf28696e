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
    const [low, high] = await Promise.all([0.1, 0.9].map((level) => this.#at(quantity, level, steps, cell, signal)));
    return low && high ? { low, high } : null;
  }

  /** A wind's values with the median of its members' speeds: the speed of their mean wind is too low. */
  async withMedians(quantity: Quantity, values: readonly PointValue[], cell: Cell, signal: AbortSignal): Promise<readonly PointValue[]> {
    const medians = quantity.arrays.length === 2 ? await this.#at(quantity, 0.5, values.length, cell, signal) : null;
    return medians ? values.map((v, i) => ({ ...v, value: medians[i] ?? NaN })) : values;
  }

  async #at(quantity: Quantity, level: number, steps: number, cell: Cell, signal: AbortSignal): Promise<number[] | null> {
    const name = `${quantity.variable}_quantiles`;
    const index = this.levels.findIndex((one) => Math.abs(one - level) < 1e-6);
    if (!this.grid.fields.has(name) || index < 0) return null;
    const found = Array.from({ length: steps }, (_, step) => this.grid.value(name, step, ...cell, signal, index));
    return (await Promise.all(found)).map((value) => shown(quantity, value));
  }
}
