// A media file behind http(s): read by ranges, or downloaded into an unlinked temporary file where the server has none.
import { type FileHandle, open, statfs, unlink } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../clock.js";
import { messageOf } from "../../errors.js";
import { HttpClient, RedirectError } from "../../http-client.js";
import { shownUrl } from "../../shown.js";
import type { Millis } from "../../video.js";
import { readRetryAfter } from "../retry-after.js";
import { type Allowed, checkHost, lookupWithin, readAllowed } from "./addresses.js";
import type { ByteSource } from "./bytes.js";
import { decoded, encodingsOf } from "./encodings.js";
import { codeOf, isTrouble, Refusal, Trouble, troubleOf, Unreachable } from "./failure.js";
import { fromHandle } from "./local.js";

const MAX_REDIRECTS = 10;
/** A server that sends no byte for this long is unreachable. */
const SILENCE_MS = 20_000;
const RETRIED_STATUS = new Set([408, 425, 429]);
/** The first window of the file, which is asked for before its size is known. */
const FIRST_BYTES = 64 * 1024;

export interface RemoteParts {
  url: string;
  /** Names, addresses and ranges that may be asked though they are private. */
  allowed: readonly string[];
  /** A name no other probe uses, for the temporary file. */
  uniqueName: string;
  progress: () => void;
}

export async function openRemote({ url, allowed, uniqueName, progress }: RemoteParts): Promise<ByteSource> {
  const target = readTarget(url, allowed);
  try {
    const response = await request(target, `bytes=0-${FIRST_BYTES - 1}`);
    const size = rangedSize(response);
    if (size !== null) {
      const first = new Uint8Array(Math.min(FIRST_BYTES, size));
      if (response.statusCode === 206) await fill(first, response, target);
      else response.destroy();
      return ranged(target, { first, size, validator: validatorOf(response) });
    }
    const handle = await spool(await wholeOf(response, target), { target, uniqueName, progress });
    target.client.close();
    return await fromHandle(handle, target.shown);
  } catch (error) {
    target.client.close();
    throw error;
  }
}

/** The whole file in an unlinked temporary one, for a program that may not know the URL. The caller closes it. */
export async function download(
  url: string,
  { allowed, uniqueName, signal }: { allowed: readonly string[]; uniqueName: string; signal: AbortSignal },
): Promise<FileHandle> {
  const target = { ...readTarget(url, allowed), signal };
  try {
    return await spool(await wholeOf(await request(target, null), target), { target, uniqueName, progress: () => {} });
  } finally {
    target.client.close();
  }
}

/** A range of a file of unknown size is useless, so all of it is requested. */
async function wholeOf(response: IncomingMessage, target: Target): Promise<IncomingMessage> {
  if (response.statusCode === 200) return response;
  response.destroy();
  const second = await request(target, null);
  if (second.statusCode === 200) return second;
  second.destroy();
  throw new Refusal(`${target.shown} answered ${second.statusCode} when it was asked for all of the file`);
}

interface Target {
  url: URL;
  /** For messages. */
  shown: string;
  client: HttpClient;
  /** None in the probing thread, which is ended from outside. */
  signal?: AbortSignal;
}

function readTarget(address: string, allowed: readonly string[]): Target {
  // Not shown: in a URL that cannot be parsed any part may be the password.
  if (!isCallable(address)) throw new Refusal("expected a URL that can be called, got something else");
  return { url: new URL(address), shown: shownUrl(address), client: sourceClient(readAllowed(allowed)) };
}

/** Makes no request to an address that a source may not lead to. */
export function sourceClient(allowed: Allowed): HttpClient {
  return new HttpClient({
    maxFreeSockets: 1,
    maxRedirects: MAX_REDIRECTS,
    publicHeaders: ["accept", "accept-encoding", "user-agent", "range"],
    checkUrl: (url) => checkHost(url, allowed),
    lookup: lookupWithin(allowed),
  });
}

function isCallable(address: string): boolean {
  try {
    const { username, password } = new URL(address);
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}

async function request(target: Target, range: string | null): Promise<IncomingMessage> {
  // A compressed answer could not be read by ranges.
  const headers = {
    "accept-encoding": "identity",
    accept: "*/*",
    "user-agent": "hidb",
    ...(range !== null && { range }),
  };
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), SILENCE_MS);
  try {
    const signals = target.signal ? [controller.signal, target.signal] : [controller.signal];
    const signal = AbortSignal.any(signals);
    const response = await target.client.request({ url: target.url, method: "GET", headers, signal });
    refuseStatus(response, target);
    return response;
  } catch (error) {
    if (error instanceof RedirectError) throw new Refusal(`expected an answer, got ${error.message}`);
    if (error instanceof Refusal || error instanceof Unreachable || error instanceof Trouble) throw error;
    throw unreachable(target, error);
  } finally {
    clearTimeout(timer);
  }
}

function refuseStatus(response: IncomingMessage, { shown }: Target): void {
  const { statusCode: status = 0, statusMessage } = response;
  if (status === 200 || status === 206) return;
  if (status === 416 && response.headers["content-range"]?.endsWith("/0")) return;
  response.destroy();
  const reason = `${shown} answered ${status}${statusMessage ? ` ${statusMessage}` : ""}`;
  if (status >= 500 || RETRIED_STATUS.has(status)) throw new Unreachable(reason, retryAfterOf(response));
  throw new Refusal(reason);
}

