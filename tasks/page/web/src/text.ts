/** Numbers and times as people read them. */

import type { Language } from "./i18n";

const LOCALE: Record<Language, string> = { en: "en-GB", zh: "zh-CN" };

/** With a real minus sign; a rounded zero has no sign; a dash for what is not finite. */
export function number(value: number, decimals: number, signed = false): string {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : signed ? "+" : ""}${text}`;
}

/** Fri 10 Dec 2021, 20:00 UTC. */
export function utc(time: Date, language: Language, year = true): string {
  const day = new Intl.DateTimeFormat(LOCALE[language], {
    timeZone: "UTC", weekday: "short", day: "numeric", month: "short", ...(year ? { year: "numeric" as const } : {}),
  }).format(time);
  return `${day.replace(/,/g, "")} ${clock(time)} UTC`;
}

export function clock(time: Date): string {
  return time.toISOString().slice(11, 16);
}

/** In the time zone of the device, where that is another: Sat 04:00 GMT+8. */
export function local(time: Date, language: Language): string {
  if (time.getTimezoneOffset() === 0) return "";
  return new Intl.DateTimeFormat(LOCALE[language], {
    weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  }).format(time);
}

export function dayOf(time: Date, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { timeZone: "UTC", weekday: "short", day: "numeric" }).format(time);
}

const POINTS: Record<Language, readonly string[]> = {
  en: ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"],
  zh: ["北", "东北偏北", "东北", "东北偏东", "东", "东南偏东", "东南", "东南偏南", "南", "西南偏南", "西南", "西南偏西", "西", "西北偏西", "西北", "西北偏北"],
};

/** One of sixteen points of the compass. */
export function compass(degrees: number, language: Language): string {
  return POINTS[language][Math.round(degrees / 22.5) % 16] ?? "";
}

/** 30.60° N  114.30° E. */
export function place(latitude: number, longitude: number): string {
  const east = ((((longitude + 180) % 360) + 360) % 360) - 180;
  return `${Math.abs(latitude).toFixed(2)}° ${latitude < 0 ? "S" : "N"}  ${Math.abs(east).toFixed(2)}° ${east < 0 ? "W" : "E"}`;
}
