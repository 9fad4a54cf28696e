import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/*.test.ts"],
    css: false,
    env: { TZ: "Asia/Shanghai" }, // not UTC, so that what takes one for the other fails
  },
});
