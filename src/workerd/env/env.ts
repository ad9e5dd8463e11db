// `env`: one object for all events of a Worker, made before its module is imported.
import { readFileSync } from "node:fs";
import type { Database } from "../../database/database.js";
import { openSqlite } from "../../database/sqlite.js";
import type { Question } from "../host/protocol.js";
import type { Binding, D1Plan } from "../plan.js";
import type { Realm } from "../realm.js";
import { meterDatabase } from "./d1.js";
import { askDatabase } from "./host-d1.js";
import type { State } from "./state.js";

interface EnvParts {
  realm: Realm;
  ask: (question: Question) => Promise<unknown>;
}

export interface FilledEnv {
  close(): Promise<void>;
}

/** Fills `realm.env`; what a binding needs is loaded only where there is one of its kind. */
export async function fillEnv({ realm, ask }: EnvParts): Promise<FilledEnv> {
  const databases = new Map<string, Database>();
  let state: Promise<State> | undefined;
  const openState = () => {
    state ??= import("./state.js").then((module) => module.openState(realm.plan.stateFolder));
    return state;
  };
  const makers: Makers = {
    d1: async (plan) => {
      const key = JSON.stringify(plan);
      const open = plan.kind === "host" ? askDatabase(plan.key, ask) : (databases.get(key) ?? (await openLocal(plan)));
      if (plan.kind === "file") databases.set(key, open as Database);
      return meterDatabase(open);
    },
    state: openState,
    ask,
    realm,
  };
  for (const binding of realm.plan.bindings) realm.env[binding.name] = await makeBinding(binding, makers);
  return {
    async close() {
      for (const database of databases.values()) await database.close();
      await (await state)?.close();
    },
  };
}

interface Makers {
  d1: (plan: D1Plan) => Promise<unknown>;
  state: () => Promise<State>;
  ask: EnvParts["ask"];
  realm: Realm;
}

async function makeBinding(binding: Binding, { d1, state, ask, realm }: Makers): Promise<unknown> {
  switch (binding.kind) {
    case "value":
      return binding.value;
    case "wasm":
      return new WebAssembly.Module(readFileSync(binding.file));
    case "d1":
      return d1(binding.database);
    case "queue": {
      const { makeQueue } = await import("./queue.js");
      const { queue, deliveryDelayS } = binding;
      return makeQueue({
        ...{ queue, deliveryDelayS, realm },
        send: async (messages) => void (await ask({ kind: "send", queue, messages })),
      });
    }
    case "kv":
      return (await import("./kv.js")).makeKv({ id: binding.id, realm, state: await state() });
    case "r2":
      return (await import("./r2.js")).makeR2({ bucket: binding.bucket, realm, state: await state() });
    case "service":
      return realm.self(binding.entrypoint, binding.props);
    case "assets":
      return (await import("./assets.js")).makeAssets(binding.directory, realm);
    case "ratelimit":
      return (await import("./ratelimit.js")).makeRateLimit(binding);
    default:
      return binding satisfies never;
  }
}

function openLocal(plan: Exclude<D1Plan, { kind: "host" }>): Promise<Database> {
  return plan.kind === "file"
    ? openSqlite(plan.file, { create: true, strict: plan.strict })
    : openSqlite(":memory:", { strict: plan.strict });
}
