/* Formulas as text, LaTeX and MathML: what differs between the three stands in tables. */
#include "report/math.h"

#include <string.h>

enum form { UTF8, ASCII, LATEX, MATHML, N_FORMS };

struct writer {
    enum form form;
    struct fw_str *out;
    int script; // inside an index or exponent
};

/* ---- what has a form of its own ---- */

struct name {
    const char *name;
    const char *as[N_FORMS];
};

#define GREEK(name, utf8, code)           \
    {                                     \
#name,                            \
        {                                 \
            utf8, #name, "\\" #name, code \
        }                                 \
    }
static const struct name names[] = {
    GREEK(alpha, "\xce\xb1", "&#945;"),
    GREEK(beta, "\xce\xb2", "&#946;"),
    GREEK(gamma, "\xce\xb3", "&#947;"),
    GREEK(delta, "\xce\xb4", "&#948;"),
    GREEK(epsilon, "\xce\xb5", "&#949;"),
    GREEK(eta, "\xce\xb7", "&#951;"),
    GREEK(theta, "\xce\xb8", "&#952;"),
    GREEK(lambda, "\xce\xbb", "&#955;"),
    GREEK(mu, "\xce\xbc", "&#956;"),
    GREEK(pi, "\xcf\x80", "&#960;"),
    GREEK(rho, "\xcf\x81", "&#961;"),
    GREEK(sigma, "\xcf\x83", "&#963;"),
    GREEK(phi, "\xcf\x86", "&#966;"),
    GREEK(omega, "\xcf\x89", "&#969;"),
    {"lr", {"lr", "lr", "\\eta", "&#951;"}},
    {"eps", {"eps", "eps", "\\epsilon", "&#949;"}},
    {"b1", {"b1", "b1", "\\beta_1", NULL}},
    {"b2", {"b2", "b2", "\\beta_2", NULL}},
    {"inf", {"\xe2\x88\x9e", "inf", "\\infty", "&#8734;"}},
    {"...", {"\xe2\x80\xa6", "...", "\\ldots", "&#8230;"}},
    {"=", {" = ", " = ", " = ", "="}},
    {"+=", {" += ", " += ", " \\mathrel{+}= ", "+="}},
    {"-=", {" -= ", " -= ", " \\mathrel{-}= ", "-="}},
    {"<=", {" \xe2\x89\xa4 ", " <= ", " \\le ", "&#8804;"}},
    {">=", {" \xe2\x89\xa5 ", " >= ", " \\ge ", "&#8805;"}},
    {"~=", {" \xe2\x89\x88 ", " ~= ", " \\approx ", "&#8776;"}},
    {"->", {" \xe2\x86\x92 ", " -> ", " \\to ", "&#8594;"}},
    {"~", {" ~ ", " ~ ", " \\sim ", "~"}},
    {"<", {" < ", " < ", " < ", "&lt;"}},
    {">", {" > ", " > ", " > ", "&gt;"}},
    {"+", {" + ", " + ", " + ", "+"}},
    {"-", {" - ", " - ", " - ", "&#8722;"}},
};

/* Functions that are written around their argument. */
struct fence {
    const char *name;
    const char *open[N_FORMS], *close[N_FORMS];
};

static const struct fence fences[] = {
    {"sqrt", {"\xe2\x88\x9a(", "sqrt(", "\\sqrt{", "<msqrt>"}, {")", ")", "}", "</msqrt>"}},
    {"partial",
     {"\xe2\x88\x82", "d", "\\partial ", "<mrow><mi>&#8706;</mi>"},
     {"", "", "", "</mrow>"}},
    {"hat",
     {"", "hat(", "\\hat{", "<mover accent=\"true\"><mrow>"},
     {"\xcc\x82", ")", "}", "</mrow><mo>^</mo></mover>"}},
    {"bar",
     {"", "mean(", "\\bar{", "<mover accent=\"true\"><mrow>"},
     {"\xcc\x84", ")", "}", "</mrow><mo>&#175;</mo></mover>"}},
    {"floor",
     {"\xe2\x8c\x8a", "floor(", "\\lfloor ", "<mrow><mo>&#8970;</mo>"},
     {"\xe2\x8c\x8b", ")", " \\rfloor", "<mo>&#8971;</mo></mrow>"}},
    {"ceil",
     {"\xe2\x8c\x88", "ceil(", "\\lceil ", "<mrow><mo>&#8968;</mo>"},
     {"\xe2\x8c\x89", ")", " \\rceil", "<mo>&#8969;</mo></mrow>"}},
};

