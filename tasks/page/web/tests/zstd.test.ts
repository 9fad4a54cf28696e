import Packer from "numcodecs/zstd";
import { expect, test } from "vitest";
import * as zarr from "zarrita";
import { readZstd } from "../src/zstd";

readZstd();

async function read(bytes: Uint8Array): Promise<ArrayLike<number>> {
  const metadata = {
    zarr_format: 3, node_type: "array", shape: [500], data_type: "float64", fill_value: 0, attributes: {},
    chunk_grid: { name: "regular", configuration: { chunk_shape: [500] } },
    chunk_key_encoding: { name: "default", configuration: { separator: "/" } },
    codecs: [{ name: "bytes", configuration: { endian: "little" } }, { name: "zstd", configuration: { level: 0, checksum: false } }],
  };
  const store = new Map([["/zarr.json", new TextEncoder().encode(JSON.stringify(metadata))], ["/c/0", bytes]]);
  return (await zarr.get(await zarr.open.v3(store, { kind: "array" }))).data as ArrayLike<number>;
}

test("an axis that was packed elsewhere is read to the bit", async () => {
  const axis = Float64Array.from({ length: 500 }, (_, i) => 33.275 - 0.05 * i);
  expect(Array.from(await read(await Packer.fromConfig({ id: "zstd", level: 1 }).encode(new Uint8Array(axis.buffer))))).toEqual(Array.from(axis));
});

test("what is no such frame is an error", async () => {
  await expect(read(new Uint8Array(64).fill(7))).rejects.toThrow("zstd");
});
