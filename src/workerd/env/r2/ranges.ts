// `range`: which part of an object is wanted, as an object or as the header of a request.
import { wrongField } from "../../globals/refusals.js";
import { isHeaders, isObject } from "../state-arguments.js";
import { codes, r2Error } from "./errors.js";

export interface Range {
  offset: number;
  length: number;
}

/** The part of an object of some size; undefined for all of it. */
export type RangeIn = (size: number) => Range | undefined;

export function rangeOf(given: unknown): RangeIn {
  if (given === undefined || given === null) return () => undefined;
  if (!isObject(given)) throw wrongField("range", "GetOptions", "Range or Headers");
  if (isHeaders(given)) {
    const header = given.get("range");
    return (size) => (header === null ? undefined : fromHeader(header, size));
  }
  const [offset, length, suffix] = [numberOf(given.offset), numberOf(given.length), numberOf(given.suffix)];
  if (offset !== undefined) checkWhole(offset, { range: "range", number: "Starting offset" });
  if (length !== undefined) checkWhole(length, { range: "range", number: "Length" });
  if (suffix === undefined) return (size) => between({ offset, length, size });
  if (offset !== undefined) throw new TypeError("Suffix is incompatible with offset.");
  if (length !== undefined) throw new TypeError("Suffix is incompatible with length.");
  checkWhole(suffix, { range: "suffix", number: "Suffix" });
  return (size) => {
    const tail = Math.min(suffix, size);
    if (suffix <= 0) throw r2Error("get", codes.invalidRange);
    return between({ offset: size - tail, length: tail, size });
  };
}

function between({
  offset = 0,
  length,
  size,
}: { [Name in "offset" | "length"]: number | undefined } & { size: number }): Range {
  const wanted = length ?? size - offset;
  if (offset > size || wanted <= 0) throw r2Error("get", codes.invalidRange);
  return { offset, length: Math.min(wanted, size - offset) };
}

function numberOf(given: unknown): number | undefined {
  return given === undefined ? undefined : Number(given);
}

function checkWhole(value: number, { range, number }: { range: string; number: string }): void {
  if (value < 0) throw new RangeError(`Invalid ${range}. ${number} (${value}) must be greater than or equal to 0.`);
  if (!Number.isInteger(value)) {
    throw new RangeError(`Invalid range. ${number} (${value}) must be an integer, not floating point.`);
  }
}

/** One range of bytes; what is no such thing, or lies beyond the end, stands for all of the object. */
function fromHeader(header: string, size: number): Range | undefined {
  const [, first = "", last = ""] = /^ *bytes *= *(\d*) *- *(\d*) *$/i.exec(header) ?? [];
  if (first === "") {
    const tail = Number(last);
    return tail > 0 && tail < size ? { offset: size - tail, length: tail } : undefined;
  }
  const offset = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (offset >= size || (last !== "" && Number(last) < offset)) return undefined;
  return { offset, length: end - offset + 1 };
}
