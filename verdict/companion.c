/* The same inputs on another grid, solved beside an answer, slab after slab. */
#include "verdict/verdict.h"

#include <string.h>

#include "verdict/verdict_impl.h"

static pdm_status make_solver(companion *c, const pdm_output_grid *grid, const companion_limits *limits)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = c->problem;
    const pdm_size     n = limits->n_most, n_field = pdm_domain_n_field(p->domain);

    PDM_TRY(pdm_free_solver_create(p, n, limits->tolerance, limits->max_iter, &c->free));
    PDM_TRY(pdm_output_grid_create(p, n, grid->n, grid->coordinate, &c->grid));
    PDM_TRY(pdm_alloc_array(p->ctx, n * n_field * grid->n_point, &c->u));
    PDM_TRY(pdm_alloc_array(p->ctx, n, &c->converged));
    PDM_TRY(pdm_alloc_array(p->ctx, n, &c->objective));
done:
    return status;
}

/* A field input: the spline through the values of the other grid, at this one's points. Cells stay what they are. */
static pdm_status make_sampler(companion *c, pdm_size i)
{
    const pdm_domain     *from = c->of->domain, *to = c->whole->domain;
    const pdm_input_info *info = pdm_pde_input(c->of->pde, i);
    pdm_size              n[PDM_MAX_DIM];
    const double         *x[PDM_MAX_DIM] = {NULL};
    double                low[PDM_MAX_DIM];

    if (info->n_dim == 0 || pdm_domain_input_on_cells(from, i)) return PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(from); j++) {
        low[j] = pdm_domain_spline(from, j)->map.low;
        n[j]   = 1;
        x[j]   = &low[j];
    }
    for (pdm_size k = 0; k < info->n_dim; k++) x[info->dim[k]] = pdm_domain_input_points(to, i, k, &n[info->dim[k]]);
    return pdm_sampler_create(from, &(pdm_sampled_input){.input = (int32_t)i}, n, x, &c->sampler[i]);
}

pdm_status companion_create(const pdm_problem *of, const pdm_output_grid *grid, const companion_limits *limits,
                            companion *c)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = limits->n_most;

    c->of                = of;
    c->problem           = c->march ? c->march->slab : c->whole;
    pdm_backend   *b     = c->problem->backend;
    const pdm_size start = pdm_domain_n_field(c->problem->domain) * pdm_domain_n_coef(c->problem->domain);
    PDM_TRY(pdm_samples_create(c->problem, n, &c->samples));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(n * start) * sizeof(double), &c->start));
    PDM_TRY(pdm_alloc_array(of->ctx, pdm_pde_n_input(of->pde), &c->sampler));
    for (pdm_size i = 0; i < pdm_pde_n_input(of->pde); i++) PDM_TRY(make_sampler(c, i));
    if (c->march) PDM_TRY(pdm_alloc_array(of->ctx, n * pdm_domain_n_input(c->whole->domain), &c->input));
    if (c->march || grid->n_slab > 1) PDM_TRY(pdm_slab_end_create(c->problem, n, &c->end));
    if (limits->solves) PDM_TRY(make_solver(c, grid, limits));
done:
    return status;
}

void companion_destroy(companion *c)
{
    if (!c->whole) return;
    pdm_context       *ctx = c->whole->ctx;
    const pdm_problem *p   = c->problem ? c->problem : c->whole;
    pdm_slab_end_destroy(&c->end);
    pdm_output_grid_destroy(&c->grid);
    pdm_free_solver_destroy(&c->free);
    p->backend->ops->buffer_destroy(p->backend, &c->start);
    pdm_samples_destroy(&c->samples);
    for (pdm_size i = 0; c->sampler && i < pdm_pde_n_input(c->of->pde); i++) pdm_sampler_destroy(&c->sampler[i]);
    pdm_free(ctx, c->sampler);
    pdm_free(ctx, c->u);
    pdm_free(ctx, c->converged);
    pdm_free(ctx, c->objective);
    pdm_free(ctx, c->input);
    pdm_march_destroy(&c->march);
    pdm_problem_destroy(&c->whole);
    *c = (companion){0};
}

