// usage: node compile.mjs PACKAGE PROGRAM.mbt OUT.wasm EXPORTED_FUNCTION...
//
// Compiles a MoonBit program to WasmGC with the compiler of the npm package @moonbit/moonpad-monaco, unpacked in PACKAGE.
// That package is made for a web page: the compiler is a web worker, and the standard library comes compiled for
// JavaScript only, but with its sources; so the parts of it that a program needs are compiled first.
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { createRequire } from 'node:module';

const [folder, program, out, ...exported] = process.argv.slice(2);
if (!exported.length) {
  console.error('usage: node compile.mjs PACKAGE PROGRAM.mbt OUT.wasm EXPORTED_FUNCTION...');
  process.exit(2);
}
function fail(message) {
  console.error(message);
  process.exit(1);
}
process.on('uncaughtException', (error) => fail(error.message)); // not its line as well: the worker's are a megabyte long
const dist = path.resolve(folder, 'dist');

// The worker listens on its global object and answers there, in comlink's protocol: this is the page's side of it.
let deliver, answered;
globalThis.addEventListener = (type, listener) => (deliver = listener);
globalThis.postMessage = (message) => answered(message);
globalThis.require = createRequire(import.meta.url);
const worker = path.join(dist, 'moonc-worker.js');
vm.runInThisContext(fs.readFileSync(worker, 'utf8'), worker);
async function moonc(name, params) {
  const answer = new Promise((resolve) => (answered = resolve));
  deliver({ origin: '', data: { id: name, type: 'APPLY', path: [name], argumentList: [{ type: 'RAW', value: params }] } });
  const { type, value } = await answer;
  if (type !== 'RAW') throw new Error(`${name}: ${value.value?.message ?? value}`);
  return value;
}

// The library's files are byte strings in the page's script: NAME = d("BASE64"), and i["FILE"] = NAME.
const script = fs.readFileSync(path.join(dist, 'moonpad-monaco.js'), 'utf8');
const bytes = new Map(), files = new Map();
for (const [, name, base64] of script.matchAll(/([\w$]+) = d\("([\w+/=]*)"\)/g)) bytes.set(name, base64);
for (const [, file, name] of script.matchAll(/^i\["([^"]+)"\] = ([\w$]+);$/gm)) files.set(file, bytes.get(name));
const text = (file) => Buffer.from(files.get(file), 'base64').toString();
const { packages } = JSON.parse(text('/lib/core/_build/packages.json'));
const library = new Map(packages.map((p) => [`${p.root}/${p.rel}`, p]));

// Packages import each other by interface; the core library's own tests, which are checked too, also import `debug`.
const cores = [], interfaces = new Map();
async function build(pkg, mbtFiles, imports, more) {
  const direct = new Map(imports.map(({ path, alias }) => [path, alias]));
  const alias = (name) => direct.get(name) ?? name.split('/').pop();
  const mi = (names) => names.map((name) => [`${name}:${alias(name)}`, interfaces.get(name)]);
  const others = mi([...interfaces.keys()].filter((name) => !direct.has(name)));
  const { core, mi: own } = await moonc('buildPackage', {
    mbtFiles, pkg, miFiles: mi([...direct.keys()]), stdMiFiles: more.isMain ? others : [],
    indirectImportMiFiles: more.isMain ? [] : others, target: 'wasm-gc', errorFormat: 'human', enableValueTracing: false,
    noOpt: false, ...more,
  });
  if (!core) fail(`${pkg} does not compile`);
  cores.push(core);
  interfaces.set(pkg, own);
}
const root = 'moonbitlang/core:moonbit-core:/lib/core';
async function buildLibrary(name) {
  if (interfaces.has(name)) return;
  const { deps, files: sources } = library.get(name);
  for (const { path } of deps) await buildLibrary(path);
  const ours = ({ backend, optlevel }) => backend.includes('WasmGC') && optlevel.includes('Release');
  const mbtFiles = Object.keys(sources).filter((f) => ours(sources[f])).map((f) => [f, text(f.replace('moonbit-core:', ''))]);
  await build(name, mbtFiles, deps, { pkgSources: [root], isMain: false });
}

await buildLibrary('moonbitlang/core/debug');
await buildLibrary('moonbitlang/core/prelude');
const source = [path.basename(program), fs.readFileSync(program, 'utf8')];
await build('program', [source], [], { pkgSources: ['program:.'], isMain: true });
const { result } = await moonc('linkCore', {
  coreFiles: cores, main: 'program', pkgSources: [root, 'program:.'], target: 'wasm-gc', exportedFunctions: exported,
  outputFormat: 'wasm', testMode: false, debug: false, noOpt: false, sourceMap: false, sources: {}, stopOnMain: false,
});
fs.writeFileSync(out, result);
