import { afterEach, describe, expect, it, vi } from "vitest";
import type { Outcome } from "../../src/video.js";
import { many, settleDown, World } from "../claim/world.js";
import { openDesk } from "./world.js";

const LONG = 60_000;
const completed = (output: string | null = null): Outcome => ({ kind: "completed", output });

describe("an outcome", () => {
  it("completed writes the output, the time and no row of attempts", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim, instance } = await openDesk(world);
    await world.set(1, "error = 'of an earlier attempt'");
    world.clock.advance(7);
    const outcome = completed('{"duration_s":3}');
    expect(await settler.settleOutcome(claim(1), outcome, LONG)).toEqual({
      outcome,
      held: true,
      settledAt: world.clock.now(),
    });
    expect(await world.video(1)).toEqual({
      state: "completed",
      attempt: 1,
      deaths: 0,
      runAfter: 0,
      instance: instance.id,
      claimedAt: world.clock.now() - 7,
      finishedAt: world.clock.now(),
      error: null,
      output: '{"duration_s":3}',
    });
    expect(await world.attempts()).toEqual([]);
  });

  it("retry gives the video back for later, keeps the attempt counted and records it", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim, instance } = await openDesk(world);
    world.clock.advance(7);
    world.clock.chance = 0.25;
    await settler.settleOutcome(claim(1), { kind: "retry", reason: "no answer" }, LONG);
    expect(await world.video(1)).toMatchObject({
      state: "pending",
      attempt: 1,
      deaths: 0,
      runAfter: world.clock.now() + 250,
      instance: null,
      claimedAt: null,
      finishedAt: null,
      error: "no answer",
      output: null,
    });
    expect(await world.attempts()).toEqual([
      {
        videoId: 1,
        attempt: 1,
        instance: instance.id,
        outcome: "retry",
        reason: "no answer",
        claimedAt: world.clock.now() - 7,
        endedAt: world.clock.now(),
      },
    ]);
  });

  it("retry waits as long as its processor says, where it says so", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim } = await openDesk(world);
    await settler.settleOutcome(claim(1), { kind: "retry", reason: "429", afterMs: 90_000 }, LONG);
    expect(await world.video(1)).toMatchObject({ state: "pending", runAfter: world.clock.now() + 90_000 });
  });

  it("retry of the last attempt becomes failed, and says so", async () => {
    await using world = await World.create({ videos: [1] });
    await world.set(1, "attempt = 2");
    const { settler, claim } = await openDesk(world);
    const settlement = await settler.settleOutcome(claim(1), { kind: "retry", reason: "no answer" }, LONG);
    expect(settlement).toMatchObject({ held: true, outcome: { kind: "failed", reason: "no answer" } });
    expect(await world.video(1)).toMatchObject({
      state: "failed",
      attempt: 3,
      error: "no answer",
      finishedAt: world.clock.now(),
    });
    expect(await world.attempts()).toMatchObject([{ attempt: 3, outcome: "failed", reason: "no answer" }]);
  });

  it("failed ends the video at once, whatever attempts are left", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim, instance } = await openDesk(world);
    await settler.settleOutcome(claim(1), { kind: "failed", reason: "no video at all" }, LONG);
    expect(await world.video(1)).toMatchObject({
      state: "failed",
      attempt: 1,
      instance: instance.id,
      error: "no video at all",
      finishedAt: world.clock.now(),
    });
    expect(await world.attempts()).toMatchObject([{ attempt: 1, outcome: "failed", reason: "no video at all" }]);
  });

  it("released gives the attempt back and leaves no trace", async () => {
    await using world = await World.create({ videos: [1] });
    const before = await world.video(1);
    const { settler, claim } = await openDesk(world);
    await settler.settleOutcome(claim(1), { kind: "released" }, LONG);
    expect(await world.video(1)).toEqual(before);
    expect(await world.attempts()).toEqual([]);
  });

  it("released keeps what earlier attempts have spent", async () => {
    await using world = await World.create({ videos: [1] });
    await world.set(1, "attempt = 2, error = 'no answer'");
    const { settler, claim } = await openDesk(world);
    await settler.settleOutcome(claim(1), { kind: "released" }, LONG);
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 2, error: "no answer" });
  });
});

