/* Creates and reads garbage-collected objects in C: a list whose node type the module and the host share. */
#include "check.h"

int main(void) {
    const char *wat = "(module"
                      "  (rec (type $node (struct (field $value i32) (field $next (mut (ref null $node))))))"
                      "  (func (export \"sum\") (param $n (ref null $node)) (result i32) (local $sum i32)"
                      "    (block $end (loop $more"
                      "      (br_if $end (ref.is_null (local.get $n)))"
                      "      (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (local.get $n))))"
                      "      (local.set $n (struct.get $node $next (local.get $n)))"
                      "      (br $more)))"
                      "    (local.get $sum)))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t sum;
    wrt_types_t *types, *texts;
    wrt_type_t node, text;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, wat, strlen(wat), &module));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("sum"), &sum));

    /* The module's type, by its name. Parsing the same text would return the same type. */
    check(wrt_module_types(module, &types));
    check(wrt_types_find(types, STR("node"), &node));

    /* 1 -> 2 -> 3. Each node takes ownership of the next one, so only the reference to the first is left. */
    wrt_val_t list = {.kind = WRT_ANYREF};
    for (int i = 3; i >= 1; i--) {
        wrt_val_t fields[2] = {{.kind = WRT_I32, .of.i32 = i}, list};
        check(wrt_struct_new(store, &node, fields, 2, &list.of.ref));
    }
    wrt_val_t result;
    check(wrt_func_call(store, &sum, &list, 1, &result, 1)); /* arguments are borrowed */
    printf("the sum is %d\n", result.of.i32);

    /* Walks the list in C. References that are created in a scope are released when it is closed. */
    check(wrt_scope_open(store));
    for (wrt_val_t at = list; at.of.ref.store;) {
        wrt_val_t value;
        check(wrt_struct_get(store, &at.of.ref, 0, &value));
        check(wrt_struct_get(store, &at.of.ref, 1, &at));
        printf("%d%s", value.of.i32, at.of.ref.store ? " -> " : "\n");
    }
    check(wrt_scope_close(store));

    /* Numbers are copied into and out of arrays in bulk. */
    char buffer[32] = "";
    wrt_ref_t array;
    check(wrt_types_parse(engine, STR("(type $text (array (mut i8)))"), &texts));
    check(wrt_types_find(texts, STR("text"), &text));
    check(wrt_array_new_bytes(store, &text, "copied once", 11, &array));
    check(wrt_array_write(store, &array, 7, "back", 4));
    check(wrt_array_read(store, &array, 0, buffer, 11));
    printf("%s\n", buffer);

    check(wrt_ref_release(store, &array));
    check(wrt_ref_release(store, &list.of.ref));
    wrt_types_delete(texts);
    wrt_types_delete(types);
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    return 0;
}
