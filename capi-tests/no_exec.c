/* If executable memory is forbidden, saved modules run completely from files, whose code the system maps; other modules fail with an error
 * that says so. If only making writable memory executable is forbidden, everything works. Each case runs in a separate process. */
#define _GNU_SOURCE
#include "test.h"
#include "child.h"
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Headers of older systems do not define them. */
enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 };

static const char *const GUEST =
    "(module $guest (type $unary (func (param i32) (result i32)))"
    " (import \"host\" \"checked\" (func $checked (type $unary)))"
    " (import \"host\" \"raw\" (func $raw (param i64 f64) (result f64)))"
    " (import \"host\" \"object\" (func $object (param externref) (result externref)))"
    " (import \"host\" \"fail\" (func $fail))"
    " (tag $e (export \"e\") (param i32)) (memory (export \"memory\") 1) (global $started (export \"started\") (mut i32) (i32.const 0))"
    /* Functions with unique types: one that the host gets from the table, and one that the guest passes to the host. */
    " (table $t (export \"table\") 4 funcref) (elem (i32.const 0) $add $twice)"
    " (func $add (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))"
    " (func $wide (param v128) (result v128) (i32x4.add (local.get 0) (local.get 0))) (elem declare func $wide)"
    " (func (export \"give\") (result funcref) (ref.func $wide))"
    " (func $twice (export \"twice\") (type $unary) (i32.mul (local.get 0) (i32.const 2)))"
    " (func $start (global.set $started (call $checked (i32.const 20)))) (start $start)"
    " (func (export \"many\") (param i32 i64 f32 f64) (result f64 i64)"
    "   (f64.add (f64.convert_i32_s (local.get 0)) (f64.add (f64.promote_f32 (local.get 2)) (local.get 3))) (local.get 1))"
    " (func (export \"load\") (type $unary) (i32.load (local.get 0)))"
    " (func (export \"divide\") (type $unary) (i32.div_u (i32.const 1) (local.get 0)))"
    " (func (export \"trap\") (type $unary) unreachable)"
    " (func $deep (export \"deep\") (type $unary) (i32.add (call $deep (local.get 0)) (i32.const 1)))"
    " (func (export \"checked\") (type $unary) (call $checked (local.get 0)))"
    " (func (export \"raw\") (param i64 f64) (result f64) (call $raw (local.get 0) (local.get 1)))"
    " (func (export \"object\") (param externref) (result externref) (call $object (local.get 0)))"
    " (func (export \"fail\") (type $unary) (call $fail) (i32.const 0))"
    " (func (export \"indirect\") (type $unary) (call_indirect (type $unary) (i32.const 5) (local.get 0)))"
    " (func (export \"throw\") (type $unary) (throw $e (local.get 0)))"
    " (func (export \"catch\") (type $unary)"
    "   (block $h (result i32) (return (try_table (result i32) (catch $e $h) (call $checked (local.get 0))))))"
    ")";

