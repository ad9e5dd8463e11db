// What is to be said against the outcome of a probe; nothing, if all is well.
import type { Outcome } from "../../../src/video.js";

const ALL_OF_IT = 120_000;
const REASON = 5000;
const TEXT = 100;
const TURNS = [0, 90, 180, 270, null];
/** Control characters, which a terminal would obey. */
const CONTROLS = /\p{Cc}/u;
/** Those of a reason, which may have lines. */
const OBEYED = /[^\P{Cc}\t\n]/u;

export interface Expected {
  size: number;
  sha256: string;
  /** Behind a network another attempt may go well. */
  mayRetry?: boolean;
}

export function judgeOutcome(outcome: Outcome, expected: Expected): string[] {
  switch (outcome.kind) {
    case "completed":
      return judgeOutput(outcome.output, expected);
    case "failed":
      return judgeReason(outcome.reason);
    case "retry":
      if (!expected.mayRetry) return [`another attempt would end the same way: ${outcome.reason}`];
      return judgeReason(outcome.reason);
    case "released":
      return ["nobody has stopped it, and it was given back"];
    default:
      return outcome satisfies never;
  }
}

function judgeReason(reason: string): string[] {
  const faults: string[] = [];
  if (reason.trim() === "") faults.push("there is no reason");
  if (reason.length > REASON) faults.push(`a reason of ${reason.length} characters`);
  if (OBEYED.test(reason)) faults.push(`control characters in the reason ${JSON.stringify(reason.slice(0, 200))}`);
  if (!reason.isWellFormed()) faults.push("half a character in the reason");
  return faults;
}

function judgeOutput(output: string | null, { size, sha256 }: Expected): string[] {
  if (output === null) return ["no output"];
  if (output.length > ALL_OF_IT) return [`an output of ${output.length} characters`];
  const said = JSON.parse(output) as Record<string, unknown>;
  const { container, duration_s, header_duration_s = 0, bit_rate, tracks } = said;
  const faults: string[] = [];
  if (said.size !== size) faults.push(`size ${said.size}, not ${size}`);
  if (said.sha256 !== sha256) faults.push(`sha256 ${said.sha256}, not ${sha256}`);
  faults.push(...judgeText("container", container));
  for (const [name, value] of Object.entries({ duration_s, header_duration_s, bit_rate })) {
    if (!isAmount(value)) faults.push(`${name} ${value}`);
  }
  if (!Array.isArray(tracks) || tracks.length === 0) return [...faults, "no tracks"];
  for (const track of tracks) faults.push(...judgeTrack(track as Record<string, unknown>));
  return faults;
}

function judgeTrack({ type, codec, language, rotation, ...figures }: Record<string, unknown>): string[] {
  const faults = judgeText("codec", codec);
  if (!["video", "audio", "subtitle"].includes(type as string)) faults.push(`type ${type}`);
  if (language !== null) faults.push(...judgeText("language", language));
  if (!TURNS.includes(rotation as number | null)) faults.push(`rotation ${rotation}`);
  for (const [name, value] of Object.entries(figures)) {
    if (value !== null && !isAmount(value)) faults.push(`${name} ${value}`);
    const isWhole = name === "frame_rate" || name === "bit_rate" || Number.isInteger(value ?? 0);
    if (!isWhole) faults.push(`${name} ${value} is not whole`);
  }
  return faults;
}

function judgeText(name: string, value: unknown): string[] {
  if (typeof value !== "string" || value === "") return [`${name} ${JSON.stringify(value)}`];
  if (value.length > TEXT) return [`${name} of ${value.length} characters`];
  if (CONTROLS.test(value) || !value.isWellFormed()) return [`${name} ${JSON.stringify(value)}`];
  return [];
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
