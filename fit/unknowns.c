/* What is to be found: numbers with a start, a scale, bounds and beliefs, and what inputs they make. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

static const double CARRIED = 0.999; /* share of a field's variance that its modes are to have */

/* ---- settings of one name ---- */

static pdm_status read_number(pdm_context *ctx, const char *what, const char *name, const char *text, double *out)
{
    pdm_status status = PDM_OK;
    if (!pdm_text_to_real(text, out) || !isfinite(*out))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s of \"%s\": \"%s\"; a number expected", what, name, text);
done:
    return status;
}

/* "LOW : HIGH"; an end that is missing is no bound. */
static pdm_status read_bounds(pdm_context *ctx, const char *text, fit_number *x)
{
    pdm_status  status        = PDM_OK;
    const char *colon         = strchr(text, ':');
    char        low[FIT_NAME] = "", high[FIT_NAME] = "";

    if (!colon || strchr(colon + 1, ':'))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "bounds of \"%s\": \"%s\"; \"LOW : HIGH\" expected, either of which may be missing", x->name, text);
    if (sscanf(text, " %127[^ :]", low) != 1) low[0] = '\0';
    if (sscanf(colon + 1, " %127[^ ]", high) != 1) high[0] = '\0';
    x->low  = -INFINITY;
    x->high = INFINITY;
    if (*low) PDM_TRY(read_number(ctx, "bounds", x->name, low, &x->low));
    if (*high) PDM_TRY(read_number(ctx, "bounds", x->name, high, &x->high));
    if (!(x->low < x->high))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "bounds of \"%s\": %g to %g; the first below the second expected", x->name,
                 x->low, x->high);
done:
    return status;
}

/* "MEAN +- DEVIATION", or "none". */
static pdm_status read_prior(pdm_context *ctx, const char *text, fit_number *x)
{
    pdm_status  status         = PDM_OK;
    const char *sign           = strstr(text, "+-");
    char        mean[FIT_NAME] = "", deviation[FIT_NAME] = "";

    x->deviation = INFINITY;
    if (strcmp(text, "none") == 0) goto done;
    if (!sign || sscanf(text, " %127[^ +]", mean) != 1 || sscanf(sign + 2, " %127[^ ]", deviation) != 1)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "prior of \"%s\": \"%s\"; \"MEAN +- DEVIATION\" or \"none\" expected", x->name,
                 text);
    PDM_TRY(read_number(ctx, "prior", x->name, mean, &x->mean));
    PDM_TRY(read_number(ctx, "prior", x->name, deviation, &x->deviation));
    if (!(x->deviation > 0.0))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "prior of \"%s\": deviation %g; a number above 0 expected", x->name,
                 x->deviation);
done:
    return status;
}

/* ---- a scalar ---- */

/* Bounds and beliefs that the distribution stands for: the ends of a uniform one, mean and deviation of a normal one. */
static void believe_distribution(const pdm_distribution *d, fit_number *x)
{
    double width = 0.0;
    pdm_distribution_spread(d, &x->start, &width);
    if (d->kind == PDM_DISTRIBUTION_UNIFORM) {
        x->low   = fmin(d->value[0], d->value[1]);
        x->high  = fmax(d->value[0], d->value[1]);
        x->scale = width;
    } else if (d->kind == PDM_DISTRIBUTION_NORMAL) {
        x->mean  = x->start;
        x->scale = x->deviation = width;
    } else if (d->kind == PDM_DISTRIBUTION_LIST && d->n > 1) {
        x->scale = width;
    }
}

typedef struct fit_texts {
    fit_words start, bounds, priors;
} fit_texts;

/* Where the search begins, and how large a step is. */
static pdm_status choose_start(pdm_context *ctx, const char *given, fit_number *x)
{
    pdm_status status  = PDM_OK;
    const bool bounded = isfinite(x->low) && isfinite(x->high);

    if (given) PDM_TRY(read_number(ctx, "start", x->name, given, &x->start));
    if (!given && bounded && !(x->start > x->low && x->start < x->high)) x->start = 0.5 * (x->low + x->high);
    if (!(x->start >= x->low && x->start <= x->high))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "start of \"%s\": %g is outside of its bounds; %g to %g expected", x->name,
                 x->start, x->low, x->high);
    if (x->scale == 0.0 && isfinite(x->deviation)) x->scale = x->deviation;
    if (x->scale == 0.0 && bounded) x->scale = 0.5 * (x->high - x->low);
    if (x->scale == 0.0) x->scale = fabs(x->start);
    if (x->scale == 0.0)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT,
                 "nothing says how large \"%s\" is, which begins at 0; a start, two bounds or a prior expected",
                 x->name);
