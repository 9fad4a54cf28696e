/** Which product is shown: regions and sources to choose from, and the newest product of those chosen. */

import * as catalogue from "./catalogue";
import { Failure } from "./failures";
import { drawChoices, drawCycles, drawStatus } from "./header";
import type { Language } from "./i18n";
import type { Store } from "./state";

/** Forecasts and reanalyses before files of one's own, and the demonstration last. */
const ORDER = ["ifs", "ens", "ifs9km", "aifs", "era5", "file", "demo"];

/** Sources, the one that is looked for first in front: of others than ours, which somebody has added, before the demo. */
export function ordered(found: readonly catalogue.Choice[]): catalogue.Choice[] {
  const rank = ({ name }: catalogue.Choice): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length - 1.5);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

/** Those found, with what the address asks for in front where the catalogue does not know it. */
export function withAsked(found: readonly catalogue.Choice[], asked: string | null): catalogue.Choice[] {
  const unknown = asked !== null && found.every((choice) => choice.name !== asked);
  return unknown ? [{ name: asked, title: asked }, ...found] : [...found];
}

export class Chooser {
  /** What the files say of the newest product; of the region and source that were read last. */
  latest: catalogue.Latest | null = null;
  #regions: catalogue.Choice[] = [];
  #sources: catalogue.Choice[] = [];
  #cycles: { of: string; stamps: readonly string[] } = { of: "", stamps: [] };

  constructor(readonly store: Store) {}

  /** Read which regions there are, and choose the one in the address, or the first. */
  async read(): Promise<void> {
    const { region, source } = this.store.now;
    const found = await catalogue.regions();
    if (found === null && (region === null || source === null)) {
      throw new Failure("noCatalogue", { file: catalogue.inStore("catalog.json").pathname });
    }
    this.#regions = withAsked(found ?? [], region);
    const first = this.#regions[0];
    if (first === undefined) throw new Failure("emptyCatalogue");
    await this.choose(region ?? first.name);
  }

  /** Choose a region, and the source in the address if the region has it, else its first. */
  async choose(region: string): Promise<void> {
    const before = this.store.now;
    const found = ordered((await catalogue.sources(region)) ?? []);
    const stays = region === before.region || found.length === 0;
    this.#sources = stays ? withAsked(found, before.source) : found;
    const chosen = this.#sources.find((s) => s.name === before.source) ?? this.#sources[0];
    if (chosen === undefined) throw new Failure("emptyCatalogue");
    const elsewhere = before.region !== null && region !== before.region;
    const other = elsewhere || (before.source !== null && chosen.name !== before.source);
    this.store.set({ region, source: chosen.name, ...(elsewhere ? { point: null, lead: null } : {}), ...(other ? { cycle: null } : {}) });
  }

  /** Read which cycles of the region and source there are; nothing to choose from where that is not known. */
  async list(language: () => Language): Promise<void> {
    const { region, source } = this.store.now;
    if (region === null || source === null) return;
    const stamps = await catalogue.cycles(region, source).catch(() => []);
    if (region !== this.store.now.region || source !== this.store.now.source) return;
    this.#cycles = { of: `${region}/${source}`, stamps };
    this.draw(language());
  }

  /** The lead time in hours at which a cycle, or the newest for null, has what is valid at `time`; null where it has not. */
  leadAt(cycle: string | null, time: Date | undefined): number | null {
    const stamp = cycle ?? this.#cycles.stamps[0];
    if (stamp === undefined || time === undefined) return null;
    const lead = (time.getTime() - catalogue.startOf(stamp).getTime()) / 3_600_000;
    return lead >= 0 ? lead : null;
  }

  /** Without a catalogue a region's title is known from its product: "Hubei, China: ifs/2026-11-22T00 at ..."; in Chinese always. */
  entitle(region: string, { title: whole, titleZh }: { title: string; titleZh: string }): void {
    const [first = ""] = whole.split(":");
    this.#regions = this.#regions.map((r) =>
      r.name === region ? { ...r, title: r.title === r.name && first !== "" ? first : r.title, titleZh } : r);
  }

  /** Choosers, and the verdict of what is chosen. */
  draw(language: Language): void {
    const { region, source, cycle } = this.store.now;
    drawChoices("region", this.#regions, region, language);
    drawChoices("source", this.#sources, source, language);
    const { latest } = this;
    const { of, stamps } = this.#cycles;
    drawCycles(of === `${region}/${source}` ? stamps : [], cycle, latest?.timezone, language);
    drawStatus(latest?.region === region && latest.cycle.startsWith(`${source}/`) ? latest : null, language);
  }
}
