// The page of the pool that a run has started: whether it answers, and how long it stays.
import { readFileSync } from "node:fs";
import * as v from "valibot";
import type { Config } from "../../config/settings.js";
import { describeToken, pageUrl } from "../../dashboard/announce.js";
import { codeOf } from "../../errors.js";
import { clock } from "../context.js";
import { note } from "../print.js";
import { findPortOwner } from "./port-owner.js";

/** Instances say that they are ready a little before they listen. */
const LOOKS = 20;
const LOOK_EVERY_MS = 100;
const ANSWER_MS = 1000;
/** A port that somebody else answers on does not become ours. */
const FOREIGN_ANSWERS = 3;

const Health = v.object({ instance: v.string() });

/** Says where the page is, or why it is not there. Resolves to its address; undefined when this pool does not have the port. */
export async function announcePage(
  config: Config,
  { listInstances, token, signal }: { listInstances: () => Promise<string[]>; token: string; signal: AbortSignal },
): Promise<string | undefined> {
  const url = pageUrl(config);
  if (url === undefined) return undefined;
  let foreign = 0;
  for (let look = 0; look < LOOKS && foreign < FOREIGN_ANSWERS; look++) {
    const answer = await askHealth(url);
    if (answer !== "nobody" && answer !== "foreign" && (await listInstances()).includes(answer.instance)) {
      note(`hidb: ${url} shows the pool; changes there need ${token}`);
      return url;
    }
    if (answer !== "nobody") foreign++;
    await clock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) return undefined;
  }
  // watch() reports what has stopped them.
  if ((await listInstances()).length === 0) return undefined;
  note(`hidb: the page is not there: ${describeTrouble(config.port, foreign > 0)}; HIDB_PORT=<port> takes another one`);
  return undefined;
}

/** Before the instances start: whoever makes the token is the one who can show it. */
export function prepareToken(config: Config): string {
  return config.port === 0 ? "" : describeToken(config, { toPerson: process.stderr.isTTY });
}

async function askHealth(url: string): Promise<{ instance: string } | "foreign" | "nobody"> {
  let text: string;
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: "manual" });
    text = await response.text();
  } catch (error) {
    return error instanceof Error && codeOf(error.cause) === "ECONNREFUSED" ? "nobody" : "foreign";
  }
  try {
    return v.parse(Health, JSON.parse(text));
  } catch {
    return "foreign";
  }
}

function describeTrouble(port: number, taken: boolean): string {
  if (!taken) return `nothing answers on port ${port} (the log files say why)`;
  const owner = findPortOwner(port);
  return `port ${port} is taken by ${owner === undefined ? "another program" : `${owner.name} (pid ${owner.pid})`}`;
}

/** Whether a person can press a key: a command in the background would be stopped for reading. */
export function isInteractive(): boolean {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foreground;
  } catch {
    return true; // No /proc here.
  }
}

const LEAVING_KEYS = ["q", "Q", "\r", "\n", "\u0003", "\u0004"];

/** Resolves when q, Enter, Ctrl-C or Ctrl-D is pressed, or the signal is aborted. */
export async function waitForKey(signal: AbortSignal): Promise<void> {
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onData = (chunk: Buffer) => {
    if (LEAVING_KEYS.some((key) => chunk.includes(key))) resolve();
  };
  signal.addEventListener("abort", () => resolve());
  if (signal.aborted) return;
  stdin.setRawMode(true);
  stdin.on("data", onData).once("end", resolve).once("error", resolve);
  try {
    await promise;
  } finally {
    stdin.off("data", onData).off("end", resolve).off("error", resolve);
    stdin.setRawMode(false);
    stdin.pause();
  }
}
