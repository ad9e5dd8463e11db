// Node's modules as `nodejs_compat` has them: Node's own where they do no harm, the rest in workerd's shape.
import type { Realm } from "../realm.js";
import { findBuiltin } from "./builtin.js";
import type { Bundle } from "./fs-tree.js";
import { nodeModule } from "./native-module.js";
import { refused } from "./node-errors.js";
import { makeFs } from "./node-fs.js";
import { GUARDED } from "./node-guarded.js";
import { moduleModule } from "./node-module.js";
import { networkModules } from "./node-network.js";
import { OVERLAID } from "./node-overlays.js";
import { makeProcess } from "./process.js";

type Exported = object;

/** Nothing in them reaches the machine. */
const PLAIN = [
  "assert",
  "assert/strict",
  "constants",
  "dns",
  "events",
  "querystring",
  "stream",
  "stream/consumers",
  "stream/promises",
  "string_decoder",
  "util/types",
];

const PARTS_OF_STREAM = {
  _stream_duplex: "Duplex",
  _stream_passthrough: "PassThrough",
  _stream_readable: "Readable",
  _stream_transform: "Transform",
  _stream_writable: "Writable",
} as const;

export class NodeModules {
  readonly #known = new Map<string, Exported>();
  readonly #makers = new Map<string, () => Exported>();

  constructor(realm: Realm, bundle: Bundle) {
    const add = (makers: Record<string, () => Exported>) => {
      for (const [name, make] of Object.entries(makers)) this.#makers.set(name, make);
    };
    add(Object.fromEntries(PLAIN.map((name) => [name, () => nodeModule<Exported>(`node:${name}`)])));
    add(OVERLAID);
    add(GUARDED);
    add(networkModules(realm));
    const fs = () => (this.find("fs") as ReturnType<typeof makeFs>).promises;
    add({
      process: () => makeProcess(realm),
      console: () => consoleModule(),
      fs: () => makeFs(bundle, (makeProcess(realm) as { cwd: () => string }).cwd),
      "fs/promises": fs,
      module: () => moduleModule({ names: [...this.#makers.keys()], find: (name) => findBuiltin(realm, name) }),
    });
    for (const [name, part] of Object.entries(PARTS_OF_STREAM)) {
      this.#makers.set(name, () => nodeModule<Record<string, Exported>>("node:stream")[part] as Exported);
    }
  }

  /** What `require` would return; made at its first use. */
  find(name: string): Exported | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const made = this.#makers.get(name)?.();
    if (made !== undefined) this.#known.set(name, made);
    return made;
  }
}

/** The Worker's own, and what of Node's workerd only names. */
function consoleModule(): Exported {
  return Object.assign(Object.create(globalThis.console) as object, globalThis.console, {
    Console: refused("Console"),
    createTask: refused("Console.createTask"),
    context: refused("Console.context"),
  });
}
