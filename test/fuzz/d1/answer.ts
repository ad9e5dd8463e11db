// An answer of D1 on its way to be broken, and what the driver may conclude from what is left of it.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Chance } from "../random.ts";

/** What the driver may conclude: all is well; nothing at all; that nothing was changed; that the statement is to blame. */
export type Meaning = "whole" | "nothing" | "not applied" | "statement refused";

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** The envelope as D1 has it. */
  truth: Envelope;
  /** Of another host, where a redirect would lead. */
  elsewhere: string;
}

export interface Envelope {
  success: unknown;
  result: Result[];
  errors: unknown[];
  messages: unknown[];
}

export interface Result {
  results: { columns: string[]; rows: unknown[][] };
  success: boolean;
  meta: Record<string, unknown>;
}

export interface Mutation {
  name: string;
  meaning: Meaning;
  answer(exchange: Exchange, chance: Chance): Promise<void> | void;
}

export function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body);
}
