// What a hosted Worker is made of by its wrangler config, beside what real wrangler makes of the same files.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unstable_readConfig as askWrangler } from "wrangler";
import { WORKER_KEYS } from "../../src/database/wrangler/keys.js";
import { localD1File } from "../../src/database/wrangler/local-file.js";
import { readKeys, readWranglerConfig } from "../../src/database/wrangler/read.js";
import { findTomlLine } from "../../src/database/wrangler/toml-line.js";
import { makePlan } from "../../src/workerd/config/plan.js";
import { UNSUPPORTED } from "../../src/workerd/config/unsupported.js";
import { LIMITS_OF } from "../../src/workerd/limits/tables.js";
import { makeFile } from "../catalogue/world.js";
import { CODE, DATE, plan, refusal, setup, type World } from "./config-world.js";

const FULL = {
  compatibility_flags: ["nodejs_compat"],
  vars: { TEXT: "top", NUMBER: 7, DEEP: { list: [1, { a: null }] }, YES: true },
  kv_namespaces: [{ binding: "KV", id: "kv-id", preview_id: "kv-preview" }, { binding: "BARE" }],
  r2_buckets: [{ binding: "BUCKET", bucket_name: "films-bucket" }],
  d1_databases: [{ binding: "DB", database_name: "films", database_id: "8d3f6a52-1b7e-4c0a-9f43-2f6f0c1d5e77" }],
  queues: {
    producers: [{ binding: "TASKS", queue: "tasks", delivery_delay: 5 }],
    consumers: [
      { queue: "tasks", max_batch_size: 3, max_batch_timeout: 2, max_retries: 7, dead_letter_queue: "dead" },
      { queue: "dead" },
    ],
  },
  services: [{ binding: "SELF", service: "films", entrypoint: "Inner", props: { a: 1 } }],
  triggers: { crons: ["*/5 * * * *"] },
  limits: { cpu_ms: 100, subrequests: 9 },
  ratelimits: [{ name: "RATE", namespace_id: "1001", simple: { limit: 5, period: 60 } }],
  version_metadata: { binding: "VERSION" },
  rules: [{ type: "Text", globs: ["**/*.md"], fallthrough: true }],
  env: {
    staging: { vars: { TEXT: "staging" }, kv_namespaces: [{ binding: "KV", id: "kv-staging" }] },
    bare: {},
    slower: {
      limits: { cpu_ms: 5 },
      triggers: { crons: [] },
      compatibility_date: "2025-01-01",
      compatibility_flags: [],
    },
    renamed: { name: "other", main: "other.js", rules: [] },
  },
};

const TOML = `
name = "films" # a comment
main = "index.js"
compatibility_date = "2026-07-30"
compatibility_flags = ["nodejs_compat"]
vars = { TEXT = "top", NUMBER = 1.5, DEEP = { list = [1, 2] } }
[limits]
cpu_ms = 50
[triggers]
crons = ["0 * * * *"]
[[queues.producers]]
binding = "TASKS"
queue = "tasks"
[[queues.consumers]]
queue = "tasks"
max_batch_timeout = 0
[[kv_namespaces]]
binding = "KV"
id = "kv"
[assets]
directory = "public"
run_worker_first = ["/api/*", "!/api/docs/*"]
[env.staging.vars]
TEXT = "staging"
[[env.staging.r2_buckets]]
binding = "BUCKET"
bucket_name = "staging-bucket"
[env.production]
routes = ["films.example/*"]
`;

