// One file through the reader of the probing thread, in a process of its own: what it takes, without the hash.
import { join } from "node:path";
import { Bytes } from "../../dist/process/probe/bytes.js";
import { openLocal } from "../../dist/process/probe/local.js";
import { readBytes } from "../../dist/process/probe/media.js";
import { ROOT } from "./world.ts";

const MB = 2 ** 20;

async function read(path: string) {
  const source = await openLocal(path);
  const limits = { pieceBytes: 16 * MB, full: false, alive: () => {}, progress: () => {} };
  return readBytes(new Bytes(source, limits), "media").finally(() => source.close());
}

// What a thread has done before: its code is loaded.
await read(join(ROOT, "data", "samples", "h264-aac.mp4"));
const before = process.memoryUsage.rss();
let most = before;
const look = () => {
  most = Math.max(most, process.memoryUsage.rss());
};
const timer = setInterval(look, 5);
const cpu = process.cpuUsage();
const startedAt = performance.now();
const media = await read(process.argv[2] as string);
const wallMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpu);
clearInterval(timer);
look();
const told =
  "demuxer" in media ? { durationS: null } : { durationS: media.duration_s, estimated: media.estimated === true };
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, grownMb: (most - before) / MB, ...told }));
