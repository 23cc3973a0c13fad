/* The mutators: blind ones on bytes, and ones that know where fields or words begin, so that what
 * comes out is wrong in one place and right everywhere else. */
#include "hostile/mutate.h"

#include "formats/pb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_add(struct bytes *b, const void *data, size_t n)
{
    if (b->cap - b->n < n) {
        size_t cap = (b->n + n) * 2;
        unsigned char *p = realloc(b->p, cap);
        if (p == NULL) {
            fputs("out of memory\n", stderr);
            exit(2);
        }
        b->p = p;
        b->cap = cap;
    }
    if (n > 0)
        memcpy(b->p + b->n, data, n);
    b->n += n;
}

void bytes_free(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

uint64_t dice_next(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t dice_below(struct dice *d, size_t n)
{
    return n == 0 ? 0 : (size_t)(dice_next(d) % n);
}

/* ---- any bytes ---- */

static void flip_bits(struct bytes *out, const struct bytes *model, const struct bytes *other,
                      struct dice *d)
{
    (void)other;
    bytes_add(out, model->p, model->n);
    for (size_t n = 1 + dice_below(d, 16); n > 0 && out->n > 0; n--)
        out->p[dice_below(d, out->n)] ^= (unsigned char)(1u << dice_below(d, 8));
}

static void truncate_file(struct bytes *out, const struct bytes *model, const struct bytes *other,
                          struct dice *d)
{
    (void)other;
    bytes_add(out, model->p, dice_below(d, model->n));
}

static void splice_bytes(struct bytes *out, const struct bytes *model, const struct bytes *other,
                         struct dice *d)
{
    bytes_add(out, model->p, dice_below(d, model->n));
    size_t from = dice_below(d, other->n);
    bytes_add(out, other->p + from, other->n - from);
}

static void repeat_bytes(struct bytes *out, const struct bytes *model, const struct bytes *other,
                         struct dice *d)
{
    (void)other;
    size_t at = dice_below(d, model->n), len = 1 + dice_below(d, 64);
    if (len > model->n - at)
        len = model->n - at;
    bytes_add(out, model->p, at);
    for (size_t n = 1 + dice_below(d, 2000); n > 0; n--)
        bytes_add(out, model->p + at, len);
    bytes_add(out, model->p + at, model->n - at);
}

/* ---- protocol buffers ---- */

enum { MAX_FIELDS = 1 << 16, MAX_DEPTH = 12 };

struct place {
    size_t at, end;   // tag to end
    size_t data, len; // of a length-delimited field
    uint32_t wire, number;
    size_t parent; // SIZE_MAX: the file
};

struct places {
    struct place *list; // (n)
    size_t n;
};

/* Whether every byte of it reads as fields: then it is walked as a message. */
static bool is_message(const unsigned char *p, size_t n)
{
    struct fw_pb pb = fw_pb_range(p, n, p);
    struct fw_pb_field f;
    int got = 0;
    while ((got = fw_pb_next(&pb, &f, NULL)) == 1)
        continue;
    return got == 0 && n > 0;
}

static void find(struct places *ret, const struct bytes *file, size_t from, size_t to,
                 size_t parent, unsigned depth)
{
    struct fw_pb pb = fw_pb_range(file->p + from, to - from, file->p);
    struct fw_pb_field f;
    size_t at = from;
    while (ret->n < MAX_FIELDS && fw_pb_next(&pb, &f, NULL) == 1) {
        size_t end = (size_t)fw_pb_offset(&pb), here = ret->n++;
        size_t len = f.wire == FW_PB_LEN ? f.len : 0;
        ret->list[here] = (struct place){at, end, end - len, len, f.wire, f.number, parent};
        if (f.wire == FW_PB_LEN && depth < MAX_DEPTH && is_message(f.data, f.len))
            find(ret, file, end - f.len, end, here, depth + 1);
        at = end;
    }
}

static void add_varint(struct bytes *out, uint64_t v)
{
    unsigned char byte;
    for (; v >= 0x80; v >>= 7) {
        byte = (unsigned char)(v | 0x80);
        bytes_add(out, &byte, 1);
    }
    byte = (unsigned char)v;
    bytes_add(out, &byte, 1);
}

static void add_field(struct bytes *out, uint32_t number, const void *data, size_t n)
{
    add_varint(out, (uint64_t)number << 3 | FW_PB_LEN);
    add_varint(out, n);
    bytes_add(out, data, n);
}

/* out = file with the field `which` replaced by `fresh`, the lengths around it put right. Uses up
 * fresh. */
static void replace(struct bytes *out, const struct bytes *file, const struct places *all,
                    size_t which, struct bytes *fresh)
{
    const struct place *f = &all->list[which];
    while (f->parent != SIZE_MAX) {
        const struct place *p = &all->list[f->parent];
        struct bytes inside = {0}, whole = {0};
        bytes_add(&inside, file->p + p->data, f->at - p->data);
        bytes_add(&inside, fresh->p, fresh->n);
        bytes_add(&inside, file->p + f->end, p->end - f->end);
        add_field(&whole, p->number, inside.p, inside.n);
        bytes_free(&inside);
        bytes_free(fresh);
        *fresh = whole;
        f = p;
    }
    bytes_add(out, file->p, f->at);
    bytes_add(out, fresh->p, fresh->n);
    bytes_add(out, file->p + f->end, file->n - f->end);
    bytes_free(fresh);
}

static struct places places_of(const struct bytes *file)
{
    struct places all = {.list = malloc(MAX_FIELDS * sizeof *all.list)};
    if (all.list == NULL)
        exit(2);
    find(&all, file, 0, file->n, SIZE_MAX, 0);
    return all;
}

/* A field of a wire type (4 = any); SIZE_MAX when there is none among many tries. */
static size_t pick(const struct places *all, uint32_t wire, struct dice *d)
{
    for (unsigned tries = 0; tries < 4096 && all->n > 0; tries++) {
        size_t i = dice_below(d, all->n);
        if (wire == 4 || all->list[i].wire == wire)
            return i;
    }
    return SIZE_MAX;
}

static void change_field(struct bytes *out, const struct bytes *file, struct dice *d, uint32_t wire,
                         void (*how)(struct bytes *fresh, const struct bytes *file,
                                     const struct place *f, struct dice *d))
{
    struct places all = places_of(file);
    size_t which = pick(&all, wire, d);
    if (which == SIZE_MAX) {
        bytes_add(out, file->p, file->n);
    } else {
        struct bytes fresh = {0};
        how(&fresh, file, &all.list[which], d);
        replace(out, file, &all, which, &fresh);
    }
    free(all.list);
}

static void gone(struct bytes *fresh, const struct bytes *file, const struct place *f,
                 struct dice *d)
{
    (void)fresh, (void)file, (void)f, (void)d;
}
static void twice(struct bytes *fresh, const struct bytes *file, const struct place *f,
                  struct dice *d)
{
    size_t n = dice_below(d, 4) == 0 ? 1 + dice_below(d, 3000) : 2;
    for (; n > 0 && fresh->n < (size_t)16 << 20; n--)
        bytes_add(fresh, file->p + f->at, f->end - f->at);
}
static void extreme(struct bytes *fresh, const struct bytes *file, const struct place *f,
                    struct dice *d)
{
    static const uint64_t values[] = {
        0,        1,         UINT64_MAX, (uint64_t)1 << 63, INT64_MAX,         UINT32_MAX,
        1u << 31, INT32_MAX, 65536,      1u << 20,          (uint64_t)1 << 62, UINT64_MAX - 1,
        17,       2049,      1000003};
    (void)file;
    add_varint(fresh, (uint64_t)f->number << 3 | FW_PB_VARINT);
    add_varint(fresh, values[dice_below(d, sizeof values / sizeof *values)]);
}
/* Its own bytes inside itself, again and again. */
static void nested(struct bytes *fresh, const struct bytes *file, const struct place *f,
                   struct dice *d)
{
    size_t depth = 1 + dice_below(d, 400);
    bytes_add(fresh, file->p + f->at, f->end - f->at);
    for (; depth > 0 && fresh->n < (size_t)4 << 20; depth--) {
        struct bytes more = {0};
        struct bytes inside = {0};
        bytes_add(&inside, file->p + f->data, f->len);
        bytes_add(&inside, fresh->p, fresh->n);
        add_field(&more, f->number, inside.p, inside.n);
        bytes_free(&inside);
        bytes_free(fresh);
        *fresh = more;
    }
}
/* A length that is not that of the bytes behind it. */
static void lying(struct bytes *fresh, const struct bytes *file, const struct place *f,
                  struct dice *d)
{
    static const uint64_t lengths[] = {0,         UINT32_MAX,      UINT64_MAX,
                                       INT64_MAX, (size_t)1 << 40, 1u << 31};
    size_t i = dice_below(d, 12);
    uint64_t len = i < 6 ? lengths[i] : f->len + dice_below(d, 64) - 32;
    add_varint(fresh, (uint64_t)f->number << 3 | FW_PB_LEN);
    add_varint(fresh, len);
    bytes_add(fresh, file->p + f->data, f->len);
}
/* A packed list of sizes: huge, negative, zero, many. */
static void numbers(struct bytes *fresh, const struct bytes *file, const struct place *f,
                    struct dice *d)
{
    struct bytes list = {0};
    (void)file;
    for (size_t n = dice_below(d, 3) == 0 ? dice_below(d, 5000) : 1 + dice_below(d, 6); n > 0; n--)
        add_varint(&list, dice_next(d) >> dice_below(d, 64));
    add_field(fresh, f->number, list.p, list.n);
    bytes_free(&list);
}

#define FIELD_MUTATOR(name, wire, how)                                                        \
    static void name(struct bytes *out, const struct bytes *model, const struct bytes *other, \
                     struct dice *d)                                                          \
    {                                                                                         \
        (void)other;                                                                          \
        change_field(out, model, d, wire, how);                                               \
    }
FIELD_MUTATOR(drop_field, 4, gone)
FIELD_MUTATOR(repeat_field, 4, twice)
FIELD_MUTATOR(extreme_number, FW_PB_VARINT, extreme)
FIELD_MUTATOR(nest_field, FW_PB_LEN, nested)
FIELD_MUTATOR(lie_about_length, FW_PB_LEN, lying)
FIELD_MUTATOR(list_of_numbers, FW_PB_LEN, numbers)

/* A field takes the place of another: of the same model (cycles, duplicate names, self-reference)
 * or of a second one. */
static void transplant(struct bytes *out, const struct bytes *model, const struct bytes *other,
                       struct dice *d)
{
    const struct bytes *donor = dice_below(d, 2) == 0 ? model : other;
    struct places all = places_of(model), from = places_of(donor);
    size_t which = pick(&all, FW_PB_LEN, d), what = SIZE_MAX;
    // mostly a field of the same number: a name for a name, a node for a node
    for (unsigned tries = 0; which != SIZE_MAX && tries < 64; tries++) {
        what = pick(&from, FW_PB_LEN, d);
        if (what == SIZE_MAX || from.list[what].number == all.list[which].number)
            break;
    }
    if (which == SIZE_MAX || what == SIZE_MAX) {
        bytes_add(out, model->p, model->n);
    } else {
        struct bytes fresh = {0};
        add_field(&fresh, all.list[which].number, donor->p + from.list[what].data,
                  from.list[what].len);
        replace(out, model, &all, which, &fresh);
    }
    free(all.list);
    free(from.list);
}

/* ---- text ---- */

static const char *const words[] = {
    "9223372036854775808",
    "-9223372036854775809",
    "0",
    "-1",
    "1e999",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"\\ud800\"",
    "18446744073709551616",
    "99999999999999999999999999",
    "<",
    ">",
    "=",
    ",",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\xff\xfe",
    "\x01",
    "/",
    "*",
    "floor(",
    "K^1000000",
};

/* The bounds of a word: letters and digits together, else one byte. */
static size_t word_at(const struct bytes *t, struct dice *d, size_t *ret_end)
{
    size_t at = dice_below(d, t->n), end = at;
    while (at > 0 && (t->p[at - 1] == '_' || (t->p[at - 1] | 32) >= 'a'))
        at--;
    while (end < t->n && (t->p[end] == '_' || (t->p[end] | 32) >= 'a'))
        end++;
    *ret_end = end > at ? end : at + (at < t->n);
    return at;
}

static void change_word(struct bytes *out, const struct bytes *model, const struct bytes *other,
                        struct dice *d)
{
    size_t end, other_end;
    size_t at = word_at(model, d, &end), from = word_at(other, d, &other_end);
    bytes_add(out, model->p, at);
    size_t i = dice_below(d, 2 * sizeof words / sizeof *words);
    if (i < sizeof words / sizeof *words)
        bytes_add(out, words[i], strlen(words[i]));
    else
        bytes_add(out, other->p + from, other_end - from);
    bytes_add(out, model->p + end, model->n - end);
}

static void open_brackets(struct bytes *out, const struct bytes *model, const struct bytes *other,
                          struct dice *d)
{
    (void)other;
    static const char *const open[] = {"[", "{\"a\":", "(", "{", "<", "-", "/*"};
    const char *text = open[dice_below(d, sizeof open / sizeof *open)];
    size_t at = dice_below(d, model->n);
    bytes_add(out, model->p, at);
    for (size_t n = 1 + dice_below(d, 200000); n > 0; n--)
        bytes_add(out, text, strlen(text));
    bytes_add(out, model->p + at, model->n - at);
}

/* A number becomes one that is out of place. */
static void change_number(struct bytes *out, const struct bytes *model, const struct bytes *other,
                          struct dice *d)
{
    static const char *const numbers[] = {"9223372036854775807",
                                          "9223372036854775808",
                                          "-9223372036854775808",
                                          "4611686018427387904",
                                          "18446744073709551615",
                                          "4294967296",
                                          "2147483647",
                                          "65537",
                                          "1000003",
                                          "0",
                                          "1",
                                          "-1",
                                          "1e308",
                                          "1e-308",
                                          "0.5",
                                          "17"};
    size_t at = dice_below(d, model->n), end;
    (void)other;
    while (at < model->n && !(model->p[at] >= '0' && model->p[at] <= '9'))
        at++;
    for (end = at; end < model->n && model->p[end] >= '0' && model->p[end] <= '9';)
        end++;
    const char *text = numbers[dice_below(d, sizeof numbers / sizeof *numbers)];
    bytes_add(out, model->p, at);
    bytes_add(out, text, strlen(text));
    bytes_add(out, model->p + end, model->n - end);
}

/* What stands between two commas or ends of line. */
static size_t piece_at(const struct bytes *t, struct dice *d, size_t *ret_end)
{
    size_t at = dice_below(d, t->n), end = at;
    while (at > 0 && t->p[at - 1] != ',' && t->p[at - 1] != '\n')
        at--;
    while (end < t->n && t->p[end] != ',' && t->p[end] != '\n')
        end++;
    *ret_end = end < t->n ? end + 1 : end;
    return at;
}

/* Left out, or there again and again: a name twice, a line of a table a thousand times. */
static void drop_piece(struct bytes *out, const struct bytes *model, const struct bytes *other,
                       struct dice *d)
{
    size_t end, at = piece_at(model, d, &end);
    (void)other;
    bytes_add(out, model->p, at);
    bytes_add(out, model->p + end, model->n - end);
}

static void repeat_piece(struct bytes *out, const struct bytes *model, const struct bytes *other,
                         struct dice *d)
{
    size_t end, at = piece_at(model, d, &end);
    (void)other;
    bytes_add(out, model->p, at);
    for (size_t n = dice_below(d, 4) == 0 ? 2 + dice_below(d, 3000) : 2; n > 0; n--)
        bytes_add(out, model->p + at, end - at);
    bytes_add(out, model->p + end, model->n - end);
}

/* ---- binary numbers ---- */

/* Four or eight bytes at a multiple of four become a number that is out of place. */
static void extreme_word(struct bytes *out, const struct bytes *model, const struct bytes *other,
                         struct dice *d)
{
    static const uint64_t values[] = {0,
                                      1,
                                      255,
                                      65536,
                                      INT32_MAX,
                                      UINT32_MAX,
                                      (uint64_t)1 << 33,
                                      (uint64_t)1 << 40,
                                      INT64_MAX,
                                      (uint64_t)1 << 63,
                                      UINT64_MAX - 7,
                                      UINT64_MAX};
    (void)other;
    bytes_add(out, model->p, model->n);
    for (size_t n = 1 + dice_below(d, 3); n > 0; n--) {
        size_t len = dice_below(d, 2) == 0 ? 4 : 8, at = dice_below(d, out->n);
        uint64_t v = values[dice_below(d, sizeof values / sizeof *values)];
        for (size_t i = 0; i < len && at + i < out->n; i++)
            out->p[at + i] = (unsigned char)(v >> (8 * i));
    }
}

#define ANY (MADE_OF_FIELDS | MADE_OF_TEXT | MADE_OF_WORDS)
const struct mutator mutators[] = {
    {"flip-bits", ANY, flip_bits},
    {"truncate", ANY, truncate_file},
    {"splice-bytes", ANY, splice_bytes},
    {"repeat-bytes", ANY, repeat_bytes},
    {"drop-field", MADE_OF_FIELDS, drop_field},
    {"repeat-field", MADE_OF_FIELDS, repeat_field},
    {"extreme-number", MADE_OF_FIELDS, extreme_number},
    {"nest-field", MADE_OF_FIELDS, nest_field},
    {"lie-about-length", MADE_OF_FIELDS, lie_about_length},
    {"list-of-numbers", MADE_OF_FIELDS, list_of_numbers},
    {"transplant", MADE_OF_FIELDS, transplant},
    {"change-word", MADE_OF_TEXT, change_word},
    {"open-brackets", MADE_OF_TEXT, open_brackets},
    {"change-number", MADE_OF_TEXT, change_number},
    {"drop-piece", MADE_OF_TEXT, drop_piece},
    {"repeat-piece", MADE_OF_TEXT, repeat_piece},
    {"extreme-word", MADE_OF_WORDS, extreme_word},
};
const size_t n_mutators = sizeof mutators / sizeof *mutators;
