/** The page: from the state in the address to what is read and drawn. */

import { increments } from "./calibration";
import * as catalogue from "./catalogue";
import { Chooser } from "./choice";
import { credit } from "./credits";
import { byId } from "./dom";
import { Failure, failureOf, isAbort } from "./failures";
import * as fields from "./fields";
import { Gazetteer } from "./gazetteer";
import { drawWords } from "./header";
import { type Language, say } from "./i18n";
import { NOTHING } from "./lines";
import { hasWebgl, MapView } from "./map";
import { drawCoast, drawField } from "./paint";
import { Panel } from "./panel";
import { openProduct, type Product } from "./product";
import { offered, type Quantity, quantitiesOf } from "./quantities";
import type { State, Store } from "./state";
import { Timeline } from "./timeline";
import { drawButtons } from "./buttons";

const REFRESH = 10 * 60_000; // ms between looks for a newer product

export class App {
  view: MapView | null = null;
  product: Product | null = null;
  readonly timeline: Timeline;
  readonly panel: Panel;
  readonly chooser: Chooser;
  readonly gazetteer = new Gazetteer();
  #stations: catalogue.Stations | null = null;
  readonly #ranges = new Map<string, [number, number]>();
  #drawing = new AbortController();
  #loading = 0;

  constructor(readonly store: Store) {
    this.chooser = new Chooser(store);
    this.timeline = new Timeline((step) => this.goTo(step), () => this.language);
    this.panel = new Panel((step) => void this.goTo(step), () => store.set({ point: null }));
  }

  get language(): Language {
    return this.store.now.language;
  }

  /** The lead time shown: the one asked for, or that nearest to it; without a wish the one valid now, or the first. */
  get step(): number {
    const { product } = this;
    if (product === null) return 0;
    const { lead } = this.store.now;
    const now = Date.now();
    if (lead === null) return Math.max(product.times.findIndex((t) => t.getTime() >= now), 0);
    const away = product.leads.map((l) => Math.abs(l - lead));
    return away.indexOf(Math.min(...away));
  }

  get quantities(): Quantity[] {
    return this.product ? [...quantitiesOf(new Set(this.product.fine.fields.keys())), ...this.product.chances, ...this.product.ends] : [];
  }

  /** Those that are offered. */
  get choices(): Quantity[] {
    return offered(this.quantities, this.quantity);
  }

  get quantity(): Quantity | null {
    return this.quantities.find((q) => q.name === this.store.now.quantity) ?? this.quantities[0] ?? null;
  }

  async goTo(step: number): Promise<void> {
    const lead = this.product?.leads[step];
    if (lead === undefined) return;
    this.store.set({ lead });
    await this.draw();
  }

