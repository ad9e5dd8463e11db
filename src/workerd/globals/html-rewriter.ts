// `HTMLRewriter`: lol-html as WebAssembly, loaded when the first Worker asks for it.
import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";
import type * as Parser from "html-rewriter-wasm";
import { define, type Realm, type Target } from "../realm.js";
import { guard, Run } from "./html-run.js";
import { lending, type TokenKind } from "./html-tokens.js";
import { nameInstances, wrongField, wrongType } from "./refusals.js";
import { Response } from "./response.js";

const LOCKED = "The ReadableStream has been locked to a reader.";
const OWNER = "HTMLRewriter";
const ELEMENT_KINDS = ["element", "comments", "text"] as const;
const DOCUMENT_KINDS = ["doctype", "comments", "text", "end"] as const;

type Handlers = Record<string, unknown>;
/** Puts its handlers on a parser. */
type Registration = (parser: Parser.HTMLRewriter, run: Run) => void;

export function installHtmlRewriter(target: Target, _realm: Realm): void {
  class HTMLRewriter {
    readonly #registrations: Registration[] = [];

    on(...[selector, handlers]: unknown[]): this {
      if (selector === undefined) throw wrongType("on", OWNER, 1, "string");
      const given = readHandlers(handlers, "ElementContentHandlers", ELEMENT_KINDS);
      const register: Registration = (parser, run) =>
        guard(() => parser.on(String(selector), lend(ELEMENT_KINDS, given, run)));
      // A selector that cannot be parsed is refused here, not when a response comes.
      tryOut(register);
      this.#registrations.push(register);
      return this;
    }

    onDocument(...[handlers]: unknown[]): this {
      const given = readHandlers(handlers, "DocumentContentHandlers", DOCUMENT_KINDS);
      this.#registrations.push((parser, run) => parser.onDocument(lend(DOCUMENT_KINDS, given, run)));
      return this;
    }

    transform(...[response]: unknown[]): Response {
      if (!(response instanceof Response)) throw wrongType("transform", OWNER, 1, "Response");
      const { body } = response;
      if (body === null) return new Response(null, response);
      if (body.locked || response.bodyUsed) throw new TypeError(LOCKED);
      // Its content-length is that of the body before; what is sent has its own.
      return new Response(rewrite(body as ReadableStream<Uint8Array>, this.#registrations), response);
    }
  }
  nameInstances(HTMLRewriter, OWNER);
  define(target, OWNER, HTMLRewriter);
}

function readHandlers(handlers: unknown, type: string, kinds: readonly string[]): Handlers {
  const method = type === "ElementContentHandlers" ? "on" : "onDocument";
  const isGiven = handlers === null || typeof handlers === "object" || typeof handlers === "function";
  if (!isGiven) throw wrongType(method, OWNER, method === "on" ? 2 : 1, type);
  const given = (handlers ?? {}) as Handlers;
  for (const kind of kinds) {
    const handler = given[kind];
    if (handler !== undefined && typeof handler !== "function") throw wrongField(kind, type, "function");
  }
  return given;
}

function lend(kinds: readonly TokenKind[], given: Handlers, run: Run): object {
  const bound = kinds.map((kind) => {
    const handler = given[kind] as ((token: never) => unknown) | undefined;
    return [kind, lending(kind, handler?.bind(given), run)];
  });
  return Object.fromEntries(bound.filter(([, handler]) => handler !== undefined));
}

let parser: typeof Parser.HTMLRewriter | undefined;

function makeParser(sink: (chunk: Uint8Array) => void): Parser.HTMLRewriter {
  parser ??= (createRequire(import.meta.url)("html-rewriter-wasm") as typeof Parser).HTMLRewriter;
  return new parser(sink);
}

function tryOut(register: Registration): void {
  const made = makeParser(() => undefined);
  try {
    register(made, new Run());
  } finally {
    made.free();
  }
}

/** The body as it is read, changed; the parser lives as long as somebody reads. */
function rewrite(body: ReadableStream<Uint8Array>, registrations: readonly Registration[]): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  // Handlers belong to the invocation that transforms, whoever reads.
  const inContext = AsyncLocalStorage.snapshot();
  const chunks: Uint8Array[] = [];
  const made = makeParser((chunk) => {
    if (chunk.byteLength > 0) chunks.push(chunk.slice());
  });
  const run = new Run();
  for (const register of registrations) register(made, run);
  let isFree = false;
  const free = () => {
    if (!isFree) made.free();
    isFree = true;
  };
  // The body counts as used from here on.
  let first: ReturnType<typeof reader.read> | undefined = reader.read();
  first.catch(() => undefined);
  const advance = async (): Promise<boolean> => {
    const { done, value } = await (first ?? reader.read());
    first = undefined;
    if (done) await made.end();
    else await made.write(typeof value === "string" ? new TextEncoder().encode(value) : value);
    run.throwFailure();
    return done;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          let done = false;
          while (!done && chunks.length === 0) done = await inContext(advance);
          for (const chunk of chunks.splice(0)) controller.enqueue(chunk);
          if (!done) return;
          free();
          controller.close();
        } catch (error) {
          free();
          reader.cancel(error).catch(() => undefined);
          throw error;
        }
      },
      cancel(reason) {
        free();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
