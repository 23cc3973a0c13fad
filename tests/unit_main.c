/* Runs the unit tests, one child process per test file, so that a crash, a leak or a hang in one
 * file costs that file and not the rest. The child lets cmocka speak TAP into a pipe; the parent
 * counts, prints one line per file, the whole output of a file where something failed, each skip
 * with its reason (what the test printed before skip()), and the sum as last line.
 *
 * Usage: flopwise-unit [-v] [TEXT...]   only tests whose "path:name" contains one of the texts */
#define _DEFAULT_SOURCE // fork, pipe, alarm, strsignal

#include "unit_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { file_seconds = 600 };

struct tally {
    size_t passed;
    size_t failed;
    size_t skipped;
};

struct selection {
    char **texts;
    int n_texts;
    bool verbose;
};

static bool is_selected(const struct selection *sel, const char *path, const char *name)
{
    char full[512];
    snprintf(full, sizeof full, "%s:%s", path, name);
    for (int i = 0; i < sel->n_texts; i++) {
        if (strstr(full, sel->texts[i]) != NULL) {
            return true;
        }
    }
    return sel->n_texts == 0;
}

/* The selected tests of a file in a fresh array. */
static struct CMUnitTest *select_tests(const struct selection *sel, const struct unit_file *file,
                                       size_t *ret_n)
{
    struct CMUnitTest *tests = calloc(file->n_tests, sizeof *tests);
    *ret_n = 0;
    for (size_t i = 0; tests != NULL && i < file->n_tests; i++) {
        if (is_selected(sel, file->path, file->tests[i].name)) {
            tests[(*ret_n)++] = file->tests[i];
        }
    }
    return tests;
}

static _Noreturn void run_child(int fd, const char *path, const struct CMUnitTest *tests, size_t n)
{
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(file_seconds);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    int failures = _cmocka_run_group_tests(path, tests, n, NULL, NULL);
    free((void *)tests); // the copy must not look like a leak of the tests
    exit(failures != 0);
}

/* All the child wrote, zero-terminated. */
static char *read_all(int fd)
{
    size_t size = 0;
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text != NULL) {
        ssize_t n = read(fd, text + size, capacity - size - 1);
        if (n <= 0) {
            text[size] = 0;
            break;
        }
        size += (size_t)n;
        if (size + 1 == capacity) {
            capacity *= 2;
            char *grown = realloc(text, capacity);
            if (grown == NULL) {
                free(text);
            }
            text = grown;
        }
    }
    return text;
}

/* Counts the result lines of cmocka's TAP; lines in between belong to the result that follows. */
static void parse_output(const char *path, char *output, struct tally *tally)
{
    char notes[1024] = "";
    char *rest = NULL;
    for (char *line = strtok_r(output, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *skip = strstr(line, "# SKIP ");
        if (strncmp(line, "ok ", 3) == 0) {
            tally->passed++;
        } else if (strncmp(line, "not ok ", 7) == 0 && skip != NULL) {
            tally->skipped++;
            printf("  skipped %s:%s: %s\n", path, skip + 7,
                   notes[0] != 0 ? notes : "the test gives no reason");
        } else if (strncmp(line, "not ok ", 7) == 0) {
            tally->failed++;
        } else if (line[0] != '#' && strncmp(line, "1..", 3) != 0) {
            size_t used = strlen(notes);
            snprintf(notes + used, sizeof notes - used, "%s%s", used > 0 ? " " : "", line);
            continue;
        }
        notes[0] = 0;
    }
}

static void print_indented(const char *text)
{
    for (const char *end; *text != 0; text = *end != 0 ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        printf("    %.*s\n", (int)(end - text), text);
    }
}

/* A file that did not end by itself, or not with all its tests, is one failure more. */
static void judge_end(const char *path, int status, size_t n_tests, struct tally *tally)
{
    size_t seen = tally->passed + tally->failed + tally->skipped;
    if (WIFSIGNALED(status)) {
        printf("  FAILED %s: ended by signal: %s\n", path, strsignal(WTERMSIG(status)));
    } else if (seen != n_tests) {
        printf("  FAILED %s: %zu of %zu tests reported\n", path, seen, n_tests);
    } else if (WEXITSTATUS(status) != 0 && tally->failed == 0) {
        printf("  FAILED %s: exit code %d after its tests\n", path, WEXITSTATUS(status));
    } else {
        return;
    }
    tally->failed++;
}

static struct tally run_file(const struct selection *sel, const struct unit_file *file)
{
    struct tally tally = {0, 0, 0};
    size_t n = 0;
    struct CMUnitTest *tests = select_tests(sel, file, &n);
    int ends[2];
    if (tests == NULL || n == 0 || pipe(ends) != 0) {
        tally.failed = tests == NULL || n > 0;
        free(tests);
        return tally;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(ends[1], file->path, tests, n);
    }
    close(ends[1]);
    free(tests);
    char *output = read_all(ends[0]);
    close(ends[0]);
    int status = 1;
    waitpid(child, &status, 0);
    char *copy = output != NULL ? strdup(output) : NULL;
    if (copy != NULL) {
        parse_output(file->path, copy, &tally);
    }
    judge_end(file->path, status, n, &tally);
    if (output != NULL && (tally.failed > 0 || sel->verbose)) {
        print_indented(output);
    }
    printf("%-44s %4zu passed %4zu failed %4zu skipped\n", file->path, tally.passed, tally.failed,
           tally.skipped);
    free(copy);
    free(output);
    return tally;
}

int main(int argc, char **argv)
{
    struct selection sel = {argv + 1, argc - 1, false};
    if (argc > 1 && strcmp(argv[1], "-v") == 0) {
        sel = (struct selection){argv + 2, argc - 2, true};
    }
    struct tally sum = {0, 0, 0};
    for (const struct unit_file *file = unit_files; file->path != NULL; file++) {
        struct tally one = run_file(&sel, file);
        sum.passed += one.passed;
        sum.failed += one.failed;
        sum.skipped += one.skipped;
    }
    if (sum.passed + sum.failed + sum.skipped == 0) {
        printf("no test matches\n");
        sum.failed = sel.n_texts > 0;
    }
    printf("%zu passed, %zu failed, %zu skipped\n", sum.passed, sum.failed, sum.skipped);
    return sum.failed != 0;
}
