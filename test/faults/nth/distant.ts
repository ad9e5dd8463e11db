// A D1 database of a case's own, made equal to another one in a moment.
import type { D1Server } from "../../d1/server.ts";
import { steadyRow } from "./content.ts";

const OBJECTS = `SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'
  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type = 'table' DESC, name`;

/** In one INSERT. */
const ROWS = 100;

interface SchemaObject {
  type: string;
  name: string;
  sql: string;
}

export class Distant {
  readonly server: D1Server;
  readonly id: string;

  private constructor(server: D1Server, id: string) {
    this.server = server;
    this.id = id;
  }

  static async on(server: D1Server): Promise<Distant> {
    return new Distant(server, await server.addDatabase(`nth-${Math.random()}`));
  }

  /** In one transaction. */
  async run(...statements: string[]): Promise<void> {
    if (statements.length > 0) await this.#ask(statements);
  }

  /** Straight to the server, not by the way on which something happens. */
  async #ask<T>(statements: string[]): Promise<T[][]> {
    const { baseUrl, accountId, apiToken } = this.server;
    const answer = await fetch(`${baseUrl}/accounts/${accountId}/d1/database/${this.id}/query`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
      body: JSON.stringify({ batch: statements.map((sql) => ({ sql })) }),
    });
    const { result, errors } = (await answer.json()) as { result: { results: T[] }[] | null; errors: unknown };
    if (!answer.ok || result === null) throw new Error(`expected D1 to take it, got ${JSON.stringify(errors)}`);
    return result.map(({ results }) => results);
  }

  /** Whatever it held before. */
  async begin(statements: string[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.server.resetDatabase(this.id);
        return await this.run("PRAGMA defer_foreign_keys = on", ...statements);
      } catch (error) {
        // On a busy machine miniflare's own connection to workerd breaks off now and then.
        if (tries === 3) throw error;
      }
    }
  }

  /** What makes an empty database equal to this one. */
  async statements(): Promise<string[]> {
    const objects = await this.#objects();
    const tables = objects.filter(({ type }) => type === "table");
    const rows: string[] = [];
    for (const { name } of tables) {
      const columns = (await this.#all<{ name: string }>(`SELECT name FROM pragma_table_info('${name}')`)).map(
        (column) => `"${column.name}"`,
      );
      const values = columns.map((column) => `quote(${column})`).join(" || ',' || ");
      const texts: string[] = [];
      for (const { text } of await this.#all<{ text: string }>(`SELECT ${values} AS text FROM "${name}"`)) {
        texts.push(`(${text})`);
      }
      for (let at = 0; at < texts.length; at += ROWS) {
        rows.push(`INSERT INTO "${name}" (${columns}) VALUES ${texts.slice(at, at + ROWS)}`);
      }
    }
    const others = objects.filter(({ type }) => type !== "table");
    return [...tables.map(({ sql }) => sql), ...rows, ...others.map(({ sql }) => sql)];
  }

  async content(): Promise<string[]> {
    const objects = await this.#objects();
    const lines = objects.map(({ type, name, sql }) => `D1: ${type} ${name} ${sql}`);
    for (const { type, name } of objects) {
      // The record of a push counts how often somebody has tried.
      if (type !== "table" || name === "hidb_mirror_applied") continue;
      const rows = await this.#all<Record<string, unknown>>(`SELECT * FROM "${name}"`);
      lines.push(...rows.map((row) => `D1: ${name} ${steadyRow(row)}`).sort());
    }
    return lines;
  }

  #objects(): Promise<SchemaObject[]> {
    return this.#all<SchemaObject>(OBJECTS);
  }

  async #all<T>(sql: string): Promise<T[]> {
    return (await this.#ask<T>([sql]))[0] ?? [];
  }
}
