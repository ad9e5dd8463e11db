// Sources made into a Worker by the user's own wrangler, and code that needs none.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { HidbError } from "../../src/errors.js";
import { makePlan } from "../../src/workerd/config/plan.js";
import { hostWorker } from "../../src/workerd/public.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

const WRANGLER = join(import.meta.dirname, "../../node_modules/wrangler");
const WASM = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);

const SOURCES = {
  "src/index.ts": `
    import { env } from "cloudflare:workers";
    import data from "./data.bin";
    import text from "./note.txt";
    import sql from "./query.sql";
    import { greet } from "./greet";
    import module from "../empty.wasm";
    interface Env { GREETING: string }
    export default {
      async fetch(_request: Request, { GREETING }: Env): Promise<Response> {
        return Response.json([greet(GREETING), text, sql, data.byteLength, module instanceof WebAssembly.Module, FLAG, typeof env]);
      },
    };`,
  "src/greet.ts": 'export const greet = (word: string): string => word + ", world";',
  "src/note.txt": "a note",
  "src/query.sql": "SELECT 1",
};

interface Project {
  config?: object;
  name?: string;
  files?: Record<string, string | Uint8Array>;
  wrangler?: boolean;
}

function makeProject({ config = {}, name = "wrangler.jsonc", files = SOURCES, wrangler = true }: Project = {}) {
  const folder = makeFolder();
  const whole = { name: "films", main: "src/index.ts", compatibility_date: "2026-07-30", ...config };
  makeFile(folder, name, JSON.stringify(whole));
  for (const [path, content] of Object.entries(files)) makeFile(folder, path, content);
  if (wrangler) {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(WRANGLER, join(folder, "node_modules/wrangler"));
  }
  return { folder, file: join(folder, name), edit: (path: string, content: string) => edit(folder, path, content) };
}

/** A change within the same tick of the file system's clock would not be seen; a person is slower. */
function edit(folder: string, path: string, content: string): void {
  const later = new Date(Date.now() + 5000);
  utimesSync(makeFile(folder, path, content), later, later);
}

async function refusal(made: Promise<unknown>): Promise<HidbError> {
  const error = await made.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HidbError);
  return error as HidbError;
}

const build = async (config: string, env?: string) => (await makePlan({ config, ...(env && { env }) })).plan;
const built = (folder: string) =>
  readdirSync(join(folder, ".wrangler/hidb")).filter((name) => /-[0-9a-f]{16}$/.test(name));

