// A media file behind http(s): read by ranges, or, from a server without them, brought into a nameless temporary file.
import { type FileHandle, open, statfs, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../clock.js";
import { messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import { readRetryAfter } from "../retry-after.js";
import { shownUrl } from "../shown.js";
import type { ByteSource } from "./bytes.js";
import { codeOf, Refusal, Unreachable } from "./failure.js";
import { fromHandle } from "./local.js";

/** No byte for this long, and the server counts as unreachable. */
const SILENCE_MS = 20_000;
const RETRIED_STATUS = new Set([408, 425, 429]);
const FIRST_BYTES = 1024;

export interface RemoteParts {
  url: string;
  /** A name no other probe uses, for the temporary file. */
  uniqueName: string;
  progress: () => void;
}

export async function openRemote({ url, uniqueName, progress }: RemoteParts): Promise<ByteSource> {
  const target = readTarget(url);
  const response = await request(target, `bytes=0-${FIRST_BYTES - 1}`);
  const size = rangedSize(response);
  if (size === null) {
    const handle = await spool(response, { target, uniqueName, progress });
    return fromHandle(handle, target.shown);
  }
  await response.body?.cancel();
  return ranged(target, size, validatorOf(response));
}

/** The whole file in a nameless temporary one, for a program that may not be told the URL. The caller closes it. */
export async function download(
  url: string,
  { uniqueName, signal }: { uniqueName: string; signal: AbortSignal },
): Promise<FileHandle> {
  const target = { ...readTarget(url), signal };
  return spool(await request(target, null), { target, uniqueName, progress: () => {} });
}

interface Target {
  url: string;
  /** For messages. */
  shown: string;
  headers: Record<string, string>;
  /** None in the probing thread, which is ended from outside. */
  signal?: AbortSignal;
}

function readTarget(address: string): Target {
  // Not shown: where a URL cannot be read, nobody knows which part of it is the password.
  if (!isCallable(address)) throw new Refusal("expected a URL that can be called, got something else");
  const url = new URL(address);
  const { username, password } = url;
  url.username = "";
  url.password = "";
  // fetch refuses URLs with a password in them; as a header it passes.
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
  // A compressed answer could not be read by ranges.
  const headers = { "accept-encoding": "identity", ...(username ? { authorization: `Basic ${login}` } : {}) };
  return { url: url.href, shown: shownUrl(address), headers };
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

async function request(target: Target, range: string | null): Promise<Response> {
  const headers = range ? { ...target.headers, range } : target.headers;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), SILENCE_MS);
  try {
    const signals = target.signal ? [controller.signal, target.signal] : [controller.signal];
    const response = await fetch(target.url, { headers, signal: AbortSignal.any(signals) });
    await refuseStatus(response, target);
    return response;
  } catch (error) {
    if (error instanceof Refusal || error instanceof Unreachable) throw error;
    throw unreachable(target, error);
  } finally {
    clearTimeout(timer);
  }
}

async function refuseStatus(response: Response, { shown }: Target): Promise<void> {
  const { status } = response;
  if (status === 200 || status === 206) return;
  if (status === 416 && response.headers.get("content-range")?.endsWith("/0")) return;
  await response.body?.cancel();
  const reason = `${shown} answered ${status}${response.statusText ? ` ${response.statusText}` : ""}`;
  if (status >= 500 || RETRIED_STATUS.has(status)) throw new Unreachable(reason, retryAfterOf(response));
  throw new Refusal(reason);
}

/** A date is read against the server's own clock, where it shows one. */
function retryAfterOf({ headers }: Response): Millis | undefined {
  return readRetryAfter(headers.get("retry-after"), Date.parse(headers.get("date") ?? "") || systemClock.now());
}

/** The size of the whole file, or null where the server does not serve ranges. */
function rangedSize(response: Response): number | null {
  if (response.status === 200) return null;
  const total = response.headers.get("content-range")?.match(/\/(\d+)$/)?.[1];
  return total === undefined ? null : Number(total);
}

function validatorOf({ headers }: Response): string | null {
  return headers.get("etag") ?? headers.get("last-modified");
}

function ranged(target: Target, size: number, validator: string | null): ByteSource {
  const checkSame = (response: Response) => {
    const current = validatorOf(response);
    if (validator !== null && current !== null && current !== validator)
      throw new Unreachable(`${target.shown} changed while it was read`);
  };
  return {
    size,
    async fetch(start, end) {
      const response = await request(target, `bytes=${start}-${end - 1}`);
      checkSame(response);
      const piece = new Uint8Array(end - start);
      let done = 0;
      for await (const chunk of bodyOf(response, target)) {
        const taken = chunk.subarray(0, piece.length - done);
        piece.set(taken, done);
        done += taken.length;
        if (done === piece.length) break;
      }
      if (response.status !== 206 || done < piece.length)
        throw new Unreachable(`${target.shown} sent less than asked for`);
      return piece;
    },
    async *stream() {
      if (size === 0) return;
      const response = await request(target, null);
      checkSame(response);
      let done = 0;
      for await (const chunk of bodyOf(response, target)) {
        done += chunk.length;
        yield chunk;
      }
      if (done !== size) throw new Unreachable(`${target.shown} sent ${done} of ${size} bytes`);
    },
    close: async () => {},
  };
}

async function spool(
  response: Response,
  { target, uniqueName, progress }: { target: Target; uniqueName: string; progress: () => void },
): Promise<FileHandle> {
  const path = join(tmpdir(), `hidb-probe-${uniqueName}`);
  const expected = response.headers.get("content-length");
  await refuseBeyondRoom(Number(expected ?? 0), target);
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
      progress();
    }
    if (expected !== null && done !== Number(expected)) {
      throw new Unreachable(`${target.shown} sent ${done} of ${expected} bytes`);
    }
    return handle;
  } catch (error) {
    await handle.close();
    if (codeOf(error) === "ENOSPC") throw new Unreachable(`no room left in ${tmpdir()} for ${target.shown}`);
    throw error;
  }
}

async function refuseBeyondRoom(bytes: number, { shown }: Target): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bytes <= bavail * bsize) return;
  throw new Refusal(`${shown} is served without ranges, and its ${bytes} bytes do not fit into ${tmpdir()}`);
}

async function* bodyOf(response: Response, target: Target): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await beforeSilence(reader.read());
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw unreachable(target, error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function beforeSilence<T>(step: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`silent for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  return Promise.race([step, promise]).finally(() => clearTimeout(timer));
}

/** fetch says little more than "fetch failed"; the cause knows. */
function unreachable({ shown }: Target, error: unknown): Unreachable {
  if (error instanceof DOMException && error.name === "AbortError") {
    return new Unreachable(`${shown} did not answer within ${SILENCE_MS / 1000} s`);
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return new Unreachable(`could not reach ${shown}: ${code || messageOf(cause)}`);
}
