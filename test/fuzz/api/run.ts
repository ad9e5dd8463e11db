// `npm run fuzz -- api`: whatever is sent to the page's port, the answer is one that openapi.json foresees, nothing changes
// without the token, and the next request is answered as if nothing had been.
import { strict as assert } from "node:assert";
import { type Finding, tryCases, within } from "../cases.ts";
import type { Options } from "../lists/run.ts";
import type { Chance } from "../random.ts";
import { drawBytes } from "./bytes.ts";
import { type Asked, drawRequest, write } from "./requests.ts";
import { findMisfit, type Schema } from "./schema.ts";
import { ApiWorld, type Heard, TOKEN } from "./world.ts";

const MANY = 20_000;

export async function fuzz(options: Options): Promise<number> {
  return (await fuzzApi({ count: MANY, ...options })).length;
}

export async function fuzzApi(options: Options & { count: number }): Promise<Finding[]> {
  const world = await ApiWorld.open();
  const api = await readApi(world);
  // Whoever guesses tokens is held up after some tries; here each case shall be heard.
  const complaints: string[] = [];
  const told = console.error;
  console.error = (line: unknown) => void complaints.push(String(line));
  try {
    return await tryCases("api", options, async (chance, index) => {
      await within(150_000, one(world, api, chance, index));
      assert.deepEqual(complaints.splice(0), [], "expected nothing on standard error");
    });
  } finally {
    console.error = told;
    await world.close();
  }
}

interface Api {
  document: Schema;
  routes: { method: string; path: string; pattern: RegExp; responses: Record<string, Schema> }[];
}

/** The server's own description is what it is held to. */
async function readApi(world: ApiWorld): Promise<Api> {
  const heard = await world.say(["GET /api/v1/openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"]);
  const document = JSON.parse(heard.body) as Schema;
  const paths = document.paths as Record<string, Record<string, { responses: Record<string, Schema> }>>;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`),
      responses,
    })),
  );
  assert(routes.length > 15);
  return { document, routes };
}

async function one(world: ApiWorld, api: Api, chance: Chance, index: number): Promise<void> {
  const before = world.dataVersion;
  if (index % 5 === 4) {
    const heard = await world.say(drawBytes(chance), { ms: 60, gapMs: chance.maybe(0.2) ? 5 : 0 });
    assert(heard.status === undefined || heard.status < 500 || heard.status === 505, `HTTP ${heard.status} to garbage`);
    assert.equal(world.dataVersion, before, "garbage has changed something");
  } else {
    const asked = drawRequest(chance, api.routes);
    const heard = await world.say([write(asked)]);
    try {
      check(asked, heard, api);
      if (!asked.hasToken) assert.equal(world.dataVersion, before, "something has changed without the token");
    } catch (error) {
      throw new Error(
        `${write(asked).toString("latin1").slice(0, 1500)}\n-> ${heard.status} ${heard.body.slice(0, 300)}`,
        { cause: error },
      );
    }
  }
  const alive = await world.say(["GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"]);
  assert.equal(alive.status, 200);
}

/** With its dots gone, as every server takes them. */
function pathOf(target: string): string {
  return URL.canParse(target, "http://x") ? new URL(target, "http://x").pathname.replace(/%31/g, "1") : target;
}

function check(asked: Asked, { status, headers, body }: Heard, { document, routes }: Api): void {
  assert(status !== undefined, "the connection ended without an answer");
  assert(!body.includes(TOKEN), "the answer shows the token");
  if (status < 200) return;
  assert(status < 500, `HTTP ${status}`);
  const path = pathOf(asked.target);
  const isApi = path.startsWith("/api/");
  if (status === 204 || status === 304 || asked.method === "HEAD" || status === 417) return;
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  const type = headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) return;
  const isJson = type.startsWith("application/json");
  assert(isJson || (!isApi && status === 200), `an answer of type ${type}`);
  if (!isJson) return;
  const value: unknown = JSON.parse(body);
  const route = routes.find((one) => one.method === asked.method && one.pattern.test(path));
  const foreseen =
    status < 300
      ? route?.responses[String(status)]
      : (document.components as { schemas: { Error: Schema } }).schemas.Error;
  if (foreseen === undefined) {
    assert(
      !isApi || path === "/api/v1/openapi.json",
      `HTTP ${status} of ${asked.method} ${path.slice(0, 100)} is not foreseen`,
    );
    return;
  }
  const schema =
    status < 300
      ? ((foreseen.content as Record<string, { schema: Schema }>)["application/json"]?.schema ?? {})
      : foreseen;
  assert.equal(findMisfit(value, schema, document), undefined);
}
