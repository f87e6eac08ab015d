/* The same problem on other grids: knot spans cut in two, put together by twos, or with other cells. The splines of the
 * finer one hold those of this one. For verdicts: rows and a solve, without inputs of their own. */
#include "problem/problem.h"

#include <string.h>

/* Does a kink lie between span i - 1 and span i? */
static bool is_kink(const pdm_spline *s, pdm_size i)
{
    return i > 0 && i < s->n_span && s->span[i] > s->span[i - 1] + 1;
}

/* Ends of the spans of the other grid, in xi: out [2 n_span + 1] has room for any. Returns how many spans they make.
 * Kinks stay. */
static pdm_size other_ends(const pdm_spline *s, pdm_grid_change change, double *out)
{
    pdm_size n    = 0;
    bool     take = true;
    for (pdm_size i = 0; i < s->n_span; i++) {
        if (change == PDM_GRID_HALVED) {
            out[n++] = s->ends[i];
            out[n++] = 0.5 * (s->ends[i] + s->ends[i + 1]);
            continue;
        }
        take = take || is_kink(s, i);
        if (take) out[n++] = s->ends[i];
        take = !take;
    }
    out[n] = s->ends[s->n_span];
    return n;
}

/* Ends [n + 1] as numbers of the case. With them spans are where they are said to be, kinks or not. */
static pdm_status set_knots(pdm_case *c, const char *group, const pdm_spline *s, pdm_size n, double *ends)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 1; i < n; i++) ends[i] = pdm_map_value(&s->map, ends[i]);
    ends[0] = s->map.low;
    ends[n] = s->map.high;
    if (pdm_case_has(c, group, "grading")) PDM_TRY(pdm_case_remove(c, group, "grading"));
    PDM_TRY(pdm_case_set_numbers(c, group, "knots", n + 1, ends));
    PDM_TRY(pdm_case_set_count(c, group, "control_points", s->periodic ? n : n + s->degree));
done:
    return status;
}

/* One dimension: its number of control points, and where breaks are not given by a formula, the breaks. */
static pdm_status change_dim(const pdm_problem *p, pdm_case *c, pdm_size dim, pdm_grid_change change,
                             pdm_grading *grading)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);
    double           *ends   = NULL;
    char              group[PDM_GROUP_TEXT];

    pdm_problem_dim_group(p, dim, group);
    PDM_TRY(pdm_alloc_array(p->ctx, 2 * s->n_span + 1, &ends));
    const pdm_size n = other_ends(s, change, ends);
    if (pdm_case_has(c, group, "knots") || pdm_domain_n_kink(p->domain, dim) > 0) {
        PDM_TRY(set_knots(c, group, s, n, ends));
        goto done;
    }
    PDM_TRY(pdm_case_set_count(c, group, "control_points", s->periodic ? n : n + s->degree));
    if (!pdm_domain_wants_grading(p->domain, dim) || n == 1) goto done;
    memmove(ends, ends + 1, (size_t)(n - 1) * sizeof *ends);
    grading->interior[dim] = ends;
    ends                   = NULL;
done:
    pdm_free(p->ctx, ends);
    return status;
}

/* As many cells a span as it has now, and one. */
static pdm_status change_cells(const pdm_problem *p, pdm_case *c, pdm_size dim)
{
    const pdm_size sub = pdm_domain_sub(p->domain, dim);
    char           group[PDM_GROUP_TEXT];

    pdm_problem_dim_group(p, dim, group);
    return pdm_case_set_count(c, group, "sub", sub < PDM_SUB_MOST ? sub + 1 : sub - 1);
}

/* What the two have in common is taken over: sizes of the fields, and factors of the blocks of rows. */
static void take_scales(const pdm_problem *from, pdm_problem *to)
{
    memcpy(to->magnitude, from->magnitude, (size_t)pdm_domain_n_field(from->domain) * sizeof *to->magnitude);
    for (pdm_size i = 0; i < pdm_domain_n_block(from->domain); i++)
        pdm_domain_set_scale(to->domain, i, pdm_domain_scale(from->domain, i));
}

pdm_status pdm_problem_change_grid(const pdm_problem *p, pdm_grid_change change, pdm_problem **out)
{
    pdm_status   status  = PDM_OK;
    pdm_case    *c       = NULL;
    pdm_grading  grading = {{NULL}}, lent;
    pdm_problem *other   = NULL;
    const bool   cells   = change == PDM_GRID_CELLS;

    PDM_TRY(pdm_case_copy(p->the_case, &c));
    pdm_grading_lend(p, p, &lent);
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++)
        PDM_TRY(cells ? change_cells(p, c, j) : change_dim(p, c, j, change, &grading));
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_ROWS, cells ? &lent : &grading, &other));
    take_scales(p, other);
    *out  = other;
    other = NULL;
done:
    pdm_problem_destroy(&other);
    pdm_grading_destroy(p->ctx, &grading);
    pdm_case_destroy(&c);
    return status;
}

pdm_status pdm_problem_halve(const pdm_problem *p, const bool along[PDM_MAX_DIM], pdm_size batch, pdm_problem **out)
{
    pdm_status   status  = PDM_OK;
    pdm_case    *c       = NULL;
    pdm_grading  grading = {{NULL}}, both;
    pdm_problem *other   = NULL;

    PDM_TRY(pdm_case_copy(p->the_case, &c));
    PDM_TRY(pdm_case_set_count(c, "training", "batch", batch));
    pdm_grading_lend(p, p, &both);
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        if (!along[j]) continue;
        PDM_TRY(change_dim(p, c, j, PDM_GRID_HALVED, &grading));
        both.interior[j] = grading.interior[j];
    }
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_INPUTS, &both, &other));
    take_scales(p, other);
    *out  = other;
    other = NULL;
done:
    pdm_problem_destroy(&other);
    pdm_grading_destroy(p->ctx, &grading);
    pdm_case_destroy(&c);
    return status;
}
