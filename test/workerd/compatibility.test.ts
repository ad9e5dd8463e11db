import { describe, expect, it } from "vitest";
import { readCompatibility } from "../../src/workerd/config/compatibility.js";
import { plan, refusal } from "./config-world.js";

describe("a compatibility date", () => {
  const read = (date: string | undefined, ...flags: string[]) =>
    readCompatibility({ date, flags, today: "2026-11-24" }).compatibility;

  it.each([
    ["2026-08-03", [], { node: "off", processEnv: false, contextExports: true, queuesJson: true }],
    ["2026-08-04", [], { node: "compat", processEnv: true }],
    ["2026-08-04", ["no_nodejs_compat"], { node: "off", processEnv: false }],
    ["2026-08-04", ["nodejs_compat_do_not_populate_process_env"], { node: "compat", processEnv: false }],
    ["2025-03-31", ["nodejs_compat"], { node: "compat", processEnv: false }],
    ["2025-03-31", ["nodejs_compat", "nodejs_compat_populate_process_env"], { node: "compat", processEnv: true }],
    ["2025-04-01", ["nodejs_compat"], { node: "compat", processEnv: true }],
    ["2024-01-01", ["nodejs_compat_v2"], { node: "compat" }],
    ["2025-11-16", [], { contextExports: false }],
    ["2025-11-16", ["enable_ctx_exports"], { contextExports: true }],
    ["2025-11-17", ["disable_ctx_exports"], { contextExports: false }],
    ["2024-03-17", [], { queuesJson: false }],
    ["2024-03-17", ["queues_json_messages"], { queuesJson: true }],
    ["2024-03-18", ["no_queues_json_messages"], { queuesJson: false }],
  ])("decides what a program can see: %s %j", (date, flags, expected) => {
    expect(read(date, ...flags)).toMatchObject(expected);
  });

  it("that is missing is today's, with a warning", () => {
    const { compatibility, warnings } = readCompatibility({ date: undefined, flags: [], today: "2026-11-24" });
    expect(compatibility.date).toBe("2026-11-24");
    expect(warnings).toEqual([expect.stringContaining("taking today's, 2026-11-24, as wrangler dev does")]);
  });

  it.each(["2026-13-01", "2026-02-30", "tomorrow", "2026-1-1", ""])("that is none is refused: %j", async (date) => {
    const { code, message } = await refusal(plan({ config: { compatibility_date: date } }));
    expect(code).toBe("WRANGLER_CONFIG");
    expect(message).toMatch(/expected compatibility_date in .*wrangler\.jsonc:4 to be a date like 2026-07-30/);
  });

  it("and flags that change nothing here are warned of, but not those that only say it earlier", () => {
    const flags = ["nodejs_compat", "global_navigator", "web_socket_compression", "url_original"];
    const { warnings } = readCompatibility({ date: "2027-01-01", flags, today: "2026-11-24" });
    expect(warnings).toEqual([
      "the compatibility_date 2027-01-01 lies ahead: Cloudflare takes none after 2026-11-24",
      "the compatibility flag web_socket_compression changes nothing here",
      "the compatibility flag url_original changes nothing here",
    ]);
  });

  it("leaves how much of Node is there to the options that say it", async () => {
    const { plan: made } = await plan({ config: { compatibility_flags: ["nodejs_compat"] } }, { node: "full" });
    expect(made.compatibility).toMatchObject({ node: "full", processEnv: true });
  });
});
