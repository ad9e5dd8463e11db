// A catalogue may come from somebody else: its sources do not make this machine ask what is private, unless a setting says so.
import dns from "node:dns";
import { createServer, type RequestListener, type Server } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import type { AddressInfo } from "node:net";
import type { D1Database } from "@cloudflare/workers-types";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { isPublic, readAllowed } from "../../src/process/probe/addresses.js";
import { createProbe } from "../../src/process/probe/probe.js";
import { sourceClient } from "../../src/process/probe/remote.js";

function probe(allowPrivateSources: string[] = []) {
  const config = { probeTimeoutMs: 10_000, probeMemoryMb: 64, allowPrivateSources };
  const processor = createProbe(config, { clock, ffprobe: "hidb-no-such-ffprobe" });
  onTestFinished(() => processor.close());
  const { signal } = new AbortController();
  return (source: string) =>
    processor.process(
      { id: 1, source, title: null, durationS: null },
      { attempt: 1, rank: 0, count: 1, signal, database: {} as D1Database },
    );
}

/** Notes who comes, on one port of every address of this machine. */
async function listen(listener: RequestListener = (_, response) => response.end("hello")) {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request.url ?? "");
    listener(request, response);
  });
  let connections = 0;
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "::", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen, connections: () => connections };
}

const REFUSED = /^expected a source at a public address, got .*; if that is meant, set HIDB_ALLOW_PRIVATE_SOURCES=/;

describe("an address", () => {
  it.each([
    ...[
      "0.0.0.0",
      "0.1.2.3",
      "10.0.0.1",
      "100.64.0.1",
      "100.100.100.200",
      "127.0.0.1",
      "127.255.255.254",
      "168.63.129.16",
    ],
    ...["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.0.1", "198.18.0.1"],
    ...["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
    ...["::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1"],
    ...["64:ff9b::7f00:1", "64:ff9b:1::a00:1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"],
    ...["2001::1", "2001:db8::1", "2002:7f00:1::", "2002:c0a8:101::1", "3fff::1", "100::1", "5f00::1"],
  ])("of a machine's own, of its network or of nobody, as %s, is none for a source", (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2400:cb00::1",
  ])("that is anybody's, as %s, is one", (address) => expect(isPublic(address)).toBe(true));
});

describe("a source behind http", () => {
  it("reaches nothing on this machine, however its address is written", async () => {
    const { port, connections } = await listen();
    const process = probe();
    const hosts = [
      ...[
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
      ],
      ...["0", "0.0.0.0", "localhost", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
      ...["[0:0:0:0:0:ffff:127.0.0.1]", "127。0。0。1", "①②⑦.0.0.1", "user:pass@127.0.0.1"],
    ];
    for (const host of hosts) {
      const outcome = await process(`http://${host}:${port}/a.mp4`);
      expect([host, outcome]).toEqual([host, { kind: "failed", reason: expect.stringMatching(REFUSED) }]);
      expect(JSON.stringify(outcome)).not.toContain("pass");
    }
    expect(await process(`https://127.0.0.1:${port}/`)).toMatchObject({ kind: "failed" });
    expect(await process("http://169.254.169.254/latest/meta-data/")).toMatchObject({ kind: "failed" });
    expect(connections()).toBe(0);
  });

  it("is read where the setting names it, and only there", async () => {
    const { port, connections } = await listen();
    const isHello = { kind: "failed", reason: "not a media file: it begins with text" };
    for (const allowed of ["*", "127.0.0.1", "127.0.0.0/8"]) {
      expect([allowed, await probe([allowed])(`http://127.0.0.1:${port}/`)]).toEqual([allowed, isHello]);
    }
    expect(await probe(["localhost"])(`http://localhost:${port}/`)).toEqual(isHello);
    const before = connections();
    // A name that is allowed is not all that it stands for.
    for (const allowed of ["localhost", "10.0.0.0/8", "::1"]) {
      expect(await probe([allowed])(`http://127.0.0.1:${port}/`)).toMatchObject({
        reason: expect.stringMatching(REFUSED),
      });
    }
    expect(connections()).toBe(before);
  });

  it("is followed through redirects only as far as each of them may be asked", async () => {
    const inner = await listen();
    const targets = [
      `http://127.0.0.2:${inner.port}/`,
      `http://[::1]:${inner.port}/`,
      `//127.1.1.1:${inner.port}/`,
      "http://169.254.169.254/",
    ];
    const outer = await listen((request, response) => {
      const at = Number(request.url?.slice(1));
      // The last step of two.
      const location = at >= 10 ? `/${at - 10}` : targets[at];
      response.writeHead([301, 302, 303, 307, 308][at % 5] ?? 302, { location: String(location) }).end();
    });
    const process = probe(["127.0.0.1"]);
    for (const [at] of targets.entries()) {
      for (const path of [at, at + 10]) {
        expect(await process(`http://127.0.0.1:${outer.port}/${path}`)).toMatchObject({
          kind: "failed",
          reason: expect.stringMatching(REFUSED),
        });
      }
    }
    expect(inner.connections()).toBe(0);
    expect(outer.seen.length).toBeGreaterThanOrEqual(12);
  });

  it("is led by a redirect to no file, and not in a circle", async () => {
    const { port } = await listen((request, response) => {
      const location = request.url === "/circle" ? "/circle" : `${request.url?.slice(1)}`;
      response.writeHead(302, { location }).end();
    });
    const process = probe(["127.0.0.1"]);
    for (const to of ["file:///etc/passwd", "ftp://127.0.0.1/", "data:text/plain,x", "javascript:1"]) {
      const reason = "expected an answer, got status 302 without an http(s) address to go on to";
      expect(await process(`http://127.0.0.1:${port}/${to}`)).toEqual({ kind: "failed", reason });
    }
    expect(await process(`http://127.0.0.1:${port}/circle`)).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/more than 10 redirects/),
    });
  });

  it("gives its login to no other server", async () => {
    const logins: (string | undefined)[] = [];
    const other = await listen((request, response) => {
      logins.push(request.headers.authorization);
      response.end("hello");
    });
    const { port } = await listen((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.2:${other.port}/` }).end(),
    );
    await probe(["127.0.0.0/8"])(`http://eve:s3cret@127.0.0.1:${port}/`);
    expect(logins).toEqual([undefined]);
  });

  it.each([
    "ftp://h/x",
    "gopher://127.0.0.1:70/x",
    "data://text/plain,x",
    "dict://127.0.0.1:11211/",
    "http+unix://x/y",
  ])("is not %s: other schemes are refused", async (source) => {
    expect(await probe()(source)).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/^expected a path or an/),
    });
  });
});

