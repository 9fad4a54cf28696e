/** Wind's force as forecasts have it: grades of GB/T 28591-2012, of which those up to 12 are WMO's Beaufort numbers. */

import { type Language, say } from "./i18n";
import type { Quantity } from "./quantities";
import { number } from "./text";

/** Lowest speed of each grade, m/s. */
const FROM = [0, 0.3, 1.6, 3.4, 5.5, 8, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7, 37, 41.5, 46.2, 51, 56.1] as const;
const BEYOND = 61.3; // m/s, from which wind is above the highest grade

/** Whether a quantity is a speed that the grades are for: those of wind at 10 m. */
export const hasForce = ({ name }: Quantity): boolean => name === "wind" || name === "gust";

/** The grade of a speed in m/s, "17+" above the highest; by the speed as it is shown, to a tenth. Empty of no speed. */
export function grade(speed: number): string {
  if (!Number.isFinite(speed)) return "";
  const tenths = Number(number(speed, 1));
  return tenths >= BEYOND ? `${FROM.length - 1}+` : String(FROM.findLastIndex((from) => tenths >= from));
}

/** Bft 4, 风力 4 级; empty of no speed. */
export function force(speed: number, language: Language): string {
  const n = grade(speed);
  if (n === "") return "";
  return n.endsWith("+") ? say(language, "forceAbove", { n: n.slice(0, -1) }) : say(language, "force", { n });
}
