/* Inputs that are constant in cells, /inputs/NAME:kind = "cells": media with jumps, which a spline would smear and
 * overshoot. A point takes the value of its cell; a point on the boundary of two cells (a face of the finite volumes,
 * as a rule) the mean of both, arithmetic or harmonic. The harmonic one is what a flux k*dx(u) across the face wants:
 * two layers of equal width in series conduct like their harmonic mean (S. V. Patankar, Numerical Heat Transfer and
 * Fluid Flow, 1980, eq. 4.9). */
#include "domain/domain_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELLS_MOST = 100000 };

static pdm_status read_kind(pdm_domain *d, pdm_case *c, const char *group, pdm_size input)
{
    pdm_status            status = PDM_OK;
    const pdm_input_info *info   = pdm_pde_input(d->pde, input);
    const char           *kind = NULL, *between = NULL;

    PDM_TRY(pdm_case_text(c, group, "kind", "spline", &kind));
    PDM_TRY(pdm_case_text(c, group, "between", "mean", &between));
    pdm_where where = pdm_case_where(c, group, "kind");
    if (strcmp(kind, "spline") != 0 && strcmp(kind, "cells") != 0)
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "\"%s\"; \"spline\" or \"cells\" expected", kind);
    d->cells[input].used = strcmp(kind, "cells") == 0;
    if (d->cells[input].used && info->n_dim == 0)
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "\"%s\" is a scalar; dimensions expected for an input on cells",
                    info->name);
    where = pdm_case_where(c, group, "between");
    if (strcmp(between, "mean") != 0 && strcmp(between, "harmonic") != 0)
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "\"%s\"; \"mean\" or \"harmonic\" expected", between);
    d->cells[input].harmonic = strcmp(between, "harmonic") == 0;
    for (int i = 0; i < 2 && !d->cells[input].used; i++) {
        const char *name = i ? "cells" : "between";
        if (!pdm_case_has(c, group, name)) continue;
        where = pdm_case_where(c, group, name);
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "\"%s\" is not on cells; kind = \"cells\" expected beside it",
                    info->name);
    }
done:
    return status;
}

/* Cells per dimension: given, or the knot spans (then n is 0 here). */
static pdm_status read_counts(pdm_domain *d, pdm_case *c, const char *group, pdm_size n_dim, pdm_size *n)
{
    pdm_status status             = PDM_OK;
    double     value[PDM_MAX_DIM] = {0.0};
    pdm_size   n_given            = 0;

    PDM_TRY(pdm_case_reals(c, group, "cells", false, 1, n_dim, value, &n_given));
    pdm_where where = pdm_case_where(c, group, "cells");
    if (n_given > 1 && n_given < n_dim)
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "%lld numbers; one for all dimensions of the input or %lld expected",
                    (long long)n_given, (long long)n_dim);
    for (pdm_size k = 0; k < n_given; k++)
        if (value[k] != floor(value[k]) || value[k] < 1.0 || value[k] > (double)CELLS_MOST)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "%g; whole numbers from 1 to %d expected", value[k], CELLS_MOST);
    for (pdm_size k = 0; k < n_dim; k++) n[k] = n_given == 0 ? 0 : (pdm_size)value[n_given == 1 ? 0 : k];
done:
    return status;
}

static pdm_status make_edges(pdm_domain *d, pdm_size input, pdm_size k)
{
    pdm_status        status = PDM_OK;
    domain_cells     *cells  = &d->cells[input];
    const pdm_spline *s      = &d->spline[pdm_pde_input(d->pde, input)->dim[k]];
    const double      length = s->map.high - s->map.low;
    const pdm_size    n      = cells->n[k];

    if (n == 0) cells->n[k] = s->n_span;
    PDM_TRY(pdm_alloc_array(d->ctx, cells->n[k] + 1, &cells->edge[k]));
    PDM_TRY(pdm_alloc_array(d->ctx, cells->n[k], &cells->centre[k]));
    for (pdm_size i = 0; i <= cells->n[k]; i++)
        cells->edge[k][i] = n > 0 ? s->map.low + length * (double)i / (double)n : pdm_map_value(&s->map, s->ends[i]);
    for (pdm_size i = 0; i < cells->n[k]; i++) cells->centre[k][i] = 0.5 * (cells->edge[k][i] + cells->edge[k][i + 1]);
done:
    return status;
}

pdm_status domain_cells_read(pdm_domain *d, pdm_case *c)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_pde_n_input(d->pde);

    PDM_TRY(pdm_alloc_array(d->ctx, n_input, &d->cells));
    for (pdm_size i = 0; i < n_input; i++) {
        const pdm_input_info *info = pdm_pde_input(d->pde, i);
        char                  group[128];
        snprintf(group, sizeof group, "inputs/%s", info->name);
        PDM_TRY(read_kind(d, c, group, i));
        if (d->cells[i].used) PDM_TRY(read_counts(d, c, group, info->n_dim, d->cells[i].n));
    }
