// Part of room 3: chooses the processor by HIDB_PROCESSOR; only the chosen one is loaded.
import type { Clock } from "../clock.js";
import type { Config } from "../config.js";
import type { Processor } from "./processor.js";

export async function createProcessor(config: Config, { clock }: { clock: Clock }): Promise<Processor> {
  switch (config.processor) {
    case "probe":
      return (await import("./probe/probe.js")).createProbe(config, { clock });
    case "command":
      return (await import("./command.js")).createCommand(config, { clock });
    case "http":
      return (await import("./http.js")).createHttp(config, { clock });
    case "rehearse":
      return (await import("./rehearse.js")).createRehearse(config, { clock });
    default:
      return config.processor satisfies never;
  }
}

/**
 * Throws a HidbError when the chosen processor could not process any video as it is set.
 * `connect` asks for the server of `http` as well: for a person at the command line only, since an instance outlives a
 * server that is down for a moment.
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
    case "probe":
    case "rehearse":
      return; // They need nothing beyond their settings, which config.ts has checked.
    default:
      return config.processor satisfies never;
  }
}
