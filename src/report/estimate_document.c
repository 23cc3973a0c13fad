/* The document of an estimate: method, inputs, figures, rules and sources, to be attached to a
 * notification. */
#include "report/report_estimate.h"

#include "report/document.h"

#include <math.h>
#include <string.h>

struct writer {
    struct fw_document *d;
    const struct fw_estimate_report *er;
    const struct fw_estimate *e;
};

static const char *interval(const struct writer *w, struct fw_quantity q)
{
    const char *text = fw_interval_text(&w->er->r->arena, q, "");
    return text != NULL ? text : "";
}

static bool known(const struct writer *w, enum fw_quantity_name q)
{
    return !isnan(w->e->q[q].mid);
}

static void write_summary(const struct writer *w)
{
    struct fw_document *d = w->d;
    enum fw_quantity_name which = known(w, FW_Q_METHOD1) ? FW_Q_METHOD1 : FW_Q_METHOD2;
    struct fw_quantity q = w->e->q[which];
    char figures[16];
    fw_two_figures(q.mid, figures);
    fw_doc_heading(d, 1, "Summary");
    if (isnan(q.mid)) {
        fw_doc_text(d, "No amount of training compute follows from what was given.");
        return;
    }
    fw_doc_text(d, "The training compute is %s FLOP%s, to two significant figures, found by %s.",
                figures, w->e->complete ? "" : " at least",
                which == FW_Q_METHOD1 ? "counting operations"
                                      : "what the hardware can do in its time");
    if (fw_quantity_is_exact(q))
        fw_doc_text(d, "All inputs were given as exact numbers, so no interval is stated.");
    else
        fw_doc_text(d,
                    "With 90 %% probability, given the uncertainty of the inputs, it lies within: "
                    "%s FLOP.",
                    interval(w, q));
    if (known(w, FW_Q_RATIO))
        fw_doc_text(d,
                    "The two methods differ by a factor of %s; the implied utilisation of the "
                    "hardware (MFU) is %s.",
                    interval(w, w->e->q[FW_Q_RATIO]), interval(w, w->e->q[FW_Q_MFU]));
}

static bool any_phase(const struct writer *w, bool (*is)(const struct fw_run_phase *p))
{
    for (uint32_t i = 0; i < w->e->run->n_phases; i++)
        if (is(&w->e->run->phases[i]))
            return true;
    return false;
}

static bool from_model(const struct fw_run_phase *p)
{
    return p->step != NULL;
}

static bool from_params(const struct fw_run_phase *p)
{
    return p->in[FW_IN_PARAMS] != FW_NO_INPUT || p->in[FW_IN_ACTIVE_PARAMS] != FW_NO_INPUT;
}

static bool is_forward(const struct fw_run_phase *p)
{
    return p->kind->forward_only;
}

static bool is_stated(const struct fw_run_phase *p)
{
    return p->in[FW_IN_FLOP] != FW_NO_INPUT;
}

static void write_method1(const struct writer *w)
{
    struct fw_document *d = w->d;
    fw_doc_heading(d, 2, "Counting operations");
    if (any_phase(w, from_model)) {
        fw_doc_text(d, "Where a network is named, a training step of it was counted operator by "
                       "operator: forward pass, gradient of activations, gradient of weights. A "
                       "multiply-add is two operations. The count of a step is exact, and");
        fw_doc_formula(
            d, "C = \"FLOP of a step\" / \"examples of a step\" * \"examples\" * \"epochs\"");
    }
    if (any_phase(w, from_params)) {
        fw_doc_text(d, "Where the number of parameters $N$ that compute for a token is given, each "
                       "takes part in one multiply-add forward and two backward for each token of "
                       "$D$, epochs included:");
        fw_doc_formula(d, "C = 6*N*D");
        fw_doc_text(d, "This leaves out attention scores, which matters unless the network is wide "
                       "against a twelfth of the length of the context.");
    }
    if (any_phase(w, is_forward))
        fw_doc_text(d,
                    "Phases that only sample or evaluate take the forward pass: $2*N*D$, or that "
                    "of the counted step. Samples that were discarded are among them.");
    if (any_phase(w, is_stated))
        fw_doc_text(d, "Some phases were given as a number of operations.");
    fw_doc_text(d, "Activations that are computed a second time to save memory are no training "
                   "compute and are left out here; they count in the utilisation of the hardware "
                   "(HFU) only.");
}

static void write_method(const struct writer *w)
{
    struct fw_document *d = w->d;
    fw_doc_heading(d, 1, "Method");
    if (w->e->run->n_phases > 0)
        write_method1(w);
    if (w->e->run->n_fleets > 0) {
        fw_doc_heading(d, 2, "From the hardware");
        fw_doc_formula(d, "C = sum(k=1..K, n_k*t_k*p_k*u_k)");
        fw_doc_text(
            d, "over the $K$ fleets of $n_k$ devices, with the time $t_k$, the dense peak $p_k$ "
               "of one device in the number format that is named, and the part $u_k$ of it "
               "that is used. All operations count alike, whatever their precision.");
    }
    fw_doc_heading(d, 2, "Uncertainty");
    fw_doc_text(d, "An input given as a range or with a margin is taken as an interval of 90 %%, "
                   "lognormal on either side of its central value (of a range the geometric mean). "
                   "Each input alone is moved to its ends; the relative changes of the result are "
                   "added in quadrature, upward and downward apart. Inputs count as independent of "
                   "each other; one that holds for several phases is one input.");
}

