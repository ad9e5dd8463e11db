// All recorded Workers, by area. A new area is a file beside this one and a line below; nothing else.
import type { WorkerCase, WorkerCases } from "../case.ts";
import { cacheApi } from "./caches.ts";
import { context } from "./context.ts";
import { cryptography } from "./crypto.ts";
import { errors } from "./errors.ts";
import { events } from "./events.ts";
import { fetching } from "./fetch.ts";
import { globals } from "./globals.ts";
import { hono } from "./hono.ts";
import { htmlRewriter } from "./html.ts";
import { httpMessages } from "./http-messages.ts";
import { kv } from "./kv.ts";
import { modules } from "./modules.ts";
import { node } from "./node.ts";
import { queues } from "./queues.ts";
import { r2 } from "./r2.ts";
import { sockets } from "./sockets.ts";
import { streams } from "./streams.ts";
import { timers } from "./timers.ts";
import { workersModule } from "./workers-module.ts";

export const AREAS: Record<string, WorkerCases> = {
  cacheApi,
  context,
  cryptography,
  errors,
  events,
  fetching,
  globals,
  hono,
  htmlRewriter,
  httpMessages,
  kv,
  modules,
  node,
  queues,
  r2,
  sockets,
  streams,
  timers,
  workersModule,
};

export interface NamedCase {
  area: string;
  name: string;
  worker: WorkerCase;
}

export function listCases(): NamedCase[] {
  return Object.entries(AREAS).flatMap(([area, cases]) =>
    Object.entries(cases).map(([name, worker]) => ({ area, name, worker })),
  );
}
