/* WASI: what a host passes to a guest, and what it gets back. tests/wasi.rs tests what guests can do. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define IMPORT(name, params) \
    "(import \"wasi_snapshot_preview1\" \"" name "\" (func $" name " (param " params ") (result i32)))"
#define PASS2(name) \
    "(func (export \"" name "\") (param i32 i32) (result i32) (call $" name " (local.get 0) (local.get 1)))"

/* A guest with its results at 0, an iovec at 16, a path at 512 and data at 1024. */
static const char *const GUEST =
    "(module" IMPORT("args_sizes_get", "i32 i32") IMPORT("environ_sizes_get", "i32 i32") IMPORT("random_get", "i32 i32")
        IMPORT("fd_read", "i32 i32 i32 i32") IMPORT("fd_write", "i32 i32 i32 i32") IMPORT("clock_time_get", "i32 i64 i32")
            IMPORT("poll_oneoff", "i32 i32 i32 i32") IMPORT("fd_close", "i32")
                IMPORT("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")
                    "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $proc_exit (param i32)))"
                    "(memory (export \"memory\") 2)" PASS2("args_sizes_get") PASS2("environ_sizes_get") PASS2("random_get")
                        "(func $iovec (param i32) (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (local.get 0)))"
                        "(func (export \"read\") (param i32 i32) (result i32) (call $iovec (local.get 1))"
                        " (call $fd_read (local.get 0) (i32.const 16) (i32.const 1) (i32.const 0)))"
                        "(func (export \"write\") (param i32 i32) (result i32) (call $iovec (local.get 1))"
                        " (call $fd_write (local.get 0) (i32.const 16) (i32.const 1) (i32.const 0)))"
                        "(func (export \"clock\") (param i32) (result i32)"
                        " (call $clock_time_get (local.get 0) (i64.const 0) (i32.const 0)))"
                        "(func (export \"close\") (param i32) (result i32) (call $fd_close (local.get 0)))"
                        /* Sleeps for the given number of seconds. */
                        "(func (export \"sleep\") (param i32) (result i32)"
                        " (i64.store (i32.const 88) (i64.mul (i64.const 1000000000) (i64.extend_i32_u (local.get 0))))"
                        " (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 0)))"
                        /* Opens a path of the given length in directory 3 to read (2) or write (64). */
                        "(func (export \"open\") (param i32 i32) (result i32)"
                        " (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (local.get 0) (i32.const 0)"
                        "  (i64.extend_i32_u (local.get 1)) (i64.const 0) (i32.const 0) (i32.const 0)))"
                        "(func (export \"exit\") (param i32) (result i32) (call $proc_exit (local.get 0)) (unreachable)))";

enum { AGAIN = 6, BADF = 8, INVAL = 28, IO = 29, NOSPC = 51, ROFS = 69 };

typedef struct {
    world_t w;
    wrt_instance_t instance;
    wrt_memory_t memory;
} guest_t;

static guest_t guest_with(wrt_wasi_t *take_wasi, bool interruption) {
    guest_t g;
    wrt_linker_t *linker;
    g.w = world_with(true, interruption);
    OK(wrt_linker_new(g.w.engine, &linker));
    OK(wrt_linker_define_wasi(linker));
    OK(wrt_store_set_wasi(g.w.store, take_wasi));
    wrt_module_t *module = module_of(g.w.engine, GUEST);
    OK(wrt_linker_instantiate(linker, g.w.store, module, &g.instance));
    OK(wrt_instance_get_memory(g.w.store, &g.instance, TEXT("memory"), &g.memory));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    return g;
}

static guest_t guest(wrt_wasi_t *take_wasi) { return guest_with(take_wasi, false); }

static wrt_wasi_t *wasi(void) {
    wrt_wasi_t *made;
    OK(wrt_wasi_new(&made));
    return made;
}

