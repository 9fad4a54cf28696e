/** index.html's elements in the document of a test. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HERE } from "./served";

export function showPage(): void {
  const body = /<body>(.*)<\/body>/s.exec(readFileSync(join(HERE, "../index.html"), "utf8"))?.[1] ?? "";
  document.body.innerHTML = body.replace(/<script.*<\/script>/, "");
}

export const textOf = (id: string): string => document.getElementById(id)?.textContent ?? "";
export const isHidden = (id: string): boolean => document.getElementById(id)?.hidden === true;
