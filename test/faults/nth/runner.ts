// A process that runs one command of hidb after another, each with a fault of its own: twenty times as fast as a process
// for each. What kills is left to real processes.
import { fileURLToPath } from "node:url";
import type { Done, Order } from "./order.ts";
import { arm, disarm } from "./preload.ts";

const { runProgram } = (await import(fileURLToPath(new URL("../../../dist/cli/program.js", import.meta.url)))) as {
  runProgram: (argv: string[]) => Promise<number>;
};
// Each command listens to both streams once more.
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);

const said = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"] as const) {
  process[name].write = (chunk: string | Uint8Array) => {
    said[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    return true;
  };
}
process.on("unhandledRejection", (reason) => {
  said.stderr += `unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`;
});
process.on("uncaughtException", (error) => {
  said.stderr += `uncaught exception: ${error.stack}\n`;
});

const inherited = { PATH: process.env.PATH ?? "", NO_COLOR: "1" };

async function obey({ args, cwd, env, fault }: Order): Promise<Done> {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, inherited, env);
  process.chdir(cwd);
  process.exitCode = undefined;
  Object.assign(said, { stdout: "", stderr: "" });
  arm(fault);
  const code = await runProgram([process.execPath, "hidb", ...args]);
  // What was left behind without anybody waiting for it shows itself now.
  await new Promise((resolve) => setImmediate(resolve));
  const counted = disarm();
  process.exitCode = undefined;
  return { code, ...said, ...counted };
}

process.on("message", (order: Order) => {
  obey(order).then((done) => process.send?.(done));
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