  /** Everything anew: the catalogue, then the product. */
  async start(): Promise<void> {
    drawWords(this.language);
    await this.#guarded(async () => {
      await this.chooser.read();
      await this.load();
    });
  }

  async chooseRegion(region: string): Promise<void> {
    await this.#guarded(async () => {
      await this.chooser.choose(region);
      await this.load();
    });
  }

  /** Another cycle, or for null the newest, at the time that is shown. */
  async chooseCycle(cycle: string | null): Promise<void> {
    this.store.set({ cycle, lead: this.chooser.leadAt(cycle, this.product?.times[this.step]) });
    await this.load();
  }

  /** The product of the region, source and cycle. */
  async load(): Promise<void> {
    const { region, source, cycle } = this.store.now;
    if (region === null || source === null) return;
    const loading = (this.#loading += 1);
    this.#drawing.abort();
    this.timeline.stop();
    this.chooser.draw(this.language);
    void this.chooser.list(() => this.language);
    await this.#guarded(async () => {
      this.#busy(true);
      const latest = await (cycle === null ? catalogue.latest(region, source) : catalogue.past(region, source, cycle));
      const [product, outline, stations, places] = await Promise.all([
        openProduct(catalogue.inStore(latest.product)),
        catalogue.boundary(region).catch(() => null), // a map without an outline is better than none
        catalogue.stations(latest).catch(() => null),
        catalogue.places(region).catch(() => null),
      ]);
      if (loading !== this.#loading) return;
      this.chooser.latest = cycle === null ? latest : { ...latest, timezone: product.zone };
      this.product = product;
      this.#stations = stations;
      this.#ranges.clear();
      if (this.quantity === null) throw new Failure("nothing");
      this.timeline.set(product.times, product.leads, product.zone);
      await this.#openMap(product);
      this.view?.set("boundary", outline ?? NOTHING);
      this.gazetteer.open(places, this.view, this.language);
      const { view } = this;
      if (view) drawCoast(product, view).catch(() => view.set("coast", NOTHING));
      this.chooser.entitle(region, product);
      this.chooser.draw(this.language);
      this.#credit();
      await this.draw();
    });
  }

  /** Show the forecast of a place by its name; says whether there is one of that name. */
  search(text: string): boolean {
    const point = this.gazetteer.find(text);
    if (point === null) return false;
    this.store.set({ point }); // first: the map makes room for the panel that this opens
    this.view?.approach(point);
    return true;
  }

  /** Look for a newer product, or another verdict, now and then: this page may be on a wall. */
  watch(): void {
    window.setInterval(() => {
      const { region, source, cycle } = this.store.now;
      if (document.hidden || this.timeline.playing || region === null || source === null) return;
      if (cycle === null) catalogue.latest(region, source).then(
        (found) => JSON.stringify(found) === JSON.stringify(this.chooser.latest) || void this.load(),
        () => undefined, // it will be there again
      );
      this.chooser.draw(this.language); // the age
    }, REFRESH);
  }

  async #openMap(product: Product): Promise<void> {
    const { box } = product.fine;
    if (this.view === null) {
      if (!hasWebgl()) {
        this.#tell(new Failure("noWebgl"));
        document.body.classList.add("no-map");
        const [west, south, east, north] = box;
        if (this.store.now.point === null) this.store.set({ point: { latitude: (south + north) / 2, longitude: (west + east) / 2 } });
        return;
      }
      this.view = new MapView(box, say(this.language, "map"));
      await this.view.ready;
      this.view.onPick((place, station) => {
        const [longitude = place.longitude, latitude = place.latitude] = this.#stations?.features.find((f) => f.properties.station === station)?.geometry.coordinates ?? [];
        this.store.set({ point: { latitude, longitude } });
      });
      this.view.map.on("moveend", () => {
        const fine = this.product?.fine;
        // what is drawn depends on what is seen: windows of large fields, and how many signs of wind there is room for
        if (fine && (fine.rows * fine.cols > fields.SMALL || this.store.now.barbs || this.quantity?.arrays.length === 2)) void this.draw();
      });
    } else this.view.open(box);
  }

  /** Draw the state: field, legend, stations, point. What was being read for an earlier state is given up. */
  async draw(): Promise<void> {
    const { product, quantity, view, step } = this;
    if (product === null || quantity === null) return;
    this.#drawing.abort();
    this.#drawing = new AbortController();
    const { signal } = this.#drawing;
    this.timeline.draw(step);
    drawButtons({ product, quantity, choices: this.choices, stations: this.#stations }, this.store.now);
    await this.#guarded(async () => {
      this.#busy(true);
      await Promise.all([
        this.#point(product, quantity, step),
        view === null
          ? null
          : drawField({ product, quantity, step, stations: this.#stations, ranges: this.#ranges }, this.store.now, view, signal),
      ]);
      this.#divider();
      document.documentElement.dataset["shown"] = `${quantity.name} ${product.leads[step]}`;
      this.#prefetch(product, quantity, step, signal);
    });
  }

  async #point(product: Product, quantity: Quantity, step: number): Promise<void> {
    const { point } = this.store.now;
    const opens = byId("panel").hidden !== (point === null);
    document.body.classList.toggle("has-panel", point !== null);
    byId("panel").hidden = point === null;
    if (opens && this.view?.whole) this.view.fit(product.fine.box);
    if (point === null) this.panel.hide();
    else await this.panel.show(product, quantity.end?.of ?? quantity, point, step, this.#stations, this.language, this.gazetteer.nameOf(point, this.language));
  }

  /** Read the next lead time while this one is looked at. */
  #prefetch(product: Product, quantity: Quantity, step: number, signal: AbortSignal): void {
    const next = (step + 1) % product.leads.length;
    const window = this.view && fields.windowFor(product.fine, this.view.view, this.view.map.getCanvas().width);
    if (next === step || !window) return;
    const { fine, calibration } = product;
    const wanted = calibration?.changes(quantity) ? increments(fine, calibration, quantity, next, window, signal) : fields.raster(fine, quantity, next, window, signal);
    wanted.catch(() => undefined); // it will be asked for again
  }

  /** What follows from a change of state. */
  changed(now: State, before: State): void {
    if (now.language !== before.language) {
      drawWords(now.language);
      this.chooser.draw(now.language);
      this.timeline.draw(this.step);
      this.gazetteer.draw(this.view, now.language);
      this.#credit();
      this.view?.map.getCanvas().setAttribute("aria-label", say(now.language, "map"));
    }
    if (now.region !== before.region || now.source !== before.source || now.cycle !== before.cycle) return;
    if (now.lead !== before.lead) return; // goTo draws
    void this.draw();
  }

  /** Move the divider without reading anything. */
  slide(split: number): void {
    if (this.view === null) return;
    this.view.field.split = split;
    this.view.field.repaint();
    byId("divider").style.left = `${split * 100}%`;
    byId("divider").setAttribute("aria-valuenow", String(Math.round(split * 100)));
  }

  #divider(): void {
    const { split } = this.store.now;
    byId("divider").hidden = split === null;
    if (split !== null) this.slide(split);
  }

  #credit(): void {
    byId("credit").lastElementChild?.replaceChildren(credit(this.product?.attribution ?? "", this.language));
  }

  #busy(busy: boolean): void {
    byId("busy").hidden = !busy;
    document.documentElement.dataset["ready"] = String(!busy);
  }

  /** Do something; what goes wrong is said on the page. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    byId("message").hidden = !document.body.classList.contains("no-map");
    try {
      await work();
      this.#busy(false);
    } catch (error) {
      if (isAbort(error)) return; // something newer is under way
      this.timeline.stop();
      this.#busy(false);
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    const { language } = this;
    const what = error instanceof Error ? error.message : String(error);
    const failure = failureOf(error);
    const text = failure ? say(language, failure.key, failure.values) : say(language, "unknown", { what });
    const message = byId("message");
    if (message.firstElementChild) message.firstElementChild.textContent = text;
    message.hidden = false;
    if (!failure) console.error(error, error instanceof Error ? error.cause : "");
  }
}
