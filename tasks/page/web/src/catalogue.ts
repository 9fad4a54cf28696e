/** The files that the page starts from: the STAC catalogue of regions and sources, latest.json, outline, places, stations. */

import type { FeatureCollection, Point } from "geojson";
import { Failure, readJson } from "./failures";
import type { Places } from "./places";

export interface Choice {
  readonly name: string;
  readonly title: string;
  readonly titleZh?: string;
}

export interface Latest {
  readonly region: string;
  readonly cycle: string;
  readonly product: string;
  readonly report: string;
  readonly quality: string;
  readonly why: readonly string[];
  readonly stations: string;
  readonly published_at: string;
  readonly timezone?: string; // of older products: none
}

/** Of one variable at one station, SI; the series is left out where there are very many stations. */
export interface StationScore {
  readonly variable: string;
  readonly period: number;
  readonly n: number;
  readonly bias: number;
  readonly rmse: number;
  readonly lead_hours?: readonly number[];
  readonly observed?: readonly number[];
  readonly product?: readonly number[];
}

export interface StationProperties {
  readonly station: string;
  readonly network: string;
  readonly elevation: number | null;
  readonly above: number | null;
  readonly scores: readonly StationScore[];
}

export type Stations = FeatureCollection<Point, StationProperties>;

interface Link {
  readonly rel?: string;
  readonly href?: string;
  readonly title?: string;
}

/** Where the store is: the page lies at its root. */
export const ROOT = new URL("./", document.baseURI);

export const inStore = (path: string): URL => new URL(path.split("/").map(encodeURIComponent).join("/"), ROOT);

async function children(file: string): Promise<Choice[] | null> {
  const url = inStore(file);
  const found = (await readJson(url)) as { links?: Link[] } | null;
  if (found === null) return null;
  const links = (found.links ?? []).filter((link) => link.rel === "child" && link.href);
  return links.map((link) => {
    const parts = new URL(link.href ?? "", url).pathname.split("/");
    const name = decodeURIComponent(parts.at(-2) ?? "");
    return { name, title: link.title ?? name };
  });
}

/** Regions in the catalogue; null where there is no catalogue. */
export const regions = (): Promise<Choice[] | null> => children("catalog.json");

/** Sources of a region; null where the catalogue does not know. */
export const sources = (region: string): Promise<Choice[] | null> => children(`${region}/catalog.json`);

/** What the newest product is; Failure "noLatest" where there is none. */
export async function latest(region: string, source: string): Promise<Latest> {
  const url = inStore(`${region}/${source}/latest.json`);
  const found = (await readJson(url)) as Partial<Latest> | null;
  if (found === null) throw new Failure("noLatest", { file: url.pathname, region, source });
  if (!found.product || !found.cycle) throw new Failure("broken", { file: url.pathname });
  return {
    region, cycle: found.cycle, product: found.product, report: found.report ?? "", quality: found.quality ?? "",
    why: found.why ?? [], stations: found.stations ?? "", published_at: found.published_at ?? "",
    ...(found.timezone ? { timezone: found.timezone } : {}),
  };
}

/** The region's outline; null where it has none. */
export async function boundary(region: string): Promise<FeatureCollection | null> {
  return (await readJson(inStore(`${region}/boundary.geojson`))) as FeatureCollection | null;
}

/** Places that people know by name; null where the region names none. */
export async function places(region: string): Promise<Places | null> {
  return (await readJson(inStore(`${region}/places.geojson`))) as Places | null;
}

/** Stations that the product has been compared with; null before there are any. */
export async function stations(of: Latest): Promise<Stations | null> {
  return of.stations ? ((await readJson(inStore(of.stations))) as Stations | null) : null;
}

/** The start of a forecast from "ifs/2026-11-22T00". */
export function startOf(cycle: string): Date {
  const stamp = cycle.split("/").at(-1) ?? "";
  return new Date(`${stamp}:00:00Z`);
}
