// `console`: each line goes to the log of the realm, worded as workerd words it.
import { Buffer } from "node:buffer";
import { Console } from "node:console";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import { currentInvocation } from "../invocation.js";
import { LOG_TOO_LONG } from "../limits/texts.js";
import { native } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";

type Level = Parameters<Realm["log"]>[0];

const LEVELS: readonly Level[] = ["debug", "error", "info", "log", "warn"];
/** What Node's console can do and workerd's shows to a debugger only; here it is written out. */
const RICH = [
  ...["assert", "count", "countReset", "dir", "dirxml", "group", "groupCollapsed", "groupEnd"],
  ...["table", "time", "timeEnd", "timeLog", "trace"],
] as const;
const SILENT = ["clear", "profile", "profileEnd", "timeStamp"];

type Method = (...given: unknown[]) => void;

export function installConsole(target: Target, realm: Realm): void {
  const out = new Output(realm);
  const methods: Record<string, Method> = {};
  for (const level of LEVELS) {
    methods[level] = (...given) => {
      if (out.isHosts()) native.console[level](...given);
      else out.write(level, out.indentation + formatLog(given));
    };
  }
  for (const name of RICH) {
    methods[name] = (...given) => {
      const console = out.isHosts() ? native.console : out.rich();
      (console[name] as Method).apply(console, given);
    };
  }
  for (const name of SILENT) methods[name] = () => undefined;
  define(target, "console", Object.assign(Object.create({}, TAG), methods, { context: () => target.console }));
}

const TAG = { [Symbol.toStringTag]: { value: "console" } };

/** Values side by side; `%s` is text like any other in workerd. */
export function formatLog(values: readonly unknown[]): string {
  return values.map((value) => (typeof value === "string" ? value : inspect(value))).join(" ");
}

class Output {
  readonly #realm: Realm;
  #isWriting = false;
  #rich: Console | undefined;
  #depth = 0;

  constructor(realm: Realm) {
    this.#realm = realm;
  }

  get indentation(): string {
    return " ".repeat(2 * this.#depth);
  }

  /** A host that shares its process with the Worker, or hears a line of it and prints that, uses its own console. */
  isHosts(): boolean {
    if (this.#isWriting) return true;
    return !this.#realm.isolated && !this.#realm.isStarting() && currentInvocation() === undefined;
  }

  write(level: Level, text: string): void {
    const meter = currentInvocation()?.meter;
    const wasOver = meter?.isOver("logBytes");
    meter?.count("logBytes", Buffer.byteLength(text));
    const isLost = this.#realm.plan.limitsMode === "enforce" && meter?.isOver("logBytes") === true;
    if (isLost && wasOver) return;
    this.#isWriting = true;
    try {
      if (isLost) this.#realm.log("warn", LOG_TOO_LONG);
      else this.#realm.log(level, text);
    } finally {
      this.#isWriting = false;
    }
  }

  rich(): Console {
    this.#rich ??= this.#makeRich();
    return this.#rich;
  }

  #makeRich(): Console {
    const made = new Console({ stdout: this.#stream("log"), stderr: this.#stream("error"), groupIndentation: 2 });
    const { group, groupEnd } = made;
    made.group = (...label: unknown[]) => {
      group.apply(made, label);
      this.#depth++;
    };
    made.groupCollapsed = made.group;
    made.groupEnd = () => {
      groupEnd.apply(made);
      this.#depth = Math.max(0, this.#depth - 1);
    };
    return made;
  }

  #stream(level: Level): Writable {
    return new Writable({
      decodeStrings: false,
      write: (text: string, _encoding, done) => {
        this.write(level, text.replace(/\n$/, ""));
        done();
      },
    });
  }
}
