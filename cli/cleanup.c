/* Wipes the progress line from the terminal before a signal ends the program. */
#include "cli.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t line;

static void on_signal(int number) {
    if (line) {
        ssize_t n = write(STDERR_FILENO, "\r\033[K", 4);
        (void)n;
    }
    /* The handler is reset by now: this ends the program, and its parent sees which signal did. */
    raise(number);
}

void cleanup_on_signals(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < COUNT(signals); i++) {
        struct sigaction action, before;
        if (sigaction(signals[i], NULL, &before) || before.sa_handler == SIG_IGN) continue;
        action.sa_handler = on_signal;
        sigemptyset(&action.sa_mask);
        action.sa_flags = (int)SA_RESETHAND | SA_RESTART;
        sigaction(signals[i], &action, NULL);
    }
}

void cleanup_set_line(bool on) { line = on; }
