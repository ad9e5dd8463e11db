// Which settings are secret, and who does not get them.
import { ownEnvironment } from "./environment.js";
import type { Setting } from "./setting.js";
import { SETTINGS } from "./settings.js";

/** The variables that are a secret or may hold one. */
export const SECRET_NAMES: ReadonlySet<string> = new Set(
  Object.values(SETTINGS).flatMap(({ name, kind }: Setting<unknown>) => (kind === "secret" ? [name] : [])),
);

/** The environment of a program that hidb did not write: ours without hidb's secrets. */
export function environmentForPrograms(environment: NodeJS.ProcessEnv = ownEnvironment()): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !SECRET_NAMES.has(name)));
}
