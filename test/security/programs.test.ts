// Programs get what a person has written and what a catalogue says as single arguments, and none of the secrets of hidb.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import { createCommand } from "../../src/process/command.js";
import { runFfprobe } from "../../src/process/probe/ffprobe.js";
import type { AttemptContext } from "../../src/process/processor.js";
import { tell } from "../../src/report/notice.js";
import { makeFolder } from "../catalogue/world.js";

const ROOT = join(import.meta.dirname, "../..");

/** Each would do something to a shell, or to a program that takes it for an option. */
const NASTY = [
  ...[
    "$(touch PWNED)",
    "`touch PWNED`",
    "; touch PWNED",
    "| touch PWNED",
    "&& touch PWNED",
    "a\ntouch PWNED\n",
    "'; touch PWNED; '",
  ],
  ...[
    '"; touch PWNED; "',
    "\\",
    "*",
    "~",
    "$HOME",
    "%n%s",
    "-rf",
    "--option=x",
    "-",
    "--",
    "a b  c",
    "{id}",
    "{out}",
    "\u202e4pm",
    "\u0007",
  ],
  ...["../../../etc/passwd", "/etc/passwd", "..", ".", "~root", "a\\..\\b"],
];

/** A program that notes its arguments, one after the other, with a length before each. */
function recorder(more = "") {
  const folder = makeFolder();
  const program = join(folder, "program");
  const file = join(folder, "arguments");
  writeFileSync(
    program,
    `#!/bin/sh\nfor a in "$@"; do printf '%s\\0' "$a"; done > '${file}'\nenv > '${folder}/environment'\n${more}\n`,
  );
  chmodSync(program, 0o755);
  return {
    folder,
    program,
    seen: () => readFileSync(file, "utf8").split("\0").slice(0, -1),
    environment: () => readFileSync(join(folder, "environment"), "utf8"),
  };
}

function command(settings: Record<string, string>, environment: NodeJS.ProcessEnv = process.env) {
  const processor = createCommand(readConfig({ environment: settings, cwd: "/" }), { clock, environment });
  onTestFinished(() => processor.close());
  const context = { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal } as AttemptContext;
  return (source: string, title = "t") => processor.process({ id: 7, source, title, durationS: null }, context);
}

const SECRETS = {
  CLOUDFLARE_API_TOKEN: "planted-a",
  HIDB_TOKEN: "planted-b-0123456789",
  HIDB_HTTP_HEADERS: '{"x":"planted-c"}',
  HIDB_WORKER_HEADERS: '{"x":"planted-d"}',
  HIDB_HTTP_URL: "http://u:planted-e@h/",
  HIDB_NOTIFY: "https://h/planted-f",
};

