/** Numbers and times as people read them. */

import { type Language, type MessageKey, say } from "./i18n";

const LOCALE: Record<Language, string> = { en: "en-GB", zh: "zh-CN" };

const KEPT = 3; // decimals that `finescale point` keeps, and rounds from: 289 K - 273.15 is 15.850000000000023

/** As Python rounds: of two numbers that are as near the even one, where toFixed takes the larger. */
function rounded(size: number, decimals: number): string {
  const exact = size.toFixed(20);
  const point = exact.indexOf(".");
  const [before, after] = [exact.slice(0, decimals > 0 ? point + 1 + decimals : point), exact.slice(point + 1 + decimals)];
  return /^50*$/.test(after) && Number(before.at(-1)) % 2 === 0 ? before : size.toFixed(decimals);
}

/** As `finescale point` has it; with a real minus sign; a rounded zero has no sign; a dash for what is not finite. */
export function number(value: number, decimals: number, signed = false): string {
  if (!Number.isFinite(value)) return "–";
  const text = rounded(Number(rounded(Math.abs(value), Math.max(KEPT, decimals))), decimals);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : signed ? "+" : ""}${text}`;
}

/** An IANA name that this browser knows; UTC in the place of others. */
export function zoneOf(name: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone && name;
  } catch {
    return "UTC";
  }
}

/** Of a time in a zone: UTC, UTC+8. */
export function ahead(time: Date, zone: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts(time);
  return (parts.find((p) => p.type === "timeZoneName")?.value ?? "UTC").replace("GMT", "UTC").replace(/\+0$/, ""); // ICU's versions differ: GMT, GMT+0
}

/** What a zone is called: UTC+8, or as everybody in China calls it. */
export function zoneName(time: Date, language: Language, zone: string): string {
  return language === "zh" && zone === "Asia/Shanghai" ? "北京时间" : ahead(time, zone);
}

function date(time: Date, language: Language, zone: string, year: boolean): string {
  return new Intl.DateTimeFormat(LOCALE[language], {
    timeZone: zone, weekday: "short", day: "numeric", month: "short", ...(year ? { year: "numeric" as const } : {}),
  }).format(time).replace(/,/g, "");
}

/** Fri 10 Dec 20:00. */
export function short(time: Date, language: Language, zone: string): string {
  return `${date(time, language, zone, false)} ${clock(time, zone)}`;
}

/** Sat 11 Dec 2021 04:00 UTC+8; 北京时间2021年12月11日周六 04:00. */
export function moment(time: Date, language: Language, zone: string): string {
  const [text, name] = [`${date(time, language, zone, true)} ${clock(time, zone)}`, zoneName(time, language, zone)];
  return name.startsWith("UTC") ? `${text} ${name}` : `${name}${text}`;
}

/** The same moment in UTC, to stand beside that of a zone which is another: Fri 20:00 UTC. */
export function beside(time: Date, language: Language, zone: string): string {
  if (ahead(time, zone) === "UTC") return "";
  const day = new Intl.DateTimeFormat(LOCALE[language], { timeZone: "UTC", weekday: "short" }).format(time);
  return `${day} ${clock(time, "UTC")} UTC`;
}

export function clock(time: Date, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(time);
}

/** In the time zone of the device, where that is another than UTC and the zone: Sat 04:00 GMT+8. */
export function local(time: Date, language: Language, zone: string): string {
  const own = ahead(time, Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (own === "UTC" || own === ahead(time, zone)) return "";
  return new Intl.DateTimeFormat(LOCALE[language], {
    weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  }).format(time);
}

export function dayOf(time: Date, language: Language, zone: string): string {
  return new Intl.DateTimeFormat(LOCALE[language], { timeZone: zone, weekday: "short", day: "numeric" }).format(time);
}

const POINTS: Record<Language, readonly string[]> = {
  en: ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"],
  zh: ["北", "北东北", "东北", "东东北", "东", "东东南", "东南", "南东南", "南", "南西南", "西南", "西西南", "西", "西西北", "西北", "北西北"],
};

/** One of sixteen points of the compass. */
export function compass(degrees: number, language: Language): string {
  return POINTS[language][Math.round(degrees / 22.5) % 16] ?? "";
}

/** Where wind comes from; from the north it is 360. */
export function bearing(degrees: number): string {
  const text = number(degrees, 0);
  return `${Number(text) === 0 ? 360 : text}°`;
}

/** 30.60°N 114.30°E, 北纬30.60° 东经114.30°. */
export function place(latitude: number, longitude: number, language: Language): string {
  const east = ((((longitude + 180) % 360) + 360) % 360) - 180;
  const degrees = (value: number, positive: MessageKey, negative: MessageKey): string =>
    say(language, value < 0 ? negative : positive, { n: Math.abs(value).toFixed(2) });
  return `${degrees(latitude, "north", "south")} ${degrees(east, "east", "west")}`;
}
