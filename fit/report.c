/* A fit in words and numbers. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

static const double STRONG   = 0.5; /* a correlation that is told                                     */
static const double UNLIKELY = 4.0; /* standard deviations of chi2 from its mean                      */
static const double SHIFTED  = 0.3; /* standard errors that a finer grid may move a number   */

/* ---- numbers that were found ---- */

/* Digits of a value that its error leaves, and two more. */
static int digits_of(double value, double error)
{
    const double n = error > 0.0 && isfinite(error) && value != 0.0 ? 3.0 + floor(log10(fabs(value) / error)) : 6.0;
    return (int)fmin(fmax(n, 2.0), 12.0);
}

static pdm_status append_value(const fit_unknowns *u, const fit_answer *a, pdm_size k, pdm_text *text)
{
    pdm_status   status = PDM_OK;
    const double value = a->theta[k], error = a->error[k];

    PDM_TRY(pdm_text_append(text, "%-12s %-12.*g ", u->number[k].name, digits_of(value, error), value));
    if (a->at_bound[k] != 0) return pdm_text_append(text, "at its %s bound", a->at_bound[k] < 0 ? "lower" : "upper");
    if (isinf(error)) return pdm_text_append(text, "not seen by the data");
    PDM_TRY(pdm_text_append(text, "+- %-8.2g", error));
    if (value != 0.0) PDM_TRY(pdm_text_append(text, " (%.2g %%)", 100.0 * error / fabs(value)));
done:
    return status;
}

/* What was known before. */
static pdm_status append_before(const fit_number *x, pdm_text *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(text, "    from %.4g", x->start));
    if (isfinite(x->low) || isfinite(x->high)) {
        PDM_TRY(pdm_text_append(text, ", within "));
        PDM_TRY(isfinite(x->low) ? pdm_text_append(text, "%.4g : ", x->low) : pdm_text_append(text, ": "));
        if (isfinite(x->high)) PDM_TRY(pdm_text_append(text, "%.4g", x->high));
    }
    if (isfinite(x->deviation)) PDM_TRY(pdm_text_append(text, ", before %.4g +- %.2g", x->mean, x->deviation));
done:
    return status;
}

/* A field: how much of it the data have said. */
static pdm_status append_field(const fit_part *part, const fit_answer *a, pdm_text *text)
{
    double seen = 0.0;
    for (pdm_size k = part->first; k < part->first + part->n; k++) seen += 1.0 - fmin(a->error[k] * a->error[k], 1.0);
    return pdm_text_append(text,
                           "%-12s a field of %lld modes (%.4g %% of its variance); the data fix about %.1f of them\n",
                           part->name, (long long)part->n, 100.0 * part->carried, seen);
}

static pdm_status append_numbers(const fit_job *j, const fit_answer *a, pdm_text *text)
{
    pdm_status          status = PDM_OK;
    const fit_unknowns *u      = &j->at->unknowns;

    for (pdm_size i = 0; i < u->n_part; i++) {
        const fit_part *part = &u->part[i];
        if (part->field) {
            PDM_TRY(append_field(part, a, text));
            continue;
        }
        PDM_TRY(append_value(u, a, part->first, text));
        PDM_TRY(append_before(&u->number[part->first], text));
        PDM_TRY(pdm_text_append(text, "\n"));
    }
done:
    return status;
}

/* Pairs of scalars that the data hold together. */
static pdm_status append_correlations(const fit_job *j, const fit_answer *a, pdm_text *text)
{
    pdm_status          status = PDM_OK;
    const fit_unknowns *u      = &j->at->unknowns;
    bool                told   = false;

    for (pdm_size p = 0; p < u->n_part; p++)
        for (pdm_size q = p + 1; q < u->n_part; q++) {
            const pdm_size k = u->part[p].first, l = u->part[q].first;
            const double   size = a->error[k] * a->error[l], r = a->covariance[k * a->n + l] / size;
            if (u->part[p].field || u->part[q].field || !isfinite(size) || !(size > 0.0) || fabs(r) < STRONG) continue;
            PDM_TRY(pdm_text_append(text, "%-12s ", told ? "" : "correlation"));
            told = true;
            PDM_TRY(pdm_text_append(text, "%.4f of %s and %s\n", r, u->part[p].name, u->part[q].name));
        }
done:
    return status;
}

/* A part of direction v, relative to the number itself, or where that is 0 to its scale. */
static double part_of(const fit_unknowns *u, const fit_answer *a, const double *v, pdm_size k)
{
    const double size = a->theta[k] != 0.0 ? fabs(a->theta[k]) : u->number[k].scale;
    return v[k] * u->number[k].scale / size;
}