static void carry_input(companion *c, pdm_size i, const double *input, double *out)
{
    const pdm_domain *from = c->of->domain;
    if (c->sampler[i])
        pdm_sampler_apply(c->sampler[i], input, out);
    else
        memcpy(out, input + pdm_domain_input_offset(from, i), (size_t)pdm_domain_input_size(from, i) * sizeof *out);
}

pdm_status companion_inputs(companion *c, pdm_size n, const double *input)
{
    pdm_status     status = PDM_OK;
    double        *to     = c->march ? c->input : c->samples->input;
    const pdm_size n_from = pdm_domain_n_input(c->of->domain), n_to = pdm_domain_n_input(c->whole->domain);

    for (pdm_size s = 0; s < n; s++)
        for (pdm_size i = 0; i < pdm_pde_n_input(c->of->pde); i++)
            carry_input(c, i, input + s * n_from, to + s * n_to + pdm_domain_input_offset(c->whole->domain, i));
    if (c->march) PDM_TRY(pdm_march_inputs(c->march, n, to, c->samples->input));
    for (pdm_size s = 0; s < n && c->converged; s++) {
        c->converged[s] = true;
        c->objective[s] = 0.0;
    }
done:
    return status;
}

pdm_status companion_prepare(companion *c, pdm_size n, pdm_size k)
{
    pdm_status      status = PDM_OK;
    const pdm_batch batch  = pdm_samples_batch(c->samples, n);

    if (k > 0) {
        pdm_buffer *before = c->free ? pdm_solver_lend(c->free->solver)->c : c->start;
        PDM_TRY(pdm_slab_advance(c->end, batch, before, c->samples->input));
    }
    if (k > 0 && c->march) PDM_TRY(pdm_march_follow(c->march, n, c->input, c->samples->input));
    PDM_TRY(pdm_samples_prepare(c->samples, n, c->samples->input));
done:
    return status;
}

pdm_status companion_solve(companion *c, pdm_size n, pdm_size k, pdm_start from)
{
    pdm_status      status = PDM_OK;
    const pdm_batch batch  = pdm_samples_batch(c->samples, n);

    if (from == PDM_START_PRESENT) PDM_TRY(pdm_free_solver_start(c->free, c->samples, batch, c->start));
    PDM_TRY(pdm_free_solver_solve(c->free, c->samples, batch, from));
    for (pdm_size i = 0; i < n; i++) {
        const pdm_solve_result *r = &pdm_solver_results(c->free->solver)[i];
        c->converged[i]           = c->converged[i] && pdm_reason_is_good(r->reason);
        c->objective[i] += r->objective;
    }
    PDM_TRY(pdm_output_grid_evaluate(c->grid, batch, k, pdm_solver_lend(c->free->solver)->c, c->u));
done:
    return status;
}

pdm_status companion_take(companion *c, pdm_size n, const pdm_problem *of, pdm_buffer *from, pdm_buffer *to)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b = of->backend, *mine = c->problem->backend;
    const pdm_size size = n * pdm_domain_n_field(c->problem->domain) * pdm_domain_n_coef(c->problem->domain);
    void          *in = NULL, *out = NULL;

    PDM_TRY(b->ops->acquire(b, from, PDM_READ, &in));
    PDM_TRY(mine->ops->acquire(mine, to, PDM_WRITE, &out));
    memcpy(out, in, (size_t)size * sizeof(double));
done:
    status = pdm_release(b, status, from, &in);
    status = pdm_release(mine, status, to, &out);
    return status;
}

pdm_status companion_run(companion *c, pdm_size n, const double *input)
{
    pdm_status status = PDM_OK;

    PDM_TRY(companion_inputs(c, n, input));
    for (pdm_size k = 0; k < c->grid->n_slab; k++) {
        PDM_TRY(companion_prepare(c, n, k));
        PDM_TRY(companion_solve(c, n, k, PDM_START_ZERO));
    }
done:
    return status;
}

double companion_end(const companion *c, pdm_size n_slab)
{
    const pdm_map *time = &pdm_domain_spline(c->problem->domain, 0)->map;
    return time->low + (double)n_slab * (time->high - time->low);
}
