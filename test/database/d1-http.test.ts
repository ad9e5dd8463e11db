// The driver on a line that fails: what it sends again, what it never does, and what a person is told.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { type D1HttpOptions, DatabaseWaitError, openD1Http, type RequestCosts } from "../../src/database/d1-http.js";
import type { Database } from "../../src/database/database.js";
import { HidbError } from "../../src/errors.js";
import type { FaultName } from "../d1/faults.js";
import { noFaults } from "../d1/faults.js";
import { NOON, quickClock } from "../d1/quick-clock.js";
import { type D1Server, startD1Server } from "../d1/server.js";

const READ = "SELECT count(*) AS n FROM films";
const WRITE = "INSERT INTO films (name) VALUES ('M')";
const MIDNIGHT = Date.UTC(2026, 10, 25);

/** D1 has seen the request, or may have. */
const UNKNOWN: FaultName[] = [
  "dropBefore",
  "dropAfter",
  "error500",
  "error503",
  "truncate",
  "connectionLost",
  "overloaded",
];
const APPLIED: FaultName[] = ["dropAfter", "truncate"];
const NOT_APPLIED: FaultName[] = ["dropBefore", "error503", "overloaded"];

let server: D1Server;

beforeAll(async () => {
  server = await startD1Server({ limits: { max: 1_000_000 } });
});
afterAll(() => server.close());
beforeEach(async () => {
  Object.assign(server.faults, noFaults());
  await server.resetDatabase();
  await (await server.binding()).prepare("CREATE TABLE films (id INTEGER PRIMARY KEY, name TEXT)").run();
  server.log.length = 0;
});

async function setup(options: Partial<D1HttpOptions> = {}) {
  const { accountId, apiToken, baseUrl, databaseId } = server;
  const clock = quickClock();
  const database = await openD1Http({ accountId, apiToken, baseUrl, databaseId, clock, ...options });
  return { database, clock };
}

/** Straight from workerd. */
async function filmCount(): Promise<number | null> {
  return (await server.binding()).prepare(READ).first<number>("n");
}

async function errorOf(work: Promise<unknown>): Promise<HidbError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HidbError);
  return error as HidbError;
}

const codeOf = async (work: Promise<unknown>) => (await errorOf(work)).code;
const count = (database: Database) => database.prepare(READ).first<number>("n");
const write = (database: Database) => database.prepare(WRITE).run();

describe("opening D1 over HTTP", () => {
  it("sends nothing when it is given the database's id", async () => {
    await setup();
    expect(server.log).toEqual([]);
  });

  it("finds a database by its name, and takes no other whose name contains it", async () => {
    const other = await server.addDatabase("not-films");
    const films = await server.addDatabase("films");
    await (await server.binding(films)).exec("CREATE TABLE here (x)");
    const { database } = await setup({ databaseId: "films" });
    expect(await database.prepare("SELECT name FROM sqlite_schema WHERE name = 'here'").first("name")).toBe("here");
    await server.removeDatabase(films);
    expect(await codeOf(setup({ databaseId: "films" }))).toBe("DATABASE_GONE");
    await server.removeDatabase(other);
  });

  it("finds a database by its name although the line fails", async () => {
    server.faults.next = ["dropAfter", "error500"];
    const { database } = await setup({ databaseId: server.databaseName });
    expect(await count(database)).toBe(0);
  });

  it("names a database that is not there", async () => {
    const error = await errorOf(setup({ databaseId: "<your database id>" }));
    expect(error).toMatchObject({ code: "DATABASE_GONE", exitCode: 5 });
    expect(error.message).toContain("<your database id>");
  });

  it("refuses what cannot be an account, a token or an address before sending anything", async () => {
    expect(await codeOf(setup({ accountId: "" }))).toBe("DATABASE_REFUSED");
    expect(await codeOf(setup({ accountId: "../other" }))).toBe("DATABASE_REFUSED");
    expect(await codeOf(setup({ apiToken: "" }))).toBe("DATABASE_REFUSED");
    expect(await codeOf(setup({ apiToken: "two words" }))).toBe("DATABASE_REFUSED");
    expect(await codeOf(setup({ baseUrl: "api.cloudflare.com" }))).toBe("DATABASE_UNREACHABLE");
    expect(server.log).toEqual([]);
  });
});

