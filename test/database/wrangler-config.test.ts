// What hidb reads of a wrangler config, beside what real wrangler reads of the same files.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unstable_readConfig as askWrangler } from "wrangler";
import { chooseD1Database, chooseLocalD1Database } from "../../src/database/wrangler/choose.js";
import { findWranglerConfig } from "../../src/database/wrangler/find.js";
import { readWranglerConfig } from "../../src/database/wrangler/read.js";
import { HidbError } from "../../src/errors.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

const ID = "8d3f6a52-1b7e-4c0a-9f43-2f6f0c1d5e77";
const OTHER_ID = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0ff";

interface Case {
  /** By path; the first one is the config unless `start` names a folder. */
  files: Record<string, string>;
  env?: string;
  start?: string;
}

const ENVIRONMENTS = `{
  "name": "films", "account_id": "acc", "compatibility_date": "2026-01-01",
  "vars": { "A": "top", "DEEP": { "list": [1, 2] } },
  "kv_namespaces": [{ "binding": "KV", "id": "kv-top" }],
  "d1_databases": [{ "binding": "DB", "database_name": "films", "database_id": "${ID}" }],
  "env": {
    "staging": {
      "account_id": "acc-staging",
      "d1_databases": [{ "binding": "DB", "database_name": "films-staging", "database_id": "${OTHER_ID}" }],
      "vars": { "A": "staging" }
    },
    "bare": {},
    "named": { "name": "quite-another", "compatibility_date": "2026-02-02" },
    "emptied": { "account_id": "", "d1_databases": [] }
  }
}`;

const TOML = `
name = "films" # a comment
account_id = 'acc'
[vars]
A = "top"
[[d1_databases]]
binding = "DB"
database_name = "films"
database_id = "${ID}"
preview_database_id = "local-films"
migrations_dir = "db/migrations"
migrations_table = "done"
migrations_pattern = "db/migrations/*/migration.sql"
[[d1_databases]]
binding = "LOG"
[env.staging]
vars = { A = "staging" }
[[env.staging.d1_databases]]
binding = "DB"
database_id = "${OTHER_ID}"
`;

