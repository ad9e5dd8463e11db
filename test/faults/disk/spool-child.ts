// An instance's spool in a process of its own: keeps outcomes, forgets most of them a little later, and says so in a file.
import { openSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../../dist/clock.js";
import { Spool } from "../../../dist/store/remote/spool.js";

const [folder = "", told = "", count = "0", pauseMs = "0", synchronous = "normal"] = process.argv.slice(2);
const owner = { database: "d", instance: "a", host: "h", boot: "b", pid: 1, pidStartedAt: "1" };
const options = {
  clock: systemClock,
  synchronous: synchronous === "full" ? "full" : "normal",
  onTrouble: (error: Error) => console.error(error.message),
} as const;
const spool = new Spool(folder, owner, options);
const journal = openSync(told, "a");
const tell = (event: object) => writeSync(journal, `${JSON.stringify(event)}\n`);

const kept: { video: number; number: number }[] = [];
for (let video = 1; video <= Number(count); video++) {
  const claim = {
    video: { id: video, source: `/videos/${video}.mp4`, title: null, durationS: null },
    attempt: 1,
    deaths: 0,
    rank: 0,
    claimedAt: 1,
  };
  const number = spool.keep(claim as never, { kind: "completed", output: "x".repeat(20_000) }, 1);
  tell({ keep: video });
  kept.push({ video, number });
  // As settlements do; a few stay for ever.
  const first = kept[0];
  if (kept.length > 20 && first !== undefined) {
    kept.shift();
    tell({ forget: first.video });
    spool.forget(first.number);
  }
  if (Number(pauseMs) > 0) await delay(Number(pauseMs));
}
process.kill(process.pid, "SIGKILL");
