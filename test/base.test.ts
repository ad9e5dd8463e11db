import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findBase } from "../src/base.js";

const root = mkdtempSync(join(tmpdir(), "hidb-base-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function projectAt(...path: string[]): string {
  const folder = join(root, ...path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  return folder;
}

describe("the folder of data/ and .env", () => {
  it("is the clone, wherever a command is typed", () => {
    expect(findBase("/home/me/hidb", "/tmp")).toBe("/home/me/hidb");
  });

  it("is the project in whose node_modules hidb is, pnpm's store included", () => {
    const app = projectAt("app");
    for (const place of ["node_modules/hidb", "node_modules/.pnpm/hidb@0.1.0/node_modules/hidb"])
      expect(findBase(join(app, place), "/tmp")).toBe(app);
  });

  it.each([
    ["usr/lib", false],
    [".npm/_npx/0123abcd", true],
    [".cache/pnpm/dlx-1234", true],
    [".local/share/pnpm/global/5", true],
    [".config/yarn/global", true],
  ])("is where the command is typed for an installation in %s", (path, hasManifest) => {
    const folder = hasManifest ? projectAt(path) : join(root, path);
    const installed = join(folder, "node_modules", "hidb");
    expect(findBase(installed, "/home/me/films")).toBe("/home/me/films");
    expect(findBase(installed, "/home/me/app/node_modules/hidb")).toBe("/home/me/app");
  });
});
