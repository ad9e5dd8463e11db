// From what a person has (a wrangler config, a built module, a Pages output, or options) to the plan of a hosted Worker.
import { basename, dirname, resolve } from "node:path";
import { type Clock, systemClock } from "../../clock.js";
import { inheritedEnvironment } from "../../config/environment.js";
import { wranglerConfigError } from "../../database/wrangler/error.js";
import { findWranglerConfig } from "../../database/wrangler/find.js";
import { WORKER_KEYS, type WorkerKeys } from "../../database/wrangler/keys.js";
import { readKeys, readWranglerConfig, type WranglerConfig } from "../../database/wrangler/read.js";
import { HidbError } from "../../errors.js";
import { LIMITS_OF, type Limits } from "../limits/tables.js";
import { native } from "../native.js";
import type { HostWorkerOptions } from "../options.js";
import type { AssetsPlan, Binding, Compatibility, WorkerPlan } from "../plan.js";
import { type ConfigBindings, type D1Wish, readBindings } from "./bindings.js";
import { readCompatibility } from "./compatibility.js";
import { type Code, findCode } from "./entry.js";
import { givenBindings, givenConsumers, givenModules, namesOfD1 } from "./given.js";
import { rulesOf } from "./rules.js";
import { assetsFolder, findSource } from "./source.js";

export type { D1Wish } from "./bindings.js";

export interface PlannedWorker {
  plan: WorkerPlan;
  warnings: string[];
  /** What the config binds and the options say nothing of; in the plan: wrangler's own local file, else memory. */
  d1: D1Wish[];
  /** Values that no log may show. */
  secrets: string[];
}

interface Deps {
  environment?: NodeJS.ProcessEnv;
  clock?: Clock;
}

/** Errors: WRANGLER_CONFIG, WORKER_BROKEN, WORKER_UNSUPPORTED, SETTING_INVALID. */
export async function makePlan(options: HostWorkerOptions, deps: Deps = {}): Promise<PlannedWorker> {
  const { environment = inheritedEnvironment(), clock = systemClock } = deps;
  const read = options.config === undefined ? undefined : readConfig(options.config, options.env);
  const { compatibility, warnings } = compatibilityOf(options, read);
  const bound = read && readBindings(read.config, read.keys, environment);
  const source = read && { ...read, compatibilityDate: compatibility.date, environment, clock };
  const code = await codeOf(options, () => source && findSource(source));
  const assets = assetsOf(read, code, compatibility);
  const files = assetsBinding(read?.keys.assets?.binding, code, assets);
  const bindings = mergeBindings([...(bound?.bindings ?? []), ...files], options);
  const taken = new Set(namesOfD1(options.d1));
  return {
    plan: {
      name: read?.config.name ?? nameOf(code),
      entry: code.entry,
      root: code.root,
      modules: givenModules(options.modules),
      rules: rulesOf([...givenRules(options), ...(read?.keys.rules ?? [])], read?.config.file ?? "the options"),
      compatibility,
      bindings,
      consumers: mergeConsumers(bound, options),
      crons: read?.keys.triggers.crons ?? [],
      ...(assets === undefined ? {} : { assets }),
      stateFolder: options.stateFolder === undefined ? null : resolve(options.stateFolder),
      limits: limitsOf(options, read?.keys),
      limitsMode: options.limits?.mode ?? "off",
      codeGeneration: options.codeGeneration ?? false,
    },
    warnings: [...(bound?.warnings ?? []), ...warnings],
    d1: (bound?.d1 ?? []).filter(({ binding }) => !taken.has(binding)),
    secrets: bound?.secrets ?? [],
  };
}

interface Read {
  config: WranglerConfig;
  keys: WorkerKeys;
}

function readConfig(path: string, env: string | undefined): Read {
  const location = findWranglerConfig(path);
  if (location === undefined) {
    throw wranglerConfigError({
      expected: `a wrangler config in ${resolve(path)} or above`,
      got: "none",
      fix: "name the config, or the folder it lies in",
    });
  }
  const config = readWranglerConfig(location, { env });
  return { config, keys: readKeys(config, WORKER_KEYS) };
}

