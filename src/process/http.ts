// Room 3, the processor `http`: one request a video to an API that exists already.

import { connect } from "node:net";
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import { HidbError, messageOf } from "../errors.js";
import { hideSecrets, secretParts, shownUrl } from "../shown.js";
import { Connections, exchange, HARMLESS_HEADERS } from "./http/exchange.js";
import { buildRequest, readHttpSettings, sampleUrl } from "./http/settings.js";
import type { Processor } from "./processor.js";
import { troubleOutcome } from "./trouble.js";
import { judgeAnswer } from "./verdict.js";

const CONNECT_MS = 3000;

export function createHttp(config: Config, { clock }: { clock: Clock }): Processor {
  const settings = readHttpSettings(config);
  const connections = new Connections({ idle: config.concurrency });
  const secrets = secretsOf(settings.headers, sampleUrl(settings.url));
  return {
    async process(video, context) {
      const { signal } = context;
      if (signal.aborted) return { kind: "released" };
      const request = buildRequest(settings, video, context);
      const target = shownUrl(request.url.href);
      try {
        const result = await exchange(request, { connections, signal, maxBytes: settings.maxBytes });
        if (result.kind === "refused") {
          return { kind: "failed", reason: `expected ${target} to give an answer, got ${result.reason}` };
        }
        return judgeAnswer(result, { target, secrets, now: clock.now() });
      } catch (error) {
        if (signal.aborted) return { kind: "released" };
        const trouble = troubleOutcome(error, "ask a server");
        if (trouble !== undefined) return trouble;
        return { kind: "retry", reason: `expected ${target} to answer, got ${hideSecrets(messageOf(error), secrets)}` };
      }
    },
    async close() {
      connections.close();
    },
  };
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
  const named = Object.entries(headers).filter(([name]) => !HARMLESS_HEADERS.includes(name));
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