static const struct fence group = {"",
                                   {"(", "(", "(", "<mrow><mo stretchy=\"false\">(</mo>"},
                                   {")", ")", ")", "<mo stretchy=\"false\">)</mo></mrow>"}};
static const struct fence tall_group = {
    "", {"(", "(", "\\left(", "<mrow><mo>(</mo>"}, {")", ")", "\\right)", "<mo>)</mo></mrow>"}};
static const struct fence norm = {"",
                                  {"|", "|", "\\lvert ", "<mrow><mo stretchy=\"false\">|</mo>"},
                                  {"|", "|", " \\rvert", "<mo stretchy=\"false\">|</mo></mrow>"}};

static const struct name *find_name(const struct fw_math *m)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fw_math_is(m, names[i].name))
            return &names[i];
    return NULL;
}

static const struct fence *find_fence(const struct fw_math *m)
{
    for (size_t i = 0; i < sizeof fences / sizeof *fences; i++)
        if (fw_math_is(m, fences[i].name))
            return &fences[i];
    return NULL;
}

/* ---- leaves ---- */

static void put(struct writer *w, const char *text)
{
    fw_str_add(w->out, text);
}

static bool is_text(const struct writer *w)
{
    return w->form == UTF8 || w->form == ASCII;
}

/* Characters that would mean something to the form. */
static void put_escaped(struct writer *w, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (w->form == LATEX && strchr("_&%$#{}", c) != NULL)
            fw_str_addf(w->out, "\\%c", c);
        else if (w->form == LATEX && strchr("\\^~", c) != NULL)
            put(w, c == '\\' ? "\\backslash " : c == '^' ? "\\wedge " : "\\sim ");
        else if (w->form == MATHML && strchr("&<>", c) != NULL)
            fw_str_addf(w->out, "&#%d;", c);
        else
            fw_str_addc(w->out, c);
    }
}

/* 1,234 and 1.5e-7 */
static void write_number(struct writer *w, const struct fw_math *m)
{
    const char *e = memchr(m->text, 'e', m->len);
    size_t len = e != NULL ? (size_t)(e - m->text) : m->len;
    put(w, w->form == MATHML ? "<mn>" : "");
    for (size_t i = 0; i < len; i++)
        if (m->text[i] == ',' && w->form == LATEX)
            put(w, "{,}");
        else
            fw_str_addc(w->out, m->text[i]);
    put(w, w->form == MATHML ? "</mn>" : "");
    if (e == NULL)
        return;
    size_t rest = m->len - len - 1;
    const char *power = e[1] == '+' ? e + 2 : e + 1;
    rest -= e[1] == '+';
    bool minus = *power == '-';
    for (power += minus, rest -= minus; rest > 1 && *power == '0'; rest--)
        power++;
    static const char *const open[] = {"e", "e", " \\times 10^{",
                                       "<mo>&#215;</mo><msup><mn>10</mn><mrow>"};
    static const char *const close[] = {"", "", "}", "</mn></mrow></msup>"};
    put(w, open[w->form]);
    put(w, minus && w->form == MATHML ? "<mo>&#8722;</mo>" : minus ? "-" : "");
    put(w, w->form == MATHML ? "<mn>" : "");
    fw_str_addn(w->out, power, rest);
    put(w, close[w->form]);
}

/* b1, b2: a letter with its number. */
static void write_beta(struct writer *w, const struct fw_math *m)
{
    fw_str_addf(w->out, "<msub><mi>&#946;</mi><mn>%c</mn></msub>", m->text[1]);
}

