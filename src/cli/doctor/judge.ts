// Turns facts into findings.
import { SETTINGS } from "../../config/settings.js";
import type { Facts } from "./facts.js";
import { type Finding, fromError, problem, warning } from "./finding.js";
import { judgeDatabase } from "./judge-database.js";
import { judgePm2 } from "./judge-pm2.js";

/** Errors first, each kind in the order in which a start would meet it. */
export function judgeSetup(facts: Facts): Finding[] {
  const findings = [
    ...judgeSettings(facts),
    ...judgeProgram(facts),
    ...judgePm2(facts),
    ...judgeDatabase(facts),
    ...judgeMachine(facts),
  ];
  return findings.sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
}

/** Shell variables that PM2 would take for its own options or for the mark of one of its processes. */
const POISON = [
  ...["NODE_APP_INSTANCE", "instances", "name", "script", "cwd", "args", "exec_mode", "kill_timeout", "listen_timeout"],
  ...["watch", "autorestart", "max_restarts", "max_memory_restart", "treekill", "pmx", "cron_restart", "node_args"],
  ...["interpreter", "merge_logs", "wait_ready", "namespace", "increment_var", "instance_var", "stop_exit_codes"],
];

function judgeSettings({ settingErrors, environment, wrangler, processor }: Facts): Finding[] {
  const findings = settingErrors.map((error) => fromError(error.code as "SETTING_UNKNOWN" | "SETTING_INVALID", error));
  const poison = POISON.filter((name) => environment[name] !== undefined);
  if (poison.length > 0) {
    findings.push(
      warning("SHELL_POISONED", {
        expected: "no variables in this shell that PM2 takes for options of its own",
        got: poison.map((name) => `${name}=${environment[name]}`).join(", "),
        fix: `unset ${poison.join(" ")}`,
      }),
    );
  }
  if (wrangler !== undefined) findings.push(fromError("WRANGLER_CONFIG", wrangler));
  if (processor !== undefined) findings.push(fromError("PROCESSOR", processor));
  return findings;
}

function judgeProgram({ entry, native }: Facts): Finding[] {
  const findings: Finding[] = [];
  if (!entry.exists) {
    const fix = "run `npm ci` in hidb's folder";
    findings.push(problem("BUILD_MISSING", { expected: `the compiled program at ${entry.file}`, got: "nothing", fix }));
  }
  if (native !== undefined) {
    findings.push(
      problem("NATIVE_MODULE", {
        expected: "better-sqlite3 to load in this Node",
        got: native,
        fix: "run `npm rebuild better-sqlite3`, or `npm ci` after a change of Node",
      }),
    );
  }
  return findings;
}

function judgeMachine({ folders, ports, budget, count, config }: Facts): Finding[] {
  const findings = folders.map(({ setting, folder, error }) =>
    problem("FOLDER_UNWRITABLE", {
      expected: `${setting} to be a folder that can be written`,
      got: `${folder}: ${error}`,
      fix: `chmod u+w ${folder}, or set ${setting} to another place`,
    }),
  );
  for (const { setting, port, error } of ports) {
    findings.push(
      warning("PORT_TAKEN", {
        expected: `port ${port} (${setting}) to be free`,
        got: error,
        fix: `\`ss -ltnp sport = :${port}\` says who has it; set ${setting} to another, or to 0`,
      }),
    );
  }
  const budgetMb = Math.floor(budget.bytes / 1048576);
  const needMb = count * config.instanceMemoryMb;
  if (needMb > budgetMb) {
    const fits = Math.max(1, Math.floor(budgetMb / config.instanceMemoryMb));
    const found = {
      expected: `${count} instances of ${config.instanceMemoryMb} MB to fit into ${budgetMb} MB (${budget.from})`,
      got: `${needMb} MB`,
      fix: `start ${fits}, or lower ${SETTINGS.instanceMemoryMb.name}; \`hidb plan\` shows what fits`,
    };
    findings.push(config.force ? warning("MEMORY_FORCED", found) : problem("MEMORY_SHORT", found));
  }
  return findings;
}
