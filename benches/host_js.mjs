// Measures node and deno, with host.h's command line and line of JSON. No stores, so neither `stores` nor `alive`; the stack is V8's own option.
import fs from "node:fs";
import process from "node:process";
const [mode, file, arg, repeats, ...options] = process.argv.slice(2);
const option = name => options.includes(name) ? Number(options[options.indexOf(name) + 1]) : 0;
const processorMs = () => { const c = process.cpuUsage(); return (c.user + c.system) / 1e3; };
const peakKib = () => Number(fs.readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/)[1]);
const bytes = fs.readFileSync(file);
const held = [], ms = [];
let result = 0;

// V8 keeps modules that it has compiled: a custom section makes each one new.
function fresh(i) {
  const copy = new Uint8Array(bytes.length + 5);
  copy.set(bytes);
  copy.set([0, 3, 1, 97, i], bytes.length);
  return copy;
}

function measure(work) {
  for (let i = 0; i < Number(repeats); i++) {
    const start = processorMs();
    work(i);
    ms.push(processorMs() - start);
  }
}

try {
  if (mode === "compile") {
    measure(i => new WebAssembly.Module(fresh(i)));
  } else {
    const module = new WebAssembly.Module(bytes);
    if (mode === "exec") {
      const { run } = new WebAssembly.Instance(module).exports;
      for (let i = 0; i < option("--handles"); i++) held.push({ i });
      measure(() => { result = run(Number(arg)); });
    } else if (mode === "instantiate") {
      measure(() => { for (let i = 0; i < Number(arg); i++) new WebAssembly.Instance(module); });
    } else {
      throw new Error("no such mode");
    }
  }
  console.log(JSON.stringify({ result, peak_kib: peakKib(), ms, held: held.length }));
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
