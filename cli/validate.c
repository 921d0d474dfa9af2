/* wrt validate: checks whether files are modules that this library accepts. */
#include "cli.h"

enum { QUIET, FEATURE, NO_FEATURE, HELP };

static const option_t OPTIONS[] = {
    [QUIET] = {"quiet", 'q', NULL, "say nothing about files that are valid"},
    [FEATURE] = {"feature", 0, "NAME", "take modules that need this proposal (wrt help features lists them)"},
    [NO_FEATURE] = {"no-feature", 0, "NAME", "refuse modules that need this proposal"},
    [HELP] = {"help", 'h', NULL, "show this"},
    {0},
};

/* A saved module is valid if an engine loads it, with interruption or without. */
static bool validate_saved(const input_t *input) {
    wrt_error_t *error = NULL;
    for (int interruption = 0; interruption < 2; interruption++) {
        engine_options_t options = {.interruption = interruption};
        wrt_module_t *module = NULL;
        wrt_engine_t *engine = make_engine(&options);
        if (!engine) return false;
        wrt_error_delete(error);
        error = load_module(engine, input, &module);
        wrt_module_delete(module);
        wrt_engine_delete(engine);
        if (!error) return true;
        if (!is_other_setting(error)) break;
    }
    explain_module_error(input, error);
    return false;
}

static bool validate(wrt_engine_t *engine, const char *path, bool quiet) {
    input_t input;
    if (!input_read(path, &input)) return false;
    bool ok;
    if (input.kind == INPUT_SAVED) {
        ok = validate_saved(&input);
    } else {
        wrt_error_t *error = wrt_module_validate(engine, input.bytes, input.size);
        ok = !error;
        if (error) explain_module_error(&input, error);
    }
    if (ok && !quiet) printf("%s: valid\n", input.shown);
    input_free(&input);
    return ok;
}

static int run(const command_t *command, int argc, char **argv) {
    parser_t parser = {.command = command, .argc = argc, .argv = argv};
    int option, files = 0;
    bool quiet = false;
    /* Options apply to all files, wherever they are: they are all parsed before the first file is checked. */
    while ((option = option_next(&parser)) != OPTION_END) {
        if (option == OPTION_BAD) return STATUS_USAGE;
        if (option == OPTION_OPERAND) files++;
        if (option == QUIET) quiet = true;
        bool is_feature = option == FEATURE || option == NO_FEATURE;
        if (is_feature && !set_feature(parser.value, option == FEATURE)) return STATUS_USAGE;
        if (option == HELP) {
            print_command_help(command, stdout);
            return STATUS_OK;
        }
    }
    if (!files) return bad_usage(command, "no file to validate");
    engine_options_t options = {0};
    wrt_engine_t *engine = make_engine(&options);
    if (!engine) return STATUS_FAILED;
    int status = STATUS_OK;
    parser = (parser_t){.command = command, .argc = argc, .argv = argv};
    while ((option = option_next(&parser)) != OPTION_END)
        if (option == OPTION_OPERAND && !validate(engine, parser.value, quiet)) status = STATUS_FAILED;
    wrt_engine_delete(engine);
    return status;
}

const command_t command_validate = {
    "validate", "[OPTION]... FILE...", "check modules without running them",
    "FILE is a module (binary or text), or what wrt compile made; - is standard input.\n"
    "Exit status: 0 when all are valid, 1 when one is not.",
    OPTIONS, run};
