/** The top of the page: which cycle, how old, how good and why, its report; choosers of region and source. */

import { type Choice, inStore, type Latest, startOf } from "./catalogue";
import { byId, make } from "./dom";
import { isKey, type Language, say } from "./i18n";
import { reason } from "./reasons";
import { beside, moment, short, zoneOf } from "./text";

const HOUR = 3_600_000;

/** Age of a forecast in words. */
export function age(start: Date, now: Date, language: Language): string {
  const hours = (now.getTime() - start.getTime()) / HOUR;
  if (hours < 0) return say(language, "notYet");
  if (hours < 1) return say(language, "minutesOld", { n: Math.floor(hours * 60) });
  if (hours < 48) return say(language, "hoursOld", { n: Math.floor(hours) });
  return say(language, "daysOld", { n: Math.floor(hours / 24) });
}

/** Words of a file if the page has its own for them, else as they stand there. */
export function named(text: string, language: Language): string {
  return isKey(text) ? say(language, text) : text;
}

export function drawChoices(id: "region" | "source", choices: readonly Choice[], chosen: string | null, language: Language): void {
  const select = byId<HTMLSelectElement>(id);
  const called = ({ name, title, titleZh }: Choice): string =>
    id === "source" && isKey(name) ? say(language, name) : (language === "zh" && titleZh) || title;
  select.replaceChildren(...choices.map((choice) => make("option", { value: choice.name }, called(choice))));
  if (chosen !== null) select.value = chosen;
  select.disabled = choices.length < 2;
  select.hidden = choices.length === 0;
}

/** Cycles to choose from, in the region's time, and the newest whichever that is; nothing to choose where there is one. */
export function drawCycles(stamps: readonly string[], chosen: string | null, timezone: string | undefined, language: Language): void {
  const select = byId<HTMLSelectElement>("cycles");
  const all = chosen === null || stamps.includes(chosen) ? stamps : [chosen, ...stamps];
  const zone = zoneOf(timezone ?? "UTC");
  const options = all.map((stamp) => make("option", { value: stamp }, short(startOf(stamp), language, zone)));
  select.replaceChildren(make("option", { value: "" }, say(language, "newest")), ...options);
  select.value = chosen ?? "";
  select.hidden = all.length < 2 && chosen === null;
}

/** All that is said of a product; null: there is none. */
export function drawStatus(latest: Latest | null, language: Language, now = new Date()): void {
  byId("status").hidden = latest === null;
  const stale = byId("stale");
  stale.hidden = true;
  if (latest === null) return;
  const start = startOf(latest.cycle);
  const zone = zoneOf(latest.timezone ?? "UTC");
  byId("cycle").textContent = moment(start, language, zone);
  const parts = [say(language, "cycle"), beside(start, language, zone), age(start, now, language)];
  byId("age").textContent = parts.filter(Boolean).join(" · ");
  const { quality } = latest;
  byId("verdict").dataset["quality"] = quality;
  byId("quality").textContent = named(quality, language);
  const long = `${quality}Long`;
  byId("meaning").textContent = isKey(long) ? say(language, long) : "";
  const why = latest.why.map((line) => reason(line, language));
  byId("because").textContent = why.join(language === "zh" ? "；" : "; ");
  byId("because").title = why.join("\n");
  byId("why").replaceChildren(...why.map((line) => make("li", {}, line)));
  const report = byId<HTMLAnchorElement>("report");
  report.hidden = latest.report === "";
  report.href = `${inStore(latest.report).href}${language === "zh" ? "#zh" : ""}`;
  const days = Math.floor((now.getTime() - start.getTime()) / (24 * HOUR));
  if (days >= 1) {
    stale.textContent = days === 1 ? say(language, "staleOne") : say(language, "stale", { n: days });
    stale.hidden = false;
  }
}

/** Fixed words of index.html. */
export function drawWords(language: Language): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = say(language, "title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-say], [data-title], [data-label], [data-hint]")) {
    const { say: text, title, label, hint } = element.dataset;
    if (text && isKey(text)) element.textContent = say(language, text);
    if (title && isKey(title)) element.title = say(language, title);
    if (hint && isKey(hint)) element.setAttribute("placeholder", say(language, hint));
    if (label && isKey(label)) element.setAttribute("aria-label", say(language, label));
  }
}
