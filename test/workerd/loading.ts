// A Worker's plan and realm for tests of how it is loaded: files in a folder of their own, and nothing else around it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { LIMITS_OF } from "../../src/workerd/limits/tables.js";
import { loadWorker } from "../../src/workerd/load/load.js";
import type { NodeAccess, WorkerPlan } from "../../src/workerd/plan.js";
import type { Realm } from "../../src/workerd/realm.js";

export interface Given {
  /** By path from the folder; the Worker's root is `app`, unless there is none. */
  files?: Record<string, string | Uint8Array>;
  /** From the root; default index.js. */
  entry?: string;
  modules?: WorkerPlan["modules"];
  rules?: WorkerPlan["rules"];
  node?: NodeAccess;
  bindings?: WorkerPlan["bindings"];
  isolated?: boolean;
}

export interface Loaded {
  folder: string;
  plan: WorkerPlan;
  realm: Realm;
  log: string[];
  load: () => Promise<Record<string, unknown>>;
}

export function setup(given: Given): Loaded {
  const folder = mkdtempSync(join(tmpdir(), "hidb-load-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, contents] of Object.entries(given.files ?? {})) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), contents);
  }
  const root = join(folder, "app");
  const { modules = [], entry = "index.js", rules = [], node = "off", bindings = [], isolated = true } = given;
  const plan: WorkerPlan = {
    name: "tested",
    entry: given.files === undefined ? entry : join(root, entry),
    root,
    modules,
    rules,
    compatibility: { date: "2026-07-30", flags: [], node, processEnv: true, contextExports: true, queuesJson: true },
    bindings,
    consumers: [],
    crons: [],
    stateFolder: null,
    limits: LIMITS_OF.paid,
    limitsMode: "off",
    codeGeneration: false,
  };
  const log: string[] = [];
  const realm: Realm = {
    plan,
    compatibility: plan.compatibility,
    env: {},
    isolated,
    isStarting: () => false,
    log: (_level, text) => log.push(text),
    self: () => undefined,
  };
  return { folder, plan, realm, log, load: () => loadWorker(plan, realm) };
}

/** An ES module by path. */
export function script(path: string, contents: string): WorkerPlan["modules"][number] {
  return { type: "ESModule", path, contents };
}
