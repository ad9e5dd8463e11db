import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { D1Database } from "@cloudflare/workers-types";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { Description } from "../../src/process/probe/description.js";
import { createProbe, type ProbeParts } from "../../src/process/probe/probe.js";
import type { Outcome } from "../../src/video.js";

const SAMPLES = fileURLToPath(new URL("../../data/samples/", import.meta.url));
const WHOLE = readdirSync(SAMPLES).filter((name) => /\.(?!md$|sh$)\w+$/.test(name));
const BROKEN = readdirSync(join(SAMPLES, "broken")).map((name) => `broken/${name}`);
const NO_FFPROBE = "hidb-no-such-ffprobe";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type SetupParts = Partial<ProbeParts> & {
  timeoutMs?: number;
  memoryMb?: number;
  probe?: "index" | "full";
  probeHash?: "local" | "always";
};

function setup({ timeoutMs = 10_000, memoryMb = 64, probe = "index", probeHash = "local", ...parts }: SetupParts = {}) {
  const config = {
    probe,
    probeHash,
    probeTimeoutMs: timeoutMs,
    probeMemoryMb: memoryMb,
    allowPrivateSources: ["*"],
  };
  const processor = createProbe(config, { clock: systemClock, ffprobe: NO_FFPROBE, ...parts });
  const folder = mkdtempSync(join(tmpdir(), "hidb-probe-test-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  cleanups.push(() => processor.close());
  const process = (source: string, signal = new AbortController().signal) =>
    processor.process(
      { id: 1, source, title: null, durationS: null },
      { attempt: 1, rank: 0, count: 1, signal, database: {} as D1Database },
    );
  const write = (name: string, content: Uint8Array | string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  return { processor, process, write, folder };
}

function describedBy(outcome: Outcome): Description {
  expect(outcome).toMatchObject({ kind: "completed" });
  if (outcome.kind !== "completed" || outcome.output === null) throw new Error("no output");
  return JSON.parse(outcome.output);
}

/** A thread that runs this in place of the real program. */
function program(code: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers ranges the way nginx does, and notes which were asked for. */
function serveRanges(content: Buffer, asked: (string | undefined)[] = []): RequestListener {
  return (request, response) => {
    asked.push(request.headers.range);
    const range = request.headers.range?.match(/^bytes=(\d+)-(\d+)$/);
    if (!range) return response.writeHead(200, { "content-length": content.length }).end(content);
    const start = Number(range[1]);
    const end = Math.min(Number(range[2]) + 1, content.length);
    if (start >= content.length) return response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    const headers = { "content-range": `bytes ${start}-${end - 1}/${content.length}`, etag: '"1"' };
    return response.writeHead(206, headers).end(content.subarray(start, end));
  };
}

function sample(name: string): Buffer {
  return readFileSync(join(SAMPLES, name));
}

/** One byte of the index says that four billion frames are to be shown later: mediabunny counts them all. */
function hangingMp4(): Buffer {
  const content = sample("h264-aac.mp4");
  content[content.indexOf("ctts") + 12] = 0xe9;
  return content;
}

/** A fragment that claims two billion samples of default size, which takes a parser 100 GB to list. */
function bloatingMp4(): Buffer {
  const content = sample("fragmented.mp4");
  const run = content.indexOf("trun");
  content.writeUInt32BE(0, run + 4);
  content.writeUInt32BE(0x7fffffff, run + 8);
  return content;
}

describe("a sample", () => {
  it.each(WHOLE)("%s is described without ffprobe", async (name) => {
    const { process } = setup();
    const description = describedBy(await process(join(SAMPLES, name)));
    expect(description.size).toBe(sample(name).length);
    expect(description.sha256).toBe(createHash("sha256").update(sample(name)).digest("hex"));
    expect(description.duration_s).toBeGreaterThan(0.9);
    expect(description.bit_rate).toBe(Math.round((description.size * 8) / description.duration_s));
    expect(description.tracks.length).toBeGreaterThan(0);
  });

  it("comes in six containers or more, twelve files or more, three of them broken, under 3 MB in all", async () => {
    const { process } = setup();
    const containers = new Set<string>();
    for (const name of WHOLE) containers.add(describedBy(await process(join(SAMPLES, name))).container);
    expect([...containers].sort()).toEqual(["flac", "matroska", "mov", "mp3", "mp4", "mpegts", "ogg", "wav", "webm"]);
    expect(WHOLE.length).toBeGreaterThanOrEqual(12);
    expect(BROKEN).toHaveLength(3);
    expect([...WHOLE, ...BROKEN].reduce((bytes, name) => bytes + sample(name).length, 0)).toBeLessThan(3e6);
  });
});

describe("the output", () => {
  it("says everything about a plain mp4, in ffprobe's words", async () => {
    const { process } = setup();
    expect(describedBy(await process(join(SAMPLES, "h264-aac.mp4")))).toEqual({
      container: "mp4",
      duration_s: 4,
      bit_rate: 170048,
      size: 85024,
      sha256: createHash("sha256").update(sample("h264-aac.mp4")).digest("hex"),
      tracks: [
        {
          type: "video",
          codec: "h264",
          width: 320,
          height: 180,
          rotation: 0,
          frame_rate: 25,
          channels: null,
          sample_rate: null,
          bit_rate: 112660,
          language: null,
        },
        {
          type: "audio",
          codec: "aac",
          width: null,
          height: null,
          rotation: null,
          frame_rate: null,
          channels: 1,
          sample_rate: 48000,
          bit_rate: 48221,
          language: null,
        },
      ],
    });
  });

  it("turns a phone's video clockwise, as a player does", async () => {
    const { process } = setup();
    const { tracks } = describedBy(await process(join(SAMPLES, "phone upright.mov")));
    expect(tracks).toMatchObject([{ width: 320, height: 180, rotation: 90, frame_rate: 30 }]);
  });

  it("lists subtitles and languages in the order of the file", async () => {
    const { process } = setup();
    const cat = describedBy(await process(join(SAMPLES, "Übersicht – Katze.mkv")));
    expect(cat.tracks.map(({ type, codec, language }) => [type, codec, language])).toEqual([
      ["video", "h264", null],
      ["audio", "aac", "ger"],
      ["subtitle", "subrip", "ger"],
    ]);
    const three = describedBy(await process(join(SAMPLES, "three-languages.mkv")));
    expect(three.tracks.map(({ language }) => language)).toEqual([null, "eng", "fra", "jpn"]);
  });

  it("gives the length of what is really there, and the header's word beside it, when a file is cut", async () => {
    const { process, write } = setup();
    const mp4 = describedBy(await process(join(SAMPLES, "cut-after-index.mp4")));
    expect(mp4).toMatchObject({ duration_s: 0.96, header_duration_s: 4 });
    const webm = sample("vp9-opus.webm");
    const cut = describedBy(await process(write("cut.webm", webm.subarray(0, webm.length / 2))));
    expect(cut.header_duration_s).toBeCloseTo(4.02, 1);
    expect(cut.duration_s).toBeGreaterThan(1);
    expect(cut.duration_s).toBeLessThan(3);
    const ogg = describedBy(await process(write("cut.ogg", sample("vorbis.ogg").subarray(0, 9000))));
    expect(ogg.duration_s).toBeCloseTo(3.02, 2);
  });

  it("leaves the frame rate open when fewer than three packets are left", async () => {
    const { process, write } = setup();
    const content = sample("cut-after-index.mp4");
    const data = content.indexOf("mdat") + 4;
    const { tracks } = describedBy(await process(write("two.mp4", content.subarray(0, data + 1800))));
    expect(tracks[0]).toMatchObject({ type: "video", frame_rate: null });
  });
});

describe("a source", () => {
  it("may be a relative path or a file: URL", async () => {
    const { process } = setup();
    const path = join(SAMPLES, "Übersicht – Katze.mkv");
    const byPath = await process(relative(globalThis.process.cwd(), path));
    expect(byPath).toMatchObject({ kind: "completed" });
    expect(await process(pathToFileURL(path).href)).toEqual(byPath);
  });

  it.each([
    ["s3://bucket/video.mp4", "expected a path or an http(s) URL, got one that begins with s3://"],
    ["", "expected a path or an http(s) URL"],
    ["/no/such/video.mp4", "no such file: /no/such/video.mp4"],
    [SAMPLES, "a folder, not a file"],
    ["/dev/zero", "a device or pipe, not a file"],
    ["file://elsewhere/video.mp4", "expected a file: URL of this machine"],
  ])("%j fails for good", async (source, reason) => {
    const { process } = setup();
    expect(await process(source)).toEqual({ kind: "failed", reason: expect.stringContaining(reason) });
  });

  it("that is a pipe nobody writes to does not make the thread wait", async () => {
    const { process, folder } = setup();
    execFileSync("mkfifo", [join(folder, "pipe.mp4")]);
    expect(await process(join(folder, "pipe.mp4"))).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/device or pipe/),
    });
  });
});

describe("a broken file fails for good, and the reason says why", () => {
  const random = Buffer.alloc(100_000);
  for (let at = 0, state = 1; at < random.length; at++) {
    state = (state * 1664525 + 1013904223) >>> 0;
    random[at] = state >>> 24;
  }
  const files: [string, Uint8Array | string, string][] = [
    ["empty", "", "the file is empty (0 bytes)"],
    ["text", "Dear viewer,\nthis is no video.\n", "not a media file: it begins with text"],
    ["text of another age", Buffer.from("\ufeffno video", "utf16le"), "not a media file: it begins with text"],
    ["zeros", Buffer.alloc(5000), "not a media file: it begins with nothing but zeros or blanks"],
    ["noise", random, "not a media file: its first bytes ("],
    ["an image", Buffer.from("\x89PNG\r\n\x1a\n....", "latin1"), "not a media file: it is a PNG image"],
    ["a playlist", "#EXTM3U\nfile:///etc/passwd\n", "a playlist, and playlists are not followed"],
    ["cut before its index", sample("broken/cut-before-index.mp4"), "cut short: the index of this mp4 is missing"],
    ["cut inside its index", sample("h264-aac.mp4").subarray(0, 600), "the index of this mp4 ends too early"],
    [
      "cut after its tracks",
      sample("vp9-opus.webm").subarray(0, 650),
      "announces its tracks, but holds nothing of them",
    ],
    ["one byte", "\x00", "not a media file"],
  ];
  it.each(files)("%s", async (_, content, reason) => {
    const { process, write } = setup();
    const outcome = await process(write("broken.mp4", content));
    expect(outcome).toEqual({ kind: "failed", reason: expect.stringContaining(reason) });
  });

  it("mp4 without tracks", async () => {
    const { process, write } = setup();
    const content = sample("h264-aac.mp4");
    for (let at = content.indexOf("trak"); at >= 0; at = content.indexOf("trak", at)) content.write("free", at);
    expect(await process(write("none.mp4", content))).toEqual({
      kind: "failed",
      reason: "this mp4 holds no video, audio or subtitle track",
    });
  });
});

describe("a crafted file", () => {
  it.each([
    ["billions of frames to be shown later", "hanging.mp4", hangingMp4],
    ["billions of samples in one fragment", "bloating.mp4", bloatingMp4],
  ])("that announces %s is told by what is there", async (_, name, craft) => {
    const { process, write } = setup();
    const { duration_s, tracks } = describedBy(await process(write(name, craft())));
    expect(duration_s).toBeLessThan(5);
    expect(tracks).toHaveLength(2);
  });

  it("cannot make the parser take one piece that is larger than its share", async () => {
    const { process, write } = setup({ memoryMb: 16 });
    const content = Buffer.alloc(6 * 2 ** 20);
    const head = "\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";
    // Tracks of six megabytes less 256 bytes.
    content.write(`${head}\x16\x54\xae\x6b\x10\x5f\xff\x00`, "latin1");
    expect(await process(write("huge-tracks.webm", content))).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/holds one piece of 6 MB, more than HIDB_PROBE_MEMORY_MB allows/),
    });
  });
});