describe("a TypeScript Worker", () => {
  const files = { ...SOURCES, "src/data.bin": new Uint8Array([1, 2, 3]), "empty.wasm": WASM };

  it("is built with the project's own wrangler, its text, data and wasm beside it", async () => {
    const { folder, file } = makeProject({ files, config: { define: { FLAG: '"on"' } } });
    const plan = await build(file);
    expect(plan.root).toBe(join(folder, ".wrangler/hidb", built(folder)[0] ?? ""));
    expect(plan.entry).toBe(join(plan.root, "index.js"));
    const code = readFileSync(plan.entry, "utf8");
    expect(code).toContain('from "cloudflare:workers"');
    expect(code).toContain('"on"');
    for (const [name, content] of Object.entries({ "note.txt": "a note", "query.sql": "SELECT 1" })) {
      const [, path = ""] = new RegExp(`from "\\./([0-9a-f]{40}-${name})"`).exec(code) ?? [];
      expect(readFileSync(join(plan.root, path), "utf8")).toBe(content);
    }
    expect(code).toMatch(/from "\.\/[0-9a-f]{40}-data\.bin"/);
    expect(code).toMatch(/from "\.\/[0-9a-f]{40}-empty\.wasm"/);
    expect(plan.name).toBe("films");
  });

  it("runs as it was built", async () => {
    const { file } = makeProject({ files, config: { define: { FLAG: '"on"' }, vars: { GREETING: "Hello" } } });
    const worker = await hostWorker({ config: file });
    onTestFinished(() => worker.close());
    const answer = await (await worker.fetch("/")).json();
    expect(answer).toEqual(["Hello, world", "a note", "SELECT 1", 3, true, "on", "object"]);
  });

  it("is built again only when something that went into it has changed", async () => {
    const { folder, file, edit } = makeProject({ files });
    const first = await build(file);
    const record = () => readFileSync(join(folder, ".wrangler/hidb", `${built(folder)[0]?.slice(0, 16)}.json`), "utf8");
    const before = record();
    expect((await build(file)).entry).toBe(first.entry);
    expect(record()).toBe(before);

    edit("README.md", "nothing to do with it");
    await build(file);
    expect(record()).toBe(before);

    edit("src/greet.ts", "export const greet = (word: string) => word;");
    const second = await build(file);
    expect(second.root).not.toBe(first.root);
    // Whoever runs the first build can go on reading it.
    expect(existsSync(first.entry)).toBe(true);

    edit("src/note.txt", "another note");
    const third = await build(file);
    expect(third.root).not.toBe(second.root);
  });

  it("is built once for instances that start at the same time", async () => {
    const { folder, file } = makeProject({ files });
    const plans = await Promise.all([build(file), build(file), build(file)]);
    expect(new Set(plans.map(({ entry }) => entry)).size).toBe(1);
    const names = readdirSync(join(folder, ".wrangler/hidb"));
    expect(names.filter((name) => name !== "wrangler.log")).toEqual(
      [expect.any(String), expect.stringMatching(/\.json$/)].sort(),
    );
  });

  it("is built where an instance died while it built", async () => {
    const { folder, file, edit } = makeProject({ files });
    await build(file);
    const [first = ""] = built(folder);
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    makeFile(folder, `.wrangler/hidb/${first.slice(0, 16)}.lock`, `${pid} ${hostname()}`);
    edit("src/note.txt", "new");
    expect(basename((await build(file)).root)).not.toBe(first);
  });

  it("that does not compile says what wrangler says", async () => {
    const { file } = makeProject({
      files: { "src/index.ts": 'import { gone } from "./gone";\nexport default { fetch: gone };' },
    });
    const error = await refusal(build(file));
    expect(error).toMatchObject({ code: "WORKER_BROKEN", exitCode: 3 });
    expect(error.message).toMatch(
      /^expected wrangler 4\.\d+\.\d+ to build .*src\/index\.ts, got .*Could not resolve "\.\/gone"/,
    );
    expect(error.message).toContain("src/index.ts:1");
    expect(error.message).not.toContain("\n");
    expect(error.fix).toContain("npx wrangler deploy --dry-run");
  });

  it("needs neither a name nor a date to be built, and has a build for each environment", async () => {
    const files = { "src/index.ts": "export default { fetch: () => new Response(MODE) };" };
    const env = { a: { define: { MODE: '"a"' } }, b: { define: { MODE: '"b"' } } };
    const { file } = makeProject({ files, config: { name: undefined, compatibility_date: undefined, env } });
    const [one, two] = [await build(file, "a"), await build(file, "b")];
    expect(readFileSync(one.entry, "utf8")).toContain('new Response("a")');
    expect(readFileSync(two.entry, "utf8")).toContain('new Response("b")');
    expect(one.root).not.toBe(two.root);
  });

  it("is always built where a command of its own makes what goes in", async () => {
    const command = `${process.execPath} -e "fs.writeFileSync('src/made.ts', 'export default ' + Date.now())"`;
    const files = { "src/index.ts": 'import made from "./made"; export default { fetch: () => new Response(made) };' };
    const { file } = makeProject({ files, config: { build: { command } } });
    const first = await build(file);
    expect((await build(file)).root).not.toBe(first.root);
  });

  it("whose folder cannot be written to says so", async () => {
    const { file, folder } = makeProject({ files });
    makeFile(folder, ".wrangler", "a file where a folder should be");
    const { code, message } = await refusal(build(file));
    expect(code).toBe("WORKER_BROKEN");
    expect(message).toMatch(
      /^expected to keep the build in .*\.wrangler\/hidb, got ENOTDIR|^expected to keep .* got EEXIST/,
    );
  });

  it("without wrangler is refused with what to install", async () => {
    const { file, folder } = makeProject({ files, wrangler: false });
    const error = await refusal(build(file));
    expect(error.code).toBe("WORKER_BROKEN");
    expect(error.message).toBe(`expected wrangler in ${folder}, to build index.ts (.ts is no JavaScript), got none`);
    expect(error.fix).toBe(`\`npm i -D wrangler\` in ${folder}, or build it and name dist/index.js`);
    expect((await refusal(makePlan({ file: join(folder, "src/index.ts") }))).message).toBe(
      "expected built JavaScript, got the source index.ts",
    );
  });
});

