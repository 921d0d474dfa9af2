/* Exceptions in both directions: the host catches an exception by looking at the error of a call, and throws by
 * returning an error. */
#include "check.h"

/* For numbers from 100 on, throws an exception that carries the number and an object. Its tag is the one that the guest
 * imports. */
static wrt_error_t *parse(void *tag, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                          size_t result_count) {
    wrt_store_t *store = wrt_caller_store(caller);
    wrt_ref_t exception;
    (void)arg_count, (void)result_count;
    if (args[0].of.i32 < 100) {
        results[0].of.i32 = 2 * args[0].of.i32;
        return NULL;
    }
    wrt_val_t carried[2] = {args[0], {.kind = WRT_EXTERNREF}};
    wrt_error_t *error = wrt_externref_new(store, "too large", NULL, 0, &carried[1].of.ref);
    if (!error) error = wrt_exception_new(store, tag, carried, 2, &exception); /* takes the object */
    return error ? error : wrt_error_new_exception(store, &exception);
}

int main(void) {
    static const char *wat =
        "(module $guest (import \"host\" \"failure\" (tag $failure (param i32 externref)))"
        "  (import \"host\" \"parse\" (func $parse (param i32) (result i32)))"
        "  (func (export \"parse\") (param i32) (result i32) (call $parse (local.get 0)))"
        "  (func (export \"or zero\") (param i32) (result i32)"
        "    (block $failed (result i32 externref)"
        "      (return (try_table (result i32) (catch $failure $failed) (call $parse (local.get 0)))))"
        "    (drop) (drop) (i32.const 0)))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_linker_t *linker;
    wrt_functype_t *type;
    wrt_extern_t failure = {.kind = WRT_EXTERN_TAG};
    wrt_instance_t instance;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, STR(wat), &module));
    check(wrt_linker_new(engine, &linker));
    check(wrt_functype_parse(STR("(i32, externref)"), &type));
    check(wrt_tag_new(store, type, &failure.of.tag));
    wrt_functype_delete(type);
    check(wrt_linker_define(linker, store, STR("host"), STR("failure"), &failure));
    check(wrt_linker_define_func(linker, STR("host"), STR("parse"), STR("(i32) -> i32"), parse, &failure.of.tag, NULL));
    check(wrt_linker_instantiate(linker, store, module, &instance));

    const char *names[] = {"parse", "or zero"};
    for (int i = 0; i < 4; i++) {
        wrt_func_t func;
        wrt_val_t arg = {.kind = WRT_I32, .of.i32 = i < 2 ? 21 : 500}, result;
        check(wrt_instance_get_func(store, &instance, STR(names[i % 2]), &func));
        wrt_error_t *error = wrt_func_call(store, &func, &arg, 1, &result, 1);
        if (!error) {
            printf("%s gives %d\n", names[i % 2], result.of.i32);
            continue;
        }
        printf("%s: %s\n", names[i % 2], wrt_error_message(error, NULL));
        wrt_ref_t exception;
        wrt_tag_t tag;
        wrt_val_t values[2];
        void *text;
        check(wrt_error_exception(store, error, &exception)); /* empty if the error holds none */
        check(wrt_exception_tag(store, &exception, &tag));
        check(wrt_exception_values(store, &exception, values, 2));
        check(wrt_externref_userdata(store, &values[1].of.ref, &text));
        if (wrt_tag_equal(&tag, &failure.of.tag)) printf("caught: %d is %s\n", values[0].of.i32, (char *)text);
        wrt_error_delete(error);
    }
    wrt_linker_delete(linker);
    wrt_module_delete(module);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
