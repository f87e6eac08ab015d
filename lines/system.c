/* The system of one case on one grid: differences, functions, and the data of a sample. */
#include "lines/lines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lines/lines_impl.h"

/* ---- what cannot be solved this way ---- */

/* Reads a time derivative that the equations do not make an unknown? */
static bool reads_beyond(const pdm_pde *pde, const pdm_function *f)
{
    for (pdm_size i = 0; f && i < f->n_atom; i++) {
        const pdm_size order = pdm_pde_order(pde, f->atom[i].field, 0);
        if (f->atom[i].order[0] > order) return true;
    }
    return false;
}

static bool refuses_inputs(const pdm_domain *d, char *why, size_t size)
{
    const pdm_pde *pde = pdm_domain_pde(d);
    for (pdm_size i = 0; i < pdm_pde_n_input(pde); i++) {
        const pdm_input_info *info = pdm_pde_input(pde, i);
        if (pdm_domain_input_on_cells(d, i))
            snprintf(why, size, "input \"%s\" is constant in cells, and finite differences need smooth coefficients",
                     info->name);
        else if (info->n_dim > 0 && info->dim[0] == 0)
            snprintf(why, size, "input \"%s\" varies in time", info->name);
        else
            continue;
        return true;
    }
    return false;
}

/* Their splines are not the fields, and go to -infinity where the fields go to zero. */
static bool refuses_shape(const pdm_pde *pde, char *why, size_t size)
{
    if (!pdm_pde_level(pde)) return false;
    snprintf(why, size, "the domain is a shape inside the box (/geometry)");
    return true;
}

static bool refuses_positive(const pdm_pde *pde, char *why, size_t size)
{
    for (pdm_size f = 0; f < pdm_pde_n_field(pde); f++) {
        if (!pdm_pde_is_positive(pde, f)) continue;
        snprintf(why, size, "field \"%s\" is positive (/pde:positive)", pdm_pde_field_name(pde, f));
        return true;
    }
    return false;
}

static bool refuses_conditions(const pdm_pde *pde, char *why, size_t size)
{
    for (pdm_size i = 0; i < pdm_pde_n_condition(pde); i++) {
        const pdm_condition *c = pdm_pde_condition(pde, i);
        if (*c->part_text)
            snprintf(why, size, "a condition on a part of a side, where %s", c->part_text);
        else if (reads_beyond(pde, c->function))
            snprintf(why, size, "a condition has a time derivative that the equations do not have: %s",
                     c->function->text);
        else
            continue;
        return true;
    }
    return false;
}

/* What no finite number of nodes nearby has. */
static bool refuses_integrals(const pdm_pde *pde, char *why, size_t size)
{
    if (pdm_pde_n_derived(pde) > 0)
        snprintf(why, size, "%s depends on all of space", pdm_pde_atom_name(pde, pdm_pde_n_field(pde)));
    else if (pdm_pde_n_constraint(pde) > 0)
        snprintf(why, size, "constraint \"%s\" is on an integral", pdm_pde_constraint(pde, 0)->name);
    else
        return false;
    return true;
}

static bool refuses_kinks(const pdm_domain *d, char *why, size_t size)
{
    for (pdm_size j = 1; j < pdm_domain_n_dim(d); j++) {
        if (pdm_domain_n_kink(d, j) == 0) continue;
        snprintf(why, size, "fields have kinks along %s, where finite differences do not hold",
                 pdm_pde_dim_name(pdm_domain_pde(d), j));
        return true;
    }
    return false;
}

bool pdm_lines_refuses(const pdm_domain *d, char *why, size_t size)
{
    const pdm_pde *pde     = pdm_domain_pde(d);
    pdm_size       highest = 0;

    for (pdm_size f = 0; pdm_pde_has_time(pde) && f < pdm_pde_n_field(pde); f++) {
        const pdm_size order = pdm_pde_order(pde, f, 0);
        highest              = order > highest ? order : highest;
    }
    if (!pdm_pde_has_time(pde))
        snprintf(why, size, "the problem is steady: there is no dimension \"t\"");
    else if (pdm_pde_n_dim(pde) < 2 || pdm_pde_n_dim(pde) > 1 + LINES_MAX_SPACE)
        snprintf(why, size, "%lld dimensions of space; 1 or 2 expected", (long long)pdm_pde_n_dim(pde) - 1);
    else if (highest == 0 || highest > 2)
        snprintf(why, size, "the equations are of order %lld in time; 1 or 2 expected", (long long)highest);
    else
        return refuses_shape(pde, why, size) || refuses_positive(pde, why, size) || refuses_integrals(pde, why, size) ||
               refuses_inputs(d, why, size) || refuses_kinks(d, why, size) || refuses_conditions(pde, why, size);
    return true;
}

/* ---- differences ---- */

