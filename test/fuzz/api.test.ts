import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fuzzApi } from "./api/run.ts";
import { ApiWorld, TOKEN } from "./api/world.ts";

const MB = 1_048_576;

let world: ApiWorld;
beforeAll(async () => {
  world = await ApiWorld.open();
});
afterAll(() => world.close());

const ask = (...lines: string[]) => world.say([`${lines.join("\r\n")}\r\n\r\n`]);

describe("the page's port", () => {
  it("answers whatever comes as openapi.json says, and changes nothing without the token", async () => {
    expect(await fuzzApi({ seed: 6, count: 250 })).toEqual([]);
  });

  it.each(["127.0.0.1:99999", "127.0.0.1@evil", "[", "a b", ""])(
    "answers a Host that is none in JSON: %j",
    async (host) => {
      // Seed 1, cases 3, 92, 120, 140, 151: an empty body.
      const { status, headers, body } = await ask("GET /api/v1/plan HTTP/1.1", `host: ${host}`);
      expect([400, 403]).toContain(status);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(JSON.parse(body)).toMatchObject({ error: { code: expect.any(String), fix: expect.any(String) } });
    },
  );

  it("takes no more of an endless body than it has room for", async () => {
    const head = [
      "POST /api/v1/pool/pause HTTP/1.1",
      "host: 127.0.0.1",
      `authorization: Bearer ${TOKEN}`,
      "content-type: application/json",
      "transfer-encoding: chunked",
    ].join("\r\n");
    const chunk = Buffer.concat([Buffer.from(`${MB.toString(16)}\r\n`), Buffer.alloc(MB, "x"), Buffer.from("\r\n")]);
    const before = process.memoryUsage.rss();
    const { status } = await world.say([`${head}\r\n\r\n`, ...Array<Buffer>(60).fill(chunk)], { gapMs: 1 });
    expect([413, undefined]).toContain(status);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * MB);
    expect((await ask("GET /healthz HTTP/1.1", "host: 127.0.0.1")).status).toBe(200);
  });
});
