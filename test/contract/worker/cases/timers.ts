// Timers, scheduler.wait and microtasks.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

export const timers: WorkerCases = {
  "timers are numbers and call back": routed(`
  "/ids": async () => {
    const ids = [setTimeout(() => {}, 1000), setInterval(() => {}, 1000)];
    clearTimeout(ids[0]);
    clearInterval(ids[1]);
    return [...ids.map((id) => typeof id), ids[1] > ids[0]];
  },
  "/arguments": async () => new Promise((resolve) => setTimeout((...given) => resolve(given), 1, 1, "b")),
  "/this": async () => new Promise((resolve) => setTimeout(function () { resolve(this === globalThis); }, 1)),
  "/delays": async () => Promise.all([undefined, "5", -5, NaN, null].map((delay) => new Promise((resolve) => setTimeout(() => resolve(String(delay)), delay)))),
  "/long": async () => {
    let hits = 0;
    const ids = [3e9, Infinity].map((delay) => setTimeout(() => hits++, delay));
    await scheduler.wait(10);
    for (const id of ids) clearTimeout(id);
    return hits;
  },
  "/interval": async () => {
    let hits = 0;
    const id = setInterval(() => { if (++hits === 3) clearInterval(id); }, 1);
    await scheduler.wait(40);
    return hits;
  },
  "/order": async () => {
    const found = [];
    setTimeout(() => found.push("20"), 20);
    setTimeout(() => found.push("0"), 0);
    queueMicrotask(() => found.push("microtask"));
    Promise.resolve().then(() => found.push("promise"));
    await scheduler.wait(60);
    return found;
  },
  "/cleared": async () => {
    const found = [];
    const first = setTimeout(() => { found.push(1); clearTimeout(second); }, 1);
    const second = setTimeout(() => found.push(2), 10);
    clearInterval(setTimeout(() => found.push(3), 2));
    await scheduler.wait(40);
    return [found, first < second];
  },
  "/nested": async () => new Promise((resolve) => setTimeout(() => setTimeout(() => resolve("inner"), 1), 1)),
  "/throw": async () => { setTimeout(() => { throw new Error("in a timer"); }, 1); await scheduler.wait(20); return "alive"; },
  "/reject": async () => { setTimeout(async () => { throw new Error("in an async timer"); }, 1); await scheduler.wait(20); return "alive"; },
`),
  "timers refuse what they cannot call or clear": routed(`
  "/text": async () => setTimeout("x", 1),
  "/nothing": async () => each({ start: () => setTimeout(), null: () => setTimeout(null, 1), object: () => setInterval({ handleEvent() {} }, 1), clear: () => clearTimeout() }),
  "/clear": async () => each(Object.fromEntries([undefined, null, "x", 99999, {}, true, NaN, 5n].map((id) => [String(id), () => clearTimeout(id)]))),
  "/microtask": async () => each({ text: () => queueMicrotask("x"), nothing: () => queueMicrotask() }),
  "/microtask-throws": async () => { queueMicrotask(() => { throw new Error("in a microtask"); }); await scheduler.wait(5); return "alive"; },
  "/this": async () => setTimeout.call({}, () => {}, 1),
`),
  "scheduler.wait waits, and can be stopped": routed(`
  "/waits": async () => scheduler.wait(1),
  "/kinds": async () => each({ none: () => scheduler.wait(), text: () => scheduler.wait("2"), negative: () => scheduler.wait(-1) }),
  "/aborted": async () => scheduler.wait(1000, { signal: AbortSignal.abort() }),
  "/stopped": async () => { const stop = new AbortController(); setTimeout(() => stop.abort(), 1); return scheduler.wait(1000, { signal: stop.signal }); },
  "/reason": async () => { const stop = new AbortController(); setTimeout(() => stop.abort(new RangeError("why")), 1); return scheduler.wait(1000, { signal: stop.signal }); },
  "/signal": async () => scheduler.wait(1, { signal: 5 }),
  "/what": async () => [String(scheduler), scheduler.constructor.name, typeof Scheduler],
`),
  "with Node compatibility timers are objects": {
    compatibilityFlags: ["nodejs_compat"],
    ...routed(`
  "/object": async () => { const timer = setTimeout(() => {}, 1); clearTimeout(timer); return [typeof timer, timer.constructor.name, typeof timer.ref, typeof +timer]; },
  "/cleared": async () => { let hits = 0; const timer = setTimeout(() => hits++, 2); clearTimeout(timer); await scheduler.wait(10); return hits; },
  "/immediate": async () => new Promise((resolve) => setImmediate((given) => resolve([given, typeof clearImmediate]), 5)),
`),
  },
};
