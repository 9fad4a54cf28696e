/** Lead times: slider, buttons, playing, and what time it is then. */

import { byId, make } from "./dom";
import { type Language, say } from "./i18n";
import { beside, dayOf, local, moment } from "./text";

const LABEL = 62; // px, of a day under the slider
const FRAME = 450; // ms a lead time, if it has come by then

export class Timeline {
  readonly #slider = byId<HTMLInputElement>("lead");
  #times: readonly Date[] = [];
  #leads: readonly number[] = [];
  #zone = "UTC";
  #timer: number | null = null;

  /** `go`: show a lead time; the promise ends when it is drawn. */
  constructor(readonly go: (step: number) => Promise<void>, readonly language: () => Language) {
    this.#slider.addEventListener("input", () => void go(this.#slider.valueAsNumber));
    byId("earlier").addEventListener("click", () => this.move(-1));
    byId("later").addEventListener("click", () => this.move(1));
    byId("play").addEventListener("click", () => this.toggle());
  }

  get playing(): boolean {
    return this.#timer !== null;
  }

  set(times: readonly Date[], leads: readonly number[], zone: string): void {
    this.stop();
    [this.#times, this.#leads, this.#zone] = [times, leads, zone];
    this.#slider.max = String(Math.max(times.length - 1, 0));
    byId("timeline").hidden = false;
    byId("timeline").classList.toggle("single", times.length < 2);
    this.#ticks();
  }

  draw(step: number): void {
    const [time, lead] = [this.#times[step], this.#leads[step]];
    if (time === undefined || lead === undefined) return;
    this.#slider.value = String(step);
    const language = this.language();
    const text = moment(time, language, this.#zone);
    this.#slider.setAttribute("aria-valuetext", `${text}, +${lead} h`);
    byId("valid").textContent = text;
    byId("offset").textContent = [`+${lead} h`, beside(time, language, this.#zone), local(time, language, this.#zone)].filter(Boolean).join(" · ");
    this.#button();
    this.#ticks();
  }

  move(by: number): void {
    const wanted = this.#slider.valueAsNumber + by;
    if (wanted >= 0 && wanted < this.#times.length) void this.go(wanted);
  }

  toggle(): void {
    if (this.playing) this.stop();
    else if (this.#times.length > 1) void this.#play();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#button();
  }

  async #play(): Promise<void> {
    const began = performance.now();
    this.#timer = -1;
    this.#button();
    await this.go((this.#slider.valueAsNumber + 1) % this.#times.length);
    if (!this.playing) return;
    this.#timer = window.setTimeout(() => void this.#play(), Math.max(FRAME - (performance.now() - began), 60));
  }

  #button(): void {
    const button = byId("play");
    const path = this.playing ? "M6 4h3v12H6zM11 4h3v12h-3z" : "M6 3.5v13l10.5-6.5z";
    button.innerHTML = `<svg viewBox="0 0 20 20" aria-hidden="true"><path class="solid" d="${path}"/></svg>`;
    button.setAttribute("aria-label", say(this.language(), this.playing ? "pause" : "play"));
  }

  /** Where days begin, under the slider. */
  #ticks(): void {
    const last = this.#times.length - 1;
    const width = byId("days").clientWidth;
    const starts = this.#times.map((time, i) => ({ i, day: dayOf(time, "en", this.#zone) })).filter(({ i, day }, n, all) => i === 0 || day !== all[n - 1]?.day).map(({ i }) => i);
    const room = (from: number, to: number): boolean => last > 0 && ((to - from) / last) * width > LABEL;
    const marks = starts.flatMap((i, n) => {
      const [time, next] = [this.#times[i], starts[n + 1]];
      if (time === undefined || (next !== undefined && !room(i, next)) || (next === undefined && n > 0 && !room(i, last))) return [];
      const mark = make("span", {}, dayOf(time, this.language(), this.#zone));
      mark.style.left = `calc(9px + (100% - 18px) * ${last > 0 ? i / last : 0})`;
      return [mark];
    });
    byId("days").replaceChildren(...marks);
  }
}
