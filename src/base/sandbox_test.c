/* What a process in the sandbox still can and cannot do: in children, since there is no way out. */
#define _GNU_SOURCE 1
#include "base/sandbox.h"
#include "unit_table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[64];

static const char *at(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static int opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    return fd >= 0 ? 0 : errno;
}

static int runs(void)
{
    char *argv[] = {(char[]){"true"}, NULL};
    (void)execv("/bin/true", argv);
    return errno;
}

static int connects(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}

static int maps(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                   MAP_FAILED
               ? 0
               : errno;
}

/* The attempts, and what must come of them. */
static int attempt(unsigned i)
{
    switch (i) {
    case 0:
        return opens(at("model/a"), O_RDONLY) == 0;
    case 1:
        return opens(at("secret"), O_RDONLY) == EACCES;
    case 2:
        return opens("/etc/passwd", O_RDONLY) == EACCES;
    case 3:
        return opens(at("model/a"), O_WRONLY) == EACCES;
    case 4:
        return opens(at("model/new"), O_WRONLY | O_CREAT) == EACCES;
    case 5:
        return connects() == EPERM;
    case 6:
        return runs() == EPERM || errno == EACCES;
    case 7:
        return unlink(at("secret")) != 0 && errno == EACCES;
    case 8:
        return maps() == 0; // memory is not restricted
    case 9: {
        char from[128];
        (void)snprintf(from, sizeof from, "%s", at("out/part"));
        return rename(from, at("out/whole")) == 0; // as the writer of outputs does
    }
    case 10:
        return truncate(at("model/a"), 0) != 0 && errno == EPERM;
    case 11:
        return chmod(at("model/a"), 0777) != 0 && errno == EPERM;
    case 12:
        return kill(getppid(), 0) != 0 && errno == EPERM;
    default:
        return -1;
    }
}

static void put(const char *name)
{
    int fd = open(at(name), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

void test_sandbox__blocks(void **state)
{
    (void)state;
    (void)strcpy(top, "/tmp/flopwise-sandbox-XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(mkdir(at("model"), 0700), 0);
    assert_int_equal(mkdir(at("out"), 0700), 0);
    put("secret");
    put("model/a");
    put("out/part");
    enum { N = 13, CANNOT = 50 };
    int results[N];
    for (unsigned i = 0; i < N; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            char model[128], out[128];
            const char *read = model;
            struct fw_error err;
            (void)snprintf(model, sizeof model, "%s", at("model"));
            (void)snprintf(out, sizeof out, "%s", at("out"));
            enum fw_status status = fw_sandbox_enter(&read, 1, out, &err);
            _exit(status == FW_UNSUPPORTED ? CANNOT : status != FW_OK ? 99 : attempt(i));
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        results[i] = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", top);
    assert_int_equal(system(command), 0);
    if (results[0] == CANNOT) {
        print_message("the kernel has no Landlock or no seccomp\n");
        skip();
    }
    for (unsigned i = 0; i < N; i++)
        if (results[i] != 1)
            fail_msg("attempt %u: %d", i, results[i]);
}
