/** What can go wrong, as types whose text people see: `key` and `values` name a line of i18n.ts. */

import type { MessageKey } from "./i18n";

export class Failure extends Error {
  constructor(
    readonly key: MessageKey,
    readonly values: Readonly<Record<string, string>> = {},
  ) {
    super(`${key} ${Object.values(values).join(" ")}`);
    this.name = "Failure";
  }
}

/** The Failure that an error is or comes of: zarrita wraps what a codec throws. */
export function failureOf(error: unknown): Failure | null {
  if (error instanceof Failure) return error;
  return error instanceof Error && error.cause !== undefined ? failureOf(error.cause) : null;
}

/** Whether a request was given up because something newer was asked for. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** A JSON file of the store; null where there is none. Stores on S3 may answer 403 for what is not there. */
export async function readJson(url: URL, signal?: AbortSignal): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { cache: "no-cache", ...(signal ? { signal } : {}) });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Failure("unreachable", { file: url.pathname });
  }
  if (response.status === 404 || response.status === 403) return null;
  if (!response.ok) throw new Failure("refused", { file: url.pathname, status: String(response.status) });
  try {
    return await response.json();
  } catch {
    throw new Failure("broken", { file: url.pathname });
  }
}
