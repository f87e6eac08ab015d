/* Knots of time for a solution that starts with a layer: the initial state disagrees with a value on a side, or with a
 * flux or another condition there, and the equation spreads that by diffusion, like the root of time. Where the case
 * does not say where knots are, those of time then crowd at the start. docs/mathematics.md, "Maps and grading". */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

enum { SPANS_LEAST = 4 };                /* fewer knot spans than these are too few to be graded    */
static const double POWER  = 3.0;        /* breaks at (j / n)^POWER of the extent                   */
static const double LAYER  = 0.05;       /* relative misfit from which on                           */
static const double BENT   = 0.1;        /* of data and terms in a step of a sixteenth of the extent */
static const double PECLET = 2.0;        /* of a knot span, up to which things spread rather than move */
static const double OFF[2] = {0.0, 0.5}; /* widths from the middle of distributions: as for scales */

bool start_is_open(const pdm_problem *p)
{
    static const char *const said[] = {"map", "grading", "knots", "kinks"};
    char                     group[PDM_GROUP_TEXT];
    bool                     open = pdm_pde_has_time(p->pde);

    if (open) pdm_problem_dim_group(p, 0, group);
    for (size_t i = 0; open && i < sizeof said / sizeof *said; i++) open = !pdm_case_has(p->the_case, group, said[i]);
    return open;
}

/* Is the field of first order in time, and of second along dim, and spreads over a knot span faster than it moves? */
pdm_status start_spreads(const note_state *s, pdm_size field, pdm_size dim, bool *does)
{
    pdm_status          status = PDM_OK;
    const pdm_pde      *pde    = s->p->pde;
    const pdm_function *f      = pdm_pde_strong(pde, field);
    const pdm_spline   *spline = pdm_domain_spline(s->p->domain, dim);
    const double        h      = (spline->map.high - spline->map.low) / (double)spline->n_element;
    const pdm_where     where  = pdm_case_where(s->p->the_case, "pde/residuals", pdm_pde_field_name(pde, field));
    pdm_probe           q      = {0};
    double              moves = 0.0, diffuses = 0.0;

    *does = false;
    if (pdm_pde_order(pde, field, 0) != 1 || pdm_pde_order(pde, field, dim) != 2 || !note_has_tables(s, f)) goto done;
    PDM_TRY(note_probe(s, f, &where, -1, 0.0, &q));
    for (pdm_size i = 0; i < q.n_point; i++) {
        moves    = fmax(moves, fabs(note_coefficient(f, field, dim, 1, 0, &q, i)));
        diffuses = fmax(diffuses, fabs(note_coefficient(f, field, dim, 2, 0, &q, i)));
    }
    *does = diffuses > 0.0 && moves * h <= PECLET * diffuses;
done:
    pdm_probe_destroy(&q);
    return status;
}

/* The largest misfit at the start of what spreads. */
static pdm_status largest_misfit(const note_state *s, double *most)
{
    pdm_status      status = PDM_OK;
    const pdm_jump *jump   = &s->report.start;
    bool            does   = false;

    if (jump->relative > LAYER) PDM_TRY(start_spreads(s, jump->field, jump->dim, &does));
    if (does) *most = fmax(*most, jump->relative);
    for (pdm_size i = 0; i < pdm_pde_n_condition(s->p->pde); i++) {
        const pdm_condition *k = pdm_pde_condition(s->p->pde, i);
        double               misfit, relative;
        PDM_TRY(wall_misfit(s, i, &misfit, &relative));
        if (!(relative > LAYER)) continue;
        PDM_TRY(start_spreads(s, pdm_domain_condition_field(s->p->domain, i), k->dim, &does));
        if (does) *most = fmax(*most, relative);
    }
done:
    return status;
}

/* ---- what goes on later ---- */

/* Does an expression bend, past the first of N_STEP equal steps, by more than BENT of its largest value in a step? The
 * last spans of graded knots are as long. */
