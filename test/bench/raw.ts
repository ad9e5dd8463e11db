// The limit: better-sqlite3 alone, claiming any pending row, with nothing around it. One of several processes.
import BetterSqlite3 from "better-sqlite3";

const [file = "", group = "50", synchronous = "NORMAL"] = process.argv.slice(2);
const database = new BetterSqlite3(file, { timeout: 60_000 });
database.pragma(`synchronous = ${synchronous}`);
const claim = database.prepare<[number], { id: number }>(
  `UPDATE raw SET state = 1, owner = ${process.pid} WHERE id IN (SELECT id FROM raw WHERE state = 0 ORDER BY id LIMIT ?) RETURNING id`,
);
const settle = database.prepare("UPDATE raw SET state = 2 WHERE id = ? AND owner = ?");
const record = database.prepare("INSERT INTO result (id, output) VALUES (?, NULL)");
const settleGroup = database.transaction((ids: number[]) => {
  for (const id of ids) {
    settle.run(id, process.pid);
    record.run(id);
  }
});

process.once("message", () => {
  const size = Number(group);
  const started = performance.timeOrigin + performance.now();
  for (;;) {
    const ids = claim.all(50).map((row) => row.id);
    if (ids.length === 0) break;
    for (let at = 0; at < ids.length; at += size) settleGroup.immediate(ids.slice(at, at + size));
  }
  process.send?.({ started, ended: performance.timeOrigin + performance.now() });
  process.disconnect();
});
process.send?.("ready");
