import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { judgeLicences, judgeOrigins, judgeReport, judgeScripts, type Locked } from "./audit.js";

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "../..", name), "utf8"));
const { packages } = read("package-lock.json") as { packages: Locked };
const { allowScripts } = read("package.json") as { allowScripts: Record<string, boolean> };

describe("what is shipped with hidb", () => {
  it("may be passed on without further duties", () => {
    expect(judgeLicences(packages)).toEqual([]);
    for (const license of ["GPL-3.0", "MIT AND GPL-2.0-only", "SEE LICENSE IN x", undefined, ["MIT"]]) {
      const more: Locked = { ...packages, "node_modules/x": { license } };
      expect([license, judgeLicences(more).length]).toEqual([license, 1]);
    }
    expect(
      judgeLicences({
        "node_modules/x": { license: "(GPL-3.0 OR MIT)" },
        "node_modules/y": { license: "GPL-3.0", dev: true },
      }),
    ).toEqual([]);
  });

  it("runs no program when it is installed but the one that fetches Node", () => {
    expect(judgeScripts(packages, allowScripts)).toEqual([]);
    expect(
      judgeScripts({ ...packages, "node_modules/a/node_modules/x": { hasInstallScript: true } }, allowScripts),
    ).toHaveLength(1);
    expect(judgeScripts(packages, { ...allowScripts, esbuild: true })).toHaveLength(1);
  });

  it("comes from the registry, with digests", () => {
    expect(judgeOrigins(packages)).toEqual([]);
    expect(judgeOrigins({ "node_modules/x": { integrity: "sha1-x" } })).toHaveLength(1);
    expect(
      judgeOrigins({ "node_modules/x": { integrity: "sha512-x", resolved: "git+ssh://git@github.com/x/y.git#1" } }),
    ).toHaveLength(1);
  });
});

describe("npm's report", () => {
  it("counts from high on; one that cannot be had is none", () => {
    const metadata = { vulnerabilities: { low: 1, high: 1 } };
    const vulnerabilities = {
      a: { severity: "low", fixAvailable: false },
      b: { severity: "high", fixAvailable: true },
    };
    expect(judgeReport(JSON.stringify({ metadata, vulnerabilities }))).toEqual({
      found: ["b: high, npm audit fix mends it"],
    });
    expect(judgeReport(JSON.stringify({ metadata, vulnerabilities: {} }))).toEqual({ found: [] });
    expect(judgeReport('{"message":"405 Method Not Allowed","error":{}}')).toEqual({ why: "405 Method Not Allowed" });
    expect(judgeReport("npm error network\nmore")).toEqual({ why: "npm error network" });
  });
});