const CASES: Record<string, World> = {
  "every key that counts": { config: FULL },
  "every key, as JSON": { config: FULL, name: "wrangler.json" },
  "an environment with some keys of its own": { config: FULL, env: "staging" },
  "an environment with none": { config: FULL, env: "bare" },
  "an environment with other limits, crons, date and flags": { config: FULL, env: "slower" },
  "an environment with another name and main": { config: FULL, env: "renamed", files: { "other.js": CODE } },
  "the environment that is not there of a config without any": { config: { vars: { A: "a" } }, env: "staging" },
  TOML: { config: TOML, name: "wrangler.toml" },
  "TOML, an environment": { config: TOML, name: "wrangler.toml", env: "staging" },
  "TOML, an environment without vars": { config: TOML, name: "wrangler.toml", env: "production" },
  "comments and commas": {
    config: `{ // one\n "name": "a", /* two */ "vars": { "A": "//", }, ${DATE}, "main": "index.js", }`,
  },
  "nothing but a name": { config: '{ "name": "a" }' },
  "no name": { config: `{ "main": "src/a.ts", ${DATE} }` },
  "a main above": { config: { main: "../lib/worker.ts", base_dir: ".." } },
  "a Pages project": { config: `{ "name": "p", "pages_build_output_dir": "./out", "vars": { "A": "1" }, ${DATE} }` },
  "a Pages project for production": {
    config: `{ "name": "p", "pages_build_output_dir": "out", "vars": { "A": "1" }, "env": { "production": { "vars": { "A": "2" } } } }`,
    env: "production",
  },
  "no bundling": {
    config: { no_bundle: true, find_additional_modules: false, rules: [{ type: "ESModule", globs: ["**/*.js"] }] },
  },
  "assets of every kind": {
    config: {
      assets: { directory: "./public", binding: "FILES", html_handling: "none", not_found_handling: "404-page" },
    },
  },
  "the Worker before all assets": { config: { assets: { directory: "public", run_worker_first: true } } },
  "assets in an environment, which it inherits": {
    config: { assets: { directory: "public" }, env: { a: {} } },
    env: "a",
  },
  "secrets in an environment, which it does not inherit": {
    config: { secrets: { required: ["A"] }, env: { a: {}, b: { secrets: { required: ["B"] } } } },
    env: "a",
  },
  "secrets of an environment": {
    config: { secrets: { required: ["A"] }, env: { b: { secrets: { required: ["B"] } } } },
    env: "b",
  },
  "a service with an environment": { config: { services: [{ binding: "S", service: "films", environment: "a" }] } },
  "empty lists": { config: { vars: {}, kv_namespaces: [], queues: {}, services: [], triggers: {} } },
  "a null": { config: { vars: { A: null } } },
  "a build command, aliases and defines": {
    config: { build: { command: "true" }, alias: { a: "./b" }, define: { FLAG: "1" } },
  },
  "the files of an old Worker": {
    config: { wasm_modules: { W: "a.wasm" }, text_blobs: { T: "a.txt" }, data_blobs: { D: "a.bin" } },
  },
};

describe("the keys of a Worker", () => {
  it.each(Object.keys(CASES))("are read as wrangler reads them: %s", (title) => {
    const { file } = setup(CASES[title] as World);
    const { env } = CASES[title] as World;
    const theirs = askWrangler({ config: file, env }, { hideWarnings: true });
    const config = readWranglerConfig(file, { env });
    const ours = readKeys(config, WORKER_KEYS);
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value ?? null));
    for (const key of [
      ...["compatibility_date", "compatibility_flags", "vars", "secrets", "no_bundle", "find_additional_modules"],
      ...["kv_namespaces", "r2_buckets", "services", "ratelimits", "version_metadata", "assets", "limits", "define"],
      ...["alias"],
    ] as const) {
      const [mine, wranglers] = [(ours as Record<string, unknown>)[key], (theirs as Record<string, unknown>)[key]];
      expect({ [key]: plain(mine) }).toEqual({ [key]: plain(wranglers ?? emptyOf(mine)) });
    }
    expect(ours.triggers.crons).toEqual(theirs.triggers.crons ?? []);
    expect(ours.queues.producers).toEqual(theirs.queues.producers ?? []);
    expect(ours.queues.consumers).toEqual(theirs.queues.consumers ?? []);
    expect(ours.build?.command).toEqual(theirs.build.command);
    const at = (path: string | undefined) => path && join(file, "..", path);
    expect(at(ours.main)).toEqual(theirs.main);
    expect(at(ours.base_dir)).toEqual(theirs.base_dir);
    expect(at(ours.pages_build_output_dir)).toEqual(theirs.pages_build_output_dir);
    expect(Object.keys({ ...ours.wasm_modules, ...ours.text_blobs, ...ours.data_blobs })).toEqual(
      Object.keys({ ...theirs.wasm_modules, ...theirs.text_blobs, ...theirs.data_blobs }),
    );
    expect(config.name).toEqual(theirs.name);
  });

  it("are refused with their line where they are of the wrong kind", async () => {
    const { message } = await refusal(plan({ config: `{ ${DATE},\n "main": "index.js",\n "vars": 5 }` }));
    expect(message).toMatch(/expected vars in .*wrangler\.jsonc:3 to be of type Object, got 5/);
  });
});

