/* Whether network and experts answer all of time at once, or slab after slab (experts:slabs). docs/mathematics.md,
 * "Slabs". */
#include "model/model.h"

#include <string.h>

#include "model/model_impl.h"

/* What else of a case does not go with a march. */
static pdm_status check_march(const pdm_model *m, pdm_size n_slab)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->whole;
    const pdm_where    loss   = pdm_case_where(p->the_case, "training", "loss"),
                    rolled    = pdm_case_where(p->the_case, "training", "slabs"),
                    boxes     = pdm_case_where(p->the_case, "experts", "boxes");
    const char *text          = NULL;

    PDM_TRY(pdm_march_check(p, n_slab, pdm_case_where(p->the_case, "experts", "slabs")));
    if (p->training.loss != PDM_LOSS_PHYSICS)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &loss,
                    "a loss on data is one on all of time, and experts:slabs = %lld answers a part of it at a time; "
                    "physics, or experts:slabs = 1, expected",
                    (long long)n_slab);
    if (p->training.slabs > 1)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &rolled,
                    "%lld, but with experts:slabs = %lld samples go through those slabs in training; one of them "
                    "expected",
                    (long long)p->training.slabs, (long long)n_slab);
    PDM_TRY(pdm_case_text(p->the_case, "experts", "boxes", "equal", &text));
    if (strcmp(text, "measured") == 0)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &boxes,
                    "\"measured\": they are found on all of time, and experts:slabs = %lld answers a part of it at a "
                    "time; equal, or experts:slabs = 1, expected",
                    (long long)n_slab);
done:
    return status;
}

pdm_status model_create_march(pdm_model *m)
{
    pdm_status status = PDM_OK;
    pdm_size   n_slab = 1;

    m->problem = m->whole;
    PDM_TRY(pdm_experts_slabs(m->whole->the_case, &n_slab));
    if (n_slab == 1) goto done;
    PDM_TRY(check_march(m, n_slab));
    PDM_TRY(pdm_march_create(m->whole, n_slab, &m->march));
    m->problem = m->march->slab;
done:
    return status;
}

pdm_status pdm_model_refuse_march(const pdm_model *m, const char *name)
{
    pdm_status status = PDM_OK;
    if (m->march)
        PDM_FAIL(
            m->ctx, PDM_ERR_MODEL,
            "%s: %s: its experts answer slab after slab (experts:slabs = %lld), and this is for models that answer "
            "all of time at once",
            pdm_model_name(m), name, (long long)m->march->n_slab);
done:
    return status;
}
