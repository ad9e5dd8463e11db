// The spool of an instance on D1 loses its power, or its room: finished work that was kept a second ago is there, what is
// there can be read, and nothing of it is by half.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readSpools } from "../../../dist/store/remote/spool.js";
import { pick, randomFrom } from "../../support/random.ts";
import { House } from "./house.ts";
import { type Cut, Recording } from "./recording.ts";

/** A second until the sync, and what a busy machine takes. */
const WINDOW_MS = 1000;
const SLACK_MS = 1000;

export interface SpoolFigures {
  synchronous: string;
  cuts: number;
  renamed: number;
  /** The most outcomes that were kept and are not there, and how long ago the oldest was kept. */
  most: number;
  oldestMs: number;
}

interface Told {
  at: number;
  time: number;
  keep?: number;
  forget?: number;
}

interface Keeping {
  count: number;
  pauseMs: number;
  env: Record<string, string>;
  told: string;
  synchronous?: string;
  onWord?: () => void;
}

/** As many are kept at any time, and for ever. */
const KEPT = 20;

/** Resolves to what it has said. */
async function keep(
  house: House,
  { count, pauseMs, env, told, synchronous = "normal", onWord }: Keeping,
): Promise<string> {
  mkdirSync(join(house.root, "spool"), { recursive: true });
  const child = join(import.meta.dirname, "spool-child.ts");
  const args = [child, join(house.root, "spool"), told, String(count), String(pauseMs), synchronous];
  const running = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "inherit", "pipe"],
  });
  let stderr = "";
  running.stderr.on("data", (chunk) => {
    stderr += chunk;
    onWord?.();
  });
  const [code] = await once(running, "close");
  if (code !== null) throw new Error(`expected the child to work until it killed itself, got ${code} and ${stderr}`);
  return stderr;
}

export async function cutSpool({
  seed,
  cuts,
  synchronous = "normal",
}: {
  seed: number;
  cuts: number;
  synchronous?: string;
}): Promise<SpoolFigures> {
  const house = new House();
  try {
    mkdirSync(join(house.root, "spool"));
    const recording = new Recording(house.root);
    const env = house.disk.env({ record: true });
    await keep(house, { count: 250, pauseMs: 15, env, told: join(house.root, "told"), synchronous });
    const { entries } = recording.read(house.disk.recordFile);
    const told = whatWasTold(recording);
    const random = randomFrom(seed);
    const figures = {
      synchronous,
      cuts,
      renamed: entries.filter(({ type }) => type === "rename").length,
      most: 0,
      oldestMs: 0,
    };
    for (let cut = 1; cut <= cuts; cut++) {
      const at = Math.floor(random() * entries.length) + 1;
      const chosen: Cut = {
        at,
        survival: pick(random, ["nothing", "some", "torn", "everything"]),
        names: pick(random, ["posix", "journal"]),
        random,
      };
      const image = house.imageFolder();
      recording.cut(chosen, image);
      const lost = missing(
        join(image, "spool"),
        told.filter((one) => one.at < at),
      );
      const oldestMs = Math.round((entries[at - 1]?.time ?? 0) - Math.min(...lost.map(({ time }) => time)));
      const allowedMs = synchronous === "full" ? 0 : WINDOW_MS + SLACK_MS;
      if (lost.length > 0 && oldestMs > allowedMs) {
        throw new Error(
          `the spool (${synchronous}), cut ${cut} of seed ${seed}, after entry ${at}, ${chosen.survival} unsynced survives, names by ${chosen.names}: expected what was kept ${allowedMs} ms ago, got ${lost.length} missing, the oldest of ${oldestMs} ms`,
        );
      }
      figures.most = Math.max(figures.most, lost.length);
      if (lost.length > 0) figures.oldestMs = Math.max(figures.oldestMs, oldestMs);
      rmSync(image, { recursive: true });
    }
    return figures;
  } finally {
    await house.end();
  }
}

function whatWasTold({ entries }: Recording): Told[] {
  const file = entries.find(({ type, paths }) => type === "create" && paths[0]?.endsWith("/told"))?.file;
  return entries.flatMap((entry, at) =>
    entry.type === "write" && entry.file === file
      ? [{ at, time: entry.time, ...JSON.parse(entry.data.toString()) }]
      : [],
  );
}

function missing(folder: string, told: Told[]): Told[] {
  const there = new Map(
    readSpools(folder).flatMap(({ outcomes }) => outcomes.map(({ claim, outcome }) => [claim.video.id, outcome])),
  );
  for (const outcome of there.values()) {
    if (outcome.kind !== "completed" || outcome.output?.length !== 20_000)
      throw new Error(`expected whole outcomes, got ${JSON.stringify(outcome).slice(0, 100)}`);
  }
  const forgotten = new Set(told.map(({ forget }) => forget));
  return told.filter(({ keep: video }) => video !== undefined && !forgotten.has(video) && !there.has(video));
}

/** With room for so much, until it says so: it goes on without, and in the end all it held is in the file. */
export async function fillSpool(bytes: number): Promise<{ bytes: number; read: number }> {
  const house = new House();
  try {
    house.disk.leaveRoom(bytes);
    const env = house.disk.env();
    const said = await keep(house, {
      count: 100,
      pauseMs: 10,
      env,
      told: `${house.root}-told`,
      onWord: () => house.disk.mend(),
    });
    const lines = said.split("\n").filter((line) => line !== "");
    if (lines.length !== 1 || !/expected to keep finished work in .* got ENOSPC/.test(said)) {
      throw new Error(`expected one line about the spool, got ${said}`);
    }
    const read = readSpools(join(house.root, "spool")).flatMap(({ outcomes }) => outcomes).length;
    if (read !== KEPT) throw new Error(`expected the ${KEPT} outcomes that were not forgotten, got ${read}`);
    return { bytes, read };
  } finally {
    await house.end();
  }
}
