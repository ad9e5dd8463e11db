// Which processor, and the settings of all but `worker`.
import { DAY_MS, exitCodes, number, oneOf, path, type Setting, sourcePlaces, text, whole } from "../setting.js";

export const PROCESSORS = {
  processor: oneOf(
    "HIDB_PROCESSOR",
    "probe",
    ["probe", "command", "http", "worker", "rehearse"],
    "The processor: what is done with each video.",
  ),
  probe: oneOf(
    "HIDB_PROBE",
    "index",
    ["index", "full"],
    "`full` counts every packet of a media file; `index` estimates what would take too much reading.",
  ),
  probeHash: oneOf(
    "HIDB_PROBE_HASH",
    "local",
    ["local", "always"],
    "Which media files get a SHA-256, which takes all of their bytes: those on disks, or those behind http(s) as well.",
  ),
  probeTimeoutMs: whole(
    "HIDB_PROBE_TIMEOUT_MS",
    "60000",
    { min: 100, max: DAY_MS },
    "CPU time without progress, and time without a byte, that the parser of a media file may take.",
  ),
  probeMemoryMb: whole(
    "HIDB_PROBE_MEMORY_MB",
    "64",
    { min: 16, max: 16_384 },
    "Memory the parser of a media file may take; garbage does not count.",
  ),
  allowPrivateSources: sourcePlaces(
    "HIDB_ALLOW_PRIVATE_SOURCES",
    "Private addresses that sources may be read from: names, addresses, ranges such as `10.0.0.0/8`; 1 for all.",
  ),
  command: text(
    "HIDB_COMMAND",
    "",
    "The program and its arguments; {source} {id} {title} {rank} {count} {out} are filled in, no shell is involved.",
    "secret",
  ),
  commandOut: path(
    "HIDB_COMMAND_OUT",
    "",
    "The path of {out}, e.g. `data/out/{id}.mp4`; written under another name and renamed on success.",
  ),
  commandPermanent: exitCodes(
    "HIDB_COMMAND_PERMANENT",
    "Exit codes of the program that mean: do not try this video again.",
  ),
  httpUrl: text(
    "HIDB_HTTP_URL",
    "",
    "The URL called once a video; {id} {source} {title} {rank} {count} are filled in, worker_id and worker_count added.",
    "secret",
  ),
  httpMethod: oneOf("HIDB_HTTP_METHOD", "POST", ["POST", "GET", "PUT", "PATCH"], "The method of that call."),
  httpHeaders: text("HIDB_HTTP_HEADERS", "", "Its headers as a JSON object.", "secret"),
  httpBody: text("HIDB_HTTP_BODY", "", "Its body, with the same placeholders; without it the video as JSON.", "secret"),
  httpMaxMb: number("HIDB_HTTP_MAX_MB", "1", { min: 0.001, max: 100 }, "The largest answer that is accepted."),
  rehearseFactor: number("HIDB_REHEARSE_FACTOR", "1", { min: 0, max: 1000 }, "`rehearse` waits duration_s times this."),
  rehearseSeed: whole(
    "HIDB_REHEARSE_SEED",
    "1",
    { min: 0, max: 2 ** 31 },
    "Seed of the failures that `rehearse` simulates.",
  ),
  rehearseFail: number("HIDB_REHEARSE_FAIL", "0", { min: 0, max: 1 }, "Share of attempts that fail and are retried."),
  rehearsePermanent: number("HIDB_REHEARSE_PERMANENT", "0", { min: 0, max: 1 }, "Share of videos that fail for good."),
  rehearseDie: number("HIDB_REHEARSE_DIE", "0", { min: 0, max: 1 }, "Share of attempts that kill their instance."),
  rehearseHang: number(
    "HIDB_REHEARSE_HANG",
    "0",
    { min: 0, max: 1 },
    "Share of attempts that hang and ignore their signal.",
  ),
  rehearseBlock: number(
    "HIDB_REHEARSE_BLOCK",
    "0",
    { min: 0, max: 1 },
    "Share of attempts that block the event loop for their whole time.",
  ),
  rehearseAllocMb: number(
    "HIDB_REHEARSE_ALLOC_MB",
    "0",
    { min: 0, max: 65_536 },
    "Memory that each attempt takes and keeps.",
  ),
} as const satisfies Record<string, Setting<unknown>>;