describe("a JavaScript Worker", () => {
  const files = {
    "src/index.js": 'import { a } from "../lib/a.js"; export default { fetch: () => new Response(a) };',
    "lib/a.js": "export const a = 'a';",
  };
  const main = "src/index.js";

  it("runs as it is without wrangler", async () => {
    const { file, folder } = makeProject({ files, config: { main }, wrangler: false });
    expect(await build(file)).toMatchObject({ entry: join(folder, main), root: folder });
  });

  it("is built where wrangler is there", async () => {
    const { file } = makeProject({ files, config: { main } });
    const { entry } = await build(file);
    expect(readFileSync(entry, "utf8")).toContain('var a = "a"');
    expect((await import(pathToFileURL(entry).href)).default).toHaveProperty("fetch");
  });

  it.each([
    ["defines", { define: { A: "1" } }, "the config has defines"],
    ["aliases", { alias: { a: "./b" } }, "the config has aliases"],
    ["a build command", { build: { command: "npm run make" } }, "by its command npm run make"],
  ])("with %s needs wrangler", async (_title, config, why) => {
    const { file } = makeProject({ files, config: { main, ...config }, wrangler: false });
    expect((await refusal(build(file))).message).toContain(`(${why})`);
  });

  it("that is not to be bundled runs as it is, with its rules and its base", async () => {
    const rules = [
      { type: "ESModule", globs: ["**/*.js"] },
      { type: "Text", globs: ["**/*.md"] },
    ];
    const { file, folder } = makeProject({ files, config: { main, no_bundle: true, base_dir: ".", rules } });
    const plan = await build(file);
    expect(plan).toMatchObject({ entry: join(folder, main), root: folder });
    expect(plan.rules).toEqual([
      ...rules,
      { type: "Data", globs: ["**/*.bin"] },
      { type: "CompiledWasm", globs: ["**/*.wasm", "**/*.wasm?module"] },
    ]);
  });

  it("whose file is not there is refused with the line that names it", async () => {
    const { file } = makeProject({ files: {}, config: { main: "src/gone.js" } });
    const error = await refusal(build(file));
    expect(error.code).toBe("WORKER_BROKEN");
    expect(error.message).toMatch(/src\/gone\.js, the main in .*wrangler\.jsonc:1, got no such file/);
  });

  it("may be given by path beside a config that has the bindings", async () => {
    const { file, folder } = makeProject({ files, config: { main: "src/gone.ts", vars: { A: 1 } } });
    const { plan } = await makePlan({ config: file, file: join(folder, main) });
    expect(plan.entry).toBe(join(folder, main));
    expect(plan.bindings).toEqual([{ name: "A", kind: "value", value: 1 }]);
  });
});

describe("a config", () => {
  it("is found in a folder above, and through a build tool's redirect", async () => {
    const { folder } = makeProject({
      files: { "dist/app/index.js": "export default {}", "deep/er/a.txt": "", ".dev.vars": "A=secret" },
      config: { main: "src/gone.ts" },
    });
    makeFile(folder, ".wrangler/deploy/config.json", '{ "configPath": "../../dist/app/wrangler.json" }');
    const generated = { name: "made", main: "index.js", no_bundle: true, compatibility_date: "2026-07-30" };
    makeFile(folder, "dist/app/wrangler.json", JSON.stringify(generated));
    const plan = await build(join(folder, "deep/er"));
    expect(plan).toMatchObject({
      name: "made",
      entry: join(folder, "dist/app/index.js"),
      root: join(folder, "dist/app"),
    });
    // Its secrets lie beside the user's own config.
    expect(plan.bindings).toEqual([{ name: "A", kind: "value", value: "secret" }]);
  });

  it("that names no code, or Python, is refused", async () => {
    const bare = makeProject({ files: {}, config: { main: undefined } });
    expect((await refusal(build(bare.file))).message).toMatch(/to name the Worker's code as "main", got none/);
    const snake = makeProject({ files: { "a.py": "" }, config: { main: "a.py" } });
    expect((await refusal(build(snake.file))).code).toBe("WORKER_UNSUPPORTED");
    rmSync(bare.file);
    expect((await refusal(build(dirname(bare.file)))).message).toMatch(
      /expected a wrangler config in .* or above, got none/,
    );
  });
});

beforeAll(() => expect(existsSync(WRANGLER)).toBe(true));