describe("the right to use D1", () => {
  it("tells a wrong token, one without the permission and one that is none", async () => {
    server.tokens.set("a-token-for-other-things", "none");
    server.tokens.set("only-half-a-tok", "malformed");
    for (const apiToken of ["a-token-nobody-made", "a-token-for-other-things", "only-half-a-tok"]) {
      const { database } = await setup({ apiToken });
      const error = await errorOf(count(database));
      expect(error.code).toBe("DATABASE_REFUSED");
      expect(error.fix).toContain("CLOUDFLARE_API_TOKEN");
    }
    expect(server.log.map(({ status }) => status)).toEqual([401, 403, 400]);
  });

  it("tells a wrong account after asking twice, since Cloudflare is sometimes mistaken", async () => {
    const { database } = await setup({ accountId: "0123456789abcdef0123456789abcdef" });
    const error = await errorOf(write(database));
    expect(error.code).toBe("DATABASE_REFUSED");
    expect(error.message).toContain("0123456789abcdef0123456789abcdef");
    expect(server.log).toHaveLength(2);
  });

  it("writes once when the account was refused by mistake", async () => {
    const { database } = await setup();
    server.faults.next = ["spurious7403"];
    await write(database);
    expect(await filmCount()).toBe(1);
  });

  it("names a database that was deleted while it was open", async () => {
    const id = await server.addDatabase("short-lived");
    const { database } = await setup({ databaseId: id });
    await database.prepare("SELECT 1").run();
    await server.removeDatabase(id);
    const error = await errorOf(database.prepare("SELECT 1").run());
    expect(error.code).toBe("DATABASE_GONE");
    expect(error.message).toContain(id);
  });

  it("tells until when the free plan's day is spent", async () => {
    const { database } = await setup();
    server.faults.quota = "write";
    const error = await errorOf(write(database));
    expect(error).toBeInstanceOf(DatabaseWaitError);
    expect(error).toMatchObject({ code: "DATABASE_QUOTA", until: MIDNIGHT });
    expect(error.fix).toContain("2026-11-25T00:00:00.000Z");
    expect(await count(database)).toBe(0);
    server.faults.quota = "read";
    expect(await codeOf(count(database))).toBe("DATABASE_QUOTA");
  });
});

