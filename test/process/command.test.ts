import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import { HidbError } from "../../src/errors.js";
import { toSegment } from "../../src/process/command/out.js";
import { Tail } from "../../src/process/command/tail.js";
import { checkCommand, createCommand } from "../../src/process/command.js";
import { checkProcessor, createProcessor } from "../../src/process/create.js";
import type { AttemptContext } from "../../src/process/processor.js";
import type { Video } from "../../src/video.js";

const dist = new URL("../../dist/", import.meta.url).href;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A folder of its own, in which `script` becomes an executable called by `run`. */
function setup() {
  const folder = mkdtempSync(join(tmpdir(), "hidb command "));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const script = join(folder, "the script");

  function start(environment: Record<string, string>, inherited: NodeJS.ProcessEnv = process.env) {
    const command = createCommand(readConfig({ environment, cwd: "/" }), { clock, environment: inherited });
    ends.push(() => command.close());
    return command;
  }

  /** What becomes of one video when the shell script is the program. */
  function run(body: string, { args = "", video = aVideo(), attempt = 1, ...environment }: RunOptions = {}) {
    writeFileSync(script, `#!/bin/sh\n${body}\n`);
    chmodSync(script, 0o755);
    const command = start({ HIDB_COMMAND: `'${script}' ${args}`, ...environment });
    return command.process(video, context({ attempt }));
  }
  return { folder, start, run };
}

interface RunOptions {
  args?: string;
  video?: Video;
  attempt?: number;
  [setting: `HIDB_${string}`]: string;
}

function aVideo(video: Partial<Video> = {}): Video {
  return { id: 7, source: "/videos/seven.mp4", title: "Seven", durationS: 1, ...video };
}

function context({ attempt = 1, signal = new AbortController().signal } = {}): AttemptContext {
  return { attempt, rank: 1, count: 3, signal, database: {} as AttemptContext["database"] };
}

const argv = (args: string) => `'${process.execPath}' -p 'JSON.stringify(process.argv.slice(1))' -- ${args}`;

/** The arguments as the program gets them. */
async function argumentsOf(args: string, video: Partial<Video> = {}): Promise<string[]> {
  const outcome = await setup()
    .start({ HIDB_COMMAND: argv(args) })
    .process(aVideo(video), context());
  if (outcome.kind !== "completed") throw new Error(JSON.stringify(outcome));
  return JSON.parse(outcome.output ?? "").result;
}

