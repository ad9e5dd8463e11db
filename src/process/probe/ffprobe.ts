// Lets ffprobe read the formats that mediabunny does not. It is a program of its own, so it is killed rather than asked.
import { ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import type { FileHandle } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Clock } from "../../clock.js";
import { environmentForPrograms } from "../../config/secrets.js";
import { messageOf } from "../../errors.js";
import { hidesAnything, shownUrl } from "../../shown.js";
import type { Millis } from "../../video.js";
import { type CountedTrack, type Description, describeContents, PacketTally, type TrackFacts } from "./description.js";
import { codeOf, isTrouble, Refusal, Unreachable } from "./failure.js";
import type { SourceAddress, UnreadFormat } from "./messages.js";
import { download } from "./remote.js";

export interface FfprobeOptions {
  clock: Clock;
  /** A name on PATH or a path. */
  program: string;
  timeoutMs: Millis;
}

export type FfprobeVerdict =
  | { kind: "described"; description: Description }
  | { kind: "missing" }
  | { kind: "aborted" }
  | { kind: "timedOut"; busy: boolean }
  | { kind: "trouble"; reason: string }
  | { kind: "refused"; reason: string }
  | { kind: "unreachable"; reason: string; afterMs: Millis | null };

/** Ten hours of packets; a file that makes ffprobe say more is made for it. */
const MAX_LINES = 5_000_000;
const MAX_MESSAGE = 2000;
const MAX_ALLOC_BYTES = 128 * 2 ** 20;
/** Formats that hold their media themselves: none that names other files, none that takes text or pictures for media. */
const DEMUXERS = [
  "mov,matroska,webm,ogg,flac,mp3,aac,wav,w64,aiff,au,caf,amr,ac3,eac3,dts,dtshd,truehd,mlp,loas,tta,wv,ape,mpc,mpc8",
  "tak,shn,avi,flv,live_flv,asf,mpeg,mpegts,mpegvideo,m4v,h263,h264,hevc,vc1,obu,ivf,av1,mxf,gxf,rm,nut,dv,wtv,gif,nsv",
  "nuv,dxa,smk,bink,vivo,roq,voc,dsf,iff,dirac,cavsvideo,avs2,avs3,swf,4xm,film_cpk,flic,ea,mtv,pva,r3d,rpl,sol,xwma",
].join(",");
const ENTRIES = [
  "format=duration,format_name",
  "stream=index,codec_type,codec_name,width,height,channels,sample_rate",
  "stream_disposition=attached_pic",
  "stream_tags=language",
  "stream_side_data=rotation",
  "packet=stream_index,pts_time,dts_time,duration_time,size",
].join(":");

/**
 * Runs ffprobe on a file whose format is known, until it ends, the time is over or the signal aborts.
 * Any user of the machine can read the arguments of a program, so a URL with a password or a query is not among them,
 * and ffprobe itself would go to any address that a name or a redirect leads to: the file is downloaded, and ffprobe gets
 * it as its standard input. Only where all addresses are allowed it reads a URL without secrets by itself.
 */
export async function runFfprobe(
  address: SourceAddress,
  format: UnreadFormat,
  options: FfprobeOptions & { signal: AbortSignal },
): Promise<FfprobeVerdict> {
  const { clock, program, signal } = options;
  if (signal.aborted) return { kind: "aborted" };
  if (address.kind === "file") return inspect({ kind: "path", path: address.path }, format, options);
  const { allowed } = address;
  if (allowed.includes("*") && !hidesAnything(address.url))
    return inspect({ kind: "url", url: new URL(address.url).href }, format, options);
  if (await isMissing(program)) return { kind: "missing" };
  try {
    const handle = await download(address.url, { allowed, uniqueName: clock.uniqueId(), signal });
    return await inspect({ kind: "handle", handle }, format, options).finally(() => handle.close());
  } catch (error) {
    if (signal.aborted) return { kind: "aborted" };
    if (error instanceof Refusal) return { kind: "refused", reason: error.message };
    if (!(error instanceof Unreachable)) throw error;
    return { kind: "unreachable", reason: error.message, afterMs: error.afterMs ?? null };
  }
}

