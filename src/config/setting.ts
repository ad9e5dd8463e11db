// A setting: its name, default, check and description; one function for each kind of setting.
import { isIP } from "node:net";
import * as v from "valibot";

export const DAY_MS = 86_400_000;

export interface Setting<T> {
  name: string;
  /** As a person would type it; "" stands for "not set". */
  fallback: string;
  help: string;
  /** `expected ...` of the error message. */
  expected: string;
  schema: v.GenericSchema<string, T>;
  kind: "plain" | "path" | "secret";
  /** The default on D1, where every query is a request: as `fallback`. */
  remoteFallback?: string;
}

export function setting<T>(
  name: string,
  fallback: string,
  expected: string,
  schema: v.GenericSchema<string, T>,
  help: string,
  kind: Setting<T>["kind"] = "plain",
): Setting<T> {
  return { name, fallback, help, expected, schema, kind };
}

/** The same setting with another default on D1. */
export function onD1<S extends Setting<unknown>>(base: S, remoteFallback: string): S {
  return { ...base, remoteFallback };
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)$/;

export function number(name: string, fallback: string, { min, max }: { min: number; max: number }, help: string) {
  const schema = v.pipe(v.string(), v.regex(decimal), v.transform(Number), v.minValue(min), v.maxValue(max));
  return setting(name, fallback, `a number from ${min} to ${max}`, schema, help);
}

export function whole(name: string, fallback: string, { min, max }: { min: number; max: number }, help: string) {
  const schema = v.pipe(v.string(), v.regex(/^[+-]?\d+$/), v.transform(Number), v.minValue(min), v.maxValue(max));
  return setting(name, fallback, `a whole number from ${min} to ${max}`, schema, help);
}

export function text(name: string, fallback: string, help: string, kind: "plain" | "secret" = "plain") {
  return setting(name, fallback, "text", v.string(), help, kind);
}

export function url(name: string, fallback: string, help: string) {
  return setting(name, fallback, "an http or https URL", v.pipe(v.string(), v.regex(/^https?:/), v.url()), help);
}

export function path(name: string, fallback: string, help: string) {
  return setting(name, fallback, "a path", v.string(), help, "path");
}

export function oneOf<const T extends string>(name: string, fallback: T, options: readonly T[], help: string) {
  return setting<T>(name, fallback, options.join(", "), v.picklist(options) as v.GenericSchema<string, T>, help);
}

export function flag(name: string, help: string) {
  const schema = v.pipe(
    v.picklist(["0", "1", "true", "false"]),
    v.transform((value) => value === "1" || value === "true"),
  );
  return setting<boolean>(name, "0", "0 or 1", schema as v.GenericSchema<string, boolean>, help);
}

/** A table or column name that is safe inside a SQL statement. */
export function identifier(name: string, fallback: string, help: string) {
  const schema = v.pipe(v.string(), v.regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/));
  return setting(name, fallback, "a name of letters, digits and _ that does not begin with a digit", schema, help);
}

export function exitCodes(name: string, help: string) {
  const schema = v.pipe(
    v.string(),
    v.regex(/^(\d{1,3}(,\d{1,3})*)?$/),
    v.transform((value) => (value === "" ? [] : value.split(",").map(Number))),
  );
  return setting<number[]>(name, "", "exit codes separated by commas", schema, help);
}

export function hostNames(name: string, help: string) {
  const schema = v.pipe(
    v.string(),
    v.regex(/^([\w.:[\]-]+(\s*,\s*[\w.:[\]-]+)*)?$/),
    v.transform((value) => (value === "" ? [] : value.toLowerCase().split(/\s*,\s*/))),
  );
  return setting<string[]>(name, "", "host names separated by commas", schema, help);
}

/** Host names, addresses and ranges of addresses; 1 for all, which is returned as "*". */
export function sourcePlaces(name: string, help: string) {
  const isPlace = (word: string) => {
    const [address = "", bits, ...rest] = word.split("/");
    const version = isIP(address);
    if (bits === undefined) return version !== 0 || /^[\w.-]+$/.test(word) || word === "*";
    return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
  };
  const schema = v.pipe(
    v.string(),
    v.transform((value) => value.toLowerCase().split(/\s*,\s*/)),
    v.transform((words) => (words.length > 1 ? words : words[0] === "1" ? ["*"] : words[0] === "0" ? [] : words)),
    v.transform((words) => (words.length === 1 && words[0] === "" ? [] : words)),
    v.check((words) => words.every(isPlace)),
  );
  return setting<string[]>(name, "", "1, or names, addresses and ranges separated by commas", schema, help);
}
