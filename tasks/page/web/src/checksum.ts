/** The crc32c of chunks, held against their bytes: zarrita takes it off and does not look. */

import { registry } from "zarrita";
import { Failure } from "./failures";

const POLYNOMIAL = 0x82f63b78; // Castagnoli's, its bits reversed: RFC 3720, 12.1
const SIZE = 4; // bytes, the lowest first

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest;
});

export function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (rest >>> 8) ^ (TABLE[(rest ^ byte) & 0xff] ?? 0);
  return ~rest >>> 0;
}

const kind = "bytes_to_bytes" as const;

export const Crc32c = {
  kind,
  fromConfig: () => ({
    kind,
    encode(): never {
      throw new Error("the page writes nothing");
    },
    /** The bytes before their checksum; Failure "altered" if they have another one. */
    decode(whole: Uint8Array): Uint8Array {
      const bytes = whole.subarray(0, -SIZE);
      const stated = whole.length < SIZE ? NaN : new DataView(whole.buffer, whole.byteOffset + bytes.length, SIZE).getUint32(0, true);
      if (crc32c(bytes) !== stated) throw new Failure("altered");
      return bytes;
    },
    computeEncodedSize: (size: number) => size + SIZE,
  }),
} as const;

/** From now on zarrita holds chunks and shards' indices against their checksums. */
export function holdToChecksums(): void {
  registry.set("crc32c", () => Promise.resolve(Crc32c));
}
