// All recorded cases, by the part of the facts that they hold a home to.
import type { Cases } from "../case.ts";
import { allowed } from "./allowed.ts";
import { batch } from "./batch.ts";
import { errors } from "./errors.ts";
import { exec } from "./exec.ts";
import { features } from "./features.ts";
import { limits } from "./limits.ts";
import { meta } from "./meta.ts";
import { parameters } from "./parameters.ts";
import { results } from "./results.ts";
import { sessions } from "./sessions.ts";
import { text } from "./text.ts";
import { values } from "./values.ts";

export const AREAS: Record<string, Cases> = {
  results,
  meta,
  values,
  parameters,
  text,
  batch,
  exec,
  errors,
  allowed,
  limits,
  sessions,
  features,
};
