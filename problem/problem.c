/* The problem, from its case. */
#include "problem/problem.h"

#include <stdio.h>

#include "problem/problem_impl.h"

/* Exact solutions, where the case has them, are compiled on use; here they are only checked. */
static pdm_status check_exact(pdm_problem *p)
{
    pdm_status          status = PDM_OK;
    const pdm_function *f      = NULL;
    const char         *text   = NULL;
    if (!pdm_case_has_group(p->the_case, "pde/exact")) return PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_field(p->pde); i++) {
        const char *name = pdm_pde_field_name(p->pde, i);
        PDM_TRY(pdm_case_text(p->the_case, "pde/exact", name, NULL, &text));
        PDM_TRY(pdm_pde_compile(p->pde, text, pdm_case_where(p->the_case, "pde/exact", name), false, &f));
    }
done:
    return status;
}

/* A group that is misspelt is told as such, not as the absence of what is in it. */
static pdm_status check_groups(pdm_case *c)
{
    static const char *const known[] = {"pde",    "inputs",   "domain", "experts", "surrogate",
                                        "solver", "training", "gate",   "geometry"};
    if (!pdm_case_has_group(c, "pde") || !pdm_case_has_group(c, "domain")) return PDM_OK; /* required: told better */
    return pdm_case_check_groups(c, known, sizeof known / sizeof *known);
}

/* Of the context, else /solver:backend, else "cpu". Lent until the case changes. */
static pdm_status choose_backend(pdm_case *c, const char **out)
{
    pdm_status  status = PDM_OK;
    const char *said   = pdm_context_backend(pdm_case_context(c));

    PDM_TRY(pdm_case_text(c, "solver", "backend", "cpu", out));
    if (*said) *out = said;
done:
    return status;
}

/* What rows need. */
static pdm_status create_rows(pdm_problem *p, bool is_slab, const pdm_grading *grading)
{
    pdm_status  status = PDM_OK;
    const char *name   = NULL;

    PDM_TRY(check_groups(p->the_case));
    PDM_TRY(pdm_training_settings_read(p->the_case, &p->training));
    PDM_TRY(pdm_solver_settings_read(p->the_case, &p->solving));
    PDM_TRY((is_slab ? pdm_pde_create_slab : pdm_pde_create)(p->ctx, p->the_case, &p->pde));
    PDM_TRY(pdm_domain_create(p->ctx, p->the_case, p->pde, grading, &p->domain));
    PDM_TRY(pdm_alloc_array(p->ctx, pdm_domain_n_field(p->domain), &p->magnitude));
    for (pdm_size f = 0; f < pdm_domain_n_field(p->domain); f++) p->magnitude[f] = 1.0;
    PDM_TRY(march_read_setting(p));
    PDM_TRY(choose_backend(p->the_case, &name));
    PDM_TRY(pdm_backend_create(p->ctx, name, &p->backend));
done:
    return status;
}

static pdm_status create_inputs(pdm_problem *p)
{
    pdm_status status = PDM_OK;

    PDM_TRY(check_exact(p));
    if (pdm_pde_level(p->pde) && p->training.loss != PDM_LOSS_PHYSICS) {
        const pdm_where where = pdm_case_where(p->the_case, "training", "loss");
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                    "training on data is for domains that are the whole box, and /geometry is there; \"physics\" "
                    "expected");
    }
    PDM_TRY(pdm_inputs_create(p->ctx, p->the_case, p->domain, (uint64_t)p->training.seed,
                              p->training.loss != PDM_LOSS_PHYSICS, &p->inputs));
    if (p->training.slabs > 1) PDM_TRY(pdm_slabs_check(p));
    PDM_TRY(march_check_setting(p));
done:
    return status;
}

static pdm_status read_inputs(pdm_problem *p)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_inputs_read(p->inputs));
    pdm_inputs_measure(p->inputs);
done:
    return status;
}