/* "D +1 %, k -1 %" of a direction. */
static pdm_status append_direction(const fit_unknowns *u, const fit_answer *a, pdm_size i, pdm_text *text)
{
    pdm_status    status = PDM_OK;
    const double *v      = a->unseen + i * a->n;
    double        unit   = 0.0; /* the largest; with the sign of the first that is told */
    bool          first  = true;

    for (pdm_size k = 0; k < a->n; k++) unit = fmax(unit, fabs(part_of(u, a, v, k)));
    for (pdm_size k = 0; k < a->n; k++) {
        const double part = part_of(u, a, v, k);
        if (fabs(part) < 0.01 * fabs(unit)) continue;
        if (first) unit = copysign(unit, part);
        PDM_TRY(pdm_text_append(text, "%s%s %+.3g %s", first ? "" : ", ", u->number[k].name, part / unit,
                                a->theta[k] != 0.0 ? "%" : "% of its scale"));
        first = false;
    }
done:
    return status;
}

/* ---- how well ---- */

static pdm_status append_data(const fit_job *j, const fit_answer *a, pdm_text *text)
{
    pdm_status status = PDM_OK;

    for (pdm_size v = 0; v < j->at->data.n_variable; v++) {
        const fit_variable *x = &j->at->data.variable[v];
        PDM_TRY(pdm_text_append(text, "%-12s %lld observations", x->name, (long long)x->n));
        if (strcmp(x->name, x->expression) != 0) PDM_TRY(pdm_text_append(text, " of %s", x->expression));
        if (x->n_missing > 0) PDM_TRY(pdm_text_append(text, ", %lld missing", (long long)x->n_missing));
        if (j->n_fit == 1) PDM_TRY(pdm_text_append(text, "; left over %.3g", a->variable_rms[v]));
        PDM_TRY(x->has_noise ? pdm_text_append(text, ", noise given\n")
                             : pdm_text_append(text, ", noise estimated: %.3g\n", a->variable_noise[v]));
    }
done:
    return status;
}

static pdm_status append_one(const fit_job *j, pdm_text *text)
{
    pdm_status        status = PDM_OK;
    const fit_answer *a      = &j->answer[0];

    PDM_TRY(append_numbers(j, a, text));
    PDM_TRY(append_correlations(j, a, text));
    PDM_TRY(append_data(j, a, text));
    PDM_TRY(pdm_text_append(text, "%-12s %.5g for %.5g degrees of freedom%s\n", "chi2", a->chi2, a->freedom,
                            a->noise_given ? "" : ", by the noise that was estimated"));
    PDM_TRY(pdm_text_append(text, "%-12s %s after %lld steps, %lld solves, %.3g s\n", "search", fit_end_text(a->end),
                            (long long)a->iterations, (long long)a->solves, a->seconds));
done:
    return status;
}

static pdm_status append_apart(const fit_job *j, pdm_text *text)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < j->n_fit; i++) {
        const fit_answer *a = &j->answer[i];
        PDM_TRY(pdm_text_append(text, "sample %lld: %s, chi2 %.4g for %.4g\n", (long long)i, fit_end_text(a->end),
                                a->chi2, a->freedom));
        for (pdm_size k = 0; k < j->at->unknowns.n_part; k++) {
            if (j->at->unknowns.part[k].field) {
                PDM_TRY(append_field(&j->at->unknowns.part[k], a, text));
                continue;
            }
            PDM_TRY(append_value(&j->at->unknowns, a, j->at->unknowns.part[k].first, text));
            PDM_TRY(pdm_text_append(text, "\n"));
        }
    }
    PDM_TRY(append_data(j, &j->answer[0], text));
done:
    return status;
}

/* The worst answer of all experiments. */
static pdm_size worst_solution(const fit_job *j)
{
    pdm_size worst = 0;
    for (pdm_size e = 1; e < j->at->data.n_experiment; e++)
        if (j->verdict[e].word > j->verdict[worst].word ||
            (j->verdict[e].word == j->verdict[worst].word && !(j->verdict[e].worst <= j->verdict[worst].worst)))
            worst = e;
    return worst;
}

/* The grid, and what a finer one would change. */
static pdm_status append_grid(const fit_job *j, pdm_text *text)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = j->at->problem;

    PDM_TRY(pdm_text_append(text, "%-12s ", "grid"));
    for (pdm_size d = 0; d < pdm_domain_n_dim(p->domain); d++)
        PDM_TRY(
            pdm_text_append(text, "%s%lld", d > 0 ? " x " : "", (long long)pdm_domain_spline(p->domain, d)->n_coef));
    PDM_TRY(pdm_text_append(text, " control points%s", j->at->m ? ", by the model" : ""));
    if (j->n_level > 1) PDM_TRY(pdm_text_append(text, ", grid number %lld", (long long)j->n_level));
    if (!isnan(j->shift))
        PDM_TRY(pdm_text_append(text, "; a finer one would move %s by %.2g standard errors",
                                j->at->unknowns.number[j->shifted].name, j->shift));
    PDM_TRY(pdm_text_append(text, "\n"));