static wrt_error_t *try_call(guest_t *g, const char *name, int n, int32_t a, int32_t b, int32_t *out) {
    wrt_func_t f = func_of(g->w.store, &g->instance, name);
    return call_i32(g->w.store, &f, n, a, b, out);
}

/* The WASI error number of a call. */
static int32_t call(guest_t *g, const char *name, int n, int32_t a, int32_t b) {
    int32_t got;
    OK(try_call(g, name, n, a, b, &got));
    return got;
}

static void put(guest_t *g, uint64_t at, const char *text) {
    OK(wrt_memory_write(g->w.store, &g->memory, at, (const uint8_t *)text, strlen(text)));
}

static uint64_t word(guest_t *g, uint64_t at) {
    uint64_t value = 0;
    OK(wrt_memory_read(g->w.store, &g->memory, at, (uint8_t *)&value, 8));
    return value;
}

static int32_t write_text(guest_t *g, int32_t fd, const char *text) {
    put(g, 1024, text);
    return call(g, "write", 2, fd, (int32_t)strlen(text));
}

/* Whether the guest's data is this text. */
static bool has_read(guest_t *g, const char *text) {
    char bytes[64] = {0};
    size_t len = strlen(text);
    OK(wrt_memory_read(g->w.store, &g->memory, 1024, (uint8_t *)bytes, len));
    return (uint32_t)word(g, 0) == len && memcmp(bytes, text, len) == 0;
}

static bool output_is(guest_t *g, uint32_t fd, const char *text) {
    const uint8_t *bytes;
    size_t len;
    OK(wrt_store_wasi_output(g->w.store, fd, &bytes, &len));
    return bytes && len == strlen(text) && memcmp(bytes, text, len) == 0;
}

static void arguments_and_environment(void) {
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_add_arg(w, TEXT("program")));
    OK(wrt_wasi_add_arg(w, NULL, 0));
    OK(wrt_wasi_add_arg(w, TEXT("\xff")));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_arg(w, NULL, 1));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_arg(w, TEXT("a\0b")));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_arg(NULL, TEXT("a")));
    OK(wrt_wasi_add_env(w, TEXT("NAME"), TEXT("value")));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_env(w, TEXT("A=B"), TEXT("value")));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_env(w, NULL, 0, TEXT("value")));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_env(w, TEXT("A"), NULL, 1));
    guest_t g = guest(w);
    CHECK(call(&g, "args_sizes_get", 2, 0, 4) == 0 && word(&g, 0) == ((uint64_t)(8 + 1 + 2) << 32 | 3));
    CHECK(call(&g, "environ_sizes_get", 2, 0, 4) == 0 && word(&g, 0) == ((uint64_t)11 << 32 | 1));
    world_end(&g.w);
    OK(wrt_wasi_new(&w));
    OK(wrt_wasi_inherit_env(w));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_inherit_env(NULL));
    g = guest(w);
    CHECK(call(&g, "environ_sizes_get", 2, 0, 4) == 0 && (uint32_t)word(&g, 0) >= 1);
    world_end(&g.w);
}

static void nothing_is_a_process(void) {
    wrt_wasi_t *w = wasi();
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_new(NULL));
    wrt_wasi_delete(w);
    wrt_wasi_delete(NULL);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_linker_define_wasi(NULL));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_wasi(NULL, NULL));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_inherit_stdio(NULL));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_inherit_stream(NULL, 1));
    CHECK(wrt_has_feature("wasi"));
}

