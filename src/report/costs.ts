// What the pool has cost on D1, from the figures that instances write with their heartbeats.
import type { Database } from "../database/database.js";
import * as sql from "./statements.js";

export interface PoolCosts {
  /** Of all lives within the last two weeks; what commands have asked is not counted. */
  requests: number;
  /** Within five minutes before the last heartbeat of each instance that lives. */
  requestsRecent: number;
  rowsRead: number;
  rowsWritten: number;
  /** US dollars, if all of it came on top of what the Workers Paid plan includes. */
  dollars: number;
}

/** Beyond 25 G rows read and 50 M rows written a month: developers.cloudflare.com/d1/platform/pricing, November 2026. */
const DOLLARS_PER_ROW_READ = 0.001 / 1e6;
const DOLLARS_PER_ROW_WRITTEN = 1 / 1e6;

export async function readCosts(database: Database): Promise<PoolCosts> {
  const row = await database.prepare(sql.COSTS).first<Omit<PoolCosts, "dollars">>();
  const { requests = 0, requestsRecent = 0, rowsRead = 0, rowsWritten = 0 } = row ?? {};
  const dollars = rowsRead * DOLLARS_PER_ROW_READ + rowsWritten * DOLLARS_PER_ROW_WRITTEN;
  return { requests, requestsRecent, rowsRead, rowsWritten, dollars };
}
