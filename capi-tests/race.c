/* Two threads use a store at the same time: the second gets an error, whatever it does. Uses that are no race are not mistaken for one. */
#include "refs.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const MODULE = "(module (import \"e\" \"wait\" (func $w)) (memory (export \"m\") 1) (table (export \"t\") 1 funcref)"
                                  " (global (export \"g\") (mut i32) (i32.const 1)) (func (export \"wait\") (call $w))"
                                  " (func (export \"one\") (result i32) (i32.const 1)))";

typedef struct {
    world_t w;
    wrt_func_t wait, one;
    wrt_instance_t instance;
    wrt_memory_t memory;
    wrt_table_t table;
    wrt_global_t global;
    wrt_ref_t ref;
    sem_t inside, go;
    int finalized;
} shared_t;

/* Uses its own store, as a callback may, before and after it waits. */
static wrt_error_t *waits(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t n) {
    (void)slots, (void)n;
    shared_t *s = userdata;
    int32_t out;
    OK(call_i32(wrt_caller_store(caller), &s->one, 0, 0, 0, &out));
    sem_post(&s->inside);
    sem_wait(&s->go);
    OK(call_i32(wrt_caller_store(caller), &s->one, 0, 0, 0, &out));
    CHECK(out == 1);
    return NULL;
}

static void begin(shared_t *s) {
    memset(s, 0, sizeof *s);
    s->w = world_with(true, true);
    wrt_linker_t *linker;
    OK(wrt_linker_new(s->w.engine, &linker));
    OK(wrt_linker_define_func_raw(linker, TEXT("e"), TEXT("wait"), TEXT("()"), waits, s, NULL));
    wrt_module_t *module = module_of(s->w.engine, MODULE);
    OK(wrt_linker_instantiate(linker, s->w.store, module, &s->instance));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    s->wait = func_of(s->w.store, &s->instance, "wait");
    s->one = func_of(s->w.store, &s->instance, "one");
    OK(wrt_instance_get_memory(s->w.store, &s->instance, TEXT("m"), &s->memory));
    OK(wrt_instance_get_table(s->w.store, &s->instance, TEXT("t"), &s->table));
    OK(wrt_instance_get_global(s->w.store, &s->instance, TEXT("g"), &s->global));
    OK(wrt_externref_new(s->w.store, &s->finalized, count_call, 0, &s->ref));
    sem_init(&s->inside, 0, 0);
    sem_init(&s->go, 0, 0);
}

static void *calls(void *data) {
    shared_t *s = data;
    OK(wrt_func_call(s->w.store, &s->wait, NULL, 0, NULL, 0));
    return NULL;
}

/* Every function on a store returns an error; nothing is changed. */
static void all_refused(shared_t *s) {
    wrt_store_t *store = s->w.store;
    int32_t out;
    wrt_ref_t ref;
    wrt_val_t value;
    wrt_instance_t instance;
    wrt_interrupt_t *interrupt;
    wrt_limits_t limits;
    uint8_t *bytes;
    size_t size;
    wrt_module_t *module = module_of(s->w.engine, "(module)");
    wrt_limits_init(&limits);
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, call_i32(store, &s->one, 0, 0, 0, &out));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_func_call_raw(store, &s->wait, NULL, 0));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_instance_new(store, module, NULL, 0, &instance));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_externref_new(store, NULL, NULL, 0, &ref));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_ref_release(store, &s->ref));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_store_gc(store));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_store_set_deadline(store, 1));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_store_set_limits(store, &limits));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_store_set_limiter(store, NULL, NULL, NULL));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_interrupt_new(store, &interrupt));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_memory_data(store, &s->memory, &bytes, &size));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_table_get(store, &s->table, 0, &value));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_global_get(store, &s->global, &value));
    FAILS(WRT_ERROR_KIND_WRONG_THREAD, wrt_instance_release(store, &s->instance));
    wrt_module_delete(module);
    CHECK(!strcmp(wrt_error_kind_name(WRT_ERROR_KIND_WRONG_THREAD), "wrong thread"));
}

static void second_is_refused(void) {
    shared_t s;
    pthread_t thread;
    int32_t out;
    begin(&s);
    for (int i = 0; i < 3; i++) {
        CHECK(!pthread_create(&thread, NULL, calls, &s));
        sem_wait(&s.inside);
        all_refused(&s);
        sem_post(&s.go);
        CHECK(!pthread_join(thread, NULL));
        /* Handed over. */
        OK(call_i32(s.w.store, &s.one, 0, 0, 0, &out));
        CHECK(out == 1);
    }
    /* Releases are legal from any thread, and so is deleting the store. */
    CHECK(!pthread_create(&thread, NULL, calls, &s));
    sem_wait(&s.inside);
    wrt_ref_drop(&s.ref);
    wrt_store_delete(s.w.store);
    CHECK(!s.finalized);
    sem_post(&s.go);
    CHECK(!pthread_join(thread, NULL));
    CHECK(s.finalized == 1);
    wrt_engine_delete(s.w.engine);
}

/* A child has only the thread that forked: if a callback forks, the child continues in the callback. If another thread forks, the child
 * finds the store in use by a thread that does not exist there. */
static wrt_error_t *forks(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t n) {
    (void)slots, (void)n;
    int32_t out;
    shared_t *s = userdata;
    pid_t child = fork();
    CHECK(child >= 0);
    OK(call_i32(wrt_caller_store(caller), &s->one, 0, 0, 0, &out));
    CHECK(out == 1);
    if (child == 0) {
        s->finalized = -1;
        return NULL;
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return NULL;
}
static void forked(void) {
    shared_t s;
    pthread_t thread;
    int32_t out;
    begin(&s);
    wrt_functype_t *type;
    wrt_func_t f;
    OK(wrt_functype_parse(TEXT("()"), &type));
    OK(wrt_func_new_raw(s.w.store, type, forks, &s, NULL, &f));
    wrt_functype_delete(type);
    OK(wrt_func_call(s.w.store, &f, NULL, 0, NULL, 0));
    OK(call_i32(s.w.store, &s.one, 0, 0, 0, &out));
    if (s.finalized == -1) _exit(out == 1 ? 0 : 1);
    CHECK(!pthread_create(&thread, NULL, calls, &s));
    sem_wait(&s.inside);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        FAILS(WRT_ERROR_KIND_WRONG_THREAD, call_i32(s.w.store, &s.one, 0, 0, 0, &out));
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    sem_post(&s.go);
    CHECK(!pthread_join(thread, NULL));
    OK(wrt_ref_release(s.w.store, &s.ref));
    world_end(&s.w);
}

int main(void) {
    second_is_refused();
    /* In the child, Valgrind reports memory of the parent's threads as lost. */
    if (may_use_signals()) forked();
    return 0;
}
