/** The HTTP store of a product: consolidated metadata, joined ranges, and errors that say what is wrong with a server. */

import { FetchStore, withConsolidatedMetadata, withRangeCoalescing } from "zarrita";
import { readBlosc } from "./blosc";
import { holdToChecksums } from "./checksum";
import { Failure, isAbort } from "./failures";
import { readZstd } from "./zstd";

async function answer(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Failure("unreachable", { file: new URL(request.url).pathname });
  }
  if (request.headers.has("Range") && response.status === 200) {
    await response.body?.cancel();
    throw new Failure("noRange", { server: new URL(request.url).host });
  }
  // S3 says 403 of what is not there to those who may not list the bucket
  return response.status === 403 ? new Response(null, { status: 404 }) : response;
}

class ProductStore extends FetchStore {
  override getRange(...[key, range, options]: Parameters<FetchStore["getRange"]>): Promise<Uint8Array | undefined> {
    // a shard's index is shared by all who read in it: one of them giving up must not take it from the others
    if ("suffixLength" in range && options) {
      const { signal: _, ...rest } = options;
      return super.getRange(key, range, rest);
    }
    return super.getRange(key, range, options);
  }
}

export type Store = Awaited<ReturnType<typeof openStore>>;

/** A product's store; Failure "missing" where there is none. */
export async function openStore(url: URL) {
  holdToChecksums();
  readZstd();
  readBlosc();
  const raw = new ProductStore(new URL(url), { fetch: answer, useSuffixRequest: true });
  try {
    return withRangeCoalescing(await withConsolidatedMetadata(raw, { format: "v3" }));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("missing", { file: `${url.pathname}/zarr.json` });
  }
}