static pdm_status difference_create(pdm_context *ctx, const pdm_nodes *g, pdm_size order, lines_difference *out)
{
    pdm_status status = PDM_OK;
    out->width        = order == 0 ? 1 : order + PDM_LINES_ORDER;
    PDM_TRY(pdm_alloc_array(ctx, g->n, &out->n));
    PDM_TRY(pdm_alloc_array(ctx, g->n * out->width, &out->node));
    PDM_TRY(pdm_alloc_array(ctx, g->n * out->width, &out->weight));
    for (pdm_size i = 0; i < g->n; i++) {
        pdm_size n;
        if (order == 0) {
            n              = 1;
            out->node[i]   = (int32_t)i;
            out->weight[i] = 1.0;
        } else {
            pdm_nodes_difference(g, i, order, &n, out->node + i * out->width, out->weight + i * out->width);
        }
        out->n[i] = (int32_t)n;
    }
done:
    return status;
}

/* Highest derivative along a dimension in what the system evaluates. */
static pdm_size order_along(const pdm_lines *l, pdm_size dim)
{
    pdm_size order = 0;
    for (pdm_size k = 0; k < l->n_function; k++) {
        const pdm_function *f = l->function[k].function;
        for (pdm_size i = 0; f && i < f->n_atom; i++)
            if (f->atom[i].order[dim] > order) order = f->atom[i].order[dim];
    }
    return order;
}

static pdm_status axis_create(pdm_lines *l, pdm_size k, pdm_size n, const double *x)
{
    pdm_status        status = PDM_OK;
    lines_axis       *a      = &l->axis[k];
    const pdm_spline *s      = pdm_domain_spline(l->domain, k + 1);
    const pdm_size    order = order_along(l, k + 1), least = pdm_nodes_least(order);

    if (order + PDM_LINES_ORDER > PDM_LINES_WIDTH || order > PDM_MAX_DIM * PDM_MAX_ORDER)
        PDM_FAIL(l->ctx, PDM_ERR_ARGUMENT, "a derivative of order %lld by %s; at most %d expected", (long long)order,
                 pdm_pde_dim_name(l->pde, k + 1), PDM_LINES_WIDTH - PDM_LINES_ORDER);
    if (n < least)
        PDM_FAIL(l->ctx, PDM_ERR_ARGUMENT, "%lld nodes along %s; at least %lld expected", (long long)n,
                 pdm_pde_dim_name(l->pde, k + 1), (long long)least);
    PDM_TRY(pdm_alloc_array(l->ctx, n, &a->x));
    memcpy(a->x, x, (size_t)n * sizeof *x);
    a->nodes   = (pdm_nodes){.n = n, .x = a->x, .period = s->periodic ? s->map.high - s->map.low : 0.0};
    a->n_order = order + 1;
    for (pdm_size m = 0; m <= order; m++) PDM_TRY(difference_create(l->ctx, &a->nodes, m, &a->difference[m]));
done:
    return status;
}

void lines_expand(const pdm_lines *l, const lines_atom *a, pdm_size at, pdm_size *n, int32_t node[LINES_MAX_ENTRY],
                  double weight[LINES_MAX_ENTRY])
{
    const pdm_size          inner = l->n_space == 2 ? l->axis[1].nodes.n : 1, i = at / inner, j = at % inner;
    const lines_difference *di = &l->axis[0].difference[a->order[0]];
    const int32_t          *ni = di->node + i * di->width;
    const double           *wi = di->weight + i * di->width;

    *n = 0;
    if (l->n_space == 1) {
        for (pdm_size p = 0; p < di->n[i]; p++) {
            node[*n]       = ni[p];
            weight[(*n)++] = wi[p];
        }
        return;
    }
    const lines_difference *dj = &l->axis[1].difference[a->order[1]];
    for (pdm_size p = 0; p < di->n[i]; p++)
        for (pdm_size q = 0; q < dj->n[j]; q++) {
            node[*n]       = (int32_t)(ni[p] * inner + dj->node[j * dj->width + q]);
            weight[(*n)++] = wi[p] * dj->weight[j * dj->width + q];
        }
}

/* ---- functions ---- */

static pdm_status function_create(pdm_lines *l, const pdm_function *f, lines_function *out)
{
    pdm_status status = PDM_OK;

    out->function = f;
    if (!f) return PDM_OK;
    PDM_TRY(pdm_alloc_array(l->ctx, f->n_atom, &out->atom));
    PDM_TRY(pdm_alloc_array(l->ctx, f->n_atom, &out->moved));
    PDM_TRY(pdm_alloc_array(l->ctx, f->n_sampled * l->n_node, &out->sampled));
    for (pdm_size i = 0; i < f->n_atom; i++) {
        const pdm_atom *a     = &f->atom[i];
        const int32_t   rate  = l->rate_of[a->field];
        out->atom[i].variable = rate >= 0 && a->order[0] > 0 ? rate : a->field;
        out->atom[i].is_rate  = a->order[0] > (rate >= 0);
        for (pdm_size k = 0; k < l->n_space; k++) out->atom[i].order[k] = a->order[k + 1];
        out->moved[i]          = out->atom[i];
        out->moved[i].variable = rate >= 0 ? rate : a->field;
        out->moved[i].is_rate  = rate < 0;
    }
done:
    return status;
}

