// What the handlers of an HTMLRewriter are given: the parser's own tokens behind workerd's classes. A token is good
// while its handler runs; content that is a stream is read first, and what is asked for after it waits its turn.
import type * as Parser from "html-rewriter-wasm";
import { guard, type Run } from "./html-run.js";
import { nameInstances } from "./refusals.js";
import { Response } from "./response.js";

const STALE =
  "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.";

type Content = unknown;
type Options = Parser.ContentTypeOptions | undefined;
type Change<T> = (native: T) => unknown;

class Token<T extends object> {
  #native: T | null;
  /** Changes that wait for a stream to have been read. */
  #waiting: Promise<void> | undefined;

  constructor(
    native: T,
    protected readonly run: Run,
  ) {
    this.#native = native;
  }

  /** Runs a handler with this token, then takes it back; a promise only where there is something to wait for. */
  static lend<T extends object>(token: Token<T>, handler: (token: never) => unknown): Promise<void> | undefined {
    const result = handler(token as never);
    if (!isPromise(result) && token.#waiting === undefined) {
      token.#native = null;
      return undefined;
    }
    return token.#outlast(result);
  }

  async #outlast(result: unknown): Promise<void> {
    try {
      await result;
      await this.#waiting;
    } finally {
      this.#native = null;
    }
  }

  protected get native(): T {
    if (this.#native === null) throw new TypeError(STALE);
    return this.#native;
  }

  protected change(work: Change<T>): this {
    const { native } = this;
    if (this.#waiting === undefined) guard(() => work(native));
    else this.#waiting = this.#waiting.then(() => void guard(() => work(native)));
    return this;
  }

  protected insert(content: Content, work: (native: T, text: string) => unknown): this {
    if (!isStreamed(content)) return this.change((native) => work(native, String(content)));
    const { native } = this;
    const text = readText(content);
    this.#waiting = Promise.resolve(this.#waiting).then(async () => {
      const read = await text;
      guard(() => work(native, read));
    });
    return this;
  }
}

interface Replaceable {
  before(content: string, options?: Options): unknown;
  after(content: string, options?: Options): unknown;
  replace(content: string, options?: Options): unknown;
  remove(): unknown;
  readonly removed: boolean;
}

class Replaced<T extends object & Replaceable> extends Token<T> {
  before(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.before(text, options));
  }

  after(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.after(text, options));
  }

  replace(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.replace(text, options));
  }

  remove(): this {
    return this.change((native) => native.remove());
  }

  get removed(): boolean {
    return this.native.removed;
  }
}

class Element extends Replaced<Parser.Element> {
  get tagName(): string {
    return this.native.tagName;
  }

  set tagName(name: unknown) {
    const { native } = this;
    guard(() => {
      native.tagName = String(name);
    });
  }

  get namespaceURI(): string {
    return this.native.namespaceURI;
  }

  get attributes(): IterableIterator<[string, string]> {
    const attributes = this.native.attributes[Symbol.iterator]();
    const next = () => {
      void this.native;
      return attributes.next();
    };
    return { next, [Symbol.iterator]: () => ({ next }) as IterableIterator<[string, string]> };
  }

  getAttribute(name: unknown): string | null {
    return this.native.getAttribute(String(name)) ?? null;
  }

  hasAttribute(name: unknown): boolean {
    return this.native.hasAttribute(String(name));
  }

  setAttribute(name: unknown, value: unknown): this {
    return this.change((native) => native.setAttribute(String(name), String(value)));
  }

  removeAttribute(name: unknown): this {
    return this.change((native) => native.removeAttribute(String(name)));
  }

  prepend(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.prepend(text, options));
  }

  append(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.append(text, options));
  }

  setInnerContent(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.setInnerContent(text, options));
  }

  removeAndKeepContent(): this {
    return this.change((native) => native.removeAndKeepContent());
  }

  onEndTag(handler: (end: never) => unknown): void {
    const { native } = this;
    // The parser hears of it in the run that this token belongs to.
    const run = this.run;
    guard(() => native.onEndTag((end) => run.call(() => Token.lend(new EndTag(end, run), handler))));
  }
}

class EndTag extends Token<Parser.EndTag> {
  get name(): string {
    return this.native.name;
  }

  set name(name: unknown) {
    this.native.name = String(name);
  }

  before(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.before(text, options));
  }

  after(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.after(text, options));
  }

  remove(): this {
    return this.change((native) => native.remove());
  }
}

class Text extends Replaced<Parser.TextChunk> {
  get text(): string {
    return this.native.text;
  }

  get lastInTextNode(): boolean {
    return this.native.lastInTextNode;
  }
}

class Comment extends Replaced<Parser.Comment> {
  get text(): string {
    return this.native.text;
  }

  set text(text: unknown) {
    const { native } = this;
    guard(() => {
      native.text = String(text);
    });
  }
}

class Doctype extends Token<Parser.Doctype> {
  get name(): string | null {
    return this.native.name ?? null;
  }

  get publicId(): string | null {
    return this.native.publicId ?? null;
  }

  get systemId(): string | null {
    return this.native.systemId ?? null;
  }
}

class DocumentEnd extends Token<Parser.DocumentEnd> {
  append(content: Content, options?: Options): this {
    return this.insert(content, (native, text) => native.append(text, options));
  }
}

const CLASSES = { Element, EndTag, Text, Comment, Doctype, DocumentEnd };
for (const [name, made] of Object.entries(CLASSES)) nameInstances(made, name);

type Handler = ((token: never) => unknown) | undefined;

export type TokenKind = "element" | "comments" | "text" | "doctype" | "end";

/** A handler of the Worker's as the parser wants it. */
export function lending(kind: TokenKind, handler: Handler, run: Run) {
  if (handler === undefined) return undefined;
  const made = { element: Element, comments: Comment, text: Text, doctype: Doctype, end: DocumentEnd }[kind];
  const MadeToken = made as new (native: object, run: Run) => Token<object>;
  return (native: object) => run.call(() => Token.lend(new MadeToken(native, run), handler));
}

function isStreamed(content: Content): content is Response | ReadableStream {
  if (typeof content !== "object" || content === null) return false;
  return content instanceof ReadableStream || content instanceof Response;
}

function readText(content: Response | ReadableStream): Promise<string> {
  return content instanceof ReadableStream ? new Response(content).text() : content.text();
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}
