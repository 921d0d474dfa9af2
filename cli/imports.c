/* Imports that neither this program nor a preloaded module provides: which they are, and who usually provides them. */
#include "cli.h"

#include <string.h>

enum { SHOWN = 8 };

/* The first row that fits counts. A row fits by the module's name and, if it is not NULL, the import's name. A name that ends in * is a
 * prefix. */
static const struct { const char *module, *name, *advice; } USUAL[] = {
    {"wasi_unstable", NULL, "WASI's preview 0 of 2019: build with a newer toolchain, for preview 1"},
    {"wasi:*", NULL, "WASI 0.2, for components: build for preview 1, such as wasm32-wasip1"},
    {"wasi_snapshot_preview2*", NULL, "WASI 0.2, for components: build for preview 1, such as wasm32-wasip1"},
    {"wasi", "thread-spawn", "WASI threads, which are not supported: build for wasm32-wasip1 without threads"},
    {"wasi_nn", NULL, "an extension of WASI for neural networks, which is not supported"},
    {"wasix_*", NULL, "WASIX, which Wasmer's runtime has: build for plain WASI preview 1"},
    {"wbg", NULL, "made by wasm-bindgen: the JavaScript that it made is needed, in a browser or Node.js"},
    {"__wbindgen*", NULL, "made for wasm-bindgen: run that over it, and its result in a browser or Node.js"},
    {"gojs", NULL, "Go for browsers: build with GOOS=wasip1 GOARCH=wasm"},
    {"go", NULL, "Go for browsers: build with GOOS=wasip1 GOARCH=wasm"},
    {"rb-js-abi-host", NULL, "Ruby's bridge to JavaScript: use a build of Ruby for plain WASI"},
    {"spectest", NULL, "the host of WebAssembly's specification tests, or of MoonBit"},
    {"env", "abort", "AssemblyScript's: compile with --use abort="},
    {"env", "emscripten_*", "made by Emscripten for JavaScript: link with -sSTANDALONE_WASM"},
    {"env", "invoke_*", "made by Emscripten for JavaScript: link with -sSTANDALONE_WASM and without exceptions"},
    {"env", "_emscripten*", "made by Emscripten for JavaScript: link with -sSTANDALONE_WASM"},
    {"env", "__syscall*", "made by Emscripten for JavaScript: link with -sSTANDALONE_WASM"},
    {"env", "_emval*", "made by Emscripten for JavaScript, which must run it"},
    {"env", "_embind*", "made by Emscripten for JavaScript, which must run it"},
    {"env", "memory", "a memory that the host makes: link without --import-memory"},
    {"env", "__indirect_function_table", "a table that the host makes: link without --import-table"},
    {"env", NULL, "a function that the linker did not find (--allow-undefined), or one that the module's own host has"},
    {"a", NULL, "short names as Emscripten makes them for JavaScript: link with -sSTANDALONE_WASM"},
    {"GOT.*", NULL, "a library to be linked at run time, which is not supported: link statically"},
    {"wasi_snapshot_preview1", NULL, "no function of WASI preview 1"},
};

static bool fits(const char *pattern, const char *name) {
    size_t len = strlen(pattern);
    if (len && pattern[len - 1] == '*') return !strncmp(pattern, name, len - 1);
    return !strcmp(pattern, name);
}

static const char *usual(const wrt_import_t *import) {
    /* No name in the table contains a NUL. */
    if (strlen(import->module) != import->module_len || strlen(import->name) != import->name_len) return NULL;
    for (size_t i = 0; i < COUNT(USUAL); i++)
        if (fits(USUAL[i].module, import->module) && (!USUAL[i].name || fits(USUAL[i].name, import->name)))
            return USUAL[i].advice;
    return NULL;
}

static bool is_given(const wrt_import_t *import, const char *const *preloaded, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!strncmp(preloaded[i], import->module, import->module_len) && preloaded[i][import->module_len] == '=') return true;
    static const char wasi[] = "wasi_snapshot_preview1";
    return import->module_len == sizeof wasi - 1 && !memcmp(import->module, wasi, sizeof wasi - 1);
}

bool imports_can_be_met(const wrt_module_t *module, const char *shown, const char *const *preloaded, size_t count) {
    size_t missing = 0, imports = wrt_module_import_count(module);
    const char *last = NULL;
    wrt_import_t import;
    for (size_t i = 0; i < imports; i++) {
        wrt_error_t *error = wrt_module_import(module, i, &import);
        if (error) {
            wrt_error_delete(error);
            break;
        }
        if (is_given(&import, preloaded, count)) continue;
        if (!missing) complain("%s: it imports what this program does not have:", shown);
        if (missing++ >= SHOWN) continue;
        advise("%s.%s: %s", show_name(import.module, import.module_len), show_name(import.name, import.name_len),
               wrt_externtype_text(import.type, NULL));
        const char *advice = usual(&import);
        /* Consecutive imports with the same advice show it once. */
        if (advice && advice != last) advise("  %s", advice);
        last = advice;
    }
    if (missing > SHOWN) advise("and %zu more", missing - SHOWN);
    if (missing) advise("another module can give them: --preload NAME=FILE");
    return !missing;
}
