/* Smaller model files: without groups of columns that no expert has use for, matrices of modes as factors of low rank,
 * numbers in half precision, no optimiser; as small as the error allows. */
#include "kin/kin.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kin/kin_impl.h"

/* One way to store the weights, and what comes of it. */
typedef struct trial {
    pdm_size  n_direction; /* 0: matrices are whole */
    pdm_size  bytes;       /* of the weights        */
    double    rank;        /* mean; NaN: whole      */
    judgement found;
    bool      within; /* the tolerance */
} trial;

enum { TRIALS = 10 };
/* Mean ranks that are tried, as shares of the largest that a matrix can have.
 * Above 1/2 factors take more than the matrix. */
static const double SHARE[] = {3.0 / 8, 1.0 / 4, 3.0 / 16, 1.0 / 8, 3.0 / 32, 1.0 / 16, 1.0 / 32, 1.0 / 64};

static const double UNUSED = 0.01; /* share of samples */

typedef struct compression {
    pdm_model           *source;
    pdm_model           *m;    /* a model of its own: a copy of the source, or what is left of it without some groups */
    pdm_model           *less; /* without some groups; NULL: there is nothing to drop                               */
    bool                 dropped; /* m is like less */
    unused_groups        groups;
    double               share; /* groups that are on in less are dropped */
    judgement            without;
    const pdm_surrogate *net;
    rank_order          *order;
    float               *whole; /* [n_parameter] as they were */
    bool                 half;
    const char          *against;
    double               tolerance;
    pdm_size             n_trial;
    trial                trial[TRIALS];
    trial_inputs         inputs;
    judgement            before;
    pdm_size             bytes; /* of the weights, whole and in single precision */
} compression;

/* Largest rank that any matrix can have, 0 when there are none; and how many there are. */
static pdm_size most_rank(const pdm_surrogate *net, pdm_size *n_matrix)
{
    pdm_size most = 0;
    for (pdm_size t = 0; t < net->n_tensor; t++) {
        pdm_size n_mode, n_in, n_out;
        if (net->tensor[t].kind != PDM_TENSOR_MODES) continue;
        pdm_tensor_modes(&net->tensor[t], &n_mode, &n_in, &n_out);
        const pdm_size least = n_in < n_out ? n_in : n_out;
        most                 = least > most ? least : most;
        *n_matrix += n_mode;
    }
    return most;
}

static pdm_status pack(const compression *x, pdm_size n_direction, pdm_packed *p)
{
    pdm_status status = PDM_OK;

    *p = (pdm_packed){.half = x->half};
    PDM_TRY(pdm_alloc_array(x->m->ctx, x->net->n_tensor, &p->tensor));
    if (n_direction > 0) PDM_TRY(rank_order_take(x->order, n_direction, p));
done:
    return status;
}

static bool is_within(const compression *x, const judgement *j)
{
    return judgement_measure(j) <= (1.0 + x->tolerance) * judgement_measure(&x->before) &&
           j->unconverged <= x->before.unconverged;
}

static pdm_status try_one(compression *x, trial *t)
{
    pdm_status status = PDM_OK;
    pdm_packed packed = {0};
    float     *values = NULL;

    PDM_TRY(pack(x, t->n_direction, &packed));
    PDM_TRY(pdm_alloc_array(x->m->ctx, x->net->n_parameter, &values));
    PDM_TRY(pdm_packed_unpack(x->net, &packed, x->whole, values));
    PDM_TRY(weights_set(x->m, values));
    PDM_TRY(judge(x->m, &x->inputs, x->against, &t->found));
    t->bytes  = pdm_packed_bytes(x->net, &packed);
    t->within = is_within(x, &t->found);
    t->rank   = t->n_direction > 0 ? (double)t->n_direction / (double)rank_order_n_mode(x->order) : NAN;
done:
    pdm_packed_destroy(x->m->ctx, x->net->n_tensor, &packed);
    pdm_free(x->m->ctx, values);
    return status;
}

