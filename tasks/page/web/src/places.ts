/** Places that people know by name: labels of the map, and what the search finds. */

import type { Feature, FeatureCollection, Point } from "geojson";
import type { Language } from "./i18n";

export interface PlaceNames {
  readonly name: string;
  /** Empty: none. */
  readonly name_zh: string;
  /** 1: cities that everybody knows; 3: seen from near alone. */
  readonly rank: number;
}

export type Places = FeatureCollection<Point, PlaceNames>;
export type KnownPlace = Feature<Point, PlaceNames>;

const KINDS = /^(.{2,})[市县区镇乡]$/u;

/** As names are compared: small letters without accents, signs and spaces; a Chinese name without its kind. */
export function simplified(name: string): string {
  const letters = name.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  return letters.replace(KINDS, "$1");
}

export function nameOf(place: KnownPlace, language: Language): string {
  const { name, name_zh } = place.properties;
  return language === "zh" && name_zh !== "" ? name_zh : name;
}

/** In both languages, as the list under the search has it: 武汉 Wuhan. */
export function bothNames({ properties: { name, name_zh } }: KnownPlace, language: Language): string {
  return (language === "zh" ? [name_zh, name] : [name, name_zh]).filter(Boolean).join(" ");
}

/** The place of that name, or the best known one whose name begins so; null where there is none. */
export function find(places: Places, text: string): KnownPlace | null {
  const wanted = simplified(text);
  if (wanted === "") return null;
  const known = places.features.toSorted((a, b) => a.properties.rank - b.properties.rank);
  const names = (p: KnownPlace): string[] => [p.properties.name, p.properties.name_zh, bothNames(p, "en"), bothNames(p, "zh")].map(simplified);
  return known.find((p) => names(p).includes(wanted)) ?? known.find((p) => names(p).some((n) => n.startsWith(wanted))) ?? null;
}

const NEAR = 0.025; // degrees: half of a product's cell

/** The place that has a name there; null where none is so near. */
export function at(places: Places, latitude: number, longitude: number): KnownPlace | null {
  const away = ({ geometry: { coordinates: [x = NaN, y = NaN] } }: KnownPlace): number => Math.max(Math.abs(x - longitude), Math.abs(y - latitude));
  return places.features.filter((p) => away(p) <= NEAR).toSorted((a, b) => away(a) - away(b))[0] ?? null;
}

/** The same with the names of a language, for the map. */
export function labelled(places: Places, language: Language): FeatureCollection {
  return { ...places, features: places.features.map((p) => ({ ...p, properties: { label: nameOf(p, language), rank: p.properties.rank } })) };
}
