/** A quantity's series at a place as a chart: product, input, observations and range. The table says the same. */

import uPlot from "uplot";
import type { Range } from "./calibration";
import type { Language } from "./i18n";
import { say } from "./i18n";
import { colour, fromNothing, gaps, Plots, seconds, tickOf } from "./plots";

export interface Series {
  readonly times: readonly Date[];
  /** IANA name of the zone that the axis is in. */
  readonly zone: string;
  readonly product: readonly number[];
  readonly input: readonly number[] | null;
  /** At the product's times; NaN where nothing was observed. */
  readonly observed: readonly number[] | null;
  readonly bars: boolean;
  /** Between which values the truth lies eight times in ten; null where nobody knows. */
  readonly range: Range | null;
}

/** What is plotted, times (s) first: product, input, observed, ends of the range; null where there is nothing. */
export function rowsOf(series: Series): (number | null)[][] {
  const { times, product, input, observed, range } = series;
  const rows = [product, input, observed, range?.high ?? null, range?.low ?? null];
  return [times.map(seconds), ...rows.filter((values) => values !== null).map(gaps)];
}

/** How each row is drawn, in the same order. */
export function linesOf(series: Series, language: Language): uPlot.Series[] {
  const few = series.times.length < 3; // lines so short are not seen
  const bars = series.bars && uPlot.paths.bars ? { fill: () => colour("product-fill"), paths: uPlot.paths.bars({ size: [0.8, 24], align: -1 }) } : {};
  const lines: uPlot.Series[] = [{}, { label: say(language, "product"), stroke: () => colour("product"), width: 2, ...bars, points: { show: few, size: 7 } }];
  if (series.input) lines.push({ label: say(language, "input"), stroke: () => colour("input"), width: 1.3, dash: [5, 4], points: { show: few, size: 6 } });
  if (series.observed) lines.push({ label: say(language, "observed"), stroke: () => colour("ink"), width: 0, paths: () => null, points: { show: true, size: 6, fill: () => colour("ink") } });
  if (series.range) for (const name of ["high", "low"] as const) lines.push({ label: say(language, name), stroke: "transparent", width: 0, points: { show: false } });
  return lines;
}

/** The range is filled between its ends, the last two rows. */
export function bandsOf(series: Series): uPlot.Band[] {
  const last = rowsOf(series).length - 1;
  return series.range ? [{ series: [last - 1, last], fill: () => colour("range") }] : [];
}

/** Draw into an element; `pick` is called with the lead time that is clicked. */
export class Chart {
  readonly #plots: Plots;

  constructor(readonly element: HTMLElement, pick: (index: number) => void) {
    this.#plots = new Plots(element, pick);
  }

  draw(series: Series, language: Language, now: number): void {
    const { times, zone, bars } = series;
    const plot = {
      height: 168, rows: rowsOf(series), lines: linesOf(series, language), bands: bandsOf(series), into: this.element,
      ticks: (at: number) => tickOf(at, language, zone), ...(bars ? { range: (_low: number, high: number) => fromNothing(high) } : {}),
    };
    this.#plots.draw({ times, zone, language }, [plot], now);
  }

  /** Move the line of the lead time that the map shows. */
  mark(now: number): void {
    this.#plots.mark(now);
  }
}