describe("a thread", () => {
  const path = join(SAMPLES, "tone.mp3");

  it("that spins for ever is ended after so much CPU time, while the instance goes on", async () => {
    const { process } = setup({ timeoutMs: 300, program: program("for (;;);") });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    expect(await process(path)).toEqual({
      kind: "failed",
      reason: "could not be parsed within 0.3 s (HIDB_PROBE_TIMEOUT_MS)",
    });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });

  it("that only waits is ended too, but its video is tried again", async () => {
    const { process } = setup({ timeoutMs: 300, program: program("setInterval(() => {}, 1000);") });
    expect(await process(path)).toMatchObject({
      kind: "retry",
      reason: expect.stringMatching(/could not be read within 0.3 s/),
    });
  });

  it.each([
    ["objects", "const all = []; for (;;) all.push({ a: all.length });"],
    ["numbers", "const all = []; for (let i = 0; ; i++) all.push(i);"],
    ["buffers", "const all = []; for (;;) all.push(new Uint8Array(2 ** 20).fill(1));"],
  ])("that fills its memory with %s is ended", async (_, code) => {
    const { process } = setup({ program: program(code) });
    expect(await process(path)).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/with 64 MB of memory/),
    });
  });

  it.each([
    ["throws", 'throw new Error("out of luck");', /crashed on it: out of luck/],
    ["rejects", 'Promise.reject(new Error("out of luck"));', /crashed on it: out of luck/],
    ["exits", "process.exit(3);", /crashed on it: exit code 3/],
  ])("that %s is a failed video, not a failed instance", async (_, code, reason) => {
    const { process } = setup({ program: program(code) });
    expect(await process(path)).toMatchObject({ kind: "failed", reason: expect.stringMatching(reason) });
  });

  it("that keeps bringing bytes may take longer than the time-out", async () => {
    const code = `
      import { parentPort } from "node:worker_threads";
      let said = 0;
      parentPort.on("message", () => setInterval(() => {
        parentPort.postMessage(++said < 12 ? { kind: "progress" } : { kind: "refused", reason: "at last" });
      }, 120));`;
    const { process } = setup({ timeoutMs: 1000, program: program(code) });
    expect(await process(path)).toEqual({ kind: "failed", reason: "at last" });
  });

  it("is used again, one for each video that is probed at the time, and ended when idle", async () => {
    const code = `
      import { parentPort, threadId } from "node:worker_threads";
      const answer = { kind: "refused", reason: String(threadId) };
      parentPort.on("message", () => setTimeout(() => parentPort.postMessage(answer), 50));`;
    const { process } = setup({ idleMs: 300, program: program(code) });
    const threadOf = async () => ((await process(path)) as { reason: string }).reason;
    const three = await Promise.all([threadOf(), threadOf(), threadOf()]);
    expect(new Set(three).size).toBe(3);
    for (let n = 0; n < 5; n++) expect(three).toContain(await threadOf());
    await systemClock.sleep(600);
    expect(three).not.toContain(await threadOf());
  });
});

