// `+` and `-`: `pm2 scale` in the home where PM2 keeps the instances that are seen.
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import type { Config } from "../../config/settings.js";
import { HidbError } from "../../errors.js";
import type { Overview } from "../../report/overview.js";
import { Pm2 } from "../start/pm2.js";

export interface Scaling {
  from: number;
  to: number;
  done: Promise<void>;
}

/** Errors: POOL_UNHEALTHY when the pool is not one of PM2's on this host, PM2_FAILED. */
export async function beginScale(config: Config, overview: Overview, by: 1 | -1): Promise<Scaling> {
  const { pm2, count } = await findPool(config, overview);
  const to = count + by;
  if (to < 1)
    throw new HidbError({
      code: "USAGE",
      message: "expected at least one instance to stay",
      fix: `press p to pause, or \`pm2 stop ${config.appName}\``,
    });
  return { from: count, to, done: pm2.scale(to) };
}

/** PM2 runs one daemon a home: the right one is that whose processes are the live instances. */
async function findPool(config: Config, { instances }: Overview): Promise<{ pm2: Pm2; count: number }> {
  const here = instances.filter(({ host }) => host === hostname()).map(({ pid }) => pid);
  for (const pm2 of Pm2.existing(config, [join(homedir(), ".pm2")])) {
    const pids = await pm2.listPids();
    if (pids.some((pid) => here.includes(pid))) return { pm2, count: pids.length };
  }
  throw new HidbError({
    code: "POOL_UNHEALTHY",
    message: here.length === 0 ? "no instance lives on this host" : "no PM2 of this user keeps these instances",
    fix: "set PM2_HOME to that of the pool, or scale where it runs",
  });
}
