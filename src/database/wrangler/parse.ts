// The text of a config, as JSON with comments or as TOML, into plain values that still know their lines.
import { findNodeAtLocation, getNodeValue, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { parse as parseTomlText, TomlError } from "smol-toml";
import { wranglerConfigError } from "./error.js";
import { findTomlLine, type Path } from "./toml-line.js";

export interface ParsedConfig {
  data: Record<string, unknown>;
  /** The line, from 1, on which the value at a path begins; undefined where the parser does not tell. */
  lineOf(path: Path): number | undefined;
}

export function parseJsonc(text: string, file: string): ParsedConfig {
  const source = withoutMark(text);
  const errors: ParseError[] = [];
  const tree = parseTree(source, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined) throw notParsed(file, lineAt(source, error.offset), printParseErrorCode(error.error));
  const data: unknown = tree && getNodeValue(tree);
  if (!isRecord(data)) throw notParsed(file, 1, "something else than an object");
  return {
    data,
    lineOf(path) {
      const node = tree && findNodeAtLocation(tree, path);
      return node && lineAt(source, node.offset);
    },
  };
}

export function parseToml(text: string, file: string): ParsedConfig {
  try {
    const source = withoutMark(text);
    return { data: parseTomlText(source), lineOf: (path) => findTomlLine(source, path) };
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // Its message goes on with an excerpt over several lines.
    const [reason = ""] = cause.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw notParsed(file, cause.line, reason, cause);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Editors on Windows put a byte order mark first. */
function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function notParsed(file: string, line: number, got: string, cause?: unknown): Error {
  const kind = file.endsWith(".toml") ? "TOML" : "JSON";
  return wranglerConfigError({
    expected: `${kind} in ${file}:${line}`,
    got,
    fix: `correct line ${line} of that file`,
    cause,
  });
}
