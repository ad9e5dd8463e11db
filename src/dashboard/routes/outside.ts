// The API of the original design: a script outside asks for its next video and says what has become of it.
import * as v from "valibot";
import type { Millis, Outcome } from "../../video.js";
import { ofVideo, wholeNumber } from "../fields.js";
import { type OutsideClaim, readClaim } from "../outside/claim-text.js";
import { claimNext, renewClaim, settleClaim } from "../outside/worker.js";
import { ApiRefusal } from "../refusal.js";
import { type Route, route } from "../route.js";
import * as shape from "../schemas.js";

const WORKERS = 1_000_000;
const REASON = 10_000;
const OUTCOME_BYTES = 1_048_576;
const LONGEST_WAIT_MS: Millis = 86_400_000;

const claimText = v.pipe(v.string(), v.maxLength(500), v.description("as it was handed out"));
const lease = v.pipe(v.number(), v.description("renew or settle within so many milliseconds"));

export const OUTSIDE_ROUTES: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/videos/next",
    summary: "Claim a video for a worker outside: of its share, `id % worker_count == worker_id`, and then anyone's.",
    access: "change",
    query: v.pipe(
      v.strictObject({
        worker_id: v.optional(wholeNumber({ min: 0, max: WORKERS }), "0"),
        worker_count: v.optional(wholeNumber({ min: 1, max: WORKERS })),
      }),
      v.check(
        ({ worker_id: id, worker_count: count = WORKERS }) => id <= count,
        "`worker_id` must not exceed `worker_count`",
      ),
    ),
    answer: v.object({
      video: v.object({
        id: shape.id,
        source: v.string(),
        title: v.nullable(v.string()),
        duration_s: v.nullable(v.number()),
      }),
      attempt: shape.count,
      claim: claimText,
      lease_ms: lease,
    }),
    mayBeEmpty: true,
    async handle({ query }, { pool }) {
      const asking = { workerId: query.worker_id, workerCount: query.worker_count };
      const handed = await claimNext(asking, pool);
      if (handed === undefined) return undefined;
      const { video, attempt } = handed.claim;
      const { id, source, title, durationS: duration_s } = video;
      return { video: { id, source, title, duration_s }, attempt, claim: handed.text, lease_ms: pool.config.leaseMs };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/videos/{id}/outcome",
    summary: "Say how the attempt has ended, under its claim; `released` gives the attempt back.",
    access: "change",
    params: ofVideo,
    body: v.strictObject({
      claim: claimText,
      outcome: v.picklist(["completed", "retry", "failed", "released"]),
      output: v.optional(v.pipe(v.any(), v.description("any JSON; of a completed video"))),
      reason: v.optional(v.pipe(v.string(), v.maxLength(REASON))),
      after_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LONGEST_WAIT_MS))),
    }),
    bodyLimit: OUTCOME_BYTES,
    answer: v.object({ settled: v.picklist(["completed", "retry", "failed", "released"]) }),
    async handle({ params, body }, view) {
      const { output, reason = "the worker outside gave no reason", after_ms: afterMs } = body;
      const outcomes: Record<typeof body.outcome, Outcome> = {
        completed: { kind: "completed", output: output === undefined ? null : JSON.stringify(output) },
        retry: { kind: "retry", reason, ...(afterMs !== undefined && { afterMs }) },
        failed: { kind: "failed", reason },
        released: { kind: "released" },
      };
      const settled = await settleClaim(claimOf(params.id, body.claim), outcomes[body.outcome], view.pool);
      return { settled: settled.kind };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/videos/{id}/renew",
    summary: "Keep a claim for another lease; whatever takes longer than a lease does this in between.",
    access: "change",
    params: ofVideo,
    body: v.strictObject({ claim: claimText }),
    answer: v.object({ lease_ms: lease }),
    async handle({ params, body }, { pool }) {
      await renewClaim(claimOf(params.id, body.claim), pool);
      return { lease_ms: pool.config.leaseMs };
    },
  }),
];

function claimOf(videoId: number, text: string): OutsideClaim {
  const claim = readClaim(text);
  if (claim?.videoId === videoId) return claim;
  throw new ApiRefusal({
    status: 400,
    code: "REQUEST_INVALID",
    message: `expected the claim that was handed out with video ${videoId}, got something else`,
    fix: "send `claim` back as /api/v1/videos/next has answered it",
  });
}
