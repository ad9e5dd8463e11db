// The one place that talks to the API. Errors carry what the API has said: what was expected, what came, the mend.
/** @import { ReadAnswer, Changed } from "./types.d.ts" */
import { forgetToken, readToken } from "./token.js";

export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{ fix?: string | undefined, status?: number }} [parts]
   */
  constructor(message, { fix, status } = {}) {
    super(message);
    this.fix = fix;
    this.status = status;
  }
}

/** @type {<P extends string>(path: P, options?: { signal?: AbortSignal, [query: string]: unknown }) => Promise<ReadAnswer<P>>} */
export function get(path, { signal, ...query } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  const search = words.size > 0 ? `?${words}` : "";
  return ask(`/api/v1/${path}${search}`, signal ? { signal } : {});
}

/**
 * A change: needs the token; one that is refused is forgotten, so that the page asks again.
 * @type {<P extends string>(path: P, body?: object) => Promise<Changed<P>>}
 */
export async function post(path, body = {}) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${readToken() ?? ""}` };
  try {
    return await ask(`/api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) forgetToken();
    throw error;
  }
}

/** @type {(url: string, options: RequestInit) => Promise<any>} */
async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store", ...options });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError("expected the pool to answer, got no connection", {
      fix: "see whether an instance runs: hidb status",
    });
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  const said = typeof answer?.error === "object" ? answer.error : (answer ?? {});
  const message =
    said.message ?? (typeof answer?.error === "string" ? answer.error : `the pool answered ${response.status}`);
  throw new ApiError(message, { fix: said.fix ?? answer?.fix, status: response.status });
}
