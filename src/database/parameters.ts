// Which value a parameter takes. D1 binds by position only; SQLite's drivers want names for everything but a plain `?`.
import { LIMITS } from "./limits.js";
import type { Token } from "./text.js";

export interface Parameters {
  /** How many values the statement needs: its highest parameter number. */
  count: number;
  /** The name by which SQLite knows parameter N, at N - 1; undefined for a plain `?` and for a number never used. */
  names: (string | undefined)[];
  /** Whether every parameter is a plain `?`. */
  plain: boolean;
  /** The parameter number of each variable in the text, in order. */
  numbers: number[];
}

/** Numbers the parameters as SQLite does: `?` is one more than the highest so far, `?N` is N, a name keeps its number. */
export function numberParameters(tokens: readonly Token[]): Parameters {
  const names: (string | undefined)[] = [];
  const numbers: number[] = [];
  let count = 0;
  let plain = true;
  for (const { kind, text } of tokens) {
    if (kind !== "variable") continue;
    let number = count + 1;
    if (text !== "?") {
      plain = false;
      const known = text.startsWith("?") ? Number(text.slice(1)) : names.indexOf(text) + 1;
      if (known > 0) number = known;
      // A number out of range is SQLite's to refuse.
      if (number <= LIMITS.parameters) names[number - 1] ??= text;
    }
    numbers.push(number);
    count = Math.max(count, number);
  }
  return { count, names, plain, numbers };
}
