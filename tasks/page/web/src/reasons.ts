/** Reasons of a verdict in the reader's language: the gate writes them in English, a table has how each kind reads in Chinese. */

import type { Language } from "./i18n";
import table from "../../../present/reasons.json";

const KINDS = table.map(([pattern = "", text = ""]) => [new RegExp(`^${pattern}$`, "u"), text] as const);

/** A reason that is of no known kind stays as it is. */
export function reason(text: string, language: Language): string {
  if (language === "en") return text;
  for (const [pattern, zh] of KINDS) {
    const found = pattern.exec(text);
    if (found) return zh.replace(/\{(\d)\}/g, (_, n: string) => found[Number(n)] ?? "");
  }
  return text;
}