describe("a late loser", () => {
  const LOSSES: [name: string, change: string][] = [
    ["another instance holds the video", "instance = 'another'"],
    ["another attempt is under way", "attempt = 2"],
    ["a person has cancelled and retried it, and the same instance has it again", "claimed_at = claimed_at + 1"],
    ["the video is pending again", "state = 'pending', instance = NULL, claimed_at = NULL"],
    ["the video has failed", "state = 'failed', finished_at = 1"],
    ["the video is cancelled", "state = 'cancelled', finished_at = 1"],
    ["the video was completed by another instance", "state = 'completed', finished_at = 1, instance = 'another'"],
    ["the video was completed before", "state = 'completed', finished_at = 1, output = 'first'"],
  ];
  const OUTCOMES: Outcome[] = [
    completed('"late"'),
    { kind: "retry", reason: "late" },
    { kind: "failed", reason: "late" },
    { kind: "released" },
  ];

  it.each(
    LOSSES.flatMap(([name, change]) => OUTCOMES.map((outcome) => [outcome.kind, name, { change, outcome }] as const)),
  )("changes nothing with `%s` when %s, and says so", async (_, __, { change, outcome }) => {
    await using world = await World.create({ videos: many(5) });
    const { settler, claim } = await openDesk(world);
    await world.set(3, change);
    const before = await world.video(3);
    expect(await settler.settleOutcome(claim(3), outcome, LONG)).toMatchObject({ held: false, outcome });
    expect(await world.video(3)).toEqual(before);
    expect(await world.attempts()).toEqual([]);
  });

  it.each(LOSSES)("in a group with others loses alone when %s", async (_, change) => {
    await using world = await World.create({ videos: many(9) });
    const { settler, claim } = await openDesk(world);
    await world.set(3, change);
    await world.set(6, change);
    const [three, six] = [await world.video(3), await world.video(6)];
    const outcomes = new Map<number, Outcome>(many(9).map((id) => [id, completed(`"${id}"`)]));
    outcomes.set(6, { kind: "retry", reason: "late" });
    outcomes.set(7, { kind: "retry", reason: "in time" });
    outcomes.set(8, { kind: "failed", reason: "in time" });
    outcomes.set(9, { kind: "released" });
    const settlements = [...outcomes].map(([id, outcome]) => settler.settleOutcome(claim(id), outcome, 0));
    await settler.flush();
    const held = (await Promise.all(settlements)).map((one) => one.held);
    expect(held).toEqual(many(9).map((id) => id !== 3 && id !== 6));
    expect([await world.video(3), await world.video(6)]).toEqual([three, six]);
    for (const id of [1, 2, 4, 5])
      expect(await world.video(id)).toMatchObject({ state: "completed", output: `"${id}"` });
    expect(await world.attempts()).toMatchObject([{ videoId: 7 }, { videoId: 8 }]);
  });

  it("that settles twice within one group is told apart from its first time", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { settler, claim } = await openDesk(world);
    const first = settler.settleOutcome(claim(1), { kind: "retry", reason: "first" }, 0);
    const second = settler.settleOutcome(claim(1), { kind: "failed", reason: "second" }, 0);
    await settler.flush();
    expect([(await first).held, (await second).held]).toEqual([true, false]);
    expect(await world.video(1)).toMatchObject({ state: "pending", error: "first" });
  });
});

