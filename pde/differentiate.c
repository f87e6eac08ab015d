/* Derivatives of expanded nodes, remembered node by node: the work is linear in the size of the DAG. */
#include "pde/pde_impl.h"

#include <math.h>

/* Keys of what is remembered: 0 .. PDM_MAX_DIM-1 total derivatives, KEY_LEAF + leaf partial ones. */
enum { KEY_EXPANDED = -1, KEY_LEAF = PDM_MAX_DIM };

static bool depends(const dag *d, int32_t node, int32_t key)
{
    const dag_node *n = &d->node[node];
    if (key < KEY_LEAF) return n->dims >> key & 1;
    return n->leaves >> ((key - KEY_LEAF) % 64) & 1u;
}

static bool is_unknown(const dag *d, int32_t node, int32_t key)
{
    return depends(d, node, key) && dag_memo_get(d, node, key) < 0;
}

/* Derivative of an operand, known already. */
static int32_t known(const dag *d, int32_t node, int32_t key)
{
    if (node < 0 || !depends(d, node, key)) return DAG_ZERO;
    const int32_t result = dag_memo_get(d, node, key);
    return result < 0 ? DAG_ZERO : result; /* < 0 after a failure only */
}

static int32_t leaf_derivative(dag *d, int32_t leaf, int32_t key)
{
    dag_leaf next = d->leaf[leaf];
    if (key >= KEY_LEAF) return leaf == key - KEY_LEAF ? DAG_ONE : DAG_ZERO;
    if (!(next.dims >> key & 1)) return DAG_ZERO;
    if (next.kind == PDM_INPUT_COORDINATE) return DAG_ONE;
    next.order[key]++;
    return dag_leaf_node(d, next);
}

/* (a ^ b)' = b a^(b-1) a' + a^b log(a) b' */
static int32_t pow_derivative(dag *d, int32_t node, int32_t a, int32_t b, int32_t da, int32_t db)
{
    int32_t sum = dag_mul(d, dag_mul(d, b, dag_pow(d, a, dag_sub(d, b, DAG_ONE))), da);
    if (db != DAG_ZERO) sum = dag_add(d, sum, dag_mul(d, dag_mul(d, node, dag_unary(d, PDM_OPCODE_LOG, a)), db));
    return sum;
}

/* f'(a) of a function of one argument; node is f(a). Piecewise for abs, sign, step. */
static int32_t slope(dag *d, pdm_opcode opcode, int32_t node, int32_t a)
{
    const int32_t one = DAG_ONE;
    switch (opcode) {
    case PDM_OPCODE_EXP: return node;
    case PDM_OPCODE_LOG: return dag_div(d, one, a);
    case PDM_OPCODE_SQRT: return dag_div(d, dag_const(d, 0.5), node);
    case PDM_OPCODE_SIN: return dag_unary(d, PDM_OPCODE_COS, a);
    case PDM_OPCODE_COS: return dag_neg(d, dag_unary(d, PDM_OPCODE_SIN, a));
    case PDM_OPCODE_TAN: return dag_add(d, one, dag_mul(d, node, node));
    case PDM_OPCODE_SINH: return dag_unary(d, PDM_OPCODE_COSH, a);
    case PDM_OPCODE_COSH: return dag_unary(d, PDM_OPCODE_SINH, a);
    case PDM_OPCODE_TANH: return dag_sub(d, one, dag_mul(d, node, node));
    case PDM_OPCODE_ERF:
        return dag_mul(d, dag_const(d, 1.1283791670955126 /* 2/sqrt(pi) */),
                       dag_unary(d, PDM_OPCODE_EXP, dag_neg(d, dag_mul(d, a, a))));
    case PDM_OPCODE_ATAN: return dag_div(d, one, dag_add(d, one, dag_mul(d, a, a)));
    case PDM_OPCODE_LOG1P: return dag_div(d, one, dag_add(d, one, a));
    case PDM_OPCODE_ABS: return dag_unary(d, PDM_OPCODE_SIGN, a);
    default: return DAG_ZERO; /* SIGN, STEP */
    }
}

