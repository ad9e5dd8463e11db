// The app that is measured: one video a call, by its id, in a D1 database.
import { Hono } from "hono";

interface Env {
  DB: D1Database;
}

interface VideoRow {
  id: number;
  source: string;
  duration_s: number | null;
}

const app = new Hono<{ Bindings: Env }>();

app.get("/api/hello", (c) => c.json({ hello: "hidb" }));

app.get("/api/one", async (c) => c.json(await c.env.DB.prepare("SELECT 1 AS one").first()));

app.post("/api/videos/:id/process", async (c) => {
  const video = await findVideo(c.env, c.req.param("id"));
  if (video === null) return c.json({ error: "no such video" }, 404);
  return c.json({ id: video.id, worker: c.req.query("worker_id"), source: video.source });
});

/** Waits as long as the video is, times `factor`, in the place of work. */
app.post("/api/videos/:id/wait", async (c) => {
  const video = await findVideo(c.env, c.req.param("id"));
  if (video === null) return c.json({ error: "no such video" }, 404);
  const ms = (video.duration_s ?? 0) * 1000 * Number(c.req.query("factor"));
  await new Promise((resolve) => setTimeout(resolve, ms));
  return c.json({ id: video.id, ms });
});

function findVideo(env: Env, id: string): Promise<VideoRow | null> {
  return env.DB.prepare("SELECT id, source, duration_s FROM videos WHERE id = ?").bind(Number(id)).first<VideoRow>();
}

export default app;
