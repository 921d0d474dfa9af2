/* Measures Wasmtime's references and calls through its C API, as refs_wrt.c does wrt's. */
#include "refs.h"
#include <wasmtime.h>

static wasm_engine_t *engine;
static wasmtime_context_t *store;
static wasmtime_table_t table;
static wasmtime_func_t same, add, count_up;
static wasmtime_instance_pre_t *small, *small_with_memory;

static void check(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_byte_vec_t message = {0, NULL};
    if (error)
        wasmtime_error_message(error, &message);
    else if (trap)
        wasm_trap_message(trap, &message);
    else
        return;
    fprintf(stderr, "%.*s\n", (int)message.size, message.data);
    exit(1);
}

static wasm_trap_t *next(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t arg_count, wasmtime_val_t *results, size_t result_count) {
    results[0].kind = WASMTIME_I32;
    results[0].of.i32 = args[0].of.i32 + 1;
    return NULL;
}

static wasm_trap_t *next_unchecked(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *slots, size_t slot_count) {
    slots[0].i32++;
    return NULL;
}

static wasmtime_module_t *module(const char *text) {
    wasm_byte_vec_t bytes;
    wasmtime_module_t *out;
    check(wasmtime_wat2wasm(text, strlen(text), &bytes), NULL);
    check(wasmtime_module_new(engine, (uint8_t *)bytes.data, bytes.size, &out), NULL);
    wasm_byte_vec_delete(&bytes);
    return out;
}

static wasmtime_instance_pre_t *prepared(const char *text) {
    wasmtime_instance_pre_t *out;
    check(wasmtime_linker_instantiate_pre(wasmtime_linker_new(engine), module(text), &out), NULL);
    return out;
}

static wasmtime_extern_t export(wasmtime_instance_t *instance, const char *name) {
    wasmtime_extern_t out;
    if (!wasmtime_instance_export_get(store, instance, name, strlen(name), &out)) fail(name);
    return out;
}

static void setup(bool unchecked_import) {
    wasmtime_extern_t import = {.kind = WASMTIME_EXTERN_FUNC};
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    engine = wasm_engine_new();
    store = wasmtime_store_context(wasmtime_store_new(engine, NULL, NULL));
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
    if (unchecked_import) wasmtime_func_new_unchecked(store, type, next_unchecked, NULL, NULL, &import.of.func);
    else wasmtime_func_new(store, type, next, NULL, NULL, &import.of.func);
    check(wasmtime_instance_new(store, module(MODULE), &import, 1, &instance, &trap), trap);
    table = export(&instance, "table").of.table;
    same = export(&instance, "same").of.func;
    add = export(&instance, "add").of.func;
    count_up = export(&instance, "count").of.func;
    small = prepared(SMALL(""));
    small_with_memory = prepared(SMALL_WITH_MEMORY);
}

/* Where there is no room for another, it collects by itself. */
static wasmtime_val_t object(int64_t number) {
    wasmtime_val_t value = {.kind = WASMTIME_EXTERNREF};
    if (!wasmtime_externref_new(store, (void *)(intptr_t)number, NULL, &value.of.externref)) fail("no more host references");
    return value;
}

static int64_t number_of(const wasmtime_val_t *value) {
    return (int64_t)(intptr_t)wasmtime_externref_data(store, &value->of.externref);
}

static int64_t new_set_release(int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        wasmtime_val_t value = object(i);
        check(wasmtime_table_set(store, &table, (uint64_t)i & 7, &value), NULL);
        wasmtime_externref_unroot(&value.of.externref);
    }
    wasmtime_val_t last;
    if (!wasmtime_table_get(store, &table, (uint64_t)(count - 1) & 7, &last)) fail("no such element");
    int64_t number = number_of(&last);
    wasmtime_externref_unroot(&last.of.externref);
    return number;
}

static int64_t get_release(int64_t count) {
    wasmtime_val_t value = object(1);
    check(wasmtime_table_set(store, &table, 0, &value), NULL);
    wasmtime_externref_unroot(&value.of.externref);
    int64_t number = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!wasmtime_table_get(store, &table, 0, &value)) fail("no such element");
        if (i == count - 1) number = number_of(&value);
        wasmtime_externref_unroot(&value.of.externref);
    }
    return number;
}

static int64_t call_ref(int64_t count) {
    wasm_trap_t *trap = NULL;
    wasmtime_val_t value = object(2), result;
    int64_t number = 0;
    for (int64_t i = 0; i < count; i++) {
        check(wasmtime_func_call(store, &same, &value, 1, &result, 1, &trap), trap);
        if (i == count - 1) number = number_of(&result);
        wasmtime_externref_unroot(&result.of.externref);
    }
    wasmtime_externref_unroot(&value.of.externref);
    return number;
}

static int64_t call_checked(int64_t count) {
    wasm_trap_t *trap = NULL;
    wasmtime_val_t values[2] = {{.kind = WASMTIME_I32}, {.kind = WASMTIME_I32, .of.i32 = 1}}, result = {.kind = WASMTIME_I32};
    for (int64_t i = 0; i < count; i++) {
        values[0].of.i32 = (int32_t)i;
        check(wasmtime_func_call(store, &add, values, 2, &result, 1, &trap), trap);
    }
    return result.of.i32;
}

static int64_t call_unchecked(int64_t count) {
    wasm_trap_t *trap = NULL;
    wasmtime_val_raw_t slots[2] = {{.i32 = 0}};
    for (int64_t i = 0; i < count; i++) {
        slots[0].i32 = (int32_t)i;
        slots[1].i32 = 1;
        check(wasmtime_func_call_unchecked(store, &add, slots, 2, &trap), trap);
    }
    return slots[0].i32;
}

static int64_t host_checked(int64_t count) {
    wasm_trap_t *trap = NULL;
    wasmtime_val_t value = {.kind = WASMTIME_I32, .of.i32 = (int32_t)count}, result;
    check(wasmtime_func_call(store, &count_up, &value, 1, &result, 1, &trap), trap);
    return result.of.i32;
}

static int64_t host_unchecked(int64_t count) {
    return host_checked(count); /* it has another import */
}

/* Instances live as long as their store. */
static int64_t instances_of(const wasmtime_instance_pre_t *pre, int64_t count) {
    wasm_trap_t *trap = NULL;
    for (int64_t i = 0; i < count; i++) {
        wasmtime_instance_t instance;
        wasmtime_store_t *own = wasmtime_store_new(engine, NULL, NULL);
        check(wasmtime_instance_pre_instantiate(pre, wasmtime_store_context(own), &instance, &trap), trap);
        wasmtime_store_delete(own);
    }
    return count;
}

static int64_t instances(int64_t count) {
    return instances_of(small, count);
}

static int64_t instances_memory(int64_t count) {
    return instances_of(small_with_memory, count);
}
