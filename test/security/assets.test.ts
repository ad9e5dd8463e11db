// The static files of a Worker: those of its folder, and what a link leads to only while it stays in there.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AssetFiles } from "../../src/workerd/env/assets/files.js";
import { AssetServer } from "../../src/workerd/env/assets/server.js";
import type { AssetsPlan } from "../../src/workerd/plan.js";
import { makeFolder } from "../catalogue/world.js";

function setup() {
  const folder = makeFolder();
  const directory = join(folder, "site");
  mkdirSync(join(directory, "sub"), { recursive: true });
  writeFileSync(join(folder, "secret.txt"), "planted");
  writeFileSync(join(directory, "a.txt"), "public");
  writeFileSync(join(directory, ".dev.vars"), "KEY=planted");
  const plan: AssetsPlan = {
    directory,
    htmlHandling: "auto-trailing-slash",
    notFound: "none",
    navigation: false,
    assetPaths: [],
    workerPaths: [],
    otherwise: "assets",
  };
  const ask = (path: string) => {
    const { status, body } = new AssetServer(plan).answer({ url: `http://h${path}`, method: "GET", headers: [] });
    return [status, Buffer.from(body ?? []).toString()];
  };
  const link = (to: string, name: string) => symlinkSync(to, join(directory, name));
  return { folder, directory, ask, link };
}

describe("the folder of assets", () => {
  it("is not left by links, be it to files, to folders or through links within it", () => {
    const { folder, ask, link } = setup();
    link(join(folder, "secret.txt"), "file.txt");
    link("../secret.txt", "up.txt");
    link("up.txt", "twice.txt");
    link("..", "folder");
    link("/etc/passwd", "passwd.txt");
    link("/proc/self/environ", "environ.txt");
    link("../site-beside.txt", "beside.txt");
    writeFileSync(join(folder, "site-beside.txt"), "planted");
    for (const path of [
      "/file.txt",
      "/up.txt",
      "/twice.txt",
      "/folder/secret.txt",
      "/passwd.txt",
      "/environ.txt",
      "/beside.txt",
    ]) {
      expect([path, ...ask(path)]).toEqual([path, 404, ""]);
    }
  });

  it("is not left by names either, however they are written", () => {
    const { ask } = setup();
    for (const path of [
      "/../secret.txt",
      "/sub/../../secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e/secret.txt",
      "/%2e%2e%2fsecret.txt",
      "/..%5csecret.txt",
      "/..\\secret.txt",
      "//etc/passwd",
      "/%00",
      "/a.txt%00.html",
      "/sub/%252e%252e/%252e%252e/secret.txt",
      "/%",
    ]) {
      const [, text] = ask(path);
      expect([path, text]).not.toEqual([path, "planted"]);
      expect(text).not.toContain("root:");
    }
  });

  it("gives out what links within it lead to, but for files that are never given out", () => {
    const { ask, link } = setup();
    link("a.txt", "same.txt");
    link("sub/../a.txt", "around.txt");
    link(".dev.vars", "vars.txt");
    link("nowhere", "broken.txt");
    link("self.txt", "self.txt");
    expect(ask("/same.txt")).toEqual([200, "public"]);
    expect(ask("/around.txt")).toEqual([200, "public"]);
    for (const path of ["/vars.txt", "/.dev.vars", "/broken.txt", "/self.txt"])
      expect([path, ...ask(path)]).toEqual([path, 404, ""]);
  });

  it("is not left by a link that takes the place of a listed file", () => {
    const { folder, directory, link } = setup();
    const files = new AssetFiles(directory);
    expect(files.has("/a.txt")).toBe(true);
    rmSync(join(directory, "a.txt"));
    link(join(folder, "secret.txt"), "a.txt");
    expect(() => files.read("/a.txt")).toThrow(/expected \/a.txt to be a file within the folder of assets/);
  });

  it("may itself be behind a link", () => {
    const { folder, directory } = setup();
    symlinkSync(directory, join(folder, "current"));
    expect(new AssetFiles(join(folder, "current")).has("/a.txt")).toBe(true);
  });
});