const isAlive = (pid: number) => {
  try {
    // A zombie has ended, it only waits for somebody to hear of it.
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

const pidsIn = (file: string) => readFileSync(file, "utf8").trim().split("\n").map(Number);

describe("the arguments", () => {
  it.each([
    "plain.mp4",
    "with spaces  and\ttabs.mp4",
    `it's "quoted".mp4`,
    "$(touch hacked) `id` $HOME ; rm -rf * | & > x",
    "ünï çødé 視頻 🎬.mp4",
    "[brackets] {id} {nonsense} \\back\\slash",
    "line\nbreak",
    "http://example.com/?a={title}&b=1",
  ])("hold the source %j as one, untouched", async (source) => {
    expect(await argumentsOf("{source} -i {source} pre{source}post", { source })).toEqual([
      source,
      "-i",
      source,
      `pre${source}post`,
    ]);
  });

  it("are split like a shell's, but no shell reads them", async () => {
    expect(await argumentsOf(`-vf "scale=-2:720, fps=25" 'a b'c '' $HOME *`)).toEqual([
      "-vf",
      "scale=-2:720, fps=25",
      "a bc",
      "",
      "$HOME",
      "*",
    ]);
  });

  it("are filled with all that is known of the video and the pool", async () => {
    const filled = await argumentsOf("{id} {title} {rank}/{count}", { id: -5 });
    expect(filled).toEqual(["-5", "Seven", "1/3"]);
    expect(await argumentsOf("<{title}>", { title: null })).toEqual(["<>"]);
  });

  it("never turn a value into an option", async () => {
    expect(await argumentsOf("{source} -x {source} --in={source}", { source: "-y" })).toEqual([
      "./-y",
      "-x",
      "./-y",
      "--in=-y",
    ]);
    expect(await argumentsOf("{title} title={title}", { title: "--exec=rm" })).toEqual([
      " --exec=rm",
      "title=--exec=rm",
    ]);
  });

  it("that no program can be given fail the video for good", async () => {
    const command = setup().start({ HIDB_COMMAND: "true {source}" });
    const outcome = await command.process(aVideo({ source: "a\0b" }), context());
    expect(outcome).toMatchObject({ kind: "failed", reason: expect.stringContaining("null bytes") });
    const long = await command.process(aVideo({ source: "x".repeat(200_000) }), context());
    expect(long).toMatchObject({ kind: "failed", reason: expect.stringContaining("E2BIG") });
  });
});

describe("the outcome", () => {
  it("of exit code 0 holds JSON of the program as it was written", async () => {
    const { run } = setup();
    const output = '{"exit_code":0,"out":null,"result":{ "size": 12345678901234567890 }}';
    expect(await run(`echo '{ "size": 12345678901234567890 }'`)).toEqual({ kind: "completed", output });
  });

  it("of exit code 0 holds the last 4 KB of any other text, and nothing of silence", async () => {
    const { run } = setup();
    expect(await run("echo 'all is well'")).toEqual({
      kind: "completed",
      output: '{"exit_code":0,"out":null,"stdout":"all is well"}',
    });
    expect(await run("true")).toEqual({ kind: "completed", output: '{"exit_code":0,"out":null}' });
    const much = await run("seq 1 200000");
    const { stdout } = JSON.parse(much.kind === "completed" ? (much.output ?? "") : "");
    expect(stdout.length).toBeGreaterThan(4000);
    expect(stdout.length).toBeLessThanOrEqual(4096);
    expect(stdout).toMatch(/199999\n200000$/);
  });

  it("of another exit code is a retry with the last 4 KB of stderr", async () => {
    const { run } = setup();
    const outcome = await run("seq 1 100000 >&2; echo 'no such codec' >&2; exit 3");
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringMatching(/exit code 3: .*no such codec$/s) });
    expect("reason" in outcome && outcome.reason.length).toBeGreaterThan(4000);
    expect("reason" in outcome && outcome.reason.length).toBeLessThan(4400);
    expect(await run("exit 3")).toMatchObject({ reason: expect.stringMatching(/ended with exit code 3$/) });
  });

  it("of a signal is a retry that names it", async () => {
    const outcome = await setup().run("kill -SEGV $$");
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("was ended by SIGSEGV") });
  });

  it("of an exit code in HIDB_COMMAND_PERMANENT is a failure for good", async () => {
    const { run } = setup();
    expect(await run("exit 69", { HIDB_COMMAND_PERMANENT: "65,69" })).toMatchObject({ kind: "failed" });
    expect(await run("exit 70", { HIDB_COMMAND_PERMANENT: "65,69" })).toMatchObject({ kind: "retry" });
  });

  it("is a failure for good when the program has gone away", async () => {
    const outcome = await setup().start({ HIDB_COMMAND: "/nowhere/ffmpeg {source}" }).process(aVideo(), context());
    expect(outcome).toEqual({ kind: "failed", reason: "expected the program /nowhere/ffmpeg to be there, got ENOENT" });
  });

  it("does not wait for what a program left behind in its group for longer than two seconds", async () => {
    const { run, folder } = setup();
    const outcome = await run(`sleep 1000 & echo $! > '${folder}/pid'; echo done`);
    expect(outcome).toMatchObject({ kind: "completed", output: expect.stringContaining('"stdout":"done"') });
    await expect.poll(() => pidsIn(join(folder, "pid")).some(isAlive)).toBe(false);
  });

  it("comes from a program that reads nothing from standard input and knows none of our secrets", async () => {
    const { start } = setup();
    const inherited = {
      PATH: process.env.PATH,
      CLOUDFLARE_API_TOKEN: "s3cret",
      HIDB_HTTP_HEADERS: "s3cret",
      HOME: "/h",
    };
    const outcome = await start({ HIDB_COMMAND: "sh -c 'cat; env'" }, inherited).process(aVideo(), context());
    expect(outcome).toMatchObject({ kind: "completed", output: expect.stringContaining("HOME=/h") });
    expect(JSON.stringify(outcome)).not.toContain("s3cret");
  });
});

