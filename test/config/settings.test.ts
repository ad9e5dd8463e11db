import { describe, expect, it } from "vitest";
import { SETTINGS, type SettingKey } from "../../src/config/settings.js";
import { DEFAULTS, FREE, RULES } from "./rules.js";
import { KEYS, read, refusal } from "./world.js";

describe("without any setting", () => {
  it.each(KEYS)("%s has its default", (key) => {
    const config = read();
    expect(config[key]).toEqual(DEFAULTS[key]);
    expect(config.origins[key]).toBe("default");
  });

  it("every setting is named HIDB_..., or as Cloudflare has it, and says what it is for", () => {
    for (const { name, help } of Object.values(SETTINGS)) {
      expect(name).toMatch(/^(HIDB_[A-Z0-9_]+|CLOUDFLARE_(ACCOUNT_ID|API_TOKEN|ENV))$/);
      expect(help).toMatch(/^.{10,}\.$/);
    }
    expect(new Set(Object.values(SETTINGS).map(({ name }) => name)).size).toBe(KEYS.length);
  });

  it("nothing can be changed afterwards", () => {
    const config = read();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.origins)).toBe(true);
  });
});

describe("each setting", () => {
  it("has a rule here", () => {
    expect([...Object.keys(RULES), ...FREE].sort()).toEqual([...KEYS].sort());
  });

  const good = Object.entries(RULES).flatMap(([key, { good: values }]) =>
    values.map(([raw, value]) => ({ key, raw, value })),
  );
  it.each(good)("$key takes $raw", ({ key, raw, value }) => {
    const config = read({ [SETTINGS[key as SettingKey].name]: raw });
    expect(config[key as SettingKey]).toEqual(value);
    expect(config.origins[key as SettingKey]).toBe("environment");
  });

  const bad = Object.entries(RULES).flatMap(([key, { bad: values, expected }]) =>
    values.map((raw) => ({ key, raw, expected })),
  );
  it.each(bad)("$key refuses $raw with what was expected, what came and the mend", ({ key, raw, expected }) => {
    const setting = SETTINGS[key as SettingKey].name;
    const error = refusal({ [setting]: raw });
    expect(error.code).toBe("SETTING_INVALID");
    expect(error.exitCode).toBe(2);
    expect(error.message).toBe(`expected ${setting} to be ${expected}, got ${JSON.stringify(raw)}`);
    expect(error.fix).toBe(`correct ${setting} in the environment, or remove it for the default`);
  });

  it.each(FREE)("%s takes any text", (key) => {
    const raw = "/a b/ü'\"{id}";
    expect(read({ [SETTINGS[key].name]: raw })[key]).toBe(raw);
  });

  it.each(KEYS)("%s counts as unset when it is empty", (key) => {
    expect(read({ [SETTINGS[key].name]: "" })).toMatchObject({ [key]: DEFAULTS[key], origins: { [key]: "default" } });
  });
});
