// Stage `process`, the processor `command`: runs a program once a video, without a shell.

import type { Clock } from "../clock.js";
import { inheritedEnvironment } from "../config/environment.js";
import { environmentForPrograms } from "../config/secrets.js";
import type { Config } from "../config/settings.js";
import { codeOf, messageOf } from "../errors.js";
import type { Outcome } from "../video.js";
import { type GroupEnd, runGroup } from "./command/group.js";
import { Guard } from "./command/guard.js";
import { type OutFile, outFile } from "./command/out.js";
import { type CommandSettings, checkProgram, fillArgument, readCommandSettings } from "./command/settings.js";
import type { Processor } from "./processor.js";
import { valuesOf } from "./template.js";
import { troubleOutcome } from "./trouble.js";
import { CLOSE_MS, settledWithin } from "./within.js";

const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";
const STDOUT_SHOWN = 4 * 1024;

/** What no attempt can mend: the program is not there or may not be run, or cannot be given such arguments. */
const HOPELESS = ["ENOENT", "EACCES", "E2BIG", "ENOEXEC", "ERR_INVALID_ARG_VALUE"];

interface CommandDeps {
  clock: Clock;
  /** What the program inherits, less our secrets. */
  environment?: NodeJS.ProcessEnv;
}

export function createCommand(config: Config, { clock, environment = inheritedEnvironment() }: CommandDeps): Processor {
  const settings = readCommandSettings(config);
  const inherited = environmentForPrograms(environment);
  const guard = new Guard({ life: clock.uniqueId(), path: inherited.PATH ?? DEFAULT_PATH });
  const closing = new AbortController();
  const running = new Set<Promise<Outcome>>();
  let children = 0;

  const processVideo: Processor["process"] = async (video, context) => {
    const signal = AbortSignal.any([context.signal, closing.signal]);
    const values = valuesOf(video, context);
    const out =
      settings.out === ""
        ? null
        : outFile(settings.out, values, { videoId: video.id, attempt: context.attempt, unique: clock.uniqueId() });
    const filled = { ...values, ...(out && { out: out.temporary }) };
    const args = settings.args.map((arg) => fillArgument(arg, filled));
    const blocked = await prepare(out);
    if (blocked !== null) return blocked;
    try {
      if (signal.aborted) return { kind: "released" };
      const program = { name: settings.program, args, environment: inherited };
      const end = await runGroup(program, { clock, guard, mark: guard.markOf(++children), signal });
      if (signal.aborted) return { kind: "released" };
      return end.exitCode === 0 ? await complete(end, out) : refuse(end, settings);
    } catch (error) {
      return explain(error, settings);
    } finally {
      await out?.discard();
    }
  };

  return {
    process(video, context) {
      const attempt = processVideo(video, context).finally(() => running.delete(attempt));
      running.add(attempt);
      return attempt;
    },
    async close() {
      closing.abort();
      // A guard that is not closed ends with the instance, and then sweeps up whatever of its children is left.
      if (await settledWithin(CLOSE_MS, running, clock)) guard.close();
    },
  };
}

/** Throws SETTING_INVALID or PROCESSOR_PREFLIGHT before any video is touched. */
export function checkCommand(config: Config, environment: NodeJS.ProcessEnv = inheritedEnvironment()): void {
  checkProgram(readCommandSettings(config).program, environment.PATH ?? DEFAULT_PATH);
}

async function prepare(out: OutFile | null): Promise<Outcome | null> {
  try {
    await out?.prepare();
    return null;
  } catch (error) {
    const reason = `the folder of {out} could not be made ready: ${messageOf(error)}`;
    return troubleOutcome(error, "make a folder ready") ?? { kind: "retry", reason };
  }
}

async function complete(end: GroupEnd, out: OutFile | null): Promise<Outcome> {
  try {
    await out?.keep();
  } catch (error) {
    const cause = codeOf(error) === "ENOENT" ? "it wrote no {out}" : `{out} could not be kept: ${messageOf(error)}`;
    return { kind: "retry", reason: `the program ended with exit code 0, but ${cause}` };
  }
  return { kind: "completed", output: describeEnd(end, out?.final ?? null) };
}

/** The output of a video: JSON of the program as `result`, any other text of it as `stdout`, its last 4 KB. */
function describeEnd({ stdout }: GroupEnd, out: string | null): string {
  const text = stdout.text();
  const head = `{"exit_code":0,"out":${JSON.stringify(out)}`;
  if (text === "") return `${head}}`;
  // Kept as it was written: to parse and print it again would round large numbers.
  if (stdout.whole && isJson(text)) return `${head},"result":${text}}`;
  return `${head},"stdout":${JSON.stringify(stdout.text(STDOUT_SHOWN))}}`;
}

function refuse({ exitCode, endedBy, stderr }: GroupEnd, { program, permanent }: CommandSettings): Outcome {
  const end = exitCode === null ? `was ended by ${endedBy}` : `ended with exit code ${exitCode}`;
  const said = stderr.text();
  const reason = said === "" ? `${program} ${end}` : `${program} ${end}: ${said}`;
  return { kind: exitCode !== null && permanent.includes(exitCode) ? "failed" : "retry", reason };
}

function explain(error: unknown, { program }: CommandSettings): Outcome {
  const trouble = troubleOutcome(error, "start a program");
  if (trouble !== undefined) return trouble;
  const code = codeOf(error);
  if (code === "ENOENT") return { kind: "failed", reason: `expected the program ${program} to be there, got ENOENT` };
  // Node quotes the argument, and what a person wrote around a placeholder may be secret.
  const why = code === "ERR_INVALID_ARG_VALUE" ? "null bytes in its arguments" : messageOf(error);
  const reason = `${program} could not be started: ${why}`;
  return { kind: HOPELESS.includes(code) ? "failed" : "retry", reason };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
