// The API's reads of the pool as a whole.
import * as v from "valibot";
import { type MirrorStatus, readMirrorStatus } from "../../database/mirror/status.js";
import { HidbError } from "../../errors.js";
import { readBatches } from "../../report/batches.js";
import { wholeNumber } from "../fields.js";
import { type Route, route } from "../route.js";
import * as shape from "../schemas.js";
import type { ServedPool } from "../served-pool.js";
import { listSettings } from "../settings.js";
import { LONGEST_SERIES_MIN } from "../view.js";

export const POOL_ROUTES: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/overview",
    summary: "All that a screen shows of the pool: counts, rates, ETA band, memory, instances, failures.",
    access: "read",
    answer: shape.overview,
    handle: (_, view) => view.overview(),
  }),
  route({
    method: "GET",
    path: "/api/v1/series",
    summary: "How many videos came to an end in each of the last minutes.",
    access: "read",
    query: v.strictObject({ minutes: v.optional(wholeNumber({ min: 1, max: LONGEST_SERIES_MIN }), "60") }),
    answer: shape.series,
    handle: async ({ query }, view) => ({ minutes: await view.series(query.minutes) }),
  }),
  route({
    method: "GET",
    path: "/api/v1/instances",
    summary: "The instances that live, with the videos in their hands.",
    access: "read",
    answer: v.object({ instances: v.array(shape.instanceView) }),
    handle: async (_, view) => ({ instances: (await view.overview()).instances }),
  }),
  route({
    method: "GET",
    path: "/api/v1/failures",
    summary: "Why videos failed, the most frequent reasons first.",
    access: "read",
    answer: v.object({ failures: v.array(shape.failureGroup) }),
    handle: async (_, view) => ({ failures: await view.failures() }),
  }),
  route({
    method: "GET",
    path: "/api/v1/batches",
    summary: "The batches of ids (HIDB_SHARDING=ranges) and how far each is.",
    access: "read",
    answer: v.object({ batches: v.array(shape.batch) }),
    handle: async (_, { pool }) => ({ batches: await readBatches(pool.database, { now: pool.clock.now() }) }),
  }),
  route({
    method: "GET",
    path: "/api/v1/plan",
    summary: "What 1 to 8 instances would mean for what is left: time, memory, requests to D1.",
    access: "read",
    answer: shape.plan,
    handle: (_, view) => view.plan(),
  }),
  route({
    method: "GET",
    path: "/api/v1/settings",
    summary: "The settings as in force, with where each comes from; secrets are masked.",
    access: "read",
    answer: v.object({ settings: v.array(shape.settingLine) }),
    handle: async (_, { pool }) => ({ settings: listSettings(pool.config) }),
  }),
  route({
    method: "GET",
    path: "/api/v1/d1",
    summary: "What the pool has cost on D1; null where it works on a file.",
    access: "read",
    answer: v.object({ d1: v.nullable(shape.d1) }),
    async handle(_, view) {
      const { d1 } = await view.overview();
      return { d1: d1 && { ...d1, budget: view.pool.config.d1Requests } };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/mirror",
    summary: "What this file, if it is a mirror of a D1 database, has for it; D1 is not asked. Null for any other.",
    access: "read",
    answer: v.object({ mirror: v.nullable(shape.mirror) }),
    handle: async (_, { pool }) => ({ mirror: await readMirror(pool) }),
  }),
];

async function readMirror({ database, config }: ServedPool): Promise<MirrorStatus | null> {
  if (config.database === "d1") return null;
  try {
    return await readMirrorStatus(database);
  } catch (error) {
    // Nothing was ever pulled into it.
    if (error instanceof HidbError && error.code === "DATABASE_FOREIGN") return null;
    throw error;
  }
}
