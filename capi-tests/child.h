/* Runs a test case in a process of its own. Included after test.h by programs whose cases change the process or end it. */
#ifndef CHILD_H
#define CHILD_H
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns the signal that ended the process, or 0 if the case came to its end. `leave` ends it then: `exit`, at which a leak checker runs,
 * or `_exit`. A case that takes two minutes is ended. */
static int run_child(void (*f)(void), void (*leave)(int)) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(120);
        f();
        leave(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
#endif
