/* Kinks: places where the fields are only continuous, since a coefficient jumps there. Which they are, by the case, by
 * its expressions, or by inputs on cells; and the breaks that they take. docs/mathematics.md, "Kinks". */
#include "domain/domain_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4096 };         /* at which zeros of an expression are looked for */
static const double SAME = 1e-9; /* of the extent, of xi: two places are one */

/* ---- where they may be ------------------------------------------------------------------------------------------- */

/* Why fields cannot have kinks along this dimension; NULL: they can. Across one the flux goes on, which is demanded in
 * rows of its own; a second derivative that is not in a flux says nothing there. */
static const char *refuses(const pdm_domain *d, pdm_size dim, pdm_size degree)
{
    if (d->settings.rows == 1) return "they are for rows = \"volume\"";
    if (degree < 2) return "splines of degree 1 have one at every knot; a degree of 2 or more is expected";
    if (pdm_pde_n_derived(d->pde) > 0) return "invlap is for equal knot spans";
    for (pdm_size f = 0; f < d->n_field; f++) {
        if (pdm_pde_order(d->pde, f, dim) > 2) return "a field is differentiated more than twice in this dimension";
        if (pdm_pde_order(d->pde, f, dim) == 2 && pdm_pde_is_positive(d->pde, f))
            return "equations of positive fields have no fluxes";
        if (pdm_pde_order(d->pde, f, dim) == 2 && pdm_pde_level(d->pde)) return "equations in a shape have no fluxes";
    }
    for (pdm_size t = 0; t < pdm_pde_n_term(d->pde); t++) {
        const pdm_term *term = pdm_pde_term(d->pde, t);
        for (pdm_size a = 0; a < term->function->n_atom; a++)
            if (term->function->atom[a].order[dim] > 1)
                return "a second derivative stands outside the fluxes: dx(k*dx(u)) is one, k*dxx(u) is not";
    }
    return NULL;
}

/* Can the flux in this dimension jump where the field has a kink and coefficients jump? */
static bool flux_may_jump(const pdm_domain *d, pdm_size dim)
{
    for (pdm_size t = 0; t < pdm_pde_n_term(d->pde); t++) {
        const pdm_function *f = pdm_pde_term(d->pde, t)->function;
        if (pdm_pde_term(d->pde, t)->dim != dim) continue;
        if (f->n_sampled > 0) return true;
        for (pdm_size a = 0; a < f->n_atom; a++)
            if (f->atom[a].order[dim] > 0) return true;
        if (pdm_inputs_read_coordinate(f->n_input, f->input, dim)) return true;
    }
    return false;
}

/* ---- a list of places -------------------------------------------------------------------------------------------- */

static pdm_status add_place(const pdm_domain *d, domain_kinks *k, pdm_size *capacity, double xi)
{
    pdm_status status = PDM_OK;
    double    *grown  = NULL;
    pdm_size   at     = k->n;

    if (!(xi > SAME && xi < 1.0 - SAME)) return PDM_OK;
    while (at > 0 && k->xi[at - 1] > xi) at--;
    if ((at > 0 && xi - k->xi[at - 1] < SAME) || (at < k->n && k->xi[at] - xi < SAME)) return PDM_OK;
    if (k->n == *capacity) {
        *capacity = 2 * k->n + 8;
        PDM_TRY(pdm_alloc_array(d->ctx, *capacity, &grown));
        for (pdm_size i = 0; i < k->n; i++) grown[i] = k->xi[i];
        pdm_free(d->ctx, k->xi);
        k->xi = grown;
    }
    for (pdm_size i = k->n++; i > at; i--) k->xi[i] = k->xi[i - 1];
    k->xi[at] = xi;
done:
    return status;
}

/* ---- by the case ------------------------------------------------------------------------------------------------- */

