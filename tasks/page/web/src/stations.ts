/** Stations: their errors at a lead time as colours, and a station's own series. */

import type { FeatureCollection } from "geojson";
import type { StationProperties, StationScore, Stations } from "./catalogue";
import { colourAt, cssColour, ERRORS } from "./colours";
import { quantile } from "d3-array";
import type { Quantity } from "./quantities";

/** The score of a quantity; of amounts the one of the product's own period if there is one. */
export function scoreOf(station: StationProperties, quantity: Quantity, period: number): StationScore | null {
  const found = station.scores.filter((s) => s.variable === quantity.variable);
  return found.find((s) => s.period === period) ?? found[0] ?? null;
}

/** Product − observed at a lead time, in the quantity's unit; the bias where no series is at hand. NaN: nothing then. */
export function errorAt(score: StationScore, quantity: Quantity, lead: number): number {
  const { lead_hours, observed, product } = score;
  if (!lead_hours || !observed || !product) return score.bias * quantity.scale;
  const i = lead_hours.indexOf(lead);
  return i < 0 ? NaN : ((product[i] ?? NaN) - (observed[i] ?? NaN)) * quantity.scale;
}

export interface Painted {
  readonly features: FeatureCollection;
  /** End of the scale of colours; null where there is nothing to show. */
  readonly most: number | null;
}

const ROUND = [0.5, 1, 2, 3, 5, 10, 20, 50, 100];

/** The end of a scale of differences that reaches so far. */
export function roundAbove(size: number): number {
  return ROUND.find((limit) => limit >= size) ?? 200;
}

/** Stations as they are drawn: those that have something to say of this quantity and lead time. */
export function paint(stations: Stations | null, quantity: Quantity, lead: number, period: number): Painted {
  const found = (stations?.features ?? []).flatMap((feature) => {
    const score = scoreOf(feature.properties, quantity, period);
    const error = score ? errorAt(score, quantity, lead) : NaN;
    return Number.isFinite(error) ? [{ feature, error }] : [];
  });
  const large = quantile(found.map(({ error }) => Math.abs(error)), 0.95) ?? 0;
  const most = found.length ? roundAbove(large) : null;
  return {
    most,
    features: {
      type: "FeatureCollection",
      features: found.map(({ feature, error }) => ({
        type: "Feature",
        geometry: feature.geometry,
        properties: { station: feature.properties.station, colour: cssColour(colourAt(ERRORS, 0.5 + error / (2 * (most ?? 1)))) },
      })),
    },
  };
}

/** What was observed, in the quantity's unit, at these lead times; NaN where nothing was. */
export function observedAt(score: StationScore, quantity: Quantity, leads: readonly number[]): number[] | null {
  const { lead_hours, observed } = score;
  if (!lead_hours || !observed) return null;
  return leads.map((lead) => {
    const i = lead_hours.indexOf(lead);
    return i < 0 ? NaN : (observed[i] ?? NaN) * quantity.scale + quantity.offset;
  });
}
