/* Formulas in their three forms. */
#include "report/math.h"
#include "unit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

void test_math__text(void **state);
void test_math__latex(void **state);
void test_math__mathml(void **state);
void test_math__no_formula(void **state);

enum { TEXT, ASCII, LATEX, MATHML };

static const char *show(const char *source, int form)
{
    static char text[1024];
    struct fw_arena arena;
    struct fw_str s;
    const char *bad = NULL;
    fw_arena_init(&arena, &fw_alloc_default);
    fw_str_init(&s, &fw_alloc_default);
    const struct fw_math *m = fw_math_parse(&arena, source, strlen(source), &bad);
    if (m == NULL)
        fw_str_addf(&s, "bad: %s", bad);
    else if (form == LATEX)
        fw_math_latex(m, &s);
    else if (form == MATHML)
        fw_math_mathml(m, false, &s);
    else
        fw_math_text(m, form == ASCII, &s);
    (void)snprintf(text, sizeof text, "%s", fw_str_text(&s));
    fw_str_free(&s);
    fw_arena_clear(&arena);
    return text;
}

void test_math__text(void **state)
{
    (void)state;
    assert_string_equal(show("w_t = -lr*c/(1-b)*(t+1 - (1-b^(t+1))/(1-b))", ASCII),
                        "w_t = -lr*c/(1 - b)*(t + 1 - (1 - b^(t + 1))/(1 - b))");
    assert_string_equal(show("6*N*T", TEXT), "6\xc2\xb7N\xc2\xb7T");
    assert_string_equal(show("partial(L)/partial(W_ij) = x_j", ASCII), "dL/dW_ij = x_j");
    assert_string_equal(show("partial(L)/partial(W_ij)", TEXT), "\xe2\x88\x82L/\xe2\x88\x82W_ij");
    assert_string_equal(show("y_i = sum(j=1..n, W_ij*x_j)", ASCII), "y_i = sum(j=1..n, W_ij*x_j)");
    assert_string_equal(show("y_i = sum(j=1..n, x_j)", TEXT), "y_i = \xce\xa3_(j=1..n) x_j");
    assert_string_equal(show("m = b1*m; w -= lr*m", ASCII), "m = b1*m\nw -= lr*m");
    assert_string_equal(show("a = 1\n= 2", ASCII), "a = 1\n = 2");
    assert_string_equal(show("sigma = sqrt(2/d), d = 4,608", ASCII),
                        "sigma = sqrt(2/d), d = 4,608");
    assert_string_equal(show("hat(m)_t ~= 1.5e-07*|w|", ASCII), "hat(m)_t ~= 1.5e-7*|w|");
    assert_string_equal(show("\"over 5 times:\" A = X*X^T", ASCII), "bad: A = X*X^T");
    assert_string_equal(show("x = \"all & rows\"*max(a, -b)", ASCII), "x = all & rows*max(a, -b)");
}

void test_math__latex(void **state)
{
    (void)state;
    assert_string_equal(show("m_t = c*(1-b^t)/(1-b)", LATEX),
                        "m_{t} = \\frac{c\\,(1 - b^{t})}{1 - b}");
    assert_string_equal(show("partial(L)/partial(W_ij)", LATEX),
                        "\\frac{\\partial L}{\\partial W_{ij}}");
    assert_string_equal(show("W*partial(L)/partial(z)*x", LATEX),
                        "W\\,\\frac{\\partial L}{\\partial z}\\,x");
    assert_string_equal(show("2*1,024*768*batch", LATEX),
                        "2 \\cdot 1{,}024 \\cdot 768\\,\\mathrm{batch}");
    assert_string_equal(show("w -= lr*g/(sqrt(s) + eps)", LATEX),
                        "w \\mathrel{-}= \\frac{\\eta \\,g}{\\sqrt{s} + \\epsilon }");
    assert_string_equal(show("a = b; c += d", LATEX),
                        "\\begin{aligned}\na& = b \\\\\nc& \\mathrel{+}= d\n\\end{aligned}");
    assert_string_equal(show("L^(-1/4)", LATEX), "L^{-1/4}");
    assert_string_equal(show("n_in*k_first", LATEX), "n_{\\mathrm{in}}\\,k_{\\mathrm{first}}");
    assert_string_equal(show("exp(a/b)", LATEX), "\\operatorname{exp}\\left(\\frac{a}{b}\\right)");
    assert_string_equal(show("3e+20", LATEX), "3 \\times 10^{20}");
    assert_string_equal(show("\"50 %_x\"", LATEX), "\\text{50 \\%\\_x}");
}

void test_math__mathml(void **state)
{
    (void)state;
    assert_string_equal(show("x^2/2", MATHML),
                        "<math><mrow><mfrac><mrow><msup><mrow><mi>x</mi></mrow><mrow><mn>2</mn>"
                        "</mrow></msup></mrow><mrow><mn>2</mn></mrow></mfrac></mrow></math>");
    assert_string_equal(show("a < \"<b>\"", MATHML),
                        "<math><mrow><mi>a</mi><mo>&lt;</mo><mtext>&#60;b&#62;</mtext></mrow>"
                        "</math>");
    assert_string_equal(show("b1*m", MATHML), "<math><mrow><msub><mi>&#946;</mi><mn>1</mn></msub>"
                                              "<mspace width=\"0.17em\"/><mi>m</mi></mrow></math>");
}

void test_math__no_formula(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",   "a +",  "(a",  "a b",         "f(a,", "|a", "\"open", "sum(k=1, x)", "a_",
        "a^", "a = ", "a; ", "sum(k=1..n)", "* a",  "a)", "1..2",   "prod(k=1..2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_memory_equal(show(wrong[i], ASCII), "bad: ", 5);
    char deep[512];
    memset(deep, '(', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    assert_memory_equal(show(deep, ASCII), "bad: ", 5);
}