static pdm_status read_given(pdm_domain *d, pdm_case *c, const char *group, const domain_line *line, pdm_size dim)
{
    pdm_status    status = PDM_OK;
    domain_kinks *k      = &d->kinks[dim];
    double       *x      = NULL;
    pdm_size      n = 0, capacity = 0;
    const double  length = line->map.high - line->map.low;
    pdm_where     where  = pdm_case_where(c, group, "kinks");
    const char   *why    = refuses(d, dim, line->degree);

    if (why) PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "no kinks are possible here: %s", why);
    PDM_TRY(pdm_alloc_array(d->ctx, line->n_span + 1, &x));
    PDM_TRY(pdm_case_reals(c, group, "kinks", true, 1, line->n_span, x, &n));
    for (pdm_size i = 0; i < n; i++) {
        if (!(x[i] > line->map.low + SAME * length && x[i] < line->map.high - SAME * length))
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "a kink at %g; numbers between %g and %g expected", x[i],
                        line->map.low, line->map.high);
        if (i > 0 && !(x[i] > x[i - 1] + SAME * length))
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "kinks %lld and %lld do not increase", (long long)i,
                        (long long)i + 1);
        PDM_TRY(add_place(d, k, &capacity, pdm_map_inverse(&line->map, x[i])));
    }
    k->from = KINKS_GIVEN;
done:
    pdm_free(d->ctx, x);
    return status;
}

/* ---- in expressions ---------------------------------------------------------------------------------------------- */

static double edge_value(const pdm_function *f, double x, double *in, double *registers)
{
    double out;
    for (pdm_size i = 0; i < f->n_input; i++) in[i] = x;
    pdm_program_evaluate(f->value, in, &out, registers);
    return out;
}

/* Zeros of an expression of one coordinate: where its sign changes from sample to sample, by bisection. */
static pdm_status add_zeros(const pdm_domain *d, const pdm_function *f, const pdm_map *map, domain_kinks *k,
                            pdm_size *capacity)
{
    pdm_status status = PDM_OK;
    double    *work   = NULL;

    PDM_TRY(pdm_alloc_array(d->ctx, f->n_input + f->value->n_register, &work));
    double *registers = work + f->n_input;
    double  before    = edge_value(f, map->low, work, registers);
    for (pdm_size i = 1; i <= SAMPLES; i++) {
        const double step = (map->high - map->low) / SAMPLES;
        double       low = map->low + step * (double)(i - 1), high = map->low + step * (double)i;
        const double value = edge_value(f, high, work, registers);
        bool         found = value == 0.0;
        for (int turn = 0; turn < 200 && before * value < 0.0; turn++) {
            const double middle = 0.5 * (low + high), there = edge_value(f, middle, work, registers);
            if (!(middle > low && middle < high)) break;
            if (there * before > 0.0)
                low = middle;
            else
                high = middle;
            if (there == 0.0) break;
        }
        found  = found || before * value < 0.0;
        before = value;
        if (found) PDM_TRY(add_place(d, k, capacity, pdm_map_inverse(map, high)));
    }
    k->at_ends = k->at_ends || before * edge_value(f, map->low, work, registers) < 0.0;
done:
    pdm_free(d->ctx, work);
    return status;
}

/* ---- at cells of inputs ------------------------------------------------------------------------------------------ */

static bool stands_in_flux(const pdm_domain *d, pdm_size input)
{
    for (pdm_size t = 0; t < pdm_pde_n_term(d->pde); t++) {
        const pdm_term *term = pdm_pde_term(d->pde, t);
        for (pdm_size i = 0; i < term->function->n_sampled && term->dim >= 0; i++)
            if (term->function->sampled[i].input == input) return true;
    }
    return false;
}

/* Cells of an input in a flux along this dimension; 0: none, or the knot spans. */
static pdm_size cells_along(const pdm_domain *d, pdm_size input, pdm_size dim)
{
    const pdm_input_info *info = pdm_pde_input(d->pde, input);
    if (!d->cells[input].used || !stands_in_flux(d, input)) return 0;
    for (pdm_size k = 0; k < info->n_dim; k++)
        if (info->dim[k] == dim) return d->cells[input].n[k];
    return 0;
}

