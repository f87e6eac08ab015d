/* Places where coefficients and sources jump or bend: zeros of what stands in step, sign, abs, min and max, where that
 * depends on one coordinate alone. */
#include "pde/pde_impl.h"

/* What the node turns at the zeros of; DAG_ZERO: it turns nowhere. */
static int32_t turns_at(dag *d, int32_t node)
{
    const dag_node n = d->node[node];
    switch (n.opcode) {
    case PDM_OPCODE_STEP:
    case PDM_OPCODE_SIGN:
    case PDM_OPCODE_ABS: return n.a;
    case PDM_OPCODE_MIN:
    case PDM_OPCODE_MAX: return dag_sub(d, n.a, n.b);
    default: return DAG_ZERO;
    }
}

/* The one dimension along which a node without fields and inputs varies; -1: none, or several. */
static int32_t only_dimension(const dag *d, int32_t node)
{
    const dag_node *n = &d->node[node];
    if (n->flags & (DAG_FIELD | DAG_INPUT)) return -1;
    for (int32_t j = 0; j < PDM_MAX_DIM; j++)
        if (n->dims == 1u << j) return j;
    return -1;
}

/* Does the node jump, along space? Fills what is in it. */
static bool jumps_at(const dag *d, int32_t node, int32_t *at)
{
    const dag_node n = d->node[node];
    if (n.opcode != PDM_OPCODE_STEP && n.opcode != PDM_OPCODE_SIGN) return false;
    *at = n.a;
    return d->node[n.a].dims != 0;
}

static pdm_status collect(pdm_pde *p, int32_t root, uint32_t stamp, pde_list *found)
{
    pdm_status status = PDM_OK;
    pde_list   order  = {0};

    dag_walk(&p->dag, stamp, root, NULL, 0, &order);
    PDM_TRY(p->dag.status);
    for (pdm_size i = 0; i < order.n; i++) {
        const int32_t at    = turns_at(&p->dag, order.item[i]);
        bool          known = only_dimension(&p->dag, at) < 0;
        for (pdm_size k = 0; k < found->n; k++) known = known || found->item[k] == at;
        if (!known) PDM_TRY(list_push(p->ctx, found, at));
    }
    PDM_TRY(p->dag.status);
done:
    list_destroy(p->ctx, &order);
    return status;
}

pdm_status pde_find_edges(pdm_pde *p)
{
    pdm_status      status = PDM_OK;
    pde_list        found  = {0};
    const uint32_t  stamp  = dag_next_stamp(&p->dag);
    const pdm_where where  = {.group = "pde/residuals", .offset = -1};

    for (pdm_size t = 0; t < p->n_term; t++) PDM_TRY(collect(p, p->term_node[t], stamp, &found));
    PDM_TRY(pool_take(&p->pool, found.n, &p->edge));
    for (pdm_size i = 0; i < found.n; i++) {
        pdm_edge *e = &p->edge[p->n_edge++];
        e->dim      = only_dimension(&p->dag, found.item[i]);
        PDM_TRY(pde_function_create(p, where, found.item[i], &e->function));
    }
done:
    list_destroy(p->ctx, &found);
    return status;
}

pdm_status pde_find_jumps(pdm_pde *p, int32_t node, pdm_initial *initial)
{
    pdm_status status = PDM_OK;
    pde_list   order = {0}, found = {0};
    pdm_edge  *jump;
    int32_t    at;

    dag_walk(&p->dag, dag_next_stamp(&p->dag), node, NULL, 0, &order);
    PDM_TRY(p->dag.status);
    for (pdm_size i = 0; i < order.n; i++)
        if (jumps_at(&p->dag, order.item[i], &at)) PDM_TRY(list_push(p->ctx, &found, at));
    PDM_TRY(pool_take(&p->pool, found.n, &jump));
    for (pdm_size i = 0; i < found.n; i++) {
        jump[i].dim = -1;
        for (int32_t j = 0; j < PDM_MAX_DIM; j++)
            if (p->dag.node[found.item[i]].dims == 1u << j) jump[i].dim = j;
        PDM_TRY(pde_function_create(p, initial->where, found.item[i], &jump[i].function));
        if (jump[i].function->n_sampled > 0) jump[i].dim = -1;
    }
    initial->n_jump = found.n;
    initial->jump   = jump;
done:
    list_destroy(p->ctx, &order);
    list_destroy(p->ctx, &found);
    return status;
}

pdm_size pdm_pde_n_edge(const pdm_pde *p)
{
    return p->n_edge;
}

const pdm_edge *pdm_pde_edge(const pdm_pde *p, pdm_size i)
{
    return &p->edge[i];
}
