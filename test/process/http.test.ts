import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createSocketServer } from "node:net";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import { checkProcessor } from "../../src/process/create.js";
import { checkHttp, checkReachable, createHttp } from "../../src/process/http.js";
import type { AttemptContext, Processor } from "../../src/process/processor.js";
import type { Video } from "../../src/video.js";

const now = Date.UTC(2026, 0, 1);
const clock: Clock = { ...systemClock, now: () => now };

const video: Video = { id: 7, source: "/videos/a b&c.mp4", title: 'Say "hi" {id}', durationS: 12.5 };

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

type Answer = (request: Seen, response: ServerResponse) => void;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A server on a port of its own that remembers what it was asked. */
async function serve(answer: Answer): Promise<{ base: string; seen: Seen[]; server: Server }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method = "", url = "", headers } = request;
    seen.push({ method, url, headers, body });
    answer({ method, url, headers, body }, response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  ends.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, server };
}

function setup(environment: Record<string, string>): Processor {
  const http = createHttp(readConfig({ environment, cwd: "/" }), { clock });
  ends.push(() => http.close());
  return http;
}

function context(signal = new AbortController().signal): AttemptContext {
  return { attempt: 2, rank: 1, count: 3, signal, database: {} as AttemptContext["database"] };
}

async function outcomeOf(answer: Answer, { path = "/", ...environment }: Record<string, string> = {}) {
  const { base } = await serve(answer);
  return setup({ HIDB_HTTP_URL: base + path, ...environment }).process(video, context());
}

const answerWith =
  (status: number, body = "", headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

describe("the request", () => {
  it("carries the video as JSON and names the instance's rank as worker_id", async () => {
    const { base, seen } = await serve(answerWith(200, "{}"));
    await setup({ HIDB_HTTP_URL: `${base}/process` }).process(video, context());
    expect(seen[0]).toMatchObject({ method: "POST", url: "/process?worker_id=1&worker_count=3" });
    expect(seen[0]?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
      id: 7,
      source: "/videos/a b&c.mp4",
      title: 'Say "hi" {id}',
      duration_s: 12.5,
      worker_id: 1,
      worker_count: 3,
      attempt: 2,
    });
  });

  it("leaves the query as it was written, and worker_id to a template that has one", async () => {
    const { base, seen } = await serve(answerWith(200));
    await setup({ HIDB_HTTP_URL: `${base}/?a=%20x+y&worker_id=w{rank}` }).process(video, context());
    expect(seen[0]?.url).toBe("/?a=%20x+y&worker_id=w1&worker_count=3");
  });

  it("encodes placeholders for the URL, and fills in none twice", async () => {
    const { base, seen } = await serve(answerWith(200));
    await setup({ HIDB_HTTP_URL: `${base}/v/{id}?s={source}&t={title}`, HIDB_HTTP_METHOD: "GET" }).process(
      video,
      context(),
    );
    const url = new URL(seen[0]?.url ?? "", base);
    expect(url.pathname).toBe("/v/7");
    expect(url.searchParams.get("s")).toBe(video.source);
    expect(url.searchParams.get("t")).toBe(video.title);
    expect(seen[0]).toMatchObject({ method: "GET", body: "" });
  });

  it("escapes placeholders for a JSON body", async () => {
    const { base, seen } = await serve(answerWith(200));
    const body = '{"file":"{source}","name":"{title}","shard":[{rank},{count}]}';
    await setup({ HIDB_HTTP_URL: base, HIDB_HTTP_BODY: body, HIDB_HTTP_METHOD: "PUT" }).process(video, context());
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({ file: video.source, name: video.title, shard: [1, 3] });
  });

  it("sends the headers of the settings and the credentials of the URL", async () => {
    const { base, seen } = await serve(answerWith(200));
    const HIDB_HTTP_HEADERS = '{"X-Api-Key":"abc","Content-Type":"text/plain"}';
    await setup({ HIDB_HTTP_URL: base.replace("//", "//me:p%40ss@"), HIDB_HTTP_HEADERS }).process(video, context());
    expect(seen[0]?.headers).toMatchObject({
      "x-api-key": "abc",
      "content-type": "text/plain",
      authorization: `Basic ${Buffer.from("me:p@ss").toString("base64")}`,
    });
  });
});

