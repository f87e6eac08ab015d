/* The weighted mean of models that were branched from one. */
#include "kin/kin.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kin/kin_impl.h"

/* ---- what may differ, and what becomes of it ---- */

static bool is_free_word(const char *group, const char *name)
{
    static const char *const word[] = {"title",       "references",  "history",     "source",
                                       "institution", "Conventions", "description", "comment"};
    if (*group)
        return strcmp(name, "long_name") == 0 || strcmp(name, "description") == 0 || strcmp(name, "comment") == 0;
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strcmp(name, word[i]) == 0) return true;
    return false;
}

static bool may_differ(const char *group, const char *name)
{
    return strcmp(group, "training") == 0 || is_free_word(group, name) ||
           (strcmp(group, "gate") == 0 && strcmp(name, "learning_rate") == 0) ||
           (strncmp(group, "inputs/", 7) == 0 && strcmp(name, "distribution") == 0);
}

typedef struct comparison {
    pdm_model       *a; /* grows into what is merged */
    const pdm_model *b;
} comparison;

static pdm_status check_difference(void *user, const char *group, const char *name, const char *a, const char *b)
{
    pdm_status        status = PDM_OK;
    const comparison *x      = user;

    if (!may_differ(group, name))
        PDM_FAIL(
            x->a->ctx, PDM_ERR_MODEL,
            "/%s:%s is %s in %s and %s in %s; models to merge are of one case, but for /training and distributions",
            group, name, a ? a : "not stated", pdm_model_name(x->a), b ? b : "not stated", pdm_model_name(x->b));
done:
    return status;
}

/* Bit by bit: branches have their parent's. */
static pdm_status check_numbers(const comparison *x, const char *what, pdm_size n, const double *a, const double *b)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < n; i++)
        if (a[i] != b[i])
            PDM_FAIL(
                x->a->ctx, PDM_ERR_MODEL,
                "%s, number %lld: %.9g in %s and %.9g in %s. They say what the network's inputs and columns mean, and "
                "are the same in models that were trained on from one by train --from",
                what, (long long)i, a[i], pdm_model_name(x->a), b[i], pdm_model_name(x->b));
done:
    return status;
}

/* First, and in these words: a gate whose settings are all at their defaults is not a difference of attributes. */
static pdm_status check_gates(const comparison *x)
{
    pdm_status status = PDM_OK;
    char       note[128];

    if (!pdm_gate_agrees(x->a->gate, x->b->gate, note, sizeof note))
        PDM_FAIL(x->a->ctx, PDM_ERR_MODEL,
                 "%s and %s: %s; models to merge have gates of the same groups, shared columns and width, or none",
                 pdm_model_name(x->a), pdm_model_name(x->b), note);
done:
    return status;
}

static pdm_status check_scales(const comparison *x)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_block = pdm_domain_n_block(x->a->whole->domain), n_input = pdm_pde_n_input(x->a->whole->pde);

    for (pdm_size i = 0; i < n_block; i++) {
        const double mine = pdm_domain_scale(x->a->whole->domain, i), theirs = pdm_domain_scale(x->b->whole->domain, i);
        PDM_TRY(check_numbers(x, "scales of rows", 1, &mine, &theirs));
    }
    PDM_TRY(check_numbers(x, "sizes of fields", pdm_domain_n_field(x->a->whole->domain), x->a->whole->magnitude,
                          x->b->whole->magnitude));
    PDM_TRY(check_numbers(x, "centres of inputs", n_input, x->a->whole->inputs->shift, x->b->whole->inputs->shift));
    PDM_TRY(check_numbers(x, "widths of inputs", n_input, x->a->whole->inputs->scale, x->b->whole->inputs->scale));
    if (!x->a->march) goto done; /* model_check_kin: the other one is none, either */
    const pdm_size n_slab_input = pdm_pde_n_input(x->a->problem->pde);
    PDM_TRY(check_numbers(x, "centres of states", n_slab_input, x->a->march->shift, x->b->march->shift));
    PDM_TRY(check_numbers(x, "widths of states", n_slab_input, x->a->march->scale, x->b->march->scale));
done:
    return status;
}

/* ---- what training drew: of all together ---- */

/* The fewest digits that give the number back. */
static pdm_status append_number(pdm_text *text, double value)
{
    char   number[32];
    double back;

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (pdm_text_to_real(number, &back) && back == value) break;
    }
    return pdm_text_append(text, "%s", number);
}

