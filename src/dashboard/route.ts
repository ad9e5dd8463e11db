// A path of the API as a value: what it takes, what it answers, and how. The same schemas check requests and describe them
// in /api/v1/openapi.json.
import * as v from "valibot";
import { ApiRefusal } from "./refusal.js";
import type { View } from "./view.js";

type Schema = v.GenericSchema<unknown, unknown>;
/** Of a query or a path: what arrives are texts. */
type Fields = v.GenericSchema<unknown, Record<string, unknown>>;

interface Parts<P, Q, B> {
  params: P;
  query: Q;
  body: B;
}

interface Spec<P extends Fields, Q extends Fields, B extends Schema, A extends Schema> {
  method: "GET" | "POST";
  /** As OpenAPI has it: `/api/v1/videos/{id}`. */
  path: string;
  summary: string;
  /** `change` needs the token. */
  access: "read" | "change";
  params?: P;
  query?: Q;
  body?: B;
  answer: A;
  /** 200 if not said. */
  status?: 202;
  /** Undefined stands for 204: there is nothing. */
  mayBeEmpty?: boolean;
  /** Bytes of the body at most, where more than usual may come. */
  bodyLimit?: number;
  handle(
    parts: Parts<v.InferOutput<P>, v.InferOutput<Q>, v.InferOutput<B>>,
    view: View,
  ): Promise<v.InferInput<A> | undefined>;
}

export interface Route extends Pick<Spec<Fields, Fields, Schema, Schema>, "method" | "path" | "summary" | "access"> {
  params?: Fields | undefined;
  query?: Fields | undefined;
  body?: Schema | undefined;
  answer: Schema;
  status: 200 | 202;
  mayBeEmpty: boolean;
  bodyLimit: number;
  run(parts: Parts<unknown, unknown, unknown>, view: View): Promise<unknown>;
}

const BODY_LIMIT = 65_536;
const NOTHING = v.strictObject({});

export function route<
  A extends Schema,
  P extends Fields = typeof NOTHING,
  Q extends Fields = typeof NOTHING,
  B extends Schema = typeof NOTHING,
>(spec: Spec<P, Q, B, A>): Route {
  const { method, path, summary, access, params, query, body, answer, status = 200 } = spec;
  const { mayBeEmpty = false, bodyLimit = BODY_LIMIT } = spec;
  return {
    ...{ method, path, summary, access, params, query, body, answer, status, mayBeEmpty, bodyLimit },
    run: (given, view) =>
      spec.handle(
        {
          params: check(params ?? NOTHING, given.params, "the path") as v.InferOutput<P>,
          query: check(query ?? NOTHING, given.query, "the query") as v.InferOutput<Q>,
          body: check(body ?? NOTHING, given.body, "the body") as v.InferOutput<B>,
        },
        view,
      ),
  };
}

const LONGEST_MESSAGE = 280;

function check<S extends Schema>(schema: S, given: unknown, where: string): v.InferOutput<S> {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const name = v.getDotPath(issue);
  const expected = issue.expected ?? "another value";
  const message = `expected ${name === null ? where : `\`${name}\` of ${where}`} to be ${expected}, got ${issue.received}`;
  throw new ApiRefusal({
    status: 400,
    code: "REQUEST_INVALID",
    message: message.slice(0, LONGEST_MESSAGE),
    fix: "see /api/v1/openapi.json",
  });
}