/** Where ffprobe finds the file. */
type Input = { kind: "path"; path: string } | { kind: "url"; url: string } | { kind: "handle"; handle: FileHandle };

async function inspect(
  input: Input,
  format: UnreadFormat,
  { clock, program, timeoutMs, signal }: FfprobeOptions & { signal: AbortSignal },
): Promise<FfprobeVerdict> {
  const over = new AbortController();
  const { promise, resolve } = Promise.withResolvers<FfprobeVerdict>();
  const stdin = input.kind === "handle" ? input.handle.fd : "ignore";
  const child = start(program, ffprobeArguments(input, format), {
    stdio: [stdin, "pipe", "pipe"],
    env: environmentForPrograms(),
  });
  if (!(child instanceof ChildProcess)) return child;
  const { stdout, stderr } = child;
  const abort = () => resolve({ kind: "aborted" });
  signal.addEventListener("abort", abort);
  void clock
    .sleep(timeoutMs, over.signal)
    .then(() => !over.signal.aborted && resolve({ kind: "timedOut", busy: false }));

  const report = new Report();
  let lines = 0;
  const take = (line: string) => {
    if (++lines > MAX_LINES) resolve({ kind: "refused", reason: `this ${format.container} holds too many packets` });
    else report.take(line);
  };
  // A child that could not be started may lack its streams as well.
  if (stdout) createInterface({ input: stdout }).on("line", take);
  let message = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    message = (message + text).slice(-MAX_MESSAGE);
  });
  child.on("error", (error) => resolve(judgeStart(error)));
  child.on("close", (_code, signalName) => {
    // Not ours, which comes after the verdict: the machine was short of memory, or somebody has ended it.
    if (signalName !== null) resolve({ kind: "trouble", reason: `ffprobe was ended by ${signalName}` });
    else resolve(conclude(report, format, lastLine(message)));
  });

  const verdict = await promise;
  over.abort();
  signal.removeEventListener("abort", abort);
  child.kill("SIGKILL");
  // One that waits for a dead disk or network ends late, and the instance need not wait for it.
  child.unref();
  stdout?.destroy();
  stderr?.destroy();
  return verdict;
}

/** Where the machine has no process or no file handle left, some systems throw and others report it later. */
function start(program: string, args: string[], options: SpawnOptions): ChildProcess | FfprobeVerdict {
  try {
    return spawn(program, args, options);
  } catch (error) {
    return judgeStart(error);
  }
}

function judgeStart(error: unknown): FfprobeVerdict {
  const code = codeOf(error);
  if (code === "ENOENT") return { kind: "missing" };
  const reason = `ffprobe did not start: ${code ?? messageOf(error)}`;
  return isTrouble(error) ? { kind: "trouble", reason } : { kind: "refused", reason };
}

/** Worth asking before a download. */
async function isMissing(program: string): Promise<boolean> {
  const child = start(program, ["-version"], { stdio: "ignore" });
  if (!(child instanceof ChildProcess)) return child.kind === "missing";
  try {
    await once(child, "spawn");
    return false;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  } finally {
    child.kill("SIGKILL");
    child.unref();
  }
}

function ffprobeArguments(input: Input, { demuxer }: UnreadFormat): string[] {
  const local = input.kind !== "url";
  return [
    ...["-v", "error", "-hide_banner", "-max_alloc", String(MAX_ALLOC_BYTES)],
    // A URL may not lead to a file of this machine, nor a file to a URL.
    ...["-protocol_whitelist", local ? "file,pipe" : "http,https,tcp,tls,crypto"],
    // Named or of a list, so that a file cannot pass for a playlist that names other files.
    ...(demuxer === null ? ["-format_whitelist", DEMUXERS] : ["-f", demuxer]),
    ...["-show_entries", ENTRIES, "-of", "compact"],
    // The prefix keeps a name with a colon or a leading dash a name.
    nameOf(input),
  ];
}

function nameOf(input: Input): string {
  switch (input.kind) {
    case "path":
      return `file:${input.path}`;
    case "url":
      return input.url;
    case "handle":
      return "file:/dev/stdin"; // Unlike `pipe:0` it can be sought in.
    default:
      return input satisfies never;
  }
}

