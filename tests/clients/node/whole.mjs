// Loads every array of a product with zarrita, for each line that comes in: node whole.mjs FOLDER [CODEC.mjs]
// Prints the sha-256 of all values, in the order of the arrays' paths, or "error" and what was raised.
// CODEC.mjs: the page's checksum.ts, bundled; zarrita itself takes checksums off and does not look.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import * as zarr from "zarrita";
import FileSystemStore from "@zarrita/storage/fs";

const [place, codec] = process.argv.slice(2);
if (codec) (await import(codec)).holdToChecksums();

async function whole() {
  const store = await zarr.withConsolidatedMetadata(new FileSystemStore(place), { format: "v3" });
  const root = await zarr.open.v3(store, { kind: "group" });
  const hash = createHash("sha256");
  for (const { path, kind } of store.contents().sort((a, b) => (a.path < b.path ? -1 : 1))) {
    if (kind !== "array") continue;
    const array = await zarr.open.v3(root.resolve(path), { kind: "array" });
    const found = await zarr.get(array);
    const data = array.shape.length ? found.data : [found]; // a number on its own comes without a chunk
    const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
    hash.update(path).update(bytes ?? Array.from(data, String).join("\0"));
  }
  return hash.digest("hex");
}

for await (const _ of createInterface({ input: process.stdin })) {
  console.log(await whole().catch((error) => `error ${String(error).split("\n")[0]}`));
}
