#include "train/train.h"

#include <math.h>
#include <string.h>

/* Numbers between parentheses; -1 when the text is not "( number, number, ... )". */
static pdm_size parse_arguments(const char *p, double *value)
{
    pdm_size n = 0;
    if (*p++ != '(') return -1;
    for (;;) {
        char   number[64];
        size_t length;
        p += strspn(p, " \t");
        length = strcspn(p, " \t,)");
        if (length == 0 || length >= sizeof number || n >= PDM_LIST_MOST) return -1;
        memcpy(number, p, length);
        number[length] = '\0';
        if (!pdm_text_to_real(number, &value[n]) || !isfinite(value[n])) return -1;
        n++;
        p += length;
        p += strspn(p, " \t");
        if (*p == ')') break;
        if (*p++ != ',') return -1;
    }
    p++;
    return p[strspn(p, " \t")] == '\0' ? n : -1;
}

pdm_status pdm_distribution_parse(pdm_context *ctx, const char *text, pdm_where where, pdm_distribution *out)
{
    pdm_status       status = PDM_OK;
    pdm_distribution d      = {0};
    const char      *word   = text + strspn(text, " \t");
    const size_t     length = strcspn(word, " \t(");
    const char      *rest   = word + length + strspn(word + length, " \t");

    d.n = parse_arguments(rest, d.value);
    if (length == 7 && strncmp(word, "uniform", length) == 0 && d.n == 2) {
        d.kind = PDM_DISTRIBUTION_UNIFORM;
        if (!(d.value[1] >= d.value[0]))
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "uniform from %g to %g; two numbers that do not decrease expected",
                        d.value[0], d.value[1]);
    } else if (length == 6 && strncmp(word, "normal", length) == 0 && d.n == 2) {
        d.kind = PDM_DISTRIBUTION_NORMAL;
        if (!(d.value[1] >= 0.0))
            PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where, "standard deviation %g; 0 or more expected", d.value[1]);
    } else if (length == 4 && strncmp(word, "list", length) == 0 && d.n >= 1) {
        d.kind = PDM_DISTRIBUTION_LIST;
    } else {
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &where,
                    "\"%s\" is not a distribution; uniform(LOW, HIGH), normal(MEAN, DEVIATION) or list(A, B, ...) of "
                    "at most %d finite numbers expected",
                    text, PDM_LIST_MOST);
    }
    *out = d;
done:
    return status;
}

double pdm_distribution_draw(const pdm_distribution *d, pdm_random_key key, uint64_t index)
{
    switch (d->kind) {
    case PDM_DISTRIBUTION_UNIFORM: return d->value[0] + (d->value[1] - d->value[0]) * pdm_random_uniform(key, index);
    case PDM_DISTRIBUTION_NORMAL: return d->value[0] + d->value[1] * pdm_random_normal(key, index);
    case PDM_DISTRIBUTION_LIST: {
        const pdm_size i = (pdm_size)(pdm_random_uniform(key, index) * (double)d->n);
        return d->value[i < d->n ? i : d->n - 1];
    }
    case PDM_DISTRIBUTION_NONE: break;
    }
    return 0.0;
}

void pdm_distribution_spread(const pdm_distribution *d, double *centre, double *width)
{
    double low = d->value[0], high = d->value[0];
    switch (d->kind) {
    case PDM_DISTRIBUTION_NORMAL:
        *centre = d->value[0];
        *width  = d->value[1] > 0.0 ? d->value[1] : 1.0;
        return;
    case PDM_DISTRIBUTION_NONE:
        *centre = 0.0;
        *width  = 1.0;
        return;
    case PDM_DISTRIBUTION_UNIFORM:
    case PDM_DISTRIBUTION_LIST: break;
    }
    for (pdm_size i = 1; i < d->n; i++) {
        low  = d->value[i] < low ? d->value[i] : low;
        high = d->value[i] > high ? d->value[i] : high;
    }
    *centre = 0.5 * (low + high);
    *width  = high > low ? 0.5 * (high - low) : 1.0;
}