describe("the answer", () => {
  it("is the output as it was written when it is JSON", async () => {
    const json = '{ "big": 12345678901234567890 }';
    expect(await outcomeOf(answerWith(200, json))).toEqual({ kind: "completed", output: json });
  });

  it("is the output as a JSON string when it is other text, and none when it is empty", async () => {
    expect(await outcomeOf(answerWith(200, 'fine "now"'))).toEqual({ kind: "completed", output: '"fine \\"now\\""' });
    expect(await outcomeOf(answerWith(204))).toEqual({ kind: "completed", output: null });
    expect(await outcomeOf(answerWith(200, "\n"))).toEqual({ kind: "completed", output: null });
  });

  it.each([408, 425, 429, 500, 503])("asks for another attempt with status %i", async (status) => {
    const outcome = await outcomeOf(answerWith(status, "busy"));
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringMatching(`got status ${status}: busy`) });
    expect(outcome).not.toHaveProperty("afterMs");
  });

  it.each([400, 401, 404, 422, 304])("fails the video for good with status %i", async (status) => {
    expect(await outcomeOf(answerWith(status))).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(`got status ${status}`),
    });
  });

  it("may say when to come back, in seconds or as a date", async () => {
    const comeBack = (value: string) => outcomeOf(answerWith(429, "", { "retry-after": value }));
    expect(await comeBack("7")).toMatchObject({ kind: "retry", afterMs: 7000 });
    expect(await comeBack(new Date(now + 90_000).toUTCString())).toMatchObject({ afterMs: 90_000 });
    expect(await comeBack(new Date(now - 90_000).toUTCString())).toMatchObject({ afterMs: 0 });
    expect(await comeBack("99999999999")).toMatchObject({ afterMs: 86_400_000 });
    expect(await comeBack("Thursday, 01-Jan-26 00:01:00 GMT")).toMatchObject({ afterMs: 60_000 });
    expect(await comeBack("Thu Jan  1 00:01:00 2026")).toMatchObject({ afterMs: 60_000 });
    for (const nonsense of ["soon", "-5", "1.5", "7, 8", "Thu, 99 Foo 2026 00:00:00 GMT"]) {
      expect(await comeBack(nonsense)).not.toHaveProperty("afterMs");
    }
  });

  it("is not read beyond HIDB_HTTP_MAX_MB, whether its length was announced or not", async () => {
    const announced = await outcomeOf(answerWith(200, "x".repeat(20_000)), { HIDB_HTTP_MAX_MB: "0.01" });
    expect(announced).toMatchObject({ kind: "failed", reason: expect.stringContaining("HIDB_HTTP_MAX_MB") });
    let stopped = false;
    const endless = await outcomeOf(
      (_, response) => {
        const feeding = setInterval(() => response.write("x".repeat(5000)), 1);
        response.on("close", () => {
          stopped = true;
          clearInterval(feeding);
        });
      },
      { HIDB_HTTP_MAX_MB: "0.01" },
    );
    expect(endless).toMatchObject({ kind: "failed", reason: expect.stringContaining("HIDB_HTTP_MAX_MB") });
    await expect.poll(() => stopped).toBe(true);
  });

  it("asks for another attempt when the connection breaks half-way", async () => {
    const outcome = await outcomeOf((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("x", () => response.destroy());
    });
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("expected http://127.0.0.1") });
  });

  it("may be cut short by the signal, which gives the attempt back", async () => {
    const { base, seen } = await serve(() => {});
    const drain = new AbortController();
    const attempt = setup({ HIDB_HTTP_URL: base }).process(video, context(drain.signal));
    await expect.poll(() => seen).toHaveLength(1);
    drain.abort();
    expect(await attempt).toEqual({ kind: "released" });
    expect(await setup({ HIDB_HTTP_URL: base }).process(video, context(drain.signal))).toEqual({ kind: "released" });
    expect(seen).toHaveLength(1);
  });
});

it("a switch to another protocol is an error, not a response that is waited for", async () => {
  const outcome = await outcomeOf((_, response) =>
    response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
  );
  expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("another protocol") });
});

