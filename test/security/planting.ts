// What tests with planted secrets share: a server that repeats what it is sent, and a look at all that PM2 shows.
import { statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import type { Answer } from "../support/process.js";
import type { Search } from "./secrets.js";

type Handler = (request: IncomingMessage, body: string, response: ServerResponse) => void;

export async function listen(handler: Handler): Promise<number> {
  const server = createServer(async (request, response) => handler(request, await text(request), response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** All that a server was sent, in the forms in which servers repeat things. */
export function echo({ headers, url, method }: IncomingMessage, body: string): string {
  const authorization = String(headers.authorization ?? "");
  const token = authorization.replace(/^\S+ /, "");
  const ends = `key ${token.slice(0, 8)}... (ends in ${token.slice(-8)})`;
  const encoded = [
    encodeURIComponent(token),
    Buffer.from(token).toString("base64"),
    Buffer.from(`u:${token}`).toString("base64url"),
  ];
  return `${ends} ${encoded.join(" ")} ${JSON.stringify({ headers })} ${method} ${url} ${body}`;
}

/** Files that are there to hold secrets; all of them for the owner's eyes only. */
export function expectOwnersOnly(...files: string[]): void {
  for (const file of files) expect([file, statSync(file).mode & 0o077]).toEqual([file, 0]);
}

export async function everyPm2(pm2: (...args: string[]) => Promise<Answer>, search: Search): Promise<void> {
  for (const args of [["jlist"], ["prettylist"], ["env", "0"], ["show", "hidb"], ["save"], ["logs", "--nostream"]]) {
    const { stdout, stderr } = await pm2(...args);
    search.look(`pm2 ${args.join(" ")}`, stdout + stderr);
  }
}