static void write_tables(const struct writer *w)
{
    static const struct {
        enum fw_estimate_table table;
        const char *heading, *text;
    } parts[] = {
        {FW_EST_RESULT, "Result", NULL},
        {FW_EST_PHASES, "Phases", "What was computed, and as what it counts."},
        {FW_EST_FLEETS, "Hardware", "What it was computed on."},
        {FW_EST_PLAN, "Time, cost and energy", NULL},
        {FW_EST_INPUTS, "Inputs", "Everything the figures stand on, with where it comes from."},
        {FW_EST_REMARKS, "Remarks", NULL},
    };
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct fw_table *t = w->er->table[parts[i].table];
        if (t == NULL)
            continue;
        struct fw_table *plain = fw_arena_copy(w->d->arena, t, sizeof *t);
        fw_doc_heading(w->d, 1, "%s", parts[i].heading);
        if (parts[i].text != NULL)
            fw_doc_text(w->d, "%s", parts[i].text);
        if (plain == NULL)
            continue;
        plain->title = NULL; // the heading says it
        fw_doc_table(w->d, plain);
    }
}

static void write_rule(const struct writer *w, const struct fw_verdict *v)
{
    struct fw_document *d = w->d;
    char figures[16];
    fw_two_figures(v->counted.mid, figures);
    fw_doc_heading(d, 2, "%s", v->rule.rule);
    fw_doc_item(d, "limit: more than %s operations", fw_doc_double(d, v->rule.limit, 3));
    fw_doc_item(d, "counted: %s FLOP, %s times the limit", interval(w, v->counted),
                fw_doc_double(d, v->margin, 2));
    fw_doc_item(d, "exceeded: %s%s%s", fw_stand_words[v->stand],
                v->within ? "; the limit lies within " : "", v->within ? v->within : "");
    fw_doc_item(d, "counts: %s; left out: %s", v->rule.counts, v->rule.excludes);
    fw_doc_item(d, "applies to: %s; %s", v->rule.applies, v->rule.status);
    fw_doc_item(d, "%s", v->rule.note);
    fw_doc_item(d, "source: %s", v->rule.source);
}

static void write_rules(const struct writer *w)
{
    struct fw_document *d = w->d;
    fw_doc_heading(d, 1, "Rules that name an amount of compute");
    fw_doc_text(
        d, "Classes of phases: update (changes the weights), generation (samples and synthetic "
           "data that are not public, discarded ones included), merged (training of weights "
           "that were taken over), public (public synthetic data), aside (what does not end up "
           "in the model: evaluation, experiments, teachers, reward models).");
    for (unsigned i = 0; i < FW_N_RUN_CLASSES; i++)
        if (!isnan(w->e->class_flop[i].mid))
            fw_doc_item(d, "%s: %s FLOP", fw_run_class_names[i], interval(w, w->e->class_flop[i]));
    for (uint32_t i = 0; i < w->er->n_verdicts; i++)
        write_rule(w, &w->er->verdicts[i]);
    fw_doc_text(d,
                "This is a computation and no legal advice. What a model is in the sense of a rule "
                "does not follow from its compute alone.");
}

/* Once for each device. */
static void write_device(const struct writer *w, uint32_t fleet)
{
    const struct fw_run *run = w->e->run;
    const struct fw_hardware *h = run->fleets[fleet].match.device;
    for (uint32_t i = 0; i < fleet; i++)
        if (run->fleets[i].match.device == h)
            return;
    for (unsigned k = 0; h != NULL && k < h->n_rows; k++)
        fw_doc_item(w->d, "%s: %s (%s)", fw_doc_name(w->d, h->row[k].name), h->row[k].reference,
                    strcmp(h->row[k].source, "epoch") == 0
                        ? "Epoch AI, Data on Machine Learning Hardware, CC-BY 4.0"
                        : "curated table of flopwise");
}

static void write_sources(const struct writer *w)
{
    struct fw_document *d = w->d;
    fw_doc_heading(d, 1, "Sources");
    fw_doc_item(d, "method: J. Sevilla, L. Heim, M. Hobbhahn, T. Besiroglu, A. Ho, P. Villalobos, "
                   "Estimating Training Compute of Deep Learning Models, Epoch, 2022");
    fw_doc_item(d,
                "what counts: European Commission, Guidelines on the scope of the obligations for "
                "general-purpose AI models, C(2025) 5045, annex A");
    for (uint32_t i = 0; i < w->e->run->n_fleets; i++)
        write_device(w, i);
    fw_doc_item(d, "computed by flopwise %s", fw_version());
}

enum fw_status fw_estimate_document(const struct fw_estimate_report *er, struct fw_error *err)
{
    struct writer w = {.d = fw_document_new(er->r), .er = er, .e = er->e};
    const char *name = er->e->run->name;
    if (w.d == NULL)
        return fw_fail_memory(err);
    er->r->title =
        fw_arena_printf(&er->r->arena, "Training compute%s%s", name ? ": " : "", name ? name : "");
    write_summary(&w);
    write_method(&w);
    write_tables(&w);
    write_rules(&w);
    write_sources(&w);
    return fw_document_end(w.d, er->r, err);
}
