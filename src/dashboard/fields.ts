// What stands in a path or a query: texts that are read as numbers and lists.
import * as v from "valibot";
import { STATES } from "../video.js";
import * as shape from "./schemas.js";

/** A whole number that keeps within the bounds. */
export function wholeNumber({ min, max }: { min: number; max: number }) {
  return v.pipe(
    v.string(),
    v.regex(/^-?\d{1,16}$/),
    v.transform(Number),
    v.number(),
    v.integer(),
    v.minValue(min),
    v.maxValue(max),
  );
}

export const videoId = wholeNumber({ min: -(2 ** 53), max: 2 ** 53 });

function list<S extends v.GenericSchema<string, string>>(one: S) {
  return v.pipe(
    v.string(),
    v.transform((text) => (text === "" ? [] : text.split(","))),
    v.array(one),
  );
}

export const states = list(v.picklist(STATES));
export const limitNames = list(shape.limitName);

/** For a path with `{id}`. */
export const ofVideo = v.strictObject({ id: videoId });
