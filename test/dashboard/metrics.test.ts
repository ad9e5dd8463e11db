import { describe, expect, it } from "vitest";
import { type Served, serve } from "./served.js";

async function setup(): Promise<Served> {
  const served = await serve({ videos: 6 });
  await served.rows("UPDATE hidb_videos SET state = 'completed', attempt = 1, finished_at = 1 WHERE video_id <= 2");
  await served.rows(
    "UPDATE hidb_videos SET state = 'failed', attempt = 3, finished_at = 1, error = 'a \"b\"' WHERE video_id = 3",
  );
  return served;
}

const SAMPLE = /^(hidb_[a-z0-9_]+)(\{([a-z]+="[^"\\\n]*")(,[a-z]+="[^"\\\n]*")*\})? (-?\d+(\.\d+)?(e[-+]?\d+)?)$/;

describe("/metrics", () => {
  it("is Prometheus text: each metric with its help and type, and no name twice", async () => {
    const { text, headers } = await (await setup()).ask("/metrics");
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text.endsWith("\n")).toBe(true);
    const lines = text.trimEnd().split("\n");
    const names = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
    expect(new Set(names).size).toBe(names.length);
    let name: string | undefined;
    for (const line of lines) {
      if (line.startsWith("# HELP ")) name = line.split(" ")[2];
      else if (line.startsWith("# TYPE ")) expect(line).toMatch(new RegExp(`^# TYPE ${name} (gauge|counter)$`));
      else expect([line, SAMPLE.exec(line)?.[1]]).toEqual([line, name]);
    }
  });

  it("tells the pool's state without any id as a label", async () => {
    const { ask, pool } = await setup();
    const { text } = await ask("/metrics");
    expect(text).toContain('hidb_videos{state="pending"} 3\n');
    expect(text).toContain('hidb_videos{state="completed"} 2\n');
    expect(text).toContain('hidb_videos{state="failed"} 1\n');
    expect(text).toContain('hidb_instances{state="working"} 1\n');
    expect(text).toContain('hidb_stopped{by="pause"} 0\n');
    expect(text).not.toContain(pool.instance.id);
    expect(text).not.toMatch(/hidb_process_/);
  });

  it("tells on an instance's own port of its process, too", async () => {
    const { ownUrl } = await setup();
    const text = await (await fetch(`${ownUrl}/metrics`)).text();
    expect(text).toContain('hidb_videos{state="pending"} 3\n');
    expect(Number(/^hidb_process_resident_memory_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(10_000_000);
    expect(text).toMatch(/^hidb_process_cpu_seconds_total \d/m);
  });

  it("has a Grafana dashboard that asks for nothing else than it tells", async () => {
    const { ask, change, ownUrl } = await setup();
    await change("/api/v1/pool/pause");
    const { body } = await ask("/grafana.json");
    const text = await (await fetch(`${ownUrl}/metrics`)).text();
    // Told only of a pool that works, or that works on D1.
    const others = [
      "hidb_eta_seconds",
      "hidb_rate_videos_per_second",
      "hidb_d1_requests_recent",
      "hidb_d1_requests_budget",
    ];
    const wanted = new Set<string>(JSON.stringify(body.panels).match(/hidb_\w+/g));
    expect(wanted.size).toBeGreaterThan(8);
    for (const name of wanted) {
      if (!others.includes(name)) expect(text).toContain(`# TYPE ${name} `);
    }
  });
});
