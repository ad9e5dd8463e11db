// The API's reads of the pool as a whole.
import * as v from "valibot";
import { readBatches } from "../../report/batches.js";
import { whole } from "../fields.js";
import { type Route, route } from "../route.js";
import * as shape from "../schemas.js";
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
    query: v.strictObject({ minutes: v.optional(whole({ min: 1, max: LONGEST_SERIES_MIN }), "60") }),
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
    handle: async (_, { house }) => ({ batches: await readBatches(house.database, { now: house.clock.now() }) }),
  }),
  route({
    method: "GET",
    path: "/api/v1/settings",
    summary: "The settings as in force, with where each comes from; secrets are masked.",
    access: "read",
    answer: v.object({ settings: v.array(shape.setting) }),
    handle: async (_, { house }) => ({ settings: listSettings(house.config) }),
  }),
];
