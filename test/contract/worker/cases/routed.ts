// A Worker of many small observations: each is an expression with a path of its own, and is called once.
import type { WorkerCase } from "../case.ts";

interface Routed extends Omit<WorkerCase, "source" | "calls"> {
  /** Import declarations, classes and further exports; `request`, `env` and `ctx` belong to the observations. */
  top?: string;
  /** Expressions by name; what they throw is told by name, code and message. */
  observe: Record<string, string>;
}

export function routed({ top = "", observe, ...rest }: Routed): WorkerCase {
  const routes = Object.entries(observe).map(
    ([name, expression]) => `${JSON.stringify(`/${name}`)}: async (request, env, ctx) => (${expression}),`,
  );
  const source = `${top}
const routes = {
  ${routes.join("\n  ")}
};
const shown = (value) => value === undefined ? "undefined" : value;
export default {
  async fetch(request, env, ctx) {
    try {
      return Response.json(shown(await routes[new URL(request.url).pathname](request, env, ctx)));
    } catch (error) {
      const { name, code, message, remote } = error ?? {};
      return Response.json({ thrown: name, code, message, remote });
    }
  },
};
`;
  return { ...rest, source, calls: Object.keys(observe).map((name) => ({ fetch: `/${name}` })) };
}
