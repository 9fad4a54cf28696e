/**
 * The wind barb of the World Meteorological Organization (WMO-No. 485, appendix on graphical representation): a shaft to
 * the side that wind comes from, with a short barb for 2.5 m/s (5 kn), a long one for 5 m/s (10 kn), a pennant for 25 m/s
 * (50 kn), and a circle of calm. Barbs point to low pressure: left of the wind in the north, right of it in the south.
 */

export type Point = readonly [x: number, y: number];

export interface Barb {
  /** Shaft and barbs: lines in px from the place, y downwards, of wind from straight above. */
  readonly lines: readonly (readonly [Point, Point])[];
  /** Triangles that are filled. */
  readonly pennants: readonly (readonly [Point, Point, Point])[];
  readonly calm: boolean;
}

/** Of a short barb, m/s. */
export const STEP = 2.5;
/** px: of the shaft, outwards and upwind of a long barb, between barbs, of a pennant along the shaft, of calm's circle. */
const SHAFT = 25, OUT = 10, LEAN = 5, GAP = 4.2, PENNANT = 6, CALM = 3.5;
/** No part of a barb is farther from its place, px, below 100 m/s. */
export const REACH = 32;

/** A speed (m/s) as so many short barbs. */
export function halves(speed: number): number {
  return Math.round(speed / STEP);
}

/** The sign of a speed (m/s). */
export function barb(speed: number, southern = false): Barb {
  const steps = halves(speed);
  if (!(steps > 0)) return { lines: [], pennants: [], calm: true };
  const side = southern ? -1 : 1;
  const out = (at: number, share = 1): Point => [side * OUT * share, -at - LEAN * share];
  const lines: [Point, Point][] = [[[0, 0], [0, -SHAFT]]];
  const pennants: [Point, Point, Point][] = [];
  const [flags, longs, shorts] = [Math.floor(steps / 10), Math.floor((steps % 10) / 2), steps % 2];
  const close = Math.min(SHAFT / (flags * PENNANT + (longs + shorts) * GAP), 1); // beyond 70 m/s there is less room
  const [gap, pennant] = [GAP * close, PENNANT * close];
  let at = SHAFT;
  for (let n = 0; n < flags; n++, at -= pennant) pennants.push([[0, -at], out(at), [0, pennant - at]]);
  if (flags) at -= gap / 2;
  for (let n = 0; n < longs; n++, at -= gap) lines.push([[0, -at], out(at)]);
  if (steps === 1) at -= gap; // at the end it would be taken for a long one
  if (shorts) lines.push([[0, -at], out(at, 0.5)]);
  return { lines, pennants, calm: false };
}

/** As an SVG path: pennants are to be filled, too. */
export function pathOf({ lines, pennants, calm }: Barb): string {
  if (calm) return `M${CALM} 0A${CALM} ${CALM} 0 1 1 ${-CALM} 0A${CALM} ${CALM} 0 1 1 ${CALM} 0Z`;
  const points = (part: readonly Point[]): string => part.map((p) => p.join(" ")).join("L");
  return [...lines.map((line) => `M${points(line)}`), ...pennants.map((part) => `M${points(part)}Z`)].join("");
}
