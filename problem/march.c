/* Causal order: all of time as slabs, solved one after the other. docs/mathematics.md, "Slabs". */
#include "problem/problem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "problem/problem_impl.h"

enum { GOOD_ELEMENTS = 4, SLABS_MOST = 100000 };

static const pdm_spline *time_spline(const pdm_problem *p)
{
    return pdm_domain_spline(p->domain, 0);
}

/* ---- whether and how ---- */

static bool has_equal_spans(const pdm_spline *s)
{
    const double span = 1.0 / (double)s->n_element;
    for (pdm_size i = 0; i < s->n_element; i++)
        if (fabs(s->breaks[i + 1] - s->breaks[i] - span) > 1e-9 * span) return false;
    return s->map.kind == PDM_MAP_LINEAR;
}

static const char *cells_in_time(const pdm_domain *d)
{
    const pdm_pde *pde = pdm_domain_pde(d);
    for (pdm_size i = 0; i < pdm_pde_n_input(pde); i++)
        if (pdm_domain_input_on_cells(d, i) && pdm_input_has_time(pdm_pde_input(pde, i)))
            return pdm_pde_input(pde, i)->name;
    return NULL;
}

static const char *part_in_time(const pdm_pde *pde)
{
    for (pdm_size i = 0; i < pdm_pde_n_condition(pde); i++) {
        const pdm_interval *part = &pdm_pde_condition(pde, i)->part[0];
        if (part->low > -INFINITY || part->high < INFINITY) return pdm_pde_condition(pde, i)->part_text;
    }
    return NULL;
}

/* Rows of an equation along a knot span of time. */
static pdm_size rows_per_span(const pdm_problem *p)
{
    return pdm_domain_block(p->domain, 0)->shape[0] / time_spline(p)->n_element;
}

/* Knot spans that a slab must have, so that rows are no fewer than unknowns, those of fields without initial data
 * included: r e >= e + degree. */
static pdm_size least_elements(const pdm_problem *p)
{
    const pdm_size more = rows_per_span(p) - 1, degree = time_spline(p)->degree;
    return (degree + more - 1) / more;
}

bool pdm_march_possible(const pdm_problem *p, char why[PDM_MARCH_WHY])
{
    const char *name;

    *why = '\0';
    if (!pdm_pde_has_time(p->pde))
        snprintf(why, PDM_MARCH_WHY, "there is no time");
    else if (pdm_pde_n_initial(p->pde) == 0)
        snprintf(why, PDM_MARCH_WHY, "there is no initial state");
    else if (time_spline(p)->periodic)
        snprintf(why, PDM_MARCH_WHY, "it is periodic");
    else if (pdm_domain_wants_grading(p->domain, 0) || !has_equal_spans(time_spline(p)))
        snprintf(why, PDM_MARCH_WHY, "its knots are not at equal distances");
    else if ((name = cells_in_time(p->domain)))
        snprintf(why, PDM_MARCH_WHY, "the input \"%.100s\" is on cells of it", name);
    else if ((name = part_in_time(p->pde)))
        snprintf(why, PDM_MARCH_WHY, "a condition holds for a part of it: %.100s", name);
    else if (rows_per_span(p) < 2)
        snprintf(why, PDM_MARCH_WHY, "one row a knot span does not fix a slab (sub = 1)");
    return !*why;
}

/* About so many knot spans a slab; of the next numbers beside it, the one that adds the fewest to those there are. */
pdm_size march_good_slabs(const pdm_problem *p)
{
    char why[PDM_MARCH_WHY];
    if (!pdm_march_possible(p, why)) return 1;
    const pdm_size n = time_spline(p)->n_element, least = least_elements(p);
    const pdm_size middle = least > GOOD_ELEMENTS ? least : GOOD_ELEMENTS, offer[] = {middle, middle - 1, middle + 1};
    pdm_size       best = 1, best_over = n;

    for (int i = 0; i < 3; i++) {
        const pdm_size slabs = (n + offer[i] - 1) / offer[i], each = (n + slabs - 1) / slabs;
        if (each < least || each * slabs - n >= best_over || (slabs == 1 && n > middle)) continue;
        best      = slabs;
        best_over = each * slabs - n;
    }
    return best;
}

