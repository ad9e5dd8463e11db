// The API's changes of the backlog and the pool: what `hidb retry`, `cancel`, `pause`, `resume` and `pm2 scale` do.
import * as v from "valibot";
import {
  type Choice,
  cancelVideos,
  findRetriable,
  findStates,
  retryVideos,
  setPaused,
} from "../../catalogue/backlog.js";
import { appendToJournal } from "../../report/journal.js";
import { retryInJournal } from "../../report/journal-retry.js";
import { readSwitches } from "../../report/switches.js";
import type { State } from "../../video.js";
import { ofVideo } from "../fields.js";
import { findByReason } from "../reads.js";
import { ApiRefusal } from "../refusal.js";
import { type Route, route } from "../route.js";
import { HIGHEST_COUNT, scalePool } from "../scale.js";
import * as shape from "../schemas.js";
import type { View } from "../view.js";

const IDS = 10_000;

/** For a video that is named, waiting out its backoff or being over is the same: try it now. */
const NAMED: State[] = ["pending", "failed", "quarantined", "cancelled"];
const ENDED: State[] = ["failed", "quarantined", "cancelled", "completed"];
const FAILED: State[] = ["failed", "quarantined"];

const retried = v.object({ retried: shape.count });
const switches = v.object({ paused: v.boolean(), changed: v.boolean() });

export const CHANGE_ROUTES: Route[] = [
  route({
    method: "POST",
    path: "/api/v1/videos/retry",
    summary: "Try videos again from their first attempt: those named, those in some states, or those with one reason.",
    access: "change",
    body: v.strictObject({
      ids: v.optional(v.pipe(v.array(shape.id), v.maxLength(IDS))),
      state: v.optional(v.pipe(v.array(v.picklist(ENDED)), v.minLength(1))),
      reason: v.optional(v.pipe(v.string(), v.maxLength(60_000))),
    }),
    answer: retried,
    async handle({ body }, view) {
      const { ids, state, reason } = body;
      if (ids === undefined && state === undefined && reason === undefined) throw nothingChosen();
      if (reason !== undefined) {
        const same = await findByReason(view.pool.database, state ?? FAILED, reason);
        const chosen = ids === undefined ? same : same.filter((id) => ids.includes(id));
        return { retried: await retry({ ids: chosen, states: state ?? FAILED }, view) };
      }
      if (ids !== undefined) await findStates(view.pool.database, ids);
      return { retried: await retry({ ids: ids ?? null, states: state ?? NAMED }, view) };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/videos/{id}/retry",
    summary: "Try one video again from its first attempt, even if it is completed; one that runs is left alone.",
    access: "change",
    params: ofVideo,
    answer: retried,
    async handle({ params }, view) {
      await findStates(view.pool.database, [params.id]);
      return { retried: await retry({ ids: [params.id], states: [...NAMED, "completed"] }, view) };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/videos/{id}/cancel",
    summary: "Cancel a video that is pending or running; its instance hears of it at its next heartbeat.",
    access: "change",
    params: ofVideo,
    answer: v.object({ cancelled: shape.count }),
    async handle({ params }, view) {
      const { database, clock, config } = view.pool;
      await findStates(database, [params.id]);
      const time = clock.nowFine();
      const cancelled = await cancelVideos(database, { ids: [params.id], states: ["pending", "running"] }, clock.now());
      if (config.journal !== "") appendToJournal(config.journal, "cancel", cancelled, { time, done: clock.nowFine() });
      view.forget();
      return { cancelled: cancelled.length };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/pool/pause",
    summary: "Claim nothing new; what runs is finished.",
    access: "change",
    body: v.strictObject({
      forMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1000), v.maxValue(30 * 86_400_000))),
      reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
    }),
    answer: switches,
    async handle({ body }, view) {
      const { database, clock } = view.pool;
      const until = body.forMs === undefined ? undefined : clock.now() + body.forMs;
      const changed = await setPaused(database, true, { reason: body.reason, until });
      view.forget();
      return { paused: true, changed };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/pool/resume",
    summary: "Claim videos again.",
    access: "change",
    answer: switches,
    async handle(_, view) {
      const { database, clock } = view.pool;
      const changed = await setPaused(database, false);
      view.forget();
      return { paused: (await readSwitches(database, clock.now())).paused !== null, changed };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/pool/scale",
    summary: "Let PM2 run so many instances (`pm2 scale`); those that go drain first.",
    access: "change",
    body: v.strictObject({ count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(HIGHEST_COUNT)) }),
    answer: v.object({ count: shape.count, underWay: v.boolean() }),
    status: 202,
    async handle({ body }, view) {
      const underWay = await scalePool(body.count, view.pool);
      view.forget();
      return { count: body.count, underWay };
    },
  }),
];

async function retry(choice: Choice, view: View): Promise<number> {
  const { database, clock, config } = view.pool;
  const find = () => findRetriable(database, choice);
  const videos = await retryInJournal(config.journal, { clock, find, retry: () => retryVideos(database, choice) });
  view.forget();
  return videos.length;
}

function nothingChosen(): ApiRefusal {
  return new ApiRefusal({
    status: 400,
    code: "REQUEST_INVALID",
    message: "expected ids, states or a reason, got none of them",
    fix: 'for example {"state":["failed","quarantined"]}',
  });
}
