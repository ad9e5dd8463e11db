// Findings about PM2: its versions, its daemon, its saved list, and its instances.
import type { Facts, Pm2Process } from "./facts.js";
import { type Finding, fromError, problem, warning } from "./finding.js";

const LEAST_NODE = [22, 13] as const;
/** Before this version, concurrent reloads lost instances. */
const LEAST_PM2 = [7, 0, 4] as const;
const LOG_LARGE_BYTES = 100 * 1048576;
/** Two attempts that ignore their signal are given up after 5 s each; then come the last settlements. */
const AFTER_DRAIN_MS = 12_000;
const DO_NOT_RESTART = 42;
/** In a row: a single one may be due to a busy machine. */
const FAILED_STARTS = 2;

export function judgePm2(facts: Facts): Finding[] {
  const { pm2, pm2LogBytes, config } = facts;
  const findings: Finding[] = [];
  if (pm2.version === undefined) {
    findings.push(
      problem("PM2_MISSING", {
        expected: "PM2 among hidb's packages",
        got: "none",
        fix: "run `npm ci` in hidb's folder",
      }),
    );
  } else if (isBelow(pm2.version, LEAST_PM2)) {
    findings.push(
      problem("PM2_OLD", {
        expected: `PM2 ${LEAST_PM2.join(".")} or newer`,
        got: pm2.version,
        fix: "run `npm ci` in hidb's folder, then `npx pm2 update`",
      }),
    );
  }
  if (facts.pm2Homes.error !== undefined) findings.push(fromError("PM2_HOME_UNUSABLE", facts.pm2Homes.error));
  if (pm2LogBytes > LOG_LARGE_BYTES) {
    findings.push(
      warning("PM2_LOG_LARGE", {
        expected: `PM2's own logs of hidb to stay below ${LOG_LARGE_BYTES / 1048576} MB`,
        got: `${Math.round(pm2LogBytes / 1048576)} MB`,
        fix: `\`npx pm2 flush ${config.appName}\` empties them; \`npx pm2 install pm2-logrotate\` keeps them small`,
      }),
    );
  }
  return [...findings, ...facts.daemons.flatMap((daemon) => judgeDaemon(daemon, facts)), ...judgeDumps(facts)];
}

function judgeDaemon(daemon: Facts["daemons"][number], facts: Facts): Finding[] {
  const findings: Finding[] = [];
  const { node, pm2, home, answers } = daemon;
  if (!answers) {
    findings.push(
      problem("PM2_DAEMON_SILENT", {
        expected: `the PM2 daemon of ${home} to answer \`pm2 jlist\``,
        got: "none in time",
        fix: `PM2_HOME=${home} npx pm2 kill; where that hangs, too: kill -9 the process whose id is in ${home}/pm2.pid`,
      }),
    );
  }
  if (node !== undefined && isBelow(node, LEAST_NODE)) {
    findings.push(
      problem("NODE_DAEMON_OLD", {
        expected: `the PM2 daemon of ${home} to run on Node ${LEAST_NODE.join(".")} or newer`,
        got: node,
        fix: "`npx pm2 kill`, then start again: `npx pm2 start ...` uses the project's own Node",
      }),
    );
  } else if (node !== undefined && node !== facts.node) {
    findings.push(
      warning("NODE_DIFFERS", {
        expected: `the PM2 daemon of ${home} to run on this Node, ${facts.node}`,
        got: node,
        fix: "`npx pm2 update` starts it anew on the Node that types it",
      }),
    );
  }
  if (pm2 !== undefined && facts.pm2.version !== undefined && pm2 !== facts.pm2.version) {
    findings.push(
      warning("PM2_DAEMON_DIFFERS", {
        expected: `the daemon of ${home} to be PM2 ${facts.pm2.version}, as the command is`,
        got: pm2,
        fix: "`npx pm2 update` (drains and starts everything of that daemon anew)",
      }),
    );
  }
  return [...findings, ...judgeProcesses(daemon.processes, facts)];
}