pdm_size pdm_march_slabs(const pdm_problem *p)
{
    return p->slabs > 0 ? p->slabs : march_good_slabs(p);
}

pdm_status march_read_setting(pdm_problem *p)
{
    pdm_status  status = PDM_OK;
    const char *text   = NULL;
    double      value  = 0.0;
    char        group[PDM_GROUP_TEXT];

    if (!pdm_pde_has_time(p->pde)) return PDM_OK;
    pdm_problem_dim_group(p, 0, group);
    PDM_TRY(pdm_case_text(p->the_case, group, "slabs", "auto", &text));
    if (strcmp(text, "auto") == 0) return PDM_OK;
    const pdm_where where = pdm_case_where(p->the_case, group, "slabs");
    if (!pdm_text_to_real(text, &value) || value != floor(value) || value < 1.0 || value > (double)SLABS_MOST)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "\"%s\"; \"auto\" or a whole number from 1 to %d expected", text,
                    SLABS_MOST);
    p->slabs = (pdm_size)value;
done:
    return status;
}

pdm_status pdm_march_check(const pdm_problem *p, pdm_size n_slab, pdm_where where)
{
    pdm_status status = PDM_OK;
    char       why[PDM_MARCH_WHY];

    if (!pdm_march_possible(p, why))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "%lld slabs, but time cannot be cut: %s; %s expected",
                    (long long)n_slab, why,
                    p->start_is_graded ? "1, or grading = \"none\" for the dimension of time," : "1");
    const pdm_size n = time_spline(p)->n_element, least = least_elements(p);
    if ((n + n_slab - 1) / n_slab < least)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where,
                    "%lld slabs for %lld knot spans, of which each needs %lld; at most %lld, or more control_points, "
                    "expected",
                    (long long)n_slab, (long long)n, (long long)least,
                    (long long)(n > least ? (n - 1) / (least - 1) : 1));
done:
    return status;
}

pdm_status march_check_setting(const pdm_problem *p)
{
    char group[PDM_GROUP_TEXT];

    if (p->slabs <= 1) return PDM_OK;
    pdm_problem_dim_group(p, 0, group);
    return pdm_march_check(p, p->slabs, pdm_case_where(p->the_case, group, "slabs"));
}

pdm_status pdm_march_view(const pdm_problem *p, pdm_text *out)
{
    pdm_status     status = PDM_OK;
    char           why[PDM_MARCH_WHY];
    const pdm_size n = pdm_march_slabs(p);

    if (!pdm_pde_has_time(p->pde)) return PDM_OK;
    const pdm_spline *s = time_spline(p);
    if (n > 1)
        return pdm_text_append(out,
                               "time         %lld slabs of %g, %lld knot spans each, one after the other, where all "
                               "coefficients are free\n",
                               (long long)n, (s->map.high - s->map.low) / (double)n,
                               (long long)((s->n_element + n - 1) / n));
    PDM_TRY(pdm_text_append(out, "time         at once (%s)\n",
                            !pdm_march_possible(p, why) ? why
                            : p->slabs == 1             ? "as the case says"
                                                        : "few knot spans"));
done:
    return status;
}

/* ---- the slab ---- */

/* The case on the first of n slabs of n_element knot spans. */
static pdm_status slab_case(const pdm_problem *whole, pdm_size n, pdm_size n_element, pdm_case **out)
{
    static const char *const equal[]  = {"map", "grading", "knots", "slabs"};
    pdm_status               status   = PDM_OK;
    const pdm_spline        *s        = time_spline(whole);
    const double             extent[] = {s->map.low, s->map.low + (s->map.high - s->map.low) / (double)n};
    pdm_case                *c        = NULL;
    char                     group[PDM_GROUP_TEXT];

    PDM_TRY(pdm_case_copy(whole->the_case, &c));
    pdm_problem_dim_group(whole, 0, group);
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) PDM_TRY(pdm_case_remove(c, group, equal[i]));
    PDM_TRY(pdm_case_set_numbers(c, group, "extent", 2, extent));
    PDM_TRY(pdm_case_set_count(c, group, "control_points", n_element + s->degree));
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

