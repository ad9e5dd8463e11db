// The same with real processes: a command, an instance, and the file that PM2 evaluates.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { SETTINGS, type SettingKey } from "../../../dist/config/settings.js";
import type { Chance } from "../random.ts";
import { HOSTILE } from "./values.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const CLI = join(ROOT, "dist/cli/hidb.cjs");
const ENTRY = join(ROOT, "dist/entry.cjs");
const ECOSYSTEM = join(ROOT, "ecosystem.cluster.config.cjs");
/** What PM2 would be told. */
const EVALUATE = `process.argv.splice(1, 1); const { apps } = require(${JSON.stringify(ECOSYSTEM)}); console.log(JSON.stringify(apps[0].instances));`;
const SECRET = "planted secret 0123456789";
const KEYS = Object.keys(SETTINGS) as SettingKey[];

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function run(
  folder: string,
  args: string[],
  settings: Record<string, string>,
  killAfterMs?: number,
): Promise<Ended> {
  const env = {
    ...{ PATH: process.env.PATH ?? "", HOME: folder, PM2_HOME: join(folder, "pm2"), NO_COLOR: "1", HIDB_PORT: "0" },
    ...{
      HIDB_SQLITE_FILE: join(folder, "hidb.sqlite"),
      HIDB_LOG_DIR: join(folder, "logs"),
      HIDB_PROCESSOR: "rehearse",
      ...settings,
    },
  };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGTERM"), killAfterMs);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  clearTimeout(timer);
  return { code: code as number | null, stdout, stderr };
}

export async function tryProcess(folder: string, chance: Chance): Promise<void> {
  const usable = HOSTILE.filter((value) => !value.includes("\0") && value.length < 90_000);
  const key = chance.pick(KEYS);
  const settings = { [SETTINGS[key].name]: chance.pick(usable), HIDB_TOKEN: SECRET };
  if (chance.maybe(0.5)) delete (settings as Record<string, string>).HIDB_TOKEN;
  await tryCommand(folder, settings);
  await tryInstance(folder, settings);
  await tryEcosystem(folder, chance.pick(usable));
}

/** Codes of a command that only looks: well, settings, preflight, database. */
export async function tryCommand(folder: string, settings: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await run(folder, [CLI, "status"], settings);
  const said = `${JSON.stringify(settings).slice(0, 300)}: ${code} ${stderr.slice(0, 1000)}`;
  assert(code === 0 || code === 2 || code === 3 || code === 5, said);
  if (code !== 0) assert.match(stderr, /^error: expected [^\n]+\nfix: {3}[^\n]+\n$/, said);
  assert(!`${stdout}${stderr}`.includes(SECRET), `shows the secret: ${said}`);
}

/** One line and 42, or an instance that works until it is told to stop. */
export async function tryInstance(folder: string, settings: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await run(folder, [ENTRY], settings, 4000);
  const said = `${JSON.stringify(settings).slice(0, 300)}: ${code} ${stderr.slice(0, 1000)}`;
  assert(!/^\s+at /m.test(stderr), `a stack: ${said}`);
  assert(!`${stdout}${stderr}`.includes(SECRET), `shows the secret: ${said}`);
  if (code === 0) return;
  assert(code === 42 || code === 1, said);
  assert.match(stderr, /^hidb: \S[^\n]*\. Fix: \S[^\n]*\.\n$/, said);
}

/** `pm2 start ecosystem.cluster.config.cjs -i <value>`. */
export async function tryEcosystem(folder: string, value: string): Promise<void> {
  const { code, stdout, stderr } = await run(folder, ["-e", EVALUATE, "pm2", "x", "start", "-i", value], {});
  const said = `-i ${JSON.stringify(value.slice(0, 300))}: ${code} ${stderr.slice(0, 1000)}`;
  if (code === 0) {
    const count = Number(stdout);
    assert(Number.isInteger(count) && count >= 1 && count <= 64, said);
    if (value !== "auto" && value !== "max") assert.equal(count, Number(value), said);
    return;
  }
  assert(code === 2 || code === 3, said);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name must not move a terminal
  assert.match(stderr, /^error: expected [^\n\u0000-\u001f]{1,1000}\nfix: {3}[^\n]+\n$/, said);
}
