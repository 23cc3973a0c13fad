/* Files that were good and are broken in one place: every one must get an answer or a clear error,
 * within limits of time and memory, in every build.
 *
 * Usage: flopwise-hostile [-n FILES] [-s SEED] [-o FOLDER] FORMAT FILE...
 * Makes FILES broken files (in all) from the good ones of one FORMAT and asks `count`, `memory` and
 * `field` about each model (also about networks named by a text, zoo:TEXT), `estimate` about each
 * run file and each table of claims, `run` with each array. Batches run in a process of their own,
 * so that a crash costs one file and names it. -o: where a file that fails is kept. The table of
 * outcomes goes to standard output and ends in the closing line: one test for each kind of damage.
 */
#define _GNU_SOURCE 1

#include "api/net.h"
#include "hostile/mutate.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_MODEL = 1 << 22,  // bytes of a good file
    MAX_BROKEN = 1 << 26, // bytes of a broken one
    BATCH = 250,          // files to a process
    N_STATUS = FW_COUNTER + 1,
    MAX_MUTATORS = 32
};
#define LIMIT_BYTES ((size_t)512 << 20)
#ifdef __OPTIMIZE__
#define LIMIT_SECONDS 2.0
#else
#define LIMIT_SECONDS 10.0 // as slow as a program with sanitizers that is not optimised
#endif

struct tally {
    long outcome[MAX_MUTATORS][N_STATUS]; // questions that ended so
    long bad[MAX_MUTATORS];               // files that broke a promise
    long errors, placed;                  // messages; of them, those that name a node or an offset
    size_t peak_bytes;                    // through the allocation seam, of one question
    size_t process_bytes; // resident, sanitizers included, of the files of a batch together
    double longest;
};

/* Seen by the parent also when the child dies. */
struct shared {
    struct tally sum;
    long next;      // files done
    size_t mutator; // of the file at work
    char what[600]; // the promise that was broken last
    size_t n;
    unsigned char file[MAX_BROKEN];
};

/* ---- the allocation seam: live bytes, and their peak ---- */

struct meter {
    size_t live, peak;
};

static void *metered(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    struct meter *m = ctx;
    void *p = fw_alloc_default.resize(fw_alloc_default.ctx, old, old_bytes, bytes);
    if (bytes == 0 || p != NULL) {
        m->live = m->live - old_bytes + bytes;
        m->peak = m->live > m->peak ? m->live : m->peak;
    }
    return p;
}

