/* Which of the prior's columns an expert's columns are added to: all of the first N, or those that a model which had
 * more has kept (pdemoe compress). An expert with few coefficients has those whose numbers are below their count. */
#include "experts/experts.h"

#include <math.h>

#include "experts/experts_impl.h"

enum { NUMBERS_MOST = 256 };

pdm_status experts_numbers_read(pdm_experts *x, pdm_case *c)
{
    pdm_status     status = PDM_OK;
    const pdm_size N      = x->settings.basis;
    double        *value  = NULL;
    pdm_size       n      = 0;

    PDM_TRY(pdm_alloc_array(x->ctx, N, &x->number));
    PDM_TRY(pdm_alloc_array(x->ctx, NUMBERS_MOST, &value));
    for (pdm_size i = 0; i < N; i++) value[i] = (double)i;
    PDM_TRY(pdm_case_reals(c, "experts", "prior_columns", false, 1, NUMBERS_MOST, value, &n));
    const pdm_where where = pdm_case_where(c, "experts", "prior_columns");
    if (n > 0 && n != N)
        PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "%lld numbers for %lld columns (experts:basis); as many expected",
                    (long long)n, (long long)N);
    for (pdm_size i = 0; i < N; i++) {
        if (value[i] != floor(value[i]) || value[i] < (i > 0 ? value[i - 1] + 1.0 : 0.0) ||
            value[i] >= (double)NUMBERS_MOST)
            PDM_FAIL_AT(x->ctx, PDM_ERR_CASE, &where, "%g; rising whole numbers from 0 to %d expected", value[i],
                        NUMBERS_MOST - 1);
        x->number[i] = (int32_t)value[i];
    }
done:
    pdm_free(x->ctx, value);
    return status;
}

pdm_size experts_count_numbers(const pdm_experts *x, pdm_size limit)
{
    pdm_size n = 0;
    while (n < x->settings.basis && x->number[n] < limit) n++;
    return n;
}

const int32_t *pdm_experts_numbers(const pdm_experts *x)
{
    return x->number;
}
