// An exception that leaves a callback ends the process with one line that names the callback, for every kind of callback. Exceptions that a
// callback catches itself have no effect.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wrt.h>

#define TEXT(literal) (literal), (sizeof(literal) - 1)
#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
            std::_Exit(1);                                                                  \
        }                                                                                   \
    } while (0)

namespace {

void ok(wrt_error_t *error) {
    if (error) std::fprintf(stderr, "%s\n", wrt_error_message(error, nullptr));
    CHECK(!error);
}

[[noreturn]] void boom() { throw std::runtime_error("boom"); }

wrt_error_t *func(void *, wrt_caller_t *, const wrt_val_t *, size_t, wrt_val_t *, size_t) { boom(); }
wrt_error_t *raw(void *, wrt_caller_t *, wrt_raw_t *, size_t) { boom(); }
void finalizer(void *) { boom(); }
int32_t limiter(void *, const wrt_growth_t *) { boom(); }
void collected(void *, const wrt_gc_event_t *) { boom(); }
wrt_error_t *writes(void *, const char *, size_t) { boom(); }
int64_t stream(void *, uint8_t *, size_t) { boom(); }
int32_t the_clock(void *, uint32_t, uint64_t *) { boom(); }
int32_t random_source(void *, uint8_t *, size_t) { boom(); }

// A callback that catches its own exceptions.
wrt_error_t *careful(void *, wrt_caller_t *, wrt_raw_t *slots, size_t) {
    try {
        boom();
    } catch (const std::exception &e) {
        slots[0].i32 = static_cast<int32_t>(std::strlen(e.what()));
    }
    return nullptr;
}

struct world {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_linker_t *linker;
    world() {
        wrt_config_t *config = wrt_config_new();
        ok(wrt_config_set_signals(config, !std::getenv("WRT_TEST_NO_SIGNALS")));
        ok(wrt_engine_new(config, &engine));
        wrt_config_delete(config);
        ok(wrt_store_new(engine, nullptr, nullptr, &store));
        ok(wrt_linker_new(engine, &linker));
    }
    wrt_error_t *instantiate(const char *text, wrt_instance_t *instance) {
        wrt_module_t *module;
        ok(wrt_module_new(engine, text, std::strlen(text), &module));
        wrt_error_t *error = wrt_linker_instantiate(linker, store, module, instance);
        wrt_module_delete(module);
        return error;
    }
    // Calls what a module exports as "run".
    void run(const char *text) {
        wrt_instance_t instance;
        wrt_func_t f;
        ok(instantiate(text, &instance));
        ok(wrt_instance_get_func(store, &instance, TEXT("run"), &f));
        wrt_error_t *error = wrt_func_call(store, &f, nullptr, 0, nullptr, 0);
        wrt_error_delete(error);
    }
    void call(const wrt_func_t &f) { wrt_error_delete(wrt_func_call(store, &f, nullptr, 0, nullptr, 0)); }
};

wrt_functype_t *type_of(const char *signature) {
    wrt_functype_t *type;
    ok(wrt_functype_parse(signature, std::strlen(signature), &type));
    return type;
}

const char *const CALLS = "(module (import \"e\" \"h\" (func $h)) (func (export \"run\") (call $h)))";
const char *const PASSES = "(module (import \"e\" \"h\" (func $h (param externref)))"
                           " (func (export \"run\") (call $h (ref.null extern))))";

void in_linker() {
    world w;
    ok(wrt_linker_define_func(w.linker, TEXT("e"), TEXT("h"), TEXT("()"), func, nullptr, nullptr));
    w.run(CALLS);
}
void raw_in_linker() {
    world w;
    ok(wrt_linker_define_func_raw(w.linker, TEXT("e"), TEXT("h"), TEXT("()"), raw, nullptr, nullptr));
    w.run(CALLS);
}
void raw_with_references() {
    world w;
    ok(wrt_linker_define_func_raw(w.linker, TEXT("e"), TEXT("h"), TEXT("(externref)"), raw, nullptr, nullptr));
    w.run(PASSES);
}
void odd_name() {
    world w;
    ok(wrt_linker_define_func_raw(w.linker, TEXT("e"), TEXT("a\nb"), TEXT("()"), raw, nullptr, nullptr));
    w.run("(module (import \"e\" \"a\\nb\" (func $h)) (func (export \"run\") (call $h)))");
}
void in_store() {
    world w;
    wrt_func_t f;
    ok(wrt_func_new(w.store, type_of("()"), func, nullptr, nullptr, &f));
    w.call(f);
}
void raw_in_store() {
    world w;
    wrt_func_t f;
    ok(wrt_func_new_raw(w.store, type_of("()"), raw, nullptr, nullptr, &f));
    w.call(f);
}
// A callback inside of a callback: the inner one is named.
wrt_error_t *calls_on(void *userdata, wrt_caller_t *caller, wrt_raw_t *, size_t) {
    return wrt_func_call_raw(wrt_caller_store(caller), static_cast<wrt_func_t *>(userdata), nullptr, 0);
}
void nested() {
    world w;
    wrt_func_t f;
    ok(wrt_func_new_raw(w.store, type_of("()"), raw, nullptr, nullptr, &f));
    ok(wrt_linker_define_func_raw(w.linker, TEXT("e"), TEXT("h"), TEXT("()"), calls_on, &f, nullptr));
    w.run(CALLS);
}
void at_start() {
    world w;
    wrt_instance_t instance;
    ok(wrt_linker_define_func(w.linker, TEXT("e"), TEXT("h"), TEXT("()"), func, nullptr, nullptr));
    wrt_error_delete(w.instantiate("(module (import \"e\" \"h\" (func $h)) (start $h))", &instance));
}
void finalizer_of_store() {
    wrt_engine_t *engine;
    wrt_store_t *store;
    ok(wrt_engine_new(nullptr, &engine));
    ok(wrt_store_new(engine, nullptr, finalizer, &store));
    wrt_store_delete(store);
}
void finalizer_of_failure() {
    wrt_store_t *store;
    wrt_error_delete(wrt_store_new(nullptr, nullptr, finalizer, &store));
}
void finalizer_of_refusal() { wrt_error_delete(wrt_store_set_limiter(nullptr, limiter, nullptr, finalizer)); }
void finalizer_of_object() {
    world w;
    wrt_ref_t ref;
    ok(wrt_externref_new(w.store, nullptr, finalizer, 0, &ref));
    ok(wrt_ref_release(w.store, &ref));
    wrt_error_delete(wrt_store_gc(w.store));
}
void of_limiter() {
    world w;
    ok(wrt_store_set_limiter(w.store, limiter, nullptr, nullptr));
    w.run("(module (memory 1) (func (export \"run\") (drop (memory.grow (i32.const 1)))))");
}
void of_collection() {
    world w;
    ok(wrt_store_set_gc_callback(w.store, collected, nullptr, nullptr));
    wrt_instance_t instance;
    ok(w.instantiate("(module (type $s (struct)) (func (export \"run\") (drop (struct.new $s))))", &instance));
    wrt_error_delete(wrt_store_gc(w.store));
}
void of_writer() {
    world w;
    wrt_error_delete(wrt_store_write_heap_snapshot(w.store, writes, nullptr));
}
void wasi(void (*set)(wrt_wasi_t *), const char *text) {
    world w;
    wrt_wasi_t *process;
    ok(wrt_wasi_new(&process));
    set(process);
    ok(wrt_linker_define_wasi(w.linker));
    ok(wrt_store_set_wasi(w.store, process));
    w.run(text);
}
void wasi_stream() {
    wasi([](wrt_wasi_t *p) { ok(wrt_wasi_set_stdio_callback(p, 1, stream, nullptr, nullptr)); },
         "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $w (param i32 i32 i32 i32) (result i32)))"
         " (memory (export \"memory\") 1) (data (i32.const 0) \"\\08\\00\\00\\00\\01\\00\\00\\00\")"
         " (func (export \"run\") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))");
}
void wasi_clock() {
    wasi([](wrt_wasi_t *p) { ok(wrt_wasi_set_clock(p, the_clock, nullptr, nullptr)); },
         "(module (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $c (param i32 i64 i32) (result i32)))"
         " (memory (export \"memory\") 1)"
         " (func (export \"run\") (drop (call $c (i32.const 0) (i64.const 1) (i32.const 0)))))");
}
void wasi_random() {
    wasi([](wrt_wasi_t *p) { ok(wrt_wasi_set_random(p, random_source, nullptr, nullptr)); },
         "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $r (param i32 i32) (result i32)))"
         " (memory (export \"memory\") 1)"
         " (func (export \"run\") (drop (call $r (i32.const 0) (i32.const 8)))))");
}

// Runs a case in a process, which must abort with one line that contains this text.
void dies(const char *name, void (*f)(), const char *text) {
    int ends[2];
    CHECK(!pipe(ends));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        alarm(60);
        f();
        std::_Exit(0);
    }
    close(ends[1]);
    std::string said;
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(n));
    close(ends[0]);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    bool one_line = std::string(said).find('\n') == said.size() - 1;
    bool names = said.rfind("wrt: an exception came out of ", 0) == 0 && said.find(text) != std::string::npos;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !one_line || !names) {
        std::fprintf(stderr, "%s: status %x, said %s\n", name, status, said.c_str());
        std::exit(1);
    }
}
#define DIES(f, text) dies(#f, f, text)

