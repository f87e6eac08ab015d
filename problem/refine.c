/* The same problem on other grids: knot spans cut in two, or put together by twos. The splines of the finer one hold
 * those of this one. For verdicts: rows and a solve, without inputs of their own. */
#include "problem/problem.h"

#include <string.h>

/* Breaks of the other grid: out [*n + 1] in xi; *n: its spans. NULL: only counts. */
static void other_breaks(const pdm_spline *s, pdm_grid_change change, pdm_size *n, double *out)
{
    *n = change == PDM_GRID_HALVED ? 2 * s->n_element : (s->n_element + 1) / 2;
    for (pdm_size i = 0; i <= *n && out; i++) {
        if (change == PDM_GRID_HALVED)
            out[i] = i % 2 == 0 ? s->breaks[i / 2] : 0.5 * (s->breaks[i / 2] + s->breaks[i / 2 + 1]);
        else
            out[i] = s->breaks[2 * i < s->n_element ? 2 * i : s->n_element];
    }
}

/* One dimension: its number of control points, and where breaks are not given by a formula, the breaks. */
static pdm_status change_dim(const pdm_problem *p, pdm_case *c, pdm_size dim, pdm_grid_change change,
                             pdm_grading *grading)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);
    pdm_size          n      = 0;
    double           *breaks = NULL;
    char              group[PDM_GROUP_TEXT];

    pdm_problem_dim_group(p, dim, group);
    other_breaks(s, change, &n, NULL);
    PDM_TRY(pdm_case_set_count(c, group, "control_points", s->periodic ? n : n + s->degree));
    PDM_TRY(pdm_alloc_array(p->ctx, n + 1, &breaks));
    other_breaks(s, change, &n, breaks);
    if (pdm_case_has(c, group, "knots")) {
        for (pdm_size i = 1; i < n; i++) breaks[i] = pdm_map_value(&s->map, breaks[i]);
        breaks[0] = s->map.low;
        breaks[n] = s->map.high;
        PDM_TRY(pdm_case_set_numbers(c, group, "knots", n + 1, breaks));
    } else if (pdm_domain_wants_grading(p->domain, dim) && n > 1) {
        memmove(breaks, breaks + 1, (size_t)(n - 1) * sizeof *breaks);
        grading->interior[dim] = breaks;
        breaks                 = NULL;
    }
done:
    pdm_free(p->ctx, breaks);
    return status;
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
    pdm_grading  grading = {{NULL}};
    pdm_problem *other   = NULL;

    PDM_TRY(pdm_case_copy(p->the_case, &c));
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) PDM_TRY(change_dim(p, c, j, change, &grading));
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_ROWS, &grading, &other));
    take_scales(p, other);
    *out  = other;
    other = NULL;
done:
    pdm_problem_destroy(&other);
    pdm_grading_destroy(p->ctx, &grading);
    pdm_case_destroy(&c);
    return status;
}
