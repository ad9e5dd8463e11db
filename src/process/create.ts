// Stage `process`: loads the processor that HIDB_PROCESSOR names, and no other.
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Processor } from "./processor.js";
import type { WorkerParts } from "./worker.js";

/** What processors are made with; `database`, `openBeside` and `log` are for `worker` alone. */
export type ProcessorLog = WorkerParts["log"];
export type ProcessorParts = { clock: Clock } & Partial<WorkerParts>;

export async function createProcessor(config: Config, parts: ProcessorParts): Promise<Processor> {
  const { clock } = parts;
  switch (config.processor) {
    case "probe":
      return (await import("./probe/probe.js")).createProbe(config, { clock });
    case "command":
      return (await import("./command.js")).createCommand(config, { clock });
    case "http":
      return (await import("./http.js")).createHttp(config, { clock });
    case "worker":
      return (await import("./worker.js")).createWorker(config, withAll(parts));
    case "rehearse":
      return (await import("./rehearse.js")).createRehearse(config, { clock });
    default:
      return config.processor satisfies never;
  }
}

/**
 * Throws a HidbError when the chosen processor could not process any video as it is set.
 * `connect` asks for the server of `http` as well, and loads the code of `worker`: for a person at the command line only,
 * since an instance outlives a server that is down for a moment, and loads that code anyway.
 */
export async function checkProcessor(config: Config, { connect = false }: { connect?: boolean } = {}): Promise<void> {
  switch (config.processor) {
    case "command":
      return (await import("./command.js")).checkCommand(config);
    case "http": {
      const { checkHttp, checkReachable } = await import("./http.js");
      checkHttp(config);
      return connect ? checkReachable(config) : undefined;
    }
    case "worker":
      return (await import("./worker.js")).checkWorker(config, { load: connect });
    case "probe":
    case "rehearse":
      return; // They need nothing beyond their settings, which config.ts has checked.
    default:
      return config.processor satisfies never;
  }
}

function withAll({ clock, database, openBeside, log }: ProcessorParts): WorkerParts {
  if (database === undefined || log === undefined) throw new Error("the processor `worker` needs a database and a log");
  return { clock, database, log, ...(openBeside !== undefined && { openBeside }) };
}
