// What goes wrong on purpose between a client and D1, by chance that a seed repeats.

export interface Faults {
  /** Each is a probability from 0 to 1; a request suffers one of them at most. */
  /** The socket is destroyed before anything is applied. */
  dropBefore: number;
  /** The socket is destroyed after all is applied. */
  dropAfter: number;
  /** HTTP 500 `internal error; reference = ...`, half of them applied. */
  error500: number;
  /** HTTP 503 with a page of HTML, never applied. */
  error503: number;
  /** HTTP 429 for this request only, never applied. */
  limit429: number;
  /** Applied, but the JSON of the answer is cut. */
  truncate: number;
  /** Nothing happens for `stallMs`; applied at its beginning or its end, by chance. */
  stall: number;
  /** HTTP 500 `Network connection lost.`, half of them applied. */
  connectionLost: number;
  /** HTTP 500 `D1 DB is overloaded. Requests queued for too long.`, never applied. */
  overloaded: number;
  /** HTTP 403 with code 7403 although the account is right, never applied. */
  spurious7403: number;
  stallMs: [min: number, max: number];
  /** `retry-after` of `limit429`, in seconds. */
  retryAfterS: number;
  /** Every socket is destroyed as soon as a request has come. */
  outage: boolean;
  /** The free plan's day is spent: `read` refuses every statement, `write` every one that writes. */
  quota: "read" | "write" | undefined;
  /** The very next requests suffer these, whatever chance says; `none` lets one pass. */
  next: (FaultName | "none")[];
  /** `next` waits for requests that write. */
  nextWrites: boolean;
}

export const FAULT_NAMES = [
  "dropBefore",
  "dropAfter",
  "error500",
  "error503",
  "limit429",
  "truncate",
  "stall",
  "connectionLost",
  "overloaded",
  "spurious7403",
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

export function noFaults(): Faults {
  return {
    dropBefore: 0,
    dropAfter: 0,
    error500: 0,
    error503: 0,
    limit429: 0,
    truncate: 0,
    stall: 0,
    connectionLost: 0,
    overloaded: 0,
    spurious7403: 0,
    stallMs: [30_000, 80_000],
    retryAfterS: 1,
    outage: false,
    quota: undefined,
    next: [],
    nextWrites: false,
  };
}

export function drawFault(faults: Faults, random: () => number, body: string): FaultName | undefined {
  const next = faults.nextWrites && !/\b(INSERT|UPDATE|DELETE)\b/.test(body) ? undefined : faults.next.shift();
  if (next !== undefined) return next === "none" ? undefined : next;
  let draw = random();
  for (const name of FAULT_NAMES) {
    draw -= faults[name];
    if (draw < 0) return name;
  }
  return undefined;
}
