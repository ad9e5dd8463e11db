// `crypto` beyond the platform's own.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

const TOP = `
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const { subtle } = crypto;
`;

const withTop = (paths: string) => {
  const { source, calls } = routed(paths);
  return { source: source.replace("\nexport default", `${TOP}\nexport default`), calls };
};

export const cryptography: WorkerCases = {
  "digests, MD5 among them": withTop(`
  "/md5": async () => hex(await subtle.digest("MD5", bytes("a"))),
  "/object": async () => hex(await subtle.digest({ name: "md5" }, bytes("a"))),
  "/view": async () => hex(await subtle.digest("MD5", new DataView(new ArrayBuffer(2)))),
  "/sha": async () => [hex(await subtle.digest("SHA-1", bytes("a"))), hex(await subtle.digest("sha-256", bytes("a")))],
  "/unknown": async () => subtle.digest("SHA-9", bytes("a")),
  "/wrong": async () => each({ text: () => subtle.digest("MD5", "a"), nothing: () => subtle.digest(), data: () => subtle.digest("MD5") }),
`),
  "timingSafeEqual compares bytes": withTop(`
  "/same": async () => subtle.timingSafeEqual(bytes("ab"), bytes("ab")),
  "/other": async () => subtle.timingSafeEqual(bytes("ab"), bytes("ac")),
  "/kinds": async () => subtle.timingSafeEqual(new ArrayBuffer(2), new DataView(new ArrayBuffer(2))),
  "/lengths": async () => subtle.timingSafeEqual(bytes("ab"), bytes("a")),
  "/wrong": async () => each({ text: () => subtle.timingSafeEqual("a", "b"), one: () => subtle.timingSafeEqual(bytes("a")), none: () => subtle.timingSafeEqual() }),
`),
  "a DigestStream is written to and has a digest": withTop(`
  "/written": async () => {
    const stream = new crypto.DigestStream("SHA-256");
    const writer = stream.getWriter();
    await writer.write(bytes("ab"));
    await writer.write(bytes("c").buffer);
    await writer.write("text");
    await writer.close();
    return [hex(await stream.digest), String(stream.bytesWritten), typeof stream.bytesWritten, stream instanceof WritableStream, String(stream)];
  },
  "/piped": async () => { const stream = new crypto.DigestStream("MD5"); await new Response("abc").body.pipeTo(stream); return hex(await stream.digest); },
  "/algorithms": async () => {
    const found = {};
    for (const name of ["SHA-1", "SHA-384", "SHA-512", "sha-256", "md5"]) {
      const stream = new crypto.DigestStream(name);
      await stream.getWriter().close();
      found[name] = hex(await stream.digest);
    }
    return found;
  },
  "/unknown": async () => new crypto.DigestStream("nope"),
  "/nothing": async () => new crypto.DigestStream(),
  "/not-bytes": async () => {
    const writer = new crypto.DigestStream("SHA-1").getWriter();
    writer.closed.catch(() => {});
    return writer.write(5);
  },
  "/aborted": async () => {
    const stream = new crypto.DigestStream("SHA-1");
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    await writer.abort(new RangeError("stopped"));
    return stream.digest;
  },
`),
  "random values and keys": withTop(`
  "/uuid": async () => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
  "/same-array": async () => { const array = new Uint8Array(4); return [crypto.getRandomValues(array) === array, array.some((byte) => byte > 0) || array.length]; },
  "/wrong": async () => each({
    big: () => crypto.getRandomValues(new Uint8Array(65537)), float: () => crypto.getRandomValues(new Float32Array(1)),
    view: () => crypto.getRandomValues(new DataView(new ArrayBuffer(1))), none: () => crypto.getRandomValues(), text: () => crypto.getRandomValues("x"),
  }),
  "/detached": async () => each({
    uuid: () => { const { randomUUID } = crypto; return randomUUID(); }, values: () => { const { getRandomValues } = crypto; return getRandomValues(new Uint8Array(1)); },
    digest: () => { const { digest } = subtle; return digest("SHA-1", bytes("a")); },
  }),
  "/hmac": async () => {
    const key = await subtle.importKey("raw", bytes("k"), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    const signature = await subtle.sign("HMAC", key, bytes("d"));
    return [hex(signature), await subtle.verify("HMAC", key, signature, bytes("d")), key instanceof CryptoKey, key.type, key.usages];
  },
  "/aes": async () => {
    const key = await subtle.importKey("raw", new Uint8Array(16), "AES-GCM", true, ["encrypt", "decrypt"]);
    const algorithm = { name: "AES-GCM", iv: new Uint8Array(12) };
    const secret = await subtle.encrypt(algorithm, key, bytes("d"));
    return [hex(secret), hex(await subtle.decrypt(algorithm, key, secret)), (await subtle.exportKey("jwk", key)).k];
  },
  "/pbkdf2": async () => {
    const key = await subtle.importKey("raw", bytes("k"), "PBKDF2", false, ["deriveBits"]);
    return hex(await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 1000 }, key, 128));
  },
  "/what": async () => [String(crypto), String(subtle), crypto instanceof Crypto, subtle instanceof SubtleCrypto, crypto.subtle === crypto.subtle, Object.keys(crypto)],
  "/new": async () => new Crypto(),
`),
};
