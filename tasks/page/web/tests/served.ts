/**
 * A folder over HTTP, as a static server gives it: with ranges, or like one that ignores them. The first part of a path
 * may be anything: the page keeps chunks by their path, and whoever wants to read them anew takes another.
 */

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

export interface Served {
  /** Where it begins: http://127.0.0.1:PORT/. */
  url: URL;
  /** Paths that were asked for. */
  readonly asked: string[];
}

async function answer(folder: string, request: IncomingMessage, response: ServerResponse, ranges: boolean): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname);
  let body: Buffer;
  try {
    body = await readFile(join(folder, path.replace(/^\/[^/]+/, "")));
  } catch {
    response.writeHead(404).end();
    return;
  }
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  if (!ranges || first + last === "") {
    response.writeHead(200, { "content-length": body.length }).end(body);
    return;
  }
  const from = first === "" ? Math.max(body.length - Number(last), 0) : Number(first);
  const to = first === "" || last === "" ? body.length - 1 : Math.min(Number(last), body.length - 1);
  const part = body.subarray(from, to + 1);
  response.writeHead(206, { "content-length": part.length, "content-range": `bytes ${from}-${to}/${body.length}` }).end(part);
}

/** While the tests of a file run. */
export function serve(folder: string, { ranges = true } = {}): Served {
  const served: Served = { url: new URL("http://127.0.0.1/"), asked: [] };
  const server = createServer((request, response) => {
    served.asked.push(request.url ?? "");
    void answer(folder, request, response, ranges);
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    served.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return served;
}

/** This folder. */
export const HERE = import.meta.dirname;