static pdm_status bends_late(const note_state *flat, const pdm_function *f, const pdm_where *where, bool *does)
{
    enum { N_STEP = 16, FIRST = 2 };
    pdm_status     status = PDM_OK;
    const pdm_map *map    = &pdm_domain_spline(flat->p->domain, 0)->map;
    pdm_size       n[PDM_MAX_DIM];
    const double  *x[PDM_MAX_DIM];
    double         t[N_STEP + 1], most = 0.0, bend = 0.0;
    pdm_probe      q = {0};

    if (!f || !pdm_pde_varies_in_time(flat->p->pde, f) || !note_has_tables(flat, f)) goto done;
    for (int i = 0; i <= N_STEP; i++) t[i] = map->low + (map->high - map->low) * i / N_STEP;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        n[j] = j == 0 ? N_STEP + 1 : flat->n[j];
        x[j] = j == 0 ? t : flat->x[j];
    }
    PDM_TRY(pdm_domain_probe(flat->p->domain, f, where, flat->input, flat->lift, n, x, &q));
    const pdm_size step = q.n_point / (N_STEP + 1); /* time is the first dimension */
    for (pdm_size i = 0; i < q.n_point; i++) most = fmax(most, fabs(q.value[i]));
    for (pdm_size i = FIRST * step; i < N_STEP * step; i++)
        bend = fmax(bend, fabs(q.value[i - step] - 2.0 * q.value[i] + q.value[i + step]));
    *does = *does || bend > BENT * most;
done:
    pdm_probe_destroy(&q);
    return status;
}

/* Data and terms that bend later, too, need knots there. */
static pdm_status is_busy_later(const note_state *s, bool *is)
{
    pdm_status     status = PDM_OK;
    const pdm_pde *pde    = s->p->pde;
    note_state     flat   = *s;
    double        *lift   = NULL;

    *is = false;
    PDM_TRY(note_flatten(s, &lift));
    flat.lift = lift;
    for (pdm_size i = 0; i < pdm_pde_n_condition(pde); i++)
        PDM_TRY(bends_late(&flat, pdm_pde_condition(pde, i)->given, &pdm_pde_condition(pde, i)->where, is));
    for (pdm_size i = 0; i < pdm_pde_n_term(pde); i++) {
        const char     *name  = pdm_pde_field_name(pde, pdm_pde_term(pde, i)->equation);
        const pdm_where where = pdm_case_where(s->p->the_case, "pde/residuals", name);
        PDM_TRY(bends_late(&flat, pdm_pde_term(pde, i)->function, &where, is));
    }
done:
    pdm_free(s->p->ctx, lift);
    return status;
}

/* ---- both ---- */

static pdm_status has_layer(const pdm_problem *p, bool *has)
{
    pdm_status status = PDM_OK;
    double    *input = NULL, most = 0.0;
    note_state s    = {0};
    bool       busy = false;

    PDM_TRY(pdm_alloc_array(p->ctx, pdm_domain_n_input(p->domain), &input));
    PDM_TRY(pdm_inputs_read(p->inputs));
    for (size_t i = 0; i < sizeof OFF / sizeof *OFF; i++) {
        pdm_inputs_typical(p->inputs, OFF[i], input);
        PDM_TRY(note_state_create(p, input, &s));
        PDM_TRY(largest_misfit(&s, &most));
        if (!busy && most > LAYER) PDM_TRY(is_busy_later(&s, &busy));
        note_state_destroy(&s);
    }
    *has = most > LAYER && !busy;
done:
    note_state_destroy(&s);
    pdm_free(p->ctx, input);
    return status;
}

pdm_status start_find(const pdm_problem *p, pdm_grading *out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *t      = pdm_domain_spline(p->domain, 0);
    bool              has    = false;

    if (out->interior[0] || !start_is_open(p) || t->n_span < SPANS_LEAST) goto done;
    PDM_TRY(has_layer(p, &has));
    if (!has) goto done;
    PDM_TRY(pdm_alloc_array(p->ctx, t->n_span - 1, &out->interior[0]));
    for (pdm_size j = 1; j < t->n_span; j++) out->interior[0][j - 1] = pow((double)j / (double)t->n_span, POWER);
    pdm_log(p->ctx, PDM_LOG_DEBUG, "grading",
            "time is graded \"power 3\": the initial state disagrees with a side, so that solutions start with a layer "
            "(domain.t.grading=none turns it off)");
done:
    return status;
}
