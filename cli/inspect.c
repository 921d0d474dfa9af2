/* wrt inspect: shows a module's contents, imports and exports. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { FUNCTIONS, HELP };
enum { LARGEST = 5 };

static const option_t OPTIONS[] = {
    [FUNCTIONS] = {"functions", 'f', NULL, "every function with its size, not only the largest"},
    [HELP] = {"help", 'h', NULL, "show this"},
    {0},
};

static void heading(const char *text, size_t count) { printf("\n%s (%zu)\n", text, count); }

static void show_sections(const input_t *input) {
    section_t s;
    size_t at = 8, start = 8;
    puts("\nsections               bytes        %  entries");
    while (section_next(input->bytes, input->size, &at, &s)) {
        char name[80], entries[24] = "";
        snprintf(name, sizeof name, "%s%s%s", section_name(&s), s.name ? " " : "",
                 s.name ? show_name(s.name, s.name_len > 40 ? 40 : s.name_len) : "");
        if (s.id && s.id != 8) snprintf(entries, sizeof entries, "  %7u", s.count);
        printf("  %-16s %9zu   %5.1f%%%s\n", name, at - start, 100.0 * (double)(at - start) / (double)input->size, entries);
        start = at;
    }
}

static void show_kind(const char *kind_and_type, const char *name) {
    /* "func (i32) -> i32": the kind first, then the name, then the rest. */
    size_t len = strcspn(kind_and_type, " ");
    const char *rest = kind_and_type[len] ? kind_and_type + len + 1 : "";
    printf("  %-7.*s %s%s%s\n", (int)len, kind_and_type, name, *rest ? "  " : "", rest);
}

static void show_imports(const wrt_module_t *module) {
    size_t count = wrt_module_import_count(module);
    heading("imports", count);
    for (size_t i = 0; i < count; i++) {
        wrt_import_t import;
        char name[520];
        if (failed(wrt_module_import(module, i, &import), "import")) return;
        snprintf(name, sizeof name, "%s.%s", show_name(import.module, import.module_len),
                 show_name(import.name, import.name_len));
        show_kind(wrt_externtype_text(import.type, NULL), name);
    }
}

static void show_exports(const wrt_module_t *module) {
    size_t count = wrt_module_export_count(module);
    heading("exports", count);
    for (size_t i = 0; i < count; i++) {
        wrt_export_t export;
        if (failed(wrt_module_export(module, i, &export), "export")) return;
        show_kind(wrt_externtype_text(export.type, NULL), show_name(export.name, export.name_len));
    }
}

static void show_field(const wrt_engine_t *engine, const wrt_type_t *type, uint32_t index) {
    wrt_field_t field;
    if (failed(wrt_type_field(engine, type, index, &field), "type")) return;
    const char *text = show_type(engine, &field.type);
    printf(field.is_mutable ? " (mut %s)" : " %s", text);
}

static void show_defined(const wrt_engine_t *engine, const wrt_type_t *type) {
    wrt_functype_t *signature = NULL;
    uint32_t fields = 0;
    if (type->kind == WRT_DEFINED_FUNC) {
        if (!failed(wrt_type_functype(engine, type, &signature), "type"))
            printf("func %s", wrt_functype_text(signature, NULL));
        wrt_functype_delete(signature);
        return;
    }
    printf("%s", type->kind == WRT_DEFINED_ARRAY ? "array" : "struct");
    if (failed(wrt_type_field_count(engine, type, &fields), "type")) return;
    for (uint32_t i = 0; i < fields; i++) show_field(engine, type, i);
}

static void show_types(const wrt_engine_t *engine, const wrt_module_t *module) {
    wrt_types_t *types;
    if (failed(wrt_module_types(module, &types), "types")) return;
    size_t count = wrt_types_count(types);
    heading("types", count);
    for (size_t i = 0; i < count; i++) {
        wrt_type_t type, super;
        bool is_final = true;
        if (failed(wrt_types_get(types, i, &type), "type")) break;
        /* The text is "(ref null $name)". */
        const char *text = show_type(engine, &type), *name = strchr(text, '$');
        /* Types without a name get a generated one. It is not shown for function types. */
        if (name && !strncmp(name, "$func", 5) && type.kind == WRT_DEFINED_FUNC) name = NULL;
        printf("  %-7zu %.*s%s", i, name ? (int)strcspn(name, ")") : 0, name ? name : "", name ? "  " : "");
        show_defined(engine, &type);
        wrt_error_t *error = wrt_type_supertype(engine, &type, &super, &is_final);
        if (!error && super.kind) printf("  below %s", show_type(engine, &super));
        wrt_error_delete(error);
        putchar('\n');
    }
    wrt_types_delete(types);
}

