// Part of the processor `worker`: its Worker loaded, or the reason why not, without the secrets that its code may have put
// there.
import { systemClock } from "../../clock.js";
import { settingInvalid } from "../../config/check.js";
import { type Config, SETTINGS } from "../../config/settings.js";
import { HidbError } from "../../errors.js";
import { hideSecrets, secretParts } from "../../shown.js";
import type { PlannedWorker } from "../../workerd/config/plan.js";
import type { Host } from "../../workerd/host/host.js";
import { openHost } from "../../workerd/host/open.js";
import { findQueue } from "./batch-calls.js";
import { chooseOwn } from "./databases.js";

/** Errors: WORKER_BROKEN, SETTING_INVALID. */
export async function loadWorker(
  config: Config,
  { secrets, ...options }: Parameters<typeof openHost>[0] & { secrets: readonly string[] },
): Promise<Host> {
  const host = await openHost(options).catch((error: unknown) => {
    if (!(error instanceof HidbError)) throw error;
    const { code, fix, message } = error;
    throw new HidbError({ code, fix, message: hideSecrets(message, secrets) });
  });
  checkHandler(config, host);
  return host;
}

/** Loads it with empty databases and nothing kept, to see at once what would stop every instance. */
export async function tryWorker(config: Config, { plan, d1, secrets }: PlannedWorker): Promise<void> {
  chooseOwn(d1, config);
  const empty = d1.map(({ binding: name }) => {
    return { name, kind: "d1", database: { kind: "memory", strict: false } } as const;
  });
  const taken = empty.map(({ name }) => name);
  const host = await loadWorker(config, {
    plan: {
      ...plan,
      bindings: [...plan.bindings.filter(({ name }) => !taken.includes(name)), ...empty],
      stateFolder: null,
    },
    secrets: secretParts(secrets),
    isolation: "thread",
    clock: systemClock,
    databases: new Map(),
    // The instances will say it, too.
    onLog: () => undefined,
    onSend: async () => undefined,
    maxMemoryMb: config.instanceMemoryMb,
  });
  await host.close();
  if (config.workerCall === "queue") findQueue(config, plan);
}

function checkHandler(config: Config, host: Host): void {
  if (host.handlers.includes(config.workerCall)) return;
  const { name } = SETTINGS.workerCall;
  const expected = `a handler that the Worker has (${host.handlers.join(", ") || "it has none"})`;
  void host.close();
  throw settingInvalid({ name, expected, got: config.workerCall, origin: config.origins.workerCall });
}
