/* Building of nodes with simplification. Values stay what they were up to rounding, and up to 0 * x = 0 where x is not
 * finite. Constant factors are carried outward, so that they meet: products are written c * (x * y). */
#include "pde/pde_impl.h"

#include <float.h>
#include <math.h>

/* c * node */
typedef struct scaled {
    double  c;
    int32_t node;
} scaled;

static scaled factor_out(const dag *d, int32_t node)
{
    const dag_node *n = &d->node[node];
    if (n->opcode == PDM_OPCODE_CONST) return (scaled){n->value, DAG_ONE};
    if (n->opcode == PDM_OPCODE_NEG) return (scaled){-1.0, n->a};
    if (n->opcode == PDM_OPCODE_MUL && dag_is_const(d, n->a)) return (scaled){d->node[n->a].value, n->b};
    return (scaled){1.0, node};
}

/* Constants are merged only where nothing overflows or loses digits. */
static bool is_usable(double c)
{
    return isfinite(c) && fabs(c) >= DBL_MIN;
}

/* node has no constant factor of its own. */
static int32_t scale(dag *d, double c, int32_t node)
{
    if (dag_is_const(d, node)) return dag_const(d, c * d->node[node].value);
    if (c == 0.0) return DAG_ZERO;
    if (c == 1.0) return node;
    if (c != -1.0) return dag_plain(d, PDM_OPCODE_MUL, dag_const(d, c), node);
    if (d->node[node].opcode == PDM_OPCODE_SUB) return dag_plain(d, PDM_OPCODE_SUB, d->node[node].b, d->node[node].a);
    return dag_plain(d, PDM_OPCODE_NEG, node, -1);
}

static int32_t fold(dag *d, int32_t opcode, int32_t a, int32_t b)
{
    return dag_const(d, dag_fold(opcode, d->node[a].value, b >= 0 ? d->node[b].value : 0.0));
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

int32_t dag_neg(dag *d, int32_t a)
{
    const scaled x = factor_out(d, a);
    return scale(d, -x.c, x.node);
}

/* Constants last, else the older operand first: a + b and b + a are one node. */
static int32_t plain_sum(dag *d, int32_t a, int32_t b)
{
    const bool swap = dag_is_const(d, a) || (!dag_is_const(d, b) && a > b);
    return dag_plain(d, PDM_OPCODE_ADD, swap ? b : a, swap ? a : b);
}

int32_t dag_add(dag *d, int32_t a, int32_t b)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (dag_is_const(d, a) && dag_is_const(d, b)) return fold(d, PDM_OPCODE_ADD, a, b);
    if (a == DAG_ZERO) return b;
    if (b == DAG_ZERO) return a;
    const scaled x = factor_out(d, a), y = factor_out(d, b);
    if (x.node == y.node && (is_usable(x.c + y.c) || x.c + y.c == 0.0)) return scale(d, x.c + y.c, x.node);
    if (y.c < 0.0) return dag_plain(d, PDM_OPCODE_SUB, a, scale(d, -y.c, y.node));
    if (x.c < 0.0) return dag_plain(d, PDM_OPCODE_SUB, b, scale(d, -x.c, x.node));
    return plain_sum(d, a, b);
}

int32_t dag_sub(dag *d, int32_t a, int32_t b)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (dag_is_const(d, a) && dag_is_const(d, b)) return fold(d, PDM_OPCODE_SUB, a, b);
    if (a == b) return DAG_ZERO;
    if (b == DAG_ZERO) return a;
    if (a == DAG_ZERO) return dag_neg(d, b);
    const scaled x = factor_out(d, a), y = factor_out(d, b);
    if (x.node == y.node && (is_usable(x.c - y.c) || x.c - y.c == 0.0)) return scale(d, x.c - y.c, x.node);
    if (y.c < 0.0) return dag_add(d, a, scale(d, -y.c, y.node));
    return dag_plain(d, PDM_OPCODE_SUB, a, b);
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* base ^ exponent with a whole positive exponent; anything is itself ^ 1. */
static int32_t power_of(const dag *d, int32_t node, double *exponent)
{
    const dag_node *n = &d->node[node];
    *exponent         = 1.0;
    if (n->opcode != PDM_OPCODE_POW || !dag_is_const(d, n->b)) return node;
    const double e = d->node[n->b].value;
    if (!dag_is_whole(e) || e < 1.0) return node;
    *exponent = e;
    return n->a;
}

/* The product `node` without its factor `factor`; -1 where that is not found. */
static int32_t without_factor(dag *d, int32_t node, int32_t factor, int depth)
{
    if (node == factor) return DAG_ONE;
    if (depth == 0 || d->node[node].opcode != PDM_OPCODE_MUL) return -1;
    const int32_t a = d->node[node].a, b = d->node[node].b;
    int32_t       rest = without_factor(d, a, factor, depth - 1);
    if (rest >= 0) return dag_mul(d, rest, b);
    rest = without_factor(d, b, factor, depth - 1);
    return rest >= 0 ? dag_mul(d, a, rest) : -1;
}

