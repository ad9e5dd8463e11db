// `npm run faults [-- nth|disk ...]`: what breaks, everywhere that it can break; each kind takes minutes.
const KINDS: Record<string, (argv: string[]) => Promise<number | undefined>> = {
  nth: async (argv) => (await import("./nth/run.ts")).runNth(argv),
  disk: async (argv) => {
    await (await import("./disk/run.ts")).runDisk(argv);
    return undefined;
  },
};

const [kind, ...argv] = process.argv.slice(2);
const chosen = kind === undefined ? Object.values(KINDS) : [KINDS[kind]];
for (const run of chosen) {
  if (run === undefined) {
    console.error(`error: expected ${Object.keys(KINDS).join(" or ")}, got ${kind}`);
    process.exitCode = 2;
  } else process.exitCode = Math.max(Number(process.exitCode ?? 0), (await run(argv)) ?? 0);
}