/** Wrangler leaves undefined what we take for empty. */
function emptyOf(value: unknown): unknown {
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return isEmpty || value === false ? value : undefined;
}

describe("a plan", () => {
  it("holds all that the config binds", async () => {
    const { plan: made, bindings, d1, warnings } = await plan({ config: FULL });
    expect(bindings).toEqual({
      TEXT: { kind: "value", value: "top" },
      NUMBER: { kind: "value", value: 7 },
      DEEP: { kind: "value", value: { list: [1, { a: null }] } },
      YES: { kind: "value", value: true },
      KV: { kind: "kv", id: "kv-preview" },
      BARE: { kind: "kv", id: "BARE" },
      BUCKET: { kind: "r2", bucket: "films-bucket" },
      DB: { kind: "d1", database: { kind: "memory", strict: true } },
      TASKS: { kind: "queue", queue: "tasks", deliveryDelayS: 5 },
      SELF: { kind: "service", entrypoint: "Inner", props: { a: 1 } },
      RATE: { kind: "ratelimit", limit: 5, periodS: 60 },
      VERSION: { kind: "value", value: { id: expect.any(String), tag: "", timestamp: expect.any(String) } },
    });
    expect(made.consumers).toEqual([
      {
        queue: "tasks",
        maxBatchSize: 3,
        maxBatchTimeoutMs: 2000,
        maxRetries: 7,
        retryDelayS: 0,
        deadLetterQueue: "dead",
      },
      {
        queue: "dead",
        maxBatchSize: 10,
        maxBatchTimeoutMs: 5000,
        maxRetries: 3,
        retryDelayS: 0,
        deadLetterQueue: null,
      },
    ]);
    expect(made).toMatchObject({ name: "films", crons: ["*/5 * * * *"], limitsMode: "off", codeGeneration: false });
    expect(made.limits).toEqual({ ...LIMITS_OF.paid, cpuMs: 100, subrequests: 9 });
    expect(made.rules[0]).toEqual({ type: "Text", globs: ["**/*.md"] });
    expect(d1).toEqual([{ binding: "DB", databaseName: "films", databaseId: "8d3f6a52-1b7e-4c0a-9f43-2f6f0c1d5e77" }]);
    expect(warnings).toEqual([]);
    expect(structuredClone(made)).toEqual(made);
  });

  it("opens wrangler's own local database where there is one", async () => {
    const database = FULL.d1_databases[0] as { binding: string };
    const { folder, file } = setup({ config: FULL });
    const local = localD1File(folder, database);
    makeFile(folder, local.slice(folder.length));
    const { plan: made } = await makePlan({ config: file }, { environment: {} });
    expect(made.bindings).toContainEqual({
      name: "DB",
      kind: "d1",
      database: { kind: "file", file: local, strict: true },
    });
  });

  it("puts what the options say over the config, and wishes for no database that they give", async () => {
    const {
      bindings,
      d1,
      plan: made,
    } = await plan(
      { config: FULL },
      {
        vars: { TEXT: "given", MORE: [1] },
        d1: { DB: "given.sqlite", OTHER: ":memory:", HOST: {} as never },
        kv: { KV: "given" },
        r2: ["FILES"],
        queues: { producers: { TASKS: "elsewhere" }, consumers: [{ queue: "tasks", maxBatchSize: 1 }, "more"] },
        services: { ME: "", INNER: "Inner" },
        compatibilityDate: "2026-08-04",
        limits: { mode: "enforce", plan: "free", cpuMs: 3 },
      },
    );
    expect(bindings.TEXT).toEqual({ kind: "value", value: "given" });
    expect(bindings.MORE).toEqual({ kind: "value", value: [1] });
    expect(bindings.DB).toEqual({
      kind: "d1",
      database: { kind: "file", file: join(process.cwd(), "given.sqlite"), strict: true },
    });
    expect(bindings.OTHER).toEqual({ kind: "d1", database: { kind: "memory", strict: true } });
    expect(bindings.HOST).toEqual({ kind: "d1", database: { kind: "host", key: "HOST" } });
    expect(bindings.KV).toEqual({ kind: "kv", id: "given" });
    expect(bindings.FILES).toEqual({ kind: "r2", bucket: "FILES" });
    expect(bindings.TASKS).toEqual({ kind: "queue", queue: "elsewhere", deliveryDelayS: 0 });
    expect(bindings.ME).toEqual({ kind: "service", entrypoint: null, props: {} });
    expect(bindings.INNER).toEqual({ kind: "service", entrypoint: "Inner", props: {} });
    expect(made.consumers.map(({ queue, maxBatchSize }) => [queue, maxBatchSize])).toEqual([
      ["tasks", 1],
      ["dead", 10],
      ["more", 10],
    ]);
    expect(d1).toEqual([]);
    expect(made.compatibility.date).toBe("2026-08-04");
    expect(made.limits).toEqual({ ...LIMITS_OF.free, cpuMs: 3, subrequests: 9 });
    expect(made.limitsMode).toBe("enforce");
  });

  it("takes modules that are no files, the first one as the entry", async () => {
    const { plan: made } = await makePlan({
      modules: {
        "index.js": CODE,
        "a.txt": "text",
        "b.bin": new Uint8Array([1]),
        "c.js": { type: "CommonJS", contents: "" },
      },
      compatibilityDate: "2026-07-30",
    });
    expect(made.entry).toBe("index.js");
    expect(made.modules.map(({ path, type }) => [path, type])).toEqual([
      ["index.js", "ESModule"],
      ["a.txt", "Text"],
      ["b.bin", "Data"],
      ["c.js", "CommonJS"],
    ]);
  });

  it("is refused without any code", async () => {
    expect((await refusal(makePlan({}))).message).toBe(
      "expected the code of a Worker as file, config or modules, got none of them",
    );
  });

  it("warns of what is remote, and of consumers that hear nothing", async () => {
    const { warnings } = await plan({
      config: {
        d1_databases: [{ binding: "DB", database_name: "a", database_id: "b", remote: true }],
        tail_consumers: [{ service: "tail" }],
      },
    });
    expect(warnings).toEqual([
      expect.stringMatching(/^DB is "remote": true/),
      expect.stringMatching(/^tail_consumers of/),
    ]);
  });

  it("binds a Worker to itself in its environment, and refuses the binding of two things to one name", async () => {
    const services = [{ binding: "SELF", service: "films-a" }];
    expect((await plan({ config: { env: { a: { services } } }, env: "a" })).bindings.SELF).toBeDefined();
    const twice = { kv_namespaces: [{ binding: "A", id: "1" }], r2_buckets: [{ binding: "A", bucket_name: "two" }] };
    expect((await refusal(plan({ config: twice }))).message).toMatch(/to have a name of its own, got "A" twice/);
  });

  it("reads the files that an old Worker is bound to", async () => {
    const files = { "a.wasm": "w", "lib/a.txt": "text", "a.bin": "data" };
    const config = { wasm_modules: { W: "a.wasm" }, text_blobs: { T: "lib/a.txt" }, data_blobs: { D: "a.bin" } };
    const { bindings, folder } = await plan({ config, files });
    expect(bindings.W).toEqual({ kind: "wasm", file: join(folder, "a.wasm") });
    expect(bindings.T).toEqual({ kind: "value", value: "text" });
    expect(bindings.D).toEqual({ kind: "value", value: new TextEncoder().encode("data").buffer });
    expect((await refusal(plan({ config: { text_blobs: { T: "gone.txt" } } }))).message).toContain("gone.txt");
  });
});