static int32_t product(dag *d, int32_t x, int32_t y)
{
    double m, n;
    if (x == DAG_ONE) return y;
    if (y == DAG_ONE) return x;
    const int32_t base = power_of(d, x, &m);
    if (d->slopes) {
        const bool    left = d->node[x].opcode == PDM_OPCODE_SIGN, right = d->node[y].opcode == PDM_OPCODE_SIGN;
        const int32_t rest = left ? without_factor(d, y, x, 6) : right ? without_factor(d, x, y, 6) : -1;
        if (rest >= 0) return rest;
    }
    if (base == power_of(d, y, &n) && dag_is_whole(m + n)) return dag_pow(d, base, dag_const(d, m + n));
    return dag_plain(d, PDM_OPCODE_MUL, x < y ? x : y, x < y ? y : x);
}

int32_t dag_mul(dag *d, int32_t a, int32_t b)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (dag_is_const(d, a) && dag_is_const(d, b)) return fold(d, PDM_OPCODE_MUL, a, b);
    if (a == DAG_ZERO || b == DAG_ZERO) return DAG_ZERO;
    const scaled x = factor_out(d, a), y = factor_out(d, b);
    if (!is_usable(x.c * y.c))
        return dag_is_const(d, b) ? dag_plain(d, PDM_OPCODE_MUL, b, a) : dag_plain(d, PDM_OPCODE_MUL, a, b);
    const int32_t node = product(d, x.node, y.node);
    const scaled  z    = factor_out(d, node);
    return scale(d, x.c * y.c * z.c, z.node);
}

static bool has_exact_reciprocal(double c)
{
    int exponent = 0;
    return fabs(frexp(c, &exponent)) == 0.5 && is_usable(1.0 / c);
}

int32_t dag_div(dag *d, int32_t a, int32_t b)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (dag_is_const(d, a) && dag_is_const(d, b)) return fold(d, PDM_OPCODE_DIV, a, b);
    if (a == DAG_ZERO) return DAG_ZERO;
    if (b == DAG_ONE) return a;
    const scaled x = factor_out(d, a), y = factor_out(d, b);
    const double c = x.c / y.c;
    if (!is_usable(c) || y.c == 0.0) return dag_plain(d, PDM_OPCODE_DIV, a, b);
    if (y.node == DAG_ONE) { /* by a constant */
        if (has_exact_reciprocal(y.c) || fabs(x.c) != 1.0) return scale(d, c, x.node);
        return scale(d, c < 0.0 ? -1.0 : 1.0, dag_plain(d, PDM_OPCODE_DIV, x.node, dag_const(d, fabs(y.c))));
    }
    return scale(d, c, dag_plain(d, PDM_OPCODE_DIV, x.node, y.node));
}

/* ---- powers and functions ---------------------------------------------------------------------------------------- */

static int32_t pow_const(dag *d, int32_t a, double e)
{
    const dag_node *n = &d->node[a];
    const scaled    x = factor_out(d, a);

    if (e == 0.0) return DAG_ONE;
    if (e == 1.0) return a;
    if (e == -1.0) return dag_div(d, DAG_ONE, a);
    if (e == 0.5) return dag_unary(d, PDM_OPCODE_SQRT, a);
    if (dag_is_whole(e) && x.c != 1.0 && is_usable(pow(x.c, e)))
        return dag_mul(d, dag_const(d, pow(x.c, e)), pow_const(d, x.node, e));
    if (dag_is_whole(e) && n->opcode == PDM_OPCODE_POW && dag_is_const(d, n->b)) {
        const double inner = d->node[n->b].value;
        if (dag_is_whole(inner) && dag_is_whole(inner * e)) return pow_const(d, n->a, inner * e);
    }
    return dag_plain(d, PDM_OPCODE_POW, a, dag_const(d, e));
}

int32_t dag_pow(dag *d, int32_t a, int32_t b)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (dag_is_const(d, a) && dag_is_const(d, b)) return fold(d, PDM_OPCODE_POW, a, b);
    if (a == DAG_ONE) return DAG_ONE;
    return dag_is_const(d, b) ? pow_const(d, a, d->node[b].value) : dag_plain(d, PDM_OPCODE_POW, a, b);
}

int32_t dag_unary(dag *d, pdm_opcode opcode, int32_t a)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (dag_is_const(d, a)) return fold(d, (int32_t)opcode, a, -1);
    const dag_node *n = &d->node[a];
    switch (opcode) {
    case PDM_OPCODE_NEG: return dag_neg(d, a);
    case PDM_OPCODE_ABS:
        if (n->flags & DAG_NONNEGATIVE) return a;
        if (n->opcode == PDM_OPCODE_NEG) return dag_unary(d, PDM_OPCODE_ABS, n->a);
        break;
    case PDM_OPCODE_SIGN:
    case PDM_OPCODE_STEP:
        if (n->flags & DAG_POSITIVE) return DAG_ONE;
        break;
    default: break;
    }
    return dag_plain(d, (int32_t)opcode, a, -1);
}

int32_t dag_binary(dag *d, pdm_opcode opcode, int32_t a, int32_t b)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    switch (opcode) {
    case PDM_OPCODE_ADD: return dag_add(d, a, b);
    case PDM_OPCODE_SUB: return dag_sub(d, a, b);
    case PDM_OPCODE_MUL: return dag_mul(d, a, b);
    case PDM_OPCODE_DIV: return dag_div(d, a, b);
    case PDM_OPCODE_POW: return dag_pow(d, a, b);
    default: break;
    }
    if (dag_is_const(d, a) && dag_is_const(d, b)) return fold(d, (int32_t)opcode, a, b);
    if (a == b) return a; /* MIN, MAX */
    return dag_plain(d, (int32_t)opcode, a, b);
}
