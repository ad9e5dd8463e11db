// An instance that has claimed everything, and a settler of its own.
import type { Instance } from "../../src/claim/membership.js";
import type { HidbError } from "../../src/errors.js";
import { Settler, type SettlerOptions } from "../../src/settle/settler.js";
import { LOCAL_SETTLEMENTS } from "../../src/store/local.js";
import type { Claim } from "../../src/video.js";
import type { World } from "../claim/world.js";

export const OPTIONS = {
  maxAttempts: 3,
  groupCount: 50,
  groupMs: 50,
  backoffMs: 1000,
  backoffMaxMs: 300_000,
};

export interface Desk {
  instance: Instance;
  settler: Settler;
  claims: Map<number, Claim>;
  troubles: HidbError[];
  claim(id: number): Claim;
}

export async function openDesk(world: World, options: Partial<SettlerOptions> = {}): Promise<Desk> {
  const instance = await world.instance();
  const troubles: HidbError[] = [];
  const settler = new Settler({
    ...OPTIONS,
    instance: instance.id,
    database: world.database,
    clock: world.clock,
    onTrouble: (error) => troubles.push(error),
    style: LOCAL_SETTLEMENTS,
    ...options,
  });
  const claimed = await (await world.claimerOf(instance)).claimVideos({ limit: 10_000, alone: false });
  const claims = new Map(claimed.map((claim) => [claim.video.id, claim]));
  return {
    instance,
    settler,
    claims,
    troubles,
    claim(id) {
      const claim = claims.get(id);
      if (claim === undefined) throw new Error(`expected a claim on ${id}`);
      return claim;
    },
  };
}