describe("a name", () => {
  /** Answers as a name server of somebody's would, one list of addresses after the other. */
  function resolveTo(...answers: string[][]): () => number {
    const { lookup } = dns;
    let asked = 0;
    const fake = (
      _name: string,
      options: dns.LookupAllOptions,
      callback: (e: null, found: dns.LookupAddress[]) => void,
    ) => {
      expect(options.all).toBe(true);
      const found = answers[Math.min(asked++, answers.length - 1)] ?? [];
      setImmediate(() =>
        callback(
          null,
          found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        ),
      );
    };
    Object.assign(dns, { lookup: fake });
    syncBuiltinESMExports();
    onTestFinished(() => {
      Object.assign(dns, { lookup });
      syncBuiltinESMExports();
    });
    return () => asked;
  }

  const get = async (url: string, ...allowed: string[]) => {
    const client = sourceClient(readAllowed(allowed));
    onTestFinished(() => client.close());
    const request = { url: new URL(url), method: "GET", headers: {}, signal: AbortSignal.timeout(5000) };
    const response = await client.request(request);
    response.destroy();
    return response.statusCode;
  };

  it("is refused by what it resolves to when it is connected to, not before", async () => {
    const { port, connections } = await listen();
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.1.2.3", "fe80::1%lo"]) {
      resolveTo([address]);
      await expect(get(`http://rebound.example:${port}/`)).rejects.toThrow(REFUSED);
    }
    expect(connections()).toBe(0);
  });

  it("is asked once a connection, so that no second answer counts", async () => {
    const { port, connections } = await listen();
    const asked = resolveTo(["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]);
    await get(`http://rebound.example:${port}/`, "127.0.0.1");
    expect(asked()).toBe(1);
    await get(`http://rebound.example:${port}/`, "127.0.0.1");
    expect(asked()).toBe(2);
    await expect(get(`http://rebound.example:${port}/`, "127.0.0.1")).rejects.toThrow(REFUSED);
    expect(connections()).toBe(2);
  });

  it("with private addresses among others is asked at the others alone", async () => {
    const { port } = await listen();
    resolveTo(["10.1.2.3", "127.0.0.1", "192.168.0.1"]);
    expect(await get(`http://mixed.example:${port}/`, "127.0.0.1")).toBe(200);
  });
});
