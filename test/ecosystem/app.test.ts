import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../src/base.js";
import { SETTINGS } from "../../src/config/settings.js";
import { describeApp } from "../../src/ecosystem/app.js";
import { HidbError } from "../../src/errors.js";
import { run } from "../support/process.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "he-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As the program `pm2-dev`, which is PM2 but has no daemon to be asked. */
function describeTyped(typed: string[], variables: Record<string, string> = {}, program = "pm2-dev") {
  const isStarting = !typed.includes("delete");
  const environment: NodeJS.ProcessEnv = { PM2_HOME: join(folder, "pm2"), HIDB_FORCE: "1", ...variables };
  const argv = [process.execPath, `/nowhere/${program}`, ...typed];
  const app = describeApp({ argv, environment, cwd: folder, root: folder, isStarting });
  return { app, environment };
}

function refusal(variables: Record<string, string>): HidbError {
  try {
    describeTyped(["start", "-i", "1"], variables);
  } catch (error) {
    if (error instanceof HidbError) return error;
    throw error;
  }
  throw new Error("expected a refusal");
}

const named = (kind: string) => Object.values(SETTINGS).flatMap((one) => (one.kind === kind ? [one.name] : []));

describe("what PM2 is asked to run", () => {
  it.each(named("secret"))("has no value of %s, which the file for its owner has", (name) => {
    const { app, environment } = describeTyped(["start", "-i", "1"], { [name]: "a secret of 22 letters" });
    expect(JSON.stringify([app, environment])).not.toContain("a secret");
    if (name === "HIDB_TOKEN") {
      expect(readFileSync(join(folder, "data/token"), "utf8")).toBe("a secret of 22 letters\n");
      return;
    }
    const file = app.env._HIDB_ENVIRONMENT ?? "";
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ [name]: "a secret of 22 letters" });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(app.env[name]).toBe("");
  });

  it.each(named("path"))("has %s from where the command was typed, and from .env beside that file", (name) => {
    expect(describeTyped(["start", "-i", "1"], { [name]: "a/b" }).app.env[name]).toBe(join(folder, "a/b"));
    writeFileSync(join(folder, ".env"), `${name}=c/d\n`);
    expect(describeTyped(["start", "-i", "1"]).app.env[name]).toBe(join(folder, "c/d"));
  });

  it("has no variable of the shell that may be a secret, and those that Node needs", () => {
    const shell = { AWS_SECRET: "s3cret", http_proxy: "http://me:pw@proxy", https_proxy: "http://proxy", TZ: "UTC" };
    const { app, environment } = describeTyped(["start", "-i", "1"], shell);
    expect(environment).not.toHaveProperty("AWS_SECRET");
    expect(environment).not.toHaveProperty("http_proxy");
    expect(environment).toMatchObject({ https_proxy: "http://proxy", TZ: "UTC" });
    const kept = { AWS_SECRET: "s3cret", http_proxy: "http://me:pw@proxy" };
    expect(JSON.parse(readFileSync(app.env._HIDB_ENVIRONMENT ?? "", "utf8"))).toEqual(kept);
    // Another program that evaluates the file may need them itself.
    expect(describeTyped(["start", "-i", "1"], shell, "node").environment).toMatchObject(shell);
  });

  it.each([
    [{ HIDB_DRAIN_MS: "soon" }, 'expected HIDB_DRAIN_MS to be a whole number from 0 to 86400000, got "soon"'],
    [
      { HIDB_INSTANCE_MEMORY_MB: "99" },
      'expected HIDB_INSTANCE_MEMORY_MB to be a whole number from 100 to 1048576, got "99"',
    ],
    [{ HIDB_CONCURRENCY: "0" }, 'expected HIDB_CONCURRENCY to be a whole number from 1 to 1000, got "0"'],
  ])("is refused with the limits of the table: %o", (variables, message) => {
    expect(refusal(variables as Record<string, string>)).toMatchObject({ code: "SETTING_INVALID", message });
  });

  it("has the drain and the memory of the settings in PM2's own options", () => {
    const { app } = describeTyped(["start"], { HIDB_DRAIN_MS: "1000", HIDB_INSTANCE_MEMORY_MB: "300" });
    expect(app).toMatchObject({ kill_timeout: 16_000, max_memory_restart: "600M" });
    expect(app.node_args).toContain("--max-old-space-size=300");
  });

  it("has its defaults where it is to be stopped, whatever the settings say", () => {
    writeFileSync(join(folder, ".env"), "HIDB_ORDER: id\n");
    const { app } = describeTyped(["delete"], { HIDB_DRAIN_MS: "soon", HIDB_INSTANCES: "none" });
    expect(app).toMatchObject({ name: "hidb", kill_timeout: 40_000 });
  });
});

describe("the ecosystem file without a program that it can load", () => {
  function evaluate(typed: string[], variables: Record<string, string> = {}) {
    const file = join(folder, "ecosystem.cluster.config.cjs");
    copyFileSync(join(PROJECT_ROOT, "ecosystem.cluster.config.cjs"), file);
    const script = `process.argv.splice(1, 0, "/nowhere/pm2"); console.log(require(${JSON.stringify(file)}).apps[0].name)`;
    return run(process.execPath, ["-e", script, ...typed], { PM2_HOME: folder, ...variables }, folder);
  }

  it("refuses to start in one line", async () => {
    expect(await evaluate(["start"])).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringMatching(/^error: expected the compiled program at .*\nfix: {3}run `npm ci`.*\n$/),
    });
  });

  it("names the app that is to be stopped, as the shell or .env has it", async () => {
    expect(await evaluate(["stop"])).toMatchObject({ code: 0, stdout: "hidb\n" });
    writeFileSync(join(folder, ".env"), "HIDB_APP_NAME='my-clips'\n");
    expect(await evaluate(["delete"])).toMatchObject({ code: 0, stdout: "my-clips\n" });
    expect(await evaluate(["del"], { HIDB_APP_NAME: "films" })).toMatchObject({ code: 0, stdout: "films\n" });
  });

  it("ends with the code of what the program refuses", async () => {
    symlinkSync(join(PROJECT_ROOT, "dist"), join(folder, "dist"));
    expect(await evaluate(["start", "-i", "none"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: expected -i to be auto.*\nfix: /),
    });
  });
});
