import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { defineConfig } from "vite";

/** Each part packed by Brotli beside it, once at its best: an eighth smaller than what a server packs in passing. */
const packed = () => ({
  name: "packed",
  apply: "build",
  writeBundle({ dir }) {
    const folder = join(dir ?? "dist", "viewer");
    for (const name of readdirSync(folder).filter((n) => /\.(js|css)$/.test(n))) {
      const bytes = readFileSync(join(folder, name));
      const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
      writeFileSync(join(folder, `${name}.br`), brotliCompressSync(bytes, { params }));
    }
  },
});

export default defineConfig({
  base: "./", // the page works wherever a store is put
  build: {
    assetsDir: "viewer", // in every store since the first page: those that are open find their parts there
    target: "es2022",
    chunkSizeWarningLimit: 1500, // MapLibre is one piece
    license: { fileName: "viewer/licences.md" }, // of what is bundled
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: { fs: { allow: [".", "../../present"] } }, // words that reports have too
  plugins: [packed()],
  worker: { format: "es" },
});