static void add_trial(compression *x, pdm_size n_direction)
{
    if (x->n_trial == TRIALS || (n_direction < 1 && x->n_trial > 0)) return;
    if (x->n_trial > 0 && x->trial[x->n_trial - 1].n_direction == n_direction) return;
    x->trial[x->n_trial++] = (trial){.n_direction = n_direction};
}

static void list_trials(compression *x, double rank, double energy)
{
    const pdm_size n_mode = rank_order_n_mode(x->order);

    if (rank > 0.0) {
        add_trial(x, (pdm_size)fmax(1.0, floor(rank * (double)n_mode + 0.5)));
    } else if (energy > 0.0) {
        add_trial(x, rank_order_count(x->order, energy));
    } else {
        add_trial(x, 0); /* whole */
        for (size_t i = 0; i < sizeof SHARE / sizeof *SHARE; i++)
            add_trial(x, (pdm_size)(SHARE[i] * (double)rank_order_n_direction(x->order)));
    }
}

/* ---- groups ---- */

/* Groups that were asked for by a share of their own have to be there, and are dropped whatever comes of it. */
static pdm_status check_groups(const compression *x)
{
    pdm_status       status = PDM_OK;
    const pdm_model *m      = x->source;
    double           most   = 0.0;

    if (!m->gate) PDM_FAIL(m->ctx, PDM_ERR_MODEL, "%s has no gate, and so no groups to drop", pdm_model_name(m));
    if (x->groups.n == 0)
        PDM_FAIL(m->ctx, PDM_ERR_MODEL,
                 "%s: how its groups are used is not known, as there were no steps of training with this gate",
                 pdm_model_name(m));
    for (pdm_size k = 0; k < x->groups.n; k++) most = fmax(most, x->groups.use[k]);
    if (x->groups.n_keep == 0)
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT,
                 "groups %g: all %lld groups are on in less than that share of the samples of every expert, and "
                 "one has to be left; %.3g or less expected",
                 x->share, (long long)x->groups.n, most);
done:
    return status;
}

static pdm_status drop_groups(compression *x, double asked)
{
    pdm_status status = PDM_OK;

    x->share = asked > 0.0 ? asked : UNUSED;
    if (x->source->gate) PDM_TRY(unused_groups_find(x->source, x->share, &x->groups));
    if (asked > 0.0) PDM_TRY(check_groups(x));
    if (x->groups.n_keep == 0 || x->groups.n_keep == x->groups.n) goto done;
    PDM_TRY(model_without_groups(x->source, &x->groups, &x->less));
    PDM_TRY(judge(x->less, &x->inputs, x->against, &x->without));
    x->dropped = asked > 0.0 || is_within(x, &x->without);
done:
    return status;
}

/* ---- what is said ---- */

static pdm_status name_groups(const compression *x, pdm_text *text)
{
    pdm_status status = PDM_OK;
    for (pdm_size k = 0; k < x->groups.n; k++)
        if (!x->groups.keep[k]) PDM_TRY(pdm_text_append(text, " %lld", (long long)k));
done:
    return status;
}