/* The boundaries of cells, where as many control points as there are can hold them: they are then shared out among
 * them. Else the list is as before. */
static pdm_status add_cells(pdm_domain *d, domain_line *line, pdm_size dim, pdm_size *capacity)
{
    pdm_status     status = PDM_OK;
    domain_kinks  *k      = &d->kinks[dim];
    const pdm_size before = k->n, more = line->degree - 1;
    pdm_size       even = 0; /* cells, where there is nothing but them */

    for (pdm_size i = 0; i < pdm_pde_n_input(d->pde) && !line->periodic; i++) {
        const pdm_size n = cells_along(d, i, dim);
        if (n < 2) continue;
        const double length = line->map.high - line->map.low;
        for (pdm_size q = 1; q < n; q++)
            PDM_TRY(
                add_place(d, k, capacity, pdm_map_inverse(&line->map, line->map.low + length * (double)q / (double)n)));
        even = k->n + 1 == n ? n : 0;
    }
    if (k->n == before) goto done;
    const pdm_size spans = line->n_span - more * (k->n - before);
    if (spans > k->n) {
        k->from      = KINKS_CELLS;
        k->spent     = more * (k->n - before);
        k->even      = even > 0 ? even : 1;
        line->n_span = spans / k->even * k->even;
    } else {
        k->wanted = (k->n + 1) + more * (k->n - before) + line->degree;
        k->n      = 0; /* all or nothing: what is left is found anew */
    }
done:
    return status;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static pdm_status add_found(pdm_domain *d, const domain_line *line, pdm_size dim, pdm_size *capacity)
{
    pdm_status    status = PDM_OK;
    domain_kinks *k      = &d->kinks[dim];

    for (pdm_size i = 0; i < pdm_pde_n_edge(d->pde); i++) {
        const pdm_edge *e = pdm_pde_edge(d->pde, i);
        if (e->dim == dim) PDM_TRY(add_zeros(d, e->function, &line->map, k, capacity));
    }
    if (k->n > 0) k->from = KINKS_FOUND;
done:
    return status;
}

static pdm_status find(pdm_domain *d, domain_line *line, pdm_size dim)
{
    pdm_status    status   = PDM_OK;
    domain_kinks *k        = &d->kinks[dim];
    pdm_size      capacity = 0;

    PDM_TRY(add_found(d, line, dim, &capacity));
    k->refused = refuses(d, dim, line->degree);
    if (k->refused || k->n >= line->n_span) {
        if (!k->refused) k->refused = "they are more than the knot spans; more control points are expected";
        k->left = k->n;
        k->n    = 0;
        goto done;
    }
    PDM_TRY(add_cells(d, line, dim, &capacity));
    if (k->n == 0) PDM_TRY(add_found(d, line, dim, &capacity));
done:
    return status;
}

pdm_status domain_kinks_find(pdm_domain *d, pdm_case *c, const char *group, pdm_size dim, domain_line *line)
{
    pdm_status    status = PDM_OK;
    domain_kinks *k      = &d->kinks[dim];
    const char   *text   = NULL;

    PDM_TRY(pdm_case_text(c, group, "kinks", d->settings.kinks == 0 ? "auto" : "none", &text));
    if (strcmp(text, "auto") == 0)
        PDM_TRY(find(d, line, dim));
    else if (strcmp(text, "none") != 0)
        PDM_TRY(read_given(d, c, group, line, dim));
    k->joints = k->n > 0 && flux_may_jump(d, dim);
    if (line->n_span < k->n + 1) line->n_span = k->n + 1;
done:
    return status;
}

/* ---- breaks ------------------------------------------------------------------------------------------------------ */

/* Place of xi among breaks, as a number between 0 and n: whole on a break. */
static double index_of(pdm_size n, const double *breaks, double xi)
{
    pdm_size i = 0;
    while (i < n - 1 && xi >= breaks[i + 1]) i++;
    if (xi - breaks[i] < SAME) return (double)i;
    if (breaks[i + 1] - xi < SAME) return (double)i + 1.0;
    return (double)i + (xi - breaks[i]) / (breaks[i + 1] - breaks[i]);
}

static double break_at(const double *breaks, double index)
{
    const double   below = floor(index);
    const pdm_size i     = (pdm_size)below;
    return index == below ? breaks[i] : breaks[i] + (index - below) * (breaks[i + 1] - breaks[i]);
}

/* Spans shared out among the pieces between kinks by their index: each has one at least, all go on as dense as the
 * breaks are there. breaks, out [n+1]; first [n_kink+2]: the break of each kink, and the ends. */
static void share_out(const domain_kinks *k, pdm_size n, const double *breaks, double *out, pdm_size *first)
{
    double from = 0.0;

    first[0] = 0;
    for (pdm_size i = 0; i <= k->n; i++) {
        const double   to   = i < k->n ? index_of(n, breaks, k->xi[i]) : (double)n;
        const pdm_size near = i < k->n ? (pdm_size)floor(to + 0.5) : n, most = n - (k->n - i);
        first[i + 1]     = near < first[i] + 1 ? first[i] + 1 : near > most ? most : near;
        const pdm_size m = first[i + 1] - first[i];
        for (pdm_size q = 1; q < m; q++)
            out[first[i] + q] = break_at(breaks, from + (to - from) * (double)q / (double)m);
        out[first[i + 1]] = i < k->n ? k->xi[i] : 1.0;
        from              = to;
    }
    out[0] = 0.0;
}

/* Knots that the case gives stay; kinks that are none of them are put between. out [n + n_kink + 1]. */
static pdm_size put_between(const domain_kinks *k, pdm_size n, const double *breaks, double *out, pdm_size *first)
{
    pdm_size used = 0, next = 0;

    first[0] = 0;
    for (pdm_size i = 0; i <= n; i++) {
        for (; next < k->n && k->xi[next] < breaks[i] + SAME; next++) {
            first[next + 1] = used;
            out[used++]     = k->xi[next];
        }
        if (next > 0 && fabs(breaks[i] - k->xi[next - 1]) < SAME) continue;
        out[used++] = breaks[i];
    }
    first[k->n + 1] = used - 1;
    return used - 1;
}

/* Pieces of few spans need more cells a span: as many cells as a piece has coefficients of its own, one end counted. */
static pdm_size least_sub(const domain_kinks *k, pdm_size degree, const pdm_size *first)
{
    pdm_size least = 1;
    for (pdm_size i = 0; i <= k->n; i++) {
        const pdm_size m = first[i + 1] - first[i], need = (m + degree - 1 + m - 1) / m;
        least = need > least ? need : least;
    }
    return least;
}

pdm_status domain_kinks_place(pdm_domain *d, pdm_size dim, bool keep, domain_line *line, double **interior)
{
    pdm_status          status = PDM_OK;
    const domain_kinks *k      = &d->kinks[dim];
    const pdm_size      n = line->n_span, most = n + k->n;
    double             *breaks = NULL, *ends = NULL, *all = NULL;
    pdm_size           *first = NULL, used = 0;

    if (k->n == 0) return PDM_OK;
    PDM_TRY(pdm_alloc_array(d->ctx, n + 1, &breaks));
    PDM_TRY(pdm_alloc_array(d->ctx, most + 1, &ends));
    PDM_TRY(pdm_alloc_array(d->ctx, k->n + 2, &first));
    PDM_TRY(pdm_alloc_array(d->ctx, most + k->n * (line->degree - 1), &all));
    for (pdm_size i = 0; i <= n; i++) breaks[i] = (double)i / (double)n;
    for (pdm_size i = 1; i < n && *interior; i++) breaks[i] = (*interior)[i - 1];
    if (keep)
        line->n_span = put_between(k, n, breaks, ends, first);
    else
        share_out(k, n, breaks, ends, first);
    for (pdm_size i = 1, next = 0; i < line->n_span; i++) {
        const bool     kink  = next < k->n && i == first[next + 1];
        const pdm_size times = kink ? line->degree : 1;
        for (pdm_size t = 0; t < times; t++) all[used++] = ends[i];
        next += kink;
    }
    const pdm_size least = least_sub(k, line->degree, first);
    if (d->sub[dim] < least) d->sub[dim] = least;
    pdm_free(d->ctx, *interior);
    *interior = all;
    all       = NULL;
done:
    pdm_free(d->ctx, breaks);
    pdm_free(d->ctx, ends);
    pdm_free(d->ctx, first);
    pdm_free(d->ctx, all);
    return status;
}

void domain_kinks_destroy(pdm_domain *d)
{
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(d->ctx, d->kinks[j].xi);
}

/* ---- what others ask ----------------------------------------------------------------------------------------------- */

int domain_kink_side(const pdm_spline *s, pdm_size element, double x)
{
    const double *b = s->breaks, low = pdm_map_value(&s->map, b[element]),
                 high  = pdm_map_value(&s->map, b[element + 1]);
    const double slack = 1e-9 * (high - low);
    if (element > 0 && b[element - 1] == b[element] && x < low + slack) return 1;
    if (element + 1 < s->n_element && b[element + 2] == b[element + 1] && x > high - slack) return -1;
    return 0;
}

pdm_size pdm_domain_n_kink(const pdm_domain *d, pdm_size dim)
{
    return d->kinks[dim].n;
}

pdm_size pdm_domain_control_points(const pdm_domain *d, pdm_size dim, pdm_size n_span)
{
    const pdm_spline   *s    = &d->spline[dim];
    const domain_kinks *k    = &d->kinks[dim];
    const pdm_size      even = k->even > 0 ? k->even : 1;
    return (n_span + even - 1) / even * even + k->spent + (s->periodic ? 0 : s->degree);
}

static pdm_status view_places(const pdm_domain *d, pdm_size dim, pdm_text *out)
{
    pdm_status          status = PDM_OK;
    const domain_kinks *k      = &d->kinks[dim];
    enum { SHOWN = 8 };

    for (pdm_size i = 0; i < k->n && i < SHOWN; i++)
        PDM_TRY(pdm_text_append(out, "%s%.9g", i ? ", " : "", pdm_map_value(&d->spline[dim].map, k->xi[i])));
    if (k->n > SHOWN) PDM_TRY(pdm_text_append(out, ", ... (%lld)", (long long)k->n));
done:
    return status;
}

pdm_status domain_kinks_view(const pdm_domain *d, pdm_size dim, pdm_text *out)
{
    static const char *const from[] = {"", "", ", where coefficients or sources jump or bend",
                                       ", where an input in a flux may jump"};
    pdm_status               status = PDM_OK;
    const domain_kinks      *k      = &d->kinks[dim];
    const char              *name   = pdm_pde_dim_name(d->pde, dim);

    if (k->n > 0) {
        PDM_TRY(pdm_text_append(out, "kinks        %s: ", name));
        PDM_TRY(view_places(d, dim, out));
        PDM_TRY(pdm_text_append(out, "%s; %lld cells a knot span\n", from[k->from], (long long)d->sub[dim]));
    }
    if (k->left > 0)
        PDM_TRY(pdm_text_append(
            out, "kinks        %s: none, though coefficients or sources jump or bend at %lld places: %s\n", name,
            (long long)k->left, k->refused));
    if (k->at_ends && d->spline[dim].periodic)
        PDM_TRY(
            pdm_text_append(out,
                            "kinks        %s: none at the ends of the period, though something jumps or bends there; "
                            "an extent that begins elsewhere has them inside\n",
                            name));
    if (k->wanted > 0)
        PDM_TRY(pdm_text_append(out,
                                "kinks        %s: none where an input in a flux may jump; %lld control points have "
                                "room for them\n",
                                name, (long long)k->wanted));
done:
    return status;
}
