// What a file says of itself, made fit to be shown and kept: a crafted one says that its sound has NaN samples a second, or
// that its language is a megabyte of escape sequences. null stands for whatever is no answer.

/** A sample rate of more than this is none. */
const MOST = 2 ** 32;
const LONGEST = 64;

/** Finite and not negative; JSON would turn the others into null where a number is expected. */
export function amount(value: number | null | undefined): number | null {
  return typeof value === "number" && value >= 0 && value < Number.MAX_VALUE / 1e7 ? value : null;
}

/** A count of something that is there. */
export function whole(value: number | null | undefined): number | null {
  const rounded = Math.round(value ?? 0);
  return rounded > 0 && rounded <= MOST ? rounded : null;
}

/** On one line, without what a terminal would obey, and not for pages. */
export function label(text: string | null | undefined): string | null {
  const shown = (text ?? "")
    .slice(0, LONGEST)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, "")
    .trim();
  return shown === "" ? null : shown;
}