static const char *const PROGRAM =
    "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
    " (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    " (memory (export \"memory\") 1) (data (i32.const 0) \"\\08\\00\\00\\00\\06\\00\\00\\00hello\\n\")"
    " (func (export \"_start\") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20))) (call $exit (i32.const 7))))";

/* The saved modules. */
static char folder[] = "/tmp/wrt-no-exec-XXXXXX";
static char guest_file[64], program_file[64], said_file[64];

typedef struct {
    wrt_instance_t *instance;
    wrt_tag_t *tag;
} host_t;

/* Negative numbers are thrown; others are doubled by the guest, once there is an instance, and incremented. */
static wrt_error_t *checked(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                            size_t result_count) {
    host_t *h = userdata;
    wrt_store_t *store = wrt_caller_store(caller);
    CHECK(arg_count == 1 && result_count == 1);
    int32_t out = args[0].of.i32;
    if (out < 0) {
        wrt_val_t v = i32_val(out);
        wrt_ref_t exception;
        OK(wrt_exception_new(store, h->tag, &v, 1, &exception));
        return wrt_error_new_exception(store, &exception);
    }
    if (h->instance) {
        wrt_func_t twice = func_of(store, h->instance, "twice");
        OK(call_i32(store, &twice, 1, out, 0, &out));
    }
    results[0] = i32_val(out + 1);
    return NULL;
}

static wrt_error_t *raw(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    (void)userdata, (void)caller;
    CHECK(slot_count == 2);
    slots[0].f64 = (double)slots[0].i64 + slots[1].f64;
    return NULL;
}

static wrt_error_t *object(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    (void)userdata, (void)caller, (void)slots;
    CHECK(slot_count == 1);
    return NULL;
}

static wrt_error_t *fail(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    (void)userdata, (void)caller, (void)slots, (void)slot_count;
    return wrt_error_new(WRT_ERROR_KIND_HOST, TEXT("no"));
}

/* Ends the thread, for which the unwinder asks the calling code about its frame. */
static wrt_error_t *leaves(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    (void)userdata, (void)caller, (void)slots, (void)slot_count;
    pthread_exit(NULL);
}

static wrt_linker_t *linker_of(const wrt_engine_t *engine, host_t *h, wrt_func_raw_callback_t raw) {
    wrt_linker_t *linker;
    OK(wrt_linker_new(engine, &linker));
    OK(wrt_linker_define_wasi(linker));
    OK(wrt_linker_define_func(linker, TEXT("host"), TEXT("checked"), TEXT("(i32) -> i32"), checked, h, NULL));
    OK(wrt_linker_define_func_raw(linker, TEXT("host"), TEXT("raw"), TEXT("(i64, f64) -> f64"), raw, NULL, NULL));
    OK(wrt_linker_define_func_raw(linker, TEXT("host"), TEXT("object"), TEXT("(externref) -> externref"), object, NULL, NULL));
    OK(wrt_linker_define_func_raw(linker, TEXT("host"), TEXT("fail"), TEXT("()"), fail, NULL, NULL));
    return linker;
}

static void calls(wrt_store_t *s, const wrt_instance_t *i) {
    wrt_func_t many = func_of(s, i, "many"), raw_way = func_of(s, i, "raw"), give = func_of(s, i, "give");
    wrt_raw_t slots[4];
    memset(slots, 0, sizeof slots);
    slots[0].i32 = 1, slots[1].i64 = 1LL << 40, slots[2].f32 = 2.5f, slots[3].f64 = 3;
    OK(wrt_func_call_raw(s, &many, slots, 4));
    CHECK(slots[0].f64 == 6.5 && slots[1].i64 == 1LL << 40);
    slots[0].i64 = 3, slots[1].f64 = 0.5;
    OK(wrt_func_call_raw(s, &raw_way, slots, 2));
    CHECK(slots[0].f64 == 3.5);
    wrt_val_t got, wide;
    OK(wrt_func_call(s, &give, NULL, 0, &got, 1));
    CHECK(got.kind == WRT_FUNCREF);
    memset(&wide, 0, sizeof wide);
    wide.kind = WRT_V128;
    wide.of.v128[4] = 21;
    OK(wrt_func_call(s, &got.of.func, &wide, 1, &wide, 1));
    CHECK(wide.of.v128[4] == 42);
}

static void traps(wrt_store_t *s, const wrt_instance_t *i) {
    static const struct {
        const char *name;
        int32_t argument;
        uint8_t code;
    } all[] = {{"load", -1, WRT_TRAP_MEMORY_OUT_OF_BOUNDS},
               {"divide", 0, WRT_TRAP_INTEGER_DIVIDE_BY_ZERO},
               {"trap", 0, WRT_TRAP_UNREACHABLE},
               {"deep", 0, WRT_TRAP_STACK_OVERFLOW}};
    int32_t out;
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        wrt_func_t f = func_of(s, i, all[n].name);
        TRAPS(all[n].code, call_i32(s, &f, 1, all[n].argument, 0, &out));
    }
}

static void host_functions(wrt_store_t *s, const wrt_instance_t *i) {
    wrt_func_t f = func_of(s, i, "checked"), echo = func_of(s, i, "object"), failing = func_of(s, i, "fail");
    int32_t out;
    OK(call_i32(s, &f, 1, 4, 0, &out));
    CHECK(out == 9);
    FAILS(WRT_ERROR_KIND_HOST, call_i32(s, &failing, 1, 0, 0, &out));
    int value = 0;
    wrt_val_t v, back;
    memset(&v, 0, sizeof v);
    v.kind = WRT_EXTERNREF;
    OK(wrt_externref_new(s, &value, NULL, 0, &v.of.ref));
    OK(wrt_func_call(s, &echo, &v, 1, &back, 1));
    void *found;
    OK(wrt_externref_userdata(s, &back.of.ref, &found));
    CHECK(found == &value);
}

static void exceptions(wrt_store_t *s, const wrt_instance_t *i) {
    wrt_func_t catches = func_of(s, i, "catch"), throws = func_of(s, i, "throw");
    int32_t out;
    OK(call_i32(s, &catches, 1, -5, 0, &out));
    CHECK(out == -5);
    FAILS(WRT_ERROR_KIND_EXCEPTION, call_i32(s, &throws, 1, 3, 0, &out));
}

static void tables(wrt_store_t *s, const wrt_instance_t *i, host_t *h) {
    wrt_table_t table;
    wrt_val_t v, f32s[2], sum;
    OK(wrt_instance_get_table(s, i, TEXT("table"), &table));
    OK(wrt_table_get(s, &table, 0, &v));
    memset(f32s, 0, sizeof f32s);
    f32s[0].kind = f32s[1].kind = WRT_F32;
    f32s[0].of.f32 = 1.5f, f32s[1].of.f32 = 2;
    OK(wrt_func_call(s, &v.of.func, f32s, 2, &sum, 1));
    CHECK(sum.of.f32 == 3.5f);
    /* A host function, created after the module. */
    wrt_functype_t *type;
    wrt_func_t made, indirect = func_of(s, i, "indirect");
    OK(wrt_functype_parse(TEXT("(i32) -> i32"), &type));
    OK(wrt_func_new(s, type, checked, h, NULL, &made));
    wrt_functype_delete(type);
    v = func_val(&made);
    OK(wrt_table_set(s, &table, 3, &v));
    int32_t out;
    OK(call_i32(s, &indirect, 1, 3, 0, &out));
    CHECK(out == 11);
    OK(call_i32(s, &indirect, 1, 1, 0, &out));
    CHECK(out == 10);
}

static void program(const wrt_linker_t *linker, wrt_store_t *s, const wrt_module_t *module) {
    wrt_wasi_t *wasi;
    wrt_instance_t instance;
    OK(wrt_wasi_new(&wasi));
    OK(wrt_wasi_capture(wasi, 1, 100));
    OK(wrt_store_set_wasi(s, wasi));
    OK(wrt_linker_instantiate(linker, s, module, &instance));
    wrt_func_t start = func_of(s, &instance, "_start");
    wrt_error_t *error = test_fails(WRT_ERROR_KIND_EXIT, wrt_func_call(s, &start, NULL, 0, NULL, 0), "_start", __FILE__, __LINE__);
    int32_t status;
    CHECK(wrt_error_exit_status(error, &status) && status == 7);
    wrt_error_delete(error);
    const uint8_t *bytes;
    size_t len;
    OK(wrt_store_wasi_output(s, 1, &bytes, &len));
    CHECK(len == 6 && !memcmp(bytes, "hello\n", 6));
}

/* Everything a module can do. Takes ownership of both arguments. */
static void runs(wrt_engine_t *engine, wrt_module_t *take_guest, wrt_module_t *take_program) {
    wrt_store_t *s;
    wrt_instance_t i;
    wrt_global_t started;
    wrt_tag_t tag;
    wrt_val_t v;
    host_t h = {NULL, NULL};
    OK(wrt_store_new(engine, NULL, NULL, &s));
    wrt_linker_t *linker = linker_of(engine, &h, raw);
    OK(wrt_linker_instantiate(linker, s, take_guest, &i));
    OK(wrt_instance_get_global(s, &i, TEXT("started"), &started));
    OK(wrt_global_get(s, &started, &v));
    CHECK(v.of.i32 == 21);
    OK(wrt_instance_get_tag(s, &i, TEXT("e"), &tag));
    h.instance = &i, h.tag = &tag;
    for (int round = 0; round < 2; round++) {
        calls(s, &i);
        traps(s, &i);
        host_functions(s, &i);
        exceptions(s, &i);
        tables(s, &i, &h);
    }
    program(linker, s, take_program);
    wrt_module_delete(take_guest);
    wrt_module_delete(take_program);
    wrt_linker_delete(linker);
    wrt_store_delete(s);
}

static wrt_engine_t *engine_with(bool lazy) {
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_lazy(config, lazy));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    return engine;
}

