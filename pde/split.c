/* A residual as fluxes and source, and those as summands. A residual is a linear combination, with constant factors, of
 * derivatives d_j(e) and of the rest; the factors are carried down from the root, through sums, signs and constant
 * factors, in one pass over the DAG. d_j(e) with factor k adds k e to the flux in dimension j. */
#include "pde/pde_impl.h"

/* Hands the factor of a node down to its operands; false when the node is a part of its own. */
static bool hand_down(const dag *d, int32_t node, double *factor, const int32_t *place)
{
    const dag_node *n = &d->node[node];
    const double    k = factor[place[node]];

    if (n->opcode == DAG_DERIVATIVE || !(n->flags & DAG_SPLITS)) return false;
    switch (n->opcode) {
    case PDM_OPCODE_NEG: factor[place[n->a]] -= k; break;
    case PDM_OPCODE_ADD:
        factor[place[n->a]] += k;
        factor[place[n->b]] += k;
        break;
    case PDM_OPCODE_SUB:
        factor[place[n->a]] += k;
        factor[place[n->b]] -= k;
        break;
    case PDM_OPCODE_MUL: factor[place[n->b]] += k * d->node[n->a].value; break;
    default: factor[place[n->a]] += k / d->node[n->b].value; break; /* DIV by a constant */
    }
    return true;
}

static void add_part(dag *d, int32_t node, double factor, int32_t *flux, int32_t *source)
{
    const dag_node n   = d->node[node];
    int32_t       *sum = n.opcode == DAG_DERIVATIVE ? &flux[n.b] : source;
    const int32_t  e   = dag_expand(d, n.opcode == DAG_DERIVATIVE ? n.a : node);
    *sum               = dag_add(d, *sum, dag_mul(d, dag_const(d, factor), e));
}

pdm_status pde_split(pdm_pde *p, int32_t residual, int32_t *flux, int32_t *source)
{
    pdm_status status = PDM_OK;
    dag       *d      = &p->dag;
    pde_list   order  = {0};
    double    *factor = NULL;
    int32_t   *place  = NULL;

    for (int j = 0; j < PDM_MAX_DIM; j++) flux[j] = DAG_ZERO;
    *source = DAG_ZERO;
    dag_walk(d, dag_next_stamp(d), residual, NULL, 0, &order);
    PDM_TRY(d->status);
    PDM_TRY(pdm_alloc_array(p->ctx, order.n, &factor));
    PDM_TRY(pdm_alloc_array(p->ctx, d->n_node, &place));
    for (pdm_size i = 0; i < order.n; i++) place[order.item[i]] = (int32_t)i;
    factor[order.n - 1] = 1.0; /* the root comes last */
    for (pdm_size i = order.n - 1; i >= 0; i--)
        if (factor[i] != 0.0 && hand_down(d, order.item[i], factor, place)) factor[i] = 0.0;
    for (pdm_size i = 0; i < order.n; i++)
        if (factor[i] != 0.0) add_part(d, order.item[i], factor[i], flux, source);
    PDM_TRY(d->status);
done:
    list_destroy(p->ctx, &order);
    pdm_free(p->ctx, factor);
    pdm_free(p->ctx, place);
    return status;
}

/* ---- summands of an expanded node ---- */

/* Operands of a sum, sign or constant factor, the first one last; 0 when the node is a summand of its own. */
static int take_apart(const dag *d, pde_summand s, pde_summand out[2])
{
    const dag_node *n = &d->node[s.node];

    switch (n->opcode) {
    case PDM_OPCODE_NEG: out[0] = (pde_summand){n->a, -s.factor}; return 1;
    case PDM_OPCODE_ADD:
    case PDM_OPCODE_SUB:
        out[0] = (pde_summand){n->b, n->opcode == PDM_OPCODE_ADD ? s.factor : -s.factor};
        out[1] = (pde_summand){n->a, s.factor};
        return 2;
    case PDM_OPCODE_MUL:
        if (!dag_is_const(d, n->a)) return 0;
        out[0] = (pde_summand){n->b, s.factor * d->node[n->a].value};
        return 1;
    case PDM_OPCODE_DIV:
        if (!dag_is_const(d, n->b)) return 0;
        out[0] = (pde_summand){n->a, s.factor / d->node[n->b].value};
        return 1;
    default: return 0;
    }
}

pdm_status pde_take_apart(pdm_pde *p, int32_t node, pdm_size most, pde_summand *out, pdm_size *n)
{
    pdm_status   status = PDM_OK;
    pde_summand *todo   = NULL;
    pdm_size     n_todo = 1, n_out = 0;

    PDM_TRY(pdm_alloc_array(p->ctx, most + 2, &todo)); /* every node that waits gives a summand at least */
    todo[0] = (pde_summand){node, 1.0};
    while (n_todo > 0 && n_todo + n_out <= most) {
        const pde_summand s = todo[--n_todo];
        const int         k = take_apart(&p->dag, s, todo + n_todo);
        n_todo += k;
        if (k == 0) out[n_out++] = s;
    }
    *n = n_todo > 0 ? 0 : n_out;
done:
    pdm_free(p->ctx, todo);
    return status;
}

pdm_status pdm_pde_summands(pdm_pde *p, pdm_size term, pdm_size most, pdm_size *n, const pdm_function **out)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &p->dag;
    const dag_mark  mark   = dag_get_mark(d);
    pde_summand    *part   = NULL;
    const pdm_where where  = {
         .group = "pde/residuals", .attribute = p->field_name[p->term[term].equation], .offset = -1};

    PDM_TRY(pdm_alloc_array(p->ctx, most, &part));
    PDM_TRY(pde_take_apart(p, p->term_node[term], most, part, n));
    for (pdm_size i = 0; i < *n; i++)
        PDM_TRY(pde_function_create(p, where, dag_mul(d, dag_const(d, part[i].factor), part[i].node), &out[i]));
    if (*n == 0) {
        out[0] = p->term[term].function;
        *n     = 1;
    }
done:
    pdm_free(p->ctx, part);
    if (status != PDM_OK) dag_rollback(d, mark);
    return status;
}
