/** What is shown, as it stands in the address: whoever opens the link sees the same. */

import { type Language, preferredLanguage } from "./i18n";
import { type ChanceName, type EndName, QUANTITIES, type Quantity } from "./quantities";

export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

export interface State {
  readonly region: string | null;
  readonly source: string | null;
  /** Start of the cycle, 2026-11-22T00; null: the newest. */
  readonly cycle: string | null;
  readonly quantity: Quantity["name"];
  /** Hours; null: the one valid next. */
  readonly lead: number | null;
  readonly point: Place | null;
  /** Share of the width where input ends and product begins; null: product only. */
  readonly split: number | null;
  readonly stations: boolean;
  /** Increments of calibration on the map, if there are some; the divider is not shown then. */
  readonly corrections: boolean;
  /** Wind as barbs, over whatever is shown; else as arrows where wind is shown. */
  readonly barbs: boolean;
  readonly language: Language;
}

const ofMembers = (text: string | null): text is ChanceName | EndName => text !== null && /^(chance:\w+|end:\w+@\d)$/.test(text); // of a product: it says which

const NAME = /^[a-z0-9][a-z0-9-]*$/; // what becomes part of a path
const CYCLE = /^\d{4}-\d{2}-\d{2}T\d{2}$/;

function number(text: string | null, low: number, high: number): number | null {
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return value >= low && value <= high ? value : null;
}

/** From an address; what cannot be understood is as if it was not there. */
export function parse(search: string): State {
  const given = new URLSearchParams(search);
  const name = (key: string): string | null => {
    const text = given.get(key);
    return text !== null && NAME.test(text) ? text : null;
  };
  const wanted = given.get("var");
  const [latitude, longitude] = [number(given.get("lat"), -90, 90), number(given.get("lon"), -540, 540)];
  const language = given.get("lang");
  const corrections = given.get("corrections") === "1";
  return {
    region: name("region"),
    source: name("source"),
    cycle: CYCLE.exec(given.get("cycle") ?? "")?.[0] ?? null,
    quantity: QUANTITIES.find((q) => q.name === wanted)?.name ?? (ofMembers(wanted) ? wanted : "t2m"),
    lead: number(given.get("lead"), 0, 10_000),
    point: latitude !== null && longitude !== null ? { latitude, longitude } : null,
    split: corrections ? null : number(given.get("split"), 0, 1),
    stations: given.get("stations") !== "0",
    corrections,
    barbs: given.get("barbs") === "1",
    language: language === "en" || language === "zh" ? language : preferredLanguage(),
  };
}

/** As the part of an address behind the path. */
export function format(state: State): string {
  const out = new URLSearchParams();
  if (state.region) out.set("region", state.region);
  if (state.source) out.set("source", state.source);
  if (state.cycle) out.set("cycle", state.cycle);
  out.set("var", state.quantity);
  if (state.lead !== null) out.set("lead", String(Math.round(state.lead * 1000) / 1000));
  if (state.point) {
    out.set("lat", state.point.latitude.toFixed(3));
    out.set("lon", state.point.longitude.toFixed(3));
  }
  if (state.split !== null) out.set("split", state.split.toFixed(2));
  if (!state.stations) out.set("stations", "0");
  if (state.corrections) out.set("corrections", "1");
  if (state.barbs) out.set("barbs", "1");
  out.set("lang", state.language);
  return `?${out}`;
}

type Listener = (now: State, before: State) => void;

/** The one state of the page, mirrored in the address. */
export class Store {
  #state: State;
  readonly #listeners: Listener[] = [];

  constructor(search: string) {
    this.#state = parse(search);
  }

  get now(): State {
    return this.#state;
  }

  subscribe(listener: Listener): void {
    this.#listeners.push(listener);
  }

  set(changes: Partial<State>): void {
    const before = this.#state;
    this.#state = { ...before, ...changes };
    if (format(before) === format(this.#state)) return;
    history.replaceState(null, "", format(this.#state));
    for (const listener of this.#listeners) listener(this.#state, before);
  }
}