const CASES: Record<string, Case> = {
  "a plain wrangler.json": { files: { "wrangler.json": '{ "name": "films" }' } },
  "an empty object": { files: { "wrangler.json": "{}" } },
  "comments, trailing commas and a byte order mark": {
    files: {
      "wrangler.jsonc": `\uFEFF// first\r\n{ /* of\r\nall */ "name": "films", // "name": "no",
        "vars": { "URL": "http://x//y", },
        "d1_databases": [{ "binding": "DB", "database_id": "${ID}", }, ],\r\n}`,
    },
  },
  "a key said twice": { files: { "wrangler.jsonc": '{ "name": "first", "name": "second" }' } },
  "escapes and other scripts": {
    files: { "wrangler.json": '{ "name": "films", "vars": { "A": "\\u00fc \\n 映画" } }' },
  },
  "an empty account id": { files: { "wrangler.json": '{ "name": "films", "account_id": "" }' } },
  "a database without name or id": { files: { "wrangler.json": '{ "d1_databases": [{ "binding": "DB" }] }' } },
  "keys of a database that hidb does not know": {
    files: { "wrangler.json": `{ "d1_databases": [{ "binding": "DB", "database_id": "${ID}", "remote": true }] }` },
  },
  "a wrangler.toml": { files: { "wrangler.toml": TOML } },
  "a wrangler.toml with carriage returns": { files: { "wrangler.toml": TOML.replaceAll("\n", "\r\n") } },
  "a wrangler.toml with an environment": { files: { "wrangler.toml": TOML }, env: "staging" },
  "environments, and none chosen": { files: { "wrangler.json": ENVIRONMENTS } },
  "an empty name of an environment": { files: { "wrangler.json": ENVIRONMENTS }, env: "" },
  "an environment with databases of its own": { files: { "wrangler.json": ENVIRONMENTS }, env: "staging" },
  "an environment with nothing": { files: { "wrangler.json": ENVIRONMENTS }, env: "bare" },
  "an environment with a name of its own": { files: { "wrangler.json": ENVIRONMENTS }, env: "named" },
  "an environment that empties what it does not want": { files: { "wrangler.json": ENVIRONMENTS }, env: "emptied" },
  "an environment that is not there": { files: { "wrangler.json": ENVIRONMENTS }, env: "production" },
  "an environment called like a method of objects": { files: { "wrangler.json": ENVIRONMENTS }, env: "constructor" },
  "an environment where there are none": {
    files: { "wrangler.json": `{ "name": "films", "d1_databases": [{ "binding": "DB", "database_id": "${ID}" }] }` },
    env: "production",
  },
  "an environment of a Pages project that has none": {
    files: { "wrangler.json": '{ "name": "films", "pages_build_output_dir": "dist", "vars": { "A": "top" } }' },
    env: "preview",
  },
  "a folder with all three": {
    files: {
      "wrangler.toml": 'name = "toml"',
      "wrangler.jsonc": '{ "name": "jsonc" }',
      "wrangler.json": '{ "name": "json" }',
    },
    start: ".",
  },
  "a wrangler.json further up than a wrangler.toml": {
    files: { "wrangler.json": '{ "name": "up" }', "app/wrangler.toml": 'name = "here"' },
    start: "app",
  },
  "a config some folders up": { files: { "wrangler.toml": TOML, "a/b/c/readme": "" }, start: "a/b/c" },
  "a redirect to a generated config": {
    files: {
      "wrangler.toml": TOML,
      ".wrangler/deploy/config.json": '{ "configPath": "../../dist/wrangler.json" }',
      "dist/wrangler.json": '{ "name": "generated", "targetEnvironment": "staging", "vars": { "A": "built" } }',
    },
    env: "staging",
    start: ".",
  },
  "a redirect without a config of the user's": {
    files: {
      ".wrangler/deploy/config.json": '{ "configPath": "../../dist/made.json", /* so */ }',
      "dist/made.json": '{ "name": "generated" }',
    },
    start: ".",
  },
  "a redirect to a config for another environment": {
    files: {
      ".wrangler/deploy/config.json": '{ "configPath": "../../dist/made.json" }',
      "dist/made.json": '{ "name": "generated", "targetEnvironment": "staging" }',
    },
    env: "production",
    start: ".",
  },
  "a redirect to a config with environments": {
    files: { ".wrangler/deploy/config.json": '{ "configPath": "../../made.json" }', "made.json": ENVIRONMENTS },
    start: ".",
  },
  "a redirect to nowhere": {
    files: { "wrangler.toml": TOML, ".wrangler/deploy/config.json": '{ "configPath": "../../dist/none.json" }' },
    start: ".",
  },
  "a redirect that names nothing": {
    files: { "wrangler.toml": TOML, ".wrangler/deploy/config.json": "{}" },
    start: ".",
  },
  "a redirect beside another config": {
    files: {
      "wrangler.toml": TOML,
      "app/.wrangler/deploy/config.json": '{ "configPath": "../../made.json" }',
      "app/made.json": "{}",
    },
    start: "app",
  },
  "JSON that breaks off": { files: { "wrangler.jsonc": '{ "name": "films",\n "vars": {' } },
  "an empty file": { files: { "wrangler.jsonc": "" } },
  "TOML that is none": { files: { "wrangler.toml": 'name = "films"\nvars = {' } },
  "a name that is a number": { files: { "wrangler.json": '{ "name": 5 }' } },
  "databases that are no list": { files: { "wrangler.json": '{ "d1_databases": { "binding": "DB" } }' } },
  "a database without a binding": { files: { "wrangler.json": `{ "d1_databases": [{ "database_id": "${ID}" }] }` } },
  "a database id that is null": {
    files: { "wrangler.json": '{ "d1_databases": [{ "binding": "DB", "database_id": null }] }' },
  },
};

function setup({ files, start, env }: Case) {
  const folder = makeFolder();
  for (const [name, content] of Object.entries(files)) makeFile(folder, name, content);
  const file = start === undefined ? join(folder, Object.keys(files)[0] ?? "") : undefined;
  return {
    folder,
    read: () => {
      const found = findWranglerConfig(file ?? join(folder, start ?? ""));
      if (found === undefined) throw new Error("found no config");
      return readWranglerConfig(found, { env });
    },
    ask: () =>
      askWrangler(
        { ...(file === undefined ? { script: join(folder, start ?? "", "index.js") } : { config: file }), env },
        { hideWarnings: true, useRedirectIfAvailable: true },
      ),
  };
}

/** The answer without what is not there, or that it was refused. */
function outcome<T>(read: () => T) {
  try {
    return JSON.parse(JSON.stringify(read()));
  } catch (error) {
    return { refused: true, error };
  }
}

