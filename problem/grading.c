/* Knots where solutions bend (grading = "auto"): they equidistribute a monitor of a few solutions with all coefficients
 * free, found on the grid of the round before. docs/mathematics.md, "Maps and grading". */
#include "problem/problem.h"

#include <math.h>
#include <string.h>

#include "problem/problem_impl.h"

enum {
    ROUNDS         = 12, /* at most */
    PER_SPAN       = 4,  /* points per knot span in the dimension that is graded */
    PER_SPAN_OTHER = 2   /* in the others                                        */
};
static const double FLOOR = 0.3;  /* density of knots where nothing bends, relative to the mean of the rest */
static const double STAY  = 0.25; /* of the shorter span beside it: a knot that moves by no more has its place */

/* ---- cell Peclet numbers ----------------------------------------------------------------------------------------- */

/* From here on central differences oscillate, and least squares follow their cells' mean rather than the equation. */
static const double CARRIED_AWAY = 2.0;

static bool is_carried_away(const pdm_problem *p, pdm_size dim)
{
    return p->peclet[dim].value > CARRIED_AWAY && pdm_domain_says_no_knots(p->domain, dim);
}

/* Small enough to be solved a few times over without having been asked to? */
static bool is_cheap(const pdm_problem *p)
{
    return pdm_domain_n_free(p->domain) <= PDM_FREE_CHEAP;
}

static pdm_status measure_peclet(pdm_problem *p)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = p->backend;
    pdm_samples *s      = NULL;
    pdm_buffer  *from[3];
    void        *host[3] = {NULL};

    PDM_TRY(pdm_samples_create(p, 1, &s));
    pdm_inputs_typical(p->inputs, 0.0, s->input);
    PDM_TRY(pdm_samples_prepare(s, 1, s->input));
    from[0] = s->lift, from[1] = s->data.scalar, from[2] = s->data.sampled;
    for (int i = 0; i < 3; i++) PDM_TRY(b->ops->acquire(b, from[i], PDM_READ, &host[i]));
    PDM_TRY(pdm_domain_peclet(p->domain, host[0], host[1], host[2], p->peclet));
done:
    for (int i = 0; i < 3; i++) status = pdm_release(b, status, from[i], &host[i]);
    pdm_samples_destroy(&s);
    return status;
}

pdm_status pdm_problem_view_peclet(const pdm_problem *p, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        const pdm_peclet *k = &p->peclet[j];
        if (k->value == 0.0) continue;
        PDM_TRY(pdm_text_append(out, "carried      %s along %s: up to %.3g times what spreads on a knot span, at",
                                pdm_pde_field_name(p->pde, k->field), pdm_pde_dim_name(p->pde, j), k->value));
        for (pdm_size i = 0; i < pdm_domain_n_dim(p->domain); i++)
            PDM_TRY(pdm_text_append(out, "%s %s = %.3g", i ? "," : "", pdm_pde_dim_name(p->pde, i), k->at[i]));
        if (is_carried_away(p, j))
            PDM_TRY(
                pdm_text_append(out, pdm_domain_wants_grading(p->domain, j)
                                         ? "; knots were moved to where solutions bend (grading = \"none\" keeps them)"
                                         : "; layers may be missed, grading = \"auto\" looks for them"));
        PDM_TRY(pdm_text_append(out, "\n"));
    }
done:
    return status;
}

/* ---- knots ------------------------------------------------------------------------------------------------------- */

/* Which dimensions are graded: those that ask for it, and those that are carried away. */
static bool wants_grading(const pdm_problem *p, bool *wants)
{
    bool any = false;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        wants[j] = pdm_domain_wants_grading(p->domain, j) || (is_carried_away(p, j) && is_cheap(p));
        any      = any || wants[j];
    }
    return any;
}

void pdm_grading_destroy(pdm_context *ctx, pdm_grading *g)
{
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(ctx, g->interior[j]);
}