describe("redirects", () => {
  it("are followed, the body with them where the status says so", async () => {
    const { base, seen } = await serve(({ url }, response) => {
      if (url === "/end") response.end('"there"');
      else response.writeHead(url.startsWith("/keep") ? 307 : 303, { location: "/end" }).end();
    });
    const outcome = await setup({ HIDB_HTTP_URL: `${base}/keep` }).process(video, context());
    expect(outcome).toEqual({ kind: "completed", output: '"there"' });
    expect(seen[1]).toMatchObject({ method: "POST", body: seen[0]?.body });
    await setup({ HIDB_HTTP_URL: `${base}/turn` }).process(video, context());
    expect(seen[3]).toMatchObject({ method: "GET", body: "" });
  });

  it("end after five, and never leave http", async () => {
    let asked = 0;
    const around = await outcomeOf((_, response) => {
      asked++;
      response.writeHead(302, { location: "/again" }).end();
    });
    expect(around).toMatchObject({ kind: "failed", reason: expect.stringContaining("more than 5 redirects") });
    expect(asked).toBe(6);
    const away = await outcomeOf(answerWith(302, "", { location: "file:///etc/passwd" }));
    expect(away).toMatchObject({ kind: "failed", reason: expect.stringContaining("http(s)") });
  });

  it("take the credentials along on the same host", async () => {
    const { base, seen } = await serve(({ url }, response) => {
      if (url !== "/end") response.writeHead(307, { location: `${base}/end` });
      response.end();
    });
    await setup({ HIDB_HTTP_URL: base.replace("//", "//me:pass@") }).process(video, context());
    expect(seen[1]?.headers.authorization).toBe(seen[0]?.headers.authorization);
  });

  it("take no header of the settings to another host", async () => {
    const other = await serve(answerWith(200));
    const { base } = await serve(answerWith(307, "", { location: other.base }));
    await setup({ HIDB_HTTP_URL: base, HIDB_HTTP_HEADERS: '{"X-Api-Key":"abc"}' }).process(video, context());
    expect(other.seen[0]?.headers).not.toHaveProperty("x-api-key");
    expect(other.seen[0]?.headers["content-type"]).toBe("application/json");
  });
});