static pdm_status march_create(const pdm_problem *whole, pdm_size n_slab, pdm_size n_element, pdm_march **out)
{
    pdm_status  status = PDM_OK;
    pdm_march  *m      = NULL;
    pdm_case   *c      = NULL;
    pdm_grading breaks;
    char        why[PDM_MARCH_WHY];

    if (!pdm_march_possible(whole, why))
        PDM_FAIL(whole->ctx, PDM_ERR_CASE, "%s: time cannot be cut into slabs: %s", pdm_case_path(whole->the_case),
                 why);
    PDM_TRY(pdm_alloc(whole->ctx, sizeof *m, &m));
    m->ctx       = whole->ctx;
    m->whole     = whole;
    m->n_slab    = n_slab;
    m->n_element = n_element;
    pdm_grading_lend(whole, whole, &breaks);
    PDM_TRY(slab_case(whole, n_slab, n_element, &c));
    PDM_TRY(problem_create_slab(c, &breaks, &m->slab));
    PDM_TRY(pdm_alloc_array(m->ctx, pdm_pde_n_input(m->slab->pde), &m->shift));
    PDM_TRY(pdm_alloc_array(m->ctx, pdm_pde_n_input(m->slab->pde), &m->scale));
    pdm_march_take_scales(m);
    *out = m;
    m    = NULL;
done:
    pdm_case_destroy(&c);
    pdm_march_destroy(&m);
    return status;
}

pdm_status pdm_march_create(const pdm_problem *whole, pdm_size n_slab, pdm_march **out)
{
    return march_create(whole, n_slab, (time_spline(whole)->n_element + n_slab - 1) / n_slab, out);
}

pdm_status pdm_march_halve(const pdm_march *m, pdm_march **out)
{
    return march_create(m->whole, 2 * m->n_slab, m->n_element, out);
}

pdm_status pdm_march_refine(const pdm_march *m, const pdm_problem *finer, pdm_size factor, pdm_march **out)
{
    return march_create(finer, m->n_slab, factor * m->n_element, out);
}

pdm_status pdm_march_coarsen(const pdm_march *m, const pdm_problem *coarser, pdm_march **out)
{
    const pdm_size n = (m->n_slab * m->n_element + 1) / 2, n_slab = m->n_slab > 1 ? m->n_slab / 2 : 1;
    const pdm_size each = (n + n_slab - 1) / n_slab, least = least_elements(coarser);
    return march_create(coarser, n_slab, each > least ? each : least, out);
}

void pdm_march_destroy(pdm_march **march)
{
    pdm_march *m = *march;
    if (!m) return;
    pdm_problem_destroy(&m->slab);
    pdm_free(m->ctx, m->shift);
    pdm_free(m->ctx, m->scale);
    pdm_free(m->ctx, m);
    *march = NULL;
}

/* ---- its inputs ---- */

/* An initial condition of the whole at its Greville points of space: values [n_point]. */
static pdm_status evaluate_initial(const pdm_problem *p, const pdm_initial *x, const double *input, pdm_size n_point,
                                   double *values)
{
    pdm_status    status = PDM_OK;
    const double  low    = time_spline(p)->map.low;
    const double *at[PDM_MAX_DIM];
    pdm_size      n[PDM_MAX_DIM];
    bool          by_integrals;

    n[0]  = 1;
    at[0] = &low;
    for (pdm_size j = 1; j < pdm_domain_n_dim(p->domain); j++) {
        n[j]  = pdm_domain_spline(p->domain, j)->n_coef;
        at[j] = pdm_domain_greville(p->domain, j);
    }
    PDM_TRY(pdm_domain_start_values(p->domain, x, input, values, &by_integrals));
    if (by_integrals) goto done;
    PDM_TRY(pdm_domain_evaluate(p->domain, x->function, &x->where, input, n, at, values));
    for (pdm_size i = 0; i < n_point; i++)
        if (!isfinite(values[i]))
            PDM_FAIL_AT(p->ctx, PDM_ERR_NUMERIC, &x->where, "the value is %g at point %lld of its grid; %s expected",
                        values[i], (long long)i,
                        pdm_pde_is_positive(p->pde, x->field) ? "a field of /pde:positive, above 0,"
                                                              : "a finite number");
done:
    return status;
}

