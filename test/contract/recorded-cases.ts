// Runs every recorded case over a home and compares with what D1 was seen to do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.ts";
import { AREAS } from "./cases/all.ts";
import { differenceOf, type Home } from "./differences.ts";
import { outcomeText, recordedOutcome } from "./recorded.ts";
import { outcomeOf } from "./serialise.ts";

export interface Opener {
  /** An empty database each time. */
  open(): Promise<Database>;
  close(): Promise<void>;
}

export function describeRecordedCases(home: Home, start: () => Promise<Opener>): void {
  describe(`what D1 was seen to do, over ${home}`, () => {
    let opener: Opener;

    beforeAll(async () => {
      opener = await start();
    });
    afterAll(() => opener.close());

    for (const [area, cases] of Object.entries(AREAS)) {
      describe(area, () => {
        for (const [name, run] of Object.entries(cases)) {
          const difference = differenceOf(home, area, name);
          it(difference === undefined ? name : `${name} (not here: ${difference.reason})`, async () => {
            const database = await opener.open();
            const outcome = outcomeText(await outcomeOf(() => run(database)));
            await database.close();
            if (difference === undefined) expect(outcome).toBe(recordedOutcome(area, name));
            // A difference that is gone has to leave the list, or the list would grow old.
            else expect(outcome).not.toBe(recordedOutcome(area, name));
          });
        }
      });
    }
  });
}
