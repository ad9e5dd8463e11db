// hidb as it was before there was a pool: an API over a table of videos, each processed after its request was answered.
import type { D1Database, ExecutionContext, MessageBatch, ScheduledController } from "@cloudflare/workers-types";
import { Hono } from "hono";
import { cors } from "hono/cors";
import schema from "../schema.sql";
import { processVideo, type Video } from "./process.js";

interface Bindings {
  DB: D1Database;
  WORKERS: string;
}

const app = new Hono<{ Bindings: Bindings }>();
app.use("/api/*", cors());

app.post("/api/setup", async (c) => {
  const count = Number(c.req.query("count") ?? 6);
  for (const statement of schema.split(";").filter((text) => text.trim() !== ""))
    await c.env.DB.prepare(statement).run();
  const insert = c.env.DB.prepare("INSERT INTO videos (title, duration_s) VALUES (?, ?)");
  const ids = Array.from({ length: count }, (_, at) => at + 1);
  await c.env.DB.batch(ids.map((id) => insert.bind(`Video ${id}`, id % 4 === 0 ? null : id * 1.5)));
  return c.json({ videos: count }, 201);
});

app.get("/api/videos", async (c) => {
  const status = c.req.query("status");
  const page = Number(c.req.query("page") ?? 1);
  const { results } = await c.env.DB.prepare(
    "SELECT id, title, duration_s, status, worker_id FROM videos WHERE ?1 IS NULL OR status = ?1 ORDER BY id LIMIT 4 OFFSET ?2",
  )
    .bind(status ?? null, (page - 1) * 4)
    .all();
  return c.json({ page, videos: results });
});

app.get("/api/videos/:id{[0-9]+}", async (c) => {
  const video = await findVideo(c.env.DB, Number(c.req.param("id")));
  return video === null ? c.json({ error: "no such video" }, 404) : c.json(video);
});

app.post("/api/videos/:id{[0-9]+}/process", async (c) => {
  const workerId = Number(c.req.query("worker_id") ?? 0);
  const video = await findVideo(c.env.DB, Number(c.req.param("id")));
  if (video === null) return c.json({ error: "no such video" }, 404);
  if (video.id % Number(c.env.WORKERS) !== workerId) return c.json({ error: `not a video of worker ${workerId}` }, 409);
  const { meta } = await c.env.DB.prepare(
    "UPDATE videos SET status = 'processing', worker_id = ? WHERE id = ? AND status IN ('pending', 'failed')",
  )
    .bind(workerId, video.id)
    .run();
  if (meta.changes === 0) return c.json({ error: `it is ${video.status}` }, 409);
  c.executionCtx.waitUntil(processVideo(c.env.DB, video));
  return c.json({ id: video.id, status: "processing" }, 202);
});

app.get("/api/progress", async (c) => {
  // Whoever asks wants to know how it went, not how fast this machine is.
  if (c.req.query("settled") === "1") await settle(c.env.DB);
  const { results } = await c.env.DB.prepare(
    "SELECT status, COUNT(*) AS videos, SUM(duration_s) AS seconds FROM videos GROUP BY status ORDER BY status",
  ).all<{ status: string; videos: number; seconds: number | null }>();
  const total = results.reduce((sum, { videos }) => sum + videos, 0);
  const done = results.find(({ status }) => status === "completed")?.videos ?? 0;
  return c.json({ total, done, percent: total === 0 ? 0 : Math.round((done / total) * 1000) / 10, states: results });
});

app.onError((error, c) => c.json({ error: error.message }, 500));

async function findVideo(db: D1Database, id: number): Promise<Video | null> {
  return db.prepare("SELECT * FROM videos WHERE id = ?").bind(id).first<Video>();
}

async function settle(db: D1Database): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const running = await db
      .prepare("SELECT COUNT(*) AS running FROM videos WHERE status = 'processing'")
      .first("running");
    if (running === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export default {
  fetch: app.fetch,
  /** The same work, asked for by a queue: one video a message. */
  async queue(batch: MessageBatch<{ id: number }>, env: Bindings): Promise<void> {
    for (const message of batch.messages) {
      const video = await findVideo(env.DB, message.body.id);
      if (video === null) message.ack();
      else if (video.status === "completed") message.ack();
      else if (await processVideo(env.DB, video)) message.ack();
      else message.retry({ delaySeconds: 30 });
    }
  },
  /** What failed is tried again. */
  async scheduled(_controller: ScheduledController, env: Bindings, ctx: ExecutionContext): Promise<void> {
    ctx.waitUntil(env.DB.prepare("UPDATE videos SET status = 'pending' WHERE status = 'failed'").run());
  },
};
