/* wrt: runs, compiles, inspects and validates WebAssembly modules from the command line. */
#include "cli.h"

#include <string.h>
#include <unistd.h>

static const command_t *const COMMANDS[] = {&command_run, &command_compile, &command_inspect, &command_validate};

void print_command_help(const command_t *c, FILE *out) {
    fprintf(out, "Usage: wrt %s %s\n%c%s.\n\nOptions:\n", c->name, c->usage, c->summary[0] - 'a' + 'A', c->summary + 1);
    for (const option_t *o = c->options; o->name; o++) {
        char left[60], letter[8] = "    ";
        if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value && o->value[0] != '[' ? " " : "",
                 o->value ? o->value : "");
        if (strlen(left) > 24)
            fprintf(out, "  %s\n  %-24s  %s\n", left, "", o->help);
        else
            fprintf(out, "  %-24s  %s\n", left, o->help);
    }
    if (c->details) fprintf(out, "\n%s\n", c->details);
}

static void print_help(FILE *out) {
    fputs("Usage: wrt COMMAND ...\n"
          "       wrt FILE [ARG]...    the same as wrt run FILE [ARG]...\n"
          "A WebAssembly engine at the command line.\n\nCommands:\n",
          out);
    for (size_t i = 0; i < COUNT(COMMANDS); i++) fprintf(out, "  %-9s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    fputs("  help      show this, or with a command what it takes\n"
          "  help features\n            list the proposals that can be turned on and off\n\n"
          "  --version show the version\n\n"
          "Examples:\n"
          "  wrt run --dir . program.wasm input.txt\n"
          "  wrt run --invoke add sum.wat 1 2\n"
          "  wrt compile big.wasm && wrt run big.cwasm\n",
          out);
}

static const command_t *find(const char *name) {
    for (size_t i = 0; i < COUNT(COMMANDS); i++)
        if (!strcmp(name, COMMANDS[i]->name)) return COMMANDS[i];
    return NULL;
}

static int unknown(const char *word) {
    const char *names[COUNT(COMMANDS)];
    for (size_t i = 0; i < COUNT(COMMANDS); i++) names[i] = COMMANDS[i]->name;
    const char *meant = closest(word, names, COUNT(names), sizeof *names);
    const char *what = word[0] == '-' ? "option" : "command";
    bool file = strchr(word, '.') || strchr(word, '/');
    if (meant)
        return bad_usage(NULL, "unknown %s '%s'; did you mean '%s'?", what, show_name(word, strlen(word)), meant);
    if (file) return bad_usage(NULL, "'%s' is no command, and there is no such file", show_name(word, strlen(word)));
    return bad_usage(NULL, "unknown %s '%s'", what, show_name(word, strlen(word)));
}

static int help(int argc, char **argv) {
    if (argc > 0 && !strcmp(argv[0], "features")) {
        print_features(stdout);
    } else if (argc > 0) {
        const command_t *command = find(argv[0]);
        if (!command) return unknown(argv[0]);
        print_command_help(command, stdout);
    } else {
        print_help(stdout);
    }
    return STATUS_OK;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h")) return help(argc - 2, argv + 2);
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("wrt %s\n", wrt_version_string());
        return STATUS_OK;
    }
    const command_t *command = find(word);
    if (command) return command->run(command, argc - 2, argv + 2);
    /* A file name in place of a command is run, so that the system's binfmt_misc can start modules with this program. */
    if (!strcmp(word, "-") || !access(word, F_OK)) return command_run.run(&command_run, argc - 1, argv + 1);
    return unknown(word);
}

int main(int argc, char **argv) {
    if (wrt_abi_version() != WRT_ABI_VERSION) {
        complain("made for another version of the library (%u, not %u): install both anew", WRT_ABI_VERSION, wrt_abi_version());
        return STATUS_FAILED;
    }
    cleanup_on_signals();
    return finish_output(dispatch(argc, argv));
}