void pdm_grading_lend(const pdm_problem *wants, const pdm_problem *has, pdm_grading *lent)
{
    *lent = (pdm_grading){{NULL}};
    for (pdm_size j = 0; j < pdm_domain_n_dim(has->domain); j++) {
        const pdm_spline *s    = pdm_domain_spline(has->domain, j);
        const bool        also = pdm_domain_wants_grading(has->domain, j) && pdm_domain_says_no_knots(wants->domain, j);
        if ((pdm_domain_wants_grading(wants->domain, j) || also) && s->n_span > 1) lent->interior[j] = s->ends + 1;
    }
}

/* Points in the middle of equal parts of the knot spans. */
static pdm_status span_points(pdm_context *ctx, const pdm_spline *s, pdm_size per_span, pdm_size *n, double **out)
{
    pdm_status status = PDM_OK;
    double    *x      = NULL;

    *n = per_span * s->n_span;
    PDM_TRY(pdm_alloc_array(ctx, *n, &x));
    for (pdm_size i = 0; i < *n; i++) {
        const double *b = s->ends + i / per_span;
        x[i] = pdm_map_value(&s->map, b[0] + (b[1] - b[0]) * ((double)(i % per_span) + 0.5) / (double)per_span);
    }
    *out = x;
done:
    return status;
}

/* Adds to bend [n[dim]] the squares of the second derivative of all fields by that dimension, over the fields' sizes.
 * values [n_batch][n_point] holds one field. */
static void add_squares(const pdm_problem *p, pdm_batch batch, pdm_size dim, const pdm_size *n, const double *values,
                        double magnitude, double *bend)
{
    pdm_size inner = 1, outer = 1;
    for (pdm_size j = 0; j < dim; j++) outer *= n[j];
    for (pdm_size j = dim + 1; j < pdm_domain_n_dim(p->domain); j++) inner *= n[j];
    for (pdm_size s = 0; s < batch.n; s++)
        for (pdm_size o = 0; o < outer; o++)
            for (pdm_size i = 0; i < n[dim]; i++)
                for (pdm_size k = 0; k < inner; k++) {
                    const double v = values[((batch.index[s] * outer + o) * n[dim] + i) * inner + k] / magnitude;
                    if (isfinite(v)) bend[i] += v * v;
                }
}

/* bend [*n_bend]: how much the solutions c bend along a dimension, at the points of span_points(). */
static pdm_status measure_bend(const pdm_problem *p, const pdm_few *few, pdm_size dim, pdm_size *n_bend, double **bend)
{
    pdm_status       status         = PDM_OK;
    pdm_backend     *b              = p->backend;
    const pdm_size   n_dim          = pdm_domain_n_dim(p->domain);
    pdm_point_grid   grid           = {0};
    pdm_points_plan *plan           = NULL;
    pdm_buffer      *values         = NULL;
    void            *host           = NULL;
    double          *x[PDM_MAX_DIM] = {NULL}, *sum = NULL;
    const double    *lent[PDM_MAX_DIM];
    pdm_size         n[PDM_MAX_DIM], n_point = 1;
    pdm_buffer      *c      = pdm_solver_lend(few->free->solver)->c;
    const pdm_size   degree = pdm_domain_spline(p->domain, dim)->degree;

    for (pdm_size j = 0; j < n_dim; j++) {
        PDM_TRY(
            span_points(p->ctx, pdm_domain_spline(p->domain, j), j == dim ? PER_SPAN : PER_SPAN_OTHER, &n[j], &x[j]));
        lent[j] = x[j];
        n_point *= n[j];
    }
    PDM_TRY(pdm_alloc_array(p->ctx, n[dim], &sum));
    PDM_TRY(pdm_point_grid_create(p->domain, n, lent, &grid));
    PDM_TRY(b->ops->points_create(b, &grid.desc, &plan));
    PDM_TRY(b->ops->buffer_create(b, (size_t)(few->samples->n_most * n_point) * sizeof(double), &values));
    for (pdm_size f = 0; f < pdm_domain_n_field(p->domain); f++) {
        pdm_atom atom   = {.field = (int32_t)f};
        atom.order[dim] = degree < 2 ? 1 : 2;
        PDM_TRY(b->ops->points_evaluate(b, plan, few->batch, atom, c, values));
        PDM_TRY(b->ops->acquire(b, values, PDM_READ, &host));
        add_squares(p, few->batch, dim, n, host, p->magnitude[f], sum);
        PDM_TRY(b->ops->release(b, values, &host));
    }
    for (pdm_size i = 0; i < n[dim]; i++) sum[i] = sqrt(sum[i]);
    *n_bend = n[dim];
    *bend   = sum;
    sum     = NULL;
done:
    status = pdm_release(b, status, values, &host);
    b->ops->buffer_destroy(b, &values);
    b->ops->points_destroy(b, &plan);
    pdm_point_grid_destroy(&grid);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(p->ctx, x[j]);
    pdm_free(p->ctx, sum);
    return status;
}

