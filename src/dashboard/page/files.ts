// Which file of the page is found at which path, for the server. The page is served as it is written, without a build, from
// the folder of the sources: beside dist/ in a clone and in an installed package alike.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../base.js";

/** Everything comes from here and nothing may be framed; uPlot places its parts through the CSSOM, which this allows. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FOLDER = join(PROJECT_ROOT, "src", "dashboard", "page");

const SHEETS = ["frame", "controls", "content", "tables"];

const MODULES = [
  "main",
  "actions",
  "api",
  "banner",
  "batches",
  "chart",
  "dom",
  "failures",
  "format",
  "instances",
  "live",
  "overview",
  "parts",
  "plan",
  "plan-picture",
  "remote",
  "settings",
  "theme",
  "token",
  "video",
  "videos",
];

interface PageFile {
  type: string;
  find: () => string;
}

function own(name: string, type: string): PageFile {
  return { type, find: () => join(FOLDER, name) };
}

/** npm may have hoisted it anywhere above. */
function ofUplot(name: string, type: string): PageFile {
  return { type, find: () => createRequire(import.meta.url).resolve(`uplot/dist/${name}`) };
}

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

/** By path. */
export const PAGE_FILES: ReadonlyMap<string, PageFile> = new Map([
  ["/", own("index.html", "text/html; charset=utf-8")],
  ["/favicon.ico", own("icon.svg", "image/svg+xml")],
  ["/assets/icon.svg", own("icon.svg", "image/svg+xml")],
  ["/assets/uplot.css", ofUplot("uPlot.min.css", STYLE)],
  ["/assets/uplot.js", ofUplot("uPlot.iife.min.js", SCRIPT)],
  ...SHEETS.map((name): [string, PageFile] => [`/assets/${name}.css`, own(`${name}.css`, STYLE)]),
  ...MODULES.map((name): [string, PageFile] => [`/assets/${name}.js`, own(`${name}.js`, SCRIPT)]),
]);

/** Undefined where the page has no file at this path. */
export async function readPageFile(path: string): Promise<{ body: Buffer<ArrayBuffer>; type: string } | undefined> {
  const file = PAGE_FILES.get(path);
  return file && { body: await readFile(file.find()), type: file.type };
}
