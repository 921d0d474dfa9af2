/* Declarations shared by the files of the command-line program. The program uses only wrt.h of the library. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <wrt.h>

/* Exit statuses. The guest's own status replaces STATUS_OK. */
enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,  /* an error of a file, a module or its imports */
    STATUS_USAGE = 2,   /* an error on the command line */
    STATUS_TIMEOUT = 124, /* as of timeout(1) */
    STATUS_TRAP = 134     /* as of a native program that aborts: 128 + SIGABRT */
};

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- commands (main.c) ---- */

typedef struct option_t option_t;

typedef struct command_t {
    const char *name;
    const char *usage;   /* the command line after the name */
    const char *summary; /* one line */
    const char *details; /* lines below the options, or NULL */
    const option_t *options;
    int (*run)(const struct command_t *command, int argc, char **argv);
} command_t;

extern const command_t command_run, command_compile, command_inspect, command_validate;

/* Returns the one of `count` texts, `stride` bytes apart, that is closest to `word`; NULL if none is close. */
const char *closest(const char *word, const char *const *first, size_t count, size_t stride);
void print_command_help(const command_t *command, FILE *out);

/* ---- options.c ---- */

/* An option. The parser, --help and the suggestions all use this row. A list ends with a row without a name. */
struct option_t {
    const char *name;  /* without the dashes */
    char letter;       /* 0 if there is none */
    const char *value; /* what --help calls the value; NULL if the option has none; "[=DIR]" if it can be omitted */
    const char *help;
};

enum { OPTION_END = -1, OPTION_OPERAND = -2, OPTION_BAD = -3 };

typedef struct {
    const command_t *command;
    int argc, at;
    char **argv;
    const char *value; /* the value of the option, or the operand */
    const char *bundle; /* the remaining letters of a word such as -ab */
    bool only_operands; /* true after -- */
} parser_t;

/* Returns the next option's index in the command's list, or one of OPTION_*. OPTION_BAD is returned after a complaint. */
int option_next(parser_t *parser);

/* Parses a size such as "64M"; units are powers of 1024. On failure, complains about `option` and returns false. */
bool parse_size(const char *text, const char *option, uint64_t *out);
/* Parses a duration such as "2", "1.5s", "300ms" or "2m" as nanoseconds. */
bool parse_duration(const char *text, const char *option, uint64_t *out);
bool parse_count(const char *text, const char *option, uint64_t *out);

/* ---- complaints (complain.c) ---- */

/* Prints a message on standard error, after the program's name. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);
/* Prints a hint below a complaint. */
void advise(const char *format, ...) PRINTF_LIKE(1, 2);
/* As `complain`, for the command line; points to --help. Returns STATUS_USAGE. */
int bad_usage(const command_t *command, const char *format, ...) PRINTF_LIKE(2, 3);
/* If there is an error, complains with its text, deletes it, and returns true. */
bool failed(wrt_error_t *error, const char *what);
/* Flushes standard output. Returns `status`, or STATUS_FAILED if that was STATUS_OK and not all output could be written. */
int finish_output(int status);

/* Returns text such as "12.3 MB", in one of four static buffers that are used in turn. */
const char *show_size(uint64_t bytes);
const char *show_time(uint64_t nanoseconds);
/* Returns a name that is safe to print: control characters and invalid UTF-8 are escaped. Uses the same buffers. */
const char *show_name(const char *name, size_t len);
uint64_t now(void);

/* ---- input.c ---- */

typedef enum { INPUT_BINARY, INPUT_TEXT, INPUT_SAVED } input_kind_t;

typedef struct {
    const char *path;
    const char *shown; /* the path, or "<stdin>" */
    input_kind_t kind;
    uint8_t *bytes; /* NULL for a compiled module in a file: the library maps it */
    size_t size;
} input_t;

/* Reads a file, or standard input for "-", and tells what it is. Complains about what cannot be read. */
bool input_read(const char *path, input_t *out);
void input_free(input_t *input);

/* ---- binary.c: the structure of a binary module ---- */

typedef struct {
    uint8_t id;
    size_t at, size; /* of the content */
    const char *name; /* of a custom section; otherwise NULL */
    size_t name_len;
    uint32_t count; /* of entries, if the section is a list */
} section_t;

