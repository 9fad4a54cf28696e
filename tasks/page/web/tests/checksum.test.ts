import { expect, test } from "vitest";
import * as zarr from "zarrita";
import { Crc32c, crc32c, holdToChecksums } from "../src/checksum";
import { failureOf } from "../src/failures";

holdToChecksums();

const text = (written: string): Uint8Array => new TextEncoder().encode(written);

test("crc32c is the one of RFC 3720, B.4", () => {
  expect(crc32c(text("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
});

/** A chunk of float32 with its checksum, inside a larger buffer as joined ranges hand it out. */
function chunk(values: number[]): Uint8Array {
  const bytes = new Uint8Array(new Float32Array(values).buffer);
  const whole = new Uint8Array(8 + bytes.length + 4).subarray(8);
  whole.set(bytes);
  new DataView(whole.buffer, whole.byteOffset + bytes.length).setUint32(0, crc32c(bytes), true);
  return whole;
}

async function read(bytes: Uint8Array): Promise<ArrayLike<number>> {
  const metadata = {
    zarr_format: 3, node_type: "array", shape: [2], data_type: "float32", fill_value: 0, attributes: {},
    chunk_grid: { name: "regular", configuration: { chunk_shape: [2] } },
    chunk_key_encoding: { name: "default", configuration: { separator: "/" } },
    codecs: [{ name: "bytes", configuration: { endian: "little" } }, { name: "crc32c" }],
  };
  const store = new Map([["/zarr.json", text(JSON.stringify(metadata))], ["/c/0", bytes]]);
  const array = await zarr.open.v3(store, { kind: "array" });
  return (await zarr.get(array)).data as ArrayLike<number>;
}

test("a chunk whose checksum is right is read", async () => {
  expect(Array.from(await read(chunk([1.5, -2])))).toEqual([1.5, -2]);
});

test.each([0, 5, 8, 11])("of a chunk in which byte %i is wrong nothing is shown", async (at) => {
  const bytes = chunk([1.5, -2]);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  const error = await read(bytes).catch((reason: unknown) => reason);
  expect(failureOf(error)?.key).toBe("altered");
});

test("nor of one that is cut", () => {
  for (const size of [0, 3, 4, 11]) expect(() => Crc32c.fromConfig().decode(chunk([1.5, -2]).subarray(0, size || 1))).toThrow("altered");
});
