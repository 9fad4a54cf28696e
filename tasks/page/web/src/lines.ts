/** Lines made of the product itself, as GeoJSON: graticule, coast, isolines. */

import { contours } from "d3-contour";
import type { Feature, FeatureCollection, LineString, MultiLineString, Polygon, Position } from "geojson";
import type { Raster } from "./grid";

type Lines = FeatureCollection<LineString | MultiLineString>;

export const NOTHING: FeatureCollection = { type: "FeatureCollection", features: [] };

const STEPS = [0.25, 0.5, 1, 2, 5, 10, 20, 30];

/** Degrees between lines of the graticule, about six across a view. */
export function graticuleStep(span: number): number {
  return STEPS.find((step) => span / step <= 8) ?? 30;
}

/** Values of the graticule between two. */
export function graticuleValues(low: number, high: number, step: number): number[] {
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(Math.floor(high / step) - first + 1, 0) }, (_, i) => (first + i) * step);
}

/** Meridians and parallels over a box. */
export function graticule([west, south, east, north]: readonly [number, number, number, number], step: number): Lines {
  const line = (coordinates: Position[]): Feature<LineString> => ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
  return {
    type: "FeatureCollection",
    features: [
      ...graticuleValues(west, east, step).map((x) => line([[x, south], [x, north]])),
      ...graticuleValues(south, north, step).map((y) => line([[west, y], [east, y]])),
    ],
  };
}

/** A box as an area. */
export function filled([west, south, east, north]: readonly [number, number, number, number]): FeatureCollection<Polygon> {
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  return { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } }] };
}

/** Where a field has these values; not along the edges of its grid. */
export function isolines(raster: Raster, levels: readonly number[]): Lines {
  const { width, height } = raster;
  const found = contours().size([width, height]).smooth(true).thresholds([...levels])(raster.data as unknown as number[]);
  const place = ([x = 0, y = 0]: Position): Position => [raster.longitude + (x - 0.5) * raster.dlon, raster.latitude + (y - 0.5) * raster.dlat];
  const onEdge = ([x = 0, y = 0]: Position): boolean => x <= 0.5 || y <= 0.5 || x >= width - 0.5 || y >= height - 0.5;
  return {
    type: "FeatureCollection",
    features: found.map((level) => {
      const parts: Position[][] = [];
      for (const ring of level.coordinates.flat()) {
        let part: Position[] = [];
        for (const point of ring) {
          if (!onEdge(point)) part.push(place(point));
          else if (part.length) {
            parts.push(part);
            part = [];
          }
        }
        if (part.length) parts.push(part);
      }
      return {
        type: "Feature",
        properties: { value: level.value },
        geometry: { type: "MultiLineString", coordinates: parts.filter((part) => part.length > 3) },
      };
    }),
  };
}
