// What the pool pushes: the overview, at most once a second. A stream that breaks or falls silent is opened again, with waits
// that grow; while nobody looks there is none, which spares the pool, and the browser its six connections to one host.
/** @import { Overview } from "./types.d.ts" */
import { get } from "./api.js";

/** The server says something at least every 15 s. */
const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** Beyond that it is not age but another clock. */
const LATEST_MS = 10_000;

/**
 * `state`: connecting, live, lost.
 * @type {{ overview: Overview | null, state: "connecting" | "live" | "lost" }}
 */
export const live = { overview: null, state: "connecting" };
/** @type {Set<() => void>} */
const listeners = new Set();

let receivedAt = 0;

/** The pool's clock: the browser's may go wrong. */
export function now() {
  return live.overview === null ? Date.now() : live.overview.at + (performance.now() - receivedAt);
}

/** @type {(listener: () => void) => void} */
export function onChange(listener) {
  listeners.add(listener);
}

export async function follow() {
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    await whenSeen();
    const heard = await listen();
    if (document.hidden) continue;
    // A draining instance ends its streams, and another one takes over: not an error if that happens at once.
    if (heard) waitMs = FIRST_WAIT_MS;
    else change({ state: "lost" });
    await sleep(waitMs);
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 1.7);
  }
}

/**
 * Resolves when the stream has ended, to whether anything was heard until then.
 * @type {() => Promise<boolean>}
 */
async function listen() {
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  const onHide = () => document.hidden && stop();
  document.addEventListener("visibilitychange", onHide);
  let heard = false;
  const giveUp = () => {
    heard = false;
    stop();
  };
  let watchdog = setTimeout(giveUp, SILENCE_MS);
  try {
    const response = await fetch("/api/v1/events", {
      signal: aborter.signal,
      headers: { accept: "text/event-stream" },
    });
    if (!response.ok || response.body === null) return false;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return heard;
      clearTimeout(watchdog);
      watchdog = setTimeout(giveUp, SILENCE_MS);
      heard = true;
      const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) take(block);
    }
  } catch {
    return heard;
  } finally {
    clearTimeout(watchdog);
    document.removeEventListener("visibilitychange", onHide);
    stop();
  }
}

/** @type {(block: string) => void} */
function take(block) {
  const fields = block.split("\n").map((line) => /^(event|data): ?(.*)$/.exec(line));
  /** @type {(name: string) => string[]} */
  const read = (name) => fields.flatMap((field) => (field?.[1] === name ? [field[2] ?? ""] : []));
  if (read("event")[0] !== "overview") return change({ state: "live" });
  show(JSON.parse(read("data").join("\n")));
}

/** After a change: whoever made it wants to see it, before the next message says so. */
export async function look() {
  show(await get("overview"));
}

/** @type {(overview: Overview) => void} */
function show(overview) {
  // Another instance may still tell of the time before.
  const earlierMs = (live.overview?.at ?? 0) - overview.at;
  if (earlierMs > 0 && earlierMs < LATEST_MS) return;
  receivedAt = performance.now();
  change({ state: "live", overview });
}

/** @type {(changes: Partial<typeof live>) => void} */
function change(changes) {
  const { overview = live.overview, state = live.state } = changes;
  if (overview === live.overview && state === live.state) return;
  Object.assign(live, { overview, state });
  for (const listener of listeners) listener();
}

/** @type {() => Promise<void>} */
function whenSeen() {
  return new Promise((resolve) => {
    if (!document.hidden) return resolve();
    document.addEventListener("visibilitychange", function look() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    });
  });
}

/** @type {(ms: number) => Promise<void>} */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