static pdm_status find_scales(pdm_problem *p)
{
    pdm_status status = PDM_OK;
    PDM_TRY(read_inputs(p));
    PDM_TRY(scales_find(p));
done:
    return status;
}

pdm_status pdm_problem_complete(pdm_problem **p)
{
    pdm_status   status              = PDM_OK;
    pdm_context *ctx                 = (*p)->ctx;
    pdm_grading  found               = {{NULL}};
    double       narrow[PDM_MAX_DIM] = {0.0};

    PDM_TRY(read_inputs(*p));
    PDM_TRY(grading_find(*p, &found));
    PDM_TRY(start_find(*p, &found));
    PDM_TRY(narrow_find(*p, &found, narrow));
    PDM_TRY(pdm_problem_regrade(p, &found));
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) (*p)->data_growth[j] = narrow[j];
    PDM_TRY(find_scales(*p));
done:
    pdm_grading_destroy(ctx, &found);
    return status;
}

/* With rows. */
static pdm_status open_problem(pdm_case *c, bool is_slab, const pdm_grading *grading, pdm_problem **out)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = pdm_case_context(c);
    pdm_problem *p      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *p, &p));
    p->ctx = ctx;
    PDM_TRY(pdm_case_copy(c, &p->the_case));
    PDM_TRY(create_rows(p, is_slab, grading));
    *out = p;
    p    = NULL;
done:
    pdm_problem_destroy(&p);
    return status;
}

pdm_status problem_create_slab(pdm_case *c, const pdm_grading *grading, pdm_problem **out)
{
    return open_problem(c, true, grading, out);
}

pdm_status pdm_problem_create(pdm_case *c, pdm_problem_depth depth, const pdm_grading *grading, pdm_problem **out)
{
    pdm_status   status = PDM_OK;
    pdm_problem *p      = NULL;

    PDM_TRY(open_problem(c, false, grading, &p));
    if (depth >= PDM_PROBLEM_INPUTS) PDM_TRY(create_inputs(p));
    if (depth >= PDM_PROBLEM_WHOLE) PDM_TRY(grading ? find_scales(p) : pdm_problem_complete(&p));
    *out = p;
    p    = NULL;
done:
    pdm_problem_destroy(&p);
    return status;
}

void pdm_problem_destroy(pdm_problem **problem)
{
    pdm_problem *p = *problem;
    if (!p) return;
    pdm_inputs_destroy(&p->inputs);
    pdm_backend_destroy(&p->backend);
    pdm_domain_destroy(&p->domain);
    pdm_pde_destroy(&p->pde);
    pdm_case_destroy(&p->the_case);
    pdm_free(p->ctx, p->magnitude);
    pdm_free(p->ctx, p);
    *problem = NULL;
}

pdm_status pdm_problem_regrade(pdm_problem **p, const pdm_grading *grading)
{
    pdm_status   status = PDM_OK;
    pdm_problem *again  = NULL;
    bool         any    = false;

    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) any = any || grading->interior[j];
    if (!any) return PDM_OK;
    PDM_TRY(pdm_problem_create((*p)->the_case, (*p)->inputs ? PDM_PROBLEM_INPUTS : PDM_PROBLEM_ROWS, grading, &again));
    again->start_is_graded = grading->interior[0] && start_is_open(again);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) again->peclet[j] = (*p)->peclet[j];
    pdm_problem_destroy(p);
    *p = again;
done:
    return status;
}

void pdm_problem_input_group(const pdm_problem *p, pdm_size input, char group[PDM_GROUP_TEXT])
{
    snprintf(group, PDM_GROUP_TEXT, "inputs/%s", pdm_pde_input(p->pde, input)->name);
}

void pdm_problem_dim_group(const pdm_problem *p, pdm_size dim, char group[PDM_GROUP_TEXT])
{
    snprintf(group, PDM_GROUP_TEXT, "domain/%s", pdm_pde_dim_name(p->pde, dim));
}