describe("a wrangler config", () => {
  it.each(Object.keys(CASES))("is read as wrangler reads it: %s", (title) => {
    const world = setup(CASES[title] as Case);
    const theirs = outcome(() => {
      const { name, account_id, d1_databases, vars, kv_namespaces, compatibility_date, configPath } = world.ask();
      return { name, account_id, d1_databases, vars, kv_namespaces, compatibility_date, configPath };
    });
    const ours = outcome(() => {
      const { name, account_id, d1_databases, raw, file } = world.read();
      const { vars = {}, kv_namespaces = [], compatibility_date } = raw;
      return { name, account_id, d1_databases, vars, kv_namespaces, compatibility_date, configPath: file };
    });
    if (!theirs.refused) return expect(ours).toEqual(theirs);
    expect(ours.error).toBeInstanceOf(HidbError);
    expect(ours.error).toMatchObject({ code: "WRANGLER_CONFIG", exitCode: 2 });
  });

  it("is undefined where no folder upwards has one", () => {
    expect(findWranglerConfig(makeFolder())).toBeUndefined();
  });

  it("belongs to the user's project even when a build tool has generated it elsewhere", () => {
    const { folder, read } = setup(CASES["a redirect to a generated config"] as Case);
    expect(read()).toMatchObject({ projectFolder: folder, file: join(folder, "dist/wrangler.json") });
  });

  it.each([
    [
      "wrangler.jsonc",
      '{\n  "name": "films"\n  "main": "x"\n}',
      /expected JSON in .*wrangler\.jsonc:3, got CommaExpected/,
    ],
    ["wrangler.toml", 'name = "films"\n\nvars = [', /expected TOML in .*wrangler\.toml:3, got ./],
    ["wrangler.json", '{\n\n "name": 5 }', /expected name in .*wrangler\.json:3 to be of type string, got 5/],
    ["wrangler.json", "[]", /expected JSON in .*wrangler\.json:1, got something else than an object/],
    [
      "wrangler.json",
      '{ "d1_databases": [\n { "binding": "A" },\n { "database_name": "b" }\n] }',
      /expected d1_databases\[1\]\.binding in .*wrangler\.json:3, got none/,
    ],
    [
      "wrangler.toml",
      "[[d1_databases]]\nbinding = 1",
      /expected d1_databases\[0\]\.binding in .*wrangler\.toml:2 to be of/,
    ],
    ["wrangler.json", Buffer.from('{ "name": "films" }', "utf16le").toString("latin1"), /expected JSON in/],
    [
      "wrangler.yaml",
      "name: films",
      /expected a wrangler config named \.json, \.jsonc or \.toml, got .*wrangler\.yaml/,
    ],
  ])("that is wrong is refused with its file and line: %s %j", (name, text, said) => {
    const file = makeFile(makeFolder(), name, text);
    expect(() => readWranglerConfig(file)).toThrow(said);
  });

  it("names the line inside the environment that is wrong, not the sound one above", () => {
    const text = '{\n "account_id": "acc",\n "env": { "staging": {\n "account_id": 7 } } }';
    const file = makeFile(makeFolder(), "wrangler.json", text);
    expect(() => readWranglerConfig(file, { env: "staging" })).toThrow(
      /env\.staging\.account_id in .*:4 to be of type string, got 7/,
    );
  });

  it("that cannot be read as text is refused", () => {
    const file = makeFile(makeFolder(), "wrangler.json", new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]));
    expect(() => readWranglerConfig(file)).toThrow(/expected to read .* as UTF-8 text/);
    expect(() => readWranglerConfig(join(makeFolder(), "wrangler.json"))).toThrow(/ENOENT/);
    expect(() => findWranglerConfig(join(makeFolder(), "none"))).toThrow(/got nothing there/);
  });
});

describe("choosing a database", () => {
  const read = (...databases: object[]) => {
    const text = JSON.stringify({ d1_databases: databases });
    return readWranglerConfig(makeFile(makeFolder(), "wrangler.json", text));
  };
  const films = { binding: "DB", database_name: "films", database_id: ID };
  const logs = { binding: "LOG", database_name: "logs", database_id: OTHER_ID };

  it("takes the only one", () => {
    expect(chooseD1Database(read(films))).toEqual(films);
  });

  it.each(["LOG", "logs", OTHER_ID, OTHER_ID.toUpperCase(), "log"])("knows it by binding, name or id: %s", (word) => {
    expect(chooseD1Database(read(films, logs), word)).toEqual(logs);
  });

  it("takes two bindings of one database for one", () => {
    expect(chooseD1Database(read(films, { ...films, binding: "SAME" }))).toEqual(films);
  });

  it("lists the choices when there are several, or none of that word", () => {
    const choices = `DB (films, ${ID}); LOG (logs, ${OTHER_ID})`;
    expect(() => chooseD1Database(read(films, logs))).toThrow(`got ${choices}`);
    expect(() => chooseD1Database(read(films, logs), "film")).toThrow(`called "film" in`);
    expect(() => chooseD1Database(read(films, logs), "film")).toThrow(`got only ${choices}`);
    expect(() => chooseD1Database(read())).toThrow(/expected a D1 database in .*, got none/);
  });

  it.each(["<your-database-id>", "YOUR-DATABASE-ID", "xxxx-xxxx", "", "films", "00000000-0000-0000-0000-000000000000"])(
    "refuses an id that Cloudflare has not given: %j",
    (id) => {
      const config = read({ ...films, database_id: id });
      expect(() => chooseD1Database(config)).toThrow(/expected the database_id of the binding DB in .* to be the UUID/);
      expect(chooseLocalD1Database(config)).toMatchObject({ database_id: id });
    },
  );

  it("calls a placeholder by that name", () => {
    expect(() => chooseD1Database(read({ ...films, database_id: "<your-id>" }))).toThrow(
      'got the placeholder "<your-id>"',
    );
    expect(() => chooseD1Database(read({ binding: "DB" }))).toThrow(/, got none$/);
  });
});