static wrt_module_t *loaded(const wrt_engine_t *engine, const char *file) {
    wrt_module_t *module;
    OK(wrt_module_load_file(engine, file, strlen(file), &module));
    return module;
}

static void saved_modules_run(void) {
    wrt_engine_t *engine = engine_with(false);
    /* Twice: the second time, trampolines for their types exist. */
    for (int round = 0; round < 2; round++) runs(engine, loaded(engine, guest_file), loaded(engine, program_file));
    wrt_engine_delete(engine);
}

static void new_modules_run(void) {
    for (int lazy = 0; lazy < 2; lazy++) {
        wrt_engine_t *engine = engine_with(lazy);
        runs(engine, module_of(engine, GUEST), module_of(engine, PROGRAM));
        wrt_engine_delete(engine);
    }
}

static wrt_module_t *loaded_from_memory(const wrt_engine_t *engine, const char *text) {
    wrt_module_t *module = module_of(engine, text), *loaded;
    uint8_t *bytes;
    size_t len;
    OK(wrt_module_save(module, &bytes, &len));
    wrt_module_delete(module);
    OK(wrt_module_load(engine, bytes, len, &loaded));
    wrt_bytes_delete(bytes, len);
    return loaded;
}

static void modules_in_memory_run(void) {
    wrt_engine_t *engine = engine_with(false);
    runs(engine, loaded_from_memory(engine, GUEST), loaded_from_memory(engine, PROGRAM));
    wrt_engine_delete(engine);
}

