/* What the files of the command-line program share. The program uses the library through wrt.h alone. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <wrt.h>

/* How the program ends. A guest's own status takes the place of STATUS_OK. */
enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,  /* a file, a module, its imports */
    STATUS_USAGE = 2,   /* the command line */
    STATUS_TIMEOUT = 124, /* as timeout(1) says it */
    STATUS_TRAP = 134     /* as a native program that aborts: 128 + SIGABRT */
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
    const char *usage;   /* what follows the name */
    const char *summary; /* one line */
    const char *details; /* lines below the options, or NULL */
    const option_t *options;
    int (*run)(const struct command_t *command, int argc, char **argv);
} command_t;

extern const command_t command_run, command_compile, command_inspect, command_validate;

/* The one of `count` texts, `stride` bytes apart, that `word` was probably meant to be; NULL when none is close. */
const char *closest(const char *word, const char *const *first, size_t count, size_t stride);
void print_command_help(const command_t *command, FILE *out);

/* ---- options.c ---- */

/* An option. One row feeds the parser, --help and the suggestions. The list ends with a row without a name. */
struct option_t {
    const char *name;  /* without the dashes */
    char letter;       /* 0 where there is none */
    const char *value; /* what --help calls the value; NULL for none; "[=DIR]" for one that may be missing */
    const char *help;
};

enum { OPTION_END = -1, OPTION_OPERAND = -2, OPTION_BAD = -3 };

typedef struct {
    const command_t *command;
    int argc, at;
    char **argv;
    const char *value; /* the option's, or the operand */
    const char *bundle; /* what is left of a word such as -ab */
    bool only_operands; /* after -- */
} parser_t;

/* The number of the next option in the command's list, or one of OPTION_*. Bad ones have been complained about. */
int option_next(parser_t *parser);

/* "64M" and the like; powers of 1024. Complains in the name of `option`. */
bool parse_size(const char *text, const char *option, uint64_t *out);
/* "2", "1.5s", "300ms", "2m" as nanoseconds. */
bool parse_duration(const char *text, const char *option, uint64_t *out);
bool parse_count(const char *text, const char *option, uint64_t *out);

/* ---- complaints (complain.c) ---- */

/* One message on standard error, with the program's name before it. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);
/* What to do about it, below a complaint. */
void advise(const char *format, ...) PRINTF_LIKE(1, 2);
/* As `complain`, for the command line; points to --help. Returns STATUS_USAGE. */
int bad_usage(const command_t *command, const char *format, ...) PRINTF_LIKE(2, 3);
/* Complains with the text of an error, if there is one, and deletes it. True if there was. */
bool failed(wrt_error_t *error, const char *what);
/* Flushes standard output. What could not be written is a failure. */
int finish_output(int status);

/* "12.3 MB". Buffers are static, used in turn: up to four live at once. */
const char *show_size(uint64_t bytes);
const char *show_time(uint64_t nanoseconds);
/* A name as it can be printed: control characters and what is no UTF-8 are escaped. */
const char *show_name(const char *name, size_t len);
uint64_t now(void);

/* ---- input.c ---- */

typedef enum { INPUT_BINARY, INPUT_TEXT, INPUT_SAVED } input_kind_t;

typedef struct {
    const char *path;
    const char *shown; /* the path, or "<stdin>" */
    input_kind_t kind;
    uint8_t *bytes; /* of a compiled module in a file: NULL, the library maps it */
    size_t size;
} input_t;

/* Reads a file, or standard input for "-", and tells what it is. Complains about what cannot be read. */
bool input_read(const char *path, input_t *out);
void input_free(input_t *input);

/* ---- binary.c: the outer form of a binary module ---- */

typedef struct {
    uint8_t id;
    size_t at, size; /* of the content */
    const char *name; /* of a custom section; else NULL */
    size_t name_len;
    uint32_t count; /* of entries, where it is a list */
} section_t;