/** What ffprobe said last. It names URLs, above all the one that it was led to by a redirect, with a signature in it. */
function lastLine(message: string): string {
  // Where the beginning is lost, the first word may be the rest of a URL.
  const known = message.length < MAX_MESSAGE ? message : message.replace(/^\S*/, "");
  const line = known.trim().split("\n").at(-1) ?? "";
  return line.replace(/https?:\/\/\S+/gi, (url) => shownUrl(url));
}

/** Is called where nobody would catch what it throws. */
function conclude(report: Report, format: UnreadFormat, said: string): FfprobeVerdict {
  try {
    return describeReport(report, format, said);
  } catch (error) {
    return { kind: "refused", reason: error instanceof Refusal ? error.message : `damaged: ${messageOf(error)}` };
  }
}

function describeReport(report: Report, format: UnreadFormat, said: string): FfprobeVerdict {
  const { size, sha256 } = format;
  const { tracks, headerDurationS } = report;
  const container = format.demuxer === null ? (report.container ?? format.container) : format.container;
  const contents = describeContents({ container, size, headerDurationS, tracks });
  if (contents) {
    const { tracks, ...figures } = contents;
    return { kind: "described", description: { ...figures, sha256, tracks } };
  }
  if (tracks.length > 0)
    return { kind: "refused", reason: `cut short: this ${container} holds no packet of its tracks` };
  return { kind: "refused", reason: `damaged: ffprobe finds no track in this ${container}${said ? ` (${said})` : ""}` };
}

/** Reads ffprobe's lines as they come; the packets come first. */
class Report {
  headerDurationS: number | null = null;
  /** The first of the names that ffprobe has for the format. */
  container: string | null = null;
  private readonly tallies = new Map<string, PacketTally>();
  /** By index: a transport stream lists its streams once more inside its programs. */
  private readonly streams = new Map<string, TrackFacts>();

  get tracks(): CountedTrack[] {
    const indexes = [...this.streams.keys()].sort((one, other) => Number(one) - Number(other));
    return indexes.flatMap((index) => {
      const facts = this.streams.get(index);
      return facts ? [{ facts, tally: this.tallies.get(index) ?? new PacketTally() }] : [];
    });
  }

  take(line: string): void {
    const [kind, ...pairs] = line.split("|");
    const fields = new Map(pairs.map((pair) => pair.split(/=(.*)/s, 2) as [string, string]));
    if (kind === "packet") this.takePacket(fields);
    if (kind === "stream") this.takeStream(fields);
    if (kind !== "format") return;
    this.headerDurationS = toNumber(fields.get("duration"));
    this.container = fields.get("format_name")?.split(",")[0] ?? null;
  }

  private takePacket(fields: Map<string, string>): void {
    const index = fields.get("stream_index") ?? "";
    const startS = toNumber(fields.get("pts_time")) ?? toNumber(fields.get("dts_time"));
    if (startS === null) return;
    const tally = this.tallies.get(index) ?? new PacketTally();
    this.tallies.set(index, tally);
    tally.add(startS, toNumber(fields.get("duration_time")) ?? 0, toNumber(fields.get("size")) ?? 0);
  }

  private takeStream(fields: Map<string, string>): void {
    const type = fields.get("codec_type");
    if (type !== "video" && type !== "audio" && type !== "subtitle") return;
    if (fields.get("disposition:attached_pic") === "1") return;
    const rotation = toNumber(fields.get("side_datum/display_matrix:rotation") ?? fields.get("rotation")) ?? 0;
    const facts: TrackFacts = {
      type,
      codec: fields.get("codec_name") ?? "unknown",
      width: toNumber(fields.get("width")),
      height: toNumber(fields.get("height")),
      // ffprobe counts against the clock.
      rotation: ((-rotation % 360) + 360) % 360 || 0,
      channels: toNumber(fields.get("channels")),
      sample_rate: toNumber(fields.get("sample_rate")),
      language: fields.get("tag:language") ?? null,
    };
    this.streams.set(fields.get("index") ?? "", facts);
  }
}

function toNumber(text: string | undefined): number | null {
  return text === undefined || !/^-?[\d.]+$/.test(text) ? null : Number(text);
}