done:
    return status;
}

pdm_status domain_cells_create(pdm_domain *d)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_input(d->pde); i++)
        for (pdm_size k = 0; k < pdm_pde_input(d->pde, i)->n_dim && d->cells[i].used; k++) PDM_TRY(make_edges(d, i, k));
done:
    return status;
}

void domain_cells_destroy(pdm_domain *d)
{
    for (pdm_size i = 0; d->cells && i < pdm_pde_n_input(d->pde); i++)
        for (pdm_size k = 0; k < PDM_MAX_DIM; k++) {
            pdm_free(d->ctx, d->cells[i].edge[k]);
            pdm_free(d->ctx, d->cells[i].centre[k]);
        }
    pdm_free(d->ctx, d->cells);
}

static const double ON_BOUNDARY = 1e-9; /* of a cell's width */

/* Far enough from a boundary not to be on it. */
static double beside(const domain_cells *cells, pdm_size k)
{
    return 4.0 * ON_BOUNDARY * (cells->edge[k][cells->n[k]] - cells->edge[k][0]) / (double)cells->n[k];
}

/* Cells that hold x: one, or the two whose boundary it is on (beyond a periodic end lies the first). */
static int find_cells(const double *edge, pdm_size n, bool periodic, double x, pdm_size *out)
{
    const double slack = ON_BOUNDARY * (edge[n] - edge[0]) / (double)n;
    pdm_size     low = 0, high = n; /* edge[low] <= x < edge[high], or an end */
    while (high - low > 1) {
        const pdm_size middle = low + (high - low) / 2;
        if (x < edge[middle])
            high = middle;
        else
            low = middle;
    }
    out[0]           = low;
    const bool below = x - edge[low] <= slack, above = edge[low + 1] - x <= slack;
    if (below && (low > 0 || periodic))
        out[1] = low > 0 ? low - 1 : n - 1;
    else if (above && (low < n - 1 || periodic))
        out[1] = low < n - 1 ? low + 1 : 0;
    else
        return 1;
    return out[1] == low ? 1 : 2;
}

double domain_cells_value(const pdm_domain *d, pdm_size input, const double *values, const double *x)
{
    const domain_cells   *cells = &d->cells[input];
    const pdm_input_info *info  = pdm_pde_input(d->pde, input);
    pdm_size              at[PDM_MAX_DIM][2];
    int                   n[PDM_MAX_DIM], n_corner = 1;
    double                sum = 0.0;

    for (pdm_size k = 0; k < info->n_dim; k++) {
        n[k] = find_cells(cells->edge[k], cells->n[k], d->spline[info->dim[k]].periodic, x[k], at[k]);
        n_corner *= n[k];
    }
    for (int corner = 0; corner < n_corner; corner++) {
        pdm_size index = 0;
        int      rest  = corner;
        for (pdm_size k = 0; k < info->n_dim; k++) {
            index = index * cells->n[k] + at[k][rest % n[k]];
            rest /= n[k];
        }
        if (n_corner == 1) return values[index]; /* exactly */
        sum += cells->harmonic ? 1.0 / values[index] : values[index];
    }
    return cells->harmonic ? (double)n_corner / sum : sum / (double)n_corner;
}

void domain_cells_sample(const pdm_domain *d, pdm_size input, const double *values, const pdm_axis *const *axis,
                         double *out)
{
    const pdm_input_info *info    = pdm_pde_input(d->pde, input);
    const domain_cells   *cells   = &d->cells[input];
    pdm_size              n_point = 1;
    int                   side[PDM_MAX_DIM]; /* a face on a kink belongs to the cell from which it is seen */
    for (pdm_size j = 0; j < d->n_dim; j++) n_point *= axis[j]->n_point;
    for (pdm_size i = 0; i < n_point; i++) {
        double   x[PDM_MAX_DIM], all[PDM_MAX_DIM];
        pdm_size rest = i;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_size p = rest % axis[j]->n_point;
            all[j]           = axis[j]->coordinate[p];
            side[j]          = d->kinks[j].n > 0 ? domain_kink_side(&d->spline[j], axis[j]->element[p], all[j]) : 0;
            rest /= axis[j]->n_point;
        }
        for (pdm_size k = 0; k < info->n_dim; k++) x[k] = all[info->dim[k]] + side[info->dim[k]] * beside(cells, k);
        out[i] = domain_cells_value(d, input, values, x);
    }
}

bool pdm_domain_input_on_cells(const pdm_domain *d, pdm_size input)
{
    return d->cells[input].used;
}

const double *pdm_domain_input_points(const pdm_domain *d, pdm_size input, pdm_size k, pdm_size *n)
{
    const pdm_size dim = pdm_pde_input(d->pde, input)->dim[k];
    *n                 = d->cells[input].used ? d->cells[input].n[k] : d->spline[dim].n_coef;
    return d->cells[input].used ? d->cells[input].centre[k] : d->greville[dim];
}
