/* The domain in words, for `check` and `info`. */
#include "domain/domain_impl.h"

#include <math.h>

static pdm_status view_map(const pdm_map *m, pdm_text *out)
{
    switch (m->kind) {
    case PDM_MAP_LINEAR: return pdm_text_append(out, "linear");
    case PDM_MAP_POWER:
        return m->exponent == 2.0 ? pdm_text_append(out, "sqrt") : pdm_text_append(out, "power %g", m->exponent);
    case PDM_MAP_SINH: break;
    }
    return pdm_text_append(out, "sinh about %g, strength %g", m->centre, m->strength);
}

static pdm_status view_dimension(const pdm_domain *d, pdm_size j, pdm_text *out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = &d->spline[j];
    const char       *units  = pdm_pde_dim_units(d->pde, j);
    double            least = INFINITY, most = 0.0;
    for (pdm_size i = 0; i < s->n_span; i++) {
        const double h = pdm_map_value(&s->map, s->ends[i + 1]) - pdm_map_value(&s->map, s->ends[i]);
        least          = h < least ? h : least;
        most           = h > most ? h : most;
    }
    PDM_TRY(pdm_text_append(out, "dimension    %s: %g to %g%s%s, %s, degree %lld, %lld control points, map ",
                            pdm_pde_dim_name(d->pde, j), s->map.low, s->map.high, *units ? " " : "", units,
                            s->periodic ? "periodic" : "bounded", (long long)s->degree, (long long)s->n_coef));
    PDM_TRY(view_map(&s->map, out));
    PDM_TRY(pdm_text_append(out, ", knot spans %.3g to %.3g\n", least, most));
    PDM_TRY(domain_kinks_view(d, j, out));
done:
    return status;
}

static const char *condition_text(pdm_condition_kind kind)
{
    switch (kind) {
    case PDM_CONDITION_DIRICHLET: return "fixed coefficients (exact)";
    case PDM_CONDITION_FLUX: return "prescribed flux (inside the cell rows)";
    case PDM_CONDITION_GENERAL: return "boundary rows";
    case PDM_CONDITION_FREE: break;
    }
    return "free";
}

/* Rows of constraints do not count by themselves. */
static const char *sums_text(const pdm_domain *d, pdm_size block)
{
    if (block < domain_first_constraint(d)) return "";
    return pdm_pde_has_time(d->pde) ? ", only the sum over space counts, at each time" : ", only the sum counts";
}

/* Does a condition mention another field than the one it counts for? */
static bool is_shared(const pdm_domain *d, const pdm_condition *k, pdm_size counts_for)
{
    bool shared = false;
    for (pdm_size f = 0; f < d->n_field; f++)
        shared = shared || (f != counts_for && domain_condition_mentions(d, k, f, false));
    return shared;
}

pdm_status pdm_domain_view(const pdm_domain *d, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = 0; j < d->n_dim; j++) PDM_TRY(view_dimension(d, j, out));
    for (pdm_size i = 0; i < pdm_pde_n_condition(d->pde); i++) {
        const pdm_condition *c = &d->condition[i];
        PDM_TRY(pdm_text_append(out, "side         %s_%s, %s%s%s: %s", pdm_pde_dim_name(d->pde, c->dim),
                                c->side ? "max" : "min", pdm_pde_field_name(d->pde, d->counts_for[i]),
                                *c->part_text ? " where " : "", c->part_text, condition_text(c->kind)));
        PDM_TRY(domain_part_view(d, c, out));
        if (!c->named && is_shared(d, pdm_pde_condition(d->pde, i), d->counts_for[i]))
            PDM_TRY(pdm_text_append(out, ", %.200s = 0", c->given->text));
        PDM_TRY(pdm_text_append(out, "\n"));
    }
    PDM_TRY(domain_shape_view(d, out));
    PDM_TRY(domain_means_view(d, out));
    PDM_TRY(pdm_text_append(out, "coefficients %lld, of which %lld are free\n", (long long)(d->n_field * d->n_coef),
                            (long long)d->n_free));
    PDM_TRY(pdm_text_append(out, "rows         %lld (%s)\n", (long long)d->rows.n_row,
                            d->settings.rows == 1 ? "strong form at Gauss points" : "equations integrated over cells"));
    for (pdm_size b = 0; b < d->n_block; b++) {
        PDM_TRY(pdm_text_append(out, "             %s: ", d->block[b].name));
        for (pdm_size j = 0; j < d->n_dim; j++)
            PDM_TRY(pdm_text_append(out, "%s%lld", j ? " x " : "", (long long)d->block[b].shape[j]));
        PDM_TRY(pdm_text_append(out, ", scale %.3g%s\n", pdm_domain_scale(d, b), sums_text(d, b)));
    }
    PDM_TRY(domain_levels_view(d, out));
    for (pdm_size k = 0; k < d->rows.n_derived; k++)
        PDM_TRY(pdm_text_append(out, "derived      %s, exact for the waves of the control grid\n",
                                pdm_pde_atom_name(d->pde, d->n_field + k)));
done:
    return status;
}
