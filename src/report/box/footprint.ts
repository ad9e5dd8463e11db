// What this instance takes of the box: its own memory and that of all its children, shared pages counted by their share.
import { readdirSync, readFileSync } from "node:fs";
import type { Millis } from "../../video.js";

/** The kernel walks all pages to tell the share, 2 ms for 150 MB; in between the growth of RSS is added, 10 us. */
const SHARE_EVERY_MS = 10_000;

interface Measured {
  shareBytes: number;
  rssBytes: number;
  at: Millis;
}

export class Footprint {
  readonly #measured = new Map<number, Measured>();

  /** Bytes of this process and its descendants. */
  read(now: Millis): number {
    const children = descendants();
    let bytes = this.#of(process.pid, process.memoryUsage.rss(), now);
    for (const pid of children) {
      const rssBytes = rssOf(pid);
      if (rssBytes !== undefined) bytes += this.#of(pid, rssBytes, now);
    }
    if (this.#measured.size > children.length + 1) this.#forgetAllBut(children);
    return bytes;
  }

  #of(pid: number, rssBytes: number, now: Millis): number {
    let last = this.#measured.get(pid);
    if (last === undefined || now - last.at >= SHARE_EVERY_MS) {
      last = { shareBytes: shareOf(pid) ?? rssBytes, rssBytes, at: now };
      this.#measured.set(pid, last);
    }
    return Math.max(0, last.shareBytes + rssBytes - last.rssBytes);
  }

  #forgetAllBut(children: number[]): void {
    for (const pid of this.#measured.keys())
      if (pid !== process.pid && !children.includes(pid)) this.#measured.delete(pid);
  }
}

/** Children, their children and so on; none where there is no /proc. One that has left its family is not found. */
function descendants(): number[] {
  const family = childrenOf("self");
  for (const pid of family) family.push(...childrenOf(pid));
  return family;
}

function childrenOf(pid: number | "self"): number[] {
  try {
    // Each thread has a list of those that it has started.
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function rssOf(pid: number): number | undefined {
  try {
    return kilobytes("VmRSS", readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return undefined;
  }
}

function shareOf(pid: number): number | undefined {
  try {
    return kilobytes("Pss", readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  } catch {
    return undefined;
  }
}

function kilobytes(name: string, text: string): number | undefined {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}
