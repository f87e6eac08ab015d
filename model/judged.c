/* What answers of a trained model are worth, as it was found at the end of training: kept with the model. */
#include "model/model.h"
#include "model/model_impl.h"

enum { JUDGED_NUMBERS = sizeof(pdm_judged) / sizeof(double) };

/* A file may say anything. */
static bool makes_sense(const pdm_model *m, const pdm_judged *j)
{
    return j->n > 0.0 && j->n <= PDM_MAX_COUNT && j->doubtful >= 0.0 && j->doubtful <= j->n && j->equation >= 0.0 &&
           j->equation < (double)pdm_domain_n_field(m->whole->domain);
}

pdm_status judged_store(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status  status = PDM_OK;
    pdm_judged *j      = &m->state.judged;
    pdm_size    n      = JUDGED_NUMBERS;

    if (!writing) PDM_TRY(pdm_store_length(s, "optimiser", "judged", &n));
    if (n < 0) *j = (pdm_judged){0};
    if (n < 0 || (writing && !(j->n > 0.0))) goto done;
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "judged", PDM_STORE_DOUBLE, JUDGED_NUMBERS, &j->n));
    if (!makes_sense(m, j)) *j = (pdm_judged){0};
    pdm_model_judged_values(m);
done:
    return status;
}

void pdm_model_judged_values(pdm_model *m)
{
    const pdm_judged *j = &m->state.judged;

    if (!(j->n > 0.0)) return;
    pdm_values_set(m->ctx, &m->values, j->n, "judged");
    pdm_values_set(m->ctx, &m->values, j->doubtful / j->n, "judged.doubtful");
    pdm_values_set(m->ctx, &m->values, j->left, "judged.left");
    pdm_values_set(m->ctx, &m->values, j->equation, "judged.equation");
    for (pdm_size k = 0; k < pdm_domain_n_dim(m->whole->domain); k++)
        pdm_values_set(m->ctx, &m->values, j->place[k], "judged.at.%s", pdm_pde_dim_name(m->whole->pde, k));
}

pdm_status pdm_model_judged_view(const pdm_model *m, pdm_text *out)
{
    pdm_status        status = PDM_OK;
    const pdm_judged *j      = &m->state.judged;

    PDM_TRY(pdm_text_append(
        out, "%.0f of %.0f answers to inputs not drawn before are doubtful or wrong; most left: ", j->doubtful, j->n));
    PDM_TRY(pdm_text_append(out, "%.2g %% of the largest term of equation %s, near ", 100.0 * j->left,
                            pdm_pde_field_name(m->whole->pde, (pdm_size)j->equation)));
    for (pdm_size k = 0; k < pdm_domain_n_dim(m->whole->domain); k++)
        PDM_TRY(pdm_text_append(out, "%s%s = %.3g", k ? ", " : "", pdm_pde_dim_name(m->whole->pde, k), j->place[k]));
    PDM_TRY(pdm_text_append(out, "\n"));
done:
    return status;
}
