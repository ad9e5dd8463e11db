// One video, from its row to its summary.
import type { D1Database } from "@cloudflare/workers-types";

export interface Video {
  id: number;
  title: string;
  duration_s: number | null;
  status: string;
  worker_id: number | null;
  summary: string | null;
}

/** Whether it went well; a video without a duration cannot be processed. */
export async function processVideo(db: D1Database, video: Video): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (video.duration_s === null) {
    await db.prepare("UPDATE videos SET status = 'failed' WHERE id = ?").bind(video.id).run();
    return false;
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(video.title));
  const hash = Array.from(new Uint8Array(digest).slice(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const summary = JSON.stringify({ hash, minutes: Math.ceil(video.duration_s / 60) });
  await db.prepare("UPDATE videos SET status = 'completed', summary = ? WHERE id = ?").bind(summary, video.id).run();
  return true;
}
