/* Expressions of a case at the two ends of a periodic dimension: data, sources and coefficients that do not close. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

/* Notes of a kind are told apart by a number: the expression's and the dimension's. */
static pdm_size number_of(pdm_size expression, pdm_size dim)
{
    return expression * PDM_MAX_DIM + dim;
}

/* Entry k of what is told of a point: the value, then the partials by the fields' atoms, which are coefficients. */
static double entry(const pdm_probe *q, pdm_size i, pdm_size k)
{
    return k == 0 ? q->value[i] : q->partial[i * q->n_atom + k - 1];
}

/* The largest jump, relative to the largest of the entry anywhere. */
static void largest_jump(const pdm_probe *low, const pdm_probe *high, const pdm_probe *all, double *jump,
                         double *relative)
{
    *jump = *relative = 0.0;
    for (pdm_size k = 0; k <= all->n_atom; k++) {
        double most = 0.0, size = 0.0;
        for (pdm_size i = 0; i < all->n_point; i++)
            if (isfinite(entry(all, i, k))) size = fmax(size, fabs(entry(all, i, k)));
        for (pdm_size i = 0; i < low->n_point; i++) {
            const double here = fabs(entry(high, i, k) - entry(low, i, k));
            size              = fmax(size, fmax(fabs(entry(low, i, k)), fabs(entry(high, i, k))));
            if (isfinite(here)) most = fmax(most, here);
        }
        if (!(size > 0.0) || most / size <= *relative) continue;
        *jump     = most;
        *relative = most / size;
    }
}

static pdm_status note_seam(const note_state *s, const pdm_function *f, const pdm_where *where, const char *what,
                            pdm_size number, pdm_notes *notes)
{
    pdm_status status = PDM_OK;
    pdm_probe  low = {0}, high = {0}, all = {0};

    for (pdm_size j = pdm_pde_has_time(s->p->pde) ? 1 : 0; f && j < pdm_domain_n_dim(s->p->domain); j++) {
        const pdm_spline *spline = pdm_domain_spline(s->p->domain, j);
        double            jump, relative;
        if (!spline->periodic || !pdm_inputs_read_coordinate(f->n_input, f->input, j)) continue;
        PDM_TRY(note_probe(s, f, where, j, spline->map.low, &low));
        PDM_TRY(note_probe(s, f, where, j, spline->map.high, &high));
        PDM_TRY(note_probe(s, f, where, -1, 0.0, &all));
        largest_jump(&low, &high, &all, &jump, &relative);
        notes_add(notes, PDM_NOTE_SEAM, number_of(number, j), relative,
                  "%s%.200s jumps by %.3g from one end of %s, which is periodic, to the other (/%s:%s)", what, f->text,
                  jump, pdm_pde_dim_name(s->p->pde, j), where->group ? where->group : "",
                  where->attribute ? where->attribute : "");
        pdm_probe_destroy(&low);
        pdm_probe_destroy(&high);
        pdm_probe_destroy(&all);
    }
done:
    pdm_probe_destroy(&low);
    pdm_probe_destroy(&high);
    pdm_probe_destroy(&all);
    return status;
}

pdm_status seams_find(const note_state *s, pdm_notes *notes)
{
    pdm_status     status = PDM_OK;
    const pdm_pde *pde    = s->p->pde;
    note_state     flat   = *s;
    pdm_size       number = 0;
    double        *lift   = NULL;

    PDM_TRY(note_flatten(s, &lift)); /* what jumps then is the case's */
    flat.lift = lift;
    for (pdm_size i = 0; i < pdm_pde_n_initial(pde); i++) {
        const pdm_initial *k = pdm_pde_initial(pde, i);
        PDM_TRY(note_seam(&flat, k->given, &k->where, "the initial state ", number++, notes));
    }
    for (pdm_size i = 0; i < pdm_pde_n_condition(pde); i++) {
        const pdm_condition *k = pdm_pde_condition(pde, i);
        PDM_TRY(note_seam(&flat, k->given, &k->where, "", number++, notes));
    }
    for (pdm_size i = 0; i < pdm_pde_n_term(pde); i++) {
        const pdm_term *k     = pdm_pde_term(pde, i);
        const pdm_where where = pdm_case_where(s->p->the_case, "pde/residuals", pdm_pde_field_name(pde, k->equation));
        PDM_TRY(note_seam(&flat, k->function, &where, k->dim < 0 ? "the source " : "the flux ", number++, notes));
    }
done:
    pdm_free(s->p->ctx, lift);
    return status;
}
