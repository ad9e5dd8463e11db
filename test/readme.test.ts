import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../src/base.js";
import { SETTINGS } from "../src/config/settings.js";

const readme = readFileSync(join(PROJECT_ROOT, "README.md"), "utf8");
const manifest = JSON.parse(readFileSync(join(PROJECT_ROOT, "package.json"), "utf8"));

describe("the README", () => {
  it.each(Object.values(SETTINGS).map((setting) => [setting.name, setting] as const))(
    "lists %s with its default and its sentence",
    (_name, { name, fallback, remoteFallback, help }: (typeof SETTINGS)[keyof typeof SETTINGS]) => {
      const onD1 = remoteFallback === undefined ? "" : `, D1 \`${remoteFallback}\``;
      expect(readme).toContain(`| \`${name}\` | ${fallback === "" ? "" : `\`${fallback}\``}${onD1} | ${help} |`);
    },
  );

  it("gives a reason for every dependency", () => {
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    const reasons = readme.slice(readme.indexOf("## Development"));
    const missing = names.filter((name) => !name.startsWith("@types/") && !reasons.includes(name));
    expect(missing).toEqual([]);
  });

  it("stays short enough to be read", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(320);
  });
});