static double seconds_used(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int swallow(void *ctx, const char *text, size_t len)
{
    *(size_t *)ctx += len;
    return text == NULL;
}

/* ---- one file ---- */

/* Answers, writes the answer away, and adds the bytes written to *written. */
typedef enum fw_status question(const char *path, const struct fw_alloc *alloc, size_t *written,
                                struct fw_error *err);

static void broken(struct shared *s, const char *format, const char *detail)
{
    s->sum.bad[s->mutator]++;
    (void)snprintf(s->what, sizeof s->what, format, detail);
}

static void check_error(struct shared *s, const struct fw_error *err, enum fw_status status,
                        const char *path)
{
    bool known = status == FW_FORMAT || status == FW_UNSUPPORTED || status == FW_SHAPE ||
                 status == FW_LIMIT || status == FW_MEMORY || status == FW_USAGE ||
                 status == FW_IO; // another file that this one names
    if (!known || err->code != status)
        broken(s, "an exit code that a file cannot earn: %s", err->message);
    else if (strncmp(err->message, path, strlen(path)) != 0)
        broken(s, "the message does not begin with the file: %s", err->message);
    else if (strlen(err->message) < strlen(path) + 8)
        broken(s, "the message says nothing: %s", err->message);
    s->sum.errors++;
    s->sum.placed += err->at >= 0 || strstr(err->message, "node '") != NULL ||
                     strstr(err->message, "line ") != NULL;
}

/* name: what messages begin with. */
static void ask(struct shared *s, const char *path, const char *name, question *what,
                struct meter *m)
{
    struct fw_alloc alloc = {metered, m, NULL};
    struct fw_error err = {.at = -1};
    size_t written = 0;
    double start = seconds_used();
    enum fw_status status = what(path, &alloc, &written, &err);
    double took = seconds_used() - start;
    s->sum.outcome[s->mutator][status]++;
    if (status != FW_OK)
        check_error(s, &err, status, name);
    else if (written == 0)
        broken(s, "%s", "an answer without a word");
    if (m->live != 0)
        broken(s, "%s", "memory is left behind");
    if (m->peak > LIMIT_BYTES)
        broken(s, "%s", "more than 512 MiB");
    if (took > LIMIT_SECONDS)
        broken(s, "%s", "more time than it may take");
    s->sum.peak_bytes = m->peak > s->sum.peak_bytes ? m->peak : s->sum.peak_bytes;
    s->sum.longest = took > s->sum.longest ? took : s->sum.longest;
}

static enum fw_status write_away(struct fw_report *report, size_t *written, struct fw_error *err)
{
    enum fw_status status = fw_report_write(report, "json", NULL, swallow, written, err);
    fw_report_free(report);
    return status;
}

typedef enum fw_status model_question(struct fw_report **ret, struct fw_net *net,
                                      const struct fw_options *options, struct fw_error *err);

static enum fw_status ask_model(const char *path, const struct fw_alloc *alloc, size_t *written,
                                model_question *what, struct fw_error *err)
{
    struct fw_net *net;
    struct fw_report *report;
    struct fw_options options = fw_options_default();
    FW_TRY(fw_net_open_with(&net, path, alloc, err));
    enum fw_status status = what(&report, net, &options, err);
    if (status == FW_OK)
        status = write_away(report, written, err);
    fw_net_free(net);
    return status;
}

static enum fw_status count(const char *path, const struct fw_alloc *alloc, size_t *written,
                            struct fw_error *err)
{
    return ask_model(path, alloc, written, fw_count_report, err);
}
static enum fw_status memory(const char *path, const struct fw_alloc *alloc, size_t *written,
                             struct fw_error *err)
{
    return ask_model(path, alloc, written, fw_memory_report, err);
}
static enum fw_status fields(struct fw_report **ret, struct fw_net *net,
                             const struct fw_options *options, struct fw_error *err)
{
    (void)options;
    return fw_field_report(ret, net, NULL, NULL, err);
}
static enum fw_status field(const char *path, const struct fw_alloc *alloc, size_t *written,
                            struct fw_error *err)
{
    return ask_model(path, alloc, written, fields, err);
}

/* Those that take no allocator: their memory is that of the process, see batch(). */
static enum fw_status estimate(const char *path, const struct fw_alloc *alloc, size_t *written,
                               struct fw_error *err)
{
    struct fw_report *report;
    (void)alloc;
    FW_TRY(fw_estimate_report(&report, &(struct fw_run_request){.file = path}, err));
    return write_away(report, written, err);
}
static enum fw_status claims(const char *path, const struct fw_alloc *alloc, size_t *written,
                             struct fw_error *err)
{
    struct fw_report *report;
    (void)alloc;
    FW_TRY(fw_claims_report(&report, path, err));
    return write_away(report, written, err);
}

/* An input of a small network. That an array does not fit it is said of the array. */
static enum fw_status execute(const char *path, const struct fw_alloc *alloc, size_t *written,
                              struct fw_error *err)
{
    struct fw_net *net;
    struct fw_report *report = NULL;
    struct fw_options options = fw_options_default();
    options.inference = 1;
    struct fw_running running = {.exact = 1, .inputs = &path, .n_inputs = 1};
    FW_TRY(fw_net_open_with(&net, "zoo:mlp,depth=2,width=4,in=3,out=2,batch=2", alloc, err));
    enum fw_status status = fw_run_report(&report, net, &options, &running, err);
    if (status == FW_OK)
        status = write_away(report, written, err);
    else if (strncmp(err->message, path, strlen(path)) != 0 && strstr(err->message, "array '"))
        fw_error_prefix(err, "%s: ", path);
    fw_net_free(net);
    return status;
}

/* Executes what is small: few operations and few bytes written, since enlarging a picture takes no
 * operation. */
static enum fw_status run_model(const char *path, const struct fw_alloc *alloc, size_t *written,
                                struct fw_error *err)
{
    static const char *const limits[] = {"memory=128MiB", NULL};
    const int64_t most = 20000000;
    struct fw_net *net;
    struct fw_report *report;
    struct fw_options options = fw_options_default();
    struct fw_running running = {.exact = 1, .threads = "1"};
    int64_t work = 0, bytes = 0;
    (void)alloc;
    options.inference = 1;
    FW_TRY(fw_net_open_within(&net, path, limits, err));
    enum fw_status status = fw_count_report(&report, net, &options, err);
    if (status == FW_OK) {
        (void)fw_report_int(report, "totals/forward/flop", &work, NULL);
        (void)fw_report_int(report, "totals/forward/write_bytes", &bytes, NULL);
        *written += 1;
        fw_report_free(report);
    }
    bool small = work <= most && bytes <= most;
    if (status == FW_OK && small)
        status = fw_run_report(&report, net, &options, &running, err);
    if (status == FW_OK && small)
        status = write_away(report, written, err);
    fw_net_free(net);
    return status;
}

enum { MAX_QUESTIONS = 3 };

/* Where a broken file is put: it has no name, it is one of several in `folder`, or it is itself
 * the name of a network. */
enum put { NAMELESS, IN_FOLDER, AS_NAME };

static char folder[64]; // temporary, of IN_FOLDER

static void ask_all(struct shared *s, question *const *questions, enum put where)
{
    static char text[MAX_BROKEN + 8];
    char path[128];
    int file = where == NAMELESS ? memfd_create("model", 0) : -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (where == IN_FOLDER) {
        (void)snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    if (where != AS_NAME && (file < 0 || write(file, s->file, s->n) != (ssize_t)s->n))
        exit(2);
    if (where == AS_NAME)
        (void)snprintf(text, sizeof text, "zoo:%.*s", (int)s->n, (const char *)s->file);
    for (unsigned i = 0; i < MAX_QUESTIONS && questions[i] != NULL; i++)
        ask(s, where == AS_NAME ? text : path, where == AS_NAME ? "zoo:" : path, questions[i],
            &(struct meter){0});
    if (file >= 0)
        (void)close(file);
}

/* ---- formats ---- */

/* A good safetensors file as its header alone, which is text. */
static void take_header(struct bytes *b)
{
    uint64_t len = 0;
    for (unsigned i = 0; i < 8 && i < b->n; i++)
        len |= (uint64_t)b->p[i] << (8 * i);
    if (b->n < 8 || len > b->n - 8)
        exit(2);
    memmove(b->p, b->p + 8, len);
    b->behind = b->n - 8 - len;
    b->n = len;
}

/* A header as a file again, mostly with its true length and as many bytes behind it as there were.
 */
static void add_length(struct bytes *b, const struct bytes *model, struct dice *d)
{
    struct bytes out = {0};
    uint64_t len = dice_below(d, 8) == 0 ? dice_next(d) >> dice_below(d, 64) : b->n;
    unsigned char head[8];
    for (unsigned i = 0; i < 8; i++)
        head[i] = (unsigned char)(len >> (8 * i));
    bytes_add(&out, head, 8);
    bytes_add(&out, b->p, b->n);
    for (size_t n = dice_below(d, 8) == 0 ? dice_below(d, 4096) : model->behind; n > 0; n--)
        bytes_add(&out, "", 1);
    bytes_free(b);
    *b = out;
}

struct form {
    const char *name;
    unsigned suits; // mutators
    question *questions[MAX_QUESTIONS];
    void (*open)(struct bytes *good);
    void (*close)(struct bytes *made, const struct bytes *model, struct dice *d);
    enum put put;
};
#define OF_MODELS            \
    {                        \
        count, memory, field \
    }
static const struct form forms[] = {
    {"onnx", MADE_OF_FIELDS, OF_MODELS, NULL, NULL, NAMELESS},
    {"onnx-text", MADE_OF_TEXT, OF_MODELS, NULL, NULL, NAMELESS},
    {"config", MADE_OF_TEXT, OF_MODELS, NULL, NULL, NAMELESS},
    {"safetensors", MADE_OF_TEXT, OF_MODELS, take_header, add_length, NAMELESS},
    {"safetensors-bytes", MADE_OF_WORDS, OF_MODELS, NULL, NULL, NAMELESS},
    {"gguf", MADE_OF_WORDS, OF_MODELS, NULL, NULL, NAMELESS},
    {"run", MADE_OF_TEXT, {estimate}, NULL, NULL, NAMELESS},
    {"claims", MADE_OF_TEXT, {claims}, NULL, NULL, NAMELESS},
    {"index", MADE_OF_TEXT, OF_MODELS, NULL, NULL, IN_FOLDER},
    {"zoo", MADE_OF_TEXT, OF_MODELS, NULL, NULL, AS_NAME},
    {"onnx-run", MADE_OF_FIELDS, {run_model}, NULL, NULL, NAMELESS},
    {"onnx-text-run", MADE_OF_TEXT, {run_model}, NULL, NULL, NAMELESS},
    {"arrays", MADE_OF_WORDS | MADE_OF_TEXT, {execute}, NULL, NULL, NAMELESS},
};

/* ---- all files ---- */

struct run {
    const struct form *form;
    const char *keep; // folder, or NULL
    uint64_t seed;
    long n;
    struct bytes *models; // (n_models)
    size_t n_models;
    struct shared *shared;
};

/* File number i of the run: depends on the seed and on i alone. */
static void make(const struct run *r, long i)
{
    struct shared *s = r->shared;
    struct dice d = {r->seed * 1000003u + (uint64_t)i};
    (void)dice_next(&d);
    const struct bytes *model = &r->models[dice_below(&d, r->n_models)];
    const struct bytes *other = &r->models[dice_below(&d, r->n_models)];
    do
        s->mutator = dice_below(&d, n_mutators);
    while (!(mutators[s->mutator].suits & r->form->suits));
    struct bytes out = {0};
    mutators[s->mutator].make(&out, model, other, &d);
    if (r->form->close != NULL)
        r->form->close(&out, model, &d);
    s->n = out.n < MAX_BROKEN ? out.n : MAX_BROKEN;
    if (s->n > 0)
        memcpy(s->file, out.p, s->n);
    bytes_free(&out);
}

static void keep(const struct run *r, long i, const char *what)
{
    struct shared *s = r->shared;
    printf("FAILED %s file %ld (%s, seed %llu): %s\n", r->form->name, i, mutators[s->mutator].name,
           (unsigned long long)r->seed, what);
    if (r->keep == NULL)
        return;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s-%ld", r->keep, r->form->name, i);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(s->file, 1, s->n, f) != s->n || fclose(f) != 0)
        printf("%s: cannot be written\n", path);
}

static void batch(const struct run *r, long to)
{
    struct shared *s = r->shared;
    while (s->next < to) {
        long i = s->next;
        make(r, i);
        s->what[0] = '\0';
        (void)alarm(60); // the processor's time is judged per file; this ends what never ends
        ask_all(s, r->form->questions, r->form->put);
        struct rusage used;
        (void)getrusage(RUSAGE_SELF, &used);
        size_t process = (size_t)used.ru_maxrss << 10;
        s->sum.process_bytes = process > s->sum.process_bytes ? process : s->sum.process_bytes;
        if (r->form->questions[1] == NULL && process > LIMIT_BYTES)
            broken(s, "%s", "more than 512 MiB in the process");
        if (s->what[0] != '\0')
            keep(r, i, s->what);
        s->next = i + 1;
    }
    (void)fflush(stdout);
    exit(0); // not _exit: the leak checker looks at the end
}

static void run_all(const struct run *r)
{
    struct shared *s = r->shared;
    while (s->next < r->n) {
        long to = s->next + BATCH < r->n ? s->next + BATCH : r->n, before = s->next;
        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            batch(r, to);
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) < 0)
            exit(2);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        s->sum.bad[s->mutator]++;
        if (s->next == to) {
            printf("FAILED %s files %ld to %ld: memory is left behind\n", r->form->name, before,
                   to);
        } else {
            keep(r, s->next, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "a sanitizer");
            s->next++;
        }
    }
}

