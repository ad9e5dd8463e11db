// Which file answers which path: wrangler's `html_handling`. An HTML file has one address; its other spellings lead there.
import type { AssetsPlan } from "../../plan.js";

type Mode = AssetsPlan["htmlHandling"];

/** Tried in order: a file to give out if it is there, or where a file is to be asked for instead. */
type Step = { serve: string } | { redirect: string; to: string };

export type Found = { kind: "file"; path: string } | { kind: "redirect"; to: string };

interface Files {
  has(path: string): boolean;
  /** Whether two paths lead to the same bytes. */
  isSame(one: string, other: string): boolean;
}

/** Paths begin with a slash and are decoded. */
export function findFile(path: string, mode: Mode, files: Files, redirects = true): Found | undefined {
  for (const step of stepsFor(path, mode)) {
    if ("serve" in step) {
      if (files.has(step.serve)) return { kind: "file", path: step.serve };
    } else if (redirects && leadsTo(step, mode, files)) {
      return { kind: "redirect", to: step.to };
    }
  }
  return undefined;
}

/** Only where the new address gives out that very file. */
function leadsTo({ redirect, to }: { redirect: string; to: string }, mode: Mode, files: Files): boolean {
  if (files.has(to) || !files.has(redirect)) return false;
  const found = findFile(to, mode, files, false);
  return found?.kind === "file" && files.isSame(found.path, redirect);
}

function stepsFor(path: string, mode: Mode): Step[] {
  if (mode === "none") return [{ serve: path }];
  return [...spelledSteps(path, mode), { serve: path }, ...addressSteps(path, mode)];
}

/** For a path that spells out `index` or `.html`, or ends in a slash. */
function spelledSteps(path: string, mode: Exclude<Mode, "none">): Step[] {
  const { folder, page } = ADDRESS[mode];
  if (path.endsWith("/index")) {
    const base = path.slice(0, -"/index".length);
    const steps: Step[] = [
      { redirect: `${path}.html`, to: folder(base) },
      { redirect: `${base}.html`, to: page(base) },
    ];
    return [{ serve: path }, ...(mode === "drop-trailing-slash" && base !== "" ? steps.reverse() : steps)];
  }
  if (path.endsWith("/index.html")) {
    const base = path.slice(0, -"/index.html".length);
    return [
      { redirect: path, to: folder(base) },
      ...(mode === "drop-trailing-slash" ? [{ serve: path }] : []),
      { redirect: `${base}.html`, to: page(base) },
    ];
  }
  const base = path.replace(/\/$|\.html$/, "");
  const index = `${base}/index.html`;
  if (path.endsWith("/")) return slashSteps(base, index, mode);
  if (!path.endsWith(".html")) return [];
  return [
    { redirect: path, to: page(base) },
    ...(mode === "force-trailing-slash" ? [{ serve: path }] : []),
    { redirect: index, to: folder(base) },
  ];
}

function slashSteps(base: string, index: string, mode: Exclude<Mode, "none">): Step[] {
  switch (mode) {
    case "auto-trailing-slash":
      return [{ serve: index }, { redirect: `${base}.html`, to: base }];
    case "force-trailing-slash":
      return [{ serve: index }, { serve: `${base}.html` }];
    case "drop-trailing-slash":
      if (base === "") return [{ serve: index }];
      return [
        { redirect: `${base}.html`, to: base },
        { redirect: index, to: base },
      ];
    default:
      return mode satisfies never;
  }
}

/** For the address of a page or a folder, without the slash. */
function addressSteps(path: string, mode: Exclude<Mode, "none">): Step[] {
  const [page, index] = [`${path}.html`, `${path}/index.html`];
  switch (mode) {
    case "auto-trailing-slash":
      return [{ serve: page }, { redirect: index, to: `${path}/` }];
    case "force-trailing-slash":
      return [
        { redirect: page, to: `${path}/` },
        { redirect: index, to: `${path}/` },
      ];
    case "drop-trailing-slash":
      return [{ serve: page }, { serve: index }];
    default:
      return mode satisfies never;
  }
}

interface Address {
  /** Of `<base>/index.html`. */
  folder(base: string): string;
  /** Of `<base>.html`. */
  page(base: string): string;
}

const ADDRESS: Readonly<Record<Exclude<Mode, "none">, Address>> = {
  "auto-trailing-slash": { folder: (base) => `${base}/`, page: (base) => base },
  "force-trailing-slash": { folder: (base) => `${base}/`, page: (base) => `${base}/` },
  "drop-trailing-slash": { folder: (base) => base || "/", page: (base) => base },
};