done:
    return status;
}

pdm_status fit_report(const fit_job *j, pdm_text *text)
{
    pdm_status            status = PDM_OK;
    const pdm_assessment *v      = &j->verdict[worst_solution(j)];

    PDM_TRY(j->n_fit == 1 ? append_one(j, text) : append_apart(j, text));
    PDM_TRY(append_grid(j, text));
    PDM_TRY(pdm_text_append(text, "%-12s %s", "solution",
                            v->word == PDM_VERDICT_NONE ? "nothing is against it" : pdm_verdict_text(v->word)));
    if (!isnan(v->worst)) PDM_TRY(pdm_text_append(text, ", its error about %.2g %%", 100.0 * v->worst));
    PDM_TRY(pdm_text_append(text, "\n"));
done:
    return status;
}

/* ---- warnings ---- */

static void warn_search(const fit_job *j)
{
    pdm_size n_bad = 0, first = -1;
    for (pdm_size i = 0; i < j->n_fit; i++) {
        if (fit_end_is_good(j->answer[i].end)) continue;
        n_bad++;
        first = first < 0 ? i : first;
    }
    if (n_bad > 0)
        pdm_log(j->ctx, PDM_LOG_WARNING, "fit",
                "%lld of %lld searches did not converge (%s): what they have found is not an answer", (long long)n_bad,
                (long long)j->n_fit, fit_end_text(j->answer[first].end));
}

/* "sample 3: " in front of what is told of one of several fits. */
typedef char who_text[32];

static pdm_status warn_unseen(const fit_job *j, const fit_answer *a, const who_text who)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = j->ctx};

    for (pdm_size i = 0; i < a->n_unseen; i++) {
        pdm_text_destroy(&text);
        text = (pdm_text){.ctx = j->ctx};
        PDM_TRY(append_direction(&j->at->unknowns, a, i, &text));
        if (isinf(a->unseen_error[i]))
            pdm_log(j->ctx, PDM_LOG_WARNING, "fit",
                    "%sthe data do not see a change together of %s: other observations, a prior, or fewer parameters "
                    "expected",
                    who, text.data);
        else
            pdm_log(j->ctx, PDM_LOG_WARNING, "fit",
                    "%sthe data hardly see a change together of %s: its standard error is %.2g times what was thought "
                    "possible",
                    who, text.data, a->unseen_error[i]);
    }
done:
    pdm_text_destroy(&text);
    return status;
}

static bool is_bounded(const fit_answer *a)
{
    for (pdm_size k = 0; k < a->n; k++)
        if (a->at_bound[k] != 0) return true;
    return false;
}

static void warn_bounds(const fit_job *j, const fit_answer *a, const who_text who)
{
    for (pdm_size k = 0; k < a->n; k++)
        if (a->at_bound[k] != 0)
            pdm_log(
                j->ctx, PDM_LOG_WARNING, "fit",
                "%s\"%s\" is at its %s bound, %g: the data want it beyond, and the errors of the others hold for it "
                "there",
                who, j->at->unknowns.number[k].name, a->at_bound[k] < 0 ? "lower" : "upper", a->theta[k]);
}

static bool is_unlikely(const fit_answer *a)
{
    return a->noise_given && a->freedom > 0.0 && fabs(a->chi2 - a->freedom) > UNLIKELY * sqrt(2.0 * a->freedom);
}

static void warn_chi2(const fit_job *j, const fit_answer *a, const who_text who)
{
    if (a->chi2 > a->freedom)
        pdm_log(j->ctx, PDM_LOG_WARNING, "fit",
                "%schi2 is %.3g for %.3g degrees of freedom: the data differ from the solution by more than their "
                "noise. The equations, the grid or the noise are wrong, and errors are too small",
                who, a->chi2, a->freedom);
    else
        pdm_log(j->ctx, PDM_LOG_WARNING, "fit",
                "%schi2 is %.3g for %.3g degrees of freedom: the noise of the data is smaller than was given, and "
                "errors are too large",
                who, a->chi2, a->freedom);
}

/* Of several fits the first with each kind of warning. */
static pdm_status warn_answers(const fit_job *j)
{
    pdm_status status = PDM_OK;
    bool       unseen = false, bounds = false, chi2 = false;

    for (pdm_size i = 0; i < j->n_fit; i++) {
        const fit_answer *a   = &j->answer[i];
        who_text          who = "";
        if (!fit_end_is_good(a->end)) continue;
        if (j->n_fit > 1) snprintf(who, sizeof who, "sample %lld: ", (long long)i);
        if (!unseen) PDM_TRY(warn_unseen(j, a, who));
        if (!bounds) warn_bounds(j, a, who);
        if (!chi2 && is_unlikely(a)) warn_chi2(j, a, who);
        unseen = unseen || a->n_unseen > 0;
        bounds = bounds || is_bounded(a);
        chi2   = chi2 || is_unlikely(a);
    }
done:
    return status;
}

