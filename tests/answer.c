#include "tests/answer.h"

#include <math.h>

static const double TOLERANCE = 1e-8; /* of pdemoe polish */

static pdm_status make_network_small(pdm_case *c)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_case_set_text(c, "surrogate", "width", "2"));
    PDM_TRY(pdm_case_set_text(c, "surrogate", "layers", "1"));
    PDM_TRY(pdm_case_set_text(c, "surrogate", "hidden", "2"));
    PDM_TRY(pdm_case_set_text(c, "surrogate", "modes", "2"));
    PDM_TRY(pdm_case_set_text(c, "experts", "basis", "2"));
    PDM_TRY(pdm_case_set_text(c, "training", "batch", "1"));
done:
    return status;
}

pdm_status answer_grid(const answer *a, const pdm_size *n, pdm_output_grid **out)
{
    pdm_status         status         = PDM_OK;
    const pdm_problem *problem        = a->m->problem;
    pdm_context       *ctx            = problem->ctx;
    const pdm_size     n_dim          = pdm_domain_n_dim(problem->domain);
    double            *x[PDM_MAX_DIM] = {NULL};

    for (pdm_size d = 0; n && d < n_dim; d++) {
        const pdm_spline *s = pdm_domain_spline(problem->domain, d);
        PDM_TRY(pdm_alloc_array(ctx, n[d], &x[d]));
        for (pdm_size i = 0; i < n[d]; i++)
            x[d][i] = s->map.low + (s->map.high - s->map.low) * (double)i / (double)(n[d] - 1);
    }
    PDM_TRY(pdm_output_grid_create(problem, 1, n, n ? x : NULL, out));
done:
    for (pdm_size d = 0; d < PDM_MAX_DIM; d++) pdm_free(ctx, x[d]);
    return status;
}

static pdm_status solve(answer *a)
{
    pdm_status        status  = PDM_OK;
    pdm_judge        *judge   = NULL;
    pdm_context      *ctx     = a->m->problem->ctx;
    const pdm_size    n_input = pdm_domain_n_input(a->m->problem->domain);
    pdm_predict_times times   = {0};
    pdm_way           way;

    PDM_TRY(pdm_alloc_array(ctx, a->n_field * a->grid->n_point, &a->u));
    PDM_TRY(pdm_alloc_array(ctx, n_input, &a->input));
    PDM_TRY(pdm_inputs_draw_unseen(a->m->problem->inputs, 1, a->input));
    PDM_TRY(pdm_way_of_model(&a->by, a->grid, &way));
    PDM_TRY(pdm_way_judge(&way, a->grid, PDM_JUDGE_ESTIMATE, &judge));
    const pdm_run run = {.n       = 1,
                         .input   = a->input,
                         .u       = a->u,
                         .result  = &a->result,
                         .times   = &times,
                         .judge   = judge,
                         .verdict = &a->verdict};
    PDM_TRY(pdm_predict_run(&way, a->grid, &run));
done:
    pdm_judge_destroy(&judge);
    return status;
}

pdm_status answer_find(pdm_case *c, const pdm_size *n, answer *a)
{
    pdm_status status = PDM_OK;

    *a = (answer){.by = {.polish = TOLERANCE}};
    PDM_TRY(make_network_small(c));
    PDM_TRY(pdm_model_create(c, &a->m));
    a->by.m      = a->m;
    a->n_field   = pdm_domain_n_field(a->m->problem->domain);
    a->n_unknown = pdm_domain_n_free(a->m->problem->domain);
    PDM_TRY(answer_grid(a, n, &a->grid));
    PDM_TRY(solve(a));
done:
    return status;
}

void answer_close(answer *a)
{
    if (!a->m) return;
    pdm_context *ctx = a->m->problem->ctx;
    pdm_model_way_close(&a->by);
    pdm_output_grid_destroy(&a->grid);
    pdm_free(ctx, a->u);
    pdm_free(ctx, a->input);
    pdm_model_destroy(&a->m);
}

pdm_status answer_exact(const answer *a, const pdm_output_grid *grid, double *truth)
{
    pdm_status status = PDM_OK;
    for (pdm_size f = 0; f < a->n_field; f++) PDM_TRY(pdm_exact_field(grid, f, 1, a->input, truth + f * grid->n_point));
done:
    return status;
}

double answer_error(const answer *a, const pdm_output_grid *grid, const double *u, const double *truth)
{
    const pdm_size n     = grid->n_point;
    double         worst = 0.0;
    for (pdm_size f = 0; f < a->n_field; f++) {
        const double e = pdm_relative_error(grid, u + f * n, truth + f * n, -INFINITY);
        worst          = e > worst || isnan(e) ? e : worst;
    }
    return worst;
}