done:
    return status;
}

static pdm_status fill_scalar(const fit_unknowns *u, const fit_part *part, const fit_texts *t)
{
    pdm_status  status = PDM_OK;
    fit_number *x      = &u->number[part->first];
    const char *text   = NULL;

    *x = (fit_number){.low = -INFINITY, .high = INFINITY, .deviation = INFINITY};
    snprintf(x->name, sizeof x->name, "%s", part->name);
    believe_distribution(&u->problem->inputs->distribution[part->input], x);
    if ((text = fit_words_find(&t->bounds, part->name))) PDM_TRY(read_bounds(u->ctx, text, x));
    if ((text = fit_words_find(&t->priors, part->name))) PDM_TRY(read_prior(u->ctx, text, x));
    PDM_TRY(choose_start(u->ctx, fit_words_find(&t->start, part->name), x));
done:
    return status;
}

/* ---- a field ---- */

/* Modes of a Gaussian field, the largest first, until they carry most of its variance; or, with most > 0, so many, as on
 * another grid: the same ones, as a finer grid carries all of a coarser one, in the same order. */
static pdm_status choose_modes(pdm_context *ctx, pdm_size most, fit_part *part)
{
    pdm_status    status    = PDM_OK;
    const double *deviation = pdm_random_field_modes(part->field, &part->n_mode);
    double        all = 0.0, sum = 0.0;
    bool         *taken = NULL;

    PDM_TRY(pdm_alloc_array(ctx, part->n_mode, &taken));
    PDM_TRY(pdm_alloc_array(ctx, part->n_mode, &part->factor));
    PDM_TRY(pdm_alloc_array(ctx, FIT_MODES_MOST, &part->mode));
    for (pdm_size m = 0; m < part->n_mode; m++) all += deviation[m] * deviation[m];
    while (part->n < part->n_mode && part->n < (most > 0 ? most : FIT_MODES_MOST) &&
           (most > 0 || sum < CARRIED * all)) {
        pdm_size best = -1;
        for (pdm_size m = 0; m < part->n_mode; m++)
            if (!taken[m] && (best < 0 || deviation[m] > deviation[best])) best = m;
        if (!(deviation[best] > 0.0)) break;
        taken[best]           = true;
        part->mode[part->n++] = best;
        sum += deviation[best] * deviation[best];
    }
    part->carried = sum / all;
    if (most > 0 && part->n != most)
        PDM_FAIL(ctx, PDM_ERR_INTERNAL, "a finer grid carries %lld modes of \"%s\" and a coarser one %lld",
                 (long long)part->n, part->name, (long long)most);
done:
    pdm_free(ctx, taken);
    return status;
}

static pdm_status open_field(const fit_unknowns *u, const fit_part *like, fit_part *part)
{
    pdm_status        status = PDM_OK;
    const pdm_inputs *x      = u->problem->inputs;
    char              group[PDM_GROUP_TEXT];

    part->field = x->field[part->input];
    pdm_problem_input_group(u->problem, part->input, group);
    const pdm_where where = pdm_case_where(u->problem->the_case, group, "distribution");
    if (!part->field || x->distribution[part->input].kind != PDM_DISTRIBUTION_GAUSSIAN_FIELD)
        PDM_FAIL_AT(u->ctx, PDM_ERR_CASE, &where,
                    "the field \"%s\" is to be found, and nothing says how smooth it is; a distribution "
                    "gaussian_field(...) expected",
                    part->name);
    PDM_TRY(choose_modes(u->ctx, like ? like->n : 0, part));
done:
    return status;
}

/* Factors of modes are normal (0, 1) before there are data: that is what the distribution says. */
static void fill_field(const fit_unknowns *u, const fit_part *part)
{
    for (pdm_size k = 0; k < part->n; k++) {
        fit_number *x = &u->number[part->first + k];
        *x            = (fit_number){.scale = 1.0, .low = -INFINITY, .high = INFINITY, .deviation = 1.0};
        snprintf(x->name, sizeof x->name, "%.100s[%lld]", part->name, (long long)k);
    }
}

/* ---- all ---- */

static pdm_size find_input(const pdm_pde *p, const char *name)
{
    for (pdm_size i = 0; i < pdm_pde_n_input(p); i++)
        if (strcmp(pdm_pde_input(p, i)->name, name) == 0) return i;
    return -1;
}