/* The section that begins at `*at`, which moves behind it. False at the end, and at what is none. */
bool section_next(const uint8_t *bytes, size_t size, size_t *at, section_t *out);
const char *section_name(const section_t *section);

typedef struct {
    uint32_t index;
    size_t at, size;  /* of its body */
} function_t;

/* The functions of a code section one after the other; `*at` and `*index` are the place, 0 at first. */
bool function_next(const uint8_t *bytes, const section_t *code, size_t *at, function_t *function);
/* How many functions the module imports. */
uint32_t imported_functions(const uint8_t *bytes, size_t size);
/* What the name section calls a function; NULL when nothing. */
const char *function_name(const uint8_t *bytes, size_t size, uint32_t index, size_t *out_len);
/* Where a byte of the module is, such as "code section, function 3 ($f)". */
void describe_place(const uint8_t *bytes, size_t size, uint64_t offset, char *out, size_t capacity);

/* ---- diagnose.c ---- */

/* Complains about a module that could not be made, with the place it is about. Takes the error. */
void explain_module_error(const input_t *input, wrt_error_t *error);
/* Complains about a guest that ended by an error, with its backtrace; gives the status to end with. Takes the error. */
int explain_guest_error(wrt_error_t *error, uint64_t timeout);

/* ---- engine.c ---- */

typedef struct {
    bool interruption;
    bool lazy; /* functions compile when they are called */
    bool may_move; /* memories may move, if there is little address space: saved modules say themselves whether they may */
    bool all_features; /* everything the library has, whatever the command line says: for what is not run */
    const char *cache; /* the directory of a cache; NULL for none */
    size_t max_stack; /* 0: as the library has it */
    uint64_t threads; /* 0: as many as processors */
} engine_options_t;

/* NULL after a complaint. */
wrt_engine_t *make_engine(const engine_options_t *options);
/* Compiles or loads what was read, without a word. */
wrt_error_t *load_module(wrt_engine_t *engine, const input_t *input, wrt_module_t **out_module);
/* Whether a saved module, which gave this error, may load under another setting for interruption. */
bool is_other_setting(const wrt_error_t *error);
/* As `load_module`; shows progress on a terminal when that takes long, and NULL after a complaint. */
wrt_module_t *make_module(wrt_engine_t *engine, const input_t *input);

/* ---- features.c ---- */

/* Turns a feature on or off for all engines to come. False after a complaint. */
bool set_feature(const char *name, bool on);
/* Lists the features, for `wrt help features`. */
void print_features(FILE *out);

/* ---- progress.c ---- */

typedef struct progress_t progress_t;
/* Shows on a terminal how far the compilation of `what` is, from a second on. Only one at a time. May give NULL, which is fine. */
progress_t *progress_start(const char *what, const wrt_engine_t *engine);
void progress_stop(progress_t *progress);

/* ---- cleanup.c ---- */

/* Signals that end the program do what is left to do first, then end it as they would have. */
void cleanup_on_signals(void);
/* Whether there is a line on the terminal to wipe. */
void cleanup_set_line(bool on);

/* ---- values.c, print.c ---- */

/* A value of a type from a word of the command line. False after a complaint; `what` is what the complaint is about.
 * `instance` is where functions are looked up by name. */
bool parse_value(wrt_engine_t *engine, wrt_store_t *store, const wrt_instance_t *instance, const wrt_type_t *type,
                 const char *text, const char *what, wrt_val_t *out);
/* Writes a value as `parse_value` takes it, where it can. */
void print_value(wrt_engine_t *engine, wrt_store_t *store, const wrt_val_t *value, FILE *out);
/* The type's text, in a static buffer. */
const char *show_type(const wrt_engine_t *engine, const wrt_type_t *type);

/* ---- imports.c ---- */

/* Complains about imports that this program has nothing for. False if there are any. `preloaded` are
 * words of the form NAME=FILE. */
bool imports_can_be_met(const wrt_module_t *module, const char *shown, const char *const *preloaded, size_t count);

#endif
