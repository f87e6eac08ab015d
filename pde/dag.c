/* The DAG itself: shared nodes, walks, memory of derivatives. Simplification: simplify.c. */
#include "pde/pde_impl.h"

#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t h, uint64_t value)
{
    h = (h ^ value) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t node_hash(int32_t opcode, int32_t a, int32_t b, double value)
{
    uint64_t h = mix(0, (uint32_t)opcode);
    h          = mix(h, (uint32_t)a);
    h          = mix(h, (uint32_t)b);
    return mix(h, bits_of(value));
}

static void fail(dag *d, pdm_status status)
{
    if (d->status == PDM_OK) d->status = status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* Slot of the node, or the free one where it belongs. */
static pdm_size table_slot(const dag *d, int32_t opcode, int32_t a, int32_t b, double value)
{
    pdm_size slot = (pdm_size)(node_hash(opcode, a, b, value) & (uint64_t)(d->table_size - 1));
    for (; d->table[slot] >= 0; slot = (slot + 1) & (d->table_size - 1)) {
        const dag_node *n = &d->node[d->table[slot]];
        if (n->opcode == opcode && n->a == a && n->b == b && bits_of(n->value) == bits_of(value)) break;
    }
    return slot;
}

static void table_fill(dag *d)
{
    for (pdm_size i = 0; i < d->table_size; i++) d->table[i] = -1;
    for (pdm_size i = 0; i < d->n_node; i++) {
        const dag_node *n                                        = &d->node[i];
        d->table[table_slot(d, n->opcode, n->a, n->b, n->value)] = (int32_t)i;
    }
}

/* Room for one node more: node, stamp, and a table at most half full. */
static pdm_status make_room(dag *d)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = d->n_node + 1;
    int32_t       *table  = NULL;

    if (n > PDE_MAX_NODE) {
        d->too_large = true;
        return PDM_ERR_CASE;
    }
    PDM_TRY(pde_grow(d->ctx, &d->node, sizeof *d->node, d->n_node, n, &d->node_capacity));
    PDM_TRY(pde_grow(d->ctx, &d->stamp, sizeof *d->stamp, d->n_node, n, &d->stamp_capacity));
    if (2 * n > d->table_size) {
        const pdm_size size = d->table_size ? 2 * d->table_size : 256;
        PDM_TRY(pdm_alloc_array(d->ctx, size, &table));
        pdm_free(d->ctx, d->table);
        d->table      = table;
        d->table_size = size;
        table_fill(d);
    }
done:
    return status;
}

pdm_status dag_create(dag *d, pdm_context *ctx)
{
    *d = (dag){.ctx = ctx};
    (void)dag_const(d, 0.0);
    (void)dag_const(d, 1.0);
    return d->status;
}

void dag_destroy(dag *d)
{
    pdm_free(d->ctx, d->node);
    pdm_free(d->ctx, d->stamp);
    pdm_free(d->ctx, d->table);
    pdm_free(d->ctx, d->leaf);
    pdm_free(d->ctx, d->memo);
    *d = (dag){0};
}

dag_mark dag_get_mark(const dag *d)
{
    return (dag_mark){d->n_node, d->n_leaf};
}

void dag_rollback(dag *d, dag_mark mark)
{
    d->n_node    = mark.n_node;
    d->n_leaf    = mark.n_leaf;
    d->status    = PDM_OK;
    d->too_large = false;
    d->slopes    = false;
    table_fill(d);
    for (pdm_size i = 0; i < d->memo_size; i++) d->memo[i].result = -1;
    d->n_memo = 0;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

int dag_n_operand(const dag_node *node)
{
    if (node->opcode == PDM_OPCODE_CONST || node->opcode == PDM_OPCODE_INPUT) return 0;
    return node->opcode == DAG_DERIVATIVE || node->b < 0 ? 1 : 2;
}

bool dag_is_const(const dag *d, int32_t node)
{
    return d->node[node].opcode == PDM_OPCODE_CONST;
}

bool dag_is_whole(double x)
{
    return x == nearbyint(x) && fabs(x) <= 64.0;
}

double dag_fold(int32_t opcode, double a, double b)
{
    const pdm_instruction code[] = {
        {PDM_OPCODE_INPUT, 0, 0, 0, 0.0}, {PDM_OPCODE_INPUT, 1, 1, 0, 0.0}, {opcode, 0, 0, 1, 0.0}};
    const int32_t     output  = 0;
    const pdm_program program = {
        .n_instruction = 3, .n_register = 2, .n_input = 2, .n_output = 1, .instruction = code, .output = &output};
    const double in[2] = {a, b};
    double       out   = 0.0, work[2];
    pdm_program_evaluate(&program, in, &out, work);
    return out;
}

/* Signs that hold in floating point: sums of what is not negative stay above each part, while products, powers and
 * exponentials may round to zero and so are never called positive. */
static unsigned sign_flags(const dag *d, const dag_node *n)
{
    const unsigned a    = n->a >= 0 && n->opcode != PDM_OPCODE_INPUT ? d->node[n->a].flags : 0;
    const unsigned b    = dag_n_operand(n) == 2 ? d->node[n->b].flags : 0;
    const unsigned both = a & b & (DAG_POSITIVE | DAG_NONNEGATIVE), any = (a | b) & (DAG_POSITIVE | DAG_NONNEGATIVE);
    switch (n->opcode) {
    case PDM_OPCODE_CONST:
        return n->value > 0.0 ? DAG_POSITIVE | DAG_NONNEGATIVE : n->value == 0.0 ? DAG_NONNEGATIVE : 0;
    case PDM_OPCODE_ADD: return both & DAG_NONNEGATIVE ? DAG_NONNEGATIVE | (any & DAG_POSITIVE) : 0;
    case PDM_OPCODE_MUL:
    case PDM_OPCODE_DIV: return both & DAG_NONNEGATIVE;
    case PDM_OPCODE_MIN: return both;
    case PDM_OPCODE_MAX: return any;
    case PDM_OPCODE_ABS: return DAG_NONNEGATIVE | (a & DAG_POSITIVE);
    case PDM_OPCODE_SQRT: return DAG_NONNEGATIVE | (a & DAG_POSITIVE);
    case PDM_OPCODE_COSH: return DAG_POSITIVE | DAG_NONNEGATIVE;
    case PDM_OPCODE_EXP:
    case PDM_OPCODE_STEP: return DAG_NONNEGATIVE;
    case PDM_OPCODE_POW:
        if (a & DAG_NONNEGATIVE) return DAG_NONNEGATIVE;
        return dag_is_const(d, n->b) && dag_is_whole(d->node[n->b].value / 2.0) ? DAG_NONNEGATIVE : 0;
    default: return 0;
    }
}

/* Is a derivative reached from here through sums and constant factors alone? */
static bool splits(const dag *d, const dag_node *n)
{
    switch (n->opcode) {
    case DAG_DERIVATIVE: return true;
    case PDM_OPCODE_NEG: return d->node[n->a].flags & DAG_SPLITS;
    case PDM_OPCODE_ADD:
    case PDM_OPCODE_SUB: return (d->node[n->a].flags | d->node[n->b].flags) & DAG_SPLITS;
    case PDM_OPCODE_MUL: return dag_is_const(d, n->a) && d->node[n->b].flags & DAG_SPLITS;
    case PDM_OPCODE_DIV: return dag_is_const(d, n->b) && d->node[n->a].flags & DAG_SPLITS;
    default: return false;
    }
}

static void describe(const dag *d, dag_node *n)
{
    const int n_operand = dag_n_operand(n);
    unsigned  flags     = 0;
    for (int k = 0; k < n_operand; k++) {
        const dag_node *o = &d->node[k ? n->b : n->a];
        flags |= o->flags & (DAG_FIELD | DAG_INPUT | DAG_UNEXPANDED);
        n->dims   = (uint8_t)(n->dims | o->dims);
        n->leaves = n->leaves | o->leaves;
        if (o->order > n->order) n->order = o->order;
    }
    if (n->opcode == PDM_OPCODE_INPUT) {
        const dag_leaf *leaf = &d->leaf[n->a];
        if (leaf->kind == PDM_INPUT_ATOM) flags |= DAG_FIELD;
        if (leaf->kind == PDM_INPUT_SCALAR || leaf->kind == PDM_INPUT_FIELD) flags |= DAG_INPUT;
        n->dims   = leaf->dims;
        n->leaves = 1ull << (n->a % 64);
    }
    if (n->opcode == DAG_DERIVATIVE) {
        flags |= DAG_UNEXPANDED;
        n->order++;
    }
    if (splits(d, n)) flags |= DAG_SPLITS;
    n->flags = (uint8_t)(flags | sign_flags(d, n));
}

static int32_t intern(dag *d, int32_t opcode, int32_t a, int32_t b, double value)
{
    if (d->status != PDM_OK) return DAG_ZERO;
    if (d->table_size > 0) {
        const int32_t found = d->table[table_slot(d, opcode, a, b, value)];
        if (found >= 0) return found;
    }
    const pdm_status status = make_room(d);
    if (status != PDM_OK) {
        fail(d, status);
        return DAG_ZERO;
    }
    const int32_t node = (int32_t)d->n_node;
    d->node[node]      = (dag_node){.opcode = opcode, .a = a, .b = b, .value = value};
    d->stamp[node]     = 0;
    describe(d, &d->node[node]);
    d->table[table_slot(d, opcode, a, b, value)] = node;
    d->n_node++;
    return node;
}

int32_t dag_const(dag *d, double value)
{
    return intern(d, PDM_OPCODE_CONST, -1, -1, value == 0.0 ? 0.0 : value); /* one zero */
}

int32_t dag_leaf_node(dag *d, dag_leaf leaf)
{
    pdm_size i = 0;

    if (d->status != PDM_OK) return DAG_ZERO;
    while (i < d->n_leaf && (d->leaf[i].kind != leaf.kind || d->leaf[i].index != leaf.index ||
                             memcmp(d->leaf[i].order, leaf.order, sizeof leaf.order) != 0))
        i++;
    if (i == d->n_leaf) {
        const pdm_status status = pde_grow(d->ctx, &d->leaf, sizeof *d->leaf, i, i + 1, &d->leaf_capacity);
        if (status != PDM_OK) {
            fail(d, status);
            return DAG_ZERO;
        }
        d->leaf[d->n_leaf++] = leaf;
    }
    return intern(d, PDM_OPCODE_INPUT, (int32_t)i, -1, 0.0);
}

int32_t dag_plain(dag *d, int32_t opcode, int32_t a, int32_t b)
{
    return intern(d, opcode, a, b, 0.0);
}

int32_t dag_derivative(dag *d, int32_t a, int32_t dim)
{
    if (!(d->node[a].dims >> dim & 1)) return DAG_ZERO;
    return intern(d, DAG_DERIVATIVE, a, dim, 0.0);
}

/* ---- walks ------------------------------------------------------------------------------------------------------- */

/* Two stamps a walk: opened, done. */
uint32_t dag_next_stamp(dag *d)
{
    if (d->last_stamp > UINT32_MAX - 4) {
        memset(d->stamp, 0, (size_t)d->n_node * sizeof *d->stamp);
        d->last_stamp = 0;
    }
    d->last_stamp += 2;
    return d->last_stamp;
}

void dag_walk(dag *d, uint32_t stamp, int32_t root, dag_filter filter, int32_t key, pde_list *order)
{
    pdm_status status = PDM_OK;
    pde_list   stack  = {0};

    if (d->status != PDM_OK) return;
    PDM_TRY(list_push(d->ctx, &stack, root));
    while (stack.n > 0) {
        const int32_t   node = stack.item[stack.n - 1];
        const dag_node *n    = &d->node[node];
        if (d->stamp[node] == stamp + 1) {
            stack.n--;
        } else if (d->stamp[node] == stamp) {
            d->stamp[node] = stamp + 1;
            PDM_TRY(list_push(d->ctx, order, node));
            stack.n--;
        } else if (filter && !filter(d, node, key)) {
            stack.n--;
        } else {
            d->stamp[node]      = stamp;
            const int n_operand = dag_n_operand(n);
            if (n_operand == 2) PDM_TRY(list_push(d->ctx, &stack, n->b));
            if (n_operand >= 1) PDM_TRY(list_push(d->ctx, &stack, n->a));
        }
    }
done:
    if (status != PDM_OK) fail(d, status);
    list_destroy(d->ctx, &stack);
}

/* ---- what is known about derivatives ----------------------------------------------------------------------------- */

static pdm_size memo_slot(const dag *d, int32_t node, int32_t key)
{
    const uint64_t h    = mix(mix(0, (uint32_t)node), (uint32_t)key);
    pdm_size       slot = (pdm_size)(h & (uint64_t)(d->memo_size - 1));
    while (d->memo[slot].result >= 0 && (d->memo[slot].node != node || d->memo[slot].key != key))
        slot = (slot + 1) & (d->memo_size - 1);
    return slot;
}

int32_t dag_memo_get(const dag *d, int32_t node, int32_t key)
{
    return d->memo_size > 0 ? d->memo[memo_slot(d, node, key)].result : -1;
}

static pdm_status memo_make_room(dag *d)
{
    pdm_status     status = PDM_OK;
    dag_memo      *old    = d->memo;
    const pdm_size size = d->memo_size ? 2 * d->memo_size : 256, old_size = d->memo_size;
    dag_memo      *fresh = NULL;

    if (2 * (d->n_memo + 1) <= d->memo_size) return PDM_OK;
    if (d->n_memo >= PDE_MAX_MEMO) {
        d->too_large = true;
        return PDM_ERR_CASE;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, size, &fresh));
    for (pdm_size i = 0; i < size; i++) fresh[i].result = -1;
    d->memo      = fresh;
    d->memo_size = size;
    for (pdm_size i = 0; i < old_size; i++)
        if (old[i].result >= 0) d->memo[memo_slot(d, old[i].node, old[i].key)] = old[i];
    pdm_free(d->ctx, old);
done:
    return status;
}

void dag_memo_put(dag *d, int32_t node, int32_t key, int32_t result)
{
    if (d->status != PDM_OK) return;
    const pdm_status status = memo_make_room(d);
    if (status != PDM_OK) {
        fail(d, status);
        return;
    }
    const pdm_size slot = memo_slot(d, node, key);
    if (d->memo[slot].result < 0) d->n_memo++;
    d->memo[slot] = (dag_memo){node, key, result};
}