/* Reads the section at `*at`, and moves `*at` past it. Returns false at the end, and if there is no valid section. */
bool section_next(const uint8_t *bytes, size_t size, size_t *at, section_t *out);
const char *section_name(const section_t *section);

typedef struct {
    uint32_t index;
    size_t at, size;  /* of its body */
} function_t;

/* Reads the next function of a code section. Before the first call, set `*at` to 0 and `function->index` to the index of the first. */
bool function_next(const uint8_t *bytes, const section_t *code, size_t *at, function_t *function);
/* Returns the number of functions that the module imports. */
uint32_t imported_functions(const uint8_t *bytes, size_t size);
/* Returns a function's name from the name section; NULL if it has none. */
const char *function_name(const uint8_t *bytes, size_t size, uint32_t index, size_t *out_len);
/* Describes where a byte of the module is, such as "code section, function 3 ($f)". */
void describe_place(const uint8_t *bytes, size_t size, uint64_t offset, char *out, size_t capacity);

/* ---- diagnose.c ---- */

/* Complains about a module that could not be created, and shows the location of the error. Takes ownership of the error. */
void explain_module_error(const input_t *input, wrt_error_t *error);
/* Complains about a guest that ended with an error, and shows the backtrace. Returns the exit status. Takes ownership of the error. */
int explain_guest_error(wrt_error_t *error, uint64_t timeout);

/* ---- engine.c ---- */

typedef struct {
    bool interruption;
    bool lazy; /* functions are compiled when they are called */
    bool may_move; /* memories may move if address space is limited; false for saved modules, which record it themselves */
    bool all_features; /* turns all features on, whatever the command line says: for modules that are not run */
    const char *cache; /* the directory of a cache; NULL for none */
    size_t max_stack; /* 0: the library's default */
    uint64_t threads; /* 0: one for each processor */
} engine_options_t;

/* Returns NULL after a complaint. */
wrt_engine_t *make_engine(const engine_options_t *options);
/* Compiles or loads the input, without any output. */
wrt_error_t *load_module(wrt_engine_t *engine, const input_t *input, wrt_module_t **out_module);
/* Whether a saved module that failed to load with this error might load with the other setting for interruption. */
bool is_other_setting(const wrt_error_t *error);
/* Like `load_module`, but shows progress on a terminal if it takes long. Returns NULL after a complaint. */
wrt_module_t *make_module(wrt_engine_t *engine, const input_t *input);

/* ---- features.c ---- */

/* Turns a feature on or off for all engines created afterwards. Returns false after a complaint. */
bool set_feature(const char *name, bool on);
/* Lists the features, for `wrt help features`. */
void print_features(FILE *out);

/* ---- progress.c ---- */

typedef struct progress_t progress_t;
/* Shows the progress of compiling `what` on a terminal, after one second. Only one can be active. NULL if nothing is shown. */
progress_t *progress_start(const char *what, const wrt_engine_t *engine);
void progress_stop(progress_t *progress);

/* ---- cleanup.c ---- */

/* Installs handlers for signals that end the program: they clean up, then let the signal end the program as usual. */
void cleanup_on_signals(void);
/* Sets whether a line on the terminal has to be wiped. */
void cleanup_set_line(bool on);

/* ---- values.c, print.c ---- */

/* Parses a word of the command line as a value of a type. Functions are looked up by name in `instance`. Returns false after
 * a complaint about `what`. */
bool parse_value(wrt_engine_t *engine, wrt_store_t *store, const wrt_instance_t *instance, const wrt_type_t *type,
                 const char *text, const char *what, wrt_val_t *out);
/* Prints a value, if possible in a form that `parse_value` accepts. */
void print_value(wrt_engine_t *engine, wrt_store_t *store, const wrt_val_t *value, FILE *out);
/* Returns the type's text, in a static buffer. */
const char *show_type(const wrt_engine_t *engine, const wrt_type_t *type);

/* ---- imports.c ---- */

/* Complains about imports that neither this program nor a preloaded module provides; returns false if there are any. `preloaded`:
 * words of the form NAME=FILE. */
bool imports_can_be_met(const wrt_module_t *module, const char *shown, const char *const *preloaded, size_t count);

#endif