/* Running mean over one knot span to either side; around the seam where the dimension is periodic. */
static void smooth(pdm_size n, bool periodic, const double *in, double *out)
{
    for (pdm_size i = 0; i < n; i++) {
        double   sum   = 0.0;
        pdm_size count = 0;
        for (pdm_size k = i - PER_SPAN; k <= i + PER_SPAN; k++) {
            if (!periodic && (k < 0 || k >= n)) continue;
            sum += in[(k + n) % n];
            count++;
        }
        out[i] = sum / (double)count;
    }
}

/* Physical place of edge i of the parts of the spans. */
static double part_edge(const pdm_spline *s, pdm_size i)
{
    const double *b    = s->ends + i / PER_SPAN;
    const double  part = (double)(i % PER_SPAN) / PER_SPAN;
    return pdm_map_value(&s->map, part > 0.0 ? b[0] + (b[1] - b[0]) * part : b[0]);
}

/* Breaks in xi that share the integral of the density sqrt(bend)/mean + FLOOR equally. Density is constant in the part
 * of a span around each point. interior [n_interior] */
static void equidistribute(const pdm_spline *s, const double *bend, pdm_size n, pdm_size n_interior, double *density,
                           double *interior)
{
    double       mean = 0.0, total = 0.0, before = 0.0;
    pdm_size     next   = 0;
    const double length = s->map.high - s->map.low;

    smooth(n, s->periodic, bend, density);
    for (pdm_size i = 0; i < n; i++) {
        density[i] = sqrt(density[i]);
        mean += density[i] * (part_edge(s, i + 1) - part_edge(s, i)) / length;
    }
    for (pdm_size i = 0; i < n; i++) {
        density[i] = (mean > 0.0 ? density[i] / mean : 1.0) + FLOOR;
        total += density[i] * (part_edge(s, i + 1) - part_edge(s, i));
    }
    for (pdm_size i = 0; i < n && next < n_interior; i++) {
        const double low = part_edge(s, i), high = part_edge(s, i + 1);
        const double here = density[i] * (high - low);
        for (; next < n_interior; next++) {
            const double target = total * (double)(next + 1) / (double)(n_interior + 1);
            if (target > before + here) break;
            interior[next] = pdm_map_inverse(&s->map, low + (target - before) / density[i]);
        }
        before += here;
    }
    for (; next < n_interior; next++)
        interior[next] = 1.0 - 1e-9 * (double)(n_interior - next); /* rounding of the total */
}

static pdm_status next_breaks(const pdm_problem *p, const pdm_few *few, pdm_size dim, double **out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);
    const pdm_size    n      = s->n_span - 1;
    double           *bend = NULL, *density = NULL, *interior = NULL;
    pdm_size          n_bend = 0;

    PDM_TRY(measure_bend(p, few, dim, &n_bend, &bend));
    PDM_TRY(pdm_alloc_array(p->ctx, n_bend, &density));
    PDM_TRY(pdm_alloc_array(p->ctx, n, &interior));
    equidistribute(s, bend, n_bend, n, density, interior);
    *out     = interior;
    interior = NULL;
