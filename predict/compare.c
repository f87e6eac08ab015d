/* Predictions beside references: the table of a field. */
#include "predict/predict.h"

#include <math.h>

#include "predict/predict_impl.h"

double pdm_relative_error(const pdm_output_grid *grid, const double *u, const double *reference, double from)
{
    const pdm_size plane = grid->n_point / grid->n[0];
    double         error = 0.0, norm = 0.0;
    for (pdm_size i = 0; i < grid->n[0]; i++) {
        if (grid->coordinate[0][i] < from) continue;
        for (pdm_size k = i * plane; k < (i + 1) * plane; k++) {
            if (!pdm_output_grid_is_inside(grid, k)) continue;
            const double e = u[k] - reference[k];
            error += e * e;
            norm += reference[k] * reference[k];
        }
    }
    return sqrt(error / norm);
}

/* What goes into the table. */
typedef struct table {
    const char *dim;
    double      from; /* the late part of time begins there */
    bool        late, estimates;
} table;

static pdm_status append_head(const table *t, pdm_text *text)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_text_append(text, "%-8s %12s", "sample", "rel. L2"));
    if (t->estimates) PDM_TRY(pdm_text_append(text, "  %12s", "estimate"));
    if (t->late) PDM_TRY(pdm_text_append(text, "  %s >= %-8g", t->dim, t->from));
    PDM_TRY(pdm_text_append(text, "  %5s  %s\n", "steps", "solve"));
done:
    return status;
}

static pdm_status append_estimate(pdm_text *text, double estimate, double error, estimate_match *match)
{
    estimate_match_add(match, estimate, error);
    return isnan(estimate) ? pdm_text_append(text, "  %12s", "none")
                           : pdm_text_append(text, "  %10.4f %%", 100.0 * estimate);
}

static pdm_status append_end(const table *t, const char *field, double mean, double worst, double mean_late,
                             pdm_text *text)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_text_append(text, "field %s: mean relative L2 error %.4f %%, worst %.4f %%", field, 100.0 * mean,
                            100.0 * worst));
    if (t->late) PDM_TRY(pdm_text_append(text, "; for %s >= %g: mean %.4f %%", t->dim, t->from, 100.0 * mean_late));
    PDM_TRY(pdm_text_append(text, "\n"));
done:
    return status;
}

pdm_status compare_field(const field_comparison *c, estimate_match *match, pdm_text *text, pdm_evaluation *out)
{
    pdm_status             status  = PDM_OK;
    const prediction      *p       = c->p;
    const pdm_problem     *problem = p->m->whole;
    const pdm_output_grid *grid    = p->grid;
    const pdm_size         n_field = pdm_domain_n_field(problem->domain), n = p->x.n_sample;
    const pdm_spline      *s    = pdm_domain_spline(problem->domain, 0);
    const table            t    = {.dim       = pdm_pde_dim_name(problem->pde, 0),
                                   .from      = s->map.low + 0.1 * (s->map.high - s->map.low),
                                   .late      = pdm_pde_has_time(problem->pde),
                                   .estimates = prediction_is_estimated(p)};
    double                 mean = 0.0, mean_late = 0.0, worst = 0.0;

    PDM_TRY(append_head(&t, text));
    for (pdm_size i = 0; i < n; i++) {
        const double *mine   = p->u + (i * n_field + c->field) * grid->n_point,
                     *theirs = c->reference + i * grid->n_point;
        const double e       = pdm_relative_error(grid, mine, theirs, -INFINITY);
        const double e_late  = t.late ? pdm_relative_error(grid, mine, theirs, t.from) : 0.0;
        PDM_TRY(pdm_text_append(text, "%-8lld %10.4f %%", (long long)i, 100.0 * e));
        if (t.estimates) PDM_TRY(append_estimate(text, p->verdict[i].estimate[c->field], e, match));
        if (t.late) PDM_TRY(pdm_text_append(text, "  %9.4f %% ", 100.0 * e_late));
        PDM_TRY(
            pdm_text_append(text, "  %5d  %s\n", (int)p->result[i].iterations, pdm_reason_text(p->result[i].reason)));
        mean += e / (double)n;
        mean_late += e_late / (double)n;
        worst = e > worst || !(e == e) ? e : worst;
    }
    PDM_TRY(append_end(&t, pdm_pde_field_name(problem->pde, c->field), mean, worst, mean_late, text));
    out->field[c->field]       = mean;
    out->field_worst[c->field] = worst;
    out->field_late[c->field]  = t.late ? mean_late : NAN;
done:
    return status;
}
