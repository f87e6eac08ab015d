/* A general condition that holds the whole flux of an equation across its side: c = k F + rest = 0 with a number k is
 * flux = -rest/k, which cells take exactly. Summands are compared as nodes, of which equal ones are one. */
#include "pde/pde_impl.h"

#include <math.h>

enum { SUMMANDS_MOST = 64 };

static const double SAME = 1e-12; /* of two ratios of factors */

/* Summands of a node, equal ones added up. */
static pdm_status summands_of(pdm_pde *p, int32_t node, pde_summand *out, pdm_size *n)
{
    pdm_status status = PDM_OK;
    pdm_size   n_all = 0, kept = 0;

    PDM_TRY(pde_take_apart(p, node, SUMMANDS_MOST, out, &n_all));
    for (pdm_size i = 0; i < n_all; i++) {
        pdm_size k = 0;
        while (k < kept && out[k].node != out[i].node) k++;
        if (k < kept)
            out[k].factor += out[i].factor;
        else
            out[kept++] = out[i];
    }
    *n = kept;
done:
    return status;
}

static pdm_size find(const pde_summand *s, pdm_size n, int32_t node)
{
    for (pdm_size i = 0; i < n; i++)
        if (s[i].node == node) return i;
    return -1;
}

/* The number that all of the flux's summands stand in the condition with; 0: there is none. */
static double common_factor(const pde_summand *flux, pdm_size n_flux, const pde_summand *all, pdm_size n_all)
{
    double factor = 0.0;

    for (pdm_size i = 0; i < n_flux; i++) {
        const pdm_size k = find(all, n_all, flux[i].node);
        if (k < 0 || flux[i].factor == 0.0) return 0.0;
        const double here = all[k].factor / flux[i].factor;
        if (i == 0) factor = here;
        if (fabs(here - factor) > SAME * fabs(factor)) return 0.0;
    }
    return factor;
}

pdm_status pde_find_whole_flux(pdm_pde *p, int32_t condition, int32_t flux, bool *found, int32_t *prescribed)
{
    pdm_status  status = PDM_OK;
    dag        *d      = &p->dag;
    pde_summand in_condition[SUMMANDS_MOST + 1], in_flux[SUMMANDS_MOST + 1];
    pdm_size    n_condition, n_flux;

    *found = false;
    PDM_TRY(summands_of(p, condition, in_condition, &n_condition));
    PDM_TRY(summands_of(p, flux, in_flux, &n_flux));
    const double factor = common_factor(in_flux, n_flux, in_condition, n_condition);
    if (n_flux == 0 || factor == 0.0) goto done;
    *prescribed = DAG_ZERO;
    for (pdm_size i = 0; i < n_condition; i++)
        if (find(in_flux, n_flux, in_condition[i].node) < 0)
            *prescribed = dag_add(d, *prescribed,
                                  dag_mul(d, dag_const(d, -in_condition[i].factor / factor), in_condition[i].node));
    *found = true;
done:
    return status;
}
