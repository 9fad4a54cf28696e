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

/** Of an item of the catalogue, what is read here. */
interface Item {
  readonly properties?: { readonly created?: string; readonly "finescale:quality"?: string; readonly "finescale:why"?: string[] };
  readonly assets?: Readonly<Record<string, { readonly href?: string }>>;
}

/** Where the store is: the page lies at its root. */
export const ROOT = new URL("./", document.baseURI);

export const inStore = (path: string): URL => new URL(path.split("/").map(encodeURIComponent).join("/"), ROOT);

/** What a file of the catalogue links to; null where there is no such file. A child is called as its folder, an item as its file. */
async function linked(file: string, rel: "child" | "item"): Promise<Choice[] | null> {
  const url = inStore(file);
  const found = (await readJson(url)) as { links?: Link[] } | null;
  if (found === null) return null;
  const links = (found.links ?? []).filter((link) => link.rel === rel && link.href);
  return links.map((link) => {
    const parts = new URL(link.href ?? "", url).pathname.split("/");
    const name = decodeURIComponent(parts.at(rel === "child" ? -2 : -1) ?? "");
    return { name, title: link.title ?? name };
  });
}

const children = (file: string): Promise<Choice[] | null> => linked(file, "child");

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

const MONTHS = 2; // the newest, whose cycles are offered
const STAMP = /^\d{4}-\d{2}-\d{2}T\d{2}$/;

/** Starts of the cycles that are published, as 2026-11-22T00, the newest first: of the newest months; none where no catalogue has them. */
export async function cycles(region: string, source: string): Promise<string[]> {
  const folder = `${region}/${source}`;
  const months = ((await children(`${folder}/collection.json`)) ?? []).map(({ name }) => name).toSorted().slice(-MONTHS);
  const found = await Promise.all(months.map((month) => linked(`${folder}/items/${month}/catalog.json`, "item")));
  const stamps = found.flatMap((items) => (items ?? []).map(({ name }) => name.replace(/\.json$/, "")));
  return stamps.filter((stamp) => STAMP.test(stamp)).toSorted().toReversed();
}

/** The product of a cycle from the catalogue, as `latest` has the newest; Failure "noCycle" where it has none. */
export async function past(region: string, source: string, stamp: string): Promise<Latest> {
  const url = inStore(`${region}/${source}/items/${stamp.slice(0, 7)}/${stamp}.json`);
  const found = (await readJson(url)) as Item | null;
  if (found === null) throw new Failure("noCycle", { region, source, cycle: stamp });
  const path = (asset: string): string => {
    const href = found.assets?.[asset]?.href;
    return href ? decodeURIComponent(new URL(href, url).pathname.slice(ROOT.pathname.length)) : "";
  };
  const [product, quality] = [path("product"), found.properties?.["finescale:quality"] ?? ""];
  if (product === "") throw new Failure("broken", { file: url.pathname });
  return {
    region, cycle: `${source}/${stamp}`, product, report: path("report"), quality, why: found.properties?.["finescale:why"] ?? [],
    // an item does not name this file, which is there once there have been observations
    stations: quality === "unverified" ? "" : product.replace(/\.zarr$/, ".stations.geojson"), published_at: found.properties?.created ?? "",
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
