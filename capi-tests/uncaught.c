/* Errors that hold exceptions: their messages, what they keep alive, and the threads that delete them; and errors that hold none. Each test
 * runs normally, with a collection at every allocation, and with one at every second allocation. */
#include "throw.h"
#include <pthread.h>
#include <stdatomic.h>

static wrt_error_t *gives_error(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    (void)kit, (void)s, (void)out;
    switch (n) {
    case 0: return wrt_error_new_trap(WRT_TRAP_UNREACHABLE);
    case 1: return wrt_error_new_exit(3);
    case 2: return wrt_error_new(WRT_ERROR_KIND_HOST, TEXT("no"));
    case 3: return wrt_error_new(WRT_ERROR_KIND_EXCEPTION, TEXT("holds none"));
    default: return wrt_error_new(WRT_ERROR_KIND_INTERRUPTED, NULL, 0);
    }
}

/* Traps and other errors are not exceptions: they cannot be caught. */
static void what_is_not_caught(void) {
    static const uint8_t kinds[] = {WRT_ERROR_KIND_TRAP, WRT_ERROR_KIND_EXIT, WRT_ERROR_KIND_HOST,
                                    WRT_ERROR_KIND_EXCEPTION, WRT_ERROR_KIND_INTERRUPTED};
    kit_t k;
    begin(&k);
    k.host = gives_error;
    for (int32_t n = 0; n < 5; n++) {
        int32_t got;
        wrt_ref_t r;
        wrt_error_t *error = try_run(&k, n % 2 ? "catch all" : "rethrow", n, &got);
        CHECK(wrt_error_kind(error) == kinds[n]);
        OK(wrt_error_exception(k.s, error, &r));
        CHECK(is_empty_ref(r));
        wrt_error_delete(error);
    }
    end(&k);
}

/* An error that holds an exception that holds a host object. */
static wrt_error_t *held_object(kit_t *k) {
    wrt_tag_t tag = tag_of_type(k->s, "(externref)");
    wrt_val_t v = ref_val(WRT_EXTERNREF, object(k->s, &k->counts));
    wrt_ref_t r;
    OK(wrt_exception_new(k->s, &tag, &v, 1, &r));
    OK(wrt_tag_release(k->s, &tag));
    wrt_error_t *error = wrt_error_new_exception(k->s, &r);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_EXCEPTION && is_empty_ref(r));
    return error;
}

static void *deletes_error(void *error) {
    wrt_error_delete(error);
    return NULL;
}

static void deleted_elsewhere(wrt_error_t *error) {
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, deletes_error, error));
    CHECK(!pthread_join(thread, NULL));
}

static void errors_hold_exceptions(void) {
    kit_t k;
    begin(&k);
    wrt_error_t *error = held_object(&k);
    CHECK(alive(k.s, &k.counts) == 1 && references(k.s) == 1);
    wrt_error_delete(error);
    CHECK(alive(k.s, &k.counts) == 0 && references(k.s) == 0);
    error = held_object(&k);
    CHECK(alive(k.s, &k.counts) == 1);
    deleted_elsewhere(error);
    CHECK(alive(k.s, &k.counts) == 0 && references(k.s) == 0);
    /* Scopes do not affect it. */
    OK(wrt_scope_open(k.s));
    error = held_object(&k);
    OK(wrt_scope_close(k.s));
    CHECK(alive(k.s, &k.counts) == 1);
    wrt_error_t *after[2] = {error, held_object(&k)};
    CHECK(strstr(wrt_error_message(after[1], NULL), "uncaught exception of type (externref) (a host object)"));
    end(&k);
    wrt_error_delete(after[0]);
    deleted_elsewhere(after[1]);
}

typedef struct {
    wrt_error_t **errors;
    size_t count;
    atomic_bool done;
} many_t;

static void *deletes_many(void *data) {
    many_t *m = data;
    for (size_t i = 0; i < m->count; i++) wrt_error_delete(m->errors[i]);
    m->done = true;
    return NULL;
}

/* While the store runs. */
static void deleted_meanwhile(void) {
    kit_t k;
    enum { N = 300 };
    wrt_error_t *errors[N];
    begin(&k);
    k.host = throws_e;
    for (int i = 0; i < N; i++) errors[i] = held_object(&k);
    many_t m = {errors, N, false};
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, deletes_many, &m));
    do CHECK(run(&k, "catch", 1) == 1001);
    while (!m.done);
    CHECK(!pthread_join(thread, NULL));
    CHECK(alive(k.s, &k.counts) == 0 && references(k.s) == 0);
    end(&k);
}

static void says(wrt_store_t *s, const wrt_instance_t *i, const char *name, const char *text) {
    wrt_func_t f = func_of(s, i, name);
    wrt_error_t *error = test_fails(WRT_ERROR_KIND_EXCEPTION, wrt_func_call(s, &f, NULL, 0, NULL, 0), name, __FILE__, __LINE__);
    if (strcmp(wrt_error_message(error, NULL), text)) {
        fprintf(stderr, "%s: got '%s', expected '%s'\n", name, wrt_error_message(error, NULL), text);
        exit(1);
    }
    wrt_error_delete(error);
}

