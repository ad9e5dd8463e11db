// Between a pool and its D1: some answers arrive as they never should, whatever D1 has done with the request.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Chance } from "../random.ts";
import type { Exchange } from "./answer.ts";
import { MUTATIONS } from "./mutations.ts";

/** A pool outlives these; a refused token or a day's quota it must not. */
const PASSING = MUTATIONS.filter(
  ({ name, meaning }) => meaning === "nothing" || meaning === "whole" || name.startsWith("HTTP 429, null"),
);

export interface Proxy {
  baseUrl: string;
  /** Names of the mutations that were used. */
  used: string[];
  /** From now on this share of the answers is changed. */
  rage(share: number): void;
  close(): void;
}

export async function startProxy(
  target: string,
  { chance, share: begin }: { chance: Chance; share: number },
): Promise<Proxy> {
  const used: string[] = [];
  let share = begin;
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const mutation = chance.maybe(share) ? chance.pick(PASSING) : undefined;
    if (mutation !== undefined) used.push(mutation.name);
    const isLost = mutation?.meaning === "not applied" || (mutation?.meaning === "nothing" && chance.maybe(0.3));
    const path = request.url?.replace(/^\/client\/v4/, "") ?? "";
    const headers = { authorization: request.headers.authorization ?? "", "content-type": "application/json" };
    const answer = isLost ? undefined : await fetch(target + path, { method: request.method ?? "POST", headers, body });
    const text = (await answer?.text()) ?? EMPTY;
    const truth = JSON.parse(text) as Exchange["truth"];
    if (mutation === undefined || !Array.isArray(truth.result)) {
      response.writeHead(answer?.status ?? 500, { "content-type": "application/json" }).end(text);
      return;
    }
    await mutation.answer({ request, response, truth, elsewhere: "http://127.0.0.1:9/" }, chance);
  };
  const server = createServer(
    (request, response) => void serve(request, response).catch(() => request.socket.destroy()),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`,
    used,
    rage: (next) => {
      share = next;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const EMPTY = JSON.stringify({
  success: true,
  errors: [],
  messages: [],
  result: [{ success: true, meta: { changes: 0 }, results: { columns: ["n"], rows: [[1]] } }],
});