/* A state that is given is taken, also when it cannot be had; and a store may have none. */
static void given_states_are_taken(void) {
    world_t world_of = world();
    int n = 0;
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_set_stdio_callback(w, 1, (wrt_wasi_stream_callback_t)(void (*)(void))abort, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_wasi(NULL, w));
    CHECK(n == 1);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_wasi(world_of.store, NULL));
    const uint8_t *bytes = (const uint8_t *)"x";
    size_t len = 1;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_wasi_output(world_of.store, 1, &bytes, &len));
    CHECK(!bytes && len == 0);
    /* The next state replaces it, and the last one is deleted with the store. */
    for (int i = 0; i < 2; i++) {
        w = wasi();
        OK(wrt_wasi_set_stdio_callback(w, 1, (wrt_wasi_stream_callback_t)(void (*)(void))abort, &n, count_call));
        OK(wrt_store_set_wasi(world_of.store, w));
        CHECK(n == 1 + i);
    }
    world_end(&world_of);
    CHECK(n == 3);
}

static void captured(void) {
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_set_stdin_bytes(w, (const uint8_t *)"input", 5));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdin_bytes(w, NULL, 5));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdin_bytes(NULL, NULL, 0));
    OK(wrt_wasi_capture(w, 1, 12));
    OK(wrt_wasi_capture(w, 2, SIZE_MAX));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_capture(w, 0, 12));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_capture(w, 3, 12));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_capture(NULL, 1, 12));
    guest_t g = guest(w);
    CHECK(call(&g, "read", 2, 0, 100) == 0 && has_read(&g, "input"));
    CHECK(call(&g, "read", 2, 0, 100) == 0 && (uint32_t)word(&g, 0) == 0);
    CHECK(write_text(&g, 1, "hello ") == 0 && write_text(&g, 2, "error") == 0);
    CHECK(output_is(&g, 1, "hello "));
    CHECK(write_text(&g, 1, "world, and more") == 0 && (uint32_t)word(&g, 0) == 6);
    CHECK(write_text(&g, 1, "!") == NOSPC);
    CHECK(output_is(&g, 1, "hello world,") && output_is(&g, 2, "error"));
    const uint8_t *bytes;
    size_t len;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_wasi_output(g.w.store, 0, &bytes, &len));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_wasi_output(g.w.store, 1, NULL, &len));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_wasi_output(g.w.store, 1, &bytes, NULL));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_wasi_output(NULL, 1, &bytes, &len));
    world_end(&g.w);
}

static void exits(void) {
    guest_t g = guest(wasi());
    for (int32_t status = 0; status < 3; status++) {
        int32_t got, none;
        wrt_error_t *error = try_call(&g, "exit", 1, status, 0, &none);
        CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_EXIT && wrt_error_exit_status(error, &got) && got == status);
        wrt_error_delete(error);
    }
    world_end(&g.w);
}

/* A callback's data: its results, what it received, and how many times it was finalized. */
typedef struct {
    wrt_store_t *store;
    int64_t gives;
    int calls, finalized;
    bool was_closed;
    char seen[64];
} callback_t;

static void finalize(void *userdata) { ((callback_t *)userdata)->finalized++; }

static void look(callback_t *c) {
    c->calls++;
    if (c->store) {
        wrt_error_t *error = wrt_store_gc(c->store);
        c->was_closed = wrt_error_kind(error) == WRT_ERROR_KIND_INVALID_ARGUMENT && wrt_store_id(c->store) == 0;
        wrt_error_delete(error);
    }
}

static int64_t stream(void *userdata, uint8_t *bytes, size_t len) {
    callback_t *c = userdata;
    look(c);
    snprintf(c->seen, sizeof c->seen, "%.*s", (int)len, (const char *)bytes);
    if (c->gives == 3) memcpy(bytes, "abc", 3);
    return c->gives;
}

static int32_t clock_callback(void *userdata, uint32_t id, uint64_t *out) {
    callback_t *c = userdata;
    look(c);
    *out = 1000 + id;
    return (int32_t)c->gives;
}

static int32_t random_callback(void *userdata, uint8_t *out, size_t len) {
    callback_t *c = userdata;
    look(c);
    memset(out, 7, len);
    return (int32_t)c->gives;
}

