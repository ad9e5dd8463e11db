// D1 over Cloudflare's REST surface, served on this machine on top of the same real workerd.
import { afterAll, beforeAll } from "vitest";
import { openD1Http } from "../../src/database/d1-http.js";
import type { Database } from "../../src/database/database.js";
import { type D1Server, startD1Server } from "../d1/server.js";
import { AREAS } from "./cases/all.js";
import { describeDatabase } from "./database.js";
import { describeRecordedCases } from "./recorded-cases.js";

const RECORDED = Object.values(AREAS).reduce((count, cases) => count + Object.keys(cases).length, 0);
/** More than the behavioural cases need. */
const OTHERS = 100;

let server: D1Server;
let opened = 0;

beforeAll(async () => {
  // The budget has tests of its own; here it would only stand in the way.
  server = await startD1Server({ slots: RECORDED + OTHERS, limits: { max: Number.MAX_SAFE_INTEGER } });
});
afterAll(() => server.close());

async function open(): Promise<Database> {
  const { accountId, apiToken, baseUrl } = server;
  const databaseId = await server.addDatabase(`contract-${opened++}`);
  return openD1Http({ accountId, apiToken, baseUrl, databaseId });
}

describeDatabase("D1 over HTTP", open);
describeRecordedCases("d1 http", async () => ({ open, close: async () => undefined }));