describe("{out}", () => {
  const files = (folder: string) => readdirSync(folder).sort();

  it("is a name beside the final path with the same extension, renamed on success", async () => {
    const { run, folder } = setup();
    const target = join(folder, "new/folder/{id}.tar.mp4");
    const outcome = await run('echo made > "$1"; echo "$1"', { args: "{out}", HIDB_COMMAND_OUT: target });
    const { out, stdout } = JSON.parse(outcome.kind === "completed" ? (outcome.output ?? "") : "");
    expect(out).toBe(join(folder, "new/folder/7.tar.mp4"));
    expect(stdout).toMatch(/\/new\/folder\/[^/]+\.mp4$/);
    expect(stdout).not.toBe(out);
    expect(readFileSync(out, "utf8")).toBe("made\n");
    expect(files(join(folder, "new/folder"))).toEqual(["7.tar.mp4"]);
  });

  it("is removed when the program fails, and an earlier result stays", async () => {
    const { run, folder } = setup();
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out/7.mp4"), "earlier");
    const settings = { args: "{out}", HIDB_COMMAND_OUT: join(folder, "out/{id}.mp4") };
    expect(await run('echo half > "$1"; exit 1', settings)).toMatchObject({ kind: "retry" });
    expect(files(join(folder, "out"))).toEqual(["7.mp4"]);
    expect(readFileSync(join(folder, "out/7.mp4"), "utf8")).toBe("earlier");
  });

  it("is asked for by a retry when a successful program wrote none", async () => {
    const { run, folder } = setup();
    const outcome = await run("true", { args: "{out}", HIDB_COMMAND_OUT: join(folder, "out/{id}.mp4") });
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("it wrote no {out}") });
  });

  it("does not find what a killed instance left there", async () => {
    const { run, folder } = setup();
    mkdirSync(join(folder, "out"));
    const settings = { args: "{out}", HIDB_COMMAND_OUT: join(folder, "out/{id}.mp4") };
    const said = await run('echo "$1" >&2; exit 1', settings);
    const [name = ""] = ("reason" in said && said.reason.match(/[^/]+\.part\.mp4$/)) || [];
    expect(name).toMatch(/^\.7\.7-1-\w+\.part\.mp4$/);
    writeFileSync(join(folder, "out", name), "left by attempt 1");
    writeFileSync(join(folder, "out", name.replace("7-1", "7-2")), "left by attempt 2, which was given back");
    writeFileSync(join(folder, "out", name.replace("7-1", "8-1")), "of another video");
    const outcome = await run('test ! -e "$1" && echo made > "$1"', { ...settings, attempt: 2 });
    expect(outcome).toMatchObject({ kind: "completed" });
    expect(files(join(folder, "out"))).toEqual([name.replace("7-1", "8-1"), "7.mp4"]);
  });

  it("differs between two claims of one video with one attempt number, as after a cancel and a retry", async () => {
    const { start, folder } = setup();
    // Each waits until both have begun; the loser is then still writing while the holder of the claim ends.
    const body = `echo "$1" >> "$2/names"; while [ $(wc -l < "$2/names") -lt 2 ]; do sleep 0.02; done; echo made > "$1"`;
    const environment = {
      HIDB_COMMAND: `sh -c '${body}' sh {out} '${folder}'`,
      HIDB_COMMAND_OUT: join(folder, "out/{id}.mp4"),
    };
    const twice = [start(environment), start(environment)].map((command) => command.process(aVideo(), context()));
    expect(await Promise.all(twice)).toMatchObject([{ kind: "completed" }, { kind: "completed" }]);
    expect(new Set(readFileSync(join(folder, "names"), "utf8").trim().split("\n")).size).toBe(2);
    expect(files(join(folder, "out"))).toEqual(["7.mp4"]);
  });

  it("may be a folder", async () => {
    const { run, folder } = setup();
    const settings = { args: "{out}", HIDB_COMMAND_OUT: join(folder, "out/{id}") };
    expect(await run('mkdir "$1" && touch "$1/a" "$1/b"', settings)).toMatchObject({ kind: "completed" });
    expect(files(join(folder, "out/7"))).toEqual(["a", "b"]);
  });

  it.each(["../../escape", "/etc/passwd", "..", ".hidden", "a\0b", "", "x".repeat(400), "視".repeat(200)])(
    "stays in its folder with the title %j",
    async (title) => {
      const { run, folder } = setup();
      const settings = { args: "{out}", HIDB_COMMAND_OUT: join(folder, "out/{title}/{title} {id}.mp4") };
      const outcome = await run('echo made > "$1"', { ...settings, video: aVideo({ title }) });
      expect(outcome).toMatchObject({ kind: "completed" });
      const { out } = JSON.parse(outcome.kind === "completed" ? (outcome.output ?? "") : "");
      expect(out.slice(folder.length).split("/")).toHaveLength(4);
      expect(out.startsWith(`${folder}/out/`)).toBe(true);
      expect(readFileSync(out, "utf8")).toBe("made\n");
    },
  );

  it("never gives two sources one name", () => {
    expect(toSegment("a/b")).not.toBe(toSegment("a_b"));
    expect(toSegment("a/b")).not.toBe(toSegment("a:b"));
    expect(toSegment(`${"x".repeat(300)}1`)).not.toBe(toSegment(`${"x".repeat(300)}2`));
    expect(toSegment("-5")).toBe("-5");
  });

  it("is a retry when its folder cannot be made", async () => {
    const { run, folder } = setup();
    writeFileSync(join(folder, "file"), "");
    const outcome = await run("true", { args: "{out}", HIDB_COMMAND_OUT: join(folder, "file/{id}.mp4") });
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("the folder of {out}") });
  });
});

