/* The report of references: how many are alive, and where they were created. */
#include "heap.h"

/* The text that was written. */
typedef struct {
    char *text;
    size_t size;
    int pieces, fails_at;
    wrt_store_t *store;
} text_t;

static wrt_error_t *gather(void *userdata, const char *bytes, size_t size) {
    text_t *t = userdata;
    CHECK(size > 0);
    if (t->store) store_is_closed(t->store);
    if (++t->pieces == t->fails_at) return wrt_error_new(WRT_ERROR_KIND_IO, TEXT("the disk is full"));
    CHECK((t->text = realloc(t->text, t->size + size + 1)));
    memcpy(t->text + t->size, bytes, size);
    t->text[t->size += size] = 0;
    return NULL;
}

static world_t debug_world(bool on) {
    world_t w;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_debug_references(config, on));
    OK(wrt_config_set_gc_zeal(config, zeal));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    return w;
}

/* Functions that the report names. */
static __attribute__((noinline)) wrt_ref_t leaks_an_object(wrt_store_t *store) {
    wrt_ref_t r;
    OK(wrt_externref_new(store, NULL, NULL, 0, &r));
    return r;
}

static __attribute__((noinline)) wrt_ref_t leaks_an_i31(wrt_store_t *store) {
    wrt_ref_t r;
    OK(wrt_i31_new(store, 3, &r));
    return r;
}

static __attribute__((noinline)) wrt_error_t *leaks_from_a_callback(void *userdata, wrt_caller_t *caller,
                                                                    const wrt_val_t *args, size_t arg_count,
                                                                    wrt_val_t *results, size_t result_count) {
    (void)args, (void)arg_count, (void)results, (void)result_count;
    wrt_store_t *store = wrt_caller_store(caller);
    OK(wrt_i31_new(store, 9, userdata));
    OK(wrt_ref_escape(store, userdata));
    return NULL;
}

static text_t report_of(wrt_store_t *store) {
    text_t t = {NULL, 0, 0, 0, store};
    OK(wrt_store_write_reference_report(store, gather, &t));
    CHECK(t.text && t.size == strlen(t.text));
    return t;
}

/* Whether a report has lines for a place: this many references, created in the function. */
static bool has_place(const char *report, int n, const char *func) {
    char start[40];
    snprintf(start, sizeof start, "\n%d made here", n);
    for (const char *at = report; (at = strstr(at, start)); at++) {
        const char *end = strstr(at + strlen(start), " made here"), *name = strstr(at, func);
        if (name && (!end || name < end)) return true;
    }
    return false;
}

/* In the meantime, standard error goes to a file. */
static int to_file(FILE *file) {
    fflush(stderr);
    int old = dup(2);
    CHECK(old >= 0 && dup2(fileno(file), 2) == 2);
    return old;
}

static char *back_from_file(int old, FILE *file) {
    CHECK(dup2(old, 2) == 2);
    close(old);
    static char text[1 << 16];
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void reports(void) {
    world_t w = debug_world(true);
    text_t t = report_of(w.store);
    CHECK(!strstr(t.text, "made here"));
    free(t.text);
    wrt_ref_t few[2], many[5], escaped;
    for (int i = 0; i < 2; i++) few[i] = leaks_an_object(w.store);
    for (int i = 0; i < 5; i++) many[i] = leaks_an_i31(w.store);
    wrt_instance_t inst = instance_of(w.engine, w.store, "(module (func (export \"f\")))");
    wrt_func_t f = func_of(w.store, &inst, "f");
    OK(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    f = host_func(w.store, leaks_from_a_callback, &escaped, NULL);
    OK(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    /* Collections do not change it. */
    OK(wrt_store_gc(w.store));
    t = report_of(w.store);
    CHECK(has_place(t.text, 2, "leaks_an_object") && has_place(t.text, 5, "leaks_an_i31"));
    CHECK(has_place(t.text, 1, "leaks_from_a_callback") && strstr(t.text, "8 "));
    /* Sorted by number, largest first. */
    CHECK(strstr(t.text, "leaks_an_i31") < strstr(t.text, "leaks_an_object"));
    CHECK(strstr(t.text, "leaks_an_object") < strstr(t.text, "leaks_from_a_callback"));
    free(t.text);
    for (int i = 0; i < 4; i++) OK(wrt_ref_release(w.store, &many[i]));
    OK(wrt_ref_release(w.store, &escaped));
    t = report_of(w.store);
    CHECK(has_place(t.text, 1, "leaks_an_i31") && has_place(t.text, 2, "leaks_an_object"));
    CHECK(!strstr(t.text, "leaks_from_a_callback") && strstr(t.text, "leaks_an_object") < strstr(t.text, "leaks_an_i31"));
    free(t.text);
    /* If the callback fails, its error is returned. */
    t = (text_t){NULL, 0, 0, 1, w.store};
    wrt_error_t *error = wrt_store_write_reference_report(w.store, gather, &t);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_IO && !strcmp(wrt_error_message(error, NULL), "the disk is full"));
    wrt_error_delete(error);
    CHECK(t.pieces == 1);
    BAD(wrt_store_write_reference_report(NULL, gather, &t));
    BAD(wrt_store_write_reference_report(w.store, NULL, &t));
    CHECK(t.pieces == 1);
    /* When the store is deleted, the remaining references are reported. */
    FILE *file = tmpfile();
    CHECK(file);
    int old = to_file(file);
    world_end(&w);
    char *text = back_from_file(old, file);
    CHECK(has_place(text, 1, "leaks_an_i31") && has_place(text, 2, "leaks_an_object"));
    (void)few;
}

/* Nothing is reported at the end if nothing leaks, or if no report was requested. */
static void silent_ends(void) {
    for (int on = 0; on < 2; on++) {
        world_t w = debug_world(on);
        wrt_ref_t r = leaks_an_object(w.store);
        if (on) OK(wrt_ref_release(w.store, &r));
        OK(wrt_scope_open(w.store));
        leaks_an_i31(w.store);
        OK(wrt_scope_close(w.store));
        text_t t = {NULL, 0, 0, 0, NULL};
        if (!on) BAD(wrt_store_write_reference_report(w.store, gather, &t));
        CHECK(t.pieces == 0);
        FILE *file = tmpfile();
        CHECK(file);
        int old = to_file(file);
        world_end(&w);
        CHECK(back_from_file(old, file)[0] == 0);
    }
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        if (zeal < 2) reports(); /* what names a function takes long */
        silent_ends();
    }
    return 0;
}