/** A date is read against the server's own clock, where it shows one. */
function retryAfterOf({ headers }: IncomingMessage): Millis | undefined {
  return readRetryAfter(headers["retry-after"], Date.parse(headers.date ?? "") || systemClock.now());
}

/** The size of the whole file, or null where the server does not serve ranges. */
function rangedSize(response: IncomingMessage): number | null {
  // The ranges of an encoded body are not those of the file.
  if (response.statusCode === 200 || encodingsOf(response.headers).length > 0) return null;
  const total = Number(response.headers["content-range"]?.match(/\/(\d+)$/)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(total) ? total : null;
}

function validatorOf({ headers }: IncomingMessage): string | null {
  return headers.etag ?? headers["last-modified"] ?? null;
}

interface Ranges {
  first: Uint8Array;
  size: number;
  validator: string | null;
}

function ranged(target: Target, { first, size, validator }: Ranges): ByteSource {
  const checkSame = (response: IncomingMessage) => {
    const current = validatorOf(response);
    if (validator !== null && current !== null && current !== validator)
      throw new Unreachable(`${target.shown} changed while it was read`);
  };
  return {
    size,
    remote: true,
    async fetch(into, start) {
      if (start + into.length <= first.length) return into.set(first.subarray(start, start + into.length));
      const response = await request(target, `bytes=${start}-${start + into.length - 1}`);
      checkSame(response);
      if (response.statusCode !== 206) {
        response.destroy();
        throw new Unreachable(`${target.shown} sent less than asked for`);
      }
      await fill(into, response, target);
    },
    async *stream() {
      if (size === 0) return;
      const response = await request(target, null);
      checkSame(response);
      let done = 0;
      for await (const chunk of bodyOf(response, target)) {
        done += chunk.length;
        // One that has no end would be read for ever.
        if (done > size) throw new Unreachable(`${target.shown} sent more than the ${size} bytes that it has`);
        yield chunk;
      }
      if (done !== size) throw new Unreachable(`${target.shown} sent ${done} of ${size} bytes`);
    },
    close: async () => target.client.close(),
  };
}

/** Reads to the end, so that the connection can be reused for the next range. */
async function fill(into: Uint8Array, response: IncomingMessage, target: Target): Promise<void> {
  let done = 0;
  for await (const chunk of bodyOf(response, target)) {
    const taken = chunk.subarray(0, into.length - done);
    into.set(taken, done);
    done += taken.length;
    if (taken.length < chunk.length) break;
  }
  if (done < into.length) throw new Unreachable(`${target.shown} sent less than asked for`);
}

async function spool(
  response: IncomingMessage,
  { target, uniqueName, progress }: { target: Target; uniqueName: string; progress: () => void },
): Promise<FileHandle> {
  const path = join(tmpdir(), `hidb-probe-${uniqueName}`);
  // What a server has encoded is longer than it says.
  const isEncoded = encodingsOf(response.headers).length > 0;
  const expected = isEncoded ? null : (response.headers["content-length"] ?? null);
  const room = await refuseBeyondRoom(Number(expected ?? 0), target);
  const handle = await open(path, "wx+", 0o600);
  try {
    // Without a name it vanishes with its last handle, even where the instance is killed.
    await unlink(path);
    let done = 0;
    for await (const chunk of bodyOf(response, target)) {
      // At a place of its own, so that whoever is given the handle still finds its position at the beginning.
      for (const end = done + chunk.length; done < end; ) {
        const left = chunk.subarray(chunk.length - (end - done));
        done += (await handle.write(left, 0, left.length, done)).bytesWritten;
      }
      // Some streams have no end, and others need room on this disk as well.
      if (expected === null && done > room / 2)
        throw new Refusal(
          `${target.shown} is served without a length, and takes more than half of the room in ${tmpdir()}`,
        );
      progress();
    }
    if (expected !== null && done !== Number(expected)) {
      throw new Unreachable(`${target.shown} sent ${done} of ${expected} bytes`);
    }
    return handle;
  } catch (error) {
    await handle.close();
    if (codeOf(error) === "ENOSPC")
      throw new Trouble(`no room left in ${tmpdir()} for a file that is served without ranges`);
    throw error;
  }
}

/** The room there is. */
async function refuseBeyondRoom(bytes: number, { shown }: Target): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bytes <= bavail * bsize) return bavail * bsize;
  throw new Refusal(`${shown} is served without ranges, and its ${bytes} bytes do not fit into ${tmpdir()}`);
}

async function* bodyOf(response: IncomingMessage, target: Target): AsyncGenerator<Uint8Array> {
  const chunks: AsyncIterator<Buffer> = decoded(response)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await beforeSilence(chunks.next());
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw error instanceof Refusal ? error : unreachable(target, error);
  } finally {
    response.destroy();
  }
}

async function beforeSilence<T>(step: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`silent for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  return Promise.race([step, promise]).finally(() => clearTimeout(timer));
}

function unreachable({ shown }: Target, error: unknown): Unreachable | Trouble {
  if (isTrouble(error)) return troubleOf(codeOf(error) ?? "");
  if (error instanceof Error && error.name === "AbortError") {
    return new Unreachable(`${shown} did not answer within ${SILENCE_MS / 1000} s`);
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return new Unreachable(`could not reach ${shown}: ${code || messageOf(error)}`);
}
