// A process of its own with bare miniflare and the bench's app in it: `memory` answers 300 requests and waits to be
// measured, `speed` answers a round of requests each time it is told to.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { ROOT } from "./world.ts";

const [mode, project = ""] = process.argv.slice(2);
const outdir = mkdtempSync(join(tmpdir(), "hidb-bench-build-"));
const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
execFileSync(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outdir], {
  cwd: project,
  env: { PATH: process.env.PATH, HOME: project, WRANGLER_SEND_METRICS: "false" },
  stdio: "ignore",
});
const miniflare = new Miniflare({
  modules: [{ type: "ESModule", path: "index.js", contents: readFileSync(join(outdir, "index.js")) }],
  compatibilityDate: "2026-07-30",
  d1Databases: ["DB"],
});
await miniflare.ready;

async function round(requests: number): Promise<number> {
  const started = performance.now();
  for (let request = 0; request < requests; request++) {
    const response = await miniflare.dispatchFetch("http://localhost/api/hello");
    if ((await response.text()) !== '{"hello":"hidb"}') throw new Error("the app answered something else");
  }
  return requests / ((performance.now() - started) / 1000);
}

await round(300);
process.send?.("ready");
if (mode === "speed") process.on("message", async () => process.send?.(await round(800)));
else setInterval(() => undefined, 60_000);