void catches_itself() {
    world w;
    wrt_instance_t instance;
    wrt_func_t f;
    wrt_val_t result;
    ok(wrt_linker_define_func_raw(w.linker, TEXT("e"), TEXT("h"), TEXT("() -> i32"), careful, nullptr, nullptr));
    ok(w.instantiate("(module (import \"e\" \"h\" (func $h (result i32))) (func (export \"run\") (result i32) (call $h)))",
                     &instance));
    ok(wrt_instance_get_func(w.store, &instance, TEXT("run"), &f));
    ok(wrt_func_call(w.store, &f, nullptr, 0, &result, 1));
    CHECK(result.of.i32 == 4);
    wrt_store_delete(w.store);
    wrt_linker_delete(w.linker);
    wrt_engine_delete(w.engine);
}

} // namespace

int main() {
    catches_itself();
    DIES(in_linker, "the host function \"e.h\"");
    DIES(raw_in_linker, "the host function \"e.h\"");
    DIES(raw_with_references, "the host function \"e.h\"");
    DIES(odd_name, "the host function \"e.a\\nb\"");
    DIES(in_store, "a host function of type");
    DIES(raw_in_store, "a host function of type");
    DIES(nested, "a host function of type");
    DIES(at_start, "the host function \"e.h\"");
    DIES(finalizer_of_store, "a finalizer");
    DIES(finalizer_of_failure, "a finalizer");
    DIES(finalizer_of_refusal, "a finalizer");
    DIES(finalizer_of_object, "a finalizer");
    DIES(of_limiter, "a limiter");
    DIES(of_collection, "wrt_store_set_gc_callback");
    DIES(of_writer, "a callback that writes");
    DIES(wasi_stream, "a standard stream of WASI");
    DIES(wasi_clock, "a clock of WASI");
    DIES(wasi_random, "a random source of WASI");
    return 0;
}
