/* Claims recomputed: a table made for it, and Epoch AI's where it is at hand. */
#include "study/claims.h"
#include "base/file.h"

#include "unit_table.h"

#include <math.h>
#include <string.h>

void test_claims__small(void **state);
void test_claims__refused(void **state);
void test_claims__epoch(void **state);

static const char small[] =
    "model,flop,params,active-params,tokens,epochs,hours,hardware,count,utilization,domain,base,"
    "finetune-flop,notes\n"
    "fits,6e20,1e9,,1e11,,,,,,Language,,,\n"
    "off,6e20,1e9,,1e10,1,,,,,Language,,,\n"
    "sparse,6e20,1e9,,1e12,1,,,,,Language,,,\"A \"\"Mixture-of-Experts\"\"\nmodel\"\n"
    "active,6e20,9e9,1e9,1e11,1,,,,,Language,,,\n"
    "epochs twice,6e20,1e9,,1e11,8,,,,,Language,,,\n"
    "no epochs,6e20,1e9,,1e10,,,,,,Language,,,\n"
    "picture,6e20,1e9,,1e3,1,,,,,Vision,,,\n"
    "over,1e21,,,,,10,A100,8,,Vision,,,\n"
    "under,1e19,,,,,10,A100,8,0.5,Vision,,,\n"
    "tuned,1e24,,,,,10,A100,8,,Language,big one,2e19,\n"
    "based,1e24,,,,,10,A100,8,,Language,big one,,\n"
    "odd,\"1,2\",1e9,,1e11,,,,,,Language,,,\n"
    "strange,1e20,,,,,10,Abacus 9,8,,Language,,,\n"
    "digits,5.0000000000001e+26,,,,,,,,,,,,\n";

static const struct fw_claim *find(const struct fw_claims *claims, const char *model)
{
    for (uint32_t i = 0; i < claims->n; i++)
        if (strcmp(claims->claim[i].model, model) == 0)
            return &claims->claim[i];
    fail_msg("no model %s", model);
    return NULL;
}

static void check(double v, double expected)
{
    if (!(fabs(v / expected - 1) < 1e-9))
        fail_msg("%g, expected %g", v, expected);
}

void test_claims__small(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_claims c;
    struct fw_error err;
    fw_arena_init(&arena, &fw_alloc_default);
    if (fw_claims_read(&arena, small, strlen(small), &c, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(c.n, 14);
    assert_int_equal(find(&c, "fits")->flags, 0);
    check(find(&c, "fits")->method1, 6e20);
    assert_int_equal(find(&c, "off")->flags, FW_CLAIM_6ND);
    assert_null(find(&c, "off")->explained);
    assert_int_equal(find(&c, "sparse")->flags, 0);
    assert_string_equal(find(&c, "sparse")->explained, "mixture of experts or sparse");
    check(find(&c, "active")->method1, 6e20);
    assert_string_equal(find(&c, "epochs twice")->explained, "epochs are in the data already");
    assert_string_equal(find(&c, "no epochs")->explained, "epochs are not stated");
    assert_true(isnan(find(&c, "picture")->method1)); // a weight meets many places of a picture
    assert_int_equal(find(&c, "picture")->flags, 0);
    assert_int_equal(find(&c, "over")->flags, FW_CLAIM_UTILISATION);
    check(find(&c, "over")->implied, 1e21 / (36000 * 8 * 312e12));
    check(find(&c, "over")->method2, 36000 * 8 * 312e12 * 0.4);
    check(find(&c, "under")->method2, 36000 * 8 * 312e12 * 0.5);
    check(find(&c, "tuned")->implied, 2e19 / (36000 * 8 * 312e12));
    assert_int_equal(find(&c, "tuned")->flags, 0);
    assert_int_equal(find(&c, "based")->flags, 0);
    assert_non_null(find(&c, "based")->explained);
    assert_int_equal(find(&c, "odd")->flags, FW_CLAIM_UNREADABLE);
    assert_string_equal(find(&c, "odd")->unreadable, "flop");
    assert_int_equal(find(&c, "strange")->flags, FW_CLAIM_DEVICE);
    assert_true(find(&c, "digits")->claimed == 5.0000000000001e+26);
    double v[] = {5, 1, 3, 2};
    check(fw_quantile(v, 4, 0.5), 2.5);
    check(fw_quantile(v, 4, 0), 1);
    check(fw_quantile(v, 4, 1), 5);
    assert_true(isnan(fw_quantile(v, 0, 0.5)));
    fw_arena_clear(&arena);
}

void test_claims__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {{"a,b\n1,2\n", "columns 'Model' and 'Training compute (FLOP)' (or model and flop) "
                                "are wanted"},
                 {"model,flop\nx,1,2\n", "row 2 has 3 cells, the first has 2"},
                 {"", "the table has no rows"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_arena arena;
        struct fw_claims c;
        struct fw_error err;
        fw_arena_init(&arena, &fw_alloc_default);
        assert_int_equal(fw_claims_read(&arena, cases[i].text, strlen(cases[i].text), &c, &err),
                         FW_FORMAT);
        assert_string_equal(err.message, cases[i].message);
        fw_arena_clear(&arena);
    }
}

static double median(const struct fw_claims *c, double *list, int which)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        const struct fw_claim *one = &c->claim[i];
        double v = which == 0   ? one->method1 / one->own
                   : which == 1 ? one->method2 / one->own
                                : one->implied;
        if (!isnan(v))
            list[n++] = v;
    }
    return fw_quantile(list, n, 0.5);
}