describe("a failed request", () => {
  it.each([...UNKNOWN, "limit429", "spurious7403"] as FaultName[])("is sent again when it reads: %s", async (fault) => {
    const { database } = await setup();
    server.faults.next = [fault];
    await expect(count(database)).resolves.toBe(0);
    expect(server.log.map((record) => record.fault)).toEqual([fault, undefined]);
  });

  it.each(UNKNOWN)("is never sent again when it writes: %s", async (fault) => {
    const { database } = await setup();
    server.faults.next = [fault];
    expect(await codeOf(write(database))).toBe("DATABASE_OUTCOME_UNKNOWN");
    expect(server.log).toHaveLength(1);
    if (APPLIED.includes(fault)) expect(await filmCount()).toBe(1);
    if (NOT_APPLIED.includes(fault)) expect(await filmCount()).toBe(0);
  });

  it("is sent again when it writes, if D1 was too busy to look at it", async () => {
    const { database } = await setup();
    server.faults.next = ["limit429", "limit429"];
    await write(database);
    expect(await filmCount()).toBe(1);
  });

  it("is sent again when it writes, if there was nobody to connect to", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    let attempts = 0;
    let late: D1Server | undefined;
    const admit = async () => {
      if (++attempts === 3) late = await startD1Server({ ...server, port });
    };
    const { database } = await setup({ baseUrl: `http://127.0.0.1:${port}/client/v4`, admit });
    await database.prepare("CREATE TABLE late (x)").run();
    expect(attempts).toBe(3);
    expect(late?.log).toMatchObject([{ status: 200 }]);
    await late?.close();
  });

  it("is not sent again when only one statement of a batch writes", async () => {
    const { database } = await setup();
    server.faults.next = ["dropAfter"];
    expect(await codeOf(database.batch([database.prepare(READ), database.prepare(WRITE)]))).toBe(
      "DATABASE_OUTCOME_UNKNOWN",
    );
    server.faults.next = ["dropAfter"];
    const twice = await database.batch([database.prepare(READ), database.prepare(READ)]);
    expect(twice.map(({ results }) => results)).toEqual([[{ n: 1 }], [{ n: 1 }]]);
  });

  it("leaves a statement that D1 refuses to the caller, as D1's own error", async () => {
    const { database } = await setup();
    const error = await database
      .prepare("SELECT director FROM films")
      .run()
      .catch((reason: unknown) => reason);
    expect(error).not.toBeInstanceOf(HidbError);
    expect(error).toMatchObject({
      name: "Error",
      message: "D1_ERROR: no such column: director at offset 7: SQLITE_ERROR",
      cause: { message: "no such column: director at offset 7: SQLITE_ERROR" },
    });
    expect(server.log).toHaveLength(1);
  });

  it.each([
    [404, "<html>no such page</html>"],
    [403, "<html>blocked</html>"],
    [200, "<html>please log in</html>"],
    [200, JSON.stringify({ success: true, result: [] })],
    [302, ""],
  ])("proves nothing when it is not D1 that answers: HTTP %i %s", async (status, text) => {
    const stranger = createServer((_, response) => void response.writeHead(status).end(text)).listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const { port } = stranger.address() as AddressInfo;
    const { database } = await setup({ baseUrl: `http://127.0.0.1:${port}/client/v4`, patienceMs: 0 });
    expect(await codeOf(count(database))).toBe("DATABASE_UNREACHABLE");
    expect(await codeOf(write(database))).toBe("DATABASE_OUTCOME_UNKNOWN");
    stranger.closeAllConnections();
    stranger.close();
  });

  it("is not answered by fewer or more results than it has statements: nobody could tell whose is which", async () => {
    const one = { success: true, meta: { changes: 1 }, results: { columns: ["n"], rows: [[7]] } };
    for (const results of [[one], [one, one, one]]) {
      const short = createServer((_, response) => {
        response.end(JSON.stringify({ success: true, errors: [], messages: [], result: results }));
      }).listen(0, "127.0.0.1");
      await once(short, "listening");
      const { port } = short.address() as AddressInfo;
      const { database } = await setup({ baseUrl: `http://127.0.0.1:${port}/client/v4`, patienceMs: 0 });
      const batch = (text: string) => database.batch([database.prepare(text), database.prepare(READ)]);
      await expect(batch(READ)).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
      await expect(batch(WRITE)).rejects.toMatchObject({ code: "DATABASE_OUTCOME_UNKNOWN" });
      short.closeAllConnections();
      short.close();
    }
  });

  it("waits as long as Retry-After says", async () => {
    const { database, clock } = await setup({ backoffMs: 10 });
    Object.assign(server.faults, { next: ["limit429"], retryAfterS: 7 });
    await write(database);
    expect(clock.slept).toEqual([7005]);
  });

  it("gives up at once when the account is blocked for longer than patience lasts", async () => {
    const { database, clock } = await setup({ patienceMs: 5000 });
    Object.assign(server.faults, { next: ["limit429"], retryAfterS: 300 });
    const error = await errorOf(write(database));
    expect(error).toMatchObject({ code: "DATABASE_UNREACHABLE", until: NOON + 300_000 });
    expect(clock.slept).toEqual([]);
  });

  it("waits longer with each try, and longest for a D1 that is overloaded", async () => {
    const { database, clock } = await setup({ backoffMs: 100 });
    server.faults.next = ["dropBefore", "dropBefore", "dropBefore"];
    await count(database);
    expect(clock.slept).toEqual([50, 100, 200]);
    server.faults.next = ["overloaded"];
    await count(database);
    expect(clock.slept.at(-1)).toBe(600);
  });

  it("gives up on an outage once patience is spent", async () => {
    const { database, clock } = await setup({ patienceMs: 5000, backoffMs: 1000 });
    server.faults.outage = true;
    const error = await errorOf(count(database));
    expect(error.code).toBe("DATABASE_UNREACHABLE");
    expect(error.message).toContain(new URL(server.baseUrl).host);
    expect(clock.slept.reduce((sum, ms) => sum + ms)).toBeLessThanOrEqual(5000);
    expect(server.log.length).toBe(clock.slept.length + 1);
  });

  it("ends at its deadline: a read in vain, a write with its outcome unknown", async () => {
    const { database } = await setup({ deadlineMs: 100, patienceMs: 0 });
    server.faults.next = ["stall", "stall"];
    const read = await errorOf(count(database));
    expect(read).toMatchObject({ code: "DATABASE_UNREACHABLE" });
    expect(read.message).toContain("no answer within 100 ms");
    expect(await codeOf(write(database))).toBe("DATABASE_OUTCOME_UNKNOWN");
  });

  it("does not read an answer beyond its bounds, packed or unpacked", async () => {
    const { database } = await setup({ maxAnswerMb: 0.01 });
    const long = database.prepare("SELECT printf('%.*c', ?, 'x') AS text");
    expect(await long.bind(5000).first<string>("text")).toHaveLength(5000);
    expect(await codeOf(long.bind(20_000).first())).toBe("DATABASE_UNREADABLE");
    const longWrite = database.prepare("INSERT INTO films (name) VALUES (printf('%.*c', 20000, 'x')) RETURNING name");
    expect(await codeOf(longWrite.run())).toBe("DATABASE_OUTCOME_UNKNOWN");
  });
});

