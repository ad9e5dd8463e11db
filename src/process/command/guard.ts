// Part of the processor `command`: ends the children of an instance that was killed.
// A child outlives a SIGKILL of its parent (facts/pm2.md, 0.9), and a blocked parent cannot end it either. So each
// instance holds the pipe of one small shell beside it. When the pipe closes, the instance is gone, however it went.
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";

/** The variable that marks the children; its name must not begin with HIDB_, or a hidb among them would refuse it. */
export const MARK = "_HIDB_GUARD";

// Only process ids and marks of our own making pass through this shell, never anything of a video.
// `sweep` finds by its mark what has left its group (setsid, timeout) or was started but not yet announced; it looks
// again while it finds something, since what it ends may just have started another. Without /proc it finds nothing.
const SCRIPT = `
trap '' INT TERM HUP
groups=' ' clean=
sweep() {
  for round in 1 2 3 4 5 6 7 8 9 10; do
    found=$(grep -lsF "$1" /proc/[0-9]*/environ)
    [ -n "$found" ] || return
    for file in $found; do pid=\${file#/proc/}; kill -KILL "\${pid%/environ}"; done
  done
}
while read -r verb value; do
  case $verb in
    watch) groups="$groups$value " ;;
    forget) groups="\${groups%% $value *} \${groups#* $value }" ;;
    sweep) sweep "$value" ;;
    leave) clean=1 ;;
  esac
done
for group in $groups; do kill -KILL "-$group"; done
[ -n "$clean" ] || sweep "$1"
`;

/** Measured: 0.3 MB PSS, against 20 MB of a second Node. */
export class Guard {
  readonly #life: string;
  readonly #path: string;
  readonly #groups = new Set<number>();
  #shell: ChildProcess | null = null;
  #closed = false;

  /** `life` is unique to this instance; the shell finds its tools on `path`. */
  constructor({ life, path }: { life: string; path: string }) {
    this.#life = life;
    this.#path = path;
  }

  /** What a child carries in its environment; the dots keep 1 apart from 12. */
  markOf(child: number): string {
    return `${this.#life}.${child}.`;
  }

  /** To be called before the first child is started, and cheap when called again. */
  open(): void {
    if (this.#shell !== null || this.#closed) return;
    const shell = spawn("/bin/sh", ["-c", SCRIPT, "hidb-guard", `${MARK}=${this.#life}.`], {
      detached: true, // The Ctrl-C of a terminal reaches a whole group.
      env: { PATH: this.#path },
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#shell = shell;
    // Neither the shell nor its pipe keeps an instance alive that has nothing else to do.
    shell.unref();
    if (shell.stdin instanceof Socket) shell.stdin.unref();
    shell.stdin?.on("error", () => {}); // A shell that died says so by "exit".
    shell.once("error", () => this.#reopen(shell)).once("exit", () => this.#reopen(shell));
    for (const group of this.#groups) this.#say("watch", group);
  }

  /** Node hands so short a line to the pipe within this call, so that it arrives even when the next one blocks. */
  watch(group: number): void {
    this.#groups.add(group);
    this.#say("watch", group);
  }

  forget(group: number): void {
    this.#groups.delete(group);
    this.#say("forget", group);
  }

  /** Ends what has left its group, wherever it went. */
  sweep(mark: string): void {
    this.#say("sweep", `${MARK}=${mark}`);
  }

  /** After the last child has ended; what has made itself independent on purpose lives on. */
  close(): void {
    this.#closed = true;
    this.#say("leave", "");
    this.#shell?.stdin?.end();
  }

  #say(verb: "watch" | "forget" | "sweep" | "leave", value: number | string): void {
    this.#shell?.stdin?.write(`${verb} ${value}\n`);
  }

  #reopen(shell: ChildProcess): void {
    if (this.#shell !== shell) return;
    this.#shell = null;
    if (this.#groups.size > 0) this.open(); // Otherwise the next child opens it.
  }
}
