// Bytes that nobody's program writes: good lists cut, flipped, spliced and recoded.
import { anyOf } from "../cases.ts";
import type { Chance } from "../random.ts";

const GOOD = [
  'id,source,title,duration_s\n1,x://a,"A, ""quoted""\nand long",2.5\n2,x://b,B,\n,x://c,é,1e3\n',
  "source;id\r\nx://a;1\r\nx://b;2\r\n",
  '[\n  {"source": "x://a", "id": 1, "duration_s": 2.5},\n  "x://b",\n  {"source": "x://é", "tags": [{"a": "}],"}]}\n]\n',
  '{"source":"x://a","id":"-5"}\n\n"x://b"\r\n{"source":"x://c","title":"\\ud83c\\udfac"}\n',
  '"id","source"\n1,"x://a"\n',
];
const BITS = [
  ...[
    "\ufeff",
    "\u0000",
    "\u2028",
    "\u001b[2J",
    '"',
    '""',
    '"\n',
    "\\",
    "\\u",
    "\\ud800",
    ",",
    ";",
    "\r",
    "\n",
    "[",
    "]",
  ],
  ...["{", "}", ":", "null", "1e999", "-", "__proto__", "constructor", " ", "\t", "'", "#", "/*", "=cmd()", "\u0085"],
];
const RAW = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xe9],
  [0x80],
  [0xfe, 0xff],
  [0xff, 0xfe],
];

export function goodList(chance: Chance): string {
  return chance.pick(GOOD);
}

export const GOOD_LISTS: readonly string[] = GOOD;

export function mutate(chance: Chance): Buffer {
  const text = goodList(chance);
  let bytes: Buffer = Buffer.from(text);
  for (let left = 1 + chance.skewed(8); left > 0; left--) bytes = change(bytes, chance);
  return bytes;
}

function change(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  const splice = (removed: number, put: Uint8Array) =>
    Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
  return anyOf(
    chance,
    () => splice(chance.skewed(20), Buffer.alloc(0)),
    () => splice(0, Buffer.from(chance.pick(BITS))),
    () => splice(0, Buffer.from(chance.pick(RAW))),
    () => splice(1, chance.bytes(1)),
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes, bytes.subarray(at)]),
    () => splice(0, Buffer.from(goodList(chance)).subarray(chance.below(30))),
    () => splice(0, Buffer.from(chance.pick(BITS).repeat(chance.skewed(3000)))),
    () => Buffer.from(bytes.toString(), "utf16le"),
    () => Buffer.from(bytes.toString(), "latin1"),
    () => Buffer.from(bytes.toString("latin1")),
    () => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(bytes.toString(), "utf16le")]),
    () => Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(bytes.toString(), "utf16le").swap16()]),
    () => nest(bytes, chance),
  );
}

function nest(bytes: Buffer, chance: Chance): Buffer {
  const depth = chance.skewed(200_000);
  const [open, close] = chance.pick([
    ["[", "]"],
    ['{"source":', "}"],
    ['{"a":[', "]}"],
    ["[", ""],
  ] as const);
  return Buffer.concat([Buffer.from(open.repeat(depth)), bytes, Buffer.from(close.repeat(depth))]);
}