describe("the connection", () => {
  it("is one for all calls that follow each other", async () => {
    const { database } = await setup();
    const before = server.totals.connections;
    for (let call = 0; call < 5; call++) await count(database);
    expect(server.totals.connections - before).toBe(1);
  });

  it("asks to be admitted before each request, repeated ones too, and tells what each has cost", async () => {
    const admitted: number[] = [];
    const costs: RequestCosts[] = [];
    const { database } = await setup({
      admit: async (statements) => void admitted.push(statements),
      onRequest: (request) => void costs.push(request),
    });
    await database.batch([database.prepare(WRITE), database.prepare(WRITE)]);
    server.faults.next = ["dropAfter"];
    await count(database);
    expect(admitted).toEqual([2, 1, 1]);
    expect(costs).toMatchObject([
      { statements: 2, rowsWritten: 2, isAnswered: true },
      { statements: 1, rowsRead: 0, isAnswered: false },
      { statements: 1, rowsRead: 2, isAnswered: true },
    ]);
  });

  it("sends nothing that is not admitted", async () => {
    const admit = () => Promise.reject(new Error("no budget"));
    const { database } = await setup({ admit });
    await expect(write(database)).rejects.toThrow("no budget");
    expect(server.log).toEqual([]);
  });

  it("ends with the database: later calls are refused, and a write under way is one with unknown outcome", async () => {
    const { database } = await setup();
    server.faults.next = ["stall"];
    const writing = errorOf(write(database));
    while (server.log.length === 0) await systemClock.turn();
    await database.close();
    expect((await writing).code).toBe("DATABASE_OUTCOME_UNKNOWN");
    expect(await codeOf(count(database))).toBe("DATABASE_UNREACHABLE");
  });
});

describe("the API token", () => {
  const everything = (value: unknown) => inspect(value, { depth: Infinity, showHidden: true });

  it("is in no error and in no view of the database", async () => {
    const { database } = await setup({ patienceMs: 0, deadlineMs: 100 });
    const shown = [everything(database), everything(database.prepare("SELECT 1")), everything(database.withSession())];
    for (const fault of [...UNKNOWN, "limit429", "stall"] as FaultName[]) {
      server.faults.next = [fault, fault];
      shown.push(everything(await errorOf(write(database))), everything(await errorOf(count(database))));
    }
    server.tokens.set(server.apiToken, "none");
    shown.push(everything(await errorOf(count(database))));
    server.tokens.set(server.apiToken, "write");
    for (const text of shown) expect(text).not.toContain(server.apiToken);
  });

  it("is taken out of what a server says back", async () => {
    for (const status of [400, 401, 404, 429, 500]) {
      const echo = createServer((request, response) => {
        const message = `cannot serve ${request.headers.authorization}`;
        response.writeHead(status).end(JSON.stringify({ success: false, errors: [{ code: 7500, message }] }));
      }).listen(0, "127.0.0.1");
      await once(echo, "listening");
      const { port } = echo.address() as AddressInfo;
      const { database } = await setup({ baseUrl: `http://127.0.0.1:${port}/client/v4`, patienceMs: 0 });
      const error = await count(database).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(everything(error)).not.toContain(server.apiToken);
      echo.closeAllConnections();
      echo.close();
    }
  });
});