static pdm_status find_parts(const fit_words *names, const fit_unknowns *like, fit_unknowns *u)
{
    pdm_status  status = PDM_OK;
    const char *known[FIT_PART_MOST];
    pdm_size    n_known = 0;

    for (pdm_size i = 0; i < pdm_pde_n_input(u->problem->pde) && n_known < FIT_PART_MOST; i++)
        known[n_known++] = pdm_pde_input(u->problem->pde, i)->name;
    for (pdm_size k = 0; k < names->n; k++) {
        fit_part *part = &u->part[u->n_part];
        part->input    = find_input(u->problem->pde, names->word[k].name);
        if (part->input < 0) PDM_TRY(fit_words_check(u->ctx, "parameters", names, n_known, known));
        part->name  = pdm_pde_input(u->problem->pde, part->input)->name;
        part->first = u->n;
        u->n_part++;
        if (pdm_pde_input(u->problem->pde, part->input)->n_dim > 0)
            PDM_TRY(open_field(u, like ? &like->part[k] : NULL, part));
        if (!part->field) part->n = 1;
        u->n += part->n;
    }
    if (u->n == 0) PDM_FAIL(u->ctx, PDM_ERR_ARGUMENT, "parameters: none; names like \"D, k\" expected");
done:
    return status;
}

/* start, bounds and priors are of scalars that are to be found. */
static pdm_status read_texts(const fit_unknowns *u, const pdm_fit_settings *s, fit_texts *t)
{
    pdm_status  status = PDM_OK;
    const char *scalar[FIT_PART_MOST];
    pdm_size    n = 0;

    for (pdm_size k = 0; k < u->n_part; k++)
        if (!u->part[k].field) scalar[n++] = u->part[k].name;
    PDM_TRY(fit_words_read(u->ctx, "start", s->start, false, &t->start));
    PDM_TRY(fit_words_read(u->ctx, "bounds", s->bounds, false, &t->bounds));
    PDM_TRY(fit_words_read(u->ctx, "priors", s->priors, false, &t->priors));
    PDM_TRY(fit_words_check(u->ctx, "start", &t->start, n, scalar));
    PDM_TRY(fit_words_check(u->ctx, "bounds", &t->bounds, n, scalar));
    PDM_TRY(fit_words_check(u->ctx, "priors", &t->priors, n, scalar));
done:
    return status;
}

pdm_status fit_unknowns_create(const pdm_problem *p, const fit_words *names, const pdm_fit_settings *s,
                               const fit_unknowns *like, fit_unknowns *out)
{
    pdm_status   status = PDM_OK;
    fit_texts    texts  = {.start = {.n = 0}};
    fit_unknowns u      = {.ctx = p->ctx, .problem = p};

    PDM_TRY(find_parts(names, like, &u));
    PDM_TRY(read_texts(&u, s, &texts));
    PDM_TRY(pdm_alloc_array(u.ctx, u.n, &u.number));
    for (pdm_size k = 0; k < u.n_part; k++) {
        if (u.part[k].field)
            fill_field(&u, &u.part[k]);
        else
            PDM_TRY(fill_scalar(&u, &u.part[k], &texts));
    }
    *out = u;
    u    = (fit_unknowns){.ctx = u.ctx};
done:
    fit_unknowns_destroy(&u);
    return status;
}

void fit_unknowns_destroy(fit_unknowns *u)
{
    if (!u->ctx) return;
    for (pdm_size k = 0; k < u->n_part; k++) {
        pdm_free(u->ctx, u->part[k].mode);
        pdm_free(u->ctx, u->part[k].factor);
    }
    pdm_free(u->ctx, u->number);
    *u = (fit_unknowns){.ctx = NULL};
}

void fit_unknowns_apply(const fit_unknowns *u, const double *theta, double *input)
{
    for (pdm_size k = 0; k < u->n_part; k++) {
        const fit_part *part = &u->part[k];
        double         *to   = input + pdm_domain_input_offset(u->problem->domain, part->input);
        if (!part->field) {
            *to = theta[part->first];
            continue;
        }
        memset(part->factor, 0, (size_t)part->n_mode * sizeof *part->factor);
        for (pdm_size i = 0; i < part->n; i++) part->factor[part->mode[i]] = theta[part->first + i];
        pdm_random_field_compose(part->field, part->factor, to);
    }
}

bool fit_unknowns_has(const fit_unknowns *u, pdm_size input)
{
    for (pdm_size k = 0; k < u->n_part; k++)
        if (u->part[k].input == input) return true;
    return false;
}