static pdm_status print_dropped(const compression *x, pdm_text *text)
{
    pdm_status           status = PDM_OK;
    const pdm_surrogate *whole  = x->source->surrogate;

    PDM_TRY(pdm_text_append(text, "%-10s %14s %14s\n", "", "before", "after"));
    PDM_TRY(pdm_text_append(text, "%-10s %14lld %14lld  without", "groups", (long long)x->groups.n,
                            (long long)x->groups.n_keep));
    PDM_TRY(name_groups(x, text));
    PDM_TRY(pdm_text_append(text, ", on in less than %.3g %% of the samples of every expert\n", 100.0 * x->share));
    PDM_TRY(pdm_text_append(text, "%-10s %14lld %14lld\n", "unknowns",
                            (long long)pdm_experts_n_column(x->source->experts),
                            (long long)pdm_experts_n_column(x->m->experts)));
    PDM_TRY(pdm_text_append(text, "%-10s %14.1f %14.1f  on the mean, as the gate chooses\n", "kept", x->before.columns,
                            x->without.columns));
    PDM_TRY(pdm_text_append(text, "%-10s %11.1f kB %11.1f kB  in single precision\n", "weights",
                            (double)whole->n_parameter * sizeof(float) / 1e3,
                            (double)x->m->surrogate->n_parameter * sizeof(float) / 1e3));
    PDM_TRY(pdm_text_append(text, "%-10s %14.4e %14.4e\n", "excess", x->before.excess, x->without.excess));
    if (x->against)
        PDM_TRY(pdm_text_append(text, "%-10s %12.4f %% %12.4f %%\n", "error", 100.0 * x->before.error,
                                100.0 * x->without.error));
    PDM_TRY(pdm_text_append(text, "%-10s", "settings"));
    PDM_TRY(changes_print(x->source->whole->the_case, x->m->whole->the_case, text));
    PDM_TRY(pdm_text_append(text, "\n"));
done:
    return status;
}

static pdm_status print_groups(const compression *x, pdm_text *text)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = x->source->gate ? pdm_routing_get_settings(x->source->gate->routing)->groups : 0;
    double         least  = INFINITY;

    if (n == 0) goto done;
    if (x->dropped) {
        PDM_TRY(print_dropped(x, text));
        goto done;
    }
    for (pdm_size k = 0; k < x->groups.n; k++) least = fmin(least, x->groups.use[k]);
    PDM_TRY(pdm_text_append(text, "all %lld groups are kept: ", (long long)n));
    if (x->groups.n == 0)
        PDM_TRY(pdm_text_append(text, "how they are used is not known\n"));
    else if (x->groups.n_keep == 0)
        PDM_TRY(pdm_text_append(text, "none is on in %.3g %% of the samples of any expert\n", 100.0 * x->share));
    else if (!x->less)
        PDM_TRY(pdm_text_append(text, "each is on in %.3g %% of the samples of some expert, or more\n", 100.0 * least));
    else {
        PDM_TRY(pdm_text_append(text, "without"));
        PDM_TRY(name_groups(x, text));
        PDM_TRY(pdm_text_append(text, " the %s is %.4g, before %.4g\n", x->against ? "error" : "excess",
                                judgement_measure(&x->without), judgement_measure(&x->before)));
    }
done:
    return status;
}

static pdm_status print_row(const compression *x, double rank, pdm_size bytes, const judgement *j, const char *verdict,
                            pdm_text *text)
{
    pdm_status status = PDM_OK;

    if (isnan(rank))
        PDM_TRY(pdm_text_append(text, "%-8s", "whole"));
    else
        PDM_TRY(pdm_text_append(text, "%-8.3g", rank));
    PDM_TRY(pdm_text_append(text, "  %9.1f kB  %6.1f %%  %12.4e  %12.4e", (double)bytes / 1e3,
                            100.0 * (double)bytes / (double)x->bytes, j->residual, j->excess));
    if (x->against) PDM_TRY(pdm_text_append(text, "  %9.4f %%", 100.0 * j->error));
    PDM_TRY(pdm_text_append(text, "  %s\n", verdict));
done:
    return status;
}

