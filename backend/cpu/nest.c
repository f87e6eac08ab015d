/* A multilevel preconditioner of A^T A for free coefficients: one V-cycle over nested splines, with patches of unknowns
 * that overlap solved for one after the other (multiplicative Schwarz), there and back, which keeps it symmetric. */
#include "backend/cpu/nest_impl.h"

#include "backend/lists.h"

void nest_run(nest_task *k, pdm_cpu_task fn, pdm_size n, pdm_size part0, pdm_size step)
{
    k->n_part    = (n - part0 + step - 1) / step;
    k->part0     = part0;
    k->part_step = step;
    if (k->n_part > 0) pdm_cpu_for(k->cpu, k->batch.n * k->n_part, fn, k);
}

pdm_status nest_factor_cpu(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A,
                           int32_t *failed)
{
    nest_task task = {
        .cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .shift = shift, .A = cpu_data(A), .failed = failed};
    nest_matrices(&task);
    nest_factors(&task);
    return PDM_OK;
}

pdm_status nest_solve_cpu(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, pdm_buffer *y, pdm_buffer *x)
{
    nest_task task = {.cpu = pdm_cpu_of(b), .plan = plan, .batch = s, .y = cpu_data(y), .x = cpu_data(x)};
    nest_cycle(&task);
    return PDM_OK;
}

/* ---- the plan ---- */

static pdm_status plan_lines(pdm_context *ctx, const pdm_nest_levels *p, const pdm_nest_level *l, nest_level *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size last = p->n_dim - 1, n_line = p->width / (2 * p->rows->degree[last] + 1);

    out->n_line = n_line;
    PDM_TRY(pdm_alloc_array(ctx, l->n / l->n_coef[last] * n_line, &out->line));
    for (pdm_size i = 0; i < l->n / l->n_coef[last]; i++) {
        int32_t *line = out->line + i * n_line;
        pdm_size index[PDM_MAX_DIM], n = 1;
        pdm_nest_unpack(last, l->n_coef, i, index);
        line[0] = 0;
        for (pdm_size j = 0; j < last; j++) {
            const pdm_size degree = p->rows->degree[j], w = 2 * degree + 1, n_coef = l->n_coef[j];
            for (pdm_size k = n - 1; k >= 0; k--)
                for (pdm_size o = w - 1; o >= 0; o--) {
                    pdm_size at = index[j] + o - degree;
                    if (p->rows->periodic[j]) at = ((at % n_coef) + n_coef) % n_coef;
                    const bool inside = line[k] >= 0 && at >= 0 && at < n_coef;
                    line[k * w + o]   = inside ? (int32_t)(line[k] * n_coef + at) : -1;
                }
            n *= w;
        }
        for (pdm_size k = 0; k < n_line; k++)
            if (line[k] >= 0) line[k] *= (int32_t)l->n_coef[last];
    }
done:
    return status;
}

static pdm_status plan_makers(pdm_context *ctx, const pdm_nest_level *l, pdm_size j, pdm_size width, nest_makers *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size n = l->n_coef[j], n_coarse = l[1].n_coef[j];

    PDM_TRY(pdm_alloc_array(ctx, n_coarse + 2, &out->first));
    PDM_TRY(pdm_alloc_array(ctx, n * width, &out->fine));
    PDM_TRY(pdm_alloc_array(ctx, n * width, &out->seen));
    PDM_TRY(pdm_alloc_array(ctx, n * width, &out->weight));
    int32_t *next = out->first + 1; /* of a coefficient: where its next maker goes; in the end first of the next one */
    for (pdm_size q = 0; q < n * width; q++)
        if (l->weight[j][q] != 0.0) next[(l->first[j][q / width] + q % width) % n_coarse + 1]++;
    for (pdm_size i = 0; i < n_coarse; i++) next[i + 1] += next[i];
    for (pdm_size q = 0; q < n * width; q++) {
        const pdm_size seen = l->first[j][q / width] + q % width;
        if (l->weight[j][q] == 0.0) continue;
        const int32_t k = next[seen % n_coarse]++;
        out->fine[k]    = (int32_t)(q / width);
        out->seen[k]    = (int32_t)seen;
        out->weight[k]  = l->weight[j][q];
    }
done:
    return status;
}

static pdm_status plan_level(pdm_context *ctx, pdm_nest_plan *p, pdm_size i)
{
    pdm_status            status = PDM_OK;
    const pdm_nest_level *l      = &p->levels.level[i];

    PDM_TRY(plan_lines(ctx, &p->levels, l, &p->level[i]));
    for (pdm_size j = 0; l->axis && j < p->levels.n_dim; j++)
        PDM_TRY(plan_makers(ctx, l, j, p->levels.rows->degree[j] + 1, &p->level[i].makers[j]));
done:
    return status;
}

pdm_status nest_create_cpu(pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample,
                           pdm_nest_plan **out)
{
    pdm_status     status = PDM_OK;
    pdm_nest_plan *p      = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    PDM_TRY(pdm_rows_by_element(b->ctx, rows, &p->element_row0, &p->element_row));
    PDM_TRY(pdm_nest_levels_create(b->ctx, rows, desc, &p->levels));
    PDM_TRY(pdm_alloc_array(b->ctx, p->levels.n_level, &p->level));
    for (pdm_size i = 0; i < p->levels.n_level; i++) PDM_TRY(plan_level(b->ctx, p, i));
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * p->levels.n_value, &p->value));
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * p->levels.level[0].n_all, &p->step));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), nest_matrix_work(p) * sizeof(double)));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), nest_cycle_work(p) * sizeof(double)));
    *out = p;
    p    = NULL;
done:
    nest_destroy_cpu(b, &p);
    return status;
}

void nest_destroy_cpu(pdm_backend *b, pdm_nest_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_nest_plan *p = *plan;
    for (pdm_size i = 0; p->level && i < p->levels.n_level; i++) {
        pdm_free(b->ctx, p->level[i].line);
        for (pdm_size j = 0; j < p->levels.n_dim; j++) {
            pdm_free(b->ctx, p->level[i].makers[j].first);
            pdm_free(b->ctx, p->level[i].makers[j].fine);
            pdm_free(b->ctx, p->level[i].makers[j].seen);
            pdm_free(b->ctx, p->level[i].makers[j].weight);
        }
    }
    pdm_free(b->ctx, p->level);
    pdm_nest_levels_destroy(b->ctx, &p->levels);
    pdm_free(b->ctx, p->element_row0);
    pdm_free(b->ctx, p->element_row);
    pdm_free(b->ctx, p->value);
    pdm_free(b->ctx, p->step);
    pdm_free(b->ctx, p);
    *plan = NULL;
}