describe("connections", () => {
  it("are used again, so that many videos leave few sockets, and none after the close", async () => {
    const { base, server } = await serve(answerWith(200, "{}"));
    let opened = 0;
    server.on("connection", () => opened++);
    const http = setup({ HIDB_HTTP_URL: base });
    for (let round = 0; round < 100; round++) await http.process(video, context());
    expect(opened).toBe(1);
    await http.close();
    const getConnections = promisify(server.getConnections.bind(server));
    await expect.poll(() => getConnections()).toBe(0);
  });

  /** Answers each connection once, and breaks it off at its second request. */
  async function serveOnce() {
    const seen: string[] = [];
    const server = createSocketServer((socket) => {
      let asked = 0;
      socket.on("error", () => {});
      socket.on("data", (data) => {
        seen.push(String(data).split(" ")[0] ?? "");
        if (asked++ === 0) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        else socket.destroy();
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    ends.push(() => server.close());
    return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
  }

  it.each(["GET", "PUT"])("that break when used again get a %s once more", async (HIDB_HTTP_METHOD) => {
    const { base, seen } = await serveOnce();
    const http = setup({ HIDB_HTTP_URL: base, HIDB_HTTP_METHOD });
    for (let round = 0; round < 2; round++) {
      expect(await http.process(video, context())).toMatchObject({ kind: "completed" });
    }
    expect(seen).toEqual([HIDB_HTTP_METHOD, HIDB_HTTP_METHOD, HIDB_HTTP_METHOD]);
  });

  it("that break when used again get no POST twice: the server may have processed the video", async () => {
    const { base, seen } = await serveOnce();
    const http = setup({ HIDB_HTTP_URL: base });
    expect(await http.process(video, context())).toMatchObject({ kind: "completed" });
    expect(await http.process(video, context())).toMatchObject({
      kind: "retry",
      reason: expect.stringMatching(/hang up|ECONNRESET/),
    });
    expect(seen).toEqual(["POST", "POST"]);
  });

  it("that are refused ask for another attempt", async () => {
    const { base, server } = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    const outcome = await setup({ HIDB_HTTP_URL: base }).process(video, context());
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining("ECONNREFUSED") });
  });
});

describe("secrets", () => {
  it("of headers and URL appear in no reason, even when the server echoes them", async () => {
    const { base } = await serve(({ headers }, response) => {
      response.writeHead(500).end(`${JSON.stringify(headers)} geheim`);
    });
    const HIDB_HTTP_HEADERS = '{"Authorization":"Bearer s3cret-token","X-Other":"s3cret-token"}';
    const HIDB_HTTP_URL = `${base.replace("//", "//me:geheim@")}/x?y=a@b`;
    const outcome = await setup({ HIDB_HTTP_URL, HIDB_HTTP_HEADERS }).process(video, context());
    expect(outcome).toMatchObject({ kind: "retry", reason: expect.stringContaining(`expected ${base}/x to succeed`) });
    expect(JSON.stringify(outcome)).not.toMatch(/geheim|s3cret|a@b/);
  });

  it("of the query and the login appear in no reason, even when the server echoes the request", async () => {
    const { base } = await serve(({ url, headers }, response) => {
      response.writeHead(500).end(`cannot POST ${url} for ${headers.authorization}, ${decodeURIComponent(url)}`);
    });
    const HIDB_HTTP_URL = `${base.replace("//", "//s3cretuser:s3cret%40@")}/x?key=s3cret%20key&s3cretflag&id={id}`;
    const outcome = await setup({ HIDB_HTTP_URL }).process(video, context());
    expect(outcome).toMatchObject({
      kind: "retry",
      reason: expect.stringContaining("cannot POST /x?key=***&***&id=7&worker_id=1&worker_count=3 for Basic ***,"),
    });
    expect(JSON.stringify(outcome)).not.toMatch(/s3cret/);
    expect(JSON.stringify(outcome)).not.toContain(btoa("s3cretuser:s3cret@"));
  });

  it.each(["me:s3cret/x", "me:s3cret@x", "me:s3cret?x", "me:80/s3cret", "me:%zzs3cret", "%zzs3cret:x"])(
    "appear neither in a complaint about %s@ in the URL nor in a reason",
    async (login) => {
      const HIDB_HTTP_URL = `http://${login}@127.0.0.1:9/x?token=s3cret`;
      const act = async () => setup({ HIDB_HTTP_URL, HIDB_HTTP_METHOD: "GET" }).process(video, context());
      const shown = await act().then(JSON.stringify, (error) => `${error.code} ${error.stack} ${error.fix}`);
      expect(shown).toMatch(/"retry"|SETTING_INVALID/);
      expect(shown).not.toContain("s3cret");
    },
  );

  it("appear in no complaint about the settings", async () => {
    const check = async (HIDB_HTTP_HEADERS: string) =>
      checkHttp(readConfig({ environment: { HIDB_HTTP_URL: "http://127.0.0.1:1", HIDB_HTTP_HEADERS }, cwd: "/" }));
    for (const headers of ["s3cret", '{"x":s3cret}', '{"x":1,"s3cret":2}', '["s3cret"]', '{"x":"s3cret\\n"}']) {
      const error = await check(headers).catch((caught) => caught);
      expect(error).toMatchObject({ code: "SETTING_INVALID" });
      expect(error.cause).toBeUndefined();
      expect(`${error.stack} ${error.fix}`).not.toContain("s3cret");
    }
  });
});

describe("the preflight", () => {
  const check = async (environment: Record<string, string>) => checkHttp(readConfig({ environment, cwd: "/" }));

  const reach = async (environment: Record<string, string>) =>
    checkProcessor(readConfig({ environment: { HIDB_PROCESSOR: "http", ...environment }, cwd: "/" }), {
      connect: true,
    });

  it("is content with anybody who listens", async () => {
    const { base } = await serve(answerWith(404));
    await reach({ HIDB_HTTP_URL: base });
  });

  it("asks nobody in an instance, so that a server which is down for a moment stops none", async () => {
    const environment = { HIDB_PROCESSOR: "http", HIDB_HTTP_URL: "http://127.0.0.1:9/" };
    await checkProcessor(readConfig({ environment, cwd: "/" }));
    await expect(checkReachable(readConfig({ environment, cwd: "/" }))).rejects.toThrow("got ECONNREFUSED");
  });

  it("says that nobody listens", async () => {
    const server = createSocketServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(reach({ HIDB_HTTP_URL: `http://me:geheim@127.0.0.1:${port}/` })).rejects.toMatchObject({
      code: "PROCESSOR_PREFLIGHT",
      message: `expected HIDB_HTTP_URL to answer at 127.0.0.1:${port}, got ECONNREFUSED`,
    });
  });

  it.each([
    [{}, "to name the URL to call, got nothing"],
    [{ HIDB_HTTP_URL: "127.0.0.1:80/x" }, "http or https URL"],
    [{ HIDB_HTTP_URL: "ftp://127.0.0.1/" }, "http or https URL"],
    [{ HIDB_HTTP_URL: "http://u:p@ss@:1x/" }, "got something else"],
    [{ HIDB_HTTP_URL: "http://{title}.example.com/" }, "whose host is fixed"],
    [{ HIDB_HTTP_URL: "http://127.0.0.1/{name}" }, "{source} {id} {title} {rank} {count}, got {name}"],
    [{ HIDB_HTTP_URL: "http://127.0.0.1/", HIDB_HTTP_BODY: "{out}" }, "got {out}"],
    [{ HIDB_HTTP_URL: "http://127.0.0.1/", HIDB_HTTP_BODY: "x", HIDB_HTTP_METHOD: "GET" }, "to be unset"],
  ])("refuses %j", async (environment, complaint) => {
    await expect(check(environment)).rejects.toMatchObject({
      code: "SETTING_INVALID",
      message: expect.stringContaining(complaint),
    });
  });
});
