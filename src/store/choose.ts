// Which store a pool works on, by its settings.
import type { Config } from "../config/settings.js";
import { nameDatabase } from "../database/open.js";
import { LocalStore } from "./local.js";
import { RemoteStore } from "./remote/remote.js";
import type { StoreParts } from "./sql-store.js";
import type { Store } from "./store.js";

export function chooseStore(config: Config): (parts: StoreParts) => Store {
  if (config.database === "sqlite") return (parts) => new LocalStore(parts);
  const databaseName = nameDatabase(config);
  return (parts) => new RemoteStore({ ...parts, databaseName });
}
