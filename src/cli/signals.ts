// Signals for a command that must clean up: the first one asks it to end, at the second it says what it waits for, the third
// ends it at once.
import { endPm2Commands } from "../pm2-command.js";
import { clock } from "./context.js";
import { note, onUnheard } from "./print.js";

const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 };

/** SIGPIPE stands for a closed output, as in `hidb start | head`: Node delivers no such signal. */
export type StopSignal = keyof typeof SIGNAL_EXIT;

/** npm repeats a Ctrl-C that the terminal has sent already: two within this time count as one. */
const ECHO_MS = 250;
/** How long after a closed output a signal may still arrive. */
const UNHEARD_MS = 100;

interface Ending {
  /** "the pool to drain" */
  waitsFor: () => string;
  /** Kills what this command has started; called right before its end. */
  endNow?: () => void;
}

/** Aborted by the first signal, with its name. */
export function listenForStop({ waitsFor, endNow }: Ending): AbortController {
  const stop = new AbortController();
  let count = 0;
  let heardAt = Number.NEGATIVE_INFINITY;
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (clock.monotonic() - heardAt < ECHO_MS) return;
      heardAt = clock.monotonic();
      count++;
      if (count === 1) stop.abort(name);
      else if (count === 2) note(`hidb: waiting for ${waitsFor()}; a third signal ends this at once`);
      else endAtOnce(name, endNow);
    });
  }
  // A closing terminal sends a signal, too; that is then the reason.
  onUnheard(() => clock.timer(UNHEARD_MS, () => stop.abort("SIGPIPE")));
  return stop;
}

/** Undefined for what is no signal. */
export function exitCodeOfSignal(reason: StopSignal): number;
export function exitCodeOfSignal(reason: unknown): number | undefined;
export function exitCodeOfSignal(reason: unknown): number | undefined {
  return Object.entries(SIGNAL_EXIT).find(([name]) => name === reason)?.[1];
}

function endAtOnce(name: StopSignal, endNow: (() => void) | undefined): never {
  try {
    endPm2Commands();
    endNow?.();
  } finally {
    process.exit(SIGNAL_EXIT[name]);
  }
}
