// A process that writes numbered lines to a rotated log: `<folder> <process id> <instance> <count> <file bytes>`.
import { setImmediate } from "node:timers/promises";
import { openLog } from "../../dist/report/log.js";

const [folder = "", processId, instance = "", count, fileBytes] = process.argv.slice(2);
const bounds = { maxBytes: 2 ** 40, fileBytes: Number(fileBytes), fileMs: 3_600_000 };
const write = openLog({ folder, level: "info", processId: Number(processId), instance, bounds });
for (let number = 0; number < Number(count); number++) {
  write({ type: "worker.said", level: "log", text: `line ${number} of ${instance} ${"ü".repeat(number % 50)}` }, 0);
  if (number % 100 === 0) await setImmediate();
}
