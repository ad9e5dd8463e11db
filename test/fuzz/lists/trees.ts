// Folders with everything a file system may hold, and what another walk finds in them.
import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { scanFolder } from "../../../dist/catalogue/folder.js";
import type { Chance } from "../random.ts";

const STEMS = [
  "a",
  "B",
  "-rf",
  "a b",
  " ",
  "...",
  "line\nbreak",
  "\r",
  "\u001b[2J",
  "é",
  "é",
  "映画",
  "\u{1F3AC}",
  "$(x)",
  "%s",
  "it's",
  '"',
  "*",
  "~",
  "CON",
  "__proto__",
  "\u2028",
  "x".repeat(200),
];
const ENDINGS = [".mp4", ".MP4", ".mkv", ".flac", ".txt", "", ".mp4.part", ".mp4 ", "."];
const BROKEN = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe9]];

/** Makes a tree below `root`; the paths are bytes, since names are. */
function growTree(root: string, chance: Chance): void {
  const folders = [Buffer.from(root)];
  for (let left = 3 + chance.below(25); left > 0; left--) {
    const folder = chance.pick(folders);
    const path = Buffer.concat([folder, Buffer.from("/"), nameOf(chance)]);
    try {
      switch (chance.below(8)) {
        case 0:
        case 1:
          mkdirSync(path);
          folders.push(path);
          break;
        case 2:
          symlinkSync(chance.pick(folders), path);
          break;
        case 3:
          symlinkSync(
            chance.pick([".", "..", "/nowhere.mp4", path.subarray(path.lastIndexOf("/") + 1), "/dev/null"]),
            path,
          );
          break;
        case 4:
          if (chance.maybe(0.3)) execFileSync("mkfifo", [path.toString()], { stdio: "ignore" });
          break;
        case 5:
          symlinkSync(chance.pick(readdirSync(folder, { encoding: "buffer" })), path);
          break;
        default:
          // Not into what is there already: a pipe would be waited for.
          writeFileSync(path, "", { flag: "wx" });
      }
    } catch {
      // A name that exists already, or an empty folder to link into.
    }
  }
}

function nameOf(chance: Chance): Buffer {
  const stem = chance.maybe(0.1) ? Buffer.from(chance.pick(BROKEN)) : Buffer.from(chance.pick(STEMS));
  return Buffer.concat([stem, Buffer.from(chance.pick(ENDINGS))]);
}

const MEDIA = /\.(mp4|mkv|flac)$/i;

/** Every media file once, by a name that leads to it, and a word for everything that looks like one and is none. */
function checkTree(root: string, chance: Chance): void {
  // As most people's folders are: behind a link somewhere above.
  if (chance.maybe(0.3)) symlinkSync(root, `${root}-link`);
  if (existsSync(`${root}-link`)) root = `${root}-link`;
  const { entries, refused } = scanFolder(root);
  const sources = entries.map(({ source }) => source);
  assert.deepEqual(sources, [...sources].sort(), "expected one order");
  const real = sources.map((source) => realpathSync(source));
  assert.equal(new Set(real).size, real.length, "expected each file once");
  for (const source of sources)
    assert(statSync(source).isFile() && MEDIA.test(source), `took ${JSON.stringify(source)}`);
  for (const { reason } of refused) assert.match(reason, /^expected .*, got /s);
  const refusals = new Set(refused.map(({ source }) => source));
  for (const path of walk(Buffer.from(root))) {
    const name = path.toString();
    if (!Buffer.from(name).equals(path)) continue;
    const stat = lstatSync(path);
    if (!MEDIA.test(name) || stat.isDirectory()) continue;
    if (stat.isFile()) assert(sources.includes(name), `left out ${JSON.stringify(name)}`);
    else if (stat.isSymbolicLink()) checkLink(name, real, refusals);
    else assert(refusals.has(name), `said nothing of ${JSON.stringify(name)}`);
  }
}

function checkLink(name: string, real: string[], refusals: ReadonlySet<string | null>): void {
  let target: string;
  try {
    const stat = statSync(name);
    if (stat.isDirectory()) return;
    if (!stat.isFile()) {
      assert(refusals.has(name), `said nothing of ${JSON.stringify(name)}, which leads to no file`);
      return;
    }
    target = realpathSync(name);
  } catch {
    assert(refusals.has(name), `said nothing of the link ${JSON.stringify(name)}`);
    return;
  }
  assert(real.includes(target), `left out what ${JSON.stringify(name)} leads to`);
}

function walk(folder: Buffer): Buffer[] {
  return readdirSync(folder, { withFileTypes: true, encoding: "buffer" }).flatMap((entry) => {
    const path = Buffer.concat([folder, Buffer.from("/"), entry.name]);
    const isPlain = Buffer.from(entry.name.toString()).equals(entry.name);
    return entry.isDirectory() ? (isPlain ? walk(path) : []) : [path];
  });
}

/** A tree of its own, whose links upwards lead to nothing but itself. */
export function tryTree(world: string, chance: Chance): void {
  const above = join(world, "above");
  const folder = join(above, "tree");
  mkdirSync(folder, { recursive: true });
  try {
    growTree(folder, chance);
    checkTree(folder, chance);
  } finally {
    rmSync(above, { recursive: true, force: true });
  }
}

/** Files and folders come and go while the folder is read: each is taken or told of, and reading ends. */
export async function raceTree(world: string, rounds: number): Promise<void> {
  const folder = join(world, "race");
  mkdirSync(folder);
  writeFileSync(join(folder, "stays.mp4"), "");
  const worker = new Worker(STIR, { eval: true, workerData: folder });
  await once(worker, "message");
  try {
    for (let round = 0; round < rounds; round++) {
      const { entries, refused } = scanFolder(folder);
      assert(entries.some(({ source }) => source.endsWith("/stays.mp4")));
      for (const { reason } of refused) assert.match(reason, /^expected .*, got /s);
    }
  } finally {
    await worker.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
}

const STIR = `
  const { workerData: folder, parentPort } = require("node:worker_threads");
  const { mkdirSync, rmSync, symlinkSync, writeFileSync } = require("node:fs");
  const steps = [
    () => mkdirSync(folder + "/a/b.mp4/c", { recursive: true }),
    () => writeFileSync(folder + "/a/b.mp4/x.mp4", ""),
    () => symlinkSync(folder + "/a/b.mp4", folder + "/link.mp4"),
    () => symlinkSync("x.mp4", folder + "/a/b.mp4/y.mp4"),
    () => rmSync(folder + "/a", { recursive: true, force: true }),
    () => rmSync(folder + "/link.mp4", { force: true }),
    () => writeFileSync(folder + "/a", ""),
    () => rmSync(folder + "/a", { recursive: true, force: true }),
  ];
  parentPort.postMessage("begun");
  for (let at = 0; ; at = (at + 1 + Math.floor(Math.random() * 2)) % steps.length) try { steps[at](); } catch {}
`;
