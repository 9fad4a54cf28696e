/** What is known of a place: its meteogram, values now, the chosen quantity's series as chart and table, a station's scores. */

import type { Stations, StationProperties } from "./catalogue";
import { force, grade, hasForce } from "./beaufort";
import type { Range } from "./calibration";
import type { Chart, Meteogram } from "./charts";
import { byId, make } from "./dom";
import { type Language, say } from "./i18n";
import { nameOf, quantityTitle } from "./legend";
import { type PointSeries, type PointValue, rawAt, seriesAt, shownAt, terrainAt } from "./point";
import type { Product } from "./product";
import { type Quantity, quantitiesOf, QUANTITIES } from "./quantities";
import type { Place } from "./state";
import { observedAt, scoreOf } from "./stations";
import { bearing, compass, number, place as placeText, short, zoneName } from "./text";

const NEAR = 1e-3; // degrees between a place in the address and its station

export class Panel {
  readonly #element = byId("panel");
  #chart: Chart | null = null;
  #meteogram: Meteogram | null = null;
  #drawn = ""; // what the chart and the table are of
  #wanted = 0;
  #controller = new AbortController();

  constructor(
    readonly pick: (step: number) => void,
    readonly close: () => void,
  ) {}

  hide(): void {
    this.#controller.abort();
    this.#meteogram?.forget();
    this.#element.hidden = true;
    this.#drawn = "";
    this.#element.dataset["state"] = "";
  }

