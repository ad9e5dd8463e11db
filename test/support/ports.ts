// Ports that were free a moment ago.
import { createServer, type Server } from "node:net";

/** The first of so many in a row that are free, below those that the kernel gives away by itself. */
export async function freePort(inARow = 1): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all(Array.from({ length: inARow }, (_, more) => isFree(port + more)));
    if (free.every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server: Server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}
