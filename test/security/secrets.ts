// Secrets that can be told from anything else, and the search for what is left of them.
import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Beginning and end are as unlikely to be anybody else's as the whole. */
export function makeSecret(): string {
  return `Zq${randomBytes(6).toString("hex")}-${randomBytes(8).toString("hex")}-${randomBytes(6).toString("hex")}7x`;
}

/** What of a secret nobody may find: as it is, its ends, and what encodings make of it. */
function tracesOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const spread = [
    secret,
    secret.slice(0, 8),
    secret.slice(-8),
    secret.toUpperCase(),
    bytes.toString("hex"),
    [...secret].reverse().join(""),
  ];
  // Wherever in a longer text: bytes that a neighbour has a part in are left out.
  const aligned = [0, 1, 2].map((at) => {
    const whole = bytes.subarray(at, at + Math.floor((bytes.length - at) / 3) * 3);
    return whole.toString("base64").slice(0, 24);
  });
  return [...spread, ...aligned, ...aligned.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))];
}

export class Search {
  readonly #traces: [name: string, trace: Buffer][];
  readonly found: string[] = [];
  bytes = 0;
  places = 0;

  constructor(secrets: Record<string, string>) {
    this.#traces = Object.entries(secrets).flatMap(([name, secret]) =>
      tracesOf(secret).map((trace): [string, Buffer] => [name, Buffer.from(trace)]),
    );
  }

  look(where: string, what: string | Buffer, except: readonly string[] = []): void {
    const bytes = typeof what === "string" ? Buffer.from(what) : what;
    this.places++;
    this.bytes += bytes.length;
    for (const [name, trace] of this.#traces) {
      const at = except.includes(name) ? -1 : bytes.indexOf(trace);
      if (at < 0) continue;
      const around = bytes
        .subarray(Math.max(0, at - 60), at + 40)
        .toString()
        .replaceAll(/\s+/g, " ");
      this.found.push(`${name} in ${where}: ${around}`);
      return;
    }
  }

  /** Every file below; `except` says which secrets a file may hold, and "all" leaves it out. */
  lookInto(folder: string, except: (path: string) => readonly string[] | "all" = () => []): void {
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      const known = except(path);
      if (known === "all" || !lstatSync(path, { throwIfNoEntry: false })?.isFile()) continue;
      this.look(path, readFileSync(path), known);
    }
  }

  /** Arguments, titles and what `ps` shows of all processes whose environment names this folder. */
  lookAtProcesses(mark: string): number {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    let count = 0;
    for (const pid of pids) {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark)) continue;
        count++;
        this.look(`the arguments of process ${pid}`, readFileSync(`/proc/${pid}/cmdline`));
        this.look(`the name of process ${pid}`, readFileSync(`/proc/${pid}/comm`));
      } catch {
        // It has ended.
      }
    }
    return count;
  }
}
