/** Whose data these are in the reader's language: products have it in English, a table has its parts in Chinese. */

import table from "./credits.json";
import type { Language } from "./i18n";

const KNOWN: Readonly<Record<string, string>> = table;

/** Names and licences stay; a part that is not in the table, as a region's file may have it, stays as it is. */
export function credit(text: string, language: Language): string {
  if (language === "en") return text;
  return text.split(/[;.] /).map((part) => (Object.hasOwn(KNOWN, part) ? KNOWN[part] : part)).join("；");
}
