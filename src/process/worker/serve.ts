// Part of the processor `worker`: the whole Worker over HTTP, so that a person's own pages and API go on working.
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { codeOf, messageOf } from "../../errors.js";
import { ThreadEnded } from "../../workerd/host/ended.js";
import type { Host } from "../../workerd/host/host.js";
import { toCall, toResponse } from "../../workerd/host/web.js";

interface ServeOptions {
  port: number;
  host: Host;
  onTrouble: (text: string) => void;
}

/** Under PM2 all instances share the port, and requests go to them in turn. A port that is taken is said and left. */
export async function serveWorker({ port, host, onTrouble }: ServeOptions): Promise<{ close(): void }> {
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
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
