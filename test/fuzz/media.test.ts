import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { mediaFolders, readSample } from "./media/files.ts";
import { makeMutant } from "./media/mutate.ts";
import { type Probed, Probing } from "./media/probing.ts";
import { LIES, LyingServer } from "./media/server.ts";
import { Chance } from "./random.ts";

const REGRESSIONS = fileURLToPath(new URL("media/regressions/", import.meta.url));
const FOUND = readdirSync(REGRESSIONS).filter((name) => name.endsWith(".bin"));
/** Ten seconds on a quiet machine; `npm run fuzz -- media` is the long form. */
const MUTANTS = 80;
const SEED = 20_261_124;

const probing = new Probing({ timeoutMs: 2000, memoryMb: 64 });
afterAll(() => probing.close());

function faultless({ faults, outcome }: Probed): void {
  expect(faults, JSON.stringify(outcome).slice(0, 500)).toEqual([]);
}

describe("a media file that was made to do harm", () => {
  it.each(FOUND)("%s ends as a sane outcome", async (name) => {
    faultless(await probing.run(readFileSync(`${REGRESSIONS}${name}`)));
  });

  it(`ends as a sane outcome, whatever was done to it (seed ${SEED})`, async () => {
    const { samples } = mediaFolders();
    for (let index = 0; index < MUTANTS; index++) {
      const { base, steps, content } = makeMutant(samples, SEED, index);
      const { faults } = await probing.run(content);
      expect(faults, `mutant ${index} of seed ${SEED}, ${base}: ${steps.join(", ")}`).toEqual([]);
    }
  });
});

describe("a media file behind a server", () => {
  it.each(Object.keys(LIES))("that sends %s ends as a sane outcome", async (lie) => {
    const server = await LyingServer.open();
    const content = readSample("opus.ogg");
    for (let index = 0; index < 4; index++) {
      faultless(await probing.run(content, server.serve(content, lie, new Chance(SEED, index))));
    }
    await server.close();
  });

  it("that does not tell of how many bytes it sends a part is asked for all of them", async () => {
    const server = await LyingServer.open();
    const content = readSample("opus.ogg");
    const { outcome, faults } = await probing.run(content, server.serve(content, "a part without its place", always()));
    expect(faults).toEqual([]);
    expect(outcome).toMatchObject({ kind: "completed" });
    await server.close();
  });

  it("that never stops sending is given up as soon as it has sent too much", async () => {
    const server = await LyingServer.open();
    const content = readSample("h264-aac.mp4");
    const { outcome } = await probing.run(content, server.serve(content, "no end", always()));
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("sent more than the 85024 bytes") });
    await server.close();
  });
});

/** Each request gets the lie. */
function always(): Chance {
  const chance = new Chance(SEED);
  chance.maybe = () => true;
  return chance;
}
