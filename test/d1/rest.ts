// Cloudflare's REST answers: their envelopes, codes and texts, as facts/d1.md section 10 has them.

export interface Reply {
  status: number;
  body: string;
  type?: string;
  headers?: Record<string, string>;
}

export function succeed(result: unknown, extra: object = {}): Reply {
  return { status: 200, body: JSON.stringify({ result, success: true, errors: [], messages: [], ...extra }) };
}

export function fail(status: number, code: number, message: string): Reply {
  const body = JSON.stringify({ result: null, success: false, errors: [{ code, message }], messages: [] });
  return { status, body };
}

export const sqlFailed = (text: string) => fail(400, 7500, text);
export const internalError = () =>
  fail(500, 7500, `internal error; reference = ${Math.random().toString(36).slice(2)}`);
export const malformed = (property: string, problem: string) =>
  fail(400, 7400, `Invalid property: ${property} => ${problem}`);
export const unauthenticated = () => fail(401, 10000, "Authentication error");
export const scopeMissing = () => fail(403, 10000, "Authentication error");
export const headersInvalid = () => fail(400, 6003, "Invalid request headers");
export const accountUnknown = () =>
  fail(403, 7403, "The given account is not valid or is not authorized to access this service");
export const databaseUnknown = (id: string) => fail(404, 7404, `The database ${id} could not be found`);
export const routeUnknown = (path: string) =>
  fail(404, 7003, `Could not route to ${path}, perhaps your object identifier is invalid?`);
export const unavailable = (): Reply => ({
  status: 503,
  type: "text/html",
  body: "<html><head><title>503 Service Temporarily Unavailable</title></head></html>",
});

export function quotaSpent(kind: "read" | "write"): Reply {
  const spent = `Your account has exceeded D1's free tier daily row ${kind} limit.`;
  return sqlFailed(`${spent} Upgrade to a paid plan or wait until tomorrow (midnight UTC) to continue.`);
}

export function limited(retryAfterS: number): Reply {
  const reply = fail(429, 971, "Please wait and consider throttling your request speed");
  return { ...reply, headers: { "retry-after": String(retryAfterS) } };
}
