// Requests that no page would send: any method, path, query, header and body, and bytes that are no request at all.
import fc from "fast-check";
import { anyOf, timesOf } from "../cases.ts";
import type { Chance } from "../random.ts";
import { BODY_KEYS, FILES, METHODS, NAMES, ODD_IDS, ODD_VALUES } from "./words.ts";
import { TOKEN } from "./world.ts";

export interface Asked {
  method: string;
  target: string;
  headers: [string, string][];
  body: Buffer;
  /** Whether it carries the right token as the API wants it. */
  hasToken: boolean;
}

/** What would change something, all but for the token: with it, it does. */
const CHANGES: [target: string, body: string][] = [
  ["/api/v1/pool/pause", "{}"],
  ["/api/v1/pool/pause", '{"forMs":1000,"reason":"x"}'],
  ["/api/v1/pool/resume", "{}"],
  ["/api/v1/videos/1/cancel", "{}"],
  ["/api/v1/videos/1/retry", ""],
  ["/api/v1/videos/retry", '{"state":["failed","cancelled"]}'],
];

function drawChange(chance: Chance): Asked {
  const hasToken = chance.maybe(0.3);
  const [target, body] = chance.pick(CHANGES);
  const headers: [string, string][] = [
    ["host", "127.0.0.1"],
    ["content-type", "application/json"],
    ...authorization(chance, hasToken),
  ];
  return { method: "POST", target, headers, body: Buffer.from(body), hasToken };
}

export function drawRequest(chance: Chance, routes: readonly { method: string; path: string }[]): Asked {
  if (chance.maybe(0.15)) return drawChange(chance);
  const route = chance.pick(routes);
  const isKnown = chance.maybe(0.8);
  const method = chance.maybe(0.75) ? (isKnown ? route.method : "GET") : chance.pick(METHODS);
  const path = isKnown ? route.path.replace(/\{\w+\}/g, () => chance.pick(ODD_IDS)) : chance.pick(FILES);
  const query = timesOf(chance, 3, () => `${chance.pick(NAMES)}=${chance.pick(ODD_VALUES)}`).join("&");
  const body = method === "GET" || method === "HEAD" ? Buffer.alloc(0) : drawBody(chance);
  const hasToken = chance.maybe(0.6);
  const headers: [string, string][] = [
    [
      "host",
      chance.maybe(0.9)
        ? chance.pick(["127.0.0.1", "localhost:80", "[::1]:1"])
        : chance.pick([
            "evil.example",
            "",
            "[",
            "a b",
            "127.0.0.1:99999",
            "127.0.0.1@evil",
            "%00",
            "LOCALHOST.",
            "x".repeat(500),
          ]),
    ],
    ...authorization(chance, hasToken),
    ...timesOf(chance, 2, () => drawHeader(chance)),
    ...(chance.maybe(0.85)
      ? ([
          [
            "content-type",
            chance.maybe(0.9)
              ? "application/json"
              : chance.pick([
                  "text/plain",
                  "application/json; charset=utf-16",
                  "APPLICATION/JSON;x",
                  "multipart/form-data",
                  ";",
                  "application/json,text/plain",
                ]),
          ],
        ] as [string, string][])
      : []),
  ];
  return {
    method,
    target: (query === "" ? path : `${path}?${query}`).replace(/ /g, "%20") || "/",
    headers,
    body,
    hasToken,
  };
}

function authorization(chance: Chance, hasToken: boolean): [string, string][] {
  if (hasToken) return [["authorization", `Bearer ${TOKEN}`]];
  return anyOf<[string, string][]>(
    chance,
    () => [],
    () => [
      [
        "authorization",
        chance.pick([
          "Bearer",
          "Bearer ",
          `Basic ${TOKEN}`,
          TOKEN,
          "Bearer undefined",
          "Bearer null",
          "Bearer [object Object]",
        ]),
      ],
    ],
    () => [["authorization", `Bearer ${TOKEN.slice(0, -1)}`]],
    () => [
      ["x-authorization", `Bearer ${TOKEN}`],
      ["cookie", `token=${TOKEN}`],
    ],
  );
}