/* The flux of a field's equation along a dimension; NULL: it has none. */
static const pdm_function *flux_of(const pdm_pde *pde, int32_t equation, int32_t dim)
{
    for (pdm_size i = 0; i < pdm_pde_n_term(pde); i++)
        if (pdm_pde_term(pde, i)->equation == equation && pdm_pde_term(pde, i)->dim == dim)
            return pdm_pde_term(pde, i)->function;
    return NULL;
}

static pdm_status list_functions(pdm_lines *l)
{
    pdm_status status = PDM_OK;

    l->n_equation  = pdm_pde_n_equation(l->pde);
    l->n_condition = pdm_pde_n_condition(l->pde);
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_equation + 2 * l->n_condition, &l->function));
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_condition, &l->flux));
    l->n_function = l->n_equation + l->n_condition;
    for (pdm_size i = 0; i < l->n_equation; i++) l->function[i].function = pdm_pde_strong(l->pde, i);
    for (pdm_size i = 0; i < l->n_condition; i++) {
        const pdm_condition *c                  = pdm_pde_condition(l->pde, i);
        l->function[l->n_equation + i].function = c->function;
        l->flux[i]                              = -1;
        if (c->kind != PDM_CONDITION_FLUX) continue;
        l->flux[i]                            = (int32_t)l->n_function;
        l->function[l->n_function++].function = flux_of(l->pde, c->field, c->dim);
    }
done:
    return status;
}

static pdm_status make_room(pdm_lines *l)
{
    pdm_status status = PDM_OK;
    pdm_size   n_in = 0, n_out = 1, n_work = 0;

    for (pdm_size k = 0; k < l->n_function; k++) {
        const pdm_function *f = l->function[k].function;
        if (!f) continue;
        const pdm_size registers =
            f->partial->n_register > f->value->n_register ? f->partial->n_register : f->value->n_register;
        n_in   = f->n_input > n_in ? f->n_input : n_in;
        n_out  = f->n_atom + 1 > n_out ? f->n_atom + 1 : n_out;
        n_work = registers > n_work ? registers : n_work;
    }
    PDM_TRY(pdm_alloc_array(l->ctx, n_in, &l->in));
    PDM_TRY(pdm_alloc_array(l->ctx, 2 * n_out, &l->out)); /* values of atoms behind them */
    PDM_TRY(pdm_alloc_array(l->ctx, n_work, &l->work));
    PDM_TRY(pdm_alloc_array(l->ctx, pdm_pde_n_scalar(l->pde), &l->scalar));
    PDM_TRY(pdm_alloc_array(l->ctx, pdm_domain_n_input(l->domain), &l->input));
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_unknown, &l->initial));
done:
    return status;
}

pdm_status pdm_lines_create(pdm_context *ctx, pdm_domain *d, const pdm_size *n, const double *const *x, pdm_lines **out)
{
    pdm_status status = PDM_OK;
    pdm_lines *l      = NULL;
    char       why[300];

    if (pdm_lines_refuses(d, why, sizeof why)) PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "method of lines: %s", why);
    PDM_TRY(pdm_alloc(ctx, sizeof *l, &l));
    l->ctx     = ctx;
    l->domain  = d;
    l->pde     = pdm_domain_pde(d);
    l->n_field = l->n_variable = pdm_pde_n_field(l->pde);
    l->n_space                 = pdm_pde_n_dim(l->pde) - 1;
    for (pdm_size f = 0; f < l->n_field; f++)
        l->rate_of[f] = pdm_pde_order(l->pde, f, 0) == 2 ? (int32_t)l->n_variable++ : -1;
    PDM_TRY(list_functions(l));
    l->n_node = 1;
    for (pdm_size k = 0; k < l->n_space; k++) {
        PDM_TRY(axis_create(l, k, n[k + 1], x[k + 1]));
        l->n_node *= n[k + 1];
    }
    l->n_unknown = l->n_node * l->n_variable;
    if (l->n_unknown > INT32_MAX / LINES_MAX_ENTRY)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%lld unknowns; at most %d expected", (long long)l->n_unknown,
                 INT32_MAX / LINES_MAX_ENTRY);
    for (pdm_size k = 0; k < l->n_function; k++) PDM_TRY(function_create(l, l->function[k].function, &l->function[k]));
    PDM_TRY(make_room(l));
    PDM_TRY(lines_rows_create(l));
    PDM_TRY(lines_pattern_create(l));
    *out = l;
    l    = NULL;
