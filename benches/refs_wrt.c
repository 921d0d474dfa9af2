/* Measures wrt's references and calls through its C API. */
#include "refs.h"
#include <wrt.h>

static wrt_engine_t *engine;
static wrt_store_t *store;
static wrt_table_t table;
static wrt_func_t same, add, count_up;
static wrt_module_t *small, *small_with_memory;

static void check(wrt_error_t *error) {
    if (error) fail(wrt_error_message(error, NULL));
}

static wrt_error_t *next(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results, size_t result_count) {
    results[0].of.i32 = args[0].of.i32 + 1;
    return NULL;
}

static wrt_error_t *next_unchecked(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    slots[0].i32++;
    return NULL;
}

static wrt_module_t *module(const char *text) {
    wrt_module_t *out;
    check(wrt_module_new(engine, text, strlen(text), &out));
    return out;
}

static void setup(bool unchecked_import) {
    wrt_functype_t *type;
    wrt_extern_t import = {.kind = WRT_EXTERN_FUNC};
    wrt_instance_t instance;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_functype_parse("(i32) -> i32", 12, &type));
    if (unchecked_import) check(wrt_func_new_raw(store, type, next_unchecked, NULL, NULL, &import.of.func));
    else check(wrt_func_new(store, type, next, NULL, NULL, &import.of.func));
    check(wrt_instance_new(store, module(MODULE), &import, 1, &instance));
    check(wrt_instance_get_table(store, &instance, "table", 5, &table));
    check(wrt_instance_get_func(store, &instance, "same", 4, &same));
    check(wrt_instance_get_func(store, &instance, "add", 3, &add));
    check(wrt_instance_get_func(store, &instance, "count", 5, &count_up));
    small = module(SMALL(""));
    small_with_memory = module(SMALL_WITH_MEMORY);
}

static wrt_val_t object(int64_t number) {
    wrt_val_t value = {.kind = WRT_EXTERNREF};
    check(wrt_externref_new(store, (void *)(intptr_t)number, NULL, 0, &value.of.ref));
    return value;
}

static int64_t number_of(const wrt_val_t *value) {
    void *userdata;
    check(wrt_externref_userdata(store, &value->of.ref, &userdata));
    return (int64_t)(intptr_t)userdata;
}

static int64_t new_set_release(int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        wrt_val_t value = object(i);
        check(wrt_table_set(store, &table, (uint64_t)i & 7, &value)); /* which takes it */
    }
    wrt_val_t last;
    check(wrt_table_get(store, &table, (uint64_t)(count - 1) & 7, &last));
    int64_t number = number_of(&last);
    check(wrt_ref_release(store, &last.of.ref));
    return number;
}

static int64_t get_release(int64_t count) {
    wrt_val_t value = object(1);
    check(wrt_table_set(store, &table, 0, &value));
    int64_t number = 0;
    for (int64_t i = 0; i < count; i++) {
        check(wrt_table_get(store, &table, 0, &value));
        if (i == count - 1) number = number_of(&value);
        check(wrt_ref_release(store, &value.of.ref));
    }
    return number;
}

static int64_t call_ref(int64_t count) {
    wrt_val_t value = object(2), result;
    int64_t number = 0;
    for (int64_t i = 0; i < count; i++) {
        check(wrt_func_call(store, &same, &value, 1, &result, 1));
        if (i == count - 1) number = number_of(&result);
        check(wrt_ref_release(store, &result.of.ref));
    }
    check(wrt_ref_release(store, &value.of.ref));
    return number;
}

static int64_t call_checked(int64_t count) {
    wrt_val_t values[2] = {{.kind = WRT_I32}, {.kind = WRT_I32, .of.i32 = 1}}, result = {0};
    for (int64_t i = 0; i < count; i++) {
        values[0].of.i32 = (int32_t)i;
        check(wrt_func_call(store, &add, values, 2, &result, 1));
    }
    return result.of.i32;
}

static int64_t call_unchecked(int64_t count) {
    wrt_raw_t slots[2] = {{.i32 = 0}};
    for (int64_t i = 0; i < count; i++) {
        slots[0].i32 = (int32_t)i;
        slots[1].i32 = 1;
        check(wrt_func_call_raw(store, &add, slots, 2));
    }
    return slots[0].i32;
}

static int64_t host_checked(int64_t count) {
    wrt_val_t value = {.kind = WRT_I32, .of.i32 = (int32_t)count}, result;
    check(wrt_func_call(store, &count_up, &value, 1, &result, 1));
    return result.of.i32;
}

static int64_t host_unchecked(int64_t count) {
    return host_checked(count); /* it has another import */
}

static int64_t instances_of(const wrt_module_t *module, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        wrt_instance_t instance;
#ifdef HAVE_RELEASE
        check(wrt_instance_new(store, module, NULL, 0, &instance));
        check(wrt_instance_release(store, &instance));
#else
        wrt_store_t *own;
        check(wrt_store_new(engine, NULL, NULL, &own));
        check(wrt_instance_new(own, module, NULL, 0, &instance));
        wrt_store_delete(own);
#endif
    }
    return count;
}

static int64_t instances(int64_t count) {
    return instances_of(small, count);
}

static int64_t instances_memory(int64_t count) {
    return instances_of(small_with_memory, count);
}