describe("an attempt is released", () => {
  it("at once when its signal is aborted, even from a parser that hangs", async () => {
    const { process } = setup({ timeoutMs: 60_000, program: program("for (;;);") });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    expect(await process(join(SAMPLES, "tone.mp3"), controller.signal)).toEqual({ kind: "released" });
    expect(await process(join(SAMPLES, "tone.mp3"), AbortSignal.abort())).toEqual({ kind: "released" });
  });

  it("when the processor closes", async () => {
    const { process, write, processor } = setup({ timeoutMs: 60_000 });
    const running = process(write("hanging.mp4", hangingMp4()));
    await processor.close();
    expect(await running).toEqual({ kind: "released" });
    expect(await process(join(SAMPLES, "tone.mp3"))).toEqual({ kind: "released" });
  });

  it("by the close after CLOSE_MS, even from a thread that nothing can end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hidb-probe-test-"));
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    // To open a pipe nobody writes to is a call of the system that terminate() cannot interrupt, like a dead disk.
    const code = `
      import { readFileSync } from "node:fs";
      import { parentPort } from "node:worker_threads";
      parentPort.on("message", () => {
        parentPort.postMessage({ kind: "refused", reason: "answered" });
        readFileSync(${JSON.stringify(pipe)});
      });`;
    const { process, processor } = setup({ program: program(code) });
    cleanups.push(() => rmSync(folder, { recursive: true }));
    cleanups.push(() => closeSync(openSync(pipe, "r+"))); // Lets the thread go.
    expect(await process("/a.mp4")).toMatchObject({ reason: "answered" });
    await systemClock.sleep(300); // By now it waits for the pipe.
    const startedAt = systemClock.monotonic();
    await processor.close();
    expect(systemClock.monotonic() - startedAt).toBeGreaterThan(4000);
  });
});

