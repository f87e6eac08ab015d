/* One dimension of a case: extent, map, breaks, kinks, the spline. */
#include "domain/domain_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GAUSS_MOST = 5 }; /* as in the table of domain.c */

/* Interior breaks in xi, from `knots` (physical numbers) or `grading` (a map's name, placing knots in physical space,
 * or "auto": `found`, if there is something); uniform in xi when neither is given. A dimension that says nothing, map
 * neither, has those that were found. */
static pdm_status read_breaks(pdm_domain *d, pdm_case *c, const char *group, const pdm_map *map, pdm_size n,
                              const double *found, bool *is_auto, bool *is_silent, double **out)
{
    pdm_status  status = PDM_OK;
    const char *text   = NULL;
    double     *x      = NULL;
    pdm_size    n_given;
    pdm_map     grading;

    *out = NULL;
    *is_silent =
        !pdm_case_has(c, group, "grading") && !pdm_case_has(c, group, "knots") && !pdm_case_has(c, group, "map");
    if (!pdm_case_has(c, group, "grading") && !pdm_case_has(c, group, "knots") && !found) return PDM_OK;
    PDM_TRY(pdm_alloc_array(d->ctx, n + 2, &x));
    PDM_TRY(pdm_case_text(c, group, "grading", *is_silent ? "auto" : "linear", &text));
    if (strcmp(text, "none") == 0 && !pdm_case_has(c, group, "knots")) goto done;
    *is_auto = strcmp(text, "auto") == 0;
    if (*is_auto && !pdm_case_has(c, group, "knots")) {
        if (found) memcpy(x, found, (size_t)n * sizeof *x);
        *out = found ? x : NULL;
        x    = found ? NULL : x;
        goto done;
    }
    PDM_TRY(pdm_map_parse(d->ctx, text, pdm_case_where(c, group, "grading"), map->low, map->high, &grading));
    for (pdm_size i = 0; i < n + 2; i++) x[i] = pdm_map_value(&grading, (double)i / (double)(n + 1));
    if (pdm_case_has(c, group, "knots")) {
        pdm_where where = pdm_case_where(c, group, "knots");
        if (pdm_case_has(c, group, "grading"))
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "knots and grading are both given; one of them expected");
        PDM_TRY(pdm_case_reals(c, group, "knots", true, n + 2, n + 2, x, &n_given));
        if (x[0] != map->low || x[n + 1] != map->high)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "knots run from %g to %g; the extent %g to %g expected", x[0],
                        x[n + 1], map->low, map->high);
    }
    for (pdm_size i = 0; i < n + 2; i++) x[i] = pdm_map_inverse(map, x[i]);
    for (pdm_size i = 0; i <= n; i++)
        if (!(x[i + 1] > x[i])) {
            pdm_where where = pdm_case_where(c, group, pdm_case_has(c, group, "knots") ? "knots" : "grading");
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "knots %lld and %lld do not increase", (long long)i,
                        (long long)i + 1);
        }
    memmove(x, x + 1, (size_t)n * sizeof *x);
    *out = x;
    x    = NULL;
done:
    pdm_free(d->ctx, x);
    return status;
}

static pdm_status read_count(pdm_domain *d, pdm_case *c, const char *group, const char *name, bool required,
                             pdm_size fallback, pdm_size low, pdm_size high, pdm_size *out)
{
    pdm_status status = PDM_OK;
    double     value  = (double)fallback;
    pdm_size   n;
    PDM_TRY(pdm_case_reals(c, group, name, required, 1, 1, &value, &n));
    if (value != floor(value) || value < (double)low || value > (double)high) {
        pdm_where where = pdm_case_where(c, group, name);
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "%g; a whole number from %lld to %lld expected", value,
                    (long long)low, (long long)high);
    }
    *out = (pdm_size)value;
done:
    return status;
}

