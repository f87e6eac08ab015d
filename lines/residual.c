/* The rows at a state, and their Jacobian. */
#include "lines/lines.h"

#include <math.h>

#include "lines/lines_impl.h"

static double atom_value(const pdm_lines *l, const lines_atom *a, pdm_size at, const double *y, const double *rate)
{
    const double *from = a->is_rate ? rate : y;
    int32_t       node[LINES_MAX_ENTRY];
    double        weight[LINES_MAX_ENTRY], sum = 0.0;
    pdm_size      n;

    lines_expand(l, a, at, &n, node, weight);
    for (pdm_size q = 0; q < n; q++) sum += weight[q] * from[node[q] * l->n_variable + a->variable];
    return sum;
}

/* Inputs of the programs of a function at a node, into l->in. */
static void give_inputs(pdm_lines *l, const lines_function *f, pdm_size at, double t, const double *y,
                        const double *rate)
{
    const pdm_size inner = l->n_space == 2 ? l->axis[1].nodes.n : 1;
    for (pdm_size k = 0; k < f->function->n_input; k++) {
        const int32_t n = f->function->input[k].index;
        switch ((pdm_input_kind)f->function->input[k].kind) {
        case PDM_INPUT_ATOM: l->in[k] = atom_value(l, &f->atom[n], at, y, rate); break;
        case PDM_INPUT_COORDINATE:
            l->in[k] = n == 0 ? t : n == 1 ? l->axis[0].x[at / inner] : l->axis[1].x[at % inner];
            break;
        case PDM_INPUT_SCALAR: l->in[k] = l->scalar[n]; break;
        case PDM_INPUT_FIELD: l->in[k] = f->sampled[n * l->n_node + at]; break;
        }
    }
}

static double function_value(pdm_lines *l, int32_t function, pdm_size at, double t, const double *y, const double *rate)
{
    const lines_function *f = function >= 0 ? &l->function[function] : NULL;
    if (!f || !f->function) return 0.0;
    give_inputs(l, f, at, t, y, rate);
    pdm_program_evaluate(f->function->value, l->in, l->out, l->work);
    return l->out[0];
}

/* Partial derivative of a function by t, by differences of second order that do not look before the start. */
static double time_slope(pdm_lines *l, int32_t function, pdm_size at, double t, const double *y, const double *rate)
{
    const pdm_spline *s    = pdm_domain_spline(l->domain, 0);
    const double      step = 1e-5 * (s->map.high - s->map.low);
    if (t - step > s->map.low)
        return (function_value(l, function, at, t + step, y, rate) -
                function_value(l, function, at, t - step, y, rate)) /
               (2.0 * step);
    return (4.0 * function_value(l, function, at, t + step, y, rate) -
            3.0 * function_value(l, function, at, t, y, rate) -
            function_value(l, function, at, t + 2.0 * step, y, rate)) /
           (2.0 * step);
}

/* Its total derivative by t. */
static double function_rate(pdm_lines *l, int32_t function, pdm_size at, double t, const double *y, const double *rate)
{
    const lines_function *f = function >= 0 ? &l->function[function] : NULL;
    if (!f || !f->function) return 0.0;
    double sum = f->function->uses_time ? time_slope(l, function, at, t, y, rate) : 0.0;
    give_inputs(l, f, at, t, y, rate);
    pdm_program_evaluate(f->function->partial, l->in, l->out, l->work);
    for (pdm_size i = 0; i < f->function->n_atom; i++)
        if (l->out[1 + i] != 0.0) sum += l->out[1 + i] * atom_value(l, &f->moved[i], at, y, rate);
    return sum;
}

bool pdm_lines_residual(pdm_lines *l, double t, const double *y, const double *rate, double *r)
{
    bool finite = true;
    for (pdm_size i = 0; i < l->n_unknown; i++) {
        const lines_row *row  = &l->row[i];
        const pdm_size   base = i / l->n_variable * l->n_variable;
        double (*const value)(pdm_lines *, int32_t, pdm_size, double, const double *, const double *) =
            row->moves ? function_rate : function_value;
        const double a = value(l, row->a, row->at, t, y, rate);
        switch (row->kind) {
        case LINES_EQUATION:
        case LINES_GENERAL: r[i] = a; break;
        case LINES_VALUE: r[i] = y[base + (row->moves ? row->rate : row->variable)] - a; break;
        case LINES_FLUX: r[i] = a - value(l, row->b, row->at, t, y, rate); break;
        case LINES_RATE: r[i] = rate[base + row->variable] - y[base + row->rate]; break;
        }
        finite = finite && isfinite(r[i]);
    }
    return finite;
}

