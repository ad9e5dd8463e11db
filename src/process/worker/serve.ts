// Part of the processor `worker`: the whole Worker over HTTP, so that a person's own pages and API go on working.
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { Clock } from "../../clock.js";
import { codeOf, messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import { ThreadEnded } from "../../workerd/host/ended.js";
import type { Host } from "../../workerd/host/host.js";
import { toCall, toResponse } from "../../workerd/host/web.js";

interface ServeOptions {
  port: number;
  host: Host;
  clock: Clock;
  onTrouble: (text: string) => void;
}

/** Requests under way may end before the instance does; a stream that never ends keeps it no longer. */
const CLOSE_GRACE_MS: Millis = 3000;

/** Under PM2 all instances share the port, and requests go to them in turn. A port that is taken is said and left. */
export async function serveWorker({ port, host, clock, onTrouble }: ServeOptions): Promise<{ close(): Promise<void> }> {
  const answer = async (request: Request): Promise<Response> => {
    try {
      // A body is sent on as it comes; the client going away aborts the event.
      const stream = request.body === null ? {} : { body: request.body };
      const call = { ...(await toCall(request.url, { method: request.method, headers: request.headers, ...stream })) };
      return toResponse(await host.run({ kind: "fetch", call }, request.signal).answer);
    } catch (error) {
      if (error instanceof ThreadEnded) return new Response(error.message, { status: 503 });
      onTrouble(`expected the Worker to answer ${new URL(request.url).pathname}, got ${messageOf(error)}`);
      return new Response("Internal Server Error", { status: 500 });
    }
  };
  const server = serve({ fetch: answer, port, hostname: "127.0.0.1", overrideGlobalObjects: false }) as Server;
  server.on("error", (error) => {
    const why = codeOf(error) === "EADDRINUSE" ? "somebody else has it" : messageOf(error);
    onTrouble(`expected port ${port} (HIDB_WORKER_PORT) to be free, but ${why}; videos are processed all the same`);
  });
  return {
    async close() {
      const over = new AbortController();
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.race([closed, clock.sleep(CLOSE_GRACE_MS, over.signal)]);
      over.abort();
      server.closeAllConnections();
    },
  };
}
