// `crypto`: the platform's own, with what Workers have beyond it, and without random values at the top level.
import { createHash, timingSafeEqual } from "node:crypto";
import { native } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";
import { bufferOf, hashOf, isBytes, makeDigestStream, viewOf } from "./digest-stream.js";
import { illegalConstructor, illegalInvocation, nameInstances, refuseGlobalScope, wrongType } from "./refusals.js";

const MOST_RANDOM_BYTES = 65_536;

/** Of the native one: their keys are the platform's own, so they need no more than passing on. */
const PASSED_ON = [
  ...["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits"],
  ...["importKey", "exportKey", "wrapKey", "unwrapKey"],
] as const;

type Method = (...given: unknown[]) => Promise<unknown>;

class Parts {
  constructor(
    readonly realm: Realm,
    readonly subtle: unknown,
  ) {}
}

class SubtleCrypto {
  readonly #realm: Realm;

  constructor(parts?: unknown) {
    if (!(parts instanceof Parts)) throw illegalConstructor();
    this.#realm = parts.realm;
  }

  async digest(...[algorithm, data]: unknown[]): Promise<ArrayBuffer> {
    if (!SubtleCrypto.owns(this)) throw illegalInvocation();
    if (algorithm === undefined) throw wrongType("digest", "SubtleCrypto", 1, "string or HashAlgorithm");
    if (!isBytes(data)) throw wrongType("digest", "SubtleCrypto", 2, "JsBufferSource");
    const hash = hashOf(algorithm);
    if (hash === "md5") return bufferOf(createHash(hash).update(viewOf(data)));
    return native.crypto.subtle.digest(algorithm as string, viewOf(data) as Uint8Array<ArrayBuffer>);
  }

  async generateKey(...given: unknown[]): Promise<unknown> {
    if (!SubtleCrypto.owns(this)) throw illegalInvocation();
    refuseGlobalScope(this.#realm);
    return (native.crypto.subtle.generateKey as Method)(...given);
  }

  timingSafeEqual(...[left, right]: unknown[]): boolean {
    if (!isBytes(left)) throw wrongType("timingSafeEqual", "SubtleCrypto", 1, "JsBufferSource");
    if (!isBytes(right)) throw wrongType("timingSafeEqual", "SubtleCrypto", 2, "JsBufferSource");
    if (left.byteLength !== right.byteLength) throw new TypeError("Input buffers must have the same byte length.");
    return timingSafeEqual(viewOf(left), viewOf(right));
  }

  static owns(value: unknown): boolean {
    return typeof value === "object" && value !== null && #realm in value;
  }
}

for (const name of PASSED_ON) {
  const passed = async function (this: unknown, ...given: unknown[]): Promise<unknown> {
    if (!SubtleCrypto.owns(this)) throw illegalInvocation();
    return Reflect.apply(native.crypto.subtle[name] as Method, native.crypto.subtle, given);
  };
  Object.defineProperty(passed, "name", { value: name });
  Object.defineProperty(SubtleCrypto.prototype, name, { value: passed, writable: true, configurable: true });
}

class Crypto {
  readonly #parts: Parts;

  constructor(parts?: unknown) {
    if (!(parts instanceof Parts)) throw illegalConstructor();
    this.#parts = parts;
  }

  get subtle(): unknown {
    return this.#parts.subtle;
  }

  getRandomValues<T>(array: T): T {
    if (!Crypto.owns(this)) throw illegalInvocation();
    if (!ArrayBuffer.isView(array)) throw wrongType("getRandomValues", "Crypto", 1, "JsArrayBufferView");
    if (!isInteger(array)) {
      const message = "ArrayBufferView argument to getRandomValues() must be an integer-typed view.";
      throw new DOMException(message, "TypeMismatchError");
    }
    if (array.byteLength > MOST_RANDOM_BYTES) throw tooMuch(array.byteLength);
    refuseGlobalScope(this.#parts.realm);
    return native.crypto.getRandomValues(array as unknown as Uint8Array<ArrayBuffer>) as T;
  }

  randomUUID(): string {
    if (!Crypto.owns(this)) throw illegalInvocation();
    refuseGlobalScope(this.#parts.realm);
    return native.crypto.randomUUID();
  }

  static owns(value: unknown): boolean {
    return typeof value === "object" && value !== null && #parts in value;
  }
}

nameInstances(SubtleCrypto, "SubtleCrypto");
nameInstances(Crypto, "Crypto");

export function installCrypto(target: Target, realm: Realm): void {
  const subtle = new SubtleCrypto(new Parts(realm, undefined));
  define(Crypto.prototype as unknown as Target, "DigestStream", makeDigestStream(realm));
  define(target, "Crypto", Crypto);
  define(target, "SubtleCrypto", SubtleCrypto);
  define(target, "crypto", new Crypto(new Parts(realm, subtle)));
}

function isInteger(array: ArrayBufferView): boolean {
  return !(array instanceof DataView) && !/^Float/.test(array.constructor.name);
}

function tooMuch(bytes: number): DOMException {
  const message = `getRandomValues() only accepts buffers of size <= 64K but provided ${bytes} bytes.`;
  return new DOMException(message, "QuotaExceededError");
}
