// Values that nobody means, and what must become of each: told by the words of the setting's own `expected`.
import type { Chance } from "../random.ts";

export const HOSTILE: readonly string[] = [
  ...[
    "",
    " ",
    "0",
    "1",
    "-1",
    "+1",
    "-0",
    "00012",
    " 7 ",
    "3.0",
    "3.7",
    ".5",
    "5.",
    "1e3",
    "1e309",
    "Infinity",
    "-Infinity",
  ],
  ...[
    "NaN",
    "0x10",
    "0b1",
    "1_000",
    "1,000",
    "10 MB",
    "500ms",
    "5s",
    "10%",
    "0%",
    "101%",
    "٣",
    "１２",
    "²",
    "true",
    "TRUE",
  ],
  ...[
    "yes",
    "auto",
    "max",
    "null",
    "undefined",
    "[object Object]",
    "__proto__",
    "constructor",
    "toString",
    "../..",
    "/",
  ],
  ...[
    "/dev/null",
    "/proc/self/mem",
    "~",
    "$HOME",
    "$(id)",
    "`id`",
    "; rm -rf /",
    "a\nb",
    "a\rb",
    "\u001b[2J",
    "\u0085",
    "\u2028",
  ],
  ...[
    "\ufeff5",
    "5\u00a0",
    "é",
    "映画",
    "\u{1F3AC}",
    "'",
    '"',
    "\\",
    "http://",
    "http://x",
    "https://a b",
    "ftp://x",
    "http://[",
    "javascript:1",
  ],
  ...[
    "127.0.0.1",
    "::1",
    "0.0.0.0",
    "localhost,evil",
    "a,,b",
    "99999999999999999999",
    "9007199254740993",
    "18446744073709551616",
  ],
  ...[
    "2147483648",
    "4294967297",
    "65536",
    "65535",
    "1".repeat(400),
    `${"0".repeat(5000)}1`,
    "x".repeat(100_000),
    "-".repeat(300),
  ],
];

export function drawValue(chance: Chance, fallback: string): string {
  if (chance.maybe(0.1)) return fallback;
  const value = chance.pick(HOSTILE);
  return chance.maybe(0.1) ? value + chance.pick(HOSTILE) : value;
}

/** Undefined: whether it is taken is for the setting to say. A false one must be refused, a true one taken. */
export function isRight(expected: string, value: string): boolean | undefined {
  const text = value.trim();
  const range = /^a (whole )?number from (-?[\d.]+) to ([\d.]+)$/.exec(expected);
  if (range !== null) {
    const [, whole, least, most] = range;
    const written = whole === undefined ? /^[+-]?(\d+\.?\d*|\.\d+)$/ : /^[+-]?\d+$/;
    const number = Number.parseFloat(text);
    return written.test(text) && number >= Number(least) && number <= Number(most);
  }
  if (expected === "0 or 1") return ["0", "1", "true", "false"].includes(text);
  if (/^[a-z\d]+(, [a-z\d]+)+$/i.test(expected)) return expected.split(", ").includes(text);
  if (expected === "text") return true;
  return undefined;
}

/** What the configuration must then hold; undefined where that takes more than a word to say. */
export function meantBy(expected: string, value: string): unknown {
  const text = value.trim();
  if (/^a (whole )?number/.test(expected)) return Number.parseFloat(text);
  if (expected === "0 or 1") return text === "1" || text === "true";
  if (expected === "text" || /^[a-z\d]+(, [a-z\d]+)+$/i.test(expected)) return text;
  return undefined;
}
