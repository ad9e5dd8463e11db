// The body of a response that is still coming in, as a byte stream; unpacked the way workerd does it.

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { closeWhenOver } from "../../invocation.js";
import { native } from "../../native.js";
import { lostConnection } from "./exchange.js";

/** What may wait in memory before the connection is told to. */
const READ_AHEAD_BYTES = 64 * 1024;

export type Packing = "gzip" | "br" | null;

export function receivedBody(message: IncomingMessage, parts: { packing: Packing; signal: AbortSignal | null }) {
  const { packing, signal } = parts;
  const source = packing === null ? message : unpack(message, packing);
  let isOver = false;
  let abort = () => {};
  let keep = () => {};
  const end = (close: () => void) => {
    if (isOver) return;
    isOver = true;
    signal?.removeEventListener("abort", abort);
    keep();
    close();
  };
  return new native.ReadableStream(
    {
      type: "bytes",
      start: (controller) => {
        abort = () => {
          end(() => controller.error(signal?.reason));
          message.destroy();
        };
        signal?.addEventListener("abort", abort, { once: true });
        // Whoever looks at the status only would hold the connection for ever.
        keep = closeWhenOver(() => {
          end(() => controller.error(lostConnection(new Error("its invocation is over"))));
          message.destroy();
        });
        source.on("data", (chunk: Buffer) => {
          if (isOver) return;
          // Chunks share a buffer, and a byte stream takes away the one it is given.
          controller.enqueue(new Uint8Array(chunk));
          if ((controller.desiredSize ?? 0) <= 0) source.pause();
        });
        source.on("end", () =>
          end(() => {
            controller.close();
            controller.byobRequest?.respond(0);
          }),
        );
        source.on("error", (error: Error) => end(() => controller.error(failure(error, packing))));
        source.on("close", () => end(() => controller.error(lostConnection(new Error("closed before its end")))));
      },
      pull: () => {
        source.resume();
      },
      cancel: () => {
        end(() => message.destroy());
      },
    },
    { highWaterMark: READ_AHEAD_BYTES },
  );
}

function unpack(message: IncomingMessage, packing: "gzip" | "br"): Readable {
  const { createGunzip, createBrotliDecompress } = native.process.getBuiltinModule("node:zlib");
  const unpacking = packing === "gzip" ? createGunzip() : createBrotliDecompress();
  message.on("error", (error) => unpacking.destroy(error));
  message.on("close", () => {
    if (!message.complete) unpacking.destroy(new Error("closed before its end"));
  });
  return message.pipe(unpacking);
}

/** zlib's errors have codes of its own. */
function failure(error: Error & { code?: string }, packing: Packing): Error {
  if (!/^(Z_|ERR__ERROR_|ERR_BROTLI|ERR_ZLIB)/.test(error.code ?? "")) return lostConnection(error);
  return new TypeError(`${packing === "gzip" ? "Gzip" : "Brotli"} decompression failed.`);
}
