// How workerd's own classes take what JavaScript gives them: coerced where it coerces, refused in its words where not.
import { isAnyArrayBuffer, isArrayBufferView } from "node:util/types";
import { wrongType } from "../globals/refusals.js";

/** Something whose properties may be looked at. */
export type Given = Record<PropertyKey, unknown>;

export interface Parameter {
  /** As people know it: `KvNamespace.put`. */
  of: string;
  /** Counted from 1. */
  index: number;
  type: string;
}

export function wrongParameter({ of, index, type }: Parameter): TypeError {
  const [owner = "", method = ""] = of.split(".");
  return wrongType(method, owner, index, type);
}

/** What is not given at all is refused; anything else is made a string, `undefined` as well. */
export function stringOf(args: readonly unknown[], parameter: Omit<Parameter, "type">): string {
  if (args.length < parameter.index) throw wrongParameter({ ...parameter, type: "string" });
  return text(args[parameter.index - 1]);
}

/** An object of options; null and undefined stand for none. */
export function optionsOf(value: unknown, parameter: Parameter): Given {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw wrongParameter(parameter);
  return value;
}

export function isObject(value: unknown): value is Given {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Lone surrogates become U+FFFD, as whenever a string leaves V8 as UTF-8. */
export function text(value: unknown): string {
  return `${value as string}`.toWellFormed();
}

export function optionalText(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : text(value);
}

const INT_MIN = -2_147_483_648;
const INT_MAX = 2_147_483_647;

/** A C++ int: fractions are cut off, what is no number is 0; errors: TypeError when out of range. */
export function int(value: unknown): number {
  const number = Number(value);
  if (!Number.isFinite(number)) return 0;
  if (number < INT_MIN || number > INT_MAX) {
    throw new TypeError(`Value out of range. Must be between ${INT_MIN} and ${INT_MAX} (inclusive).`);
  }
  return Math.trunc(number) + 0;
}

/** The bytes of a string, a buffer or a view of one; undefined for anything else. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (isAnyArrayBuffer(value)) return new Uint8Array(value);
  if (isArrayBufferView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

export function isStream(value: unknown): value is ReadableStream<unknown> {
  return tagOf(value) === "ReadableStream";
}

export function isBlob(value: unknown): value is Blob {
  return tagOf(value) === "Blob" || tagOf(value) === "File";
}

export function isHeaders(value: unknown): value is Headers {
  return tagOf(value) === "Headers";
}

/** By name and not by class: the Worker's classes are not Node's. */
function tagOf(value: unknown): string {
  return isObject(value) ? Object.prototype.toString.call(value).slice(8, -1) : "";
}

/** A stream's chunks as bytes, strings among them encoded. */
export async function* chunksOf(stream: ReadableStream<unknown>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const chunk = bytesOf(value);
      if (chunk === undefined)
        throw new TypeError(
          "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.",
        );
      yield chunk;
    }
  } finally {
    reader.releaseLock();
  }
}