static void write_name(struct writer *w, const struct fw_math *m)
{
    const struct name *known = find_name(m);
    if (known != NULL && known->as[w->form] == NULL) {
        write_beta(w, m);
        return;
    }
    bool letters = m->len == 1 || (w->script && m->len == 2 && !fw_math_is(m, "in"));
    if (is_text(w)) {
        if (known != NULL)
            put(w, known->as[w->form]);
        else
            fw_str_addn(w->out, m->text, m->len);
    } else if (w->form == LATEX) {
        if (known == NULL && !letters)
            fw_str_addf(w->out, "\\mathrm{%.*s}", (int)m->len, m->text);
        else if (known == NULL)
            fw_str_addn(w->out, m->text, m->len);
        else
            fw_str_addf(w->out, "%s ", known->as[LATEX]);
    } else if (known != NULL) {
        fw_str_addf(w->out, "<mi>%s</mi>", known->as[MATHML]);
    } else if (letters) {
        for (size_t i = 0; i < m->len; i++)
            fw_str_addf(w->out, "<mi>%c</mi>", m->text[i]);
    } else {
        fw_str_addf(w->out, "<mi mathvariant=\"normal\">%.*s</mi>", (int)m->len, m->text);
    }
}

static void write_words(struct writer *w, const struct fw_math *m)
{
    static const char *const open[] = {"", "", "\\text{", "<mtext>"};
    static const char *const close[] = {"", "", "}", "</mtext>"};
    put(w, open[w->form]);
    put_escaped(w, m->text, m->len);
    put(w, close[w->form]);
}

static void write_sign(struct writer *w, const struct fw_math *m)
{
    const struct name *sign = find_name(m);
    const char *text = sign != NULL ? sign->as[w->form] : "?";
    if (w->form == MATHML)
        fw_str_addf(w->out, "<mo>%s</mo>", text);
    else
        put(w, text);
}

/* ---- trees ---- */

static void write_math(struct writer *w, const struct fw_math *m);

static void row(struct writer *w, const struct fw_math *m)
{
    put(w, w->form == MATHML ? "<mrow>" : "");
    write_math(w, m);
    put(w, w->form == MATHML ? "</mrow>" : "");
}

static bool is_tall(const struct fw_math *m)
{
    if (m->kind == FW_MATH_FRACTION || (m->kind == FW_MATH_CALL && fw_math_nth(m, 3) != NULL))
        return true;
    for (const struct fw_math *a = m->arg; a != NULL; a = a->next)
        if (is_tall(a))
            return true;
    return false;
}

static void write_fence(struct writer *w, const struct fence *f, const struct fw_math *m)
{
    put(w, f->open[w->form]);
    write_math(w, m);
    put(w, f->close[w->form]);
}

/* Whether the first thing to be read is a number, which wants a visible sign before it. */
static bool starts_with_number(const struct fw_math *m)
{
    while (m->kind != FW_MATH_GROUP && m->kind != FW_MATH_CALL && m->arg != NULL)
        m = m->arg;
    return m->kind == FW_MATH_NUMBER;
}

static void write_product(struct writer *w, const struct fw_math *m)
{
    static const char *const signs[] = {"\xc2\xb7", "*", " \\cdot ", "<mo>&#183;</mo>"};
    static const char *const silent[] = {"\xc2\xb7", "*", "\\,", "<mspace width=\"0.17em\"/>"};
    const struct fw_math *right = fw_math_nth(m, 1);
    write_math(w, m->arg);
    put(w, starts_with_number(right) ? signs[w->form] : silent[w->form]);
    write_math(w, right);
}

static const struct fw_math *bare(const struct fw_math *m)
{
    return m->kind == FW_MATH_GROUP ? m->arg : m;
}