describe("the statements of an outcome", () => {
  async function withNotes(world: World) {
    await world.rows("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    const note = (text: string | null) => world.database.prepare("INSERT INTO notes (text) VALUES (?)").bind(text);
    return {
      note,
      notes: async () => (await world.rows<{ text: string }>("SELECT text FROM notes")).map((row) => row.text),
    };
  }

  it("are committed together with the state", async () => {
    await using world = await World.create({ videos: [1] });
    const { note, notes } = await withNotes(world);
    const { settler, claim } = await openDesk(world);
    const outcome: Outcome = { kind: "completed", output: "{}", statements: [note("one"), note("two")] };
    expect(await settler.settleOutcome(claim(1), outcome, LONG)).toMatchObject({ held: true });
    expect(await notes()).toEqual(["one", "two"]);
    expect(await world.video(1)).toMatchObject({ state: "completed", output: "{}" });
    expect(await world.rows("SELECT * FROM hidb_fence")).toEqual([]);
  });

  it("are not applied at all when the claim is lost", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { note, notes } = await withNotes(world);
    const { settler, claim } = await openDesk(world);
    await world.set(1, "instance = 'another'");
    const lost = settler.settleOutcome(claim(1), { kind: "completed", output: null, statements: [note("lost")] }, 0);
    const kept = settler.settleOutcome(claim(2), { kind: "completed", output: null, statements: [note("kept")] }, 0);
    await settler.flush();
    expect([(await lost).held, (await kept).held]).toEqual([false, true]);
    expect(await notes()).toEqual(["kept"]);
    expect(await world.video(1)).toMatchObject({ state: "running", instance: "another" });
  });

  it("are not applied a second time when the outcome is settled twice", async () => {
    await using world = await World.create({ videos: [1] });
    const { note, notes } = await withNotes(world);
    const { settler, claim } = await openDesk(world);
    const outcome: Outcome = { kind: "completed", output: null, statements: [note("once")] };
    expect(await settler.settleOutcome(claim(1), outcome, LONG)).toMatchObject({ held: true });
    expect(await settler.settleOutcome(claim(1), outcome, LONG)).toMatchObject({ held: false });
    expect(await notes()).toEqual(["once"]);
  });

  it.each([
    ["violates a constraint", "INSERT INTO notes (text) VALUES (NULL)", /NOT NULL constraint failed: notes.text/],
    ["does not parse", "INSERT INTO", /incomplete input/],
    ["names no table", "INSERT INTO nowhere VALUES (1)", /no such table: nowhere/],
    ["would end the transaction", "commit", /To execute a transaction/],
  ])("become a retry, with none of them applied, when one %s", async (_, sql, reason) => {
    await using world = await World.create({ videos: [1, 2] });
    const { note, notes } = await withNotes(world);
    const { settler, claim } = await openDesk(world);
    const statements = [note("before"), world.database.prepare(sql), note("after")];
    const broken = settler.settleOutcome(claim(1), { kind: "completed", output: "{}", statements }, 0);
    const sound = settler.settleOutcome(claim(2), completed("{}"), 0);
    await settler.flush();
    const why = expect.stringMatching(reason);
    expect(await broken).toMatchObject({ held: true, outcome: { kind: "retry", reason: why } });
    expect(await sound).toMatchObject({ held: true, outcome: { kind: "completed" } });
    expect(await notes()).toEqual([]);
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 1, output: null, error: why });
    expect(await world.attempts()).toMatchObject([{ videoId: 1, outcome: "retry" }]);
  });

  it.each(["COMMIT", "ROLLBACK", "/* now */ COMMIT"])("cannot end the transaction by %s", async (sql) => {
    await using world = await World.create({ videos: [1] });
    const { note, notes } = await withNotes(world);
    const { settler, claim } = await openDesk(world);
    const statements = [note("before"), world.database.prepare(sql), note("after")];
    const settlement = await settler.settleOutcome(claim(1), { kind: "completed", output: "{}", statements }, LONG);
    expect(await notes()).toEqual([]);
    expect(settlement).toMatchObject({ held: true, outcome: { kind: "retry" } });
  });

  it("that fail in the last attempt fail the video", async () => {
    await using world = await World.create({ videos: [1] });
    await world.set(1, "attempt = 2");
    const { settler, claim } = await openDesk(world);
    const statements = [world.database.prepare("INSERT INTO nowhere VALUES (1)")];
    const settlement = await settler.settleOutcome(claim(1), { kind: "completed", output: null, statements }, LONG);
    expect(settlement).toMatchObject({ held: true, outcome: { kind: "failed" } });
    expect(await world.video(1)).toMatchObject({ state: "failed", attempt: 3 });
  });
});

