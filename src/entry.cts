// What PM2 loads first. CommonJS and free of packages, so that a wrong Node gets a sentence instead of a crash in native
// code, and so that handlers stand before anything can fail: PM2 calls an uncaught error an exit with code 0, and does
// not notice a rejection at all.
const DO_NOT_RESTART = 42;
const CRASHED = 1;
/** PM2 writes our output files asynchronously; a line needs this long to arrive. */
const LAST_WORDS_MS = 150;

function end(code: number, line: string): void {
  console.error(line);
  setTimeout(() => process.exit(code), LAST_WORDS_MS);
}

/** A Worker hosted in this process may throw anything, `null` and what throws when it is looked at among it. */
function crash(thrown: unknown): void {
  let shown = "something that cannot be shown";
  try {
    shown = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  } catch {
    // An error in here would end the process with Node's own code 7.
  }
  starts?.crash();
  end(CRASHED, `hidb: ${shown}`);
}

/** Resolves after the wait that failed starts have earned; who is told to leave meanwhile leaves at once. */
async function awaitTurn(starts: Starts): Promise<void> {
  const waitMs = starts.begin();
  if (waitMs === 0) return;
  const leave = () => {
    starts.forget();
    process.exit(0);
  };
  const hear = (message: unknown) => message === "shutdown" && leave();
  process.on("SIGINT", leave).on("SIGTERM", leave).on("message", hear);
  console.log(`hidb: waits ${waitMs} ms, since ${starts.failed} starts in a row have failed`);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  process.off("SIGINT", leave).off("SIGTERM", leave).off("message", hear);
}

/** Of src/starts.ts, which an old Node cannot load. */
interface Starts {
  readonly failed: number;
  begin(): number;
  up(): void;
  crash(): void;
  forget(): void;
}
let starts: Starts | undefined;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  end(
    DO_NOT_RESTART,
    `hidb: expected Node 22.13 or newer, got ${process.versions.node} at ${process.execPath}. ` +
      "Fix: the PM2 daemon runs on that Node; run `pm2 kill` and start it again with a newer one (`npx pm2 start ...` uses the project's own).",
  );
} else {
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  import("./starts.js")
    .then(({ Starts }) => {
      starts = new Starts();
      return awaitTurn(starts);
    })
    .then(() => import("./main.js"))
    .then(({ main }) => main(() => starts?.up()))
    .then((code: number) => {
      if (code !== CRASHED) starts?.forget();
      if (code === 0) process.exit(0);
      setTimeout(() => process.exit(code), LAST_WORDS_MS);
    })
    .catch(crash);
}