static void messages(void) {
    world_t w = gc_world();
    wrt_extern_t item = tag_item(tag_of_type(w.store, "(i32, f32)"));
    wrt_instance_t i = linked(&w,
        "(module (type $point (struct (field i32))) (import \"\" \"\" (tag $host (param i32 f32)))"
        " (tag $none) (tag (export \"an export\")) (tag (export \"short\") (param i64)) (tag (param i32))"
        " (tag $numbers (param i32 i64 f32 f64 v128)) (tag $many (param i32 i32 i32 i32 i32 i32 i32 i32 i32))"
        " (tag $refs (param anyref (ref $point) externref funcref funcref exnref (ref null i31)))"
        " (func $f (export \"none\") (throw $none)) (func (export \"by export\") (throw 2))"
        " (func (export \"plain\") (throw 3 (i64.const -9))) (func (export \"no name\") (throw 4 (i32.const 1)))"
        " (func (export \"numbers\") (throw $numbers (i32.const -1) (i64.const 9000000000) (f32.const 1.5) (f64.const nan)"
        "   (v128.const i64x2 1 2)))"
        " (func (export \"many\") (throw $many (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5)"
        "   (i32.const 6) (i32.const 7) (i32.const 8) (i32.const 9)))"
        " (func (export \"host\") (throw $host (i32.const 1) (f32.const 2)))"
        " (elem declare func $f)"
        " (func (export \"refs\") (throw $refs (ref.null any) (struct.new $point (i32.const 1)) (ref.null extern)"
        "   (ref.func $f) (ref.null func)"
        "   (block $h (result exnref) (try_table (catch_all_ref $h) (throw $none)) (unreachable))"
        "   (ref.i31 (i32.const 4)))))", &item, 1);
    says(w.store, &i, "none", "uncaught exception $none");
    says(w.store, &i, "by export", "uncaught exception \"an export\"");
    says(w.store, &i, "plain", "uncaught exception $short (-9)");
    says(w.store, &i, "no name", "uncaught exception of type (i32) (1)");
    says(w.store, &i, "numbers", "uncaught exception $numbers (-1, 9000000000, 1.5, NaN, 0x00000000000000020000000000000001)");
    says(w.store, &i, "many", "uncaught exception $many (1, 2, 3, 4, 5, 6, 7, 8, ...)");
    says(w.store, &i, "host", "uncaught exception of type (i32, f32) (1, 2.0)");
    says(w.store, &i, "refs", "uncaught exception $refs (null, $point, null, a function, null, an exception, an i31)");
    world_end(&w);
}

static wrt_error_t *calls_throw(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    (void)s;
    return try_run(kit, "throw", n, out);
}

/* Frames of the throw, through a catch that does not match, the host, and WebAssembly that rethrows. */
static void backtraces(void) {
    static const char *const names[] = {"throw", "call"};
    kit_t k;
    begin(&k);
    k.host = calls_throw;
    int32_t got;
    wrt_frame_t frame;
    /* A callback returns the error of WebAssembly that it called: the frames of both activations, from the throw on. */
    wrt_error_t *error = try_run(&k, "call", 3, &got);
    CHECK(wrt_error_frame_count(error) == 2);
    for (size_t i = 0; i < 2; i++) {
        OK(wrt_error_frame(error, i, &frame));
        CHECK(!strcmp(frame.func_name, names[i]));
    }
    wrt_error_delete(error);
    k.host = throws_e;
    error = try_run(&k, "catch f", 3, &got);
    CHECK(wrt_error_frame_count(error) == 2);
    OK(wrt_error_frame(error, 0, &frame));
    CHECK(!strcmp(frame.func_name, "call"));
    OK(wrt_error_frame(error, 1, &frame));
    CHECK(!strcmp(frame.func_name, "catch f"));
    wrt_error_delete(error);
    /* An exception that was caught and rethrown: the frames from there. */
    error = try_run(&k, "rethrow", 3, &got);
    CHECK(wrt_error_frame_count(error) == 1);
    OK(wrt_error_frame(error, 0, &frame));
    CHECK(!strcmp(frame.func_name, "rethrow"));
    wrt_error_delete(error);
    end(&k);
}

static kit_t *limited;

static int limiter_calls;

static int32_t misusing_limiter(void *userdata, const wrt_growth_t *growth) {
    wrt_ref_t r = *(wrt_ref_t *)userdata;
    wrt_tag_t tag;
    wrt_val_t v = i32_val(1);
    (void)growth;
    BAD(wrt_error_new_exception(limited->s, &r));
    BAD(wrt_exception_new(limited->s, &limited->e, &v, 1, &r));
    BAD(wrt_exception_tag(limited->s, userdata, &tag));
    BAD(wrt_tag_release(limited->s, &limited->e));
    limiter_calls++;
    return 1;
}

static void in_limiters(void) {
    kit_t k;
    begin(&k);
    wrt_ref_t r = number_exception(k.s, k.e, 1);
    wrt_memory_t memory;
    wrt_size_limits_t limits = {1, 0, 0};
    limited = &k, limiter_calls = 0;
    OK(wrt_store_set_limiter(k.s, misusing_limiter, &r, NULL));
    OK(wrt_memory_new(k.s, &limits, &memory));
    CHECK(limiter_calls == 1 && carried_number(k.s, r) == 1);
    end(&k);
}

int main(void) {
    for (int i = 0; i < 6; i++) {
        zeal = (uint32_t)(i / 2), raw = i % 2;
        what_is_not_caught();
        errors_hold_exceptions();
        deleted_meanwhile();
        messages();
        backtraces();
        in_limiters();
    }
    return 0;
}
