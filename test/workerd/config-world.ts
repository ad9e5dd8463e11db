// A folder with a wrangler config, and the plan that is made of it.
import { join } from "node:path";
import { expect } from "vitest";
import { HidbError } from "../../src/errors.js";
import { makePlan } from "../../src/workerd/config/plan.js";
import type { HostWorkerOptions } from "../../src/workerd/options.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

export const DATE = '"compatibility_date": "2026-07-30"';
export const CODE = "export default { fetch: () => new Response('x') }";

export interface World {
  /** The keys of the config but for name, main and date; or all of its text. */
  config: object | string;
  name?: string;
  files?: Record<string, string>;
  env?: string;
}

export function setup({ config, name = "wrangler.jsonc", files = {} }: World) {
  const folder = makeFolder();
  const text =
    typeof config === "string"
      ? config
      : JSON.stringify({ name: "films", main: "index.js", compatibility_date: "2026-07-30", ...config }, null, 2);
  makeFile(folder, name, text);
  makeFile(folder, "index.js", CODE);
  for (const [path, content] of Object.entries(files)) makeFile(folder, path, content);
  return { folder, file: join(folder, name) };
}

export async function plan(
  world: World,
  options: Partial<HostWorkerOptions> = {},
  environment: NodeJS.ProcessEnv = {},
) {
  const { folder, file } = setup(world);
  const { env } = world;
  const made = await makePlan({ config: file, ...(env === undefined ? {} : { env }), ...options }, { environment });
  return {
    folder,
    file,
    ...made,
    bindings: Object.fromEntries(made.plan.bindings.map(({ name, ...rest }) => [name, rest])),
  };
}

export async function refusal(made: Promise<unknown>): Promise<HidbError> {
  const error = await made.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HidbError);
  return error as HidbError;
}
