import { defineConfig } from "vite";

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
  worker: { format: "es" },
});