static void callbacks(void) {
    callback_t in = {.gives = 3}, out = {.gives = 5}, time_of = {0}, random_of = {0};
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_set_stdio_callback(w, 0, stream, &in, finalize));
    OK(wrt_wasi_set_stdio_callback(w, 2, stream, &out, finalize));
    OK(wrt_wasi_set_clock(w, clock_callback, &time_of, finalize));
    OK(wrt_wasi_set_random(w, random_callback, &random_of, finalize));
    guest_t g = guest(w);
    in.store = out.store = time_of.store = random_of.store = g.w.store;
    CHECK(call(&g, "read", 2, 0, 10) == 0 && has_read(&g, "abc"));
    CHECK(write_text(&g, 2, "hello") == 0 && (uint32_t)word(&g, 0) == 5 && strcmp(out.seen, "hello") == 0);
    CHECK(call(&g, "clock", 1, 1, 0) == 0 && word(&g, 0) == 1001);
    CHECK(call(&g, "random_get", 2, 1024, 4) == 0 && (uint32_t)word(&g, 1024) == 0x07070707);
    CHECK(in.was_closed && out.was_closed && time_of.was_closed && random_of.was_closed);
    /* Errors: WASI's numbers, and invalid ones. */
    const int64_t errors[][2] = {{-AGAIN, AGAIN}, {-77, IO}, {INT32_MIN, IO}, {-65535 - AGAIN, IO}};
    for (int i = 0; i < 4; i++) {
        in.gives = out.gives = time_of.gives = random_of.gives = errors[i][0];
        CHECK(call(&g, "read", 2, 0, 10) == errors[i][1] && write_text(&g, 2, "x") == errors[i][1]);
        CHECK(call(&g, "clock", 1, 0, 0) == errors[i][1] && call(&g, "random_get", 2, 1024, 4) == errors[i][1]);
    }
    in.gives = INT64_MIN;
    out.gives = INT64_MAX;
    CHECK(call(&g, "read", 2, 0, 10) == IO && write_text(&g, 2, "x") == IO);
    in.gives = 0;
    CHECK(call(&g, "read", 2, 0, 10) == 0 && (uint32_t)word(&g, 0) == 0);
    CHECK(in.finalized + out.finalized + time_of.finalized + random_of.finalized == 0);
    in.store = out.store = NULL;
    world_end(&g.w);
    CHECK(in.finalized == 1 && out.finalized == 1 && time_of.finalized == 1 && random_of.finalized == 1);
}

