/* From few experts to more, with the weights as they are. */
#include "kin/kin.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kin/kin_impl.h"

/* May upcycling change it? What the weights and the objective mean stays. */
static bool may_change(const char *group, const char *name)
{
    if (strcmp(group, "training") == 0 || strcmp(group, "solver") == 0) return true;
    if (strcmp(group, "gate") == 0) /* what its choices are made of stays */
        return strcmp(name, "groups") != 0 && strcmp(name, "shared") != 0 && strcmp(name, "hidden") != 0;
    if (strncmp(group, "domain/", 7) == 0) return strcmp(name, "experts") == 0 || strcmp(name, "prior_experts") == 0;
    return strcmp(group, "experts") == 0 && strcmp(name, "basis") != 0 && strcmp(name, "slabs") != 0;
}

static pdm_status check_change(void *user, const char *group, const char *name, const char *a, const char *b)
{
    pdm_status       status = PDM_OK;
    const pdm_model *m      = user;

    if (!may_change(group, name))
        PDM_FAIL(m->ctx, PDM_ERR_CASE,
                 "/%s:%s is %s in %s and %s here; an upcycled model keeps all but /domain/DIM:experts, /experts (less "
                 "basis and slabs), /gate (less groups, shared and hidden), /solver and /training",
                 group, name, a ? a : "not stated", pdm_model_name(m), b ? b : "not stated");
done:
    return status;
}

/* A gate that has learnt nothing chooses by nothing, and columns that were there under one are
 * not all worth having without. */
static pdm_status check_gate(const pdm_model *m, pdm_case *c)
{
    pdm_status status = PDM_OK;
    const bool has    = pdm_case_has_group(c, "gate");

    if (has != (m->gate != NULL))
        PDM_FAIL(
            m->ctx, PDM_ERR_CASE,
            "%s has %s gate and the case here %s /gate; an upcycled model keeps what it has. Upcycle as it is, then "
            "train --from what comes of it %s",
            pdm_model_name(m), m->gate ? "a" : "no", has ? "has a group" : "no group",
            has ? "with /gate: a gate starts anew there" : "without /gate");
done:
    return status;
}

/* Boxes of the prior are equal ones, or those of the experts. */
static pdm_status check_measured(pdm_model *m, pdm_case *c, const char *dim, const char *group, double old)
{
    pdm_status  status = PDM_OK;
    const char *boxes  = NULL;

    PDM_TRY(pdm_case_text(c, "experts", "boxes", "equal", &boxes));
    if (strcmp(boxes, "measured") != 0 && !pdm_experts_wants_boxes(m->experts)) goto done;
    const pdm_where where = pdm_case_where(c, strcmp(boxes, "measured") == 0 ? "experts" : group,
                                           strcmp(boxes, "measured") == 0 ? "boxes" : "experts");
    PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &where,
                "%s was trained with the polynomials of %.0f experts along %s, and measured boxes cannot have those of "
                "others; one expert (or prior_experts = 1) along each dimension expected, or experts:prior = \"none\"",
                pdm_model_name(m), old, dim);
done:
    return status;
}

/* Experts along a dimension, in the case of m and in c. */
static pdm_status count_along(pdm_model *m, pdm_case *c, const char *group, double *old, double *now)
{
    pdm_status status = PDM_OK;
    pdm_size   n;

    *old = *now = 1.0;
    PDM_TRY(pdm_case_reals(m->whole->the_case, group, "experts", false, 1, 1, old, &n));
    PDM_TRY(pdm_case_reals(c, group, "experts", false, 1, 1, now, &n));
done:
    return status;
}

/* Polynomials stay those of the boxes that the network was trained with: the columns of new experts then are the old
 * ones, cut into pieces, and reach all that those did. */
static pdm_status keep_prior(pdm_model *m, pdm_case *c)
{
    pdm_status     status = PDM_OK;
    const char    *prior  = NULL;
    char           group[PDM_GROUP_TEXT];
    double         old, now;
    bool           more  = false; /* or fewer, which is refused later */
    const pdm_size n_dim = pdm_domain_n_dim(m->problem->domain);

    PDM_TRY(pdm_case_text(c, "experts", "prior", "polynomial", &prior));
    if (strcmp(prior, "none") == 0) goto done;
    for (pdm_size j = 0; j < n_dim; j++) {
        pdm_problem_dim_group(m->problem, j, group);
        PDM_TRY(count_along(m, c, group, &old, &now));
        more = more || now != old;
    }
    for (pdm_size j = 0; j < n_dim && more; j++) {
        pdm_problem_dim_group(m->problem, j, group);
        if (pdm_case_has(c, group, "prior_experts")) continue; /* the parent's, or the user's */
        PDM_TRY(count_along(m, c, group, &old, &now));
        if (old > 1.0) PDM_TRY(check_measured(m, c, pdm_pde_dim_name(m->problem->pde, j), group, old));
        if (now != old && fmod(now, old) == 0.0) PDM_TRY(pdm_case_set_count(c, group, "prior_experts", (pdm_size)old));
    }
done:
    return status;
}

