// The API's reads of videos: pages of them, one of them, and what the instances have logged of it.
import * as v from "valibot";
import { videoUnknown } from "../../catalogue/backlog.js";
import { readLogLines } from "../../report/log/read.js";
import { showVideo } from "../../report/videos.js";
import type { State } from "../../video.js";
import { limitNames, ofVideo, states, videoId, wholeNumber } from "../fields.js";
import { countFound, readPage, type VideoChoice } from "../reads.js";
import { type Route, route } from "../route.js";
import * as shape from "../schemas.js";
import type { View } from "../view.js";

const PAGE = 500;
const LINES = 2000;

export const VIDEO_ROUTES: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/videos",
    summary: "A page of videos by id: of some states, with a text in source or title, or over some limits of Workers.",
    access: "read",
    query: v.strictObject({
      state: v.optional(states, ""),
      q: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(200)), ""),
      over: v.optional(limitNames, ""),
      after: v.optional(videoId),
      limit: v.optional(wholeNumber({ min: 1, max: PAGE }), "50"),
    }),
    answer: v.object({ videos: v.array(shape.videoLine), next: v.nullable(shape.id), total: shape.count }),
    async handle({ query }, view) {
      const { after, limit } = query;
      const choice: VideoChoice = { states: query.state, search: query.q, over: query.over };
      const [found, total] = await Promise.all([
        readPage(view.pool, choice, { after, limit: limit + 1 }),
        countAll(choice, view),
      ]);
      const videos = found.slice(0, limit);
      return { videos, next: found.length > limit ? (videos.at(-1)?.id ?? null) : null, total };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/videos/{id}",
    summary: "Everything known about one video, as `hidb show --json`.",
    access: "read",
    params: ofVideo,
    answer: shape.videoRecord,
    async handle({ params }, { pool }) {
      const record = await showVideo(pool.database, pool.catalogue, params.id);
      if (record === undefined) throw videoUnknown(params.id);
      return record;
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/videos/{id}/log",
    summary: "The last lines that this host's instances have logged of one video, oldest first.",
    access: "read",
    params: ofVideo,
    query: v.strictObject({ limit: v.optional(wholeNumber({ min: 1, max: LINES }), "200") }),
    answer: v.object({ lines: v.array(v.pipe(v.record(v.string(), v.any()), v.description("as in the log file"))) }),
    async handle({ params, query }, { pool }) {
      const lines = await readLogLines({ folder: pool.config.logDir, limit: query.limit, video: params.id });
      return { lines: lines.map(({ fields }) => fields) };
    },
  }),
];

/** Without a search the overview knows it, and that is asked for once a second whoever looks. */
async function countAll(choice: VideoChoice, view: View): Promise<number> {
  if (choice.search !== "" || choice.over.length > 0) return countFound(view.pool, choice);
  const { counts } = await view.overview();
  const chosen: State[] = [...new Set(choice.states)];
  return chosen.length === 0 ? counts.total : chosen.reduce((sum, state) => sum + counts[state], 0);
}
