/* Which row every unknown has: the equation, a condition of a side that its node lies on, or the rate of change of a
 * field of second order in time; and which unknowns are differential. */
#include "lines/lines.h"

#include "lines/lines_impl.h"

/* Conditions on one side for one field, those that give its value first. */
typedef struct side_conditions {
    pdm_size n;
    int32_t  condition[PDM_MAX_ORDER];
} side_conditions;

static void gather(const pdm_lines *l, pdm_size dim, int side, side_conditions *of_field)
{
    static const pdm_condition_kind order[] = {PDM_CONDITION_DIRICHLET, PDM_CONDITION_FLUX, PDM_CONDITION_GENERAL};
    for (pdm_size f = 0; f < l->n_field; f++) of_field[f].n = 0;
    for (int pass = 0; pass < 3; pass++)
        for (pdm_size i = 0; i < l->n_condition; i++) {
            const pdm_condition *c = pdm_pde_condition(l->pde, i);
            if (c->kind != order[pass] || c->dim != dim || c->side != side) continue;
            side_conditions *s = &of_field[pdm_domain_condition_field(l->domain, i)];
            if (s->n < PDM_MAX_ORDER) s->condition[s->n++] = (int32_t)i;
        }
}

/* Does condition a go before b, where two sides meet? Values first, then the one that comes later in the case. */
static bool goes_before(const pdm_lines *l, int32_t a, int32_t b)
{
    const bool a_value = pdm_pde_condition(l->pde, a)->kind == PDM_CONDITION_DIRICHLET,
               b_value = pdm_pde_condition(l->pde, b)->kind == PDM_CONDITION_DIRICHLET;
    return a_value != b_value ? a_value : a > b;
}

/* Puts the conditions of one side in place: chosen [n_node][n_field], condition or -1; at: the node on the side. */
static void claim_side(pdm_lines *l, pdm_size k, int side, int32_t *chosen, int32_t *at)
{
    side_conditions of_field[PDM_MAX_FIELD];
    const pdm_size  stride = k == 0 && l->n_space == 2 ? l->axis[1].nodes.n : 1, n = l->axis[k].nodes.n;

    gather(l, k + 1, side, of_field);
    for (pdm_size p = 0; p < l->n_node; p++) {
        const pdm_size i = p / stride % n, depth = side ? n - 1 - i : i;
        for (pdm_size f = 0; f < l->n_field; f++) {
            if (depth >= of_field[f].n) continue;
            const int32_t c = of_field[f].condition[depth];
            int32_t      *v = &chosen[p * l->n_field + f];
            if (*v >= 0 && !goes_before(l, c, *v)) continue;
            *v                     = c;
            at[p * l->n_field + f] = (int32_t)(p + (side ? depth : -depth) * stride);
        }
    }
}

static lines_row condition_row(const pdm_lines *l, int32_t condition, int32_t at, int32_t field)
{
    const pdm_condition *c = pdm_pde_condition(l->pde, condition);
    lines_row            r = {.b = -1, .at = at, .variable = field, .rate = -1};

    r.a    = (int32_t)l->n_equation + condition;
    r.kind = LINES_GENERAL;
    if (c->kind == PDM_CONDITION_DIRICHLET) r.kind = LINES_VALUE;
    if (c->kind == PDM_CONDITION_FLUX) {
        r.kind = LINES_FLUX;
        r.b    = r.a;
        r.a    = l->flux[condition];
    }
    return r;
}

/* Does a row read the variable, or its time derivative? */
static bool row_reads(const pdm_lines *l, const lines_row *r, int32_t variable, bool rate)
{
    const int32_t function[] = {r->a, r->b};
    for (int k = 0; k < 2; k++) {
        const lines_function *f = function[k] >= 0 ? &l->function[function[k]] : NULL;
        for (pdm_size i = 0; f && f->function && i < f->function->n_atom; i++)
            if (f->atom[i].variable == variable && f->atom[i].is_rate == rate) return true;
    }
    return false;
}

/* Rows of a node that are equations, or the field's own row. */
static bool node_has_rate(const pdm_lines *l, const lines_row *rows, int32_t field, int32_t variable)
{
    if (rows[field].kind != LINES_EQUATION && rows[variable].kind != LINES_EQUATION)
        return row_reads(l, &rows[field], variable, true);
    for (pdm_size v = 0; v < l->n_variable; v++)
        if (rows[v].kind == LINES_EQUATION && row_reads(l, &rows[v], variable, true)) return true;
    return false;
}

static void mark_differential(pdm_lines *l)
{
    for (pdm_size p = 0; p < l->n_node; p++) {
        const lines_row *rows = l->row + p * l->n_variable;
        unsigned char   *mark = l->differential + p * l->n_variable;
        for (pdm_size f = 0; f < l->n_field; f++) {
            const int32_t rate = l->rate_of[f], variable = rate >= 0 ? rate : (int32_t)f;
            const bool    moves = node_has_rate(l, rows, (int32_t)f, variable);
            mark[f]             = moves;
            if (rate < 0) continue;
            mark[rate] = moves; /* a condition on the rate alone: the field follows it in time */
            if (rows[rate].kind == LINES_RATE && !moves) mark[f] = 1;
        }
    }
}

pdm_status lines_rows_create(pdm_lines *l)
{
    pdm_status status = PDM_OK;
    int32_t   *chosen = NULL, *at = NULL;

    PDM_TRY(pdm_alloc_array(l->ctx, l->n_node * l->n_field, &chosen));
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_node * l->n_field, &at));
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_unknown, &l->row));
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_unknown, &l->differential));
    for (pdm_size i = 0; i < l->n_node * l->n_field; i++) chosen[i] = -1;
    for (pdm_size k = 0; k < l->n_space; k++)
        for (int side = 0; side < 2 && l->axis[k].nodes.period == 0.0; side++) claim_side(l, k, side, chosen, at);
    for (pdm_size p = 0; p < l->n_node; p++) {
        lines_row *rows = l->row + p * l->n_variable;
        for (pdm_size f = 0; f < l->n_field; f++) {
            const int32_t   c = chosen[p * l->n_field + f], rate = l->rate_of[f];
            const lines_row equation = {LINES_EQUATION, (int32_t)f, -1, (int32_t)p, (int32_t)f, -1, false};
            const lines_row follows  = {LINES_RATE, -1, -1, (int32_t)p, (int32_t)f, rate, false};
            const lines_row own      = c >= 0 ? condition_row(l, c, at[p * l->n_field + f], (int32_t)f) : equation;
            rows[f]                  = own;
            if (rate < 0) continue;
            rows[f]    = c >= 0 ? own : follows;
            rows[rate] = c >= 0 ? follows : own;
            if (c >= 0 && !row_reads(l, &own, rate, false) && !row_reads(l, &own, rate, true)) {
                rows[rate]       = own;
                rows[rate].rate  = rate;
                rows[rate].moves = true;
            }
        }
    }
    mark_differential(l);
done:
    pdm_free(l->ctx, chosen);
    pdm_free(l->ctx, at);
    return status;
}