/* What the Jacobian takes of an entry in the column of an unknown: value or rate of change. */
static double entry_factor(const pdm_lines *l, pdm_lines_stage stage, double alpha, pdm_size unknown, bool is_rate)
{
    if (stage == PDM_LINES_START && (l->differential[unknown] != 0) != is_rate) return 0.0;
    return is_rate ? alpha : 1.0;
}

typedef struct point {
    pdm_lines_stage stage;
    double          t, alpha;
    const double   *y, *rate;
} point;

/* Adds sign * df/d(unknowns) of one function to the row; slot moves on. Of a row that moves, without what second
 * derivatives of the condition would add: nothing where it is linear. */
static void add_partials(pdm_lines *l, const point *z, const lines_row *row, int32_t function, double sign,
                         const int32_t **slot, double *value)
{
    const lines_function *f = function >= 0 ? &l->function[function] : NULL;
    int32_t               node[LINES_MAX_ENTRY];
    double                weight[LINES_MAX_ENTRY];
    if (!f || !f->function || f->function->n_atom == 0) return;
    give_inputs(l, f, row->at, z->t, z->y, z->rate);
    pdm_program_evaluate(f->function->partial, l->in, l->out, l->work);
    for (pdm_size i = 0; i < f->function->n_atom; i++) {
        const lines_atom *a = row->moves ? &f->moved[i] : &f->atom[i];
        pdm_size          n;
        lines_expand(l, a, row->at, &n, node, weight);
        for (pdm_size q = 0; q < n; q++)
            value[*(*slot)++] += sign * l->out[1 + i] * weight[q] *
                                 entry_factor(l, z->stage, z->alpha, node[q] * l->n_variable + a->variable, a->is_rate);
    }
}

bool pdm_lines_jacobian(pdm_lines *l, pdm_lines_stage stage, double t, double alpha, const double *y,
                        const double *rate, double *value)
{
    const point z      = {stage, t, alpha, y, rate};
    bool        finite = true;
    for (pdm_size i = 0; i < l->n_unknown; i++) {
        const lines_row *row  = &l->row[i];
        const int32_t   *slot = l->slot + l->slot0[i];
        double          *here = value + l->row0[i];
        const double     sign = row->kind == LINES_VALUE ? -1.0 : 1.0;
        const pdm_size   n = l->row0[i + 1] - l->row0[i], base = i / l->n_variable * l->n_variable;

        for (pdm_size k = 0; k < n; k++) here[k] = 0.0;
        if (row->kind == LINES_VALUE) {
            const int32_t variable = row->moves ? row->rate : row->variable;
            here[*slot++] += entry_factor(l, stage, alpha, base + variable, false);
        }
        if (row->kind == LINES_RATE) {
            here[*slot++] += entry_factor(l, stage, alpha, base + row->variable, true);
            here[*slot++] -= entry_factor(l, stage, alpha, base + row->rate, false);
        }
        add_partials(l, &z, row, row->a, sign, &slot, here);
        add_partials(l, &z, row, row->b, -1.0, &slot, here);
        for (pdm_size k = 0; k < n; k++) finite = finite && isfinite(here[k]);
    }
    return finite;
}

void pdm_lines_start(pdm_lines *l, double *y, double *rate)
{
    const double t = pdm_domain_spline(l->domain, 0)->map.low;
    for (pdm_size i = 0; i < l->n_unknown; i++) {
        y[i]    = l->initial[i];
        rate[i] = 0.0;
    }
    for (pdm_size i = 0; i < l->n_unknown; i++) {
        const lines_row *row = &l->row[i];
        if (row->kind == LINES_VALUE && !row->moves) y[i] = function_value(l, row->a, row->at, t, y, rate);
    }
}