/* What was found depends on the grid, or nobody knows whether it does. */
static void warn_grid(const fit_job *j)
{
    const char *name = j->at->unknowns.number[j->shifted].name;
    if (j->shift > SHIFTED)
        pdm_log(
            j->ctx, PDM_LOG_WARNING, "fit",
            "a finer grid would move \"%s\" by %.2g standard errors; more control_points, or larger --max-unknowns, "
            "expected",
            name, j->shift);
    else if (isnan(j->shift) && j->why[0])
        pdm_log(j->ctx, PDM_LOG_WARNING, "fit", "not checked on a finer grid: %s", j->why);
}

static pdm_status warn_solution(const fit_job *j)
{
    pdm_status            status = PDM_OK;
    pdm_text              why    = {.ctx = j->ctx};
    const pdm_assessment *v      = &j->verdict[worst_solution(j)];

    if (v->word <= PDM_VERDICT_GOOD) return PDM_OK;
    PDM_TRY(pdm_verdict_explain(j->at->problem, v, j->at->problem->solving.accuracy, &why));
    pdm_log(j->ctx, PDM_LOG_WARNING, "fit", "the solution is %s: %s", pdm_verdict_text(v->word), why.data);
done:
    pdm_text_destroy(&why);
    return status;
}

pdm_status fit_warn(const fit_job *j)
{
    pdm_status status = PDM_OK;

    warn_search(j);
    PDM_TRY(warn_answers(j));
    warn_grid(j);
    PDM_TRY(warn_solution(j));
done:
    return status;
}

/* ---- numbers by name ---- */

static void give_answer(const fit_job *j, pdm_size i, pdm_number numbers, void *user)
{
    const fit_answer *a          = &j->answer[i];
    char              prefix[32] = "", name[FIT_NAME + 64];

    if (i > 0) snprintf(prefix, sizeof prefix, "%lld.", (long long)i);
    for (pdm_size k = 0; k < a->n; k++) {
        const char *of = j->at->unknowns.number[k].name;
        snprintf(name, sizeof name, "%svalue.%s", prefix, of);
        numbers(user, name, a->theta[k]);
        snprintf(name, sizeof name, "%serror.%s", prefix, of);
        numbers(user, name, a->error[k]);
        snprintf(name, sizeof name, "%sat_bound.%s", prefix, of);
        numbers(user, name, (double)a->at_bound[k]);
    }
}

void fit_numbers(const fit_job *j, pdm_number numbers, void *user)
{
    double   converged = 1.0, steps = 0.0, solves = 0.0, chi2 = 0.0, freedom = 0.0, unseen = 0.0;
    double   words[PDM_VERDICT_WRONG + 1] = {0.0};
    pdm_size missing                      = 0;
    char     name[64];

    for (pdm_size i = 0; i < j->n_fit; i++) {
        const fit_answer *a = &j->answer[i];
        converged           = fit_end_is_good(a->end) ? converged : 0.0;
        steps += (double)a->iterations;
        solves += (double)a->solves;
        chi2 += a->chi2;
        freedom += a->freedom;
        unseen = fmax(unseen, (double)a->n_unseen);
    }
    for (pdm_size v = 0; v < j->at->data.n_variable; v++) missing += j->at->data.variable[v].n_missing;
    for (pdm_size e = 0; e < j->at->data.n_experiment; e++) words[j->verdict[e].word] += 1.0;
    numbers(user, "converged", converged);
    numbers(user, "parameters", (double)j->at->unknowns.n);
    numbers(user, "observations", (double)j->at->data.n);
    numbers(user, "missing", (double)missing);
    numbers(user, "fits", (double)j->n_fit);
    numbers(user, "steps", steps);
    numbers(user, "solves", solves + (double)j->extra_solves);
    numbers(user, "chi2", chi2);
    numbers(user, "freedom", freedom);
    numbers(user, "unseen", unseen);
    numbers(user, "grids", (double)j->n_level);
    numbers(user, "shift", j->shift);
    numbers(user, "seconds", j->seconds);
    numbers(user, "seconds.verdict", j->seconds_verdict);
    for (int32_t w = 0; w <= PDM_VERDICT_WRONG; w++) {
        snprintf(name, sizeof name, "verdict.%s", pdm_verdict_text(w));
        numbers(user, name, words[w]);
    }
    for (pdm_size i = 0; i < j->n_fit; i++) give_answer(j, i, numbers, user);
}
