// What a heartbeat has found becomes what the instance knows and does.
import { EXIT } from "../errors.js";
import type { Beat } from "../store/store.js";
import { releaseUnstarted } from "./journey.js";
import type { LoopParts } from "./loop-parts.js";

export async function applyBeat(beat: Beat, parts: LoopParts): Promise<void> {
  const { pool, inHand, memory, memoryWatch, stops, ending, report } = parts;
  if (!beat.renewed) {
    // Another host took this instance for dead: its videos are somebody else's by now, and a new life starts clean.
    inHand.stopAll("lost");
    ending.request("its lease was taken for expired", EXIT.recycle);
    return;
  }
  const { view } = beat;
  inHand.stop(beat.lost, "lost");
  report({ type: "lease.renewed", at: beat.at, until: beat.leaseUntil });
  const changed = view.count !== pool.view.count || view.rank !== pool.view.rank;
  if (changed) report({ type: "pool.changed", ...view });
  pool.view = view;
  memory.noteOthers(beat.memory);
  memory.noteBegun(beat.begun);
  if (beat.begun) report({ type: "instance.working", ...view });
  if (beat.suspect !== undefined) inHand.suspect = beat.suspect;
  if (stops.update()) releaseUnstarted(parts);
  await memoryWatch.look();
}
