// Errors of Node's modules as workerd words them.
import { inspect } from "node:util";

/** The class has the name of its code, and its instances are called Error. */
class ERR_METHOD_NOT_IMPLEMENTED extends Error {
  readonly code = "ERR_METHOD_NOT_IMPLEMENTED";
}

export function notImplemented(method: string): Error {
  return new ERR_METHOD_NOT_IMPLEMENTED(`The ${method} method is not implemented`);
}

/** A function that does nothing but say so. */
export function refused(method: string, name = method.slice(method.lastIndexOf(".") + 1)): () => never {
  // No arrow: some of them are called with `new`.
  const refuse = function refuse(): never {
    throw notImplemented(method);
  };
  return Object.defineProperty(refuse, "name", { value: name });
}

/** A class that can be extended, and cannot be made. */
export function refusedClass(method: string, name = method.slice(method.lastIndexOf(".") + 1)): new () => object {
  const made = class {
    constructor() {
      throw notImplemented(method);
    }
  };
  return Object.defineProperty(made, "name", { value: name });
}

/** `refusals("child_process", ["exec", "spawn"])`: functions by name. */
export function refusals(module: string, names: readonly string[]): Record<string, () => never> {
  return Object.fromEntries(names.map((name) => [name, refused(module === "" ? name : `${module}.${name}`)]));
}

export function invalidArgument(name: string, expected: string, given: unknown): TypeError {
  const text = `The "${name}" argument must be ${expected}. Received ${received(given)}`;
  return Object.assign(new TypeError(text), { code: "ERR_INVALID_ARG_TYPE", name: "TypeError" });
}

export function requireString(name: string, given: unknown): asserts given is string {
  if (typeof given !== "string") throw invalidArgument(name, "of type string", given);
}

function received(given: unknown): string {
  if (given === null || given === undefined) return String(given);
  if (typeof given === "function") return `function ${given.name}`;
  if (typeof given === "object") return `an instance of ${given.constructor?.name ?? "Object"}`;
  return `type ${typeof given} (${inspect(given)})`;
}

const MEANINGS = {
  ENOENT: ["no such file or directory", -2],
  EPERM: ["operation not permitted", -1],
  EBADF: ["bad file descriptor", -9],
  EEXIST: ["file already exists", -17],
  ENOTDIR: ["not a directory", -20],
  EISDIR: ["illegal operation on a directory", -21],
  EINVAL: ["invalid argument", -22],
  ELOOP: ["too many symbolic links encountered", -40],
  ENOTEMPTY: ["directory not empty", -39],
} as const;

export type FileCode = keyof typeof MEANINGS;

/** As workerd's own tree of files has it: without errno, and without the path where it knows none. */
export function fileError(code: FileCode, syscall: string, path?: string): Error {
  const text = path === undefined ? MEANINGS[code][0] : `${MEANINGS[code][0]}, ${syscall} '${path}'`;
  return Object.assign(new Error(text), { syscall, code, ...(path === undefined ? {} : { path }) });
}

/** As the part of it that is JavaScript has it. */
export function statError(code: FileCode, syscall: string, path: string): Error {
  const [meaning, errno] = MEANINGS[code];
  return Object.assign(new Error(`${meaning}, ${syscall} '${path}'`), { code, name: "Error", syscall, errno, path });
}

export function unsupported(): Error {
  return Object.assign(new Error("The requested operation is unsupported"), { code: "ERR_UNSUPPORTED_OPERATION" });
}

class ERR_OPTION_NOT_IMPLEMENTED extends Error {
  readonly code = "ERR_OPTION_NOT_IMPLEMENTED";
}

export function optionNotImplemented(option: string): Error {
  return new ERR_OPTION_NOT_IMPLEMENTED(`The options.${option} option is not implemented`);
}

export function pathNotSupported(path: unknown): TypeError {
  const text = `The argument 'path' is not supported. Received ${inspect(path)}`;
  return Object.assign(new TypeError(text), { code: "ERR_INVALID_ARG_VALUE" });
}
