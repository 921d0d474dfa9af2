/* A cycle through a host object: a button refers to its handler, and the handler refers to the button. Reference
 * counting would never free them. A weak reference shows when the collector does. */
#include "check.h"

static void gone(void *userdata) { printf("the %s is gone\n", (const char *)userdata); }

int main(void) {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_types_t *types;
    wrt_type_t closure;
    wrt_ref_t button, found;
    wrt_weak_t weak;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_types_parse(engine, STR("(type $closure (struct (field (mut externref))))"), &types));
    check(wrt_types_find(types, STR("closure"), &closure));

    /* The button has one field, for its handler. */
    check(wrt_externref_new_with_fields(store, "button", gone, 0, 1, &button));
    check(wrt_weak_new(store, &button, &weak));
    wrt_val_t of_closure = {.kind = WRT_EXTERNREF};
    wrt_ref_t handler;
    check(wrt_ref_clone(store, &button, &of_closure.of.ref));
    check(wrt_struct_new(store, &closure, &of_closure, 1, &handler));      /* takes the clone */
    check(wrt_externref_set_field(store, &button, 0, &handler));          /* takes the closure */

    check(wrt_store_gc(store));
    check(wrt_weak_get(store, &weak, &found));
    printf("while the host holds it, it is %s\n", found.store ? "there" : "gone");
    check(wrt_ref_release(store, &found));

    check(wrt_ref_release(store, &button));
    check(wrt_store_gc(store));
    check(wrt_weak_get(store, &weak, &found));
    printf("the weak reference is %s\n", found.store ? "full" : "empty");

    check(wrt_weak_release(store, &weak));
    wrt_types_delete(types);
    printf("the store ends\n");
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
