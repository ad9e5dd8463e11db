// Node's modules: none without the flag, and with it what workerd makes of them.
import type { WorkerCases } from "../case.ts";
import { routed } from "./routed.ts";

const COMPAT = { compatibilityFlags: ["nodejs_compat"] };

export const node: WorkerCases = {
  "has next to nothing of Node without the flag": routed({
    observe: {
      prefixed: "import('node:fs')",
      bare: "import('fs')",
      buffer: "import('node:buffer')",
      hooks: "import('node:async_hooks')",
      "bare-process": "import('process')",
      process: "Object.keys(await import('node:process'))",
      "process-values": "(({ platform, env, features }) => [platform, env, features])(await import('node:process'))",
      lookup:
        "(({ getBuiltinModule }) => [typeof getBuiltinModule('fs'), typeof getBuiltinModule('node:fs'), typeof getBuiltinModule('node:process')])(await import('node:process'))",
      constructed: "new Promise((done, fail) => import('node:module').then(done, fail))",
      globals: "[typeof process, typeof global, typeof require]",
    },
  }),
  "has these modules with the flag": routed({
    ...COMPAT,
    top: `const can = async (names) => { const found = []; for (const name of names) { try { await import(name); found.push(name); } catch (error) { found.push(error.message); } } return found; };`,
    observe: {
      plain:
        "can('assert assert/strict async_hooks buffer console constants crypto diagnostics_channel events path path/posix path/win32 perf_hooks punycode querystring stream stream/consumers stream/promises stream/web string_decoder sys timers timers/promises url util util/types zlib'.split(' '))",
      network: "can('dgram dns dns/promises http http2 https net tls'.split(' '))",
      machine:
        "can('child_process cluster domain fs fs/promises inspector inspector/promises module os process readline readline/promises repl trace_events tty v8 vm wasi worker_threads'.split(' '))",
      prefixed: "can('node:fs node:sqlite node:test node:path/posix'.split(' '))",
      parts: "can('_http_agent _http_incoming _http_outgoing _http_server _stream_duplex _stream_readable'.split(' '))",
      none: "can('sea node:sea test node:test/reporters node:internal/x node:nope'.split(' '))",
      same: "(await import('fs')) === (await import('node:fs'))",
      default: "(await import('node:fs')).default.readFileSync === (await import('node:fs')).readFileSync",
    },
  }),
  "refuses to reach the machine": routed({
    ...COMPAT,
    top: `import cp from "node:child_process"; import cluster from "node:cluster"; import vm from "node:vm"; import threads from "node:worker_threads"; import v8 from "node:v8"; import repl from "node:repl"; import inspector from "node:inspector"; import wasi from "node:wasi"; import sqlite from "node:sqlite"; import http2 from "node:http2"; import net from "node:net"; import http from "node:http"; import tls from "node:tls";`,
    observe: {
      exec: "cp.exec('ls')",
      "exec-bare": "cp.exec()",
      "exec-sync": "cp.execSync('ls')",
      spawn: "cp.spawn('ls')",
      "spawn-sync": "cp.spawnSync('ls')",
      fork: "cp.fork('x.js')",
      child: "new cp.ChildProcess()",
      cluster: "[cluster.isPrimary, cluster.isWorker, cluster.schedulingPolicy]",
      "cluster-fork": "cluster.fork()",
      "cluster-setup": "cluster.setupMaster()",
      run: "vm.runInNewContext('1')",
      "run-here": "vm.runInThisContext('1')",
      "run-in": "vm.runInContext('1', vm.createContext())",
      "run-in-object": "vm.runInContext('1', {})",
      script: "new vm.Script('1').runInThisContext()",
      compile: "vm.compileFunction('1')",
      contexts: "[vm.isContext({}), vm.isContext(vm.createContext({ a: 1 }))]",
      thread: "new threads.Worker('x.js')",
      main: "[threads.isMainThread, threads.threadId, threads.parentPort, threads.workerData]",
      channel: "new threads.BroadcastChannel('x')",
      serialize: "v8.serialize({})",
      heap: "v8.getHeapStatistics().total_heap_size",
      snapshot: "v8.writeHeapSnapshot()",
      repl: "repl.start()",
      session: "new inspector.Session()",
      wasi: "new wasi.WASI({ version: 'preview1' })",
      sqlite: "new sqlite.DatabaseSync(':memory:')",
      http2: "http2.connect('http://x')",
      "unix-socket": "net.connect('/tmp/x.sock')",
      "unix-request": "http.request({ socketPath: '/tmp/x' })",
      "unix-tls": "tls.connect({ path: '/x' })",
      descriptor: "new net.Socket({ fd: 3 })",
      server: "net.createServer()",
      "tls-server": "tls.createServer()",
    },
  }),
  "knows no way around": routed({
    ...COMPAT,
    top: `import { createRequire, builtinModules, isBuiltin } from "node:module"; import module from "node:module";`,
    modules: {
      "c.cjs": {
        type: "CommonJS",
        contents: "module.exports = [typeof require('node:fs').readFileSync, typeof module.constructor._load];",
      },
    },
    observe: {
      require: "typeof createRequire('/bundle/index.js')('node:fs').readdirSync",
      "require-tree": "createRequire('/bundle/index.js')('fs').readdirSync('/')",
      "require-package": "createRequire('/bundle/index.js')('lodash')",
      "require-file": "createRequire('/bundle/index.js')('./c.cjs')",
      "require-etc": "createRequire('/etc/x.js')('./passwd')",
      "require-url": "typeof createRequire('file:///bundle/x.js')('fs')",
      "require-relative": "createRequire('x.js')",
      "require-exec": "createRequire('/bundle/index.js')('child_process').execSync('ls')",
      lookup: "process.getBuiltinModule('fs').readdirSync('/')",
      "lookup-none": "typeof process.getBuiltinModule('nope')",
      "lookup-exec": "process.getBuiltinModule('node:child_process').execSync('ls')",
      binding: "process.binding('fs')",
      linked: "process._linkedBinding('fs')",
      dlopen: "process.dlopen({}, 'x')",
      load: "module._load('fs')",
      hooks: "module.registerHooks({})",
      register: "module.register('x')",
      construct: "new module.Module('x')",
      builtin: "[isBuiltin('fs'), isBuiltin('node:fs'), isBuiltin('nope'), builtinModules.includes('fs')]",
      cjs: "(await import('./c.cjs')).default",
    },
  }),
  "has a process of its own": routed({
    ...COMPAT,
    top: `import imported from "node:process";`,
    vars: { V: "v", N: 5, O: { a: 1 }, B: true },
    observe: {
      same: "imported === process",
      version: "[process.version, process.versions.node]",
      machine:
        "[process.platform, process.arch, process.title, process.pid, process.ppid, process.argv, process.execPath, process.execArgv]",
      tag: "[Object.prototype.toString.call(process), typeof process.on, typeof process.emit]",
      cwd: "process.cwd()",
      memory: "process.memoryUsage()",
      uptime: "process.uptime() < 60",
      ids: "[process.getuid(), process.getgid(), process.umask()]",
      release: "process.release",
      env: "Object.entries(process.env).filter(([name]) => name !== 'OUTSIDE')",
      "env-set": "(process.env.Q = 5, [typeof process.env.Q, process.env.Q])",
      "env-undefined": "(process.env.U = undefined, process.env.U)",
      "env-none": "[process.env.NOPE === undefined, 'NOPE' in process.env]",
      "env-delete": "[delete process.env.Q, process.env.Q === undefined]",
      tick: "new Promise((done) => process.nextTick((...given) => done(given), 1, 2))",
      order:
        "(async () => { const order = []; process.nextTick(() => order.push('tick')); Promise.resolve().then(() => order.push('promise')); await new Promise((done) => setTimeout(done, 5)); return order; })()",
      events:
        "(() => { const heard = []; process.on('x', (value) => heard.push(value)); process.emit('x', 1); return [heard, process.listenerCount('x')]; })()",
      hrtime: "[Array.isArray(process.hrtime()), typeof process.hrtime.bigint()]",
      "exit-code": "(process.exitCode = 3, process.exitCode)",
      write: "process.stdout.write('x')",
      streams: "[process.stdout.fd, process.stderr.fd, process.stdin.fd]",
      kill: "process.kill(1)",
      "cpu-usage": "process.cpuUsage()",
      setuid: "process.setuid(1)",
      permission: "process.permission.has('fs.read')",
      chdir: "(process.chdir('/tmp'), process.cwd())",
      "chdir-none": "process.chdir('/nope')",
    },
  }),
  "has no env in process before 2025-04-01": routed({
    ...COMPAT,
    compatibilityDate: "2025-03-31",
    vars: { V: "v" },
    observe: { env: "process.env.V === undefined" },
  }),
  "cancels a request that exits": {
    source: `let n = 0;
export default { async fetch(request) {
  n++;
  const { pathname } = new URL(request.url);
  if (pathname === "/exit") { process.exit(3); return new Response("after"); }
  if (pathname === "/abort") process.abort();
  return new Response("n " + n);
} };`,
    ...COMPAT,
    calls: [{ fetch: "/" }, { fetch: "/exit" }, { fetch: "/" }, { fetch: "/abort" }, { fetch: "/" }],
  },
  "has files in memory": routed({
    ...COMPAT,
    top: `import fs from "node:fs";
const describe = (stats) => [stats.isFile(), stats.isDirectory(), stats.size, stats.mode.toString(8)];
fs.writeFileSync("/tmp/early", "x");`,
    modules: {
      "d.bin": { type: "Data", contents: new Uint8Array([1, 2, 3]) },
      "lib/t.txt": { type: "Text", contents: "text!" },
    },
    observe: {
      root: "fs.readdirSync('/')",
      dev: "fs.readdirSync('/dev')",
      tmp: "fs.readdirSync('/tmp')",
      bundle: "fs.readdirSync('/bundle').sort()",
      lib: "fs.readdirSync('/bundle/lib')",
      data: "[...fs.readFileSync('/bundle/d.bin')]",
      relative: "fs.readFileSync('./lib/t.txt', 'utf8')",
      url: "fs.readFileSync(new URL('file:///bundle/lib/t.txt'), 'utf8')",
      passwd: "fs.readFileSync('/etc/passwd', 'utf8')",
      write: "(fs.writeFileSync('/tmp/a', 'hello'), fs.readFileSync('/tmp/a', 'utf8'))",
      gone: "fs.existsSync('/tmp/a')",
      append:
        "(fs.writeFileSync('/tmp/a', 'a'), fs.appendFileSync('/tmp/a', 'b'), fs.writeFileSync('/tmp/a', 'c', { flag: 'a' }), fs.readFileSync('/tmp/a', 'base64'))",
      exclusive: "(fs.writeFileSync('/tmp/a', 'a'), fs.writeFileSync('/tmp/a', 'b', { flag: 'wx' }))",
      stat: "(fs.writeFileSync('/tmp/a', 'abc'), [describe(fs.statSync('/tmp/a')), describe(fs.statSync('/tmp')), describe(fs.statSync('/bundle/d.bin')), describe(fs.statSync('/dev/null'))])",
      folders:
        "(fs.mkdirSync('/tmp/d'), fs.mkdirSync('/tmp/d'), [fs.mkdirSync('/tmp/d/e/f', { recursive: true }), fs.readdirSync('/tmp/d'), fs.readdirSync('/tmp/d', { recursive: true })])",
      types:
        "(fs.mkdirSync('/tmp/d'), fs.writeFileSync('/tmp/a', ''), fs.readdirSync('/tmp', { withFileTypes: true }).map((entry) => [entry.name, entry.parentPath, entry.isFile(), entry.isDirectory()]))",
      rename:
        "(fs.writeFileSync('/tmp/a', 'x'), fs.renameSync('/tmp/a', '/tmp/b'), [fs.readdirSync('/tmp'), fs.readFileSync('/tmp/b', 'utf8')])",
      copy: "(fs.writeFileSync('/tmp/a', 'x'), fs.copyFileSync('/tmp/a', '/tmp/b'), fs.readdirSync('/tmp'))",
      remove:
        "(fs.mkdirSync('/tmp/d/e', { recursive: true }), fs.writeFileSync('/tmp/a', ''), fs.rmSync('/tmp/d', { recursive: true }), fs.unlinkSync('/tmp/a'), fs.readdirSync('/tmp'))",
      descriptors:
        "(() => { const fd = fs.openSync('/tmp/a', 'w+'); fs.writeSync(fd, 'abcdef'); const part = Buffer.alloc(3); const read = fs.readSync(fd, part, 0, 3, 1); const { size } = fs.fstatSync(fd); fs.closeSync(fd); return [read, part.toString(), size]; })()",
      truncate: "(fs.writeFileSync('/tmp/a', 'abc'), fs.truncateSync('/tmp/a', 1), fs.readFileSync('/tmp/a', 'utf8'))",
      link: "(fs.writeFileSync('/tmp/a', 'x'), fs.symlinkSync('/tmp/a', '/tmp/l'), [fs.readlinkSync('/tmp/l'), fs.lstatSync('/tmp/l').isSymbolicLink(), fs.realpathSync('/tmp/l'), fs.readFileSync('/tmp/l', 'utf8')])",
      null: "(fs.writeFileSync('/dev/null', 'x'), fs.readFileSync('/dev/null').length)",
      exists: "[fs.existsSync('/bundle'), fs.existsSync('/etc'), fs.existsSync(5)]",
      temporary: "fs.mkdtempSync('/tmp/pre-').length",
    },
  }),
  "refuses files in workerd's words": routed({
    ...COMPAT,
    top: `import fs from "node:fs"; import fsp from "node:fs/promises";`,
    observe: {
      "read-none": "fs.readFileSync('/tmp/nope')",
      "promise-none": "fsp.readFile('/tmp/nope')",
      "stat-none": "fs.statSync('/tmp/nope')",
      "stat-quiet": "fs.statSync('/tmp/nope', { throwIfNoEntry: false })",
      "list-none": "fs.readdirSync('/tmp/nope')",
      "unlink-none": "fs.unlinkSync('/tmp/nope')",
      "remove-none": "fs.rmSync('/tmp/nope')",
      "rmdir-none": "fs.rmdirSync('/tmp/nope')",
      "access-none": "fs.accessSync('/tmp/nope')",
      "write-bundle": "fs.writeFileSync('/bundle/x', 'x')",
      "write-root": "fs.writeFileSync('/x', 'x')",
      "write-none": "fs.writeFileSync('/var/x', 'x')",
      "mkdir-root": "fs.mkdirSync('/x')",
      "mkdir-none": "fs.mkdirSync('/tmp/q/w')",
      "remove-bundle": "fs.rmSync('/bundle', { recursive: true })",
      "read-folder": "fs.readFileSync('/tmp')",
      "write-folder": "fs.writeFileSync('/tmp', 'x')",
      "unlink-folder": "(fs.mkdirSync('/tmp/d'), fs.unlinkSync('/tmp/d'))",
      "rmdir-full": "(fs.mkdirSync('/tmp/d/e', { recursive: true }), fs.rmdirSync('/tmp/d'))",
      "list-file": "fs.readdirSync('/bundle/index.js')",
      "bad-descriptor": "fs.readSync(99, Buffer.alloc(1))",
      "no-callback": "fs.readFile('/tmp/a')",
      "no-path": "fs.readFileSync()",
      "null-byte": "fs.readFileSync('/tmp/a\\0b')",
      encoding: "fs.readFileSync('/bundle/index.js', 'nope')",
      number: "fs.writeFileSync('/tmp/a', 5)",
      watch: "fs.watch('/tmp')",
    },
  }),
  "reads files with callbacks, promises and streams": routed({
    ...COMPAT,
    top: `import fs from "node:fs"; import fsp from "node:fs/promises";`,
    observe: {
      callback:
        "(fs.writeFileSync('/tmp/a', 'ab'), new Promise((done) => fs.readFile('/tmp/a', 'utf8', (error, text) => done([error, text]))))",
      "callback-none":
        "new Promise((done) => fs.readFile('/tmp/nope', 'utf8', (error) => done([error.code, error.message])))",
      exists: "new Promise((done) => fs.exists('/bundle', done))",
      promises:
        "(async () => { await fsp.mkdir('/tmp/p'); await fsp.writeFile('/tmp/p/1', 'one'); await fsp.appendFile('/tmp/p/1', 'two'); await fsp.rename('/tmp/p/1', '/tmp/p/2'); await fsp.access('/tmp/p/2'); const { size } = await fsp.stat('/tmp/p/2'); const list = await fsp.readdir('/tmp/p'); const text = await fsp.readFile('/tmp/p/2', { encoding: 'utf8' }); await fsp.unlink('/tmp/p/2'); await fsp.rm('/tmp/p', { recursive: true }); return [size, list, text, fs.existsSync('/tmp/p')]; })()",
      handle:
        "(async () => { const handle = await fsp.open('/tmp/h', 'w+'); await handle.write('abc'); const { size } = await handle.stat(); await handle.close(); return size; })()",
      streams:
        "(async () => { const out = fs.createWriteStream('/tmp/s'); out.write('abc'); await new Promise((done) => out.end('def', done)); let text = ''; for await (const part of fs.createReadStream('/tmp/s', { encoding: 'utf8', start: 1, end: 4 })) text += part; return [text, out.bytesWritten, out.path]; })()",
    },
  }),
  "has Node's harmless modules": routed({
    ...COMPAT,
    top: `import assert from "node:assert"; import { AsyncLocalStorage, createHook, executionAsyncId } from "node:async_hooks"; import { Buffer as Imported } from "node:buffer"; import crypto from "node:crypto"; import { EventEmitter, once } from "node:events"; import path from "node:path"; import { Readable } from "node:stream"; import { text } from "node:stream/consumers"; import { StringDecoder } from "node:string_decoder"; import { setTimeout as wait } from "node:timers/promises"; import url from "node:url"; import util from "node:util"; import zlib from "node:zlib"; import querystring from "node:querystring"; import os from "node:os"; import perf from "node:perf_hooks"; import punycode from "node:punycode"; import dc from "node:diagnostics_channel";`,
    observe: {
      assert: "(() => { try { assert.strictEqual(1, 2); } catch (error) { return [error.name, error.code]; } })()",
      storage: "new AsyncLocalStorage().run(5, async function () { await 0; return 5; })",
      store:
        "(() => { const storage = new AsyncLocalStorage(); return storage.run({ a: 1 }, async () => { await new Promise((done) => setTimeout(done, 1)); return storage.getStore(); }); })()",
      "enter-with": "new AsyncLocalStorage().enterWith(1)",
      disable: "new AsyncLocalStorage().disable()",
      hooks: "[typeof createHook({}).enable, executionAsyncId()]",
      buffer:
        "[Imported === Buffer, Buffer.from('ä').toString('hex'), Buffer.from('aGk=', 'base64').toString(), Buffer.concat([Buffer.from('a'), Buffer.from('b')]).length]",
      hash: "crypto.createHash('sha256').update('a').digest('hex')",
      hmac: "crypto.createHmac('sha1', 'k').update('a').digest('base64')",
      cipher:
        "(() => { const made = crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)); return made.update('text', 'utf8', 'hex') + made.final('hex'); })()",
      "old-cipher": "crypto.createCipher('aes', 'x')",
      engine: "crypto.setEngine('x')",
      equal: "crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a'))",
      events:
        "(() => { const emitter = new EventEmitter(); setTimeout(() => emitter.emit('x', 7), 1); return once(emitter, 'x'); })()",
      path: "[path.join('a', '..', 'b'), path.basename('/x/y.js', '.js'), path.resolve('x'), path.posix.sep, path.win32.sep]",
      stream: "text(Readable.from(['a', 'b']))",
      decoder:
        "(() => { const decoder = new StringDecoder('utf8'); return decoder.write(Buffer.from([0xc3])) + decoder.end(Buffer.from([0xa4])); })()",
      timers: "wait(1, 'waited')",
      url: "[url.parse('http://a.example/b?c').pathname, url.fileURLToPath('file:///a'), url.pathToFileURL('/x').href]",
      util: "[util.format('%s %d', 'a', 1), util.inspect({ a: [1] }), util.isDeepStrictEqual([1], [1]), util.types.isDate(new Date())]",
      "old-util": "[util.isArray([]), util.isString('')]",
      promisify: "util.promisify((given, done) => done(null, given + 1))(1)",
      zlib: "zlib.gunzipSync(zlib.gzipSync('text')).toString()",
      query: "[querystring.stringify({ a: [1, 2] }), querystring.parse('a=1&b=2')]",
      os: "[os.platform(), os.hostname(), os.cpus(), os.tmpdir(), os.EOL, os.totalmem(), os.type(), os.availableParallelism()]",
      histogram: "perf.createHistogram()",
      now: "typeof perf.performance.now()",
      punycode: "punycode.toASCII('mañana.example')",
      channel:
        "(() => { const heard = []; dc.subscribe('x', (message) => heard.push(message)); dc.channel('x').publish({ a: 1 }); return heard; })()",
      global: "[global === globalThis, typeof setImmediate]",
    },
  }),
  "answers with a server of node:http": {
    source: `import http from "node:http";
import { httpServerHandler, handleAsNodeRequest } from "cloudflare:node";
const server = http.createServer((request, response) => {
  if (request.url === "/empty") { response.writeHead(204).end(); return; }
  if (request.url === "/throws") throw new Error("mine");
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => {
    response.setHeader("x-a", ["1", "2"]);
    response.writeHead(201, { "content-type": "text/plain" });
    response.write("hi ");
    response.end(request.method + " " + request.url + " " + body + " " + request.headers["x-y"] + " " + response.headersSent);
  });
});
server.listen(8080);
const handler = httpServerHandler({ port: 8080 });
const failed = (work) => { try { work(); } catch (error) { return error.message; } };
export default { async fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/address") return Response.json([server.listening, server.address()]);
  if (pathname === "/none") return Response.json(failed(() => httpServerHandler()));
  if (pathname === "/unknown") return Response.json(await handleAsNodeRequest(99, request).catch((error) => [error.code, error.message]));
  if (pathname === "/direct") return handleAsNodeRequest(8080, request);
  return handler.fetch(request);
} };`,
    ...COMPAT,
    calls: [
      { fetch: "/get?q=1", headers: { "x-y": "z" } },
      { fetch: "/post", method: "POST", body: "sent" },
      { fetch: "/empty" },
      { fetch: "/address" },
      { fetch: "/none" },
      { fetch: "/unknown" },
      { fetch: "/direct" },
    ],
  },
};
