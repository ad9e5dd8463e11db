// Every protection that is removed, by the room that it stands in.
import type { Mutation, Room } from "./mutation.ts";
import { CLAIM } from "./rooms/claim.ts";
import { DATABASE } from "./rooms/database.ts";
import { DOORS } from "./rooms/doors.ts";
import { POOL } from "./rooms/pool.ts";
import { RECLAIM } from "./rooms/reclaim.ts";
import { REPORT } from "./rooms/report.ts";
import { SETTLE } from "./rooms/settle.ts";

export const ROOMS: Room[] = [
  { room: "claim", mutations: CLAIM },
  { room: "reclaim", mutations: RECLAIM },
  { room: "settle", mutations: SETTLE },
  { room: "pool", mutations: POOL },
  { room: "report", mutations: REPORT },
  { room: "database", mutations: DATABASE },
  { room: "doors", mutations: DOORS },
];

export const MUTATIONS: Mutation[] = ROOMS.flatMap(({ mutations }) => mutations);

/** The table at the end of test/README.md: a line a mutation. */
export function describeMutations(): string {
  const lines = ROOMS.flatMap(({ room, mutations }) =>
    mutations.map(({ name, tests }) => `| ${room} | ${name} | ${tests.file} |`),
  );
  return ["| part | without | noticed by test/ |", "| --- | --- | --- |", ...lines].join("\n");
}
