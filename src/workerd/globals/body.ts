// What Request and Response have in common: a body that is read once.
import { MIMEType } from "node:util";
import type { Realm } from "../realm.js";
import { allBytes, BODY_USED, Content, copyBytes, type Known } from "./content.js";
import { isFormData, readForm, writeForm } from "./form-data.js";
import { type Headers, showMembers } from "./headers.js";
import { illegalConstructor, illegalInvocation, refuseGlobalScope } from "./refusals.js";

const decoder = new TextDecoder();

interface BodyState {
  content: Content | null;
  /** Has gone to a request that was made of this one. */
  hasMoved: boolean;
}

export let bodyOf: (body: Body) => BodyState;

export class Body {
  readonly #body: BodyState;

  static {
    bodyOf = (body) => {
      if (typeof body !== "object" || body === null || !(#body in body)) throw illegalInvocation();
      return body.#body;
    };
  }

  constructor(content: Content | null) {
    if (new.target === Body) throw illegalConstructor();
    this.#body = { content, hasMoved: false };
  }

  get body(): ReadableStream | null {
    return bodyOf(this).content?.stream ?? null;
  }

  get bodyUsed(): boolean {
    return isUsed(this);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await ownBytes(this)).buffer;
  }

  async bytes(): Promise<Uint8Array> {
    return ownBytes(this);
  }

  async text(): Promise<string> {
    return readText(this);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await readText(this));
  }

  async formData(): Promise<FormData> {
    const type = contentTypeOf(this);
    return readForm(await ownBytes(this), type);
  }

  async blob(): Promise<Blob> {
    const type = normalType(contentTypeOf(this));
    return new Blob([await ownBytes(this)], { type });
  }
}
showMembers(Body);

export function isUsed(body: Body): boolean {
  const { content, hasMoved } = bodyOf(body);
  return hasMoved || content?.isUsed === true;
}

let realm: Realm | undefined;

/** Whose bodies these are: its module's top level may make none. */
export function makeBodiesFor(given: Realm): void {
  realm = given;
}

export function refuseBodyAtStart(): void {
  if (realm !== undefined) refuseGlobalScope(realm);
}

/** What a program has given as a body; `type` is the content type that goes with it. */
export function contentOf(given: unknown): { content: Content | null; type: string | null } {
  if (given === null || given === undefined) return { content: null, type: null };
  if (typeof given === "object") {
    if (given instanceof ReadableStream) return { content: Content.of(given), type: null };
    refuseBodyAtStart();
    if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) {
      return { content: new Content(copyBytes(given)), type: null };
    }
    if (given instanceof Blob) return { content: new Content(given), type: given.type || null };
    if (given instanceof URLSearchParams) {
      return { content: new Content(given.toString()), type: "application/x-www-form-urlencoded;charset=UTF-8" };
    }
    if (isFormData(given)) {
      const { body, type } = writeForm(given);
      return { content: new Content(body), type };
    }
    if (isIterable(given)) return { content: new Content(ReadableStream.from(given)), type: null };
  }
  refuseBodyAtStart();
  return { content: new Content(`${given}`), type: "text/plain;charset=UTF-8" };
}

async function readText(body: Body): Promise<string> {
  const taken = takeFrom(body);
  if (typeof taken !== "string") return decoder.decode(await allBytes(taken));
  const text = taken.isWellFormed() ? taken : taken.toWellFormed();
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Nobody else sees what is done to them. */
async function ownBytes(body: Body): Promise<Uint8Array<ArrayBuffer>> {
  const taken = takeFrom(body);
  return taken instanceof Uint8Array ? copyBytes(taken) : await allBytes(taken);
}

function takeFrom(body: Body): Known | ReadableStream {
  const { content, hasMoved } = bodyOf(body);
  if (hasMoved) throw new TypeError(BODY_USED);
  return content === null ? "" : content.take();
}

function contentTypeOf(body: Body): string | null {
  return (body as Body & { headers: Headers }).headers.get("content-type");
}

function normalType(type: string | null): string {
  if (type === null) return "";
  try {
    return new MIMEType(type).toString();
  } catch {
    return "";
  }
}

function isIterable(given: object): given is Iterable<unknown> | AsyncIterable<unknown> {
  if (given instanceof String) return false;
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = given as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >;
  return typeof sync === "function" || typeof async === "function";
}