static int32_t node_derivative(dag *d, int32_t node, int32_t key)
{
    const dag_node n = d->node[node]; /* a copy: nodes move when the array grows */
    if (n.opcode == PDM_OPCODE_INPUT) return leaf_derivative(d, n.a, key);
    const int32_t da = known(d, n.a, key), db = dag_n_operand(&n) == 2 ? known(d, n.b, key) : DAG_ZERO;
    switch (n.opcode) {
    case PDM_OPCODE_NEG: return dag_neg(d, da);
    case PDM_OPCODE_ADD: return dag_add(d, da, db);
    case PDM_OPCODE_SUB: return dag_sub(d, da, db);
    case PDM_OPCODE_MUL: return dag_add(d, dag_mul(d, da, n.b), dag_mul(d, n.a, db));
    case PDM_OPCODE_DIV: return dag_div(d, dag_sub(d, da, dag_mul(d, node, db)), n.b); /* (a' - (a/b) b') / b */
    case PDM_OPCODE_POW: return pow_derivative(d, node, n.a, n.b, da, db);
    case PDM_OPCODE_MIN: /* a' where a <= b, else b' */
        return dag_add(d, da, dag_mul(d, dag_unary(d, PDM_OPCODE_STEP, dag_sub(d, n.a, n.b)), dag_sub(d, db, da)));
    case PDM_OPCODE_MAX: /* a' where a > b, else b' */
        return dag_add(d, db, dag_mul(d, dag_unary(d, PDM_OPCODE_STEP, dag_sub(d, n.a, n.b)), dag_sub(d, da, db)));
    default: break;
    }
    return da == DAG_ZERO ? DAG_ZERO : dag_mul(d, slope(d, (pdm_opcode)n.opcode, node, n.a), da);
}

static int32_t derivative(dag *d, int32_t node, int32_t key)
{
    pde_list order = {0};

    if (d->status != PDM_OK || !depends(d, node, key)) return DAG_ZERO;
    const bool before = d->slopes;
    d->slopes         = true;
    dag_walk(d, dag_next_stamp(d), node, is_unknown, key, &order);
    for (pdm_size i = 0; i < order.n; i++) dag_memo_put(d, order.item[i], key, node_derivative(d, order.item[i], key));
    d->slopes = before;
    list_destroy(d->ctx, &order);
    return d->status == PDM_OK ? known(d, node, key) : DAG_ZERO;
}

int32_t dag_partial(dag *d, int32_t node, int32_t leaf)
{
    return derivative(d, node, KEY_LEAF + leaf);
}

/* ---- expansion --------------------------------------------------------------------------------------------------- */

static bool is_unexpanded(const dag *d, int32_t node, int32_t key)
{
    return d->node[node].flags & DAG_UNEXPANDED && dag_memo_get(d, node, key) < 0;
}

static int32_t expanded(const dag *d, int32_t node)
{
    if (!(d->node[node].flags & DAG_UNEXPANDED)) return node;
    const int32_t result = dag_memo_get(d, node, KEY_EXPANDED);
    return result < 0 ? DAG_ZERO : result;
}

int32_t dag_expand(dag *d, int32_t node)
{
    pde_list order = {0};

    if (d->status != PDM_OK) return DAG_ZERO;
    dag_walk(d, dag_next_stamp(d), node, is_unexpanded, KEY_EXPANDED, &order);
    for (pdm_size i = 0; i < order.n && d->status == PDM_OK; i++) {
        const dag_node n      = d->node[order.item[i]];
        const int32_t  a      = expanded(d, n.a);
        int32_t        result = DAG_ZERO;
        if (n.opcode == DAG_DERIVATIVE)
            result = derivative(d, a, n.b);
        else if (n.b < 0)
            result = dag_unary(d, (pdm_opcode)n.opcode, a);
        else
            result = dag_binary(d, (pdm_opcode)n.opcode, a, expanded(d, n.b));
        dag_memo_put(d, order.item[i], KEY_EXPANDED, result);
    }
    list_destroy(d->ctx, &order);
    return d->status == PDM_OK ? expanded(d, node) : DAG_ZERO;
}