function drawHeader(chance: Chance): [string, string] {
  return anyOf<[string, string]>(
    chance,
    () => ["origin", chance.pick(["null", "http://evil.example", "http://127.0.0.1", "file://", "x"])],
    () => ["sec-fetch-site", chance.pick(["cross-site", "same-origin", "none", ""])],
    () => ["x-forwarded-host", "evil.example"],
    () => ["x-http-method-override", "DELETE"],
    () => ["accept-encoding", "gzip, br"],
    () => ["range", "bytes=0-1"],
    () => ["if-none-match", "*"],
    () => ["expect", chance.pick(["100-continue", "x"])],
    () => ["__proto__", "x"],
    () => ["x-odd", "\u00ff".repeat(chance.skewed(500))],
    () => ["connection", chance.pick(["close", "upgrade", "keep-alive, x"])],
    () => ["upgrade", "websocket"],
  );
}

function drawBody(chance: Chance): Buffer {
  const sample = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.sample(arbitrary, { seed: chance.below(2 ** 31), numRuns: 1 })[0] as T;
  return Buffer.from(
    anyOf<string | Uint8Array>(
      chance,
      () => "",
      () => "{}",
      () => JSON.stringify(sample(fc.dictionary(fc.constantFrom(...BODY_KEYS), fc.jsonValue(), { maxKeys: 3 }))),
      () => JSON.stringify(plausible(chance)),
      () => JSON.stringify(plausible(chance)),
      () => JSON.stringify(plausible(chance)),
      () => JSON.stringify(sample(fc.jsonValue())),
      () => sample(fc.string({ unit: "binary" })),
      () => chance.bytes(chance.skewed(300)),
      () => JSON.stringify(plausible(chance)).slice(0, -1),
      () => `{"output":${"[".repeat(60_00)}${"]".repeat(60_00)},"claim":"x","outcome":"completed"}`,
      () => `{"__proto__":{"ids":[1]},"ids":[${"1,".repeat(chance.skewed(12_000))}1]}`,
      () => `{"reason":"${"x".repeat(chance.skewed(70_000))}"}`,
    ),
  );
}

function plausible(chance: Chance): unknown {
  const claim = () =>
    chance.pick([
      "",
      "x",
      Buffer.from(JSON.stringify(["a", 1, 1, 1])).toString("base64url"),
      Buffer.from('["__proto__",1,1e309,-1]').toString("base64url"),
      Buffer.from(JSON.stringify(["x".repeat(200), 2, 2 ** 53, -1])).toString("base64url"),
    ]);
  return anyOf<unknown>(
    chance,
    () => ({ ids: timesOf(chance, 3, () => chance.pick([1, 2, -5, 2 ** 53, 99, 1e300, -0, 1.5])) }),
    () => ({ state: timesOf(chance, 2, () => chance.pick(["failed", "completed", "pending", "__proto__"])) }),
    () => ({ reason: chance.pick(["", "x", "\u0000", "\ud800", "'; DROP TABLE videos"]) }),
    () => ({ forMs: chance.pick([1000, 0, 1e15, 1.5, -1]), reason: chance.pick(["", "\u0000x", "\udfff"]) }),
    () => ({ count: chance.pick([0, 1, 2, 65, 1.5, "2"]) }),
    () => ({
      claim: claim(),
      outcome: chance.pick(["completed", "retry", "failed", "released", "x"]),
      output: chance.pick([null, {}, "\ud800", "\u0000", 1e300]),
      reason: chance.pick(["r", "", "\ud800"]),
      after_ms: chance.pick([0, 1.5, 86_400_000, -1]),
    }),
    () => ({ claim: claim() }),
  );
}

export function write({ method, target, headers, body }: Asked): Buffer {
  const lines = [
    ...headers,
    ...(body.length > 0 || method === "POST" ? [["content-length", String(body.length)]] : []),
  ];
  const head = [`${method} ${target} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), body]);
}
