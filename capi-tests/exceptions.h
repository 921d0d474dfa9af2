/* Shared by the tests of tags and exceptions. */
#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

#include "refs.h"

static inline wrt_tag_t tag_of_type(wrt_store_t *store, const char *signature) {
    wrt_functype_t *type;
    wrt_tag_t tag;
    OK(wrt_functype_parse(signature, strlen(signature), &type));
    OK(wrt_tag_new(store, type, &tag));
    wrt_functype_delete(type);
    return tag;
}

static inline wrt_tag_t exported_tag(wrt_store_t *store, const wrt_instance_t *instance, const char *name) {
    wrt_tag_t tag;
    OK(wrt_instance_get_tag(store, instance, name, strlen(name), &tag));
    return tag;
}

static inline wrt_extern_t tag_item(wrt_tag_t tag) {
    wrt_extern_t item;
    memset(&item, 0, sizeof item);
    item.kind = WRT_EXTERN_TAG;
    item.of.tag = tag;
    return item;
}

static inline wrt_extern_t func_item(wrt_func_t func) {
    wrt_extern_t item;
    memset(&item, 0, sizeof item);
    item.kind = WRT_EXTERN_FUNC;
    item.of.func = func;
    return item;
}

static inline wrt_instance_t linked(const world_t *w, const char *text, const wrt_extern_t *imports, size_t count) {
    wrt_module_t *module = module_of(w->engine, text);
    wrt_instance_t instance;
    OK(wrt_instance_new(w->store, module, imports, count, &instance));
    wrt_module_delete(module);
    return instance;
}

/* An exception that carries one number. */
static inline wrt_ref_t number_exception(wrt_store_t *store, wrt_tag_t tag, int32_t n) {
    wrt_val_t v = i32_val(n);
    wrt_ref_t r;
    OK(wrt_exception_new(store, &tag, &v, 1, &r));
    CHECK(v.kind == WRT_EMPTY);
    return r;
}

static inline int32_t carried_number(wrt_store_t *store, wrt_ref_t exception) {
    wrt_val_t v;
    OK(wrt_exception_value(store, &exception, 0, &v));
    CHECK(v.kind == WRT_I32);
    return v.of.i32;
}

/* The exception of an error, which must hold one. */
static inline wrt_ref_t exception_of(wrt_store_t *store, const wrt_error_t *error) {
    wrt_ref_t r;
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_EXCEPTION);
    OK(wrt_error_exception(store, error, &r));
    CHECK(!is_empty_ref(r));
    return r;
}

#endif
