import { describe, expect, test } from "vitest";
import { type Chunk, ChunkCache } from "../src/chunks";

const chunk = (values: number): Chunk => ({ data: new Float32Array(values), shape: [values], stride: [1] });
const still = new AbortController().signal;

/** Loads that end when they are told to, or when they are given up. */
function loader() {
  const loads: { end: (found: Chunk) => void; fail: (error: unknown) => void; signal: AbortSignal }[] = [];
  const load = (signal: AbortSignal): Promise<Chunk> =>
    new Promise((resolve, reject) => {
      loads.push({ end: resolve, fail: reject, signal });
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  return { loads, load };
}

test("who asks at the same time gets what is fetched once", async () => {
  const { loads, load } = loader();
  const cache = new ChunkCache(100);
  const both = Promise.all([cache.get("a", load, still), cache.get("a", load, still)]);
  expect(loads).toHaveLength(1);
  const found = chunk(2);
  loads[0]?.end(found);
  expect(await both).toEqual([found, found]);
  expect(await cache.get("a", load, still)).toBe(found);
  expect(loads).toHaveLength(1);
});

describe("giving up", () => {
  test("by one of two does not take it from the other", async () => {
    const { loads, load } = loader();
    const cache = new ChunkCache(100);
    const [first, second] = [new AbortController(), new AbortController()];
    const [given, kept] = [cache.get("a", load, first.signal), cache.get("a", load, second.signal)];
    first.abort();
    await expect(given).rejects.toMatchObject({ name: "AbortError" });
    expect(loads[0]?.signal.aborted).toBe(false);
    loads[0]?.end(chunk(1));
    expect(await kept).toEqual(chunk(1));
  });

  test("by all of them ends the request, and the next who asks begins another", async () => {
    const { loads, load } = loader();
    const cache = new ChunkCache(100);
    const [first, second] = [new AbortController(), new AbortController()];
    const both = [cache.get("a", load, first.signal), cache.get("a", load, second.signal)];
    first.abort();
    second.abort();
    for (const asked of both) await expect(asked).rejects.toMatchObject({ name: "AbortError" });
    expect(loads[0]?.signal.aborted).toBe(true);
    const again = cache.get("a", load, still);
    expect(loads).toHaveLength(2);
    loads[1]?.end(chunk(1));
    expect(await again).toEqual(chunk(1));
  });

  test("of a chunk that is there already keeps it", async () => {
    const { loads, load } = loader();
    const cache = new ChunkCache(100);
    const wanted = cache.get("a", load, still);
    loads[0]?.end(chunk(1));
    await wanted;
    const controller = new AbortController();
    const asked = cache.get("a", load, controller.signal);
    controller.abort();
    await Promise.allSettled([asked]);
    await cache.get("a", load, still);
    expect(loads).toHaveLength(1);
  });

  test("beforehand asks for nothing", async () => {
    const { loads, load } = loader();
    await expect(new ChunkCache(100).get("a", load, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    expect(loads).toHaveLength(0);
  });

  test("by a neighbour whose request it was joined with is tried again", async () => {
    const { loads, load } = loader();
    const wanted = new ChunkCache(100).get("a", load, still);
    loads[0]?.fail(new DOMException("given up", "AbortError"));
    await expect.poll(() => loads.length).toBe(2);
    loads[1]?.end(chunk(3));
    expect(await wanted).toEqual(chunk(3));
  });
});

test("what failed is not kept", async () => {
  const { loads, load } = loader();
  const cache = new ChunkCache(100);
  const failing = cache.get("a", load, still);
  loads[0]?.fail(new Error("no network"));
  await expect(failing).rejects.toThrow("no network");
  const again = cache.get("a", load, still);
  loads[1]?.end(chunk(1));
  expect(await again).toEqual(chunk(1));
});

test("beyond its capacity the least recently used goes", async () => {
  const cache = new ChunkCache(24); // bytes: two chunks of three values
  const fetched: string[] = [];
  const get = (key: string): Promise<Chunk> =>
    cache.get(key, () => {
      fetched.push(key);
      return Promise.resolve(chunk(3));
    }, still);
  for (const key of ["a", "b", "a", "c", "a", "b"]) await get(key);
  expect(fetched).toEqual(["a", "b", "c", "b"]);
});
