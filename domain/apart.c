/* Equations taken apart: the rows of one summand of a term alone, without scales, as integrals over cells. */
#include "domain/domain.h"

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
    *p = (pdm_part_rows){0};
}

pdm_size pdm_domain_term_block(const pdm_domain *d, pdm_size term)
{
    return d->term_block[term];
}

const pdm_function *pdm_domain_term_function(const pdm_domain *d, pdm_size term)
{
    return d->term_function[term];
}
