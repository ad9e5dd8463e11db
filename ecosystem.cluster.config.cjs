// What PM2 is asked to run; evaluated inside the `pm2` command, on whatever Node that has. The rest is in src/ecosystem/.
"use strict";
const { existsSync, readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

const root = findRoot();
const isStarting = !process.argv.slice(2).some((word) => /^(stop|delete|del)$/.test(word));
module.exports = { apps: [describeApp()] };

/** The folder of hidb: here, or where a copy of this file finds the package. */
function findRoot() {
  if (existsSync(join(__dirname, "dist", "entry.cjs"))) return __dirname;
  try {
    return dirname(require.resolve("hidb/package.json", { paths: [__dirname, process.cwd()] }));
  } catch {
    return __dirname;
  }
}

function describeApp() {
  const app = join(root, "dist", "ecosystem", "app.js");
  let compiled;
  try {
    compiled = require(app);
  } catch (error) {
    // To stop and to delete takes no more than the name.
    return isStarting ? refuseToLoad(app, error) : { name: readName(join(root, ".env")), script: "dist/entry.cjs" };
  }
  try {
    return compiled.describeApp({ argv: process.argv, environment: process.env, cwd: process.cwd(), root, isStarting });
  } catch (error) {
    if (error.name !== "HidbError") throw error;
    return refuse(error.exitCode, error.message, error.fix);
  }
}

function refuseToLoad(app, { code }) {
  if (existsSync(app)) refuse(3, `expected Node 22.13 or newer, got ${process.version} (${code})`, "run `npx pm2 ...`");
  refuse(3, `expected the compiled program at ${app}, found nothing`, "run `npm ci` in the folder of package.json");
}

function readName(dotenv) {
  const text = existsSync(dotenv) ? readFileSync(dotenv, "utf8") : "";
  return process.env.HIDB_APP_NAME || (/^\s*HIDB_APP_NAME\s*=\s*["']?([\w-]+)/m.exec(text) || ["", "hidb"])[1];
}

function refuse(exitCode, message, fix) {
  console.error(`error: ${message}\nfix:   ${fix}`);
  process.exit(exitCode);
}