static void refused_callbacks_are_finalized(void) {
    int n = 0;
    wrt_wasi_t *w = wasi();
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdio_callback(w, 0, NULL, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdio_callback(w, 3, stream, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdio_callback(NULL, 0, stream, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_clock(w, NULL, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_clock(NULL, clock_callback, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_random(w, NULL, &n, count_call));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_random(NULL, random_callback, &n, count_call));
    CHECK(n == 7);
    /* A replaced one is finalized immediately. */
    OK(wrt_wasi_set_clock(w, clock_callback, &n, count_call));
    OK(wrt_wasi_set_clock(w, clock_callback, NULL, NULL));
    CHECK(n == 8);
    wrt_wasi_delete(w);
}

/* A callback that deletes its store: the store is deleted when the call returns. */
static int64_t deleting(void *userdata, uint8_t *bytes, size_t len) {
    (void)bytes;
    callback_t *c = userdata;
    wrt_store_delete(c->store);
    CHECK(c->finalized == 0);
    return (int64_t)len;
}

/* A finalizer can use the process while its clock or random source is replaced: each data is finalized once. */
static wrt_wasi_t *replaced;
static int finalized[4];
static wrt_error_t *(*replace)(int32_t data);

static int32_t no_time(void *userdata, uint32_t id, uint64_t *out) {
    (void)userdata;
    *out = id;
    return 0;
}

static int32_t no_chance(void *userdata, uint8_t *bytes, size_t len) {
    (void)userdata;
    memset(bytes, 0, len);
    return 0;
}

static void replaces_again(void *userdata) {
    intptr_t data = (intptr_t)userdata;
    finalized[data]++;
    if (data == 1) OK(replace(3));
}

static wrt_error_t *replace_clock(int32_t data) {
    return wrt_wasi_set_clock(replaced, no_time, (void *)(intptr_t)data, replaces_again);
}

static wrt_error_t *replace_random(int32_t data) {
    return wrt_wasi_set_random(replaced, no_chance, (void *)(intptr_t)data, replaces_again);
}

static void replaced_by_a_finalizer(void) {
    wrt_error_t *(*const both[])(int32_t) = {replace_clock, replace_random};
    for (int i = 0; i < 2; i++) {
        replace = both[i];
        replaced = wasi();
        memset(finalized, 0, sizeof finalized);
        OK(replace(1));
        OK(replace(2));
        CHECK(finalized[1] == 1 && finalized[2] + finalized[3] == 1);
        wrt_wasi_delete(replaced);
        CHECK(finalized[1] == 1 && finalized[2] == 1 && finalized[3] == 1);
    }
}

static void deleted_while_it_writes(void) {
    callback_t c = {0};
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_set_stdio_callback(w, 1, deleting, &c, finalize));
    guest_t g = guest(w);
    c.store = g.w.store;
    wrt_func_t f = func_of(g.w.store, &g.instance, "write");
    int32_t got;
    OK(call_i32(g.w.store, &f, 2, 1, 4, &got));
    CHECK(got == 0 && c.finalized == 1);
    wrt_engine_delete(g.w.engine);
}

static char folder[] = "/tmp/wrt-capi-wasi-XXXXXX";

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(path_of(name), "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static bool file_is(const char *name, const char *text) {
    char bytes[64] = {0};
    FILE *f = fopen(path_of(name), "r");
    CHECK(f);
    size_t n = fread(bytes, 1, sizeof bytes - 1, f);
    fclose(f);
    return n == strlen(text) && strcmp(bytes, text) == 0;
}

static void streams_from_files(void) {
    write_file("in", "from a file");
    wrt_wasi_t *w = wasi();
    const char *in = path_of("in");
    OK(wrt_wasi_set_stdio_file(w, 0, in, strlen(in)));
    const char *out = path_of("out");
    OK(wrt_wasi_set_stdio_file(w, 1, out, strlen(out)));
    OK(wrt_wasi_set_stdio_file(w, 2, out, strlen(out)));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdio_file(w, 3, out, strlen(out)));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdio_file(NULL, 1, out, strlen(out)));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_set_stdio_file(w, 1, NULL, 1));
    FAILS(WRT_ERROR_KIND_IO, wrt_wasi_set_stdio_file(w, 0, TEXT("/nonexistent/file")));
    FAILS(WRT_ERROR_KIND_IO, wrt_wasi_set_stdio_file(w, 1, TEXT("/tmp/a\0b")));
    FAILS(WRT_ERROR_KIND_IO, wrt_wasi_set_stdio_file(w, 1, NULL, 0));
    guest_t g = guest(w);
    CHECK(call(&g, "read", 2, 0, 60) == 0 && has_read(&g, "from a file"));
    CHECK(write_text(&g, 1, "one ") == 0 && write_text(&g, 2, "two ") == 0 && write_text(&g, 1, "three") == 0);
    world_end(&g.w);
    CHECK(file_is("out", "one two three"));
}

