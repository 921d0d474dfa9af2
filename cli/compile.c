/* wrt compile: compiles a module to a file of machine code that wrt run accepts. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT, INTERRUPTIBLE, THREADS, FEATURE, NO_FEATURE, HELP };

static const option_t OPTIONS[] = {
    [OUTPUT] = {"output", 'o', "OUT", "the file to write; - is standard output; unless set, FILE with .cwasm for its ending"},
    [INTERRUPTIBLE] = {"interruptible", 0, NULL, "make code that run --timeout can stop; it is a little slower"},
    [THREADS] = {"threads", 0, "N", "threads that compile; as many as processors unless set"},
    [FEATURE] = {"feature", 0, "NAME", "take modules that need this proposal (wrt help features lists them)"},
    [NO_FEATURE] = {"no-feature", 0, "NAME", "refuse modules that need this proposal"},
    [HELP] = {"help", 'h', NULL, "show this"},
    {0},
};

/* FILE with .cwasm in place of .wasm or .wat. The caller frees it. */
static char *default_output(const char *path) {
    size_t len = strlen(path);
    const char *dot = strrchr(path, '.');
    if (dot && (!strcmp(dot, ".wasm") || !strcmp(dot, ".wat"))) len = (size_t)(dot - path);
    char *out = malloc(len + sizeof ".cwasm");
    if (out) {
        memcpy(out, path, len);
        strcpy(out + len, ".cwasm");
    }
    return out;
}

/* Writes to a destination that is not a regular file, such as /dev/null or standard output. */
static bool write_bytes(const wrt_module_t *module, FILE *file, const char *shown) {
    uint8_t *bytes;
    size_t len;
    if (!file) {
        complain("%s: %s", shown, strerror(errno));
        return false;
    }
    if (failed(wrt_module_save(module, &bytes, &len), shown)) return false;
    bool ok = fwrite(bytes, 1, len, file) == len && fflush(file) == 0;
    if (!ok) complain("%s: %s", shown, strerror(errno));
    wrt_bytes_delete(bytes, len);
    return ok;
}

static bool save(const wrt_module_t *module, const char *output) {
    struct stat about;
    if (!strcmp(output, "-")) return write_bytes(module, stdout, "standard output");
    if (stat(output, &about) || S_ISREG(about.st_mode)) {
        wrt_error_t *error = wrt_module_save_file(module, output, strlen(output));
        if (error) complain("%s: %s", output, wrt_error_message(error, NULL));
        wrt_error_delete(error);
        return !error;
    }
    FILE *file = fopen(output, "wb");
    bool ok = write_bytes(module, file, output);
    if (file) fclose(file);
    return ok;
}

static int compile(const char *path, const char *output, const engine_options_t *options) {
    input_t input;
    if (!input_read(path, &input)) return STATUS_FAILED;
    bool ok = input.kind != INPUT_SAVED;
    if (!ok) complain("%s: it is compiled already", input.shown);
    wrt_engine_t *engine = ok ? make_engine(options) : NULL;
    wrt_module_t *module = engine ? make_module(engine, &input) : NULL;
    ok = module && save(module, output);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    input_free(&input);
    return ok ? STATUS_OK : STATUS_FAILED;
}

static int run(const command_t *command, int argc, char **argv) {
    engine_options_t options = {0};
    parser_t parser = {.command = command, .argc = argc, .argv = argv};
    const char *file = NULL, *output = NULL;
    int option;
    while ((option = option_next(&parser)) != OPTION_END) {
        switch (option) {
        case OUTPUT: output = parser.value; break;
        case INTERRUPTIBLE: options.interruption = true; break;
        case THREADS:
            if (!parse_count(parser.value, "--threads", &options.threads)) return STATUS_USAGE;
            break;
        case FEATURE:
        case NO_FEATURE:
            if (!set_feature(parser.value, option == FEATURE)) return STATUS_USAGE;
            break;
        case HELP: print_command_help(command, stdout); return STATUS_OK;
        case OPTION_OPERAND:
            if (file) return bad_usage(command, "one file at a time: '%s' and '%s'", file, parser.value);
            file = parser.value;
            break;
        default: return STATUS_USAGE;
        }
    }
    if (!file) return bad_usage(command, "no file to compile");
    if (!output && !strcmp(file, "-")) return bad_usage(command, "where to? standard input has no name: -o OUT");
    if (output && !strcmp(output, "-") && isatty(STDOUT_FILENO))
        return bad_usage(command, "machine code is nothing for a terminal: -o OUT");
    char *named = output ? NULL : default_output(file);
    int status = STATUS_FAILED;
    if (output || named) status = compile(file, output ? output : named, &options);
    free(named);
    return status;
}

const command_t command_compile = {
    "compile", "[OPTION]... FILE", "compile a module to a file that runs at once",
    "FILE is a module (binary or text); - is standard input. What is written holds machine\n"
    "code: it is for this version of wrt on this kind of machine, and should only be run\n"
    "if it comes from a trusted place.",
    OPTIONS, run};
