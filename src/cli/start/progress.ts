// One live line on a terminal; a line a minute anywhere else.
import cliProgress from "cli-progress";
import type { Eta } from "../../report/eta.js";
import type { Status } from "../../report/status.js";
import { clock } from "../context.js";
import { describeShort } from "../eta.js";
import { asTyped, formatCount, formatSeconds, note } from "../print.js";
import { nameStop } from "../stops.js";

export interface Progress {
  /** Without a band the rate of the last minute tells when it will be over. */
  show(status: Status, eta: Eta | null): void;
  end(): void;
}

const LINE_EVERY_MS = 60_000;

export function openProgress(clock: { monotonic(): number }): Progress {
  return process.stderr.isTTY ? openBar() : openLines(clock);
}

function openBar(): Progress {
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: "{bar} {percentage}%  {value}/{total}  {facts}",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    autopadding: true,
  });
  let started = false;
  return {
    show(status, eta) {
      const { total } = status.counts;
      const facts = describeFacts(status, eta);
      if (!started) bar.start(total, endedOf(status), { facts });
      started = true;
      bar.setTotal(total);
      bar.update(endedOf(status), { facts });
    },
    end: () => bar.stop(),
  };
}

function openLines(clock: { monotonic(): number }): Progress {
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    show(status, eta) {
      if (clock.monotonic() < nextAt) return;
      nextAt = clock.monotonic() + LINE_EVERY_MS;
      const { total } = status.counts;
      note(`hidb: ${formatCount(endedOf(status))} of ${formatCount(total)} done  ${describeFacts(status, eta)}`);
    },
    end: () => undefined,
  };
}

function openOf({ pending, running }: Status["counts"]): number {
  return pending + running;
}

function endedOf({ counts }: Status): number {
  return counts.total - counts.pending - counts.running;
}

function describeFacts(status: Status, band: Eta | null): string {
  const { counts, instances, rate, eta } = status;
  const facts = [`${instances.length} up`, `${counts.running} running`];
  if (rate !== null) facts.push(rate >= 1 ? `${rate.toFixed(1)}/s` : `${(rate * 60).toFixed(1)}/min`);
  if (band !== null && openOf(counts) > 0) facts.push(`ETA ${describeShort(band, clock.now())}`);
  else if (eta !== null) facts.push(`ETA ${formatSeconds(eta)}`);
  const failed = counts.failed + counts.quarantined;
  if (failed > 0) facts.push(`${formatCount(failed)} failed`);
  const stop = nameStop(status);
  if (stop !== null) facts.push(asTyped(`${stop} (\`hidb resume\` goes on)`));
  return facts.join("  ");
}
