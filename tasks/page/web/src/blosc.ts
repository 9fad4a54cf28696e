/**
 * Blosc without WebAssembly, as products are packed: Zstandard under it, bytes or bits shuffled. A module of 600 kB for that is a
 * slow line's wait; it is fetched for what this does not read (other codecs) and for large chunks, which it unpacks faster.
 *
 * Format: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
 */

import { decompress } from "fzstd";
import { registry } from "zarrita";

const HEADER = 16;
const ZSTD = 4;
const MOST_SPLITS = 16;
const LEAST_SPLIT = 128;
const LARGE = 4 << 20; // bytes unpacked, of which bits are put in order here in some 50 ms
const BYTES_SHUFFLED = 1;
const COPIED = 2;
const BITS_SHUFFLED = 4;
const NOT_SPLIT = 16;

interface Decoder {
  decode(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

interface Header {
  readonly flags: number;
  readonly width: number; // bytes of a value
  readonly size: number; // bytes unpacked
  readonly block: number; // of these in a block
}

function header(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER || view.getUint32(12, true) !== bytes.length) throw new Error("blosc: a chunk is cut off");
  return { flags: view.getUint8(2), width: view.getUint8(3), size: view.getUint32(4, true), block: view.getUint32(8, true) };
}

/** Whether this reads it, and fast enough. */
function isOurs({ flags, size }: Header): boolean {
  return size <= LARGE && ((flags & COPIED) !== 0 || flags >> 5 === ZSTD);
}

function unpacked(bytes: Uint8Array, { flags, width, size, block }: Header): Uint8Array {
  const out = new Uint8Array(size);
  if (flags & COPIED) {
    out.set(bytes.subarray(HEADER, HEADER + size));
    return out;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0, i = 0; start < size; start += block, i += 1) {
    const part = out.subarray(start, Math.min(start + block, size));
    const whole = part.length === block;
    const split = !(flags & NOT_SPLIT) && whole && width <= MOST_SPLITS && block / width >= LEAST_SPLIT;
    const streams = split ? width : 1;
    const each = part.length / streams;
    let at = view.getUint32(HEADER + 4 * i, true);
    const raw = new Uint8Array(part.length);
    for (let k = 0; k < streams; k += 1) {
      const length = view.getUint32(at, true);
      const stream = bytes.subarray(at + 4, at + 4 + length);
      raw.set(length === each ? stream : decompress(stream), k * each);
      at += 4 + length;
    }
    inOrder(raw, part, flags, width);
  }
  return out;
}

function inOrder(raw: Uint8Array, out: Uint8Array, flags: number, width: number): void {
  const count = Math.floor(raw.length / width);
  if (flags & BITS_SHUFFLED && count % 8 === 0) bitsInOrder(raw, out, count, width);
  else if (flags & BYTES_SHUFFLED && width > 1) bytesInOrder(raw, out, count, width);
  else out.set(raw);
  out.set(raw.subarray(count * width), count * width); // what is no whole value stands as it is
}

function bytesInOrder(raw: Uint8Array, out: Uint8Array, count: number, width: number): void {
  for (let byte = 0; byte < width; byte += 1) {
    for (let i = 0; i < count; i += 1) out[i * width + byte] = raw[byte * count + i] as number;
  }
}

/** Rows of single bits, of eight values a byte, back into values: 8 x 8 bits at a time are turned over (Hacker's Delight, 7-3). */
function bitsInOrder(raw: Uint8Array, out: Uint8Array, count: number, width: number): void {
  const row = count / 8;
  for (let byte = 0; byte < width; byte += 1) {
    const first = 8 * byte * row;
    for (let g = 0; g < row; g += 1) {
      const at = first + g;
      const of = (k: number): number => raw[at + k * row] as number;
      let low = of(0) | (of(1) << 8) | (of(2) << 16) | (of(3) << 24);
      let high = of(4) | (of(5) << 8) | (of(6) << 16) | (of(7) << 24);
      let t = (low ^ (low >>> 7)) & 0x00aa00aa;
      low ^= t ^ (t << 7);
      t = (high ^ (high >>> 7)) & 0x00aa00aa;
      high ^= t ^ (t << 7);
      t = (low ^ (low >>> 14)) & 0x0000cccc;
      low ^= t ^ (t << 14);
      t = (high ^ (high >>> 14)) & 0x0000cccc;
      high ^= t ^ (t << 14);
      t = ((low >>> 4) ^ high) & 0x0f0f0f0f;
      high ^= t;
      low ^= t << 4;
      const to = 8 * g * width + byte;
      for (let k = 0; k < 4; k += 1) {
        out[to + k * width] = low >>> (8 * k);
        out[to + (k + 4) * width] = high >>> (8 * k);
      }
    }
  }
}

const kind = "bytes_to_bytes" as const;

let theirs: ReturnType<typeof registry.get>;

/** From now on zarrita reads Blosc by it, and by its own module what is left. */
export function readBlosc(): void {
  if (theirs) return; // once: what is asked for the rest must not be this
  theirs = registry.get("blosc");
  registry.set("blosc", () =>
    Promise.resolve({
      kind,
      fromConfig: (configuration: unknown, metadata: unknown) => ({
        kind,
        encode(): never {
          throw new Error("the page writes nothing");
        },
        async decode(bytes: Uint8Array): Promise<Uint8Array> {
          const about = header(bytes);
          if (isOurs(about)) return unpacked(bytes, about);
          const module = (await theirs?.()) as { fromConfig(c: unknown, m: unknown): Decoder } | undefined;
          if (!module) throw new Error("blosc: no module for this codec");
          return module.fromConfig(configuration, metadata).decode(bytes);
        },
        computeEncodedSize(): never {
          throw new Error("the page writes nothing");
        },
      }),
    } as never),
  );
}
