/** A point's time series as a chart, and as a table that says the same. */

import "uplot/dist/uPlot.min.css";
import uPlot from "uplot";
import type { Language } from "./i18n";
import { say } from "./i18n";
import { clock, dayOf } from "./text";

export interface Series {
  readonly times: readonly Date[];
  readonly product: readonly number[];
  readonly input: readonly number[] | null;
  /** At the product's times; NaN where nothing was observed. */
  readonly observed: readonly number[] | null;
  readonly unit: string;
  readonly decimals: number;
  readonly bars: boolean;
}

const seconds = (time: Date): number => time.getTime() / 1000;

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
    const nulls = (values: readonly number[]): (number | null)[] => values.map((v) => (Number.isFinite(v) ? v : null));
    const rows: (number | null)[][] = [series.times.map(seconds), nulls(series.product)];
    const lines: uPlot.Series[] = [
      {},
      {
        label: say(language, "product"), stroke: "#0b5cad", width: 2,
        ...(series.bars && uPlot.paths.bars
          ? { fill: "rgba(11,92,173,0.35)", paths: uPlot.paths.bars({ size: [0.8, 24], align: -1 }) }
          : {}),
        points: { show: series.times.length < 3, size: 7 },
      },
    ];
    if (series.input) {
      rows.push(nulls(series.input));
      lines.push({ label: say(language, "input"), stroke: "#8a6d3b", width: 1.3, dash: [5, 4], points: { show: series.times.length < 3, size: 6 } });
    }
    if (series.observed) {
      rows.push(nulls(series.observed));
      lines.push({ label: say(language, "observed"), stroke: "#16212b", width: 0, paths: () => null, points: { show: true, size: 6, fill: "#16212b" } });
    }
    const axis = { stroke: "#5b6770", grid: { stroke: "#e6eaed", width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    this.#plot = new uPlot(
      {
        width: Math.max(this.element.clientWidth, 200), height: 168, padding: [10, 16, 0, 0],
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
        series: lines,
        legend: { show: false },
        cursor: { y: false, points: { size: 8 }, drag: { x: false, y: false } },
        scales: { x: { time: true }, ...(series.bars ? { y: { range: (_u: uPlot, _low: number, high: number): [number, number] => [0, Math.max(high * 1.08, 1)] } } : {}) },
        axes: [
          {
            ...axis, size: 34, space: 46,
            values: (_u, at) => at.map((s) => {
              const time = new Date(s * 1000);
              return time.getUTCHours() === 0 && time.getUTCMinutes() === 0 ? dayOf(time, language) : clock(time);
            }),
          },
          { ...axis, size: 48, space: 28 },
        ],
        hooks: {
          drawClear: [(u) => this.#line(u, series.times[this.#now])],
          ready: [(u) => u.over.addEventListener("click", () => u.cursor.idx != null && this.pick(u.cursor.idx))],
        },
      },
      rows as uPlot.AlignedData, this.element,
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
