import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../src/base.js";
import { createProgram } from "../src/cli/program.js";
import { SETTINGS } from "../src/config/settings.js";

const readPage = (page: string) => readFileSync(join(PROJECT_ROOT, page), "utf8");
const manifest = JSON.parse(readPage("package.json"));
const settings = new Map<string, (typeof SETTINGS)[keyof typeof SETTINGS]>(
  Object.values(SETTINGS).map((setting) => [setting.name, setting]),
);

const PAGES = [
  ...["README.md", "SECURITY.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", "test/README.md"],
  ...globSync("src/**/README.md", { cwd: PROJECT_ROOT }),
];

/** What stands in backticks, alone on a line or in a line of text. */
function codeOf(text: string): string[] {
  const blocks = text.split(/^```.*$/m);
  return blocks.flatMap((part, index) =>
    index % 2 === 1 ? part.split("\n") : [...part.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code),
  );
}

/** As GitHub names a heading in a link. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(PAGES)("%s", (page) => {
  const text = readPage(page);

  it("links only to files and headings that exist", () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(PROJECT_ROOT, file))) return true;
      return anchor !== undefined && !anchorsOf(readPage(file)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it("names only commands that exist", () => {
    const commands = createProgram().commands;
    const named = codeOf(text).flatMap((code) => [...code.matchAll(/\bhidb ([a-z][a-z-]*)(?: ([a-z-]+)\b)?/g)]);
    const unknown = named.filter(([, name, sub]) => {
      const command = commands.find((one) => one.name() === name);
      if (command === undefined) return true;
      const subs = command.commands.map((one) => one.name());
      return subs.length > 0 && sub !== undefined && !subs.includes(sub);
    });
    expect(unknown.map(([whole]) => whole)).toEqual([]);
  });

  it("names only scripts and settings that exist", () => {
    const scripts = [...text.matchAll(/\bnpm run (?:--\S+ )?([a-z][a-z:]*)/g)].map(([, name = ""]) => name);
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
    const names = [...text.matchAll(/\bHIDB_[A-Z0-9]+(?:_[A-Z0-9]+)*(?![*_A-Z0-9])/g)].map(([name]) => name);
    expect(names.filter((name) => !settings.has(name))).toEqual([]);
  });

  it("points to nothing that the repository does not have, and has no marks of a merge", () => {
    expect(text).not.toMatch(/DESIGN\.md|STYLE\.md|\/work\/|\.\.\/shared/);
    expect(text).not.toMatch(/^(<<<<<<<|=======|>>>>>>>)/m);
  });
});

describe("README.md", () => {
  const readme = readPage("README.md");

  it("stays short enough to be read: 150 lines of 120 columns", () => {
    const lines = readme.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(150);
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });

  it("keeps the commands that people copy", () => {
    for (const command of [
      "npm ci && npm start",
      "npm ci && npm test",
      "pm2 start ecosystem.cluster.config.cjs -i 3",
      "pm2 scale hidb 2",
      "HIDB_INSTANCES",
    ]) {
      expect(readme).toContain(command);
    }
  });

  it("shows settings with their defaults", () => {
    const rows = [...readme.matchAll(/^\| `(HIDB_\w+)` \| (?:`([^`]*)`)? ?\|/gm)];
    expect(rows.length).toBeGreaterThanOrEqual(10);
    for (const [, name = "", value = ""] of rows) expect([name, value]).toEqual([name, settings.get(name)?.fallback]);
  });
});

it("src/README.md stays short enough to be read: 200 lines of 120 columns", () => {
  const lines = readPage("src/README.md").trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(200);
  expect(lines.filter((line) => line.length > 120)).toEqual([]);
});

it("CONTRIBUTING.md has a reason for every dependency", () => {
  const page = readPage(".github/CONTRIBUTING.md");
  const reasons = page.slice(page.indexOf("## Dependencies"));
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  const missing = names.filter((name) => !name.startsWith("@types/") && !reasons.includes(name));
  expect(missing).toEqual([]);
});
