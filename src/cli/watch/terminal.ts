// The terminal of `hidb watch`: an alternate screen, single keys; restored on every way out.
import { createLogUpdate } from "log-update";

export interface Terminal {
  size(): { columns: number; rows: number };
  draw(text: string): void;
  /** Restores the terminal; may be called repeatedly. */
  close(): void;
}

export interface TerminalOptions {
  onKey: (key: string) => void;
  onResize: () => void;
}

const ENTER = "\u001b[?1049h\u001b[2J\u001b[H";
const LEAVE = "\u001b[?1049l\u001b[?25h";
const CLEAR = "\u001b[2J\u001b[H";
const CTRL_Z = "\u001a";

export function openTerminal({ onKey, onResize }: TerminalOptions): Terminal {
  const { stdin, stdout } = process;
  let update = createLogUpdate(stdout);
  let open = false;

  const enter = () => {
    open = true;
    stdin.setRawMode(true);
    stdin.resume();
    stdout.write(ENTER);
    update = createLogUpdate(stdout);
  };
  // Called while the process ends, too: a terminal is written to at once.
  const leave = () => {
    if (!open) return;
    open = false;
    try {
      stdin.setRawMode(false);
      stdout.write(LEAVE);
    } catch {
      // The terminal itself has gone.
    }
    stdin.pause();
  };
  const resize = () => {
    // The lines have been wrapped anew: what log-update remembers is no longer valid.
    if (!open) return;
    stdout.write(CLEAR);
    update = createLogUpdate(stdout);
    onResize();
  };
  const hear = (chunk: Buffer) => {
    for (const key of splitKeys(chunk.toString())) {
      if (key === CTRL_Z) suspend();
      else onKey(key);
    }
  };
  const suspend = () => {
    leave();
    process.kill(process.pid, "SIGTSTP");
  };
  const resume = () => {
    if (open) return;
    enter();
    onResize();
  };

  stdin.on("data", hear);
  stdout.on("resize", resize);
  process.on("SIGCONT", resume);
  process.on("exit", leave);
  enter();
  return {
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    draw: (text) => {
      if (open) update(text);
    },
    close: () => {
      stdin.off("data", hear);
      stdout.off("resize", resize);
      process.off("SIGCONT", resume);
      leave();
      process.off("exit", leave);
    },
  };
}

/** One by one, as they were typed; a sequence such as that of an arrow is one key. */
function splitKeys(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how such sequences begin
  return text.match(/\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Z]|[\s\S]/gu) ?? [];
}
