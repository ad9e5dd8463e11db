// What a soak has to show for itself, as text.
import type { SoakReport } from "./soak.ts";

const NAMED = 20;

export function describeReport(report: SoakReport): string {
  const { account, memory, problems, events } = report;
  const happened = Object.entries(events).sort(([, a], [, b]) => b - a);
  const recoveries = account.recoveriesMs.toSorted((a, b) => a - b);
  const lines = [
    `soak, seed ${report.seed}: ${report.seconds.toFixed(0)} s, looked at ${report.looks} times on the way`,
    `events       ${happened.map(([name, count]) => `${name} ${count}`).join(", ")}`,
    `videos       ${account.completions + account.owed} ends, ${(account.completions / report.workSeconds).toFixed(1)}/s`,
    `claims       ${account.claims}, of them released ${account.releases}, failed ${account.failures}, taken back ${account.reclaims}`,
    `lives        ${report.lives}, ${report.kills} killed, ${account.deaths} deaths (${account.neverBegan} of starts that a full disk cut short), ${account.quarantined} videos quarantined`,
    `kill to the video's next claim: median ${at(recoveries, 0.5)}, p95 ${at(recoveries, 0.95)}, longest ${at(recoveries, 1)} of ${recoveries.length}`,
    `memory (PSS) instances ${memory.start.join(" + ")} MB -> ${memory.end.join(" + ")} MB, daemon ${memory.daemonStart} -> ${memory.daemonEnd} MB`,
    `journal      ${account.journalLines} lines, ${(report.journalBytes / 1048576).toFixed(1)} MB, ${account.owed} lines owed by killed instances`,
    `refused      ${report.refused.length} commands of a person`,
    ...report.refused.slice(0, 3).map((line) => `             ${line.split("\n")[0]}`),
    ...report.skipped.map((line) => `skipped      ${line}`),
    ...problems.slice(0, NAMED).map((problem) => `PROBLEM      ${problem}`),
    ...(problems.length > NAMED ? [`and ${problems.length - NAMED} more`] : []),
    problems.length === 0 ? "0 lost, 0 double" : `${problems.length} problems`,
  ];
  return lines.join("\n");
}

function at(sorted: number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  return value === undefined ? "-" : `${Math.round(value)} ms`;
}
