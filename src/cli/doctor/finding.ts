// What `hidb doctor` can find: a closed set, so that machines can tell them apart.

export const FINDINGS = [
  "SETTING_UNKNOWN",
  "SETTING_INVALID",
  "SHELL_POISONED",
  "NODE_DAEMON_OLD",
  "NODE_DIFFERS",
  "PM2_MISSING",
  "PM2_OLD",
  "PM2_DAEMON_DIFFERS",
  "PM2_DAEMON_SILENT",
  "PM2_HOME_UNUSABLE",
  "PM2_DUMP_STALE",
  "PM2_DUMP_READABLE",
  "PM2_LOG_LARGE",
  "NATIVE_MODULE",
  "BUILD_MISSING",
  "DATABASE_MISSING",
  "DATABASE_UNUSABLE",
  "DATABASE_READ_ONLY",
  "DATABASE_CORRUPT",
  "DATABASE_NOT_WAL",
  "DATABASE_BEHIND",
  "DATABASE_ON_NETWORK",
  "DISK_LOW",
  "FOLDER_UNWRITABLE",
  "KILL_TIMEOUT_SHORT",
  "MEMORY_SHORT",
  "MEMORY_FORCED",
  "PORT_TAKEN",
  "INSTANCE_STOPPED",
  "INSTANCE_RESTARTING",
  "SETTINGS_DIFFER",
  "OTHER_POOL",
  "INSTANCES_DEAD",
  "CLOCK_OFF",
  "CLOCK_SET_BACK",
  "D1_UNSET",
  "D1_PLACEHOLDER",
  "D1_REFUSED",
  "WRANGLER_CONFIG",
  "PROCESSOR",
] as const;

export type FindingCode = (typeof FINDINGS)[number];

export interface Finding {
  code: FindingCode;
  /** An error keeps the pool from working, or makes it lose what it should not; a warning is worth knowing. */
  severity: "error" | "warning";
  expected: string;
  got: string;
  /** The mending line. */
  fix: string;
}

type Told = Omit<Finding, "code" | "severity">;

export function problem(code: FindingCode, told: Told): Finding {
  return { code, severity: "error", ...told };
}

export function warning(code: FindingCode, told: Told): Finding {
  return { code, severity: "warning", ...told };
}

/** From an error of ours, whose message is `expected ..., got ...`. */
export function fromError(code: FindingCode, { message, fix }: { message: string; fix?: string }): Finding {
  const [, expected = "it to work", got = message] = /^expected (.*?), (?:got|found|but) (.*)$/s.exec(message) ?? [];
  return problem(code, { expected, got, fix: fix ?? "see the message" });
}
