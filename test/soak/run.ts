// `npm run soak -- --minutes 30 --seed S --videos 100000 --instances 3-8 [--pace 1]`: exit code 1 when anything is wrong.
import { parseArgs } from "node:util";
import { systemClock as clock } from "../../dist/clock.js";
import { describeReport } from "./figures.ts";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string" },
    videos: { type: "string" },
    instances: { type: "string", default: "3-8" },
    pace: { type: "string", default: "1" },
    quiet: { type: "boolean", default: false },
  },
});

const minutes = Number(values.minutes);
const seed = Number(values.seed ?? clock.now() % 1_000_000);
const videos = Number(values.videos ?? Math.min(100_000, Math.ceil((100_000 / 30) * minutes)));
const [least, most] = values.instances.split("-").map(Number);
const pace = Number(values.pace);
if (
  ![minutes, seed, videos, least, most, pace].every((value) => Number.isFinite(value)) ||
  (least ?? 0) > (most ?? 0)
) {
  console.error("error: expected --minutes, --seed, --videos and --pace as numbers and --instances as 3-8");
  process.exit(2);
}

let stopped = false;
process.on("SIGINT", () => {
  if (stopped) process.exit(130);
  console.error("soak: no more harm, the rest is finished and judged; once more to end at once");
  stopped = true;
});

const started = clock.monotonic();
const say = (line: string) => {
  if (!values.quiet) console.error(`${((clock.monotonic() - started) / 1000).toFixed(1).padStart(7)} s  ${line}`);
};
const report = await soak({
  ...{ seed, videos, minutes, pace, say, stopped: () => stopped },
  instances: { least: least ?? 3, most: most ?? 8 },
  lookEveryS: Math.max(20, Math.min(120, minutes * 10)),
});
console.log(describeReport(report));
if (report.problems.length > 0) {
  console.log(
    `again: npm run soak -- --seed ${seed} --minutes ${minutes} --videos ${videos} --instances ${values.instances}`,
  );
  console.log(`kept:  ${report.folder}`);
  process.exitCode = 1;
}
