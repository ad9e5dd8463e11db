// Everything that answers requests, loaded with the first of them: pages, API, events, metrics.
import type { RequestListener } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { Attempts } from "./attempts.js";
import { readJsonBody } from "./body.js";
import { Events } from "./events.js";
import { refuseStrangeHost, refuseStranger } from "./guard.js";
import { METRICS_TYPE, writeMetrics } from "./metrics.js";
import { describeApi } from "./openapi.js";
import { PAGE_FILES, PAGE_POLICY, readPageFile } from "./page/files.js";
import { ApiRefusal, toApiRefusal } from "./refusal.js";
import type { Route } from "./route.js";
import { CHANGE_ROUTES } from "./routes/changes.js";
import { OUTSIDE_ROUTES } from "./routes/outside.js";
import { POOL_ROUTES } from "./routes/pool.js";
import { VIDEO_ROUTES } from "./routes/videos.js";
import type { Door, ServedPool } from "./served-pool.js";
import { View } from "./view.js";

type Bindings = { Bindings: HttpBindings & { door: Door } };

/** In this order: `/videos/next` is no video. */
export const ROUTES: Route[] = [...POOL_ROUTES, ...OUTSIDE_ROUTES, ...CHANGE_ROUTES, ...VIDEO_ROUTES];

const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** What answers all but the questions after health. */
export interface App {
  listener(door: Door): RequestListener;
  /** Ends what would never end by itself. */
  close(): void;
}

export function createApp(pool: ServedPool): App {
  const view = new View(pool);
  const events = new Events(view);
  const app = makeRoutes(view, events);
  return {
    listener: (door): RequestListener =>
      getRequestListener((request, env) => app.fetch(request, { ...env, door }), {
        overrideGlobalObjects: false,
        // What is no request, such as one with a broken Host, never comes as far as the routes.
        errorHandler: () => toResponse(NO_REQUEST),
      }),
    close: () => events.close(),
  };
}

function makeRoutes(view: View, events: Events): Hono<Bindings> {
  const { config } = view.pool;
  const app = new Hono<Bindings>();
  const attempts = new Attempts();
  app.use(async (context, next) => {
    refuseStrangeHost(context.req.header("host") ?? null, config);
    // `GET http://name/path`: then this name is the one that was asked for, whatever the header says.
    const target = context.env.incoming.url ?? "";
    if (!target.startsWith("/")) refuseStrangeHost(URL.canParse(target) ? new URL(target).host : null, config);
    await next();
    secure(context.res.headers, PAGE_FILES.has(context.req.path) ? PAGE_POLICY : API_POLICY);
  });
  for (const route of ROUTES) {
    app.on(route.method, route.path.replaceAll(/\{(\w+)\}/g, ":$1"), (context) => answer(route, context));
  }
  app.get("/api/v1/events", () => events.connect());
  app.get("/api/v1/openapi.json", (context) => context.json(describeApi(ROUTES)));
  app.get("/metrics", async ({ env, body }) =>
    body(await writeMetrics(view, env.door), 200, { "content-type": METRICS_TYPE }),
  );
  app.get("/grafana.json", async (context) => context.json(await readGrafana()));
  app.get("*", async (context) => {
    const file = await readPageFile(context.req.path);
    if (file === undefined) throw notFound(context.req.method, context.req.path);
    return context.body(file.body, 200, { "content-type": file.type, "cache-control": "no-cache" });
  });
  app.notFound((context) => toResponse(notFound(context.req.method, context.req.path)));
  app.onError((error) => toResponse(toApiRefusal(error)));
  return app;

  async function answer(route: Route, context: Context<Bindings>): Promise<Response> {
    const { req, env } = context;
    if (route.access === "change") {
      const address = env.incoming.socket.remoteAddress ?? "";
      const asking = { headers: req.raw.headers, address, now: view.pool.clock.monotonic() };
      refuseStranger(asking, config, attempts);
    }
    const body = route.method === "POST" ? await readJsonBody(req.raw, route.bodyLimit) : {};
    const result = await route.run({ params: req.param(), query: req.query(), body }, view);
    return result === undefined ? context.body(null, 204) : context.json(result as object, route.status);
  }
}

/** A dashboard for what /metrics says, to be imported by hand. */
async function readGrafana(): Promise<object> {
  return (await import("./grafana.json", { with: { type: "json" } })).default;
}

function secure(headers: Headers, policy: string): void {
  headers.set("content-security-policy", policy);
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  headers.set("x-frame-options", "DENY");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
}

function toResponse({ parts }: ApiRefusal): Response {
  const { status, code, message, fix, headers = {} } = parts;
  const response = Response.json({ error: { code, message, fix } }, { status, headers });
  secure(response.headers, API_POLICY);
  return response;
}

const NO_REQUEST = new ApiRefusal({
  status: 400,
  code: "REQUEST_INVALID",
  message: "expected a request for a path under a host name, got something else",
  fix: "ask for http://127.0.0.1 and a path of /api/v1/openapi.json",
});

function notFound(method: string, path: string): ApiRefusal {
  return new ApiRefusal({
    status: 404,
    code: "NOT_FOUND",
    message: `expected a path of this server, got ${method} ${path.slice(0, 200)}`,
    fix: "see /api/v1/openapi.json",
  });
}