describe("a group", () => {
  afterEach(() => vi.useRealTimers());
  const fakeTimers = () => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const TRANSACTIONS = "SELECT data_version AS n FROM pragma_data_version";

  it("of short attempts waits for others until it is large enough, then goes as one", async () => {
    await using world = await World.create({ videos: many(7) });
    const { settler, claim } = await openDesk(world, { groupCount: 4 });
    fakeTimers();
    const settlements = [1, 2, 3].map((id) => settler.settleOutcome(claim(id), completed(), 1));
    await settleDown();
    expect(settler.waiting).toBe(3);
    expect(await world.states()).toEqual({ running: 7 });
    settlements.push(settler.settleOutcome(claim(4), completed(), 1));
    expect(settler.waiting).toBe(0);
    expect((await Promise.all(settlements)).map((one) => one.held)).toEqual([true, true, true, true]);
    expect(await world.states()).toEqual({ completed: 4, running: 3 });
  });

  it("may be of several claims and attempts, each of which holds by its own", async () => {
    await using world = await World.create({ videos: many(4) });
    await world.set(2, "attempt = 1");
    const { instance, settler, claim } = await openDesk(world);
    world.clock.advance(7);
    await world.add([5, 6]);
    const later = await (await world.claimerOf(instance)).claimVideos({ limit: 50, alone: false });
    const claims = [...many(4).map(claim), ...later];
    expect(new Set(claims.map(({ attempt, claimedAt }) => `${attempt} ${claimedAt}`)).size).toBe(3);
    const settlements = claims.map((one) => settler.settleOutcome(one, completed(`"${one.video.id}"`), 1));
    await settler.flush();
    expect((await Promise.all(settlements)).map((one) => one.held)).toEqual(claims.map(() => true));
    expect(await world.states()).toEqual({ completed: 6 });
  });

  it("waits so many milliseconds at most, counted from its first member", async () => {
    await using world = await World.create({ videos: many(3) });
    const { settler, claim } = await openDesk(world, { groupMs: 50 });
    fakeTimers();
    void settler.settleOutcome(claim(1), completed(), 1);
    vi.advanceTimersByTime(30);
    void settler.settleOutcome(claim(2), completed(), 1);
    vi.advanceTimersByTime(19);
    await settleDown();
    expect(await world.states()).toEqual({ running: 3 });
    vi.advanceTimersByTime(1);
    await settleDown();
    expect(await world.states()).toEqual({ completed: 2, running: 1 });
    void settler.settleOutcome(claim(3), completed(), 1); // The next group has a timer of its own.
    vi.advanceTimersByTime(50);
    await settleDown();
    expect(await world.states()).toEqual({ completed: 3 });
  });

  it("leaves at once with an attempt that took longer than the wait", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { settler, claim } = await openDesk(world, { groupMs: 50 });
    fakeTimers();
    const short = settler.settleOutcome(claim(1), completed(), 49);
    expect(settler.waiting).toBe(1);
    const long = settler.settleOutcome(claim(2), completed(), 50);
    expect([(await short).held, (await long).held]).toEqual([true, true]);
  });

  it("is committed by a flush, which resolves after the commit, also with nothing to do", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim } = await openDesk(world);
    await settler.flush();
    void settler.settleOutcome(claim(1), completed(), 1);
    await settler.flush();
    expect(await world.states()).toEqual({ completed: 1 });
    await settler.flush();
  });

  it("is one transaction, seen whole or not at all by others", async () => {
    await using world = await World.create({ videos: many(40), onDisk: true });
    const { settler, claim } = await openDesk(world);
    await using witness = await World.open(world.file);
    const settlements = many(40).map((id) =>
      settler.settleOutcome(claim(id), id % 3 === 0 ? { kind: "retry", reason: "no" } : completed(), 1),
    );
    const before = await witness.rows<{ n: number }>(TRANSACTIONS);
    await settler.flush();
    await Promise.all(settlements);
    const [after] = await witness.rows<{ n: number }>(TRANSACTIONS);
    expect(before).not.toEqual([after]);
    expect(await witness.states()).toEqual({ completed: 27, pending: 13 });
  });
});