static void everything_runs(void) {
    saved_modules_run();
    new_modules_run();
    modules_in_memory_run();
}

/* The prctl of systemd's MemoryDenyWriteExecute: writable memory cannot become executable. False if the system does not have it. */
static bool refuse_gain(void) { return prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0; }

static void without_gain(void) {
    CHECK(refuse_gain());
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0);
    munmap(page, 4096);
    everything_runs();
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))

/* Calls that fail with EPERM from now on: creating anonymous files; also making memory executable, except a file's; or all of this. */
enum { ANONYMOUS_FILES, ANONYMOUS_CODE, ALL_CODE };

static void forbid(int what) {
    bool files_only = what == ANONYMOUS_FILES;
    struct sock_filter code[] = {
        LOAD(nr),
        IS(SYS_memfd_create, 7, 0),
        IS(files_only ? UINT32_MAX : SYS_mprotect, 3, 0),
        IS(files_only ? UINT32_MAX : SYS_mmap, 0, 4),
        LOAD(args[3]),
        HAS(what == ALL_CODE ? MAP_PRIVATE | MAP_SHARED : MAP_ANONYMOUS, 0, 2),
        LOAD(args[2]),
        HAS(PROT_EXEC, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

/* The error says what needs executable memory, which calls were refused, and what to do. */
static void is_forbidden(wrt_error_t *error, const char *what) {
    error = test_fails(WRT_ERROR_KIND_IO, error, what, __FILE__, __LINE__);
    const char *message = wrt_error_message(error, NULL);
    const char *const said[] = {"forbids executable memory for ", what, "mprotect: Operation not permitted",
                                "memfd_create: Operation not permitted", "wrt_module_load_file"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (!strstr(message, said[i])) fprintf(stderr, "not \"%s\": %s\n", said[i], message);
        CHECK(strstr(message, said[i]));
    }
    wrt_error_delete(error);
}

/* The numbers of pages and descriptors of this process. */
static int held(void) {
    int n = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    CHECK(descriptors);
    while (readdir(descriptors)) n++;
    closedir(descriptors);
/* AddressSanitizer retains freed memory for a while, and so maps more and more. It detects leaks itself. */
#ifndef __SANITIZE_ADDRESS__
    int pages;
    FILE *sizes = fopen("/proc/self/statm", "r");
    CHECK(sizes && fscanf(sizes, "%d", &pages) == 1);
    fclose(sizes);
    n += pages;
#endif
    return n;
}

static void refusals(bool lazy) {
    wrt_engine_t *engine = engine_with(lazy);
    wrt_module_t *module;
    int before = 0;
    for (int round = 0; round < 40; round++) {
        is_forbidden(wrt_module_new(engine, GUEST, strlen(GUEST), &module), "machine code");
        CHECK(!module);
        /* By then, everything that is created only once exists. */
        if (round == 9) before = held();
    }
    CHECK(held() == before);
    wrt_engine_delete(engine);
}

static void refused_functions(void) {
    wrt_engine_t *engine = engine_with(false);
    wrt_store_t *s;
    wrt_functype_t *type;
    wrt_func_t f;
    int finalized = 0;
    OK(wrt_store_new(engine, NULL, NULL, &s));
    OK(wrt_functype_parse(TEXT("(i32) -> i32"), &type));
    is_forbidden(wrt_func_new(s, type, checked, &finalized, count_call, &f), "calls of the type (i32) -> i32, which no loaded module has");
    CHECK(finalized == 1);
    /* If a module has the type, it can be created. */
    wrt_module_t *module = loaded(engine, guest_file);
    OK(wrt_func_new(s, type, checked, &finalized, count_call, &f));
    wrt_module_delete(module);
    wrt_functype_delete(type);
    wrt_store_delete(s);
    CHECK(finalized == 2);
    wrt_engine_delete(engine);
}

static void forbidden(void) {
    FILE *file = fopen(guest_file, "rb");
    static char bytes[1 << 20];
    CHECK(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    CHECK(len < sizeof bytes && !fclose(file));
    forbid(ANONYMOUS_CODE);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    refusals(false);
    refusals(true);
    refused_functions();
    wrt_engine_t *engine = engine_with(false);
    wrt_module_t *module;
    is_forbidden(wrt_module_load(engine, bytes, len, &module), "machine code");
    wrt_engine_delete(engine);
    saved_modules_run();
}

/* Begins like `forbidden`; then a host function ends the process, with one line on standard error. */
static void left(void) {
    wrt_engine_t *engine = engine_with(false);
    wrt_store_t *s;
    wrt_instance_t i;
    host_t h = {NULL, NULL};
    forbid(ANONYMOUS_CODE);
    CHECK(freopen(said_file, "w", stderr));
    OK(wrt_store_new(engine, NULL, NULL, &s));
    OK(wrt_linker_instantiate(linker_of(engine, &h, leaves), s, loaded(engine, guest_file), &i));
    wrt_func_t f = func_of(s, &i, "raw");
    wrt_raw_t slots[2];
    memset(slots, 0, sizeof slots);
    OK(wrt_func_call_raw(s, &f, slots, 2));
}

/* As on a file system mounted noexec. */
static void forbidden_files(void) {
    wrt_engine_t *engine = engine_with(false);
    wrt_module_t *module;
    forbid(ALL_CODE);
    is_forbidden(wrt_module_load_file(engine, guest_file, strlen(guest_file), &module), "machine code (mmap of the file: Operation");
    CHECK(!module);
    wrt_engine_delete(engine);
}

/* Lazy modules need anonymous files; without them, they are compiled eagerly. */
static void without_files(void) {
    forbid(ANONYMOUS_FILES);
    everything_runs();
}

static int run(void (*f)(void)) { return run_child(f, exit); }

static void names_who_left(void) {
    char line[256];
    FILE *said = fopen(said_file, "r");
    CHECK(said && fgets(line, sizeof line, said));
    if (!strstr(line, "\"host.raw\"")) fprintf(stderr, "%s", line);
    CHECK(strstr(line, "\"host.raw\""));
    fclose(said);
    unlink(said_file);
}

static bool is_refused_here(void) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(!refuse_gain());
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void save(const char *text, const char *name, char *file, size_t size) {
    wrt_engine_t *engine = engine_with(false);
    wrt_module_t *module = module_of(engine, text);
    snprintf(file, size, "%s/%s", folder, name);
    OK(wrt_module_save_file(module, file, strlen(file)));
    wrt_module_delete(module);
    wrt_engine_delete(engine);
}

int main(void) {
    CHECK(mkdtemp(folder));
    save(GUEST, "guest", guest_file, sizeof guest_file);
    save(PROGRAM, "program", program_file, sizeof program_file);
    snprintf(said_file, sizeof said_file, "%s/said", folder);
    everything_runs();
    /* Valgrind's own memory is executable anonymous memory, all of it: it cannot live where that is forbidden. */
    if (may_use_signals()) {
        if (is_refused_here()) {
            CHECK(!run(without_gain));
        } else {
            puts("no_exec: skipped where memory gains no permission to execute: the system has no PR_SET_MDWE");
        }
        CHECK(!run(forbidden));
        CHECK(!run(forbidden_files));
        CHECK(!run(without_files));
        CHECK(run(left) == SIGABRT);
        names_who_left();
    }
    unlink(guest_file);
    unlink(program_file);
    rmdir(folder);
    return 0;
}
