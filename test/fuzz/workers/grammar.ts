// One hostile Worker, by its number: what it does to video 66; every other video is answered well.
import { Chance } from "../random.ts";
import { makeAnswer } from "./answers.ts";
import { EXPORTS, makeTopLevel, NO_WORKERS } from "./modules.ts";
import { makeStatement, type Piece } from "./statements.ts";

export interface HostileWorker {
  /** What it does, in words. */
  names: string[];
  source: string;
  isolation: "thread" | "process";
  /** May end or hold up what it runs in. */
  deadly: boolean;
  /** Healthy videos may fail in it, too. */
  poison: boolean;
  node: boolean;
}

const HEALTHY = `if (!request.url.includes("/66/")) return Response.json("fine");`;

export function makeWorker(seed: number, index: number): HostileWorker {
  const chance = new Chance(seed, index);
  const isolation = chance.maybe(0.25) ? "process" : "thread";
  if (chance.maybe(0.05)) {
    const name = chance.pick(Object.keys(NO_WORKERS));
    return {
      names: [`exports ${name}`],
      source: `${NO_WORKERS[name]};\n`,
      isolation,
      deadly: true,
      poison: true,
      node: false,
    };
  }
  const top = chance.maybe(0.25) ? [makeTopLevel(chance)] : [];
  const statements = Array.from({ length: chance.pick([0, 1, 1, 1, 2, 3]) }, () => makeStatement(chance));
  const answer = makeAnswer(chance);
  const kind = chance.pick(Object.keys(EXPORTS));
  const body = [HEALTHY, ...statements.map(({ code }) => `{ ${code}; }`), `${answer.code};`].join("\n  ");
  const pieces: (Piece & { name: string })[] = [...top, ...statements, answer];
  return {
    names: [...pieces.map(({ name }) => name), `as ${kind}`],
    source: `${top.map(({ code }) => `${code};\n`).join("")}${EXPORTS[kind]?.(body)};\n`,
    isolation,
    deadly: pieces.some((piece) => piece.deadly),
    poison: pieces.some((piece) => piece.poison),
    node: pieces.some((piece) => piece.node),
  };
}