  /** Show a place, `called` so where it has a name; the series is read only if another one is wanted than is there. */
  async show(product: Product, quantity: Quantity, place: Place, step: number, stations: Stations | null, language: Language, called: string): Promise<void> {
    const wanted = (this.#wanted += 1);
    const key = [product.fine.name, quantity.name, place.latitude, place.longitude, language, stations ? 1 : 0].join(" ");
    if (key !== this.#drawn) {
      this.#controller.abort();
      this.#controller = new AbortController();
    }
    const { signal } = this.#controller;
    this.#element.dataset["state"] = "loading";
    this.#element.hidden = false;
    const cell = product.fine.cellAt(place.latitude, place.longitude);
    if (cell === null) {
      this.#element.replaceChildren(this.#head(placeText(place.latitude, place.longitude, language), "", language), make("p", { class: "hint" }, say(language, "outside")));
      this.#drawn = key;
      this.#element.dataset["state"] = "ready";
      return;
    }
    const station = stations?.features.find(
      ({ geometry: { coordinates: [lon = 0, lat = 0] } }) => Math.abs(lat - place.latitude) < NEAR && Math.abs(lon - place.longitude) < NEAR,
    )?.properties;
    const charts = await import("./charts");
    this.#meteogram ??= new charts.Meteogram(this.pick);
    if (key !== this.#drawn) {
      const [series, terrain] = await Promise.all([seriesAt(product, quantity, place, signal), terrainAt(product, place, signal)]);
      if (wanted !== this.#wanted || series === null) return;
      const { ensemble, calibration } = product;
      const by = ensemble ? ensemble.range(quantity, series.product.length, cell, signal) : calibration?.range(quantity, series.product.map((p) => p.value));
      const range = (await by) ?? null;
      if (wanted !== this.#wanted) return;
      const height = terrain === null ? "" : say(language, "terrain", { n: number(terrain, 0) });
      this.#chart = new charts.Chart(make("div", { class: "plot", "aria-hidden": "true" }), this.pick);
      this.#build(product, quantity, place, series, range, height, station, language, step, called);
      this.#drawn = key;
    }
    const quantities = quantitiesOf(new Set(product.fine.fields.keys()));
    const [values, raw] = await Promise.all([
      Promise.all(quantities.map((q) => shownAt(product, q, step, cell, signal))),
      Promise.all(quantities.map((q) => rawAt(product, q, step, cell, signal))),
    ]);
    if (wanted !== this.#wanted) return;
    this.#now(product, quantities, quantity, values, raw, step, language);
    this.#chart?.mark(step);
    await this.#meteogram.show(product, place, step, language);
    if (wanted !== this.#wanted) return;
    this.#element.dataset["state"] = "ready";
  }

  #head(title: string, below: string, language: Language): HTMLElement {
    const close = make("button", { type: "button", class: "quiet close", "aria-label": say(language, "close") }, "×");
    close.addEventListener("click", () => this.close());
    return make("div", { class: "head" }, make("div", {}, make("h2", {}, title), make("p", {}, below)), close);
  }

  #build(
    product: Product, quantity: Quantity, place: Place, series: PointSeries, range: Range | null, height: string,
    station: StationProperties | undefined, language: Language, step: number, called: string,
  ): void {
    const at = placeText(place.latitude, place.longitude, language);
    const name = station && [say(language, "station"), station.station].join(" ");
    const facts = station && [
      at, station.elevation === null ? "" : say(language, "elevation", { n: number(station.elevation, 0) }),
      station.above === null ? "" : say(language, "aboveTerrain", { n: number(station.above, 0, true) }),
    ];
    const period = product.periods.at(-1) ?? 0;
    const observed = station ? scoreOf(station, quantity, period) : null;
    const seen = observed && observedAt(observed, quantity, product.leads);
    const { ensemble } = product;
    const members = ensemble && (ensemble.hasMedian(quantity) ? "median" : "mean");
    const title = quantityTitle(quantity, 0, language, members);
    const [chart, meteogram] = [this.#chart, this.#meteogram];
    if (chart === null || meteogram === null) return;
    const plot = chart.element;
    plot.hidden = product.leads.length === 1; // a chart of one value says nothing
    const parts: HTMLElement[] = [
      this.#head(name ?? (called || at), (facts ?? [called && at, height]).filter(Boolean).join(" · "), language),
      meteogram.element,
      ...(ensemble ? [make("p", { class: "hint members" }, say(language, QUANTITIES.some((q) => ensemble.hasMedian(q)) ? "valuesWithWind" : "valuesAreMeans"))] : []),
      make("dl", { class: "now" }),
      make("h3", {}, title, make("span", { class: "unit" }, ` ${quantity.unit}`), this.#key(series, seen !== null, range !== null, language)),
      plot,
    ];
    if (product.leads.length === 1) parts.push(make("p", { class: "hint" }, say(language, "oneLead")));
    parts.push(this.#table(product, quantity, series, range, seen, language));
    if (station) parts.push(this.#scores(station, language));
    const scrolled = this.#element.scrollTop;
    this.#element.replaceChildren(...parts);
    this.#element.scrollTop = scrolled;
    const values = (points: readonly PointValue[]): number[] => points.map((p) => p.value);
    chart.draw(
      {
        times: product.times, zone: product.zone, product: values(series.product), input: series.input && values(series.input),
        observed: seen, range, bars: quantity.amount && product.leads.length > 1,
      },
      language, step,
    );
  }

  #key(series: PointSeries, observed: boolean, sure: boolean, language: Language): HTMLElement {
    const entries = [["product", true], ["range", sure], ["input", series.input !== null], ["observed", observed]] as const;
    const shown = entries.filter(([, there]) => there);
    return make("span", { class: "key" }, ...shown.map(([name]) => make("span", { class: `line ${name}` }, say(language, name))));
  }

  #now(
    product: Product, quantities: readonly Quantity[], chosen: Quantity,
    values: readonly PointValue[], raw: readonly (PointValue | null)[], step: number, language: Language,
  ): void {
    const list = this.#element.querySelector("dl");
    list?.replaceChildren(
      ...quantities.flatMap((q, i) => {
        const found = values[i] ?? { value: NaN, from: null };
        const title = q.amount ? quantityTitle(q, product.periods[step] ?? 0, language) : nameOf(q, language);
        const mark = q === chosen ? { class: "chosen" } : { class: "" };
        return [
          make("dt", mark, title),
          make("dd", { ...mark, "data-quantity": q.name, "data-value": String(found.value), "data-from": String(found.from ?? "") },
            number(found.value, q.decimals), make("span", { class: "unit" }, ` ${q.unit}`), ...(hasForce(q) ? [make("span", { class: "force" }, ` ${force(found.value, language)}`)] : []), ...this.#from(found, language), ...this.#correction(q, found, raw[i] ?? null, language)),
        ];
      }),
    );
  }

  /** What stations have added, and what there was before. */
  #correction(quantity: Quantity, found: PointValue, raw: PointValue | null, language: Language): Node[] {
    if (raw === null) return [];
    const by = found.value - raw.value;
    const text = say(language, "incrementAt", { n: number(by, quantity.decimals + 1, true), raw: number(raw.value, quantity.decimals) });
    return [make("div", { class: "correction", "data-increment": String(by), "data-raw": String(raw.value) }, text)];
  }

  #from(found: PointValue, language: Language): (Node | string)[] {
    if (found.from === null) return [];
    if (found.value < 0.2) return [` ${say(language, "calm")}`];
    const needle = make("span", { class: "needle", "aria-hidden": "true" }, "↓");
    needle.style.transform = `rotate(${found.from}deg)`;
    return [make("span", { class: "from" }, " ", needle, ` ${bearing(found.from)} ${compass(found.from, language)}`)];
  }

  #table(product: Product, quantity: Quantity, series: PointSeries, range: Range | null, seen: readonly number[] | null, language: Language): HTMLElement {
    const wind = quantity.arrays.length === 2;
    const heads = [say(language, "time", { zone: zoneName(product.times[0] ?? new Date(), language, product.zone) }), say(language, "lead"), say(language, "product")];
    if (range) heads.push(say(language, "range"));
    if (hasForce(quantity)) heads.push(say(language, "forceHead"));
    if (wind) heads.push(say(language, "direction"));
    if (series.input) heads.push(say(language, "input"));
    if (seen) heads.push(say(language, "observed"));
    const body = make("tbody");
    product.leads.forEach((lead, i) => {
      const [time, ours, input] = [product.times[i] ?? new Date(NaN), series.product[i], series.input?.[i]];
      const cells = [make("td", {}, short(time, language, product.zone)), make("td", {}, `+${lead} h`)];
      cells.push(make("td", { "data-product": String(ours?.value) }, number(ours?.value ?? NaN, quantity.decimals)));
      if (range) cells.push(make("td", { "data-low": String(range.low[i]), "data-high": String(range.high[i]) }, [range.low[i], range.high[i]].map((v) => number(v ?? NaN, quantity.decimals)).join(" – ")));
      if (hasForce(quantity)) cells.push(make("td", { class: "grade" }, grade(ours?.value ?? NaN)));
      if (wind) cells.push(make("td", { "data-from": String(ours?.from) }, bearing(ours?.from ?? NaN)));
      if (series.input) cells.push(make("td", { "data-input": String(input?.value) }, number(input?.value ?? NaN, quantity.decimals)));
      if (seen) cells.push(make("td", { "data-observed": String(seen[i]) }, number(seen[i] ?? NaN, quantity.decimals)));
      const row = make("tr", { "data-lead": String(lead) }, ...cells);
      row.addEventListener("click", () => this.pick(i));
      body.append(row);
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((h) => make("th", { scope: "col" }, h)))), body);
    const details = make("details", { class: "values" }, make("summary", {}, say(language, "table")), make("div", { class: "scroll" }, table));
    details.open = true;
    return details;
  }

  #scores(station: StationProperties, language: Language): HTMLElement {
    const heads = ["quantity", "bias", "rmse", "count"] as const;
    const rows = station.scores.flatMap((score) => {
      const q = QUANTITIES.find((known) => known.variable === score.variable);
      if (q === undefined) return [];
      const title = quantityTitle(q, score.period, language);
      return [make("tr", {}, make("th", { scope: "row" }, title), make("td", {}, `${number(score.bias * q.scale, 2, true)} ${q.unit}`),
        make("td", {}, `${number(score.rmse * q.scale, 2)} ${q.unit}`), make("td", {}, String(score.n)))];
    });
    const head = make("tr", {}, ...heads.map((h) => make("th", { scope: "col" }, say(language, h))));
    return make("div", { class: "scores" }, make("h3", {}, say(language, "stationError")), make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  }
}
