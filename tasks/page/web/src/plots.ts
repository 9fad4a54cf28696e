/** Plots over time in an element, one above the other: colours of the page, days of the region, the line of the lead time. */

import "uplot/dist/uPlot.min.css";
import uPlot from "uplot";
import { clock, dayOf } from "./text";
import type { Language } from "./i18n";

const DAY = 86_400; // s
const HOURS = [1, 3, 6, 12, 24].map((n) => n * 3600); // s, between ticks under a narrow axis
/** px: beside a plot, so that those above each other are in line; of a day's name. */
const LEFT = 44, RIGHT = 16, DAY_NAME = 46;

/** A colour of the page, as style.css has it: light or dark. */
export const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "gray";

export const seconds = (time: Date): number => time.getTime() / 1000;
export const gaps = (values: readonly number[]): (number | null)[] => values.map((v) => (Number.isFinite(v) ? v : null));

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

export interface Plot {
  readonly height: number;
  /** Times (s), then a row a line; null where there is nothing. */
  readonly rows: readonly (readonly (number | null)[])[];
  readonly lines: readonly uPlot.Series[];
  readonly bands?: readonly uPlot.Band[];
  /** Ends of the scale from those of the values; as uPlot finds them where there is none. */
  readonly range?: (low: number, high: number) => [number, number];
  /** px free above. */
  readonly above?: number;
  /** What stands under the time axis; none: no axis. */
  readonly ticks?: (at: number) => string;
  /** Names of days stand above, their beginnings are lines. */
  readonly days?: "named" | "lines";
  /** Drawn under the lines and over them. */
  readonly under?: (u: uPlot) => void;
  readonly over?: (u: uPlot) => void;
  readonly into: HTMLElement;
}

export interface Times {
  readonly times: readonly Date[];
  /** IANA name of the zone that the axis is in. */
  readonly zone: string;
  readonly language: Language;
  /** Before the first time, s: what is summed over begins there. */
  readonly before?: number;
}

/** Draws into an element; `pick` is called with the lead time that is clicked. */
export class Plots {
  #plots: uPlot[] = [];
  #now = 0;
  #times: readonly Date[] = [];
  readonly #resize = new ResizeObserver(() => {
    const width = this.element.clientWidth;
    for (const plot of this.#plots) if (width > 0 && plot.width !== width) plot.setSize({ width, height: plot.height });
  });

  constructor(readonly element: HTMLElement, readonly pick: (index: number) => void) {
    this.#resize.observe(element);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
  }

  draw(of: Times, plots: readonly Plot[], now: number): void {
    for (const plot of this.#plots) plot.destroy();
    [this.#now, this.#times] = [now, of.times];
    this.#plots = plots.map((plot) => this.#made(of, plot, plots.length > 1));
  }

  /** Move the line of the lead time that the map shows. */
  mark(now: number): void {
    this.#now = now;
    this.#redraw();
  }

  #redraw(): void {
    for (const plot of this.#plots) plot.redraw(false, true);
  }

  #made({ times, zone, language, before = 0 }: Times, plot: Plot, together: boolean): uPlot {
    const axis: uPlot.Axis = { stroke: () => colour("soft"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const [first, last] = [times[0], times.at(-1)].map((time) => (time ? seconds(time) : 0)) as [number, number];
    const { range, ticks, days } = plot;
    const hours = together ? { incrs: HOURS, space: 26 } : { space: 46 };
    const names = (u: uPlot, at: readonly number[]): string[] => {
      const every = Math.ceil(DAY_NAME / ((u.width - LEFT - RIGHT) / ((last - first + before) / DAY)));
      return at.map((s, i) => (i % every === 0 ? dayOf(new Date(s * 1000), language, zone) : ""));
    };
    const unnamed = (_u: uPlot, at: readonly number[]): string[] => at.map(() => "");
    const dayAxis: uPlot.Axis = {
      // uPlot's const enums are not there for a module by itself: above, from the left
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment
      ...axis, scale: "x", side: 0, size: days === "named" ? 20 : 0, gap: 2, incrs: [DAY], space: 1, align: 1,
      grid: { stroke: () => colour("day"), width: 1 }, values: days === "named" ? names : unnamed,
    };
    return new uPlot(
      {
        width: Math.max(this.element.clientWidth, 200), height: plot.height, padding: [plot.above ?? (days === "named" ? 0 : 10), RIGHT, ticks ? 0 : 6, 0],
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone === "UTC" ? "Etc/UTC" : zone),
        series: [...plot.lines], bands: [...(plot.bands ?? [])],
        legend: { show: false },
        cursor: { y: false, points: { size: 8 }, drag: { x: false, y: false }, ...(together ? { sync: { key: "together" } } : {}) },
        scales: {
          x: { time: true, ...(before > 0 ? { range: () => [first - before, last] as [number, number] } : {}) },
          ...(range ? { y: { range: (_u: uPlot, low: number | null, high: number | null) => range(low ?? 0, high ?? 0) } } : {}),
        },
        axes: [
          { ...axis, ...hours, ...(ticks ? { size: together ? 22 : 34, values: (_u: uPlot, at: readonly number[]) => at.map(ticks) } : { size: 0, values: unnamed }) },
          { ...axis, size: LEFT, space: 24, values: (_u, at) => at.map((v) => String(Number(v.toFixed(3))).replace("-", "−")) },
          ...(days ? [dayAxis] : []),
        ],
        hooks: {
          drawAxes: [(u) => plot.under?.(u)],
          draw: [(u) => plot.over?.(u), (u) => this.#line(u)],
          ready: [(u) => u.over.addEventListener("click", () => {
            if (typeof u.cursor.idx === "number") this.pick(u.cursor.idx);
          })],
        },
      },
      plot.rows as unknown as uPlot.AlignedData, plot.into,
    );
  }

  #line(u: uPlot): void {
    const time = this.#times[this.#now];
    if (time === undefined) return;
    const x = Math.round(u.valToPos(seconds(time), "x", true)) + 0.5;
    stroke(u, colour("now"), [[x, u.bbox.top], [x, u.bbox.top + u.bbox.height]]);
  }
}

/** A straight line on a plot, in pixels of its canvas. */
export function stroke(u: uPlot, style: string, [[x, y], [toX, toY]]: readonly [readonly [number, number], readonly [number, number]], dash: number[] = []): void {
  u.ctx.save();
  Object.assign(u.ctx, { strokeStyle: style, lineWidth: 1.5 * devicePixelRatio });
  u.ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
  u.ctx.beginPath();
  u.ctx.moveTo(x, y);
  u.ctx.lineTo(toX, toY);
  u.ctx.stroke();
  u.ctx.restore();
}