/** An entry of each kind, as the config has them. */
const ENTRIES: Record<string, unknown> = {
  durable_objects: { bindings: [{ name: "COUNTER", class_name: "Counter" }] },
  logfwdr: { bindings: [{ name: "LOGS", destination: "d" }] },
  send_email: [{ name: "MAIL" }],
  containers: [{ class_name: "Box", image: "./Dockerfile" }],
  cloudchamber: { vcpu: 1 },
  ...Object.fromEntries(
    ["ai", "browser", "images", "media", "stream", "websearch"].map((key) => [key, { binding: key.toUpperCase() }]),
  ),
};

describe("a binding that cannot be had", () => {
  it.each(Object.keys(UNSUPPORTED))(
    "stops before the start with its name, its place and what to do: %s",
    async (key) => {
      const value = ENTRIES[key] ?? [{ binding: key.toUpperCase(), name: "n" }];
      const error = await refusal(plan({ config: { [key]: value } }));
      expect(error).toMatchObject({ code: "WORKER_UNSUPPORTED", exitCode: 3 });
      const name = { durable_objects: "COUNTER", logfwdr: "LOGS", send_email: "MAIL", containers: "Box" }[key];
      expect(error.message).toMatch(
        new RegExp(
          `"${name ?? (key === "cloudchamber" ? key : key.toUpperCase())}" \\(${key}.*wrangler\\.jsonc:\\d+\\)`,
        ),
      );
      expect(error.fix).toContain(UNSUPPORTED[key]?.advice);
    },
  );

  it("is named with all others in one message", async () => {
    const config = `{ "main": "index.js", ${DATE},\n"ai": { "binding": "AI" },\n"vectorize": [\n{ "binding": "ONE", "index_name": "a" },\n{ "binding": "TWO", "index_name": "b" }] }`;
    const { message } = await refusal(plan({ config }));
    expect(message).toMatch(
      /Workers AI "AI" \(ai in .*:2\); a Vectorize index "ONE" \(vectorize\[0\] .*:4\); .* "TWO" \(vectorize\[1\] .*:5\)/,
    );
  });

  it("is found in an environment, with the line in TOML too", async () => {
    const toml = `${TOML}[[env.production.workflows]]\nbinding = "FLOW"\nname = "flow"\nclass_name = "Flow"\n`;
    const made = plan({ config: toml, name: "wrangler.toml", env: "production", files: { "public/a.txt": "" } });
    const line = toml.split("\n").indexOf("[[env.production.workflows]]") + 1;
    expect((await refusal(made)).message).toContain(`"FLOW" (env.production.workflows[0] in`);
    expect((await refusal(plan({ config: toml, name: "wrangler.toml", env: "production" }))).message).toContain(
      `:${line})`,
    );
  });

  it.each([
    [
      "another Worker",
      { services: [{ binding: "OTHER", service: "mailer" }] },
      /the other Worker "mailer" as "OTHER" \(services\[0\]/,
    ],
    [
      "an unsafe binding",
      { unsafe: { bindings: [{ name: "X", type: "odd" }] } },
      /an unsafe odd "X" \(unsafe\.bindings\[0\]/,
    ],
    ["Workers Sites", { site: { bucket: "./public" } }, /Workers Sites "__STATIC_CONTENT" \(site/],
    ["a kind that is newer than hidb", { brand_new: [{ binding: "NEW" }] }, /brand_new "NEW" \(brand_new\[0\]/],
  ])("is also %s", async (_title, config, said) => {
    const error = await refusal(plan({ config }));
    expect(error.code).toBe("WORKER_UNSUPPORTED");
    expect(error.message).toMatch(said);
  });

  it("is none where its list is empty, or in an environment that was not asked for", async () => {
    const none = { durable_objects: { bindings: [] }, workflows: [], containers: [], unsafe: { bindings: [] } };
    const { warnings } = await plan({ config: { ...none, env: { a: { ai: { binding: "AI" } } } } });
    expect(warnings).toEqual([]);
  });

  it("is no rate limit under its older name", async () => {
    const unsafe = {
      bindings: [{ name: "RATE", type: "ratelimit", namespace_id: "1", simple: { limit: 2, period: 10 } }],
    };
    expect((await plan({ config: { unsafe } })).bindings.RATE).toEqual({ kind: "ratelimit", limit: 2, periodS: 10 });
  });
});

describe("the line of a value in TOML", () => {
  it.each([
    [["name"], 2],
    [["vars"], 6],
    [["vars", "DEEP", "list", 1], 6],
    [["limits", "cpu_ms"], 8],
    [["queues", "consumers", 0], 14],
    [["queues", "consumers", 0, "queue"], 15],
    [["env", "staging", "vars", "TEXT"], 24],
    [["env", "staging", "r2_buckets", 0, "binding"], 26],
    [["env", "nowhere"], undefined],
  ])("is found by search: %j", (path, line) => {
    expect(findTomlLine(TOML, path)).toBe(line);
  });
});