function compatibilityOf(options: HostWorkerOptions, read: Read | undefined) {
  const { compatibilityDate, compatibilityFlags, node } = options;
  const isConfigs = compatibilityDate === undefined && read !== undefined;
  return readCompatibility({
    date: compatibilityDate ?? read?.keys.compatibility_date,
    flags: compatibilityFlags ?? read?.keys.compatibility_flags ?? [],
    node,
    ...(isConfigs ? { place: read.config.place(["compatibility_date"]) } : {}),
  });
}

/** The options' own code comes before the config's. */
async function codeOf(options: HostWorkerOptions, build: () => Promise<Code> | undefined): Promise<Code> {
  if (options.file !== undefined) return findCode(options.file);
  const [entry] = givenModules(options.modules);
  if (entry !== undefined) return { entry: entry.path, root: native.process.cwd() };
  const built = build();
  if (built !== undefined) return built;
  throw new HidbError({
    code: "SETTING_INVALID",
    message: "expected the code of a Worker as file, config or modules, got none of them",
    fix: "give one of them",
  });
}

function nameOf({ entry, root }: Code): string {
  return basename(root === dirname(entry) ? root : dirname(entry)) || "worker";
}

function assetsOf(read: Read | undefined, code: Code, compatibility: Compatibility): AssetsPlan | undefined {
  const given = read?.keys.assets;
  if (read === undefined || given === undefined) return code.assets;
  const { date, flags } = compatibility;
  const first = given.run_worker_first ?? false;
  const paths = typeof first === "boolean" ? [] : first;
  return {
    directory: assetsFolder(read.config, given.directory),
    htmlHandling: given.html_handling ?? "auto-trailing-slash",
    notFound: given.not_found_handling ?? "none",
    navigation:
      Array.isArray(first) ||
      flags.includes("assets_navigation_prefers_asset_serving") ||
      (date >= "2025-04-01" && !flags.includes("assets_navigation_has_no_effect")),
    assetPaths: paths.filter((path) => path.startsWith("!")).map((path) => path.slice(1)),
    workerPaths: paths.filter((path) => !path.startsWith("!")),
    otherwise: first === true ? "worker" : "found",
  };
}

/** A Pages project has it without asking. */
function assetsBinding(given: string | undefined, code: Code, assets: AssetsPlan | undefined): Binding[] {
  const name = given ?? (code.assets === undefined ? undefined : "ASSETS");
  return name === undefined || assets === undefined ? [] : [{ name, kind: "assets", directory: assets.directory }];
}

/** The options come before the config. */
function mergeBindings(bindings: readonly Binding[], options: HostWorkerOptions): Binding[] {
  const all = [...bindings, ...givenBindings(options)].map((binding): [string, Binding] => [binding.name, binding]);
  return [...new Map(all).values()];
}

function mergeConsumers(bound: ConfigBindings | undefined, options: HostWorkerOptions): WorkerPlan["consumers"] {
  const all = [...(bound?.consumers ?? []), ...givenConsumers(options.queues?.consumers ?? [])];
  return [...new Map(all.map((consumer) => [consumer.queue, consumer])).values()];
}

function givenRules({ rules = [] }: HostWorkerOptions): WorkerKeys["rules"] {
  return rules.map(({ type, globs }) => ({ type, globs: [...globs], fallthrough: true }));
}

function limitsOf({ limits = {} }: HostWorkerOptions, keys: WorkerKeys | undefined): Limits {
  const { mode: _mode, plan = "paid", ...single } = limits;
  const { cpu_ms, subrequests } = keys?.limits ?? {};
  return {
    ...LIMITS_OF[plan],
    ...(cpu_ms === undefined ? {} : { cpuMs: cpu_ms }),
    ...(subrequests === undefined ? {} : { subrequests }),
    ...single,
  };
}
