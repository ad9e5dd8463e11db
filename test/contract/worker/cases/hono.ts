// Hono apps as people have them, built by wrangler: ../hono/.
import type { Call, WorkerCases } from "../case.ts";

const get = (...paths: string[]): Call[] => paths.map((path) => ({ fetch: path }));
const withHeaders = (path: string, headers: Record<string, string>, method = "GET"): Call => ({
  fetch: path,
  method,
  headers,
});
const post = (path: string, body: string, type = "application/json"): Call => ({
  fetch: path,
  method: "POST",
  headers: { "content-type": type },
  body,
});
const basic = (user: string) => ({ authorization: `Basic ${btoa(user)}` });
const of = (name: string): { project: string; vars: Record<string, string> } => ({
  project: `hono/${name}`,
  vars: name === "routing" ? { GREETING: "hello" } : { WORKERS: "3" },
});

export const hono: WorkerCases = {
  "Hono routes by path, parameter and method": {
    ...of("routing"),
    calls: [
      ...get("/", "/users/7?tag=a&tag=b&x=%C3%A4", "/users/ada", "/files/a/b.txt", "/optional", "/optional/x"),
      ...get("/steps/here", "/logged/a", "/moved", "/empty", "/bytes", "/html", "/pretty?pretty", "/nowhere"),
      ...["PUT", "PATCH", "DELETE"].map((method) => ({ fetch: "/both", method })),
      ...["GET", "HEAD", "OPTIONS", "DELETE"].map((method) => ({ fetch: "/any", method })),
      ...get("/admin", "/admin/page"),
      { fetch: "/", method: "HEAD" },
      withHeaders("/users/grace", { "x-agent": "test" }),
    ],
  },
  "Hono reads bodies": {
    ...of("routing"),
    calls: [
      post("/echo", "plain text", "text/plain"),
      post("/json", '{"a":[1,2,{"b":"ü"}]}'),
      post("/json", "{oops"),
      post("/form", "a=1&a=2&b=%20x", "application/x-www-form-urlencoded"),
      post(
        "/form",
        '--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\ntwo\r\n--XX--\r\n',
        "multipart/form-data; boundary=XX",
      ),
      post("/validated", '{"count":21}'),
      post("/validated", '{"count":"21"}'),
      post("/small", "small", "text/plain"),
      post("/small", "larger than ten bytes", "text/plain"),
    ],
  },
  "Hono sets, signs and reads cookies": {
    ...of("routing"),
    calls: [
      ...get("/cookies/set", "/cookies/get"),
      withHeaders("/cookies/get", {
        cookie: "a=1; b=%20two; signed=value.UOA%2BvmW%2BmLuL8RuiyJLVTAeayisNOwFidpxtdXolQ08%3D",
      }),
      withHeaders("/cookies/get", { cookie: "signed=value.forged" }),
    ],
  },
  "Hono answers for errors": {
    ...of("routing"),
    calls: get("/fail", "/refuse", "/rejects", "/timeout", "/nowhere/at/all"),
  },
  "Hono guards with passwords, tokens and origins": {
    ...of("routing"),
    calls: [
      ...get("/private/page", "/token/page", "/api/data", "/secure", "/id"),
      withHeaders("/private/page", basic("ada:lovelace")),
      withHeaders("/private/page", basic("ada:byron")),
      withHeaders("/token/page", { authorization: "Bearer t0ken" }),
      withHeaders("/token/page", { authorization: "Bearer other" }),
      withHeaders("/api/data", { origin: "http://page.example" }),
      withHeaders(
        "/api/data",
        {
          origin: "http://page.example",
          "access-control-request-method": "POST",
          "access-control-request-headers": "x-a",
        },
        "OPTIONS",
      ),
    ],
  },
  "Hono tags what it answers": {
    ...of("routing"),
    calls: [
      ...get("/tagged"),
      withHeaders("/tagged", { "if-none-match": '"a89344843cecf2392dc98096927fe091e03861a1"' }),
      withHeaders("/tagged", { "if-none-match": "*" }),
    ],
  },
  "Hono streams, waits and fetches": {
    ...of("routing"),
    calls: get(
      "/stream",
      "/stream-text",
      "/sse",
      "/wait",
      "/waited",
      "/fetch/json",
      "/fetch/status/404",
      "/fetch/redirect/2",
      "/fetch/set-cookies",
      "/fetch/stream/3",
    ),
  },
  "Hono renders JSX": { ...of("routing"), calls: get("/views/page", "/views/layout") },
  "the hidb app processes videos after it has answered": {
    ...of("hidb"),
    d1: ["DB"],
    calls: [
      ...get("/api/videos"),
      { fetch: "/api/setup?count=9", method: "POST" },
      ...get("/api/videos", "/api/videos?page=3", "/api/videos/2", "/api/videos/99", "/api/progress"),
      { fetch: "/api/videos/1/process?worker_id=1", method: "POST" },
      ...get("/api/progress?settled=1", "/api/videos/1"),
      { fetch: "/api/videos/1/process?worker_id=1", method: "POST" },
      { fetch: "/api/videos/2/process?worker_id=1", method: "POST" },
      { fetch: "/api/videos/99/process", method: "POST" },
      { fetch: "/api/videos/3/process", method: "POST" },
      { fetch: "/api/videos/4/process?worker_id=1", method: "POST" },
      ...get("/api/progress?settled=1", "/api/videos?status=failed", "/api/videos/3"),
      { scheduled: { cron: "*/5 * * * *", scheduledTime: 1_790_000_000_000 } },
      ...get("/api/videos/4"),
    ],
  },
  "the hidb app takes videos from a queue": {
    ...of("hidb"),
    d1: ["DB"],
    calls: [
      { fetch: "/api/setup?count=5", method: "POST" },
      {
        queue: "videos",
        messages: [1, 4, 5, 99].map((id) => ({
          id: `m${id}`,
          timestamp: 1_790_000_000_000,
          body: { id },
          attempts: 1,
        })),
      },
      {
        queue: "videos",
        messages: [5, 4].map((id) => ({ id: `n${id}`, timestamp: 1_790_000_000_000, body: { id }, attempts: 2 })),
      },
      ...get("/api/progress", "/api/videos"),
    ],
  },
};