done:
    pdm_free(p->ctx, bend);
    pdm_free(p->ctx, density);
    pdm_free(p->ctx, interior);
    return status;
}

/* One round: solves on the grid of p and says where knots go from there. */
static pdm_status next_grading(const pdm_problem *p, const bool *wants, pdm_grading *out)
{
    pdm_status status = PDM_OK;
    pdm_few    few    = {0};

    PDM_TRY(pdm_few_solve(p, "knots where solutions bend", &few));
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++)
        if (wants[j]) PDM_TRY(next_breaks(p, &few, j, &out->interior[j]));
done:
    pdm_few_destroy(p->ctx, &few);
    return status;
}

/* Farthest way of a knot from one grid to the next, in spans. */
static double way(const pdm_problem *from, const pdm_problem *to)
{
    double most = 0.0;
    for (pdm_size j = 0; j < pdm_domain_n_dim(from->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(from->domain, j), *t = pdm_domain_spline(to->domain, j);
        for (pdm_size i = 1; i < s->n_span; i++) {
            const double span = fmin(s->ends[i + 1] - s->ends[i], s->ends[i] - s->ends[i - 1]);
            most              = fmax(most, fabs(t->ends[i] - s->ends[i]) / span);
        }
    }
    return most;
}

/* Grids until the knots have their places. The solutions on a grid say where those of the next one are; a layer that is
 * thinner than the spans comes out round by round. */
static pdm_status settle(pdm_case *c, const bool *wants, pdm_grading *g)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = pdm_case_context(c);
    pdm_problem *p = NULL, *next = NULL;
    pdm_grading  found = {{NULL}}, old;
    const double start = pdm_clock();
    double       moved = INFINITY;
    int          round = 0;

    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_WHOLE, g, &p));
    for (; round < ROUNDS && moved > STAY; round++) {
        PDM_TRY(next_grading(p, wants, &found));
        old   = *g;
        *g    = found;
        found = old;
        pdm_grading_destroy(ctx, &found);
        found = (pdm_grading){{NULL}};
        PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_WHOLE, g, &next));
        moved = way(p, next);
        pdm_problem_destroy(&p);
        p    = next;
        next = NULL;
        pdm_log(ctx, PDM_LOG_DEBUG, "grading", "round %d: a knot moves by %.3g spans", round + 1, moved);
    }
    pdm_log(ctx, PDM_LOG_INFO, "model", "grading: %d rounds, %.2g s; the last moved no knot by more than %.2g spans",
            round, pdm_clock() - start, moved);
done:
    pdm_grading_destroy(ctx, &found);
    pdm_problem_destroy(&next);
    pdm_problem_destroy(&p);
    return status;
}

static bool is_asked_for(const pdm_problem *p)
{
    bool any = false;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) any = any || pdm_domain_wants_grading(p->domain, j);
    return any;
}

pdm_status grading_find(pdm_problem *p, pdm_grading *out)
{
    pdm_status  status = PDM_OK;
    pdm_grading g      = {{NULL}};
    bool        wants[PDM_MAX_DIM];

    PDM_TRY(measure_peclet(p));
    if (!wants_grading(p, wants)) goto done;
    status = settle(p->the_case, wants, &g);
    if (status == PDM_ERR_NUMERIC && !is_asked_for(p)) { /* nobody counts on it */
        pdm_log(p->ctx, PDM_LOG_WARNING, "model", "knots stay where they are: %s", pdm_context_error(p->ctx));
        status = PDM_OK;
        goto done;
    }
    PDM_TRY(status);
    *out = g;
    g    = (pdm_grading){{NULL}};
done:
    pdm_grading_destroy(p->ctx, &g);
    return status;
}