/* Input i of the whole at the slab's points, in the time that it has reached: values [size of the slab's]. */
static pdm_status sample_input(const pdm_march *m, pdm_size i, double start, const double *input, double *values)
{
    pdm_status              status = PDM_OK;
    const pdm_domain       *slab = m->slab->domain, *whole = m->whole->domain;
    const pdm_input_info   *info  = pdm_pde_input(m->whole->pde, i);
    const pdm_sampled_input which = {.input = (int32_t)i};
    const double            low = time_spline(m->whole)->map.low, high = time_spline(m->whole)->map.high;
    double                 *time = NULL;
    const double           *at[PDM_MAX_DIM];
    pdm_size                n[PDM_MAX_DIM];

    for (pdm_size j = 0; j < pdm_domain_n_dim(whole); j++) {
        n[j]  = 1;
        at[j] = &pdm_domain_spline(whole, j)->map.low;
    }
    for (pdm_size k = 0; k < info->n_dim; k++) at[info->dim[k]] = pdm_domain_input_points(slab, i, k, &n[info->dim[k]]);
    PDM_TRY(pdm_alloc_array(m->whole->ctx, n[0], &time));
    for (pdm_size k = 0; k < n[0]; k++)
        time[k] = fmax(low, fmin(at[0][k] + start, high)); /* start: a file's, perhaps */
    at[0] = time;
    PDM_TRY(pdm_domain_sample(whole, &which, input, n, at, values));
done:
    pdm_free(m->whole->ctx, time);
    return status;
}

pdm_status pdm_march_follow(const pdm_march *m, pdm_size n, const double *whole, double *slab)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *from = m->whole->domain, *to = m->slab->domain;
    const pdm_size    n_from = pdm_domain_n_input(from), n_to = pdm_domain_n_input(to);
    const pdm_size    start = pdm_domain_input_offset(to, pdm_pde_start(m->slab->pde));

    for (pdm_size i = 0; i < pdm_pde_n_input(m->whole->pde); i++)
        for (pdm_size s = 0; s < n && pdm_input_has_time(pdm_pde_input(m->whole->pde, i)); s++)
            PDM_TRY(sample_input(m, i, slab[s * n_to + start], whole + s * n_from,
                                 slab + s * n_to + pdm_domain_input_offset(to, i)));
done:
    return status;
}

/* What is the same in all slabs. */
static void copy_inputs(const pdm_march *m, const double *whole, double *slab)
{
    const pdm_domain *from = m->whole->domain, *to = m->slab->domain;
    for (pdm_size i = 0; i < pdm_pde_n_input(m->whole->pde); i++)
        if (!pdm_input_has_time(pdm_pde_input(m->whole->pde, i)))
            memcpy(slab + pdm_domain_input_offset(to, i), whole + pdm_domain_input_offset(from, i),
                   (size_t)pdm_domain_input_size(from, i) * sizeof *slab);
}

pdm_status pdm_march_inputs(const pdm_march *m, pdm_size n, const double *whole, double *slab)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *from = m->whole->domain, *to = m->slab->domain;
    const pdm_size    n_from = pdm_domain_n_input(from), n_to = pdm_domain_n_input(to);
    const pdm_size    start = pdm_domain_input_offset(to, pdm_pde_start(m->slab->pde));

    for (pdm_size s = 0; s < n; s++) {
        const double *in  = whole + s * n_from;
        double       *out = slab + s * n_to;
        copy_inputs(m, in, out);
        out[start] = 0.0;
        for (pdm_size i = 0; i < pdm_pde_n_initial(m->whole->pde); i++) {
            const pdm_size state = pdm_pde_initial(m->slab->pde, i)->state;
            PDM_TRY(evaluate_initial(m->whole, pdm_pde_initial(m->whole->pde, i), in, pdm_domain_input_size(to, state),
                                     out + pdm_domain_input_offset(to, state)));
        }
    }
    PDM_TRY(pdm_march_follow(m, n, whole, slab));
done:
    return status;
}