static pdm_status append_list(pdm_text *text, const pdm_distribution *d, const pdm_distribution *less)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < d->n; i++) {
        bool there = false;
        for (pdm_size k = 0; less && k < less->n; k++) there = there || less->value[k] == d->value[i];
        if (there) continue;
        if (text->length > strlen("list(")) PDM_TRY(pdm_text_append(text, ", "));
        PDM_TRY(append_number(text, d->value[i]));
    }
done:
    return status;
}

/* Of two distributions of one kind: uniform ones from the lowest to the highest, lists one behind the other. */
static pdm_status unite_texts(const comparison *x, pdm_size input, const char *mine, const char *theirs, pdm_text *out)
{
    pdm_status              status = PDM_OK;
    const pdm_distribution *a      = &x->a->whole->inputs->distribution[input],
                           *b      = &x->b->whole->inputs->distribution[input];

    if (strcmp(mine, theirs) == 0) return pdm_text_append(out, "%s", mine);
    if (a->kind == PDM_DISTRIBUTION_UNIFORM && b->kind == a->kind) {
        PDM_TRY(pdm_text_append(out, "uniform("));
        PDM_TRY(append_number(out, fmin(a->value[0], b->value[0])));
        PDM_TRY(pdm_text_append(out, ", "));
        PDM_TRY(append_number(out, fmax(a->value[1], b->value[1])));
        PDM_TRY(pdm_text_append(out, ")"));
    } else if (a->kind == PDM_DISTRIBUTION_LIST && b->kind == a->kind) {
        PDM_TRY(pdm_text_append(out, "list("));
        PDM_TRY(append_list(out, a, NULL));
        PDM_TRY(append_list(out, b, a));
        PDM_TRY(pdm_text_append(out, ")"));
    } else {
        PDM_FAIL(
            x->a->ctx, PDM_ERR_MODEL,
            "/inputs/%s:distribution is %.100s in %s and %.100s in %s; two uniform ones or two lists can be united, "
            "others have to agree",
            pdm_pde_input(x->a->whole->pde, input)->name, mine, pdm_model_name(x->a), theirs, pdm_model_name(x->b));
    }
done:
    return status;
}

/* Into a. */
static pdm_status unite_distributions(const comparison *x)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = x->a->ctx};

    for (pdm_size i = 0; i < pdm_pde_n_input(x->a->whole->pde); i++) {
        const char *mine = NULL, *theirs = NULL;
        char        group[PDM_GROUP_TEXT];
        pdm_problem_input_group(x->a->whole, i, group);
        PDM_TRY(pdm_case_text(x->a->whole->the_case, group, "distribution", "", &mine));
        PDM_TRY(pdm_case_text(x->b->whole->the_case, group, "distribution", "", &theirs));
        if (!*mine && !*theirs) continue;
        text.length = 0;
        PDM_TRY(unite_texts(x, i, mine, theirs, &text));
        if (strcmp(mine, text.data) == 0) continue;
        PDM_TRY(pdm_case_set_text(x->a->whole->the_case, group, "distribution", text.data));
        PDM_TRY(pdm_distribution_parse(x->a->ctx, text.data,
                                       pdm_case_where(x->a->whole->the_case, group, "distribution"),
                                       &x->a->whole->inputs->distribution[i]));
    }
done:
    pdm_text_destroy(&text);
    return status;
}

/* ---- the mean ---- */

static pdm_status add_weights(const pdm_model *m, double share, double *sum)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    void        *host   = NULL;

    PDM_TRY(b->ops->acquire(b, m->surrogate->parameters, PDM_READ, &host));
    for (pdm_size i = 0; i < m->surrogate->n_parameter; i++) sum[i] += share * ((const float *)host)[i];
    const pdm_weights logits = pdm_experts_logits(m->experts);
    for (pdm_size i = 0; i < logits.n; i++) sum[m->surrogate->n_parameter + i] += share * logits.parameter[i];
done:
    status = pdm_release(b, status, m->surrogate->parameters, &host);
    return status;
}

/* The weights, and an optimiser that starts afresh: moments of the parents are means over steps that led elsewhere. */
static pdm_status put_weights(pdm_model *m, const double *sum)
{
    pdm_status     status    = PDM_OK;
    pdm_backend   *b         = m->problem->backend;
    const pdm_size n         = m->surrogate->n_parameter;
    pdm_buffer    *moments[] = {m->state.adam_m, m->state.adam_v};
    pdm_buffer    *taken     = m->surrogate->parameters;
    void          *host      = NULL;

    PDM_TRY(b->ops->acquire(b, taken, PDM_WRITE, &host));
    for (pdm_size i = 0; i < n; i++) ((float *)host)[i] = (float)sum[i];
    PDM_TRY(pdm_model_set_windows(m, sum + n));
    for (int k = 0; k < 2; k++) {
        PDM_TRY(b->ops->release(b, taken, &host));
        taken = moments[k];
        PDM_TRY(b->ops->acquire(b, taken, PDM_WRITE, &host));
        memset(host, 0, (size_t)n * sizeof(float));
    }
done:
    status = pdm_release(b, status, taken, &host);
    return status;
}