/* Splines have the breaks of the case, those of kinks `degree` times. */
static pdm_status place_breaks(pdm_domain *d, pdm_case *c, const char *group, pdm_size dim, domain_line *line,
                               const double *found)
{
    pdm_status status   = PDM_OK;
    double    *interior = NULL;
    const bool knots    = pdm_case_has(c, group, "knots");

    const pdm_size before = line->n_span;
    PDM_TRY(domain_kinks_find(d, c, group, dim, line));
    if (knots) line->n_span = before; /* kinks come on top of them */
    PDM_TRY(read_breaks(d, c, group, &line->map, line->n_span - 1, found, &d->auto_grading[dim], &d->no_knots[dim],
                        &interior));
    PDM_TRY(domain_kinks_place(d, dim, knots, line, &interior));
    const pdm_size n_coef = line->n_span + d->kinks[dim].n * (line->degree - 1) + (line->periodic ? 0 : line->degree);
    PDM_TRY(pdm_spline_create(d->ctx, &line->map, line->degree, n_coef, line->periodic, interior, &d->spline[dim]));
done:
    pdm_free(d->ctx, interior);
    return status;
}

pdm_status domain_dimension_read(pdm_domain *d, pdm_case *c, const pdm_grading *grading, pdm_size dim)
{
    pdm_status  status = PDM_OK;
    char        group[128];
    const char *text = NULL;
    double      extent[2];
    pdm_size    n, n_coef;
    domain_line line = {.n_span = 0};
    pdm_where   where;

    snprintf(group, sizeof group, "domain/%s", pdm_pde_dim_name(d->pde, dim));
    PDM_TRY(pdm_case_reals(c, group, "extent", true, 2, 2, extent, &n));
    where = pdm_case_where(c, group, "extent");
    if (!(extent[1] > extent[0]) || !isfinite(extent[0]) || !isfinite(extent[1]))
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "extent %g to %g; two finite, increasing numbers expected", extent[0],
                    extent[1]);
    PDM_TRY(pdm_case_text(c, group, "kind", "bounded", &text));
    line.periodic = strcmp(text, "periodic") == 0;
    if (!line.periodic && strcmp(text, "bounded") != 0) {
        where = pdm_case_where(c, group, "kind");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where, "\"%s\"; \"bounded\" or \"periodic\" expected", text);
    }
    PDM_TRY(read_count(d, c, group, "degree", false, 3, 1, PDM_MAX_DEGREE, &line.degree));
    PDM_TRY(read_count(d, c, group, "control_points", true, 0, 2, 100000, &n_coef));
    if (n_coef < line.degree + 1) {
        where = pdm_case_where(c, group, "degree");
        PDM_FAIL_AT(
            d->ctx, PDM_ERR_CASE, &where,
            "degree %lld is too high for %lld control points; at most %lld, or at least %lld control points, expected",
            (long long)line.degree, (long long)n_coef, (long long)n_coef - 1, (long long)line.degree + 1);
    }
    PDM_TRY(read_count(d, c, group, "sub", false, d->settings.sub, 1, PDM_SUB_MOST, &d->sub[dim]));
    PDM_TRY(read_count(d, c, group, "gauss", false, d->settings.gauss, 0, GAUSS_MOST, &d->gauss[dim]));
    PDM_TRY(pdm_case_text(c, group, "map", "linear", &text));
    PDM_TRY(pdm_map_parse(d->ctx, text, pdm_case_where(c, group, "map"), extent[0], extent[1], &line.map));
    if (line.periodic && line.map.kind != PDM_MAP_LINEAR) {
        where = pdm_case_where(c, group, "map");
        PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &where,
                    "a periodic dimension has a linear map; use grading to place its knots");
    }
    line.n_span = line.periodic ? n_coef : n_coef - line.degree;
    PDM_TRY(place_breaks(d, c, group, dim, &line, grading ? grading->interior[dim] : NULL));
    const pdm_spline *s = &d->spline[dim];
    PDM_TRY(pdm_alloc_array(d->ctx, s->n_coef, &d->greville[dim]));
    for (pdm_size i = 0; i < s->n_coef; i++) d->greville[dim][i] = pdm_map_value(&s->map, s->greville[i]);
    PDM_TRY(domain_row_cells_create(d, dim));
done:
    return status;
}
