// Measures the time to the first result in node, with first.h's command line (HOW is ignored) and line of JSON.
import fs from "node:fs";
import process from "node:process";
import { WASI } from "node:wasi";
const [, file, entry, ...args] = process.argv.slice(2);
const marks = {};
const mark = name => { marks[name] = Number(process.hrtime.bigint() - BigInt(process.env.BENCH_START ?? 0)) / 1e6; };

function report() {
  const peak = Number(fs.readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/)[1]);
  fs.writeSync(2, JSON.stringify({ peak_kib: peak, ...marks }) + "\n");
  process.reallyExit(0); // nothing is deleted, as in the other hosts
}

mark("main");
const bytes = fs.readFileSync(file);
mark("read");
const module = new WebAssembly.Module(bytes);
mark("module");
const wasi = new WASI({ version: "preview1", args: ["program", ...args], env: {}, returnOnExit: true });
const imports = wasi.getImportObject();
if (process.env.BENCH_ENTERED)
  for (const { module: from, name } of WebAssembly.Module.imports(module)) imports[from][name] = () => { mark("entered"); report(); };
const instance = new WebAssembly.Instance(module, imports);
mark("instance");
if (entry === "_start") {
  const status = wasi.start(instance);
  if (status !== 0) throw new Error(`exit status ${status}`);
} else {
  fs.writeSync(1, `${instance.exports.run(Number(args[0]))}\n`);
}
mark("result");
report();
