/** Decoded chunks in memory: each is fetched once however many ask for it, and given up when nobody does any more. */

import { isAbort } from "./failures";

export interface Chunk {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

interface Entry {
  readonly chunk: Promise<Chunk>;
  readonly controller: AbortController;
  bytes: number;
  askers: number;
}

export class ChunkCache {
  readonly #entries = new Map<string, Entry>(); // the least recently used first
  #bytes = 0;

  constructor(readonly capacity: number) {}

  /** A chunk, from memory or by `load`; an AbortError when `signal` says so. */
  async get(key: string, load: (signal: AbortSignal) => Promise<Chunk>, signal: AbortSignal): Promise<Chunk> {
    signal.throwIfAborted();
    const entry = this.#entries.get(key) ?? this.#start(key, load);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.askers += 1;
    let abandon: ((reason: unknown) => void) | undefined;
    const abandoned = new Promise<never>((_, reject) => {
      abandon = reject;
    });
    const leave = (): void => {
      abandon?.(signal.reason);
      entry.askers -= 1;
      if (entry.askers === 0 && entry.bytes === 0) {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
        entry.controller.abort(signal.reason);
      }
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([entry.chunk, abandoned]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (!signal.aborted) entry.askers -= 1;
    }
  }

  #start(key: string, load: (signal: AbortSignal) => Promise<Chunk>): Entry {
    const controller = new AbortController();
    const chunk = load(controller.signal).catch((error: unknown) => {
      // requests of neighbours are joined into one: theirs may have been given up, not this one
      if (isAbort(error) && !controller.signal.aborted) return load(controller.signal);
      throw error;
    });
    const entry: Entry = { chunk, controller, bytes: 0, askers: 0 };
    this.#entries.set(key, entry);
    chunk.then(
      (found) => {
        entry.bytes = found.data.byteLength;
        this.#bytes += entry.bytes;
        this.#evict();
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return entry;
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= this.capacity) return;
      if (entry.bytes === 0) continue;
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
    }
  }
}
