/* Folders: what is listed, and which names lead out. */
#define _DEFAULT_SOURCE 1
#include "base/folder.h"
#include "unit_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char top[64];
};

static void put(const struct place *p, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", p->top, name);
    if (text == NULL) {
        assert_int_equal(mkdir(path, 0700), 0);
        return;
    }
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void link_to(const struct place *p, const char *target, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", p->top, name);
    assert_int_equal(symlink(target, path), 0);
}

static void set_up(struct place *p)
{
    strcpy(p->top, "/tmp/flopwise-folder-XXXXXX");
    assert_non_null(mkdtemp(p->top));
    put(p, "secret", "no");
    put(p, "model", NULL);
    put(p, "model/b", "b");
    put(p, "model/a", "a");
    put(p, "model/sub", NULL);
    put(p, "model/sub/c", "c");
    link_to(p, "a", "model/good");
    link_to(p, "round", "model/round");
    char pipe[128];
    (void)snprintf(pipe, sizeof pipe, "%s/model/pipe", p->top);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    link_to(p, "../secret", "model/out");
    link_to(p, "/etc/passwd", "model/far");
    link_to(p, "..", "model/up");
    put(p, "snapshots", NULL);
    put(p, "snapshots/1f", NULL);
    put(p, "blobs", NULL);
    put(p, "blobs/77", "blob");
    put(p, "blobs2", "no");
    link_to(p, "../../blobs/77", "snapshots/1f/weights");
    link_to(p, "../../secret", "snapshots/1f/out");
    link_to(p, "../../blobs2", "snapshots/1f/like");
}

static void clean_up(const struct place *p)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", p->top);
    assert_int_equal(system(command), 0);
}

void test_folder__names_stay_inside(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *name;
        enum fw_status code;
    } rows[] = {
        {"model", "a", FW_OK},
        {"model", "./a", FW_OK},
        {"model", "sub/c", FW_OK},
        {"model", "good", FW_OK}, // a link that stays
        {"model", "none", FW_IO},
        {"model", "pipe", FW_FORMAT}, // opening it would wait for a writer
        {"model", "round", FW_IO},    // a link to itself
        {"model", "sub", FW_IO},
        {"model", "", FW_FORMAT},
        {"model", "/etc/passwd", FW_FORMAT},
        {"model", "../secret", FW_FORMAT},
        {"model", "sub/../a", FW_FORMAT},
        {"model", "sub/../../secret", FW_FORMAT},
        {"model", "..", FW_FORMAT},
        {"model", "out", FW_FORMAT}, // links that do not
        {"model", "far", FW_FORMAT},
        {"model", "up/secret", FW_FORMAT},
        {"model", "up/model/a", FW_OK}, // leaves and comes back
        {"snapshots/1f", "weights", FW_OK},
        {"snapshots/1f", "out", FW_FORMAT},
        {"snapshots/1f", "like", FW_FORMAT},
    };
    struct place p;
    set_up(&p);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char folder[128];
        struct fw_file file;
        struct fw_error err = {0};
        (void)snprintf(folder, sizeof folder, "%s/%s", p.top, rows[i].folder);
        enum fw_status status =
            fw_folder_open(&file, folder, rows[i].name, &fw_alloc_default, &err);
        if (status != rows[i].code)
            fail_msg("'%s': %d, %s", rows[i].name, status, err.message);
        fw_file_close(&file);
    }
    clean_up(&p);
}

/* A link that comes between looking and opening. */
void test_folder__no_link_in_a_resolved_path(void **state)
{
    (void)state;
    struct place p;
    char path[128];
    struct fw_file file;
    struct fw_error err;
    set_up(&p);
    static const char *const links[] = {"model/good", "model/up/secret", "model/out"};
    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", p.top, links[i]);
        assert_int_equal(fw_file_open_resolved(&file, path, &fw_alloc_default, &err), FW_IO);
    }
    (void)snprintf(path, sizeof path, "%s/model/a", p.top);
    assert_int_equal(fw_file_open_resolved(&file, path, &fw_alloc_default, &err), FW_OK);
    fw_file_close(&file);
    clean_up(&p);
}

void test_folder__lists_files_in_order(void **state)
{
    (void)state;
    struct place p;
    struct fw_arena arena;
    struct fw_error err;
    const char **names;
    uint32_t n;
    char folder[128];
    set_up(&p);
    fw_arena_init(&arena, &fw_alloc_default);
    (void)snprintf(folder, sizeof folder, "%s/model", p.top);
    assert_true(fw_is_folder(folder) && !fw_is_folder("/etc/passwd"));
    assert_int_equal(fw_folder_list(folder, &arena, &names, &n, &err), FW_OK);
    assert_int_equal(n, 5);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_string_equal(names[4], "out");
    assert_int_equal(fw_folder_list("/nowhere", &arena, &names, &n, &err), FW_IO);
    fw_arena_clear(&arena);
    clean_up(&p);
}

void test_folder__of_a_file(void **state)
{
    (void)state;
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_string_equal(fw_folder_of("a.json", &arena), ".");
    assert_string_equal(fw_folder_of("/a.json", &arena), "/");
    assert_string_equal(fw_folder_of("x/y/a.json", &arena), "x/y");
    fw_arena_clear(&arena);
}
