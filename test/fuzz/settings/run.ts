// `npm run fuzz -- settings`: every setting by flag, environment and .env, alone and two at a time: it works and is what was
// asked, or ends with one clear message that shows no secret.
import { strict as assert } from "node:assert";
import { rmSync, writeFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { readConfig } from "../../../dist/config/read.js";
import { type Config, SETTINGS, type SettingKey } from "../../../dist/config/settings.js";
import { HidbError } from "../../../dist/errors.js";
import { anyOf, type Finding, makeFolder, tryCases, within } from "../cases.ts";
import type { Options } from "../lists/run.ts";
import type { Chance } from "../random.ts";
import { tryProcess } from "./processes.ts";
import { drawValue, isRight, meantBy } from "./values.ts";

const MANY = 20_000;
/** One of so many cases starts real processes. */
const PROCESS_EVERY = 200;
const KEYS = Object.keys(SETTINGS) as SettingKey[];
const LONGEST_MESSAGE = 4000;

export async function fuzz(options: Options): Promise<number> {
  return (await fuzzSettings({ count: MANY, ...options })).length;
}

export async function fuzzSettings(options: Options & { count: number; withProcesses?: boolean }): Promise<Finding[]> {
  const folder = makeFolder("settings");
  try {
    return await tryCases("settings", options, async (chance, index) => {
      if (index % PROCESS_EVERY === PROCESS_EVERY - 1) {
        if (options.withProcesses !== false) await within(150_000, tryProcess(folder, chance));
      } else if (index % 4 === 3) tryDotenv(folder, chance);
      else tryValues(folder, chance, index);
      rmSync(join(folder, ".env"), { force: true });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Given {
  key: SettingKey;
  value: string;
  origin: "flag" | "environment" | ".env";
}

function tryValues(folder: string, chance: Chance, index: number): void {
  // Every pair of settings comes by in time; values and places by chance.
  const keys = [
    KEYS[index % KEYS.length],
    ...(chance.maybe(0.5) ? [KEYS[Math.floor(index / KEYS.length) % KEYS.length]] : []),
  ];
  const given = [...new Set(keys)].map((key): Given => {
    const value = drawValue(chance, SETTINGS[key as SettingKey].fallback);
    // Neither a variable nor a quoted line can hold everything.
    const filed = !/["\\\r\n\0]/.test(value) && value !== "";
    return {
      key: key as SettingKey,
      value,
      origin: chance.pick(filed ? (["flag", "environment", ".env"] as const) : (["flag"] as const)),
    };
  });
  const of = (origin: Given["origin"]) => given.filter((one) => one.origin === origin);
  const flags = Object.fromEntries(of("flag").map(({ key, value }) => [key, value]));
  const environment = Object.fromEntries(of("environment").map(({ key, value }) => [SETTINGS[key].name, value]));
  writeFileSync(
    join(folder, ".env"),
    of(".env")
      .map(({ key, value }) => `${SETTINGS[key].name}="${value}"\n`)
      .join(""),
  );
  const config = read(folder, given, () => readConfig({ flags, environment, cwd: folder }));
  if (config !== undefined) for (const one of given) checkTaken(config, one, folder);
}

/** Undefined when it was refused, as some of what was given deserves. */
function read(folder: string, given: Given[], run: () => Config): Config | undefined {
  try {
    return run();
  } catch (error) {
    checkRefusal(error);
    const secrets = given.filter(({ key, value }) => SETTINGS[key].kind === "secret" && value.trim().length >= 4);
    const { message, fix } = error as HidbError;
    for (const { key, value } of secrets) {
      if (!message.includes(SETTINGS[key].name)) continue;
      assert(!`${message}${fix}`.includes(value.trim()), `shows the secret of ${SETTINGS[key].name}: ${message}`);
    }
    // Alone and right in itself, it is only refused for what it does not go together with.
    const [only] = given;
    const isRightAlone =
      given.length === 1 && only !== undefined && isRight(SETTINGS[only.key].expected, only.value) === true;
    if (isRightAlone)
      assert.match(
        message,
        /three heartbeats|at most HIDB_CONCURRENCY|got nothing/,
        `${only.value} in ${folder}: ${message}`,
      );
    return undefined;
  }
}

export function checkRefusal(error: unknown): void {
  assert(error instanceof HidbError, `expected one clear message, got ${error instanceof Error ? error.stack : error}`);
  assert.equal(error.exitCode, 2);
  for (const text of [error.message, error.fix]) {
    assert(text.length > 0 && text.length < LONGEST_MESSAGE, `a message of ${text.length} characters`);
    assert(!text.includes("\n"), `more than one line: ${text}`);
  }
  assert.match(error.message, /^expected .+, got ./);
}

function checkTaken(config: Config, { key, value, origin }: Given, folder: string): void {
  const { name, expected, kind, fallback } = SETTINGS[key];
  const isUnset = value === "" && origin !== "flag";
  assert.equal(config.origins[key], isUnset ? "default" : origin, name);
  if (isUnset) return;
  if (kind === "path") {
    assert.equal(config[key], value === "" || isAbsolute(value) ? value : resolve(folder, value), name);
    return;
  }
  assert.notEqual(
    isRight(expected, value),
    false,
    `took ${name}=${JSON.stringify(value.slice(0, 100))}, where ${expected} was expected`,
  );
  const meant = meantBy(expected, value);
  if (meant !== undefined)
    assert(
      config[key] === meant,
      `${name}: expected ${String(meant).slice(0, 100)}, got ${String(config[key]).slice(0, 100)} (default ${fallback})`,
    );
}

const NAMES = [
  "HIDB_PORT",
  "HIDB_CONCURRENCY",
  "HIDB_TOKEN",
  "hidb_port",
  "Hidb_Port",
  "HIDB_",
  "HIDB_PROT",
  "HIDB_CONCURENCY",
  "HIDB_constructor",
  `HIDB_${"X".repeat(50_000)}`,
  "CLOUDFLARE_API_TOKEN",
  "OTHER",
];

/** Lines as people write them: whatever names a setting of hidb counts, or is complained of. */
function tryDotenv(folder: string, chance: Chance): void {
  const name = chance.pick(NAMES);
  const value = chance.pick(["3", "planted-secret-0123456789", "", "3 # three", '"3"', "'3'"]);
  const line = anyOf(
    chance,
    () => `${name}=${value}`,
    () => `export ${name}=${value}`,
    () => `  ${name} = ${value}`,
    () => `${name}: ${value}`,
    () => `${name} ${value}`,
    () => `${name}`,
    () => `"${name}"=${value}`,
    () => `# ${name}=${value}`,
    () => `${name}="${value}`,
  );
  const text = [
    chance.pick(["", "OTHER=1\n", "# x\r\n", "\n\n"]),
    line,
    chance.pick(["", "\n", "\r\n", `\nHIDB_ORDER=${chance.pick(["id", "longest"])}\n`]),
  ].join("");
  const bytes = anyOf(
    chance,
    () => Buffer.from(text),
    () => Buffer.from(text),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.from(text, "utf16le"),
    () => Buffer.concat([Buffer.from(text), chance.bytes(4)]),
  );
  writeFileSync(join(folder, ".env"), bytes);
  try {
    const config = readConfig({ environment: {}, cwd: folder });
    const isSet = /^(\ufeff)?\s*(export\s+)?(HIDB_PORT|HIDB_CONCURRENCY)\s*=\s*["']?3/m.exec(bytes.toString());
    if (bytes.includes(0)) throw new Error("took a .env that is no text");
    const key = name === "HIDB_PORT" ? "port" : "concurrency";
    if (isSet !== null && isSet[3] === name) assert.equal(config[key], 3, JSON.stringify(bytes.toString()));
    const lost = new RegExp(`^\ufeff?\\s*(export\\s+)?${name.slice(0, 60)}\\s*([:]|$| [^=\\s])`, "m").test(
      bytes.toString(),
    );
    assert(
      !(lost && name.startsWith("HIDB_") && value !== ""),
      `passed over ${JSON.stringify(bytes.toString().slice(0, 200))}`,
    );
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    checkRefusal(error);
    const { message } = error as HidbError;
    assert(name !== "HIDB_TOKEN" || !message.includes("planted-secret"), message);
  }
}
