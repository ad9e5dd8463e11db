// A clone in a folder whose path has what shells, URLs and PM2 read in their own way.
import { afterEach, describe, expect, it } from "vitest";
import { Clone } from "./clone.js";

let clone: Clone;
afterEach(() => clone.end());

describe.each(["my videos", "it's #1 50% %41 Видео", '$HOME; [a] (b) "c"'])("a clone in the folder %j", (path) => {
  it("works through its samples at `npm start`", async () => {
    clone = new Clone(path);
    const answer = await clone.hidb(["start"]);
    expect(answer.stdout).toMatch(/^\d+ videos: \d+ completed/);
    expect(clone.processes()).toEqual([]);
  });

  it("works under the three PM2 commands", async () => {
    clone = new Clone(path, { HIDB_PROCESSOR: "rehearse" });
    expect(await clone.pm2(["start", "ecosystem.cluster.config.cjs", "-i", "3"])).toMatchObject({ code: 0 });
    expect(await clone.statuses()).toEqual(["online", "online", "online"]);
    expect(await clone.pm2(["scale", "hidb", "2"])).toMatchObject({ code: 0 });
    expect(await clone.statuses()).toEqual(["online", "online"]);
    expect(JSON.parse((await clone.hidb(["status", "--json"])).stdout)).toMatchObject({ instances: [{}, {}] });
    await clone.pm2(["delete", "hidb"]);
    const one = await clone.pm2(["start", "ecosystem.cluster.config.cjs"], { HIDB_INSTANCES: "1" });
    expect(one).toMatchObject({ code: 0 });
    expect(await clone.statuses()).toEqual(["online"]);
    await clone.pm2(["kill"]);
    // PM2's command ends a moment before its daemon does.
    await expect.poll(() => clone.processes()).toEqual([]);
  });
});
