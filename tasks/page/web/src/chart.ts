/** A point's time series as a chart, and as a table that says the same. */

import "uplot/dist/uPlot.min.css";
import uPlot from "uplot";
import type { Range } from "./calibration";
import type { Language } from "./i18n";
import { say } from "./i18n";
import { clock, dayOf } from "./text";

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

const seconds = (time: Date): number => time.getTime() / 1000;
const gaps = (values: readonly number[]): (number | null)[] => values.map((v) => (Number.isFinite(v) ? v : null));

/** What is plotted, times (s) first: product, input, observed, ends of the range; null where there is nothing. */
export function rowsOf(series: Series): (number | null)[][] {
  const { times, product, input, observed, range } = series;
  const rows = [product, input, observed, range?.high ?? null, range?.low ?? null];
  return [times.map(seconds), ...rows.filter((values) => values !== null).map(gaps)];
}

/** How each row is drawn, in the same order. */
export function linesOf(series: Series, language: Language): uPlot.Series[] {
  const few = series.times.length < 3; // lines so short are not seen
  const bars = series.bars && uPlot.paths.bars ? { fill: "rgba(11,92,173,0.35)", paths: uPlot.paths.bars({ size: [0.8, 24], align: -1 }) } : {};
  const lines: uPlot.Series[] = [{}, { label: say(language, "product"), stroke: "#0b5cad", width: 2, ...bars, points: { show: few, size: 7 } }];
  if (series.input) lines.push({ label: say(language, "input"), stroke: "#8a6d3b", width: 1.3, dash: [5, 4], points: { show: few, size: 6 } });
  if (series.observed) lines.push({ label: say(language, "observed"), stroke: "#16212b", width: 0, paths: () => null, points: { show: true, size: 6, fill: "#16212b" } });
  if (series.range) for (const name of ["high", "low"] as const) lines.push({ label: say(language, name), stroke: "transparent", width: 0, points: { show: false } });
  return lines;
}

/** The range is filled between its ends, the last two rows. */
export function bandsOf(series: Series): uPlot.Band[] {
  const last = rowsOf(series).length - 1;
  return series.range ? [{ series: [last - 1, last], fill: "rgba(11,92,173,0.16)" }] : [];
}

/** The scale of amounts: from nothing, with room above the largest, and never so narrow that a trace looks like rain. */
export function fromNothing(high: number): [number, number] {
  return [0, Math.max(high * 1.08, 1)];
}

/** Under the time axis: a day where it begins in the zone, else the hour. */
export function tickOf(at: number, language: Language, zone: string): string {
  const time = new Date(at * 1000);
  const hour = clock(time, zone);
  return hour === "00:00" ? dayOf(time, language, zone) : hour;
}

/** Draw into an element; `pick` is called with the lead time that is clicked. */
export class Chart {
  #plot: uPlot | null = null;
  #now = 0;
  readonly #resize = new ResizeObserver(() => {
    const width = this.element.clientWidth;
    if (width > 0 && this.#plot && this.#plot.width !== width) this.#plot.setSize({ width, height: this.#plot.height });
  });

  constructor(readonly element: HTMLElement, readonly pick: (index: number) => void) {
    this.#resize.observe(element);
  }

  draw(series: Series, language: Language, now: number): void {
    this.#plot?.destroy();
    this.#now = now;
    const axis = { stroke: "#5b6770", grid: { stroke: "#e6eaed", width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    this.#plot = new uPlot(
      {
        width: Math.max(this.element.clientWidth, 200), height: 168, padding: [10, 16, 0, 0],
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), series.zone === "UTC" ? "Etc/UTC" : series.zone),
        series: linesOf(series, language), bands: bandsOf(series),
        legend: { show: false },
        cursor: { y: false, points: { size: 8 }, drag: { x: false, y: false } },
        scales: { x: { time: true }, ...(series.bars ? { y: { range: (_u: uPlot, _low: number, high: number) => fromNothing(high) } } : {}) },
        axes: [
          { ...axis, size: 34, space: 46, values: (_u, at) => at.map((s) => tickOf(s, language, series.zone)) },
          { ...axis, size: 48, space: 28 },
        ],
        hooks: {
          drawClear: [(u) => this.#line(u, series.times[this.#now])],
          ready: [(u) => u.over.addEventListener("click", () => {
            if (typeof u.cursor.idx === "number") this.pick(u.cursor.idx);
          })],
        },
      },
      rowsOf(series) as uPlot.AlignedData, this.element,
    );
  }

  /** Move the line of the lead time that the map shows. */
  mark(now: number): void {
    this.#now = now;
    this.#plot?.redraw();
  }

  #line(u: uPlot, time: Date | undefined): void {
    if (time === undefined) return;
    const x = Math.round(u.valToPos(seconds(time), "x", true)) + 0.5;
    u.ctx.save();
    u.ctx.strokeStyle = "#c7553b";
    u.ctx.lineWidth = 1.5 * devicePixelRatio;
    u.ctx.setLineDash([]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  }
}