static void write_fraction(struct writer *w, const struct fw_math *m)
{
    const struct fw_math *over = m->arg, *under = fw_math_nth(m, 1);
    if (is_text(w) || w->script) {
        write_math(w, over);
        put(w, w->form == MATHML ? "<mo>/</mo>" : "/");
        write_math(w, under);
        return;
    }
    put(w, w->form == LATEX ? "\\frac{" : "<mfrac>");
    row(w, bare(over));
    put(w, w->form == LATEX ? "}{" : "");
    row(w, bare(under));
    put(w, w->form == LATEX ? "}" : "</mfrac>");
}

static bool is_leaf(const struct fw_math *m)
{
    return m->kind == FW_MATH_NUMBER || m->kind == FW_MATH_NAME;
}

static void write_script(struct writer *w, const struct fw_math *m, const char *sign,
                         const char *element)
{
    const struct fw_math *script = fw_math_nth(m, 1);
    bool fenced = is_text(w) && !is_leaf(script);
    if (w->form == MATHML) {
        fw_str_addf(w->out, "<%s>", element);
        row(w, m->arg);
    } else {
        write_math(w, m->arg);
        put(w, sign);
        put(w, w->form == LATEX ? "{" : fenced ? "(" : "");
    }
    w->script++;
    row(w, script);
    w->script--;
    if (w->form == MATHML)
        fw_str_addf(w->out, "</%s>", element);
    else
        put(w, w->form == LATEX ? "}" : fenced ? ")" : "");
}

static void write_arguments(struct writer *w, const struct fw_math *first)
{
    for (const struct fw_math *a = first; a != NULL; a = a->next) {
        write_math(w, a);
        if (a->next != NULL)
            put(w, w->form == MATHML ? "<mo>,</mo>" : ", ");
    }
}

/* sum(k=1..n, x) */
static void write_range(struct writer *w, const struct fw_math *m)
{
    bool sum = m->text[0] == 's';
    static const char *const open[2][N_FORMS] = {
        {"\xce\xa0_(", "prod(", "\\prod_{", "<mrow><munderover><mo>&#8719;</mo><mrow>"},
        {"\xce\xa3_(", "sum(", "\\sum_{", "<mrow><munderover><mo>&#8721;</mo><mrow>"}};
    static const char *const equals[] = {"=", "=", "=", "<mo>=</mo>"};
    static const char *const to[] = {"..", "..", "}^{", "</mrow><mrow>"};
    static const char *const body[] = {") ", ", ", "} ", "</mrow></munderover>"};
    static const char *const close[] = {"", ")", "", "</mrow>"};
    put(w, open[sum][w->form]);
    write_math(w, fw_math_nth(m, 1));
    put(w, equals[w->form]);
    write_math(w, fw_math_nth(m, 2));
    put(w, to[w->form]);
    write_math(w, fw_math_nth(m, 3));
    put(w, body[w->form]);
    write_math(w, fw_math_nth(m, 4));
    put(w, close[w->form]);
}

static void write_call(struct writer *w, const struct fw_math *m)
{
    const struct fence *f = find_fence(m);
    if (f != NULL) {
        write_fence(w, f, bare(fw_math_nth(m, 1)));
        return;
    }
    if (fw_math_nth(m, 4) != NULL && (fw_math_is(m, "sum") || fw_math_is(m, "prod"))) {
        write_range(w, m);
        return;
    }
    if (w->form == LATEX && m->arg->kind == FW_MATH_NAME && m->arg->len > 1)
        fw_str_addf(w->out, "\\operatorname{%.*s}", (int)m->arg->len, m->arg->text);
    else
        write_math(w, m->arg);
    bool tall = is_tall(m);
    const struct fence *g = tall ? &tall_group : &group;
    put(w, g->open[w->form]);
    write_arguments(w, fw_math_nth(m, 1));
    put(w, g->close[w->form]);
}

static void write_lines(struct writer *w, const struct fw_math *m);