describe("the end of a program", () => {
  /** A program with a child, both of which write their process ids into `pids` before they fall asleep. */
  const family = (folder: string, trap = "") =>
    `${trap}\nsh -c '${trap} echo $$ >> "${folder}/pids"; while :; do sleep 0.1; done' &\necho $$ >> "${folder}/pids"\nwhile :; do sleep 0.1; done`;

  /** The same, but the child is in a session of its own. */
  const runaway = (folder: string) =>
    `setsid sh -c 'echo $$ >> "${folder}/pids"; exec sleep 1000' &\necho $$ >> "${folder}/pids"\nwait`;

  function writeProgram(folder: string, body: string): void {
    writeFileSync(join(folder, "program"), `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, "program"), 0o755);
  }

  async function familyOf(folder: string): Promise<number[]> {
    const living = () => pidsIn(join(folder, "pids")).filter(isAlive);
    await expect.poll(living).toHaveLength(2);
    return living();
  }

  it("comes to its whole group when the signal is aborted, and the half-made file goes", async () => {
    const { start, folder } = setup();
    writeProgram(folder, `echo half > "$1"\n${family(folder)}`);
    const command = start({
      HIDB_COMMAND: `'${folder}/program' {out}`,
      HIDB_COMMAND_OUT: join(folder, "out/{id}.mp4"),
    });
    const drain = new AbortController();
    const attempt = command.process(aVideo(), context({ signal: drain.signal }));
    const pids = await familyOf(folder);
    drain.abort();
    expect(await attempt).toEqual({ kind: "released" });
    await expect.poll(() => pids.some(isAlive)).toBe(false);
    expect(readdirSync(join(folder, "out"))).toEqual([]);
    expect(await command.process(aVideo(), context({ signal: drain.signal }))).toEqual({ kind: "released" });
  });

  it("is a SIGKILL after two seconds for those who ignore SIGTERM", async () => {
    const { start, folder } = setup();
    writeProgram(folder, family(folder, 'trap "" TERM;'));
    const drain = new AbortController();
    const attempt = start({ HIDB_COMMAND: `'${folder}/program'` }).process(aVideo(), context({ signal: drain.signal }));
    const pids = await familyOf(folder);
    const startedAt = clock.monotonic();
    drain.abort();
    expect(await attempt).toEqual({ kind: "released" });
    expect(clock.monotonic() - startedAt).toBeGreaterThan(1900);
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  it("reaches those who have left the group", async () => {
    const { start, folder } = setup();
    writeProgram(folder, runaway(folder));
    const drain = new AbortController();
    const attempt = start({ HIDB_COMMAND: `'${folder}/program'` }).process(aVideo(), context({ signal: drain.signal }));
    const pids = await familyOf(folder);
    drain.abort();
    expect(await attempt).toEqual({ kind: "released" });
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  it("comes with the close of the processor, which gives the attempts back", async () => {
    const { start, folder } = setup();
    writeProgram(folder, family(folder));
    const command = start({ HIDB_COMMAND: `'${folder}/program'` });
    const attempt = command.process(aVideo(), context());
    const pids = await familyOf(folder);
    await command.close();
    expect(await attempt).toEqual({ kind: "released" });
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  /** A process of its own that runs `HIDB_COMMAND` and then whatever `afterwards` says. */
  function startInstance(folder: string, afterwards = "", program = family(folder)): ChildProcess {
    writeProgram(folder, program);
    const script = `
      import { systemClock as clock } from "${dist}clock.js";
      import { readConfig } from "${dist}config/read.js";
      import { createCommand } from "${dist}process/command.js";
      const command = createCommand(readConfig(), { clock });
      const video = { id: 1, source: "a", title: null, durationS: null };
      const context = { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal };
      command.process(video, context);
      console.log("started");
      ${afterwards}
    `;
    const instance = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, HIDB_COMMAND: `'${folder}/program' {source}` },
      stdio: ["ignore", "pipe", "inherit"],
    });
    ends.push(() => instance.kill("SIGKILL"));
    return instance;
  }

  it("comes within two seconds of a kill -9 of the instance, to children and grandchildren", async () => {
    const { folder } = setup();
    const instance = startInstance(folder);
    const pids = await familyOf(folder);
    instance.kill("SIGKILL");
    await once(instance, "exit");
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  it("comes as well when the instance is blocked, from the very start of the program, and then killed", async () => {
    const { folder } = setup();
    const instance = startInstance(folder, "for (let turn = 0; turn < 20; turn++) await null; for (;;);");
    const pids = await familyOf(folder);
    instance.kill("SIGKILL");
    await once(instance, "exit");
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  it("comes even to those who have left the group of a killed instance", async () => {
    const { folder } = setup();
    const instance = startInstance(folder, "", runaway(folder));
    const pids = await familyOf(folder);
    instance.kill("SIGKILL");
    await once(instance, "exit");
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  it("comes when the instance exits without a word", async () => {
    const { folder } = setup();
    const instance = startInstance(folder, "setTimeout(() => process.exit(75), 500);");
    const pids = await familyOf(folder);
    await once(instance, "exit");
    await expect.poll(() => pids.some(isAlive)).toBe(false);
  });

  it("comes all the same when the guard itself was killed before, and leaves no guard behind", async () => {
    const { folder } = setup();
    const instance = startInstance(folder);
    await familyOf(folder);
    const guards = () =>
      readdirSync("/proc")
        .filter((entry) => {
          try {
            return (
              readFileSync(`/proc/${entry}/stat`, "utf8").includes(`) S ${instance.pid} `) &&
              readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("hidb-guard")
            );
          } catch {
            return false;
          }
        })
        .map(Number);
    const [guard = 0] = guards();
    expect(isAlive(guard)).toBe(true);
    process.kill(guard, "SIGKILL");
    const others = () => guards().filter((pid) => pid !== guard);
    await expect.poll(others).toHaveLength(1); // A new one takes over.
    const [next = 0] = others();
    const pids = pidsIn(join(folder, "pids"));
    instance.kill("SIGKILL");
    await expect.poll(() => [...pids, next].some(isAlive)).toBe(false);
  });

  it("does not keep an instance alive that has nothing else to do", async () => {
    const script = `
      import { systemClock as clock } from "${dist}clock.js";
      import { readConfig } from "${dist}config/read.js";
      import { createCommand } from "${dist}process/command.js";
      const video = { id: 1, source: "a", title: null, durationS: null };
      const context = { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal };
      console.log((await createCommand(readConfig(), { clock }).process(video, context)).kind);
    `;
    const env = { ...process.env, HIDB_COMMAND: "true" };
    const instance = spawn(process.execPath, ["--input-type=module", "-e", script], { env });
    const lines = createInterface(instance.stdout);
    expect(await once(lines, "line")).toEqual(["completed"]);
    expect(await once(instance, "exit")).toEqual([0, null]);
  });
});

describe("the end of a stream", () => {
  it("is kept whatever the sizes of its parts", () => {
    const whole = "0123456789".repeat(10);
    for (const size of [1, 3, 7, 8, 9, 50, 100]) {
      const tail = new Tail(8);
      for (let at = 0; at < whole.length; at += size) tail.add(Buffer.from(whole.slice(at, at + size)));
      expect(tail.text()).toBe("23456789");
      expect(tail.text(3)).toBe("789");
      expect(tail.whole).toBe(false);
    }
  });

  it("begins with a whole character", () => {
    const tail = new Tail(8);
    tail.add(Buffer.from("視頻視頻"));
    expect(tail.text()).toBe("視頻");
  });
});

describe("secrets in HIDB_COMMAND", () => {
  it.each([
    "curl -H 'Authorization: s3cret' {source}",
    "curl -H 'Authorization: s3cret",
    "curl -u s3cret {nonsense}",
    "TOKEN=s3cret curl {source} {out}",
    "{source}s3cret",
  ])("appear in no complaint about %j", (HIDB_COMMAND) => {
    const environment = { HIDB_COMMAND, HIDB_COMMAND_OUT: "out/{id}" };
    let error: unknown;
    try {
      checkCommand(readConfig({ environment, cwd: "/" }));
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "SETTING_INVALID" });
    if (error instanceof HidbError) expect(`${error.stack} ${error.fix}`).not.toContain("s3cret");
  });

  it("appear in no reason when an argument cannot be passed on", async () => {
    const command = setup().start({ HIDB_COMMAND: "true --url=http://me:s3cret@host/{source}" });
    const outcome = await command.process(aVideo({ source: "a\0b" }), context());
    expect(outcome).toEqual({ kind: "failed", reason: "true could not be started: null bytes in its arguments" });
  });
});

describe("the preflight", () => {
  const check = (environment: Record<string, string>) => checkCommand(readConfig({ environment, cwd: "/" }));

  it("is content with a program on PATH or by its path", () => {
    check({ HIDB_COMMAND: "sh -c true" });
    check({ HIDB_COMMAND: "/bin/sh {source} {out}", HIDB_COMMAND_OUT: "out/{id}.mp4" });
  });

  it("is run by the name of the processor", async () => {
    const config = readConfig({ environment: { HIDB_PROCESSOR: "command", HIDB_COMMAND: "nosuchprogram" }, cwd: "/" });
    await expect(checkProcessor(config)).rejects.toMatchObject({ code: "PROCESSOR_PREFLIGHT" });
    await (await createProcessor(config, { clock })).close();
  });

  it.each([
    ["nosuchprogram {source}", "executable and on PATH, got nosuchprogram"],
    [import.meta.filename, `executable, got ${import.meta.filename}`],
    ["/etc", "executable, got /etc"],
  ])("misses the program of %j", (HIDB_COMMAND, complaint) => {
    expect(() => check({ HIDB_COMMAND })).toThrow(
      expect.objectContaining({ code: "PROCESSOR_PREFLIGHT", message: expect.stringContaining(complaint) }),
    );
  });

  it.each([
    [{}, "to name a program, got nothing"],
    [{ HIDB_COMMAND: "sh 'a b" }, "to close each quote, got an open '"],
    [{ HIDB_COMMAND: '"" x' }, "to begin with the name of a program"],
    [{ HIDB_COMMAND: "{source} x" }, "to begin with the name of a program"],
    [{ HIDB_COMMAND: "sh {file}" }, "{source} {id} {title} {rank} {count} {out}, got {file}"],
    [{ HIDB_COMMAND: "sh {out}" }, "to say where {out} of HIDB_COMMAND ends up, got nothing"],
    [{ HIDB_COMMAND: "sh", HIDB_COMMAND_OUT: "{id}" }, "to contain {out}"],
    [{ HIDB_COMMAND: "TOKEN=s3cret sh" }, "or with env, since no shell reads it, got TOKEN=..."],
    [{ HIDB_COMMAND: "sh {out}", HIDB_COMMAND_OUT: "{out}" }, "got {out}"],
    [{ HIDB_COMMAND: "sh {out}", HIDB_COMMAND_OUT: "all.mp4" }, "to contain {id} or {source}"],
  ])("refuses %j", (environment, complaint) => {
    expect(() => check(environment)).toThrow(
      expect.objectContaining({ code: "SETTING_INVALID", message: expect.stringContaining(complaint) }),
    );
  });
});
