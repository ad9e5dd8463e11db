import { describe, expect, it, onTestFinished } from "vitest";
import { unstable_getVarsForDev as askForVars } from "wrangler";
import { plan, type World } from "./config-world.js";

const DOTENV = `
# a comment
PLAIN=one
SPACED =  two words   # and a comment
EMPTY=
export EXPORTED=yes
COLON: colon
SINGLE='a \\n b # c'
DOUBLE="line\\nbreak \\"quoted\\" \\$"
TICK=\`it's "both"\`
MULTI="first
second"
HASH="a#b"
BARE#HASH=x
UNQUOTED=a"b'c
URL=https://example.com/?a=b&c=d
 INDENTED = 1
A.B-C=dots
TRAILING='x' # note
NOTHING
BROKEN="open
LAST=end`;

const REFERENCES = `
BASE=base
PLAIN=$BASE/x
BRACED=\${BASE}y
OTHERWISE=\${MISSING:-fallback}
OTHERWISE2=\${MISSING-fall-back}
IF_SET=\${BASE:+set}
IF_UNSET=\${MISSING:+set}
ESCAPED=\\$BASE
CIRCLE=$CIRCLE
LATER=$AFTER
AFTER=after
NESTED=\${PLAIN}\${BRACED}
FROM_OUTSIDE=$OUTSIDE
MONEY=5$
`;

const SECRETS: Record<
  string,
  World & {
    sectionless?: true;
    vars?: Record<string, unknown>;
    required?: string[];
    environment?: Record<string, string>;
  }
> = {
  none: { config: {} },
  ".dev.vars": { config: {}, files: { ".dev.vars": DOTENV } },
  ".dev.vars with Windows' line ends": { config: {}, files: { ".dev.vars": DOTENV.replaceAll("\n", "\r\n") } },
  ".dev.vars over vars": { config: {}, vars: { A: "var", B: { c: 1 } }, files: { ".dev.vars": "A=secret\nB=2" } },
  ".dev.vars for an environment without its own": { config: {}, env: "staging", files: { ".dev.vars": "A=1" } },
  ".dev.vars.staging alone": {
    config: {},
    env: "staging",
    files: { ".dev.vars": "A=1\nB=1", ".dev.vars.staging": "A=2" },
  },
  ".dev.vars.staging for an environment that the config has not": {
    config: {},
    env: "staging",
    sectionless: true,
    files: { ".dev.vars": "A=1", ".dev.vars.staging": "A=2" },
  },
  ".dev.vars.staging without an environment": { config: {}, files: { ".dev.vars.staging": "A=2" } },
  ".dev.vars before .env": { config: {}, files: { ".dev.vars": "A=1", ".env": "A=2\nB=2" } },
  ".env": { config: {}, files: { ".env": DOTENV } },
  ".env with references": { config: {}, files: { ".env": REFERENCES }, environment: { OUTSIDE: "out" } },
  "no references in .dev.vars": { config: {}, files: { ".dev.vars": REFERENCES } },
  "the whole .env family": {
    config: {},
    env: "staging",
    files: {
      ".env": "A=1\nB=1\nC=1\nD=1",
      ".env.local": "B=2\nC=2\nD=2",
      ".env.staging": "C=3\nD=3",
      ".env.staging.local": "D=4",
      ".env.production": "A=9",
    },
  },
  "the .env family without an environment": {
    config: {},
    files: { ".env": "A=1", ".env.staging": "A=2", ".env.local": "B=3" },
  },
  "required secrets": { config: {}, required: ["A", "MISSING"], files: { ".dev.vars": "A=1\nB=2" } },
  "required secrets and vars of the same name": {
    config: {},
    vars: { B: "var" },
    required: ["A"],
    files: { ".dev.vars": "A=1\nB=2\nC=3" },
  },
  "required secrets from the environment": {
    config: {},
    required: ["HIDB_TEST_SECRET"],
    environment: { HIDB_TEST_SECRET: "from outside" },
  },
  "the environment where asked for": {
    config: {},
    files: { ".env": "HIDB_TEST_SECRET=file\nA=$HIDB_TEST_SECRET" },
    environment: { CLOUDFLARE_INCLUDE_PROCESS_ENV: "true", HIDB_TEST_SECRET: "from outside" },
  },
  "no .env where it is not wanted": {
    config: {},
    files: { ".env": "A=1" },
    environment: { CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "false" },
  },
};

describe("secrets for local work", () => {
  it.each(Object.keys(SECRETS))("come from where wrangler takes them: %s", async (title) => {
    const { vars = {}, required, environment = {}, sectionless, ...world } = SECRETS[title] as (typeof SECRETS)[string];
    const secrets = required === undefined ? {} : { secrets: { required } };
    const env = world.env === undefined || sectionless ? {} : { env: { [world.env]: { vars, ...secrets } } };
    const whole = { ...process.env, ...environment };
    const { plan: made, file } = await plan({ ...world, config: { vars, ...secrets, ...env } }, {}, whole);
    for (const [name, value] of Object.entries(environment)) {
      process.env[name] = value;
      onTestFinished(() => void delete process.env[name]);
    }
    const theirs = askForVars(file, undefined, vars as never, world.env, true, required && { required });
    const values = Object.entries(theirs).map(([name, binding]) => [name, (binding as { value: unknown }).value]);
    const ours = made.bindings.map((binding) => [binding.name, binding.kind === "value" && binding.value]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(values));
  });

  it("are named to who keeps them out of logs, and missing ones are warned of by name", async () => {
    const { secrets, warnings } = await plan({
      config: { vars: { OPEN: "not hidden" }, secrets: { required: ["KEY", "GONE"] } },
      files: { ".dev.vars": "KEY=hush-hush\nOPEN=hidden too" },
    });
    expect(secrets).toEqual(["hush-hush", "hidden too"]);
    expect(warnings).toEqual([expect.stringContaining("missing required secrets: GONE")]);
  });

  it("do not take the place of a binding", async () => {
    const { bindings } = await plan({
      config: { kv_namespaces: [{ binding: "KV", id: "x" }] },
      files: { ".dev.vars": "KV=1" },
    });
    expect(bindings.KV).toEqual({ kind: "kv", id: "x" });
  });
});
