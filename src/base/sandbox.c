/* The process gives up what it no longer needs; see sandbox.h.
 *
 * Landlock (https://docs.kernel.org/userspace-api/landlock.html) says which folders may still be
 * read and where the output may get its name; a seccomp filter refuses sockets, new programs,
 * looking into other processes and changing files by their names. Both by the system calls
 * themselves: glibc has no functions for Landlock, and a library for a filter of a dozen rows would
 * be larger than the rows. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#include "base/sandbox.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* All rights of the first version of Landlock, which every later one has. */
enum { RIGHTS = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
enum { READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR };
enum { GIVE_NAME = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE };

static enum fw_status fail(struct fw_error *err, const char *what)
{
    return fw_fail(err, FW_UNSUPPORTED, -1, "--sandbox: %s: %s", what, strerror(errno));
}

static enum fw_status allow(int rules, const char *folder, unsigned rights, struct fw_error *err)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = rights};
    beneath.parent_fd = open(folder, O_PATH | O_CLOEXEC);
    if (beneath.parent_fd < 0)
        return fw_fail(err, FW_IO, -1, "%s: cannot open: %s", folder, strerror(errno));
    long bad = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    enum fw_status status = bad ? fail(err, "the kernel takes no Landlock rule") : FW_OK;
    (void)close(beneath.parent_fd);
    return status;
}

/* The C library opens one when a table is laid out, to know how wide a character is. */
static const char locales[] = "/usr/lib/locale";

static enum fw_status add_rules(int rules, const char *const *read, size_t n_read,
                                const char *write, struct fw_error *err)
{
    for (size_t i = 0; i < n_read; i++)
        FW_TRY(allow(rules, read[i], READ, err));
    if (access(locales, F_OK) == 0)
        FW_TRY(allow(rules, locales, READ, err));
    return write != NULL ? allow(rules, write, GIVE_NAME, err) : FW_OK;
}

static enum fw_status restrict_files(const char *const *read, size_t n_read, const char *write,
                                     struct fw_error *err)
{
    struct landlock_ruleset_attr all = {.handled_access_fs = RIGHTS};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0)
        return fail(err, "the kernel has no Landlock");
    enum fw_status status = add_rules(rules, read, n_read, write, err);
    if (status == FW_OK && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        status = fail(err, "Landlock cannot be entered");
    (void)close(rules);
    return status;
}

/* One call that is refused with EPERM: two rows of the filter. */
#define REFUSE(call)                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))

static enum fw_status restrict_calls(struct fw_error *err)
{
    struct sock_filter rows[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), // another system's calls
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1), // x32
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
#endif
        REFUSE(socket),
        REFUSE(socketpair),
        REFUSE(connect),
        REFUSE(bind),
        REFUSE(sendto),
        REFUSE(sendmsg),
        REFUSE(execve),
        REFUSE(execveat),
        REFUSE(ptrace),
        REFUSE(process_vm_readv),
        REFUSE(process_vm_writev),
        REFUSE(io_uring_setup),
        REFUSE(open_by_handle_at),
        REFUSE(kill),
        REFUSE(truncate), // what Landlock's first version leaves open: files changed by name
        REFUSE(fchmodat),
        REFUSE(fchownat),
        REFUSE(setxattr),
#if defined(__x86_64__)
        REFUSE(chmod),
        REFUSE(chown),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof rows / sizeof *rows, rows};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
        return fail(err, "the kernel takes no seccomp filter");
    return FW_OK;
}

enum fw_status fw_sandbox_enter(const char *const *read, size_t n_read, const char *write,
                                struct fw_error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(err, "new rights cannot be given up");
    FW_TRY(restrict_files(read, n_read, write, err));
    return restrict_calls(err);
}
#else
enum fw_status fw_sandbox_enter(const char *const *read, size_t n_read, const char *write,
                                struct fw_error *err)
{
    (void)read, (void)n_read, (void)write;
    return fw_fail(err, FW_UNSUPPORTED, -1,
                   "--sandbox: this system has neither Landlock nor seccomp");
}
#endif