static void write_math(struct writer *w, const struct fw_math *m)
{
    switch (m->kind) {
    case FW_MATH_NUMBER:
        write_number(w, m);
        break;
    case FW_MATH_NAME:
        write_name(w, m);
        break;
    case FW_MATH_WORDS:
        write_words(w, m);
        break;
    case FW_MATH_NOTHING:
        break;
    case FW_MATH_LINES:
        write_lines(w, m);
        break;
    case FW_MATH_LIST:
        write_arguments(w, m->arg);
        break;
    case FW_MATH_RELATION:
    case FW_MATH_SUM:
        write_math(w, m->arg);
        write_sign(w, m);
        write_math(w, fw_math_nth(m, 1));
        break;
    case FW_MATH_PRODUCT:
        write_product(w, m);
        break;
    case FW_MATH_FRACTION:
        write_fraction(w, m);
        break;
    case FW_MATH_NEGATIVE:
        put(w, w->form == MATHML ? "<mo>&#8722;</mo>" : "-");
        write_math(w, m->arg);
        break;
    case FW_MATH_POWER:
        write_script(w, m, "^", "msup");
        break;
    case FW_MATH_INDEX:
        write_script(w, m, "_", "msub");
        break;
    case FW_MATH_PRIME:
        row(w, m->arg);
        put(w, w->form == MATHML ? "<mo>&#8242;</mo>" : "'");
        break;
    case FW_MATH_GROUP:
        write_fence(w, is_tall(m) ? &tall_group : &group, m->arg);
        break;
    case FW_MATH_NORM:
        write_fence(w, &norm, m->arg);
        break;
    case FW_MATH_CALL:
        write_call(w, m);
        break;
    }
}

/* The relation of a line at which lines are aligned: the first one, which stands deepest. */
static const struct fw_math *first_relation(const struct fw_math *line)
{
    const struct fw_math *m = line->kind == FW_MATH_RELATION ? line : NULL;
    while (m != NULL && m->arg->kind == FW_MATH_RELATION)
        m = m->arg;
    return m;
}

/* A chain a = b = c from its first relation on. */
static void write_right(struct writer *w, const struct fw_math *m, const struct fw_math *first)
{
    if (m != first)
        write_right(w, m->arg, first);
    write_sign(w, m);
    write_math(w, fw_math_nth(m, 1));
}

static void write_line(struct writer *w, const struct fw_math *line)
{
    static const char *const open[] = {"", "", "", "<mtr><mtd>"};
    static const char *const align[] = {"", "", "&", "</mtd><mtd>"};
    static const char *const close[] = {"", "", "", "</mtd></mtr>"};
    const struct fw_math *first = first_relation(line);
    put(w, open[w->form]);
    if (first == NULL) {
        put(w, align[w->form]);
        write_math(w, line);
    } else {
        write_math(w, first->arg);
        put(w, align[w->form]);
        write_right(w, line, first);
    }
    put(w, close[w->form]);
}

static void write_lines(struct writer *w, const struct fw_math *m)
{
    static const char *const open[] = {
        "", "", "\\begin{aligned}\n",
        "<mtable displaystyle=\"true\" columnalign=\"right left\" class=\"lines\">\n"};
    static const char *const between[] = {"\n", "\n", " \\\\\n", "\n"};
    static const char *const close[] = {"", "", "\n\\end{aligned}", "\n</mtable>"};
    put(w, open[w->form]);
    for (const struct fw_math *a = m->arg; a != NULL; a = a->next) {
        write_line(w, a);
        put(w, a->next != NULL ? between[w->form] : "");
    }
    put(w, close[w->form]);
}

/* ---- entries ---- */

void fw_math_text(const struct fw_math *m, bool ascii, struct fw_str *out)
{
    struct writer w = {ascii ? ASCII : UTF8, out, 0};
    write_math(&w, m);
}

void fw_math_latex(const struct fw_math *m, struct fw_str *out)
{
    struct writer w = {LATEX, out, 0};
    write_math(&w, m);
}

void fw_math_mathml(const struct fw_math *m, bool block, struct fw_str *out)
{
    struct writer w = {MATHML, out, 0};
    put(&w, block ? "<math display=\"block\"><mrow>" : "<math><mrow>");
    write_math(&w, m);
    put(&w, "</mrow></math>");
}