/* What the first parent was becomes what is merged. */
static pdm_status become_merged(pdm_model *m, const double *sum, pdm_size step, char **history)
{
    pdm_status status = PDM_OK;

    PDM_TRY(put_weights(m, sum));
    m->state.step = m->state.moments_since = step;
    m->state.moments_empty                 = true;
    m->state.norm_mean                     = 0.0;
    m->state.first_loss                    = NAN;
    for (pdm_size i = 0; i < m->n_total; i++) m->state.carried.slab[i] = 0;
    pdm_free(m->ctx, m->history);
    pdm_free(m->ctx, m->file);
    m->file    = NULL;
    m->history = *history;
    *history   = NULL;
done:
    return status;
}

static pdm_status check_arguments(pdm_context *ctx, pdm_size n, const double *weight)
{
    pdm_status status = PDM_OK;

    if (n < 2 || n > PDM_MAX_COUNT)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%lld models to merge; two or more expected", (long long)n);
    for (pdm_size i = 0; weight && i < n; i++)
        if (!(weight[i] > 0.0) || !isfinite(weight[i]))
            PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "weight %lld is %g; numbers above 0 expected", (long long)i, weight[i]);
done:
    return status;
}

/* Checks that b can be merged with a, and unites what they drew. */
static pdm_status take_in(pdm_model *a, const pdm_model *b)
{
    pdm_status status = PDM_OK;
    comparison x      = {a, b};

    PDM_TRY(check_gates(&x));
    PDM_TRY(pdm_case_compare(a->whole->the_case, b->whole->the_case, check_difference, &x));
    PDM_TRY(model_check_kin(a, b));
    PDM_TRY(check_scales(&x));
    PDM_TRY(unite_distributions(&x));
done:
    return status;
}

pdm_status pdm_model_merge(pdm_context *ctx, pdm_size n, const char *const *path, const double *weight, pdm_model **out)
{
    pdm_status    status = PDM_OK;
    pdm_model    *first = NULL, *next = NULL;
    double       *sum = NULL, all = 0.0;
    pdm_text      lines   = {.ctx = ctx};
    char         *history = NULL;
    pdm_size      step    = 0;
    pdm_gate_mean gates   = {0};

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(ctx, path, "paths of models");
    PDM_EXPECT_POINTER(ctx, out, "a place for the model");
    PDM_TRY(check_arguments(ctx, n, weight));
    for (pdm_size i = 0; i < n; i++) all += weight ? weight[i] : 1.0;
    for (pdm_size i = 0; i < n; i++) { /* one beside the first at a time */
        const double share = (weight ? weight[i] : 1.0) / all;
        PDM_TRY(pdm_model_read(ctx, path[i], i == 0 ? &first : &next));
        const pdm_model *here = i == 0 ? first : next;
        if (i == 0)
            PDM_TRY(pdm_alloc_array(ctx, first->surrogate->n_parameter + pdm_experts_logits(first->experts).n, &sum));
        if (i > 0) PDM_TRY(take_in(first, next));
        if (i > 0)
            pdm_gate_mean_add(first->gate, next->gate, share, &gates);
        else
            pdm_gate_mean_begin(first->gate, share, &gates);
        PDM_TRY(add_weights(here, share, sum));
        step = here->state.step > step ? here->state.step : step;
        PDM_TRY(pdm_text_append(&lines, "merged: %.6g of %s (%s), step %lld\n", share, path[i], here->file_hash,
                                (long long)here->state.step));
        pdm_model_destroy(&next);
    }
    PDM_TRY(pdm_alloc_text(ctx, lines.data, &history));
    pdm_gate_mean_end(first->gate, &gates);
    PDM_TRY(become_merged(first, sum, step, &history));
    *out  = first;
    first = NULL;
done:
    pdm_model_destroy(&first);
    pdm_model_destroy(&next);
    pdm_text_destroy(&lines);
    if (ctx) pdm_free(ctx, history);
    if (ctx) pdm_free(ctx, sum);
    return status;
}