static void directories(void) {
    write_file("file", "text");
    for (int read_only = 0; read_only < 2; read_only++) {
        wrt_wasi_t *w = wasi();
        OK(wrt_wasi_add_dir(w, folder, strlen(folder), TEXT("/data"), read_only));
        FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_dir(NULL, folder, strlen(folder), TEXT("/"), false));
        FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_dir(w, folder, strlen(folder), NULL, 0, false));
        FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_dir(w, folder, strlen(folder), TEXT("a\0b"), false));
        FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_add_dir(w, NULL, 4, TEXT("/"), false));
        FAILS(WRT_ERROR_KIND_IO, wrt_wasi_add_dir(w, TEXT("/nonexistent"), TEXT("/"), false));
        const char *file = path_of("file");
        FAILS(WRT_ERROR_KIND_IO, wrt_wasi_add_dir(w, file, strlen(file), TEXT("/"), false));
        guest_t g = guest(w);
        put(&g, 512, "file");
        CHECK(call(&g, "open", 2, 4, 2) == 0 && (uint32_t)word(&g, 0) == 4);
        CHECK(call(&g, "read", 2, 4, 60) == 0 && has_read(&g, "text"));
        CHECK(call(&g, "close", 1, 4, 0) == 0 && call(&g, "close", 1, 4, 0) == BADF);
        CHECK(call(&g, "open", 2, 4, 64) == (read_only ? ROFS : 0));
        CHECK(read_only || (write_text(&g, 4, "TEXT") == 0 && file_is("file", "TEXT")));
        write_file("file", "text");
        world_end(&g.w);
    }
    /* As many as there are descriptors, then an error. */
    wrt_wasi_t *w = wasi();
    wrt_error_t *error = NULL;
    int count = 0;
    while (!(error = wrt_wasi_add_dir(w, folder, strlen(folder), TEXT("/"), false))) count++;
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_LIMIT && count == 509);
    wrt_error_delete(error);
    wrt_wasi_delete(w);
}

static void inherited(void) {
    int saved[2] = {dup(0), dup(1)}, ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "from a pipe", 11) == 11);
    CHECK(dup2(ends[0], 0) == 0);
    int file = open(path_of("inherited"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    CHECK(file >= 0 && dup2(file, 1) == 1);
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_inherit_stdio(w));
    guest_t g = guest(w);
    CHECK(call(&g, "read", 2, 0, 60) == 0 && has_read(&g, "from a pipe"));
    CHECK(write_text(&g, 1, "to a file") == 0);
    /* The guest closes only its own. */
    CHECK(call(&g, "close", 1, 1, 0) == 0 && write_text(&g, 1, "x") == BADF);
    CHECK(write(1, "!", 1) == 1);
    world_end(&g.w);
    CHECK(dup2(saved[0], 0) == 0 && dup2(saved[1], 1) == 1);
    for (int i = 0; i < 2; i++) close(saved[i]), close(ends[i]);
    close(file);
    CHECK(file_is("inherited", "to a file!"));
}

/* One stream is the process's, the others are not. */
static void one_inherited(void) {
    int saved = dup(1), file = open(path_of("inherited"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    CHECK(file >= 0 && dup2(file, 1) == 1);
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_inherit_stream(w, 1));
    OK(wrt_wasi_capture(w, 2, 100));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_wasi_inherit_stream(w, 3));
    guest_t g = guest(w);
    CHECK(call(&g, "read", 2, 0, 60) == 0 && has_read(&g, ""));
    CHECK(write_text(&g, 1, "the process's") == 0 && write_text(&g, 2, "captured") == 0 && output_is(&g, 2, "captured"));
    world_end(&g.w);
    CHECK(dup2(saved, 1) == 1);
    close(saved), close(file);
    CHECK(file_is("inherited", "the process's"));
}

static void *write_soon(void *end) {
    usleep(200000);
    CHECK(write(*(int *)end, "late", 4) == 4);
    return NULL;
}

/* A standard input that would block is waited for, without polling. */
static void inherited_without_blocking(void) {
    int saved = dup(0), ends[2];
    pthread_t thread;
    CHECK(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && dup2(ends[0], 0) == 0);
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_inherit_stdio(w));
    guest_t g = guest(w);
    CHECK(pthread_create(&thread, NULL, write_soon, &ends[1]) == 0);
    clock_t start = clock();
    CHECK(call(&g, "read", 2, 0, 10) == 0 && has_read(&g, "late"));
    CHECK(clock() - start < CLOCKS_PER_SEC / 10 || !may_use_signals());
    pthread_join(thread, NULL);
    world_end(&g.w);
    CHECK(dup2(saved, 0) == 0);
    close(saved), close(ends[0]), close(ends[1]);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *interrupt_soon(void *interrupt) {
    usleep(50000);
    wrt_interrupt_trigger(interrupt);
    return NULL;
}

