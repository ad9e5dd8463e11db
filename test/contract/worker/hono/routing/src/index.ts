// A Hono app that uses what Hono apps use.
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, getCookie, getSignedCookie, setCookie, setSignedCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { logger } from "hono/logger";
import { prettyJSON } from "hono/pretty-json";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { stream, streamSSE, streamText } from "hono/streaming";
import { timeout } from "hono/timeout";
import { validator } from "hono/validator";
import { views } from "./views.js";

interface Bindings {
  GREETING: string;
}

const app = new Hono<{ Bindings: Bindings; Variables: { user: string; steps: string[] } }>();

app.use("/logged/*", logger());
app.use("/steps/*", async (c, next) => {
  c.set("steps", ["before"]);
  await next();
  c.header("x-steps", [...c.get("steps"), "after"].join(","));
});

app.get("/", (c) => c.text(`${c.env.GREETING} Hono`));
app.get("/users/:id{[0-9]+}", (c) =>
  c.json({ id: Number(c.req.param("id")), query: c.req.query(), tags: c.req.queries("tag") ?? [] }),
);
app.get("/users/:name", (c) => c.json({ name: c.req.param("name"), agent: c.req.header("x-agent") ?? null }));
app.get("/files/*", (c) => c.text(c.req.path));
app.get("/optional/:a?", (c) => c.json({ a: c.req.param("a") ?? null }));
app.get("/steps/here", (c) => {
  c.get("steps").push("inside");
  return c.text("steps");
});
app.post("/echo", async (c) => c.json({ type: c.req.header("content-type") ?? null, body: await c.req.text() }, 201));
app.post("/json", async (c) => c.json(await c.req.json()));
app.post("/form", async (c) => c.json(await c.req.parseBody({ all: true })));
app.on(["PUT", "PATCH"], "/both", (c) => c.text(c.req.method));
app.all("/any", (c) => c.text(c.req.method));
app.get("/logged/a", (c) => c.text("logged"));
app.get("/moved", (c) => c.redirect("/users/7", 301));
app.get("/empty", (c) => c.body(null, 204));
app.get("/bytes", (c) => c.body(new Uint8Array([1, 2, 255]), 200, { "content-type": "application/octet-stream" }));
app.get("/html", (c) => c.html("<p>hé</p>"));
app.get("/pretty", prettyJSON(), (c) => c.json({ a: { b: 1 } }));

app.get("/cookies/set", async (c) => {
  setCookie(c, "plain", "a b", { path: "/", httpOnly: true, maxAge: 60 });
  await setSignedCookie(c, "signed", "value", "secret", { secure: true, sameSite: "Strict" });
  deleteCookie(c, "old");
  return c.text("set");
});
app.get("/cookies/get", async (c) =>
  c.json({
    all: getCookie(c),
    signed: await getSignedCookie(c, "secret", "signed"),
    forged: await getSignedCookie(c, "other", "signed"),
  }),
);

app.get("/fail", () => {
  throw new Error("on purpose");
});
app.get("/refuse", () => {
  throw new HTTPException(418, { message: "a teapot" });
});
app.get("/rejects", async () => Promise.reject(new TypeError("later")));
app.get("/timeout", timeout(20), async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return c.text("late");
});

app.post(
  "/validated",
  validator("json", (value: unknown, c) => {
    const { count } = (value ?? {}) as { count?: unknown };
    return typeof count === "number" ? { count } : c.json({ error: "count must be a number" }, 400);
  }),
  (c) => c.json({ doubled: c.req.valid("json").count * 2 }),
);
app.post("/small", bodyLimit({ maxSize: 10, onError: (c) => c.text("too large", 413) }), async (c) =>
  c.text(await c.req.text()),
);

app.use("/private/*", basicAuth({ username: "ada", password: "lovelace" }));
app.get("/private/page", (c) => c.text("private"));
app.use("/token/*", bearerAuth({ token: "t0ken" }));
app.get("/token/page", (c) => c.text("token"));
app.use(
  "/api/*",
  cors({ origin: "http://page.example", allowMethods: ["GET", "POST"], maxAge: 600, credentials: true }),
);
app.get("/api/data", (c) => c.json({ data: 1 }));
app.get("/tagged", etag(), (c) => c.text("tagged content"));
app.get("/secure", secureHeaders(), (c) => c.text("secure"));
app.get("/id", requestId({ generator: () => "made-up" }), (c) => c.json(c.get("requestId").length));

app.get("/stream", (c) =>
  stream(c, async (to) => {
    await to.write(new Uint8Array([104, 105]));
    await to.pipe(new Response(" there").body as ReadableStream);
  }),
);
app.get("/stream-text", (c) =>
  streamText(c, async (to) => {
    for (const line of ["one", "two", "three"]) {
      await to.writeln(line);
      await to.sleep(5);
    }
  }),
);
app.get("/sse", (c) =>
  streamSSE(c, async (to) => {
    for (let id = 0; id < 3; id++) await to.writeSSE({ data: `message ${id}`, event: "tick", id: String(id) });
  }),
);

let waited = 0;
app.get("/wait", (c) => {
  c.executionCtx.waitUntil(new Promise<void>((resolve) => setTimeout(resolve, 10)).then(() => void waited++));
  return c.text("answered");
});
app.get("/waited", async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return c.json(waited);
});
app.get("/fetch/:path{.+}", async (c) => {
  const outside = (c.env as Bindings & { OUTSIDE: string }).OUTSIDE;
  return fetch(`${outside}/${c.req.param("path")}`);
});

const admin = new Hono()
  .basePath("/admin")
  .get("/", (c) => c.text("admin"))
  .get("/:page", (c) => c.text(`admin ${c.req.param("page")}`));
app.route("/", admin);
app.route("/views", views);
app.notFound((c) => c.json({ missing: c.req.path }, 404));
app.onError((error, c) => {
  if (error instanceof HTTPException) return error.getResponse();
  return c.json({ error: error.message, name: error.name }, 500);
});

export default app;