/* Rows whose notes say that the numbers do not fit, or why, and what is said of them here. */
static const struct {
    const char *model;
    unsigned flags;
    const char *explained;
} noted[] = {
    {"ELECTRA", FW_CLAIM_6ND, NULL},             // "doesn't quite line up with a 6ND estimate"
    {"ELMo", FW_CLAIM_6ND, NULL},                // another paper's figure for one step
    {"Word2Vec (large)", FW_CLAIM_6ND, NULL},    // a lookup and a tree: 6ND does not apply
    {"LaMDA", FW_CLAIM_6ND, NULL},               // from the hardware
    {"ProteinBERT", FW_CLAIM_UTILISATION, NULL}, // takes 89 TFLOP/s for a device of 11
    {"SigLIP 400M", FW_CLAIM_UTILISATION, NULL}, // the mean of two estimates ten apart
    {"PanGu-\xce\xa3", 0, "mixture of experts or sparse"}, // "sparse architecture, so we can't"
    {"LUKE", 0, "trained from another model, whose compute the claim may include"},
    {"GPT-1", 0, "epochs are not stated"}, // "We train for 100 epochs"
};

void test_claims__epoch(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_file file;
    struct fw_claims c;
    struct fw_error err;
    if (fw_file_open(&file, FW_TOP "/../shared/data/epoch_models.csv", 0, &fw_alloc_default,
                     &err) != FW_OK) {
        print_message(
            "Epoch AI's table of models is not at hand (../shared/data/epoch_models.csv)\n");
        skip();
        return;
    }
    fw_arena_init(&arena, &fw_alloc_default);
    if (fw_claims_read(&arena, file.data, file.size, &c, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(c.n, 1011);
    unsigned claimed = 0, unreadable = 0, over = 0, off = 0;
    for (uint32_t i = 0; i < c.n; i++) {
        claimed += isnan(c.claim[i].claimed) ? 0 : 1;
        unreadable += (c.claim[i].flags & FW_CLAIM_UNREADABLE) != 0;
        over += (c.claim[i].flags & FW_CLAIM_UTILISATION) != 0;
        off += (c.claim[i].flags & FW_CLAIM_6ND) != 0;
    }
    assert_int_equal(claimed, 521);
    assert_int_equal(unreadable, 3); // two numbers with a comma between
    assert_int_equal(over, 4);
    assert_int_equal(off, 25);
    double *list = fw_arena_array(&arena, c.n, sizeof *list);
    assert_non_null(list);
    assert_true(fabs(median(&c, list, 0) - 1) < 0.01);
    assert_true(fabs(median(&c, list, 1) - 1) < 0.02);
    assert_true(fabs(median(&c, list, 2) - 0.3) < 0.01);
    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) {
        const struct fw_claim *one = find(&c, noted[i].model);
        if (one->flags != noted[i].flags)
            fail_msg("%s: flags %u", one->model, one->flags);
        if (noted[i].explained != NULL) {
            assert_non_null(one->explained);
            assert_string_equal(one->explained, noted[i].explained);
        }
    }
    fw_file_close(&file);
    fw_arena_clear(&arena);
}
