// Looks at what is shipped besides hidb's own code: known holes, licences, and programs that run at installation.
// `node test/security/audit.ts` ends with 1 when there is something; a registry that does not answer is said, and passed over.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface LockedPackage {
  version?: string;
  license?: unknown;
  dev?: boolean;
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
}

export type Locked = Record<string, LockedPackage>;

const ROOT = join(import.meta.dirname, "../..");

/** Whoever uses hidb takes on no duty but to keep the notices; MPL asks for changed files of the library alone. */
const LICENCES = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MPL-2.0",
  "Python-2.0",
  "Unlicense",
];
/** Looked at by hand. */
const REVIEWED: Record<string, string> = {
  pm2: "AGPL-3.0: started as a program of its own, never imported",
  "@pm2/js-api": "Apache-2.0, misspelt",
  "cli-tableau": "MIT in its LICENSE, not in its package.json; part of pm2",
  tv4: "public domain or MIT, said as a list; part of pm2",
};
/** Its installation fetches the pinned Node, which is what it is for. */
const MAY_RUN = ["node"];

export function judgeLicences(locked: Locked): string[] {
  return shipped(locked).flatMap(([name, { license }]) => {
    if (name in REVIEWED) return [];
    const choices = typeof license === "string" ? license.replace(/[()]/g, "").split(" OR ") : [];
    const isFine = choices.some((choice) => choice.split(" AND ").every((one) => LICENCES.includes(one)));
    return isFine
      ? []
      : [`${name}: expected a licence out of ${LICENCES.join(", ")}, got ${JSON.stringify(license ?? null)}`];
  });
}

/** `allowed` is package.json's allowScripts: what npm may run, and what it may not. */
export function judgeScripts(locked: Locked, allowed: Record<string, boolean>): string[] {
  const running = Object.entries(allowed).flatMap(([name, may]) => (may && !MAY_RUN.includes(name) ? [name] : []));
  const unknown = Object.entries(locked)
    .filter(([path, { hasInstallScript }]) => hasInstallScript && !(nameOf(path) in allowed))
    .map(([path]) => nameOf(path));
  return [
    ...running.map((name) => `${name}: expected no program of it to run at installation, got allowScripts`),
    ...unknown.map(
      (name) => `${name}: expected package.json's allowScripts to say whether its program may run, got nothing`,
    ),
  ];
}

/** Each comes from the registry, and with the digest that it must have. */
export function judgeOrigins(locked: Locked): string[] {
  return Object.entries(locked).flatMap(([path, { integrity, resolved = "https://registry.npmjs.org/" }]) => {
    if (path === "") return [];
    if (!integrity?.startsWith("sha512-"))
      return [`${nameOf(path)}: expected a sha512 digest in package-lock.json, got none`];
    return resolved.startsWith("https://registry.npmjs.org/")
      ? []
      : [`${nameOf(path)}: expected it from the registry, got ${resolved}`];
  });
}

function shipped(locked: Locked): [string, LockedPackage][] {
  return Object.entries(locked).flatMap(([path, one]) => (path === "" || one.dev ? [] : [[nameOf(path), one]]));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}

interface Report {
  metadata?: { vulnerabilities: Record<string, number> };
  vulnerabilities?: Record<string, { severity: string; fixAvailable: unknown }>;
  message?: string;
}

/** High and critical ones; undefined with a word on why where the registry does not say. */
export function judgeReport(text: string): { found: string[] } | { why: string } {
  let report: Report;
  try {
    report = JSON.parse(text) as Report;
  } catch {
    return { why: text.trim().split("\n")[0] || "npm said nothing" };
  }
  if (report.metadata === undefined) return { why: report.message ?? "npm gave no report" };
  const bad = Object.entries(report.vulnerabilities ?? {}).filter(([, { severity }]) =>
    /^(high|critical)$/.test(severity),
  );
  return {
    found: bad.map(
      ([name, { severity, fixAvailable }]) => `${name}: ${severity}${fixAvailable ? ", npm audit fix mends it" : ""}`,
    ),
  };
}

function askRegistry(): Promise<string> {
  return new Promise((resolve) => {
    const args = ["audit", "--omit=dev", "--json", "--fetch-retries=0", "--fetch-timeout=20000"];
    execFile("npm", args, { cwd: ROOT, timeout: 60_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve(stdout || stderr || String(error)),
    );
  });
}

if (import.meta.main) {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { packages: Locked };
  const { allowScripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    allowScripts: Record<string, boolean>;
  };
  const holes = judgeReport(await askRegistry());
  if ("why" in holes) console.log(`audit: the registry was not asked for known holes: ${holes.why}`);
  const found = [
    ...judgeLicences(packages),
    ...judgeScripts(packages, allowScripts),
    ...judgeOrigins(packages),
    ...("found" in holes ? holes.found : []),
  ];
  for (const one of found) console.error(`audit: ${one}`);
  console.log(`audit: ${shipped(packages).length} packages shipped, ${found.length} findings`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
