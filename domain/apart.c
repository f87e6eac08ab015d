/* Equations taken apart: the rows of one summand of a term alone, without scales, as integrals over cells, and of its
 * fluxes those through some faces alone. */
#include "domain/domain.h"

#include <string.h>

#include "domain/domain_impl.h"

static bool same_sampled(const pdm_sampled_input *a, const pdm_sampled_input *b)
{
    bool same = a->input == b->input;
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) same = same && a->order[j] == b->order[j];
    return same;
}

/* A summand reads sampled inputs where the whole term does. */
static pdm_status place_sampled(const pdm_domain *d, pdm_size term, const pdm_function *f, pdm_part_rows *p)
{
    pdm_status          status = PDM_OK;
    const pdm_function *whole  = d->term_function[term];

    PDM_TRY(pdm_alloc_array(d->ctx, f->n_sampled, &p->offset));
    for (pdm_size k = 0; k < f->n_sampled; k++)
        for (pdm_size q = 0; q < whole->n_sampled; q++)
            if (same_sampled(&f->sampled[k], &whole->sampled[q])) p->offset[k] = d->term[term].sampled_offset[q];
    p->term.n_sampled      = f->n_sampled;
    p->term.sampled_offset = p->offset;
done:
    return status;
}

static pdm_status leave_scales(const pdm_domain *d, pdm_part_rows *p)
{
    pdm_status status = PDM_OK;
    pdm_size   most   = 0;

    for (pdm_size j = 0; j < d->n_dim; j++) most = p->term.axis[j].n_row > most ? p->term.axis[j].n_row : most;
    PDM_TRY(pdm_alloc_array(d->ctx, most, &p->ones));
    for (pdm_size i = 0; i < most; i++) p->ones[i] = 1.0;
    for (pdm_size j = 0; j < d->n_dim; j++) p->term.row_scale[j] = p->ones;
    p->term.scale = 1.0;
done:
    return status;
}

pdm_status pdm_part_rows_create(const pdm_domain *d, pdm_size term, const pdm_function *f, pdm_part_rows *out)
{
    pdm_status     status = PDM_OK;
    pdm_part_rows *p      = out; /* desc and term point at each other: it stays where it is */

    *p               = (pdm_part_rows){.rows = d->rows, .term = d->term[term]};
    p->term.n_atom   = f->n_atom;
    p->term.atom     = f->atom;
    p->term.n_input  = f->n_input;
    p->term.input    = f->input;
    p->term.value    = f->value;
    p->term.partial  = f->partial;
    p->term.second   = f->second;
    p->term.n_second = f->n_second;
    p->term.second_a = f->second_a;
    p->term.second_b = f->second_b;
    p->term.row0     = 0;
    PDM_TRY(place_sampled(d, term, f, p));
    PDM_TRY(leave_scales(d, p));
    p->rows.n_row     = d->block[d->term_block[term]].n_row;
    p->rows.n_term    = 1;
    p->rows.term      = &p->term;
    p->rows.n_pyramid = 0;
    p->rows.pyramid   = NULL;
done:
    if (status != PDM_OK) pdm_part_rows_destroy(d, p);
    return status;
}

void pdm_part_rows_destroy(const pdm_domain *d, pdm_part_rows *p)
{
    pdm_free(d->ctx, p->offset);
    pdm_free(d->ctx, p->ones);
    pdm_free(d->ctx, p->pair);
    pdm_free(d->ctx, p->weight);
    pdm_free(d->ctx, p->point);
    *p = (pdm_part_rows){0};
}

/* ---- fluxes ---- */

pdm_size pdm_domain_term_flux(const pdm_domain *d, pdm_size term)
{
    for (pdm_size j = 0; j < d->n_dim; j++)
        if (d->term_kind[term][j] >= AXIS_FACE && d->term_kind[term][j] <= AXIS_FLUX_HIGH) return j;
    return -1;
}

/* Between the cells of a dimension lie faces 0, 1, ...; a side by itself is one point. */
static bool is_kept(const pdm_axis *a, pdm_faces faces, pdm_size row, pdm_size pair)
{
    const bool upper = a->pair_point[pair] > row, first = row == 0 && !upper, last = row == a->n_row - 1 && upper;
    if (a->n_point == 1) return true;
    return faces == PDM_FACES_UPPER ? upper : first || (last && faces == PDM_FACES_OUTER);
}

/* Leaves out the points that no pair reads; every pair has one of its own. Inputs sampled at points keep all in place. */
static pdm_status leave_points(const pdm_domain *d, pdm_part_rows *p, pdm_size dim)
{
    pdm_status     status = PDM_OK;
    pdm_axis      *a      = &p->term.axis[dim];
    const pdm_size n_pair = a->pair0[a->n_row], width = d->spline[dim].degree + 1, n_order = p->term.n_order;
    int32_t       *point = p->pair + a->n_row + 1, *element = point + n_pair;

    if (n_pair == 0 || n_pair >= a->n_point || p->term.n_sampled > 0) return PDM_OK;
    PDM_TRY(pdm_alloc_array(d->ctx, n_pair * (1 + n_order * width), &p->point));
    double *basis = p->point + n_pair;
    for (pdm_size k = 0; k < n_pair; k++) {
        p->point[k] = a->coordinate[point[k]];
        element[k]  = a->element[point[k]];
        for (pdm_size o = 0; o < n_order; o++)
            memcpy(basis + (o * n_pair + k) * width, a->basis + (o * a->n_point + point[k]) * width,
                   (size_t)width * sizeof *basis);
        point[k] = (int32_t)k;
    }
    a->n_point    = n_pair;
    a->coordinate = p->point;
    a->element    = element;
    a->basis      = basis;
done:
    return status;
}

pdm_status pdm_part_rows_keep(const pdm_domain *d, pdm_part_rows *p, pdm_size dim, pdm_faces faces, pdm_size *n_kept)
{
    pdm_status     status = PDM_OK;
    pdm_axis      *a      = &p->term.axis[dim];
    const pdm_size n_row = a->n_row, n_pair = a->pair0[n_row];
    pdm_size       n = 0;

    PDM_TRY(pdm_alloc_array(d->ctx, n_row + 1 + 2 * n_pair, &p->pair));
    PDM_TRY(pdm_alloc_array(d->ctx, n_pair, &p->weight));
    for (pdm_size row = 0; row < n_row; row++) {
        for (pdm_size k = a->pair0[row]; k < a->pair0[row + 1]; k++) {
            if (!is_kept(a, faces, row, k)) continue;
            p->pair[n_row + 1 + n] = a->pair_point[k];
            p->weight[n++]         = a->pair_weight[k];
        }
        p->pair[row + 1] = (int32_t)n;
    }
    a->pair0       = p->pair;
    a->pair_point  = p->pair + n_row + 1;
    a->pair_weight = p->weight;
    a->pair_basis  = NULL; /* nobody linearises them */
    *n_kept        = n;
    PDM_TRY(leave_points(d, p, dim));
done:
    return status;
}

pdm_size pdm_domain_term_block(const pdm_domain *d, pdm_size term)
{
    return d->term_block[term];
}

const pdm_function *pdm_domain_term_function(const pdm_domain *d, pdm_size term)
{
    return d->term_function[term];
}
