// What the options of `hostWorker` say themselves, as parts of a plan.
import { resolve } from "node:path";
import type { GivenModule, HostWorkerOptions } from "../options.js";
import type { Binding, D1Plan, PlannedModule, QueueConsumer } from "../plan.js";
import { consumerOf } from "./queues.js";
import { typeByEnding } from "./rules.js";

export function givenBindings(options: HostWorkerOptions): Binding[] {
  const { vars = {}, services = {}, queues } = options;
  return [
    ...Object.entries(vars).map(([name, value]): Binding => ({ name, kind: "value", value })),
    ...entriesOf(options.d1).map(([name, given]): Binding => ({ name, kind: "d1", database: databaseOf(name, given) })),
    ...entriesOf(options.kv).map(([name, id]): Binding => ({ name, kind: "kv", id: id ?? name })),
    ...entriesOf(options.r2).map(([name, bucket]): Binding => ({ name, kind: "r2", bucket: bucket ?? name })),
    ...Object.entries(queues?.producers ?? {}).map(([name, given]): Binding => {
      const { queue, deliveryDelayS = 0 } = typeof given === "string" ? { queue: given } : given;
      return { name, kind: "queue", queue, deliveryDelayS };
    }),
    ...Object.entries(services).map(
      ([name, entrypoint]): Binding => ({ name, kind: "service", entrypoint: entrypoint || null, props: {} }),
    ),
  ];
}

export function namesOfD1(given: HostWorkerOptions["d1"]): string[] {
  return entriesOf(given).map(([name]) => name);
}

export function givenConsumers(given: NonNullable<HostWorkerOptions["queues"]>["consumers"]): QueueConsumer[] {
  return (given ?? []).map((consumer) => consumerOf(typeof consumer === "string" ? { queue: consumer } : consumer));
}

export function givenModules(given: HostWorkerOptions["modules"]): PlannedModule[] {
  return listModules(given).map(({ path, contents, type }) => ({
    path: path.replace(/^\.\//, ""),
    type: type ?? typeByEnding(path),
    contents,
  }));
}

function listModules(given: HostWorkerOptions["modules"] = []): GivenModule[] {
  if (isList(given)) return [...given];
  return Object.entries(given).map(([path, value]) =>
    typeof value === "string" || value instanceof Uint8Array ? { path, contents: value } : { ...value, path },
  );
}

function databaseOf(name: string, given: unknown): D1Plan {
  if (given === undefined || given === ":memory:") return { kind: "memory", strict: true };
  return typeof given === "string" ? { kind: "file", file: resolve(given), strict: true } : { kind: "host", key: name };
}

/** A list of names stands for things without more said. */
function entriesOf<T>(given: readonly string[] | Readonly<Record<string, T>> = []): [string, T | undefined][] {
  return isList(given) ? given.map((name) => [name, undefined]) : Object.entries(given);
}

function isList<T, U>(given: readonly T[] | U): given is readonly T[] {
  return Array.isArray(given);
}
