import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // the page works wherever a store is put
  build: {
    assetsDir: "viewer",
    target: "es2022",
    chunkSizeWarningLimit: 1500, // MapLibre is one piece
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
});