describe("no shell", () => {
  it("is started by the sources, but for the guard's own fixed script", () => {
    const found = execFileSync(
      "grep",
      ["-rnE", 'shell: *true|\\bexec(Sync)?\\(|/bin/(ba)?sh|from "node:child_process"', "src"],
      { cwd: ROOT, encoding: "utf8" },
    );
    const lines = found
      .split("\n")
      .filter((line) => !/\.exec\(|\bexec\((sql|query)?:? ?|\* /.test(line) && line !== "");
    const others = lines.filter(
      (line) => !/import .*\b(spawn|spawnSync|execFile(?:Sync)?|fork|ChildProcess)\b/.test(line),
    );
    expect(others.map((line) => line.replace(/^(\S+?):\d+:.*(spawn\(.*?),.*$/, "$1 $2"))).toEqual([
      'src/process/command/guard.ts spawn("/bin/sh"',
    ]);
  });

  it.each(NASTY)("reads %j as a source, a title or a path of output: each stays one argument", async (text) => {
    const { folder, program, seen } = recorder('printf x > "$4"');
    const run = command({
      HIDB_COMMAND: `'${program}' {source} {title} --in={source} {out}`,
      HIDB_COMMAND_OUT: join(folder, "out", "{source}", "{title}-{id}.bin"),
    });
    const outcome = await run(text, text);
    expect(outcome).toMatchObject({ kind: "completed" });
    const [source, title, joined, out, ...more] = seen();
    expect(more).toEqual([]);
    // As a file of that name, and as no option.
    expect([text, `./${text}`]).toContain(source);
    expect([text, ` ${text}`, `./${text}`]).toContain(title);
    expect(joined).toBe(`--in=${text}`);
    expect(source?.startsWith("-")).toBe(false);
    expect(title?.startsWith("-")).toBe(false);
    expect(out?.startsWith(join(folder, "out/"))).toBe(true);
    expect(existsSync("PWNED") || existsSync(join(folder, "PWNED"))).toBe(false);
    // Two folders below `out`, and nothing beside it.
    expect(readdirSync(folder).sort()).toEqual(["arguments", "environment", "out", "program"]);
    const [inner, ...others] = readdirSync(join(folder, "out"));
    expect(others).toEqual([]);
    expect(readdirSync(join(folder, "out", String(inner)))).toHaveLength(1);
  });

  it.each(NASTY)("reads %j as the path of a film for ffprobe", async (text) => {
    const { program, seen } = recorder("exit 1");
    const unread = { kind: "unread", container: "avi", demuxer: "avi", reason: null, size: 1, sha256: "" } as const;
    const signal = new AbortController().signal;
    await runFfprobe({ kind: "file", path: text }, unread, { clock, program, timeoutMs: 5000, signal });
    expect(seen().at(-1)).toBe(`file:${text}`);
  });

  it("reads HIDB_NOTIFY: its words and the notice stay what they are", async () => {
    const { folder, program, seen, environment } = recorder();
    const counts = { total: 0, pending: 0, running: 0, completed: 0, failed: 0, quarantined: 0, cancelled: 0 };
    const notice = {
      event: "halted",
      text: "$(touch PWNED)",
      reason: "`touch PWNED`",
      at: 0,
      startedAt: 0,
      completed: 0,
      failed: 0,
      counts,
    } as const;
    const told = await tell(`'${program}' '$(touch PWNED)' ';' -rf`, notice, clock);
    expect(told.why).toBeNull();
    expect(seen()).toEqual(["$(touch PWNED)", ";", "-rf"]);
    expect(environment()).toContain("NOTICE_TEXT=$(touch PWNED)");
    expect(existsSync("PWNED") || existsSync(join(folder, "PWNED"))).toBe(false);
  });
});

describe("a program of somebody's", () => {
  it("gets no secret that is hidb's", async () => {
    const before = { ...process.env };
    Object.assign(process.env, SECRETS, { OTHER: "other" });
    onTestFinished(() => {
      for (const name of [...Object.keys(SECRETS), "OTHER"]) delete process.env[name];
      Object.assign(process.env, before);
    });
    const one = recorder();
    await command({ HIDB_COMMAND: one.program }, process.env)("x");
    const two = recorder();
    await tell(
      two.program,
      {
        event: "test",
        text: "",
        reason: null,
        at: 0,
        startedAt: null,
        completed: 0,
        failed: 0,
        counts: { total: 0, pending: 0, running: 0, completed: 0, failed: 0, quarantined: 0, cancelled: 0 },
      },
      clock,
    );
    const three = recorder("exit 1");
    const unread = { kind: "unread", container: "avi", demuxer: "avi", reason: null, size: 1, sha256: "" } as const;
    const signal = new AbortController().signal;
    await runFfprobe({ kind: "file", path: "x" }, unread, { clock, program: three.program, timeoutMs: 5000, signal });
    for (const { environment } of [one, two, three]) {
      expect(environment()).toContain("OTHER=other");
      expect(environment()).not.toContain("planted");
    }
  });
});

describe("the output of a program", () => {
  it("is a file of its own: a link is refused, whatever it leads to", async () => {
    const { folder, program } = recorder('ln -s /etc/passwd "$1"');
    const out = join(folder, "out", "{id}.txt");
    const outcome = await command({ HIDB_COMMAND: `'${program}' {out}`, HIDB_COMMAND_OUT: out })("x");
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringMatching(/got a symbolic link/) });
    expect(readdirSync(join(folder, "out"))).toEqual([]);
  });

  it("takes the place of a link that was planted there, and leaves alone what it leads to", async () => {
    const { folder, program } = recorder('printf new > "$1"');
    const other = join(folder, "precious");
    writeFileSync(other, "old");
    mkdirSync(join(folder, "out"));
    symlinkSync(other, join(folder, "out", "7.txt"));
    const out = join(folder, "out", "{id}.txt");
    expect(await command({ HIDB_COMMAND: `'${program}' {out}`, HIDB_COMMAND_OUT: out })("x")).toMatchObject({
      kind: "completed",
    });
    expect(readFileSync(other, "utf8")).toBe("old");
    expect(readFileSync(join(folder, "out", "7.txt"), "utf8")).toBe("new");
  });
});