static pdm_status print_table(const compression *x, const trial *chosen, pdm_text *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(text, "%-8s  %12s  %8s  %12s  %12s", "rank", "weights", "share", "residual", "excess"));
    if (x->against) PDM_TRY(pdm_text_append(text, "  %11s", "error"));
    PDM_TRY(pdm_text_append(text, "\n"));
    PDM_TRY(print_row(x, NAN, x->bytes, &x->before, "as it is", text));
    for (pdm_size i = 0; i < x->n_trial; i++)
        PDM_TRY(print_row(x, x->trial[i].rank, x->trial[i].bytes, &x->trial[i].found,
                          &x->trial[i] == chosen                                  ? "chosen"
                          : x->trial[i].within                                    ? "within the tolerance"
                          : x->trial[i].found.unconverged > x->before.unconverged ? "solves do not converge"
                                                                                  : "",
                          text));
    PDM_TRY(pdm_text_append(
        text, "numbers in %s precision; excess: the residual beyond that with all coefficients free%s\n",
        x->half ? "half" : "single", x->inputs.has_floor ? "" : ", which is not known here: they are the same"));
    PDM_TRY(pdm_text_append(text, "the tolerance, %g, is on the %s\n", x->tolerance,
                            x->against ? "error" : "excess, on inputs drawn anew"));
done:
    return status;
}

static pdm_size size_of_file(const char *path)
{
    struct stat s;
    return path && stat(path, &s) == 0 ? (pdm_size)s.st_size : -1;
}

static void tell_numbers(const compression *x, const trial *chosen, const char *output, pdm_number numbers, void *user)
{
    numbers(user, "within", chosen ? 1.0 : 0.0);
    numbers(user, "trials", (double)x->n_trial);
    numbers(user, "residual.before", x->before.residual);
    numbers(user, "excess.before", x->before.excess);
    if (x->against) numbers(user, "error.before", x->before.error);
    numbers(user, "bytes.before", (double)x->bytes);
    if (x->source->gate) {
        const bool dropped = x->dropped;
        numbers(user, "groups.before", (double)pdm_routing_get_settings(x->source->gate->routing)->groups);
        numbers(user, "groups", (double)pdm_routing_get_settings(x->m->gate->routing)->groups);
        numbers(user, "unknowns.before", (double)pdm_experts_n_column(x->source->experts));
        numbers(user, "unknowns", (double)pdm_experts_n_column(x->m->experts));
        numbers(user, "error.groups", dropped && x->against ? x->without.error : NAN);
        numbers(user, "excess.groups", dropped ? x->without.excess : NAN);
    }
    if (!chosen) return;
    numbers(user, "rank", chosen->rank);
    numbers(user, "residual", chosen->found.residual);
    numbers(user, "excess", chosen->found.excess);
    if (x->against) numbers(user, "error", chosen->found.error);
    numbers(user, "bytes", (double)chosen->bytes);
    numbers(user, "bytes.file", (double)size_of_file(output));
}

/* ---- the whole ---- */

static pdm_status check_arguments(const pdm_model *m, const pdm_compress_settings *s)
{
    pdm_status     status = PDM_OK;
    pdm_size       n_mode = 0;
    const pdm_size most   = most_rank(m->surrogate, &n_mode);

    if (most == 0) PDM_FAIL(m->ctx, PDM_ERR_MODEL, "%s: its network has no matrices of modes", pdm_model_name(m));
    if (!(s->rank >= 0.0 && s->rank <= (double)most))
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT,
                 "rank %g; above 0 and at most %lld, the width of its Fourier layers, expected", s->rank,
                 (long long)most);
    if (s->rank > 0.0 && s->rank * (double)n_mode < 0.5)
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "rank %g is the mean over %lld modes, which leaves nothing of them", s->rank,
                 (long long)n_mode);
    if (!(s->energy >= 0.0 && s->energy <= 1.0))
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "energy %g; above 0 and at most 1 expected", s->energy);
    if (s->rank > 0.0 && s->energy > 0.0)
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "rank %g and energy %g; one of them expected", s->rank, s->energy);
    if (!(s->groups >= 0.0 && s->groups <= 1.0))
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "groups %g, a share of samples; above 0 and at most 1 expected", s->groups);
    if (!(s->tolerance >= 0.0) || !isfinite(s->tolerance))
        PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT, "tolerance %g; 0 or more expected", s->tolerance);
done:
    return status;
}