function judgeProcesses(processes: Pm2Process[], { config }: Facts): Finding[] {
  const findings: Finding[] = [];
  const stopped = processes.filter(({ pm2_env: { status, exit_code: code } }) => {
    return code === DO_NOT_RESTART && /stopped|waiting restart|errored/.test(status);
  });
  if (stopped.length > 0) {
    findings.push(
      problem("INSTANCE_STOPPED", {
        expected: "every instance to work",
        got: `${stopped.length} that stopped because of a setting (exit code ${DO_NOT_RESTART}, \`${stopped[0]?.pm2_env.status}\`)`,
        fix: `\`npx pm2 logs ${config.appName} --err --lines 20\` names the setting; then \`npx pm2 restart ${config.appName}\``,
      }),
    );
  }
  const crashing = processes.filter(
    (one) =>
      !stopped.includes(one) &&
      (/waiting restart|errored/.test(one.pm2_env.status) || (one.failedStarts ?? 0) > FAILED_STARTS),
  );
  if (crashing.length > 0) {
    findings.push(
      problem("INSTANCE_RESTARTING", {
        expected: "every instance to be online",
        got: `${crashing.length} of ${processes.length} that fail at their start, after ${crashing[0]?.pm2_env.restart_time ?? 0} restarts`,
        fix: `\`npx pm2 logs ${config.appName} --err --lines 20\` says why; then \`npx pm2 restart ${config.appName}\``,
      }),
    );
  }
  const short = processes.find(({ pm2_env }) => {
    const drainMs = Number(pm2_env.env?.HIDB_DRAIN_MS || config.drainMs);
    return (pm2_env.kill_timeout ?? Number.POSITIVE_INFINITY) < drainMs + AFTER_DRAIN_MS;
  });
  if (short !== undefined) {
    const drainMs = Number(short.pm2_env.env?.HIDB_DRAIN_MS || config.drainMs);
    findings.push(
      problem("KILL_TIMEOUT_SHORT", {
        expected: `PM2's kill_timeout above the drain of ${drainMs} ms by ${AFTER_DRAIN_MS}`,
        got: `${short.pm2_env.kill_timeout} ms: PM2 would kill instances that still drain`,
        fix: `\`npx pm2 delete ${config.appName}\`, then \`npx pm2 start ecosystem.cluster.config.cjs\`, which sets it from HIDB_DRAIN_MS`,
      }),
    );
  }
  return [...findings, ...judgeSettings(processes, config)];
}

/** Only settings that would change where work is done. */
function judgeSettings(processes: Pm2Process[], config: Facts["config"]): Finding[] {
  const keys = {
    HIDB_SQLITE_FILE: config.sqliteFile,
    HIDB_DATABASE: config.database,
    HIDB_PROCESSOR: config.processor,
  };
  for (const [name, here] of Object.entries(keys)) {
    const there = processes.map(({ pm2_env }) => pm2_env.env?.[name]).find((value) => value && value !== here);
    if (there === undefined) continue;
    return [
      warning("SETTINGS_DIFFER", {
        expected: `running instances to have ${name}=${here}, as it is set here`,
        got: String(there),
        fix: `set ${name} here as it is there, or \`npx pm2 delete ${config.appName}\` and start again with these settings`,
      }),
    ];
  }
  return [];
}

function judgeDumps({ dumps, entry, daemons }: Facts): Finding[] {
  const findings: Finding[] = [];
  const running = daemons.reduce((sum, { processes }) => sum + processes.length, 0);
  for (const { file, mode, processes, holdsSecret } of dumps) {
    const elsewhere = processes.find(({ pm_exec_path: path }) => path !== entry.file);
    const otherCount = running > 0 && processes.length > 0 && processes.length !== running;
    if (elsewhere !== undefined || otherCount) {
      findings.push(
        warning("PM2_DUMP_STALE", {
          expected: `${file} to hold what is to run after a reboot: ${running || "the"} instances of ${entry.file}`,
          got: `${processes.length} of ${elsewhere?.pm_exec_path ?? entry.file}`,
          fix: "`npx pm2 save` writes down what runs now; `npx pm2 cleardump` forgets it",
        }),
      );
    }
    if (holdsSecret && (mode & 0o044) !== 0) {
      findings.push(
        warning("PM2_DUMP_READABLE", {
          expected: `${file}, which holds an API token, to be readable by its owner alone`,
          got: `mode ${(mode & 0o777).toString(8)}`,
          fix: `chmod 600 ${file}`,
        }),
      );
    }
  }
  return findings;
}

function isBelow(version: string, least: readonly number[]): boolean {
  const parts = version.replace(/^v/, "").split(".").map(Number);
  for (const [at, part] of least.entries()) {
    if ((parts[at] ?? 0) !== part) return (parts[at] ?? 0) < part;
  }
  return false;
}