describe("over http", () => {
  it.each(["h264-aac.mp4", "vp9-opus.webm", "broadcast.ts"])(
    "%s is read by ranges, and comes out as from a disk",
    async (name) => {
      const asked: (string | undefined)[] = [];
      const url = await serve(serveRanges(sample(name), asked));
      const { process } = setup({ probeHash: "always" });
      expect(await process(`${url}/${name}`)).toEqual(await process(join(SAMPLES, name)));
      expect(asked[0]).toBe("bytes=0-65535");
      // Once as a whole, for the hash, unless the first range was all of it.
      expect(asked.filter((range) => range === undefined)).toHaveLength(sample(name).length > 65_536 ? 1 : 0);
    },
  );

  it("a server without ranges serves as well", async () => {
    const content = sample("h264-aac.mp4");
    const url = await serve((_, response) => response.end(content));
    const { process } = setup({ probeHash: "always" });
    expect(await process(url)).toEqual(await process(join(SAMPLES, "h264-aac.mp4")));
  });

  it("redirects are followed, and passwords reach the server but no message", async () => {
    const serveSample = serveRanges(sample("tone.mp3"));
    const url = await serve((request, response) => {
      if (request.headers.authorization !== `Basic ${btoa("eve:s3cret")}`) return response.writeHead(401).end();
      if (request.url === "/old") return response.writeHead(302, { location: "/new" }).end();
      return serveSample(request, response);
    });
    const { process } = setup();
    expect(await process(`${url.replace("//", "//eve:s3cret@")}/old`)).toMatchObject({ kind: "completed" });
    const refused = await process(`${url.replace("//", "//eve:wr0ng@")}/old`);
    expect(refused).toMatchObject({ kind: "failed", reason: expect.stringMatching(/answered 401/) });
    expect(JSON.stringify(refused)).not.toContain("wr0ng");
  });

  it.each([
    [404, {}, { kind: "failed", reason: expect.stringMatching(/answered 404/) }],
    [403, {}, { kind: "failed", reason: expect.stringMatching(/answered 403/) }],
    [408, {}, { kind: "retry" }],
    [500, {}, { kind: "retry", reason: expect.stringMatching(/answered 500/) }],
    [429, { "retry-after": "7" }, { kind: "retry", afterMs: 7000 }],
    [429, { "retry-after": "99999999999" }, { kind: "retry", afterMs: 86_400_000 }],
    [503, { "retry-after": "Fri, 02 Jan 2026 00:00:09 GMT", date: "Fri, 02 Jan 2026 00:00:00 GMT" }, { afterMs: 9000 }],
  ])("status %i is told apart from the others", async (status, headers, outcome) => {
    const url = await serve((_, response) => response.writeHead(status, headers).end());
    const { process } = setup();
    expect(await process(`${url}/video.mp4`)).toMatchObject(outcome);
  });

  it("a user, a password and a query are in no reason, whatever the address looks like", async () => {
    const { process } = setup();
    const url = await serve((_, response) => response.writeHead(403).end());
    const answered = await process(`${url.replace("//", "//s3cretuser:s3cret@")}/a.mp4?token=s3cret#s3cret`);
    expect(answered).toEqual({ kind: "failed", reason: `${url}/a.mp4 answered 403 Forbidden` });
    for (const login of ["me:s3cret/x", "me:s3cret@x", "me:s3cret?x", "me:80/s3cret", "me:%zzs3cret"]) {
      const outcome = await process(`http://${login}@127.0.0.1:9/a.mp4?token=s3cret`);
      expect(outcome).toHaveProperty("reason");
      expect(JSON.stringify(outcome)).not.toContain("s3cret");
    }
    expect(await process("http://me:s3cret/x@127.0.0.1:9/a.mp4")).toEqual({
      kind: "failed",
      reason: "expected a URL that can be called, got something else",
    });
  });

  it("a server that is not there, or breaks off, is asked again later", async () => {
    const { process } = setup();
    expect(await process("http://127.0.0.1:9/video.mp4")).toMatchObject({
      kind: "retry",
      reason: expect.stringMatching(/could not reach/),
    });
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 50_000 });
      response.write(sample("tone.mp3").subarray(0, 9000));
      setTimeout(() => response.destroy(), 20);
    });
    expect(await process(url)).toMatchObject({ kind: "retry" });
  });

  it("a server that answers with a page or with nothing fails for good", async () => {
    const page = await serve((_, response) => response.end("<!doctype html><title>Log in</title>"));
    const nothing = await serve(serveRanges(Buffer.alloc(0)));
    const { process } = setup();
    expect(await process(page)).toEqual({ kind: "failed", reason: "not a media file: it begins with text" });
    expect(await process(nothing)).toEqual({ kind: "failed", reason: "the file is empty (0 bytes)" });
  });
});

