/** Wind at places of the map, as arrows or barbs: GeoJSON, and the pictures that its icons are. */

import type { Feature, FeatureCollection, Point, Position } from "geojson";
import { barb, halves, pathOf, REACH, STEP } from "./barbs";
import { make } from "./dom";
import type { Raster } from "./grid";
import { comesFrom } from "./quantities";

const INK = "#16212b";

interface Wind {
  readonly place: Position;
  readonly speed: number;
  /** Degrees that it comes from. */
  readonly from: number;
}

/**
 * Every how manyth cell has a sign, so that signs are `apart` pixels from each other or up to twice as much: a power of
 * two, so that whoever comes nearer sees more between those that were there.
 */
export function every(pixelsACell: number, apart: number): number {
  return 2 ** Math.max(Math.ceil(Math.log2(apart / pixelsACell)), 0);
}

/** Rows and columns that have a sign, counted from the grid's first: the same however the map is moved. */
function winds([u, v]: readonly [Raster, Raster], [firstRow, firstCol]: readonly [number, number], [down, across]: readonly [number, number]): Wind[] {
  const found: Wind[] = [];
  const start = (first: number, step: number): number => (((Math.floor(step / 2) - first) % step) + step) % step;
  for (let row = start(firstRow, down); row < u.height; row += down) {
    for (let col = start(firstCol, across); col < u.width; col += across) {
      const [east, north] = [u.data[row * u.width + col] ?? NaN, v.data[row * u.width + col] ?? NaN];
      const speed = Math.hypot(east, north);
      if (!Number.isFinite(speed)) continue;
      found.push({ place: [u.longitude + col * u.dlon, u.latitude + row * u.dlat], speed, from: comesFrom(east, north) });
    }
  }
  return found;
}

type Signs = FeatureCollection<Point, { icon: string; from: number; size: number }>;

function signs(of: readonly Wind[], icon: (wind: Wind) => string, size: (wind: Wind) => number): Signs {
  const sign = (wind: Wind): Feature<Point, { icon: string; from: number; size: number }> => ({
    type: "Feature", properties: { icon: icon(wind), from: wind.from, size: size(wind) }, geometry: { type: "Point", coordinates: wind.place },
  });
  return { type: "FeatureCollection", features: of.map(sign) };
}

/** Components of a wind, the first row and column of their window, and every how manyth row and column has a sign. */
type Thinned = readonly [parts: readonly [Raster, Raster], first: readonly [number, number], steps: readonly [number, number]];

/** The stronger the larger, none where it is calm. */
export function arrows(...of: Thinned): Signs {
  return signs(winds(...of).filter(({ speed }) => speed >= 0.5), () => "arrow", ({ speed }) => Math.min(0.45 + speed / 16, 1.1));
}

/** Of the speed rounded to 2.5 m/s; south of the equator on the other side. */
export function barbs(...of: Thinned): Signs {
  return signs(winds(...of), ({ speed, place: [, latitude = 0] }) => `barb-${halves(speed)}${latitude < 0 ? "-south" : ""}`, () => 1);
}

/** The picture of an icon, in twice the pixels of the screen; null of other names. */
export function picture(icon: string): ImageData | null {
  if (icon === "arrow") return drawn(44, "M22 5V37M14 28L22 38L30 28", [6.5, 3]);
  const [, steps, south] = /^barb-(\d+)(-south)?$/.exec(icon) ?? [];
  if (steps === undefined) return null;
  const sign = barb(Number(steps) * STEP, south !== undefined);
  return drawn(4 * REACH, pathOf(sign), [3.6, 1.5], { at: 2 * REACH, enlarged: 2, filled: sign.pennants.length > 0 });
}

/** Lines in ink with a light edge, which are seen on every colour; `at`: origin of the path. */
function drawn(size: number, path: string, [edge, line]: readonly [number, number], { at = 0, enlarged = 1, filled = false } = {}): ImageData {
  const pen = make("canvas", { width: String(size), height: String(size) }).getContext("2d") as CanvasRenderingContext2D;
  pen.translate(at, at);
  pen.scale(enlarged, enlarged);
  const shape = new Path2D(path);
  for (const [colour, width] of [["rgba(255,255,255,0.75)", edge], [INK, line]] as const) {
    Object.assign(pen, { strokeStyle: colour, fillStyle: INK, lineWidth: width, lineCap: "round", lineJoin: "round" });
    pen.stroke(shape);
  }
  // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- of a canvas, which is no array
  if (filled) pen.fill(shape);
  return pen.getImageData(0, 0, size, size);
}
