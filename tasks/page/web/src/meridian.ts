/**
 * Longitudes of the map. Its world ends at 180 degrees from its middle, where products may well go on: over those the
 * map's middle is theirs, and all that is drawn is moved. Mercator looks the same at every longitude.
 */

import type { FeatureCollection, Geometry, Position } from "geojson";

/** The longitude that the map has in its middle, to show a box: Greenwich's, unless the box crosses 180 degrees. */
export function middleOf([west, , east]: readonly [number, number, number, number]): number {
  return east > 180 && east - west < 360 ? Math.round((west + east) / 2) : 0;
}

/** A longitude as degrees from a middle, -180 to 180. */
export function moved(longitude: number, middle: number): number {
  const away = longitude - middle;
  return middle === 0 || Math.abs(away) <= 180 ? away : ((((away + 180) % 360) + 360) % 360) - 180;
}

function movedGeometry(geometry: Geometry, middle: number): Geometry {
  const each = (position: Position): Position => [moved(position[0] ?? 0, middle), ...position.slice(1)];
  switch (geometry.type) {
    case "Point":
      return { ...geometry, coordinates: each(geometry.coordinates) };
    case "MultiPoint":
    case "LineString":
      return { ...geometry, coordinates: geometry.coordinates.map(each) };
    case "MultiLineString":
    case "Polygon":
      return { ...geometry, coordinates: geometry.coordinates.map((line) => line.map(each)) };
    case "MultiPolygon":
      return { ...geometry, coordinates: geometry.coordinates.map((polygon) => polygon.map((line) => line.map(each))) };
    default: // a GeometryCollection
      return { ...geometry, geometries: geometry.geometries.map((g) => movedGeometry(g, middle)) };
  }
}

/** What is drawn, around another middle; itself around Greenwich. */
export function movedAround(data: FeatureCollection, middle: number): FeatureCollection {
  if (middle === 0) return data;
  return { ...data, features: data.features.map((f) => ({ ...f, geometry: movedGeometry(f.geometry, middle) })) };
}