describe("a format that mediabunny does not read", () => {
  const avi = Buffer.from("RIFF\x00\x10\x00\x00AVI LIST\x00\x00\x00\x00hdrl", "latin1");

  it("fails with a word about ffprobe where there is none", async () => {
    const { process, write } = setup();
    expect(await process(write("music.ape", Buffer.from("MAC \x96\x0f\0\0", "latin1")))).toEqual({
      kind: "failed",
      reason: "this ape is read by ffprobe only, and there is no ffprobe on PATH: install ffmpeg",
    });
  });

  it("does not outlive its attempt in an ffprobe that hangs", async () => {
    const { write, folder } = setup();
    write("ffprobe", "#!/bin/sh\nexec sleep 60\n");
    execFileSync("chmod", ["+x", join(folder, "ffprobe")]);
    const { process } = setup({ ffprobe: join(folder, "ffprobe"), timeoutMs: 500 });
    expect(await process(write("video.avi", avi))).toMatchObject({
      kind: "retry",
      reason: expect.stringMatching(/within 0.5 s/),
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    expect(await process(write("video.avi", avi), controller.signal)).toEqual({ kind: "released" });
  });

  /** In place of ffprobe: notes its arguments, then says `stderr` and fails. */
  function fakeFfprobe(stderr: string) {
    const { write, folder } = setup();
    const program = write("ffprobe", `#!/bin/sh\nprintf '%s\\n' "$@" >> '${folder}/arguments'\n${stderr}\nexit 1\n`);
    chmodSync(program, 0o755);
    return { program, argumentsSeen: () => readFileSync(join(folder, "arguments"), "utf8") };
  }

  it("is downloaded for ffprobe where its URL holds a secret, which any user could read among the arguments", async () => {
    const serveAvi = serveRanges(avi);
    const url = await serve((request, response) => {
      const login = `Basic ${btoa("eve:s3cret")}`;
      if (request.headers.authorization !== login || !request.url?.endsWith("=s3cret")) response.writeHead(401).end();
      else serveAvi(request, response);
    });
    const { program, argumentsSeen } = fakeFfprobe("wc -c < /dev/stdin >&2");
    const { process } = setup({ ffprobe: program });
    expect(await process(`${url.replace("//", "//eve:s3cret@")}/a.avi?token=s3cret`)).toEqual({
      kind: "failed",
      reason: `damaged: ffprobe finds no track in this avi (${avi.length})`,
    });
    expect(argumentsSeen()).toMatch(/^file:\/dev\/stdin$/m);
    expect(argumentsSeen()).not.toContain("s3cret");
    const without = setup();
    expect(await without.process(`${url.replace("//", "//eve:s3cret@")}/a.avi?token=s3cret`)).toMatchObject({
      reason: "this avi holds no video, audio or subtitle track",
    });
  });

  it("is given back when its download is cut short", async () => {
    const whole = Promise.withResolvers<void>();
    const serveAvi = serveRanges(avi);
    const url = await serve((request, response) => {
      // Whole it is asked for once, for ffprobe.
      if (request.headers.range) return serveAvi(request, response);
      response.writeHead(200, { "content-length": 50_000 }).write(avi);
      whole.resolve();
    });
    const { process } = setup({ ffprobe: fakeFfprobe("true").program });
    const controller = new AbortController();
    const attempt = process(`${url}/a.avi?token=s3cret`, controller.signal);
    await whole.promise;
    controller.abort();
    expect(await attempt).toEqual({ kind: "released" });
  });

  it("fails without a word of the secrets in what ffprobe says", async () => {
    const url = await serve(serveRanges(avi));
    const signed = "http://eve:s3cret@cdn.example/a.avi?X-Signature=s3cret: Server returned 403";
    const short = setup({ ffprobe: fakeFfprobe(`echo '${signed}' >&2`).program });
    expect(await short.process(`${url}/a.avi`)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("(http://cdn.example/a.avi Server returned 403)"),
    });
    const long = setup({ ffprobe: fakeFfprobe(`printf 'http://h/?${"s3cret".repeat(500)} failed' >&2`).program });
    const outcome = await long.process(`${url}/a.avi`);
    expect(outcome).toMatchObject({ kind: "failed", reason: expect.stringContaining("failed") });
    expect(JSON.stringify(outcome)).not.toContain("cret");
  });

  const noFfmpeg = whyNoFfmpeg();
  it.skipIf(noFfmpeg)(`is described by ffprobe${noFfmpeg}`, async () => {
    const { process, folder } = setup({ ffprobe: "ffprobe" });
    const path = join(folder, "-odd: name.avi");
    execFileSync("ffmpeg", ["-v", "error", "-i", join(SAMPLES, "h264-aac.mp4"), "-c", "copy", `file:${path}`]);
    const description = describedBy(await process(path));
    expect(description).toMatchObject({
      container: "avi",
      size: readFileSync(path).length,
      sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
      tracks: [
        { type: "video", codec: "h264", width: 320, height: 180, rotation: 0 },
        { type: "audio", codec: "aac", channels: 1, sample_rate: 48000 },
      ],
    });
    expect(description.duration_s).toBeCloseTo(4, 1);
    const url = await serve(serveRanges(readFileSync(path)));
    expect(describedBy(await process(`${url}/video.avi`))).toEqual({ ...description, sha256: null });
    expect(describedBy(await process(`${url}/video.avi?token=s3cret`))).toEqual({ ...description, sha256: null });
  });

  it.skipIf(noFfmpeg)(`fails for good where ffprobe finds nothing in it${noFfmpeg}`, async () => {
    const { process, write } = setup({ ffprobe: "ffprobe" });
    expect(await process(write("video.avi", avi))).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/avi/),
    });
  });
});

/** "" where both programs are there; otherwise why the tests that need them are skipped, which their names then say. */
function whyNoFfmpeg(): string {
  try {
    for (const name of ["ffprobe", "ffmpeg"]) execFileSync(name, ["-version"], { stdio: "ignore" });
    return "";
  } catch {
    console.log("skipped: ffmpeg and ffprobe are not on PATH");
    return " (skipped: ffmpeg and ffprobe are not on PATH)";
  }
}