static int report(const struct run *r)
{
    const struct tally *t = &r->shared->sum;
    long passed = 0, failed = 0;
    printf("%-18s", r->form->name);
    for (int k = 0; k < N_STATUS; k++)
        if (k == FW_OK || (k >= FW_USAGE && k < FW_COUNTER && k != FW_IO))
            printf(" %7s", k == FW_OK ? "OK" : fw_status_name((enum fw_status)k));
    printf("\n");
    for (size_t i = 0; i < n_mutators; i++) {
        if (!(mutators[i].suits & r->form->suits))
            continue;
        printf("%-18s", mutators[i].name);
        for (int k = 0; k < N_STATUS; k++)
            if (k == FW_OK || (k >= FW_USAGE && k < FW_COUNTER && k != FW_IO))
                printf(" %7ld", t->outcome[i][k]);
        printf("%s\n", t->bad[i] > 0 ? "  FAILED" : "");
        *(t->bad[i] > 0 ? &failed : &passed) += 1;
    }
    printf("%ld files; longest answer %.2f s; most memory %.1f MiB, of a process %.0f MiB\n", r->n,
           t->longest, (double)t->peak_bytes / (1 << 20), (double)t->process_bytes / (1 << 20));
    printf("%ld errors, %ld of them name a node, a line or an offset\n", t->errors, t->placed);
    printf("%ld passed, %ld failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

static struct bytes load(const char *path)
{
    struct bytes b = {0};
    FILE *f = fopen(path, "rb");
    char piece[65536];
    size_t n;
    while (f != NULL && b.n < MAX_MODEL && (n = fread(piece, 1, sizeof piece, f)) > 0)
        bytes_add(&b, piece, n);
    if (f == NULL || fclose(f) != 0 || b.n == 0 || b.n >= MAX_MODEL) {
        fprintf(stderr, "%s: cannot be read, or is too large\n", path);
        exit(2);
    }
    return b;
}

/* The folder of a good index, with its parts and without itself. */
static void make_folder(const char *index)
{
    char name[PATH_MAX], to[PATH_MAX];
    (void)snprintf(name, sizeof name, "%s", index);
    char *slash = strrchr(name, '/');
    *(slash != NULL ? slash : name) = '\0';
    (void)snprintf(folder, sizeof folder, "/tmp/flopwise-hostile-XXXXXX");
    DIR *d = opendir(slash != NULL ? name : ".");
    if (d == NULL || mkdtemp(folder) == NULL)
        exit(2);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (fnmatch("*.safetensors", e->d_name, 0) != 0)
            continue;
        (void)snprintf(to, sizeof to, "%s/%s", name, e->d_name);
        struct bytes b = load(to);
        (void)snprintf(to, sizeof to, "%s/%s", folder, e->d_name);
        FILE *f = fopen(to, "wb");
        if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
            exit(2);
        bytes_free(&b);
    }
    (void)closedir(d);
}

static void remove_folder(void)
{
    char path[PATH_MAX];
    DIR *d = opendir(folder);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)unlink(path);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    struct run r = {.n = 1000, .seed = 1};
    int opt;
    while ((opt = getopt(argc, argv, "n:s:o:")) != -1) {
        if (opt == 'n')
            r.n = strtol(optarg, NULL, 10);
        else if (opt == 's')
            r.seed = strtoull(optarg, NULL, 10);
        else if (opt == 'o')
            r.keep = optarg;
        else
            return 2;
    }
    if (argc - optind < 2 || n_mutators > MAX_MUTATORS) {
        fputs("usage: flopwise-hostile [-n FILES] [-s SEED] [-o FOLDER] FORMAT FILE...\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, argv[optind]) == 0)
            r.form = &forms[i];
    if (r.form == NULL)
        return 2;
    r.n_models = (size_t)(argc - optind - 1);
    r.models = calloc(r.n_models, sizeof *r.models);
    r.shared =
        mmap(NULL, sizeof *r.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.models == NULL || r.shared == MAP_FAILED)
        return 2;
    for (size_t i = 0; i < r.n_models; i++)
        r.models[i] = load(argv[optind + 1 + (int)i]);
    for (size_t i = 0; i < r.n_models && r.form->open != NULL; i++)
        r.form->open(&r.models[i]);
    if (r.form->put == IN_FOLDER)
        make_folder(argv[optind + 1]);
    run_all(&r);
    if (r.form->put == IN_FOLDER)
        remove_folder();
    int code = report(&r);
    for (size_t i = 0; i < r.n_models; i++)
        bytes_free(&r.models[i]);
    free(r.models);
    return code;
}
