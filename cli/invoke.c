/* Calls the guest: its _start, or the function named by --invoke, with arguments parsed by the function's type. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

static bool exports_func(const wrt_module_t *module, const char *name, wrt_export_t *out) {
    wrt_error_t *error = wrt_module_get_export(module, name, strlen(name), out);
    wrt_error_delete(error);
    return !error && wrt_externtype_kind(out->type) == WRT_EXTERN_FUNC;
}

/* Lists the exported functions, for a user who named no function or a wrong one. Returns their number. */
static size_t list_functions(const wrt_module_t *module, bool print) {
    size_t functions = 0;
    for (size_t i = 0; i < wrt_module_export_count(module); i++) {
        wrt_export_t e;
        wrt_error_t *error = wrt_module_export(module, i, &e);
        wrt_error_delete(error);
        if (error || wrt_externtype_kind(e.type) != WRT_EXTERN_FUNC) continue;
        if (print && functions < 12)
            advise("  %s: %s", show_name(e.name, e.name_len), wrt_functype_text(wrt_externtype_func(e.type), NULL));
        functions++;
    }
    if (print && functions > 12) advise("  and %zu more", functions - 12);
    return functions;
}

static const char *closest_function(const wrt_module_t *module, const char *name) {
    size_t count = wrt_module_export_count(module);
    const char **names = calloc(count + 1, sizeof *names), *found = NULL;
    size_t used = 0;
    for (size_t i = 0; names && i < count; i++) {
        wrt_export_t e;
        wrt_error_t *error = wrt_module_export(module, i, &e);
        wrt_error_delete(error);
        if (!error && wrt_externtype_kind(e.type) == WRT_EXTERN_FUNC) names[used++] = e.name;
    }
    if (names) found = closest(name, names, used, sizeof *names);
    free(names);
    return found;
}

/* Whether the module has a start function. In text this only searches for the word; a miss costs only a superfluous hint. */
static bool has_start(const input_t *input) {
    section_t s;
    size_t at = 0;
    if (input->kind == INPUT_BINARY)
        while (section_next(input->bytes, input->size, &at, &s))
            if (s.id == 8) return true;
    for (; input->kind == INPUT_TEXT && at + 6 < input->size; at++)
        if (!memcmp(input->bytes + at, "(start", 6)) return true;
    return false;
}

static bool check_arguments(const guest_t *g, const wrt_functype_t *type) {
    const run_options_t *o = g->options;
    size_t wanted = wrt_functype_param_count(type);
    if (wanted == o->arg_count) return true;
    complain("%s takes %zu argument%s, %zu given: %s", show_name(o->invoke, strlen(o->invoke)), wanted,
             wanted == 1 ? "" : "s", o->arg_count, wrt_functype_text(type, NULL));
    return false;
}

bool check_entry(const guest_t *g) {
    const run_options_t *o = g->options;
    wrt_export_t e;
    if (!o->invoke) {
        if (exports_func(g->module, "_start", &e) || has_start(&g->input) || !list_functions(g->module, false)) return true;
        complain("%s: no program: it exports no function _start", g->input.shown);
        advise("call one of its functions with --invoke NAME:");
        list_functions(g->module, true);
        return false;
    }
    if (exports_func(g->module, o->invoke, &e)) return check_arguments(g, wrt_externtype_func(e.type));
    const char *meant = closest_function(g->module, o->invoke);
    complain("%s: it exports no function '%s'%s%s%s", g->input.shown, show_name(o->invoke, strlen(o->invoke)),
             meant ? "; did you mean '" : "", meant ? show_name(meant, strlen(meant)) : "", meant ? "'?" : "");
    if (list_functions(g->module, false)) {
        advise("its functions:");
        list_functions(g->module, true);
    }
    return false;
}

static int call(guest_t *g, const char *name, const wrt_val_t *args, size_t count, wrt_val_t *results, size_t result_count) {
    wrt_func_t func;
    wrt_error_t *error = wrt_instance_get_func(g->store, &g->instance, name, strlen(name), &func);
    if (!error) error = wrt_func_call(g->store, &func, args, count, results, result_count);
    return error ? explain_guest_error(error, g->options->timeout) : STATUS_OK;
}

/* Calls a program's entry point. Some compilers let it return values; these say nothing about how the program ended. */
static int call_start(guest_t *g, const wrt_functype_t *type) {
    size_t count = wrt_functype_result_count(type);
    wrt_val_t *results = calloc(count + 1, sizeof *results);
    if (!results) return STATUS_FAILED;
    int status = call(g, "_start", NULL, 0, results, count);
    free(results);
    return status;
}

static bool arguments(guest_t *g, const wrt_functype_t *type, wrt_val_t *out) {
    for (size_t i = 0; i < g->options->arg_count; i++) {
        char what[40];
        wrt_type_t param;
        snprintf(what, sizeof what, "argument %zu", i + 1);
        if (failed(wrt_functype_param_type(type, i, &param), what)) return false;
        if (!parse_value(g->engine, g->store, &g->instance, &param, g->options->args[i], what, &out[i])) return false;
    }
    return true;
}

static int invoke(guest_t *g) {
    const char *name = g->options->invoke;
    wrt_export_t e;
    if (!exports_func(g->module, name, &e)) return STATUS_FAILED;
    const wrt_functype_t *type = wrt_externtype_func(e.type);
    size_t params = wrt_functype_param_count(type), count = wrt_functype_result_count(type);
    wrt_val_t *values = calloc(params + count + 1, sizeof *values);
    if (!values) return STATUS_FAILED;
    int status = STATUS_USAGE;
    if (arguments(g, type, values)) status = call(g, name, values, params, values + params, count);
    for (size_t i = 0; !status && i < count; i++) {
        print_value(g->engine, g->store, &values[params + i], stdout);
        putchar('\n');
    }
    free(values);
    return status;
}

int call_entry(guest_t *g) {
    wrt_export_t e;
    if (!g->options->invoke)
        return exports_func(g->module, "_start", &e) ? call_start(g, wrt_externtype_func(e.type)) : STATUS_OK;
    /* A WASI library initializes itself here. */
    int status = STATUS_OK;
    if (strcmp(g->options->invoke, "_initialize") && exports_func(g->module, "_initialize", &e))
        status = call(g, "_initialize", NULL, 0, NULL, 0);
    return status ? status : invoke(g);
}
