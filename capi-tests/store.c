/* Stores: userdata, limits, the limiter, deletion at any time. */
#include "test.h"

static int asked, answer;
static int32_t limiter(void *userdata, const wrt_growth_t *growth) {
    CHECK(userdata == (void *)5 && growth->desired > growth->current);
    asked++;
    return answer;
}

static wrt_error_t *delete_store(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t nargs,
                                 wrt_val_t *results, size_t nresults) {
    (void)userdata, (void)args, (void)nargs, (void)results, (void)nresults;
    wrt_store_delete(wrt_caller_store(caller));
    return NULL;
}

int main(void) {
    wrt_engine_t *engine = engine_new();
    int finalized = 0;
    wrt_store_t *store;
    OK(wrt_store_new(engine, &finalized, count_finalized, &store));
    CHECK(wrt_store_userdata(store) == &finalized && wrt_store_id(store) != 0);
    wrt_store_delete(store);
    CHECK(finalized == 1);
    FAILS(INVALID_ARGUMENT, wrt_store_new(NULL, &finalized, count_finalized, &store));
    CHECK(finalized == 2 && store == NULL);

    /* Limits and the limiter are asked before anything is touched. */
    world_t w = world_new(engine, "(module (memory (export \"m\") 1) (table (export \"t\") 1 funcref)"
                                  " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
    wrt_limits_t limits;
    wrt_limits_init(&limits);
    limits.memory_bytes = 3 * 65536;
    limits.table_elements = 10;
    limits.instances = 1;
    OK(wrt_store_set_limits(w.store, &limits));
    wrt_func_t grow = func_get(&w, "grow");
    wrt_val_t arg = i32(3), result;
    OK(wrt_func_call(w.store, &grow, &arg, 1, &result, 1));
    CHECK(result.of.i32 == -1);
    arg = i32(1);
    OK(wrt_func_call(w.store, &grow, &arg, 1, &result, 1));
    CHECK(result.of.i32 == 1);
    wrt_table_t table;
    OK(wrt_instance_get_table(w.store, &w.instance, TEXT("t"), &table));
    wrt_val_t null = funcref(NULL);
    FAILS(LIMIT, wrt_table_grow(w.store, &table, 10, &null, NULL));
    wrt_instance_t second;
    FAILS(LIMIT, wrt_instance_new(w.store, w.module, NULL, 0, &second));
    CHECK(second.store == 0);
    OK(wrt_store_set_limiter(w.store, limiter, (void *)5, NULL));
    OK(wrt_func_call(w.store, &grow, &arg, 1, &result, 1));
    CHECK(asked == 1 && result.of.i32 == -1);
    answer = 1;
    OK(wrt_func_call(w.store, &grow, &arg, 1, &result, 1));
    CHECK(asked == 2 && result.of.i32 == 2);
    limits.size = 1;
    FAILS(INVALID_ARGUMENT, wrt_store_set_limits(w.store, &limits));
    world_delete(&w);

    /* A store that is deleted while it runs dies when the call is over. */
    OK(wrt_store_new(engine, &finalized, count_finalized, &store));
    wrt_functype_t *ty;
    OK(wrt_functype_parse(TEXT("()"), &ty));
    wrt_func_t f;
    int function_finalized = 0;
    OK(wrt_func_new(store, ty, delete_store, &function_finalized, count_finalized, &f));
    wrt_functype_delete(ty);
    OK(wrt_func_call(store, &f, NULL, 0, NULL, 0));
    CHECK(finalized == 3 && function_finalized == 1);
    wrt_engine_delete(engine);
    return 0;
}
