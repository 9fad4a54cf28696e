import Packer from "numcodecs/blosc";
import { beforeAll, expect, test } from "vitest";
import { registry } from "zarrita";
import { readBlosc } from "../src/blosc";

/** numcodecs takes numbers for its own enum, which it does not hand out. */
const packer = (config: object) => Packer.fromConfig({ id: "blosc", clevel: 1, ...config });

type Decode = { decode(bytes: Uint8Array): Promise<Uint8Array> };
let read: Decode["decode"];
let fetched = 0;

beforeAll(async () => {
  const theirs = registry.get("blosc") as () => Promise<unknown>;
  registry.set("blosc", (() => {
    fetched += 1;
    return theirs();
  }) as never);
  readBlosc();
  const codec = (await registry.get("blosc")?.()) as unknown as { fromConfig(c: unknown, m: unknown): Decode };
  const unpack = codec.fromConfig({ cname: "zstd", clevel: 1, shuffle: "bitshuffle", typesize: 4, blocksize: 0 }, {});
  read = (bytes) => unpack.decode(bytes);
});

function field(points: number): Uint8Array {
  const values = Float32Array.from({ length: points }, (_, i) => Math.fround(280 + 9 * Math.sin(i / 50) + (i % 7) / 64));
  return new Uint8Array(values.buffer);
}

const SHUFFLES = { none: 0, bytes: 1, bits: 2 };

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0; // toEqual takes seconds

// sizes: a few, odd ones, a province, many blocks
test.each(Object.entries(SHUFFLES))("a chunk is read to the bit, shuffled: %s", async (_, shuffle) => {
  for (const points of [8, 9, 14_151, 14_152, 300_000]) {
    for (const blocksize of [0, 4096]) {
      const packed = await packer({ cname: "zstd", clevel: 5, shuffle, blocksize }).encode(field(points));
      expect(same(await read(packed), field(points)), `${points} in blocks of ${blocksize}`).toBe(true);
    }
  }
  expect(fetched).toBe(0);
});

test("what does not get smaller is copied", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(5000));
  const packed = await packer({ cname: "zstd", shuffle: 0 }).encode(noise);
  expect(same(await read(packed), noise)).toBe(true);
});

test("another codec, and a large chunk, are left to the module", async () => {
  const before = fetched;
  const lz4 = await packer({ cname: "lz4", shuffle: 1 }).encode(field(1000));
  expect(same(await read(lz4), field(1000))).toBe(true);
  const large = await packer({ cname: "zstd", shuffle: 2 }).encode(field(1_200_000));
  expect((await read(large)).length).toBe(4_800_000);
  expect(fetched).toBe(before + 2);
});

test("a chunk that is cut off is an error", async () => {
  const packed = await packer({ cname: "zstd", shuffle: 2 }).encode(field(1000));
  await expect(read(packed.subarray(0, -3))).rejects.toThrow("cut off");
  await expect(read(new Uint8Array(4))).rejects.toThrow("cut off");
});
