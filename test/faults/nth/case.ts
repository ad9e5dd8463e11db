// One command, one fault, and what must be true afterwards.
import { utimesSync } from "node:fs";
import type { Command } from "./commands.ts";
import { copyFolder, differenceOf, digestOf, filesIn, integrityOf } from "./content.ts";
import { isKill, type Strike } from "./fault.ts";
import { CLI } from "./hands.ts";
import type { Done } from "./order.ts";
import { type Lane, Place } from "./place.ts";

const LONG_AGO = new Date(0);

export interface Verdict {
  /** The operation that was hit; undefined: there are fewer. */
  hit: string | undefined;
  /** Sentences; none where all is well. */
  problems: string[];
  code: number | null;
}

/** What a run without faults begins with and ends in. */
interface Reference {
  command: Command;
  folder: string;
  outBefore: string | undefined;
  code: number | null;
  stdout: string;
  content: string[];
  files: string[];
  out: string | undefined;
}

export class CommandTrial {
  readonly #reference: Reference;
  readonly #template: Place;
  /** What D1 holds in the beginning. */
  readonly #seed: string[];
  /** How many operations on the file, and how many requests, a run without faults makes. */
  readonly counts: { operations: number; requests: number };

  private constructor(reference: Reference, template: Place, seed: string[], counts: CommandTrial["counts"]) {
    this.counts = counts;
    this.#reference = reference;
    this.#template = template;
    this.#seed = seed;
  }

  static async of(command: Command, { runner, distant }: Lane): Promise<CommandTrial> {
    const lane: Lane = command.remote !== undefined && distant !== undefined ? { runner, distant } : { runner };
    await lane.distant?.begin([]);
    const template = await Place.open(lane, command.env);
    await command.prepare(template);
    const seed = (await lane.distant?.statements()) ?? [];
    const place = await Place.open(lane, command.env);
    try {
      copyFolder(template.folder, place.folder);
      const { code, stdout, stderr, operations } = await place.hidb(...command.args);
      const { requests } = place;
      if (code !== 0) throw new Error(`expected ${command.name} to end well without a fault, got ${code}: ${stderr}`);
      const out = (at: Place) => (command.out === undefined ? undefined : digestOf(at.path(command.out)));
      const reference = {
        ...{ command, code, stdout, folder: template.folder, files: filesIn(place.folder) },
        ...{ outBefore: out(template), out: out(place), content: await place.content() },
      };
      return new CommandTrial(reference, template, seed, { operations, requests });
    } finally {
      place.end();
    }
  }

  end(): void {
    this.#template.end();
  }

  /** `apart`: in a process of its own, which a fault that kills has anyway. */
  async run(strike: Strike, { runner, distant }: Lane, { apart = false } = {}): Promise<Verdict> {
    const { command, folder } = this.#reference;
    const lane: Lane = command.remote !== undefined && distant !== undefined ? { runner, distant } : { runner };
    await lane.distant?.begin(this.#seed);
    const place = await Place.open(lane, command.env);
    try {
      copyFolder(folder, place.folder);
      const isApart = apart || isKill(strike);
      const done = await (isApart ? place.start(CLI, command.args, strike).ended : place.run(command.args, strike));
      if (done.hit === undefined) return { hit: undefined, problems: [], code: done.code };
      const problems = await this.#judgeEnd(place, done, strike);
      problems.push(...(await this.#judgeNextStep(place)));
      return { hit: done.hit, problems, code: done.code };
    } finally {
      place.end();
    }
  }

  /** Right after the fault, before anybody has mended anything. */
  async #judgeEnd(place: Place, done: Done, strike: Strike): Promise<string[]> {
    const { code, stdout } = done;
    const reference = this.#reference;
    const problems: string[] = [];
    const integrity = integrityOf(place.file);
    if (integrity !== "ok") problems.push(`integrity_check: ${integrity}`);
    if (reference.command.out !== undefined) {
      const out = digestOf(place.path(reference.command.out));
      if (out !== reference.outBefore && out !== reference.out)
        problems.push("the file under its final name is not whole");
    }
    if (isKill(strike)) {
      if (code !== null) problems.push(`expected it to be killed, got exit code ${code}`);
      return problems;
    }
    if (code === 0) {
      if (steady(stdout) !== steady(reference.stdout)) problems.push(`exit code 0, but it said ${stdout}`);
      const difference = differenceOf(reference.content, await place.content());
      if (difference !== undefined) problems.push(`exit code 0, but the database differs:\n    ${difference}`);
      return problems;
    }
    problems.push(...judgeWords(done));
    return problems;
  }

  /** The same once more: it must succeed, and all must be as if nothing had ever happened. */
  async #judgeNextStep(place: Place): Promise<string[]> {
    const { command, content, files, out, outBefore } = this.#reference;
    const problems: string[] = [];
    const isThere = command.out !== undefined && outBefore === undefined && digestOf(place.path(command.out)) === out;
    // What a killed export has left is taken for that once it has been silent for a minute.
    for (const name of filesIn(place.folder))
      if (name.endsWith(".part")) utimesSync(place.path(name), LONG_AGO, LONG_AGO);
    const again = await place.hidb(...command.args, ...(isThere ? ["--force"] : []));
    if (again.code !== 0) problems.push(`the same once more ended with ${again.code}: ${again.stderr.trim()}`);
    const difference = differenceOf(content, await place.content());
    if (difference !== undefined) problems.push(`once more, and the database differs:\n    ${difference}`);
    const left = differenceOf(files, filesIn(place.folder));
    if (left !== undefined) problems.push(`once more, and the files differ:\n    ${left}`);
    if (command.out !== undefined && digestOf(place.path(command.out)) !== out)
      problems.push("once more, and the file differs");
    problems.push(...(await place.verify()));
    return problems;
  }
}

/** One `error:` line, one `fix:` line, nothing like a stack trace, and the exit code of a database. */
export function judgeWords({ code, stderr }: Done): string[] {
  const problems: string[] = [];
  if (code !== 5) problems.push(`expected exit code 5, got ${code}`);
  const lines = stderr.split("\n").filter((line) => /^(error|fix):/.test(line));
  const isPlain =
    lines.length === 2 && /^error: expected \S.*, got \S/.test(lines[0] ?? "") && /^fix: {3}\S/.test(lines[1] ?? "");
  if (!isPlain || /^\s+at |node_modules|unhandled|uncaught/m.test(stderr)) problems.push(`it said: ${stderr.trim()}`);
  return problems;
}

/** Moments and folders differ from run to run, and so does the number of requests that one thing takes. */
function steady(text: string): string {
  return text
    .replace(/hidb-nth-\w+/g, "<folder>")
    .replace(/\bin \d+ requests?\b/, "in <some> requests")
    .replace(/\b1[678]\d{11}(\.\d+)?\b|\d{4}-\d\d-\d\d[ T][\d:]+/g, "<time>");
}
