// Static files: `env.ASSETS`, and the requests that files answer before the Worker is asked.
import type { FetchAnswer } from "../host/protocol.js";
import type { AssetsPlan } from "../plan.js";
import type { Realm } from "../realm.js";
import { escapePattern } from "./assets/escape.js";
import { type Asked, AssetServer } from "./assets/server.js";

/** What `env.ASSETS` is: a service that gives out files. */
export interface AssetsBinding {
  fetch(input: unknown, init?: RequestInit): Promise<Response>;
}

export function makeAssets(directory: string, { plan }: Pick<Realm, "plan">): AssetsBinding {
  const server = serverOf(plan.assets ?? { ...PLAIN, directory });
  return {
    async fetch(input, init) {
      // The Worker's own classes: what it is given has to be an instance of what it knows.
      const { Request, Response } = globalThis;
      const request = new Request(input as string | URL | Request, init);
      const { url, method } = request;
      const { status, statusText, headers, body } = server.answer({ url, method, headers: [...request.headers] });
      return new Response(body, { status, statusText, headers });
    },
  };
}

/** Who answers a request to the Worker's own address: the files, with this answer, or (null) the Worker. */
export function routeToAssets(plan: AssetsPlan, asked: Asked): FetchAnswer | null {
  const { pathname } = new URL(asked.url);
  const server = serverOf(plan);
  if (plan.assetPaths.some((path) => matches(path, pathname, plan))) return server.answer(asked);
  if (plan.workerPaths.some((path) => matches(path, pathname, plan))) return null;
  switch (plan.otherwise) {
    case "worker":
      return null;
    case "assets":
      return server.answer(asked);
    case "found":
      return server.canAnswer(asked) ? server.answer(asked) : null;
    default:
      return plan.otherwise satisfies never;
  }
}

/** In a Pages project `/a/*` is also `/a`, and a slash at the end makes no difference. */
function matches(path: string, pathname: string, { notFound }: AssetsPlan): boolean {
  const isExact = notFound !== "pages" || path === "/" || path === "/*";
  const [base, end] = isExact
    ? [path, ""]
    : path.endsWith("/*")
      ? [path.slice(0, -"/*".length), "(/.*)?"]
      : [path.replace(/\/$/, ""), "/?"];
  return new RegExp(`^${base.split("*").map(escapePattern).join(".*")}${end}$`).test(pathname);
}

const PLAIN: Omit<AssetsPlan, "directory"> = {
  htmlHandling: "auto-trailing-slash",
  notFound: "none",
  navigation: false,
  assetPaths: [],
  workerPaths: [],
  otherwise: "worker",
};

const servers = new WeakMap<AssetsPlan, AssetServer>();

function serverOf(plan: AssetsPlan): AssetServer {
  const server = servers.get(plan) ?? new AssetServer(plan);
  servers.set(plan, server);
  return server;
}
