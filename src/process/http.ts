// The processor `http`: one request a video to an API that exists already.
import { connect } from "node:net";
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import { HidbError, messageOf } from "../errors.js";
import { HttpClient, RedirectError, readBody } from "../http-client.js";
import { hideSecrets, secretParts, shownUrl } from "../shown.js";
import type { Outcome } from "../video.js";
import { outcomeOfAnswer } from "./answer-outcome.js";
import { buildRequest, readHttpSettings, sampleUrl } from "./http/settings.js";
import type { Processor } from "./processor.js";
import { troubleOutcome } from "./trouble.js";

const CONNECT_MS = 3000;
const MAX_REDIRECTS = 5;
/** They describe a body; the values of all others may be secret. */
const PUBLIC_HEADERS = ["content-type", "accept"];

export function createHttp(config: Config, { clock }: { clock: Clock }): Processor {
  const settings = readHttpSettings(config);
  const client = new HttpClient({
    maxFreeSockets: config.concurrency,
    maxRedirects: MAX_REDIRECTS,
    publicHeaders: PUBLIC_HEADERS,
  });
  const secrets = secretsOf(settings.headers, sampleUrl(settings.url));
  return {
    async process(video, context) {
      const { signal } = context;
      if (signal.aborted) return { kind: "released" };
      const request = buildRequest(settings, video, context);
      const target = shownUrl(request.url.href);
      try {
        const response = await client.request({ ...request, signal });
        const body = await readBody(response, settings.maxBytes);
        if (body === null) return noAnswer(target, "an answer above HIDB_HTTP_MAX_MB");
        const { statusCode: status = 0, headers } = response;
        const answer = { status, retryAfter: headers["retry-after"], text: new TextDecoder().decode(body) };
        return outcomeOfAnswer(answer, { target, secrets, now: clock.now() });
      } catch (error) {
        if (signal.aborted) return { kind: "released" };
        if (error instanceof RedirectError) return noAnswer(target, error.message);
        const trouble = troubleOutcome(error, "ask a server");
        if (trouble !== undefined) return trouble;
        return { kind: "retry", reason: `expected ${target} to answer, got ${hideSecrets(messageOf(error), secrets)}` };
      }
    },
    async close() {
      client.close();
    },
  };
}

/** Another request would end the same way. */
function noAnswer(target: string, got: string): Outcome {
  return { kind: "failed", reason: `expected ${target} to give an answer, got ${got}` };
}

/** Throws SETTING_INVALID. */
export function checkHttp(config: Config): void {
  readHttpSettings(config);
}

/** Throws PROCESSOR_PREFLIGHT when nobody listens at the URL just now. */
export async function checkReachable(config: Config): Promise<void> {
  const url = sampleUrl(readHttpSettings(config).url);
  const refusal = await tryConnect(url);
  if (refusal === null) return;
  throw new HidbError({
    code: "PROCESSOR_PREFLIGHT",
    message: `expected HIDB_HTTP_URL to answer at ${url.host}, got ${refusal}`,
    fix: "start the server behind HIDB_HTTP_URL, or correct its host and port",
  });
}

/** What a server might echo: the values of our headers, their parts (`Bearer <token>`), the URL's login and its query. */
function secretsOf(headers: Record<string, string>, url: URL): string[] {
  const named = Object.entries(headers).filter(([name]) => !PUBLIC_HEADERS.includes(name));
  const login = [url.username, url.password].map(decodeURIComponent);
  const asHeader = url.username || url.password ? Buffer.from(login.join(":")).toString("base64") : "";
  const asWritten = url.search.split(/[?&]/).map((pair) => pair.slice(pair.indexOf("=") + 1));
  const query = [...url.searchParams.values(), ...asWritten];
  const values = [...named.map(([, value]) => value), url.username, url.password, ...login, asHeader, ...query];
  return secretParts(values);
}

/** Null when somebody listens there, else what happened instead. */
function tryConnect(url: URL): Promise<string | null> {
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port, timeout: CONNECT_MS });
  socket.once("connect", () => resolve(null));
  socket.once("timeout", () => resolve(`no answer within ${CONNECT_MS / 1000} s`));
  socket.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  return promise.finally(() => socket.destroy());
}
