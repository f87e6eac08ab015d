/* Inputs that training never drew: the network has not seen anything like them. */
#include "inputs/inputs.h"

#include <math.h>
#include <stdio.h>

static const double DEVIATIONS = 5.0;  /* what a normal distribution draws once in two million times */
static const double SLACK      = 1e-9; /* of the width of the range: files have rounded numbers */

static bool is_in_list(const pdm_distribution *d, double value)
{
    for (pdm_size i = 0; i < d->n; i++)
        if (fabs(value - d->value[i]) <= SLACK * fabs(d->value[i])) return true;
    return false;
}

static bool is_outside(const pdm_inputs *x, pdm_size i, double value)
{
    const pdm_distribution *d    = &x->distribution[i];
    const bool              ends = d->kind == PDM_DISTRIBUTION_UNIFORM;
    double centre = x->shift[i], unit = 1.0 / x->scale[i]; /* half the width, or the deviation; 1 where that is 0 */

    /* not from the scales, which may be those of the model that this one was trained on from */
    if (d->kind != PDM_DISTRIBUTION_NONE) pdm_distribution_spread(d, &centre, &unit);
    if (d->kind == PDM_DISTRIBUTION_LIST) return !is_in_list(d, value);
    if (d->kind == PDM_DISTRIBUTION_UNIFORM && d->value[0] == d->value[1])
        return fabs(value - d->value[0]) > SLACK * fabs(value);
    return fabs(value - centre) > (ends ? 1.0 + SLACK : DEVIATIONS) * unit;
}

/* The first number of the sample that lies outside, of input *which; -1: none. */
static pdm_size find_outside(const pdm_inputs *x, const double *input, bool scalars_only, pdm_size *which)
{
    for (pdm_size i = 0; i < x->n; i++) {
        const pdm_size at = pdm_domain_input_offset(x->domain, i), size = pdm_domain_input_size(x->domain, i);
        *which = i;
        if (scalars_only && pdm_pde_input(x->pde, i)->n_dim > 0) continue;
        for (pdm_size k = 0; k < size; k++)
            if (is_outside(x, i, input[at + k])) return at + k;
    }
    return -1;
}

pdm_status pdm_inputs_check_range(const pdm_inputs *x, pdm_size n, const double *input, bool scalars_only,
                                  pdm_size *count)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(x->domain);
    pdm_size       which = 0, first = 0, at = -1;
    const char    *text = "";
    char           group[128];

    *count = 0;
    for (pdm_size s = n - 1; s >= 0; s--) {
        pdm_size       input_here = 0;
        const pdm_size here       = find_outside(x, input + s * n_input, scalars_only, &input_here);
        if (here < 0) continue;
        (*count)++;
        first = s;
        which = input_here;
        at    = here;
    }
    if (*count == 0) goto done;
    const char *name = pdm_pde_input(x->pde, which)->name;
    snprintf(group, sizeof group, "inputs/%s", name);
    PDM_TRY(pdm_case_text(x->the_case, group, "distribution", "", &text));
    if (*text)
        pdm_log(x->ctx, PDM_LOG_WARNING, "predict",
                "%lld of %lld samples are outside of what training drew: %s = %g in sample %lld, but %.120s",
                (long long)*count, (long long)n, name, input[first * n_input + at], (long long)first, text);
    else
        pdm_log(x->ctx, PDM_LOG_WARNING, "predict",
                "%lld of %lld samples are outside of what training drew: %s = %g in sample %lld, but %g +- %g in its "
                "data",
                (long long)*count, (long long)n, name, input[first * n_input + at], (long long)first, x->shift[which],
                1.0 / x->scale[which]);
done:
    return status;
}
