/* Files in and out, in a folder of their own. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include "base/file.h"
#include "base/alloc_test.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct folder {
    char path[64];
    char file[96]; // path/x
};

static void folder_make(struct folder *f)
{
    strcpy(f->path, "/tmp/fw_file_test_XXXXXX");
    assert_non_null(mkdtemp(f->path));
    (void)snprintf(f->file, sizeof f->file, "%s/x", f->path);
}

/* Also proves that no temporary file is left. */
static void folder_remove(struct folder *f)
{
    (void)remove(f->file);
    assert_int_equal(rmdir(f->path), 0);
}

static void write_file(const char *path, const void *data, size_t n)
{
    struct fw_output *out;
    assert_int_equal(fw_output_open(&out, path, NULL), FW_OK);
    assert_int_equal(fw_output_write(out, data, n, NULL), FW_OK);
    assert_int_equal(fw_output_commit(out, NULL), FW_OK);
}

static void check_file(const char *path, const char *text)
{
    struct fw_file file;
    assert_int_equal(fw_file_open(&file, path, 0, &fw_alloc_default, NULL), FW_OK);
    assert_int_equal(file.size, strlen(text));
    if (file.size)
        assert_memory_equal(file.data, text, file.size);
    fw_file_close(&file);
}

void test_file__maps(void **state)
{
    (void)state;
    struct folder f;
    folder_make(&f);
    write_file(f.file, "hello", 5);
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, 0); // a mapping needs no memory
    struct fw_file file;
    assert_int_equal(fw_file_open(&file, f.file, 3, &t.alloc, NULL), FW_OK);
    assert_int_equal(file.size, 5);
    assert_memory_equal(file.data, "hello", 5);
    fw_file_close(&file);
    fw_file_close(&file);
    fw_file_close(NULL);
    write_file(f.file, "", 0);
    check_file(f.file, "");
    size_t size = (size_t)3 << 20;
    char *large = malloc(size);
    memset(large, 'q', size);
    write_file(f.file, large, size);
    assert_int_equal(fw_file_open(&file, f.file, 0, &t.alloc, NULL), FW_OK);
    assert_int_equal(file.size, size);
    assert_memory_equal(file.data, large, size);
    fw_file_close(&file);
    free(large);
    folder_remove(&f);
}

void test_file__errors(void **state)
{
    (void)state;
    struct fw_error err;
    struct fw_file file;
    assert_int_equal(fw_file_open(&file, "/nonexistent/x", 0, &fw_alloc_default, &err), FW_IO);
    assert_string_equal(err.message, "cannot open: No such file or directory");
    fw_file_close(&file);
    assert_int_equal(fw_file_open(&file, "/tmp", 0, &fw_alloc_default, &err), FW_IO);
    assert_string_equal(err.message, "cannot read: Is a directory");
    assert_int_equal(fw_file_open(&file, "/dev/zero", 1 << 20, &fw_alloc_default, &err), FW_LIMIT);
    struct fw_output *out;
    assert_int_equal(fw_output_open(&out, "/nonexistent/x", &err), FW_IO);
    assert_null(out);
    assert_int_equal(fw_output_open(&out, "/dev/full", &err), FW_OK);
    assert_int_equal(fw_output_write(out, "x", 1, &err), FW_OK);
    assert_int_equal(fw_output_commit(out, &err), FW_IO);
    assert_string_equal(err.message, "cannot write: No space left on device");
    fw_output_abandon(NULL);
}

/* n small enough for any pipe. A pipe under its name in /dev/fd, filled with n bytes of
 * 'p'; *ret_fd is to be closed. */
static void make_pipe(char *path, size_t path_bytes, size_t n, int *ret_fd)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char block[1000];
    memset(block, 'p', sizeof block);
    for (size_t done = 0; done < n; done += sizeof block)
        assert_int_equal(write(ends[1], block, sizeof block), sizeof block);
    (void)close(ends[1]);
    (void)snprintf(path, path_bytes, "/dev/fd/%d", ends[0]);
    *ret_fd = ends[0];
}

void test_file__reads_pipes(void **state)
{
    (void)state;
    char path[32];
    int fd;
    struct fw_test_alloc t;
    for (long fail_at = 0; fail_at < 4; fail_at++) {
        make_pipe(path, sizeof path, 4000, &fd);
        fw_test_alloc_init(&t, fail_at < 3 ? fail_at : -1);
        struct fw_file file;
        enum fw_status status = fw_file_open(&file, path, 0, &t.alloc, NULL);
        if (fail_at < 2) { // buffer, then exact size
            assert_int_equal(status, FW_MEMORY);
        } else {
            assert_int_equal(status, FW_OK);
            assert_int_equal(file.size, 4000);
            assert_int_equal(file.data[3999], 'p');
        }
        fw_file_close(&file);
        assert_int_equal(t.n_live, 0);
        assert_int_equal(t.live_bytes, 0);
        (void)close(fd);
    }
    make_pipe(path, sizeof path, 2000, &fd);
    struct fw_error err;
    struct fw_file file;
    assert_int_equal(fw_file_open(&file, path, 1999, &t.alloc, &err), FW_LIMIT);
    assert_string_equal(err.message, "input is larger than the limit of 1999 bytes");
    (void)close(fd);
}

void test_file__output_whole_or_not(void **state)
{
    (void)state;
    struct folder f;
    folder_make(&f);
    struct fw_output *out;
    assert_int_equal(fw_output_open(&out, f.file, NULL), FW_OK);
    assert_int_equal(fw_output_write(out, "a", 1, NULL), FW_OK);
    assert_int_not_equal(access(f.file, F_OK), 0); // not yet
    fw_output_abandon(out);
    assert_int_not_equal(access(f.file, F_OK), 0);
    write_file(f.file, "old", 3);
    assert_int_equal(chmod(f.file, 0640), 0);
    assert_int_equal(fw_output_open(&out, f.file, NULL), FW_OK);
    assert_int_equal(fw_output_write(out, "newer", 5, NULL), FW_OK);
    check_file(f.file, "old");
    assert_int_equal(fw_output_commit(out, NULL), FW_OK);
    check_file(f.file, "newer");
    struct stat st;
    assert_int_equal(stat(f.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    folder_remove(&f);
}

static void check_link(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

/* Links stay links: what they lead to is written, over further links, whether it is there or not.
 */
void test_file__output_through_links(void **state)
{
    (void)state;
    struct folder f;
    folder_make(&f);
    char links[3][128];
    static const char *const to[] = {"x", "link0", "nowhere/x"};
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(links[i], sizeof links[i], "%s/link%u", f.path, i);
        assert_int_equal(symlink(to[i], links[i]), 0);
    }
    write_file(links[1], "new", 3); // nothing is behind it yet
    check_file(f.file, "new");
    write_file(links[1], "through", 7);
    check_file(f.file, "through");
    struct fw_output *out;
    struct fw_error err;
    assert_int_equal(fw_output_open(&out, links[2], &err), FW_IO); // no folder to make it in
    (void)remove(links[0]);
    assert_int_equal(symlink(links[1], links[0]), 0); // in a circle, and by a full path
    assert_int_equal(fw_output_open(&out, links[0], &err), FW_IO);
    for (unsigned i = 0; i < 3; i++) {
        check_link(links[i]);
        (void)remove(links[i]);
    }
    folder_remove(&f);
}