describe("what an outcome says", () => {
  const ODD = [
    ["unicode", "Ünïcödé 🎬 漢字 \u202e\u0301"],
    ["quotes and backslashes", `'"\`\\ '); DROP TABLE hidb_videos; --`],
    ["line breaks and control characters", "a\nb\r\tc\u0001\u001f\u007f"],
    ["placeholders", "? ?1 :a $b @c"],
  ] as const;

  it.each(ODD)("survives %s", async (_, text) => {
    await using world = await World.create({ videos: many(4) });
    const { settler, claim } = await openDesk(world);
    const output = JSON.stringify({ text });
    void settler.settleOutcome(claim(1), completed(output), 1);
    void settler.settleOutcome(claim(2), completed(output), 1);
    void settler.settleOutcome(claim(3), { kind: "retry", reason: text }, 1);
    void settler.settleOutcome(claim(4), { kind: "failed", reason: text }, 1);
    await settler.flush();
    expect((await world.video(1)).output).toBe(output);
    expect((await world.video(2)).output).toBe(output);
    expect(await world.video(3)).toMatchObject({ state: "pending", error: text });
    expect(await world.video(4)).toMatchObject({ state: "failed", error: text });
    expect((await world.attempts()).map((row) => row.reason)).toEqual([text, text]);
  });

  it("survives NUL and lone surrogates, escaped in an output, and replaced at worst in a reason", async () => {
    await using world = await World.create({ videos: many(5) });
    const { settler, claim } = await openDesk(world);
    const text = "before\u0000after \ud800 \udfff end";
    const output = JSON.stringify({ text });
    void settler.settleOutcome(claim(1), completed(output), 1);
    void settler.settleOutcome(claim(2), completed(output), 1);
    void settler.settleOutcome(claim(3), { kind: "retry", reason: text }, 1);
    void settler.settleOutcome(claim(4), { kind: "failed", reason: text }, 1);
    void settler.settleOutcome(claim(5), completed(), 1);
    await settler.flush();
    for (const id of [1, 2]) expect(JSON.parse((await world.video(id)).output ?? "")).toEqual({ text });
    for (const id of [3, 4]) expect((await world.video(id)).error).toMatch(/^before\0after .+ end$/u);
    expect(await world.states()).toEqual({ completed: 3, pending: 1, failed: 1 });
  });

  it("survives a raw NUL in an output, alone and in a group", async () => {
    await using world = await World.create({ videos: many(3) });
    const { settler, claim } = await openDesk(world);
    await settler.settleOutcome(claim(1), completed("a\0b"), LONG);
    void settler.settleOutcome(claim(2), completed("a\0b"), 1);
    void settler.settleOutcome(claim(3), completed("c\0d"), 1);
    await settler.flush();
    const outputs = [];
    for (const id of many(3)) outputs.push((await world.video(id)).output);
    expect(outputs).toEqual(["a\0b", "a\0b", "c\0d"]);
  });

  it("may be large: outputs of 600 KB travel in portions below what D1 takes as one value", async () => {
    await using world = await World.create({ videos: many(5) });
    const sizes: number[] = [];
    const database = Object.create(world.database, {
      prepare: {
        value: (sql: string) => {
          const statement = world.database.prepare(sql);
          return {
            bind: (...values: unknown[]) => {
              for (const value of values) if (typeof value === "string") sizes.push(Buffer.byteLength(value));
              return statement.bind(...values);
            },
          };
        },
      },
      batch: { value: world.database.batch.bind(world.database) },
    });
    const { settler, claim } = await openDesk(world, { database });
    const output = (id: number) => JSON.stringify({ id, text: "ä".repeat(300_000) });
    for (const id of many(5)) void settler.settleOutcome(claim(id), completed(output(id)), 1);
    await settler.flush();
    for (const id of many(5)) expect((await world.video(id)).output).toBe(output(id));
    expect(Math.max(...sizes)).toBeLessThan(2_000_000);
    expect(sizes.filter((size) => size > 500_000)).toHaveLength(5);
  });

  it("may be empty", async () => {
    await using world = await World.create({ videos: many(3) });
    const { settler, claim } = await openDesk(world);
    void settler.settleOutcome(claim(1), completed(""), 1);
    void settler.settleOutcome(claim(2), completed(null), 1);
    void settler.settleOutcome(claim(3), { kind: "failed", reason: "" }, 1);
    await settler.flush();
    expect([(await world.video(1)).output, (await world.video(2)).output]).toEqual(["", null]);
    expect(await world.video(3)).toMatchObject({ state: "failed", error: "" });
  });
});
