/** Zstandard without WebAssembly: of a product only coordinates have it, and a module of 750 kB for them is a slow line's wait. */

import { decompress } from "fzstd";
import { registry } from "zarrita";

const kind = "bytes_to_bytes" as const;

export const Zstd = {
  kind,
  fromConfig: () => ({
    kind,
    encode(): never {
      throw new Error("the page writes nothing");
    },
    decode: (bytes: Uint8Array): Uint8Array => decompress(bytes),
    computeEncodedSize(): never {
      throw new Error("the page writes nothing");
    },
  }),
} as const;

/** From now on zarrita reads Zstandard by it; a checksum of its own within a frame is not looked at. */
export function readZstd(): void {
  registry.set("zstd", () => Promise.resolve(Zstd));
}