static pdm_status write_chosen(compression *x, const trial *chosen, const char *output)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = x->m;
    pdm_packed packed = {0};

    PDM_TRY(pdm_model_remember(
        m, "compressed from %s (%s), step %lld: mean rank %.3g, %s precision, %lld of %lld columns", pdm_model_name(m),
        m->file_hash, (long long)m->state.step, chosen->rank, x->half ? "half" : "single",
        (long long)x->net->shape.n_channel, (long long)x->source->surrogate->shape.n_channel));
    PDM_TRY(pack(x, chosen->n_direction, &packed));
    PDM_TRY(weights_set(m, x->whole));
    PDM_TRY(pdm_model_write_packed(m, output, &packed));
done:
    pdm_packed_destroy(m->ctx, x->net->n_tensor, &packed);
    return status;
}

/* The model that weights are tried in. */
static pdm_status make_own(compression *x)
{
    pdm_status status = PDM_OK;

    if (x->dropped) {
        x->m    = x->less;
        x->less = NULL;
    } else {
        PDM_TRY(model_copy(x->source, &x->m));
    }
    x->net = x->m->surrogate;
    PDM_TRY(pdm_alloc_array(x->m->ctx, x->net->n_parameter, &x->whole));
    PDM_TRY(weights_get(x->m, x->whole));
done:
    return status;
}

static pdm_status try_all(compression *x, const trial **chosen)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < x->n_trial; i++) {
        trial *t = &x->trial[i];
        PDM_TRY(try_one(x, t));
        if (t->within && (!*chosen || t->bytes < (*chosen)->bytes)) *chosen = t;
    }
done:
    return status;
}

static void compression_destroy(pdm_context *ctx, compression *x)
{
    rank_order_destroy(ctx, &x->order);
    trial_inputs_destroy(ctx, &x->inputs);
    unused_groups_destroy(ctx, &x->groups);
    pdm_free(ctx, x->whole);
    pdm_model_destroy(&x->less);
    pdm_model_destroy(&x->m);
}

void pdm_compress_settings_init(pdm_compress_settings *s, size_t size)
{
    const pdm_compress_settings defaults = {.size = sizeof defaults, .tolerance = 0.1};
    pdm_settings_fill(s, size, &defaults, sizeof defaults);
}

pdm_status pdm_model_compress(pdm_model *m, const char *output, const pdm_compress_settings *settings, pdm_sink sink,
                              pdm_number numbers, void *user)
{
    pdm_status            status = PDM_OK;
    const trial          *chosen = NULL;
    pdm_text              text   = {0};
    compression           x      = {.source = m};
    pdm_compress_settings s;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, output, "the path of a file to write");
    text.ctx = m->ctx;
    pdm_compress_settings_init(&s, sizeof s);
    PDM_TRY(pdm_settings_take(m->ctx, "pdm_compress_settings", settings, &s, sizeof s));
    x.half      = s.half != 0;
    x.against   = s.against;
    x.tolerance = s.tolerance;
    x.bytes     = m->surrogate->n_parameter * (pdm_size)sizeof(float);
    PDM_TRY(check_arguments(m, &s));
    PDM_TRY(trial_inputs_create(m, &x.inputs));
    PDM_TRY(judge(m, &x.inputs, s.against, &x.before));
    PDM_TRY(drop_groups(&x, s.groups));
    PDM_TRY(make_own(&x));
    PDM_TRY(rank_order_create(x.m, &x.order));
    list_trials(&x, s.rank, s.energy);
    PDM_TRY(try_all(&x, &chosen));
    if (chosen) PDM_TRY(write_chosen(&x, chosen, output));
    PDM_TRY(print_groups(&x, &text));
    PDM_TRY(print_table(&x, chosen, &text));
    if (sink) sink(user, text.data);
    if (numbers) tell_numbers(&x, chosen, output, numbers, user);
done:
    compression_destroy(m->ctx, &x);
    pdm_text_destroy(&text);
    return status;
}
