// What the Workers about requests, responses and streams have in common: a path is an experiment, its answer what was seen.

export const ROUTER = `
const shown = (value) => {
  if (value === undefined) return "undefined";
  if (typeof value === "function") return "function " + value.name;
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return value.name + ": " + value.message;
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Headers) return [...value];
  if (value instanceof ArrayBuffer) return ["ArrayBuffer", ...new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [value.constructor.name, new TextDecoder().decode(value)];
  if (Object.getPrototypeOf(value) !== Object.prototype) return Object.prototype.toString.call(value);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shown(part)]));
};
const seen = async (work) => { try { return shown(await work()); } catch (error) { return { thrown: shown(error) }; } };
const each = async (works) => {
  const answers = {};
  for (const [name, work] of Object.entries(works)) answers[name] = await seen(work);
  return answers;
};
const route = (paths) => ({
  fetch: async (request, env, ctx) =>
    Response.json({ seen: await seen(() => paths[new URL(request.url).pathname](request, env, ctx)) }),
});
const bytes = (text) => new TextEncoder().encode(text);
const streamOf = (...chunks) =>
  new ReadableStream({ start(to) { for (const chunk of chunks) to.enqueue(chunk); to.close(); } });
const bytesOf = (...texts) =>
  new ReadableStream({ type: "bytes", start(to) { for (const text of texts) to.enqueue(bytes(text)); to.close(); } });
/** What the echo has heard, but for what Cloudflare's edge adds. */
const heard = async (answer) => {
  const { headers, ...rest } = await (await answer).json();
  delete headers["cf-worker"];
  return { headers: Object.entries(headers).sort(), ...rest };
};
`;

/** GET calls of these paths, which are the keys of a Worker's `route({...})` in its source. */
export function callsOf(source: string): { fetch: string }[] {
  return [...source.matchAll(/^ {2}"(\/[\w-]+)":/gm)].map(([, path = ""]) => ({ fetch: path }));
}

/** A Worker that is called once with each of its paths. */
export function routed(paths: string): { source: string; calls: { fetch: string }[] } {
  return { source: `${ROUTER}\nexport default route({${paths}});\n`, calls: callsOf(paths) };
}