static pdm_size count_experts(const pdm_model *m)
{
    return pdm_experts_columns(m->experts)->n_expert;
}

static pdm_status report(pdm_model *before, pdm_model *after, const char *against, pdm_size n, const judgement *x,
                         const judgement *y, pdm_text *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(text, "%-10s %14s %14s\n", "", "before", "after"));
    PDM_TRY(pdm_text_append(text, "%-10s %14lld %14lld\n", "experts", (long long)count_experts(before),
                            (long long)count_experts(after)));
    PDM_TRY(pdm_text_append(text, "%-10s %14lld %14lld\n", "unknowns", (long long)pdm_experts_n_column(before->experts),
                            (long long)pdm_experts_n_column(after->experts)));
    if (before->gate)
        PDM_TRY(pdm_text_append(text, "%-10s %14.1f %14.1f  on the mean, as the gate chooses\n", "kept", x->columns,
                                y->columns));
    PDM_TRY(pdm_text_append(text, "%-10s %14.4e %14.4e  on %lld inputs drawn anew\n", "residual", x->residual,
                            y->residual, (long long)n));
    PDM_TRY(pdm_text_append(text, "%-10s %14.4e %14.4e  beyond that with all coefficients free\n", "excess", x->excess,
                            y->excess));
    if (against)
        PDM_TRY(pdm_text_append(text, "%-10s %12.4f %% %12.4f %%  against %s\n", "error", 100.0 * x->error,
                                100.0 * y->error, against));
    PDM_TRY(pdm_text_append(text, "%-10s", "settings"));
    PDM_TRY(changes_print(before->whole->the_case, after->whole->the_case, text));
    PDM_TRY(pdm_text_append(text, "\n"));
    if (y->unconverged > x->unconverged)
        PDM_TRY(pdm_text_append(text, "%lld solves did not converge, %lld before\n", (long long)y->unconverged,
                                (long long)x->unconverged));
done:
    return status;
}

pdm_status pdm_model_upcycle(pdm_model *before, pdm_case *c, const char *against, double tolerance, pdm_sink sink,
                             pdm_number numbers, void *user, pdm_model **out)
{
    pdm_status   status  = PDM_OK;
    pdm_model   *after   = NULL;
    pdm_case    *changed = NULL;
    judgement    x = {0}, y = {0};
    trial_inputs inputs = {0};
    pdm_text     text   = {0};

    PDM_EXPECT_POINTER(c ? pdm_case_context(c) : NULL, before, "a model");
    PDM_EXPECT_POINTER(before->ctx, c, "a case");
    PDM_EXPECT_POINTER(before->ctx, out, "a place for the model");
    PDM_EXPECT(before->ctx, tolerance >= 0.0 && isfinite(tolerance), "tolerance %g; 0 or more expected", tolerance);
    text.ctx = before->ctx;
    PDM_TRY(check_gate(before, c));
    PDM_TRY(pdm_case_compare(before->whole->the_case, c, check_change, before));
    PDM_TRY(pdm_case_copy(c, &changed));
    PDM_TRY(keep_prior(before, changed));
    PDM_TRY(pdm_model_create_from(changed, before, &after));
    if (count_experts(after) <= count_experts(before)) {
        PDM_FAIL(before->ctx, PDM_ERR_CASE, "%s: %lld experts after, %lld before; more expected, by domain.DIM.experts",
                 pdm_model_name(before), (long long)count_experts(after), (long long)count_experts(before));
    }
    after->state.step          = before->state.step;
    after->state.moments_since = before->state.step;
    after->state.first_loss    = NAN;
    if (after->gate) after->gate->opening = before->gate->opening;
    PDM_TRY(gate_teach(after, before));
    PDM_TRY(trial_inputs_create(before, &inputs));
    PDM_TRY(judge(before, &inputs, against, &x));
    PDM_TRY(judge(after, &inputs, against, &y));
    PDM_TRY(report(before, after, against, inputs.n, &x, &y, &text));
    const bool within =
        y.residual <= (1.0 + tolerance) * x.residual && (!against || y.error <= (1.0 + tolerance) * x.error);
    if (sink) sink(user, text.data);
    if (numbers) {
        numbers(user, "within", within ? 1.0 : 0.0);
        numbers(user, "experts.before", (double)count_experts(before));
        numbers(user, "experts", (double)count_experts(after));
        if (before->gate) numbers(user, "kept.before", x.columns);
        if (before->gate) numbers(user, "kept", y.columns);
        numbers(user, "residual.before", x.residual);
        numbers(user, "residual", y.residual);
        numbers(user, "excess.before", x.excess);
        numbers(user, "excess", y.excess);
        if (against) numbers(user, "error.before", x.error);
        if (against) numbers(user, "error", y.error);
    }
    *out  = after;
    after = NULL;
done:
    if (before) trial_inputs_destroy(before->ctx, &inputs);
    pdm_model_destroy(&after);
    pdm_case_destroy(&changed);
    pdm_text_destroy(&text);
    return status;
}
