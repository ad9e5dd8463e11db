// A realm for tests of single parts: a plan that asks for nothing, a log that is kept, and a target of its own.
import { type Invocation, runInvocation } from "../../src/workerd/invocation.js";
import { Meter } from "../../src/workerd/limits/meter.js";
import { LIMITS_OF, type Limits, type LimitsMode } from "../../src/workerd/limits/tables.js";
import type { Compatibility, WorkerPlan } from "../../src/workerd/plan.js";
import type { Realm, Target } from "../../src/workerd/realm.js";

interface RealmOptions {
  compatibility?: Partial<Compatibility>;
  plan?: Partial<WorkerPlan>;
  isolated?: boolean;
  onLog?: (line: string) => void;
}

export interface TestRealm {
  realm: Realm;
  target: Target;
  /** `level: text` of every line. */
  lines: string[];
}

export function makeRealm({ compatibility, plan, isolated = true, onLog }: RealmOptions = {}): TestRealm {
  const compatible: Compatibility = {
    ...{ date: "2026-07-30", flags: [], node: "off", processEnv: false, contextExports: true, queuesJson: true },
    ...compatibility,
  };
  const lines: string[] = [];
  const realm: Realm = {
    plan: {
      ...{
        name: "test",
        entry: "index.js",
        root: "/",
        modules: [],
        rules: [],
        compatibility: compatible,
        bindings: [],
      },
      ...{ consumers: [], crons: [], stateFolder: null, limits: LIMITS_OF.paid, limitsMode: "report" },
      codeGeneration: false,
      ...plan,
    },
    compatibility: compatible,
    env: {},
    isolated,
    isStarting: () => false,
    log: (level, text) => {
      lines.push(`${level}: ${text}`);
      onLog?.(text);
    },
    self: () => undefined,
  };
  return { realm, target: {}, lines };
}

/** Runs in an invocation of its own and returns that beside the result. */
export async function invoke<T>(
  work: () => T,
  { limits = LIMITS_OF.paid, mode = "report" }: { limits?: Limits; mode?: LimitsMode } = {},
): Promise<{ result: Awaited<T>; invocation: Invocation }> {
  const connect = ((run: () => unknown) => run()) as Invocation["connect"];
  const invocation: Invocation = { kind: "fetch", meter: new Meter(limits, mode), connect, waitUntil: () => undefined };
  const result = await runInvocation(invocation, work);
  return { result, invocation };
}
