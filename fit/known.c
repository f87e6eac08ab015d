/* Inputs that are not to be found: they are known, and stand in the file of data. */
#include "fit/fit.h"

#include <string.h>

#include "fit/fit_impl.h"

/* Samples of input i: one for all, or one an experiment. *n of them, values [n][size of the input], allocated. */
static pdm_status read_input(const pdm_problem *p, pdm_size i, pdm_fields *f, pdm_size *n, double **values)
{
    const pdm_input_info *info = pdm_pde_input(p->pde, i);
    pdm_size              shape[PDM_MAX_DIM + 1];

    if (info->n_dim > 0) return pdm_file_samples_read(p->ctx, p->domain, pdm_fields_path(f), i, n, values);
    const pdm_status status = pdm_file_input_read(p->domain, f, i, shape, values);
    *n                      = shape[0];
    return status;
}

pdm_status fit_data_inputs(const pdm_problem *p, const fit_unknowns *u, pdm_fields *f, fit_data *d)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(p->domain);
    double        *values  = NULL;

    PDM_TRY(pdm_alloc_array(p->ctx, d->n_experiment * n_input, &d->input));
    for (pdm_size i = 0; i < pdm_pde_n_input(p->pde); i++) {
        const char    *name = pdm_pde_input(p->pde, i)->name;
        const pdm_size size = pdm_domain_input_size(p->domain, i), at = pdm_domain_input_offset(p->domain, i);
        pdm_size       n = 0;
        if (fit_unknowns_has(u, i)) continue;
        if (!pdm_fields_has(f, name))
            PDM_FAIL(
                p->ctx, PDM_ERR_DATA,
                "the input \"%s\" is not among the parameters to be found, and %s has no variable of that name; one "
                "of them expected",
                name, d->path);
        PDM_TRY(read_input(p, i, f, &n, &values));
        if (n != 1 && n != d->n_experiment)
            PDM_FAIL(p->ctx, PDM_ERR_DATA, "%s: \"%s\" has %lld samples; 1 or %lld expected", d->path, name,
                     (long long)n, (long long)d->n_experiment);
        for (pdm_size e = 0; e < d->n_experiment; e++)
            memcpy(d->input + e * n_input + at, values + (n == 1 ? 0 : e) * size, (size_t)size * sizeof *values);
        pdm_free(p->ctx, values);
        values = NULL;
    }
done:
    pdm_free(p->ctx, values);
    return status;
}
