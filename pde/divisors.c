/* What a term divides by, where that reads fields and may be zero for all that its form says. */
#include "pde/pde_impl.h"

/* The node that this one divides by; -1: none. */
static int32_t divisor_of(const dag *d, int32_t node)
{
    const dag_node *n = &d->node[node];

    switch (n->opcode) {
    case PDM_OPCODE_DIV: return n->b;
    case PDM_OPCODE_RECIPROCAL: return n->a;
    case PDM_OPCODE_POW: return dag_is_const(d, n->b) && d->node[n->b].value < 0.0 ? n->a : -1;
    default: return -1;
    }
}

pdm_status pdm_pde_divisors(pdm_pde *p, pdm_size term, pdm_size most, pdm_size *n, const pdm_function **out)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &p->dag;
    pde_list        order  = {0};
    const dag_mark  mark   = dag_get_mark(d);
    const pdm_where where  = {
         .group = "pde/residuals", .attribute = p->field_name[p->term[term].equation], .offset = -1};

    *n = 0;
    dag_walk(d, dag_next_stamp(d), p->term_node[term], NULL, 0, &order);
    PDM_TRY(d->status);
    for (pdm_size i = 0; i < order.n && *n < most; i++) {
        const int32_t divisor = divisor_of(d, order.item[i]);
        if (divisor < 0 || !(d->node[divisor].flags & DAG_FIELD) || d->node[divisor].flags & DAG_POSITIVE) continue;
        PDM_TRY(pde_function_create(p, where, divisor, &out[(*n)++]));
    }
done:
    list_destroy(p->ctx, &order);
    if (status != PDM_OK) dag_rollback(d, mark);
    return status;
}