done:
    pdm_lines_destroy(&l);
    return status;
}

void pdm_lines_destroy(pdm_lines **lines)
{
    if (!lines || !*lines) return;
    pdm_lines   *l   = *lines;
    pdm_context *ctx = l->ctx;
    for (pdm_size k = 0; k < LINES_MAX_SPACE; k++) {
        for (pdm_size m = 0; m < l->axis[k].n_order; m++) {
            pdm_free(ctx, l->axis[k].difference[m].n);
            pdm_free(ctx, l->axis[k].difference[m].node);
            pdm_free(ctx, l->axis[k].difference[m].weight);
        }
        pdm_free(ctx, l->axis[k].x);
    }
    for (pdm_size k = 0; k < l->n_function; k++) {
        pdm_free(ctx, l->function[k].atom);
        pdm_free(ctx, l->function[k].moved);
        pdm_free(ctx, l->function[k].sampled);
    }
    void *const array[] = {l->function, l->flux,   l->row,   l->differential, l->row0, l->column, l->slot0,
                           l->slot,     l->scalar, l->input, l->initial,      l->in,   l->out,    l->work};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) pdm_free(ctx, array[i]);
    pdm_free(ctx, l);
    *lines = NULL;
}

pdm_size pdm_lines_n_unknown(const pdm_lines *l)
{
    return l->n_unknown;
}

pdm_size pdm_lines_n_variable(const pdm_lines *l)
{
    return l->n_variable;
}

const unsigned char *pdm_lines_differential(const pdm_lines *l)
{
    return l->differential;
}

/* ---- a sample ---- */

/* The nodes as a grid of output coordinates, at the start. */
static void node_grid(const pdm_lines *l, pdm_size *n, const double **x)
{
    n[0] = 1;
    x[0] = &pdm_domain_spline(l->domain, 0)->map.low;
    for (pdm_size k = 0; k < l->n_space; k++) {
        n[k + 1] = l->axis[k].nodes.n;
        x[k + 1] = l->axis[k].x;
    }
}

static pdm_status sample_functions(pdm_lines *l)
{
    pdm_status    status = PDM_OK;
    pdm_size      n[PDM_MAX_DIM];
    const double *x[PDM_MAX_DIM];

    node_grid(l, n, x);
    for (pdm_size k = 0; k < l->n_function; k++) {
        const lines_function *f = &l->function[k];
        for (pdm_size i = 0; f->function && i < f->function->n_sampled; i++)
            PDM_TRY(pdm_domain_sample(l->domain, &f->function->sampled[i], l->input, n, x, f->sampled + i * l->n_node));
    }
done:
    return status;
}

/* Initial data of a field into the variable that they are of: its value, or its rate of change. */
static pdm_status start_field(pdm_lines *l, const pdm_initial *i, double *values)
{
    pdm_status    status = PDM_OK;
    pdm_size      n[PDM_MAX_DIM];
    const double *x[PDM_MAX_DIM];
    const int32_t variable = i->order == 0 ? i->field : l->rate_of[i->field];

    node_grid(l, n, x);
    PDM_TRY(pdm_domain_evaluate(l->domain, i->function, &i->where, l->input, n, x, values));
    for (pdm_size p = 0; p < l->n_node; p++) {
        if (!isfinite(values[p]))
            PDM_FAIL_AT(l->ctx, PDM_ERR_NUMERIC, &i->where, "the value is %g at node %lld; a finite number expected",
                        values[p], (long long)p);
        l->initial[p * l->n_variable + variable] = values[p];
    }
done:
    return status;
}

pdm_status pdm_lines_set_input(pdm_lines *l, const double *input)
{
    pdm_status status = PDM_OK;
    double    *values = NULL;

    memcpy(l->input, input, (size_t)pdm_domain_n_input(l->domain) * sizeof *input);
    for (pdm_size i = 0; i < pdm_pde_n_input(l->pde); i++) {
        const int32_t scalar = pdm_pde_input(l->pde, i)->scalar;
        if (scalar >= 0) l->scalar[scalar] = input[pdm_domain_input_offset(l->domain, i)];
    }
    PDM_TRY(pdm_alloc_array(l->ctx, l->n_node, &values));
    PDM_TRY(sample_functions(l));
    for (pdm_size i = 0; i < l->n_unknown; i++) l->initial[i] = 0.0;
    for (pdm_size i = 0; i < pdm_pde_n_initial(l->pde); i++)
        PDM_TRY(start_field(l, pdm_pde_initial(l->pde, i), values));
done:
    pdm_free(l->ctx, values);
    return status;
}
