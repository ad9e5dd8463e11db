// `hidb drain`: running videos are finished, however long they take, those not started are released, and the instances
// stay up idle until `hidb resume`.
import type { Command } from "commander";
import { setDraining } from "../catalogue/backlog.js";
import type { Database } from "../database/database.js";
import { HidbError } from "../errors.js";
import { countRunning, readInstances } from "../report/status.js";
import { readSwitches } from "../report/switches.js";
import type { Millis } from "../video.js";
import { clock, deathJudge, readSettings, withDatabase } from "./context.js";
import { asTyped, note, plural, say, sayJson } from "./print.js";

interface DrainFlags {
  wait: boolean;
  reason?: string;
  dryRun?: boolean;
  json?: boolean;
}

export function registerDrain(program: Command): void {
  program
    .command("drain")
    .description("Bring the pool to rest: what runs is finished, the rest is given back, until `hidb resume`.")
    .option("--reason <text>", "shown to whoever looks")
    .option("--no-wait", "do not wait until nothing runs any more")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(drain);
}

const HELP = `
Examples:
  $ hidb drain && reboot
  $ hidb drain --no-wait --reason "the disk is being swapped"

Ctrl-C ends the waiting, not the drain. Instances do not exit: \`pm2 stop\` and \`pm2 delete\` do that.`;

async function drain(flags: DrainFlags, command: Command): Promise<void> {
  const { dryRun = false, reason } = flags;
  const config = readSettings(command);
  await withDatabase(config, dryRun ? "read" : "change", async (database) => {
    const { draining } = await readSwitches(database, clock.now());
    if (dryRun) {
      if (flags.json) return sayJson({ draining: true, changed: !draining, dryRun });
      return say(draining ? "the pool is drained already" : "the pool would be drained");
    }
    await setDraining(database, { reason });
    const lookEveryMs = config.database === "d1" ? DISTANT_LOOK_MS : LOOK_MS;
    const running = flags.wait ? await waitForRest(database, lookEveryMs) : await countRunning(database);
    if (flags.json) return sayJson({ draining: true, changed: !draining, dryRun, running });
    if (running === 0) say(asTyped("the pool is drained: nothing is in hand until `hidb resume`"));
    else say(asTyped(`the pool drains: ${plural(running, "video")} in hand; nothing new until \`hidb resume\``));
  });
}

const LOOK_MS = 200;
const DISTANT_LOOK_MS = 10_000;
/** The pause between two reads, as a multiple of the last one's duration: a read covers every open video. */
const LOOK_SHARE = 20;
const NOTE_EVERY_MS = 10_000;

async function waitForRest(database: Database, lookEveryMs: Millis): Promise<number> {
  let notedAt = clock.monotonic() - NOTE_EVERY_MS + 2000;
  for (;;) {
    const lookedAt = clock.monotonic();
    const running = await countRunning(database);
    if (running === 0) return 0;
    if (!(await readSwitches(database, clock.now())).draining) throw resumed(running);
    const now = clock.monotonic();
    if (now - notedAt >= NOTE_EVERY_MS) {
      notedAt = now;
      note(`hidb: waiting for ${plural(running, "video")} in hand`);
      await refuseUnheld(database);
    }
    await clock.sleep(Math.max(lookEveryMs, LOOK_SHARE * (clock.monotonic() - lookedAt)));
  }
}

/** Videos of a dead instance are not finished, and no live instance is there to reclaim them. */
async function refuseUnheld(database: Database): Promise<void> {
  const { live } = await readInstances(database, { now: clock.now(), isDead: deathJudge() });
  if (live.length > 0) return;
  throw new HidbError({
    code: "POOL_UNHEALTHY",
    message: "expected instances that finish what is in hand, but none is live",
    fix: "nothing runs any more; the next instance that starts takes those videos back",
  });
}

function resumed(running: number): HidbError {
  return new HidbError({
    code: "POOL_UNHEALTHY",
    message: `expected the drain to last until nothing runs, but somebody has resumed the pool with ${running} in hand`,
    fix: "run `hidb drain` again if it should rest",
  });
}
