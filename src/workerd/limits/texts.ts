// What Cloudflare says when a limit is reached. workerd by itself enforces none of them, so but for the last one, which is
// in its binary, the words are as people have reported them from deployed Workers (2026).

const CONFIGURE =
  "To configure this limit, refer to https://developers.cloudflare.com/workers/wrangler/configuration/#limits";

/** Calls to the outside. */
export const TOO_MANY_SUBREQUESTS = `Too many subrequests by single Worker invocation. ${CONFIGURE}`;
/** Calls of Cloudflare's own services: D1, KV, R2, queues, the cache. */
export const TOO_MANY_API_REQUESTS = `Too many API requests by single Worker invocation. ${CONFIGURE}`;

/** The answer's status is 413; the Worker is not called at all. */
export const REQUEST_TOO_LARGE = "Request Entity Too Large";

/** Goes to the log once, in the place of all that follows. */
export const LOG_TOO_LONG =
  "Log size limit exceeded: More than 256KB of data (across console.log statements, exception, request metadata and " +
  "headers) was logged during a single request. Subsequent data for this request will not be recorded in logs, appear " +
  "when tailing this Worker's logs, or in Tail Workers.";

export const CPU_EXCEEDED = "Worker exceeded CPU time limit.";
export const MEMORY_EXCEEDED = "Worker exceeded memory limit.";

/** A warning in the log: what has not ended by then is cancelled, and the answer is out already. */
export const WAIT_UNTIL_EXCEEDED =
  "waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled. " +
  "See: https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil";
