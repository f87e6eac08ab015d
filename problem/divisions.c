/* Divisions by expressions of fields whose values, in the initial and boundary data continued, go through zero. */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

enum { DIVISORS_MOST = 8, TIMES = 3 };

/* The range of f on the state's points, at some times. */
static pdm_status range_of(const note_state *s, const pdm_function *f, const pdm_where *where, double range[2])
{
    pdm_status     status   = PDM_OK;
    const pdm_map *map      = &pdm_domain_spline(s->p->domain, 0)->map;
    const double   t[TIMES] = {map->low, 0.5 * (map->low + map->high), map->high};
    pdm_size       n[PDM_MAX_DIM];
    const double  *x[PDM_MAX_DIM];
    pdm_probe      q = {0};

    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        n[j] = s->n[j];
        x[j] = s->x[j];
    }
    if (pdm_pde_has_time(s->p->pde)) {
        n[0] = TIMES;
        x[0] = t;
    }
    range[0] = INFINITY;
    range[1] = -INFINITY;
    PDM_TRY(pdm_domain_probe(s->p->domain, f, where, s->input, s->lift, n, x, &q));
    for (pdm_size i = 0; i < q.n_point; i++) {
        range[0] = fmin(range[0], q.value[i]);
        range[1] = fmax(range[1], q.value[i]);
    }
done:
    pdm_probe_destroy(&q);
    return status;
}

pdm_status divisions_find(const note_state *s, pdm_notes *notes)
{
    pdm_status          status = PDM_OK;
    const pdm_pde      *pde    = s->p->pde;
    const pdm_function *divisor[DIVISORS_MOST];
    pdm_size            n;

    for (pdm_size i = 0; i < pdm_pde_n_term(pde); i++) {
        const char     *name  = pdm_pde_field_name(pde, pdm_pde_term(pde, i)->equation);
        const pdm_where where = pdm_case_where(s->p->the_case, "pde/residuals", name);
        PDM_TRY(pdm_pde_divisors(s->p->pde, i, DIVISORS_MOST, &n, divisor));
        for (pdm_size k = 0; k < n; k++) {
            double range[2];
            if (!note_has_tables(s, divisor[k])) continue;
            PDM_TRY(range_of(s, divisor[k], &where, range));
            if (range[0] > 0.0 || range[1] < 0.0) continue;
            notes_add(
                notes, PDM_NOTE_DIVISION, i * DIVISORS_MOST + k, 1.0,
                "equation %s divides by %.200s, which goes from %.3g to %.3g in initial and boundary data: a solve "
                "that comes to zero there has no answer",
                name, divisor[k]->text, range[0], range[1]);
        }
    }
done:
    return status;
}
