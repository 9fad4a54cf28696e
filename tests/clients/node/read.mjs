// Reads one variable of a product, whole, with zarrita: node read.mjs FOLDER-OR-URL VARIABLE
// Prints the sha-256 of each lead time's values, as the ledger has them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as zarr from "zarrita";
import FileSystemStore from "@zarrita/storage/fs";

const [place, name] = process.argv.slice(2);
const store = place.startsWith("http") ? new zarr.FetchStore(place) : new FileSystemStore(place);
const root = await zarr.open.v3(await zarr.withConsolidatedMetadata(store, { format: "v3" }), { kind: "group" });
const array = await zarr.open.v3(root.resolve(name), { kind: "array" });
const field = await zarr.get(array);
const size = field.data.length / field.shape[0];
const digests = Array.from({ length: field.shape[0] }, (_, i) => {
  const values = field.data.subarray(i * size, (i + 1) * size);
  return createHash("sha256").update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)).digest("hex");
});
const version = JSON.parse(readFileSync(new URL("node_modules/zarrita/package.json", import.meta.url))).version;
console.log(JSON.stringify({ version, shape: field.shape, value: field.data[0], digests }));