static int by_size(const void *a, const void *b) {
    size_t x = ((const function_t *)a)->size, y = ((const function_t *)b)->size;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void show_function(const input_t *input, const function_t *f) {
    size_t len;
    const char *name = function_name(input->bytes, input->size, f->index, &len);
    printf("  %-7u %9zu bytes  %s\n", f->index, f->size, name ? show_name(name, len) : "");
}

static void show_functions(const input_t *input, bool all) {
    section_t s;
    size_t at = 8, place = 0, count = 0;
    while (section_next(input->bytes, input->size, &at, &s) && s.id != 10) continue;
    if (s.id != 10 || !s.count || s.count > s.size) return;
    function_t *functions = calloc(s.count, sizeof *functions), f = {.index = imported_functions(input->bytes, input->size)};
    if (!functions) return;
    while (count < s.count && function_next(input->bytes, &s, &place, &f)) functions[count++] = f;
    if (all) {
        heading("functions", count);
        for (size_t i = 0; i < count; i++) show_function(input, &functions[i]);
    } else {
        qsort(functions, count, sizeof *functions, by_size);
        printf("\nlargest functions (of %zu)\n", count);
        for (size_t i = 0; i < count && i < LARGEST; i++) show_function(input, &functions[i]);
    }
    free(functions);
}

static int inspect(const char *path, bool all) {
    static const char *const kinds[] = {
        [INPUT_BINARY] = "a module", [INPUT_TEXT] = "a module as text", [INPUT_SAVED] = "a compiled module"};
    input_t input;
    if (!input_read(path, &input)) return STATUS_FAILED;
    /* Lazy: nothing runs, so the module only has to be valid. */
    engine_options_t options = {.lazy = true, .threads = 1, .all_features = true};
    wrt_engine_t *engine = make_engine(&options);
    wrt_module_t *module = NULL;
    if (engine && input.kind == INPUT_SAVED) {
        /* A module saved with interruption needs an engine with interruption. */
        wrt_error_delete(load_module(engine, &input, &module));
        options.interruption = true;
        if (!module) wrt_engine_delete(engine), engine = make_engine(&options);
    }
    if (engine && !module) module = make_module(engine, &input);
    if (module) {
        size_t len;
        const char *name = wrt_module_name(module, &len);
        printf("%s: %s, %zu bytes\n", input.shown, kinds[input.kind], input.size);
        if (name && len) printf("name: %s\n", show_name(name, len));
        if (input.kind == INPUT_BINARY) show_sections(&input);
        show_types(engine, module);
        show_imports(module);
        show_exports(module);
        if (input.kind == INPUT_BINARY) show_functions(&input, all);
    }
    int status = module ? STATUS_OK : STATUS_FAILED;
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    input_free(&input);
    return status;
}

static int run(const command_t *command, int argc, char **argv) {
    parser_t parser = {.command = command, .argc = argc, .argv = argv};
    const char *file = NULL;
    bool all = false;
    int option;
    while ((option = option_next(&parser)) != OPTION_END) {
        if (option == OPTION_BAD) return STATUS_USAGE;
        if (option == FUNCTIONS) all = true;
        if (option == HELP) {
            print_command_help(command, stdout);
            return STATUS_OK;
        }
        if (option != OPTION_OPERAND) continue;
        if (file) return bad_usage(command, "one file at a time: '%s' and '%s'", file, parser.value);
        file = parser.value;
    }
    return file ? inspect(file, all) : bad_usage(command, "no file to look at");
}

const command_t command_inspect = {
    "inspect", "[OPTION]... FILE", "show a module's imports, exports, types and sizes",
    "FILE is a module (binary or text), or what wrt compile made; - is standard input.\n"
    "Sections and functions are shown for binaries. The module must be valid.",
    OPTIONS, run};