/* Sleeping, and reading from an empty pipe, end soon after an interrupt. */
static void interrupted(void) {
    int saved = dup(0), ends[2];
    CHECK(pipe(ends) == 0 && dup2(ends[0], 0) == 0);
    wrt_wasi_t *w = wasi();
    OK(wrt_wasi_inherit_stdio(w));
    guest_t g = guest_with(w, true);
    wrt_interrupt_t *interrupt;
    OK(wrt_interrupt_new(g.w.store, &interrupt));
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        int32_t none;
        double start = now();
        if (i < 2) {
            OK(wrt_store_set_deadline(g.w.store, 50000000));
        } else {
            CHECK(pthread_create(&thread, NULL, interrupt_soon, interrupt) == 0);
        }
        TRAPS(WRT_TRAP_INTERRUPTED,
              i % 2 ? try_call(&g, "read", 2, 0, 10, &none) : try_call(&g, "sleep", 1, 3600, 0, &none));
        double took = now() - start;
        /* tests/wasi/waiting.rs tests how soon. */
        CHECK(took > 0.04 && took < 2);
        if (i >= 2) pthread_join(thread, NULL);
    }
    OK(wrt_store_set_deadline(g.w.store, 0));
    CHECK(call(&g, "sleep", 1, 0, 0) == 0);
    CHECK(write(ends[1], "late", 4) == 4 && call(&g, "read", 2, 0, 10) == 0 && has_read(&g, "late"));
    wrt_interrupt_delete(interrupt);
    world_end(&g.w);
    CHECK(dup2(saved, 0) == 0);
    close(saved), close(ends[0]), close(ends[1]);
}

/* Errors of the host: a store without a state, code without a memory. */
static void missing_parts(void) {
    world_t w = world();
    wrt_linker_t *linker;
    OK(wrt_linker_new(w.engine, &linker));
    OK(wrt_linker_define_wasi(linker));
    OK(wrt_linker_define_wasi(linker)); /* The definitions stay. */
    wrt_module_t *module = module_of(w.engine, "(module" IMPORT("args_sizes_get", "i32 i32") PASS2("args_sizes_get") ")");
    wrt_instance_t instance;
    int32_t got;
    OK(wrt_linker_instantiate(linker, w.store, module, &instance));
    wrt_func_t f = func_of(w.store, &instance, "args_sizes_get");
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, call_i32(w.store, &f, 2, 0, 4, &got));
    OK(wrt_store_set_wasi(w.store, wasi()));
    FAILS(WRT_ERROR_KIND_LINK, call_i32(w.store, &f, 2, 0, 4, &got));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    world_end(&w);
}

static int open_descriptors(void) {
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

int main(void) {
    CHECK(mkdtemp(folder));
    arguments_and_environment();
    /* The first memory that is deleted opens the file that the library keeps open. */
    int descriptors = open_descriptors();
    nothing_is_a_process();
    given_states_are_taken();
    captured();
    exits();
    callbacks();
    refused_callbacks_are_finalized();
    replaced_by_a_finalizer();
    deleted_while_it_writes();
    streams_from_files();
    directories();
    inherited();
    one_inherited();
    inherited_without_blocking();
    interrupted();
    missing_parts();
    CHECK(open_descriptors() == descriptors);
    const char *const names[] = {"in", "out", "file", "inherited"};
    for (int i = 0; i < 4; i++) unlink(path_of(names[i]));
    CHECK(rmdir(folder) == 0);
    return 0;
}
