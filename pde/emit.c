/* From nodes to straight-line code: powers are lowered to what computes them, then registers are handed out.
 *
 * Whole powers become products, u^(k/2) products with sqrt(u). Other constant powers of one base whose exponents differ
 * by whole numbers (a power and its derivatives) share one POW, the others being products and quotients of it: u^(n-1)
 * is u^n / u. At u = 0 the quotient would be 0/0 where C's pow gives infinity, so that exponents above and below zero
 * share only when the base is known to be positive. */
#include "pde/pde_impl.h"

#include <math.h>
#include <string.h>

#define FAMILY_REACH 4.0 /* exponents further apart have a POW of their own: products lose digits */

/* A POW of the program that is lowered through its family. */
typedef struct power {
    int32_t base;
    double  exponent, anchor;
} power;

typedef struct lowering {
    dag     *d;
    pde_list order; /* reachable nodes, operands first */
    int32_t *low;   /* [n] lowered node of order.item[i], through `place` */
    int32_t *place; /* [n_node] place in order         */
    power   *power; /* [n_power]                       */
    pdm_size n_power;
} lowering;

/* base ^ k, k >= 1, by squaring. */
static int32_t whole_power(dag *d, int32_t base, int k)
{
    if (k == 1) return base;
    if (k % 2 == 0) return dag_plain(d, PDM_OPCODE_SQUARE, whole_power(d, base, k / 2), -1);
    return dag_plain(d, PDM_OPCODE_MUL, base, whole_power(d, base, k - 1));
}

static bool is_half(double e)
{
    return fabs(e) <= 32.0 && 2.0 * e == nearbyint(2.0 * e);
}

/* Whole and half exponents. */
static int32_t half_power(dag *d, int32_t base, double e)
{
    const double size = fabs(e), whole = floor(size);
    int32_t      value = whole >= 1.0 ? whole_power(d, base, (int)whole) : -1;
    if (size > whole) {
        const int32_t root = dag_plain(d, PDM_OPCODE_SQRT, base, -1);
        value              = value < 0 ? root : dag_plain(d, PDM_OPCODE_MUL, value, root);
    }
    return e < 0.0 ? dag_plain(d, PDM_OPCODE_RECIPROCAL, value, -1) : value;
}

/* From the anchor to the exponent, one factor at a time. */
static int32_t family_power(dag *d, const power *p)
{
    const int steps = (int)nearbyint(p->exponent - p->anchor);
    int32_t   value = dag_plain(d, PDM_OPCODE_POW, p->base, dag_const(d, p->anchor));
    for (int k = 0; k < steps; k++) value = dag_plain(d, PDM_OPCODE_MUL, value, p->base);
    for (int k = 0; k > steps; k--) value = dag_plain(d, PDM_OPCODE_DIV, value, p->base);
    return value;
}

static bool is_one_family(const dag *d, const power *p, const power *q)
{
    const double gap = p->exponent - q->exponent;
    if (p->base != q->base || fabs(gap) > FAMILY_REACH || fabs(gap - nearbyint(gap)) > 1e-14) return false;
    return d->node[p->base].flags & DAG_POSITIVE || (p->exponent > 0.0) == (q->exponent > 0.0);
}

/* The better of two exponents to compute by POW: nearest to zero, where both directions stay in range. */
static double better_anchor(double a, double b)
{
    return fabs(b) < fabs(a) || (fabs(b) == fabs(a) && b > a) ? b : a;
}

static pdm_status find_powers(lowering *w)
{
    pdm_status status = PDM_OK;
    const dag *d      = w->d;
    pdm_size   n      = 0;

    for (pdm_size i = 0; i < w->order.n; i++) n += d->node[w->order.item[i]].opcode == PDM_OPCODE_POW;
    PDM_TRY(pdm_alloc_array(d->ctx, n, &w->power));
    for (pdm_size i = 0; i < w->order.n; i++) {
        const dag_node *node = &d->node[w->order.item[i]];
        if (node->opcode != PDM_OPCODE_POW || !dag_is_const(d, node->b)) continue;
        const double e = d->node[node->b].value;
        if (!is_half(e)) w->power[w->n_power++] = (power){node->a, e, e};
    }
    for (pdm_size i = 0; i < w->n_power; i++)
        for (pdm_size j = 0; j < w->n_power; j++)
            if (is_one_family(d, &w->power[i], &w->power[j]))
                w->power[i].anchor = better_anchor(w->power[i].anchor, w->power[j].exponent);
done:
    return status;
}

static int32_t lowered(const lowering *w, int32_t node)
{
    return w->low[w->place[node]];
}

static int32_t lower_pow(const lowering *w, int32_t node)
{
    dag           *d = w->d;
    const dag_node n = d->node[node];
    const int32_t  a = lowered(w, n.a);

    if (!dag_is_const(d, n.b)) return dag_plain(d, PDM_OPCODE_POW, a, lowered(w, n.b));
    const double e = d->node[n.b].value;
    if (is_half(e)) return half_power(d, a, e);
    for (pdm_size i = 0; i < w->n_power; i++)
        if (w->power[i].base == n.a && w->power[i].exponent == e)
            return family_power(d, &(power){a, e, w->power[i].anchor});
    return dag_plain(d, PDM_OPCODE_POW, a, n.b);
}

static int32_t lower(const lowering *w, int32_t node)
{
    dag           *d = w->d;
    const dag_node n = d->node[node];
    if (n.opcode == PDM_OPCODE_POW) return lower_pow(w, node);
    if (n.opcode == PDM_OPCODE_DIV && n.a == DAG_ONE) return dag_plain(d, PDM_OPCODE_RECIPROCAL, lowered(w, n.b), -1);
    const int n_operand = dag_n_operand(&n);
    if (n_operand == 0) return node;
    return dag_plain(d, n.opcode, lowered(w, n.a), n_operand == 2 ? lowered(w, n.b) : -1);
}

static pdm_status lowering_run(lowering *w, const int32_t *output, pdm_size n_output, int32_t *low_output)
{
    pdm_status     status = PDM_OK;
    dag           *d      = w->d;
    const uint32_t stamp  = dag_next_stamp(d);

    for (pdm_size i = 0; i < n_output; i++) dag_walk(d, stamp, output[i], NULL, 0, &w->order);
    PDM_TRY(d->status);
    PDM_TRY(pdm_alloc_array(d->ctx, w->order.n, &w->low));
    PDM_TRY(pdm_alloc_array(d->ctx, d->n_node, &w->place));
    PDM_TRY(find_powers(w));
    for (pdm_size i = 0; i < w->order.n; i++) {
        w->place[w->order.item[i]] = (int32_t)i;
        w->low[i]                  = lower(w, w->order.item[i]);
    }
    for (pdm_size i = 0; i < n_output; i++) low_output[i] = lowered(w, output[i]);
    PDM_TRY(d->status);
done:
    list_destroy(d->ctx, &w->order);
    pdm_free(d->ctx, w->low);
    pdm_free(d->ctx, w->place);
    pdm_free(d->ctx, w->power);
    return status;
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

typedef struct emitter {
    dag             *d;
    pde_list         order;
    int32_t         *uses;   /* [n_node] readers to come; outputs have one that never comes */
    int32_t         *reg;    /* [n_node] register                                           */
    pde_list         unused; /* registers to be taken again                                 */
    int32_t          n_register;
    pdm_instruction *instruction;
} emitter;

static void count_uses(emitter *m, const int32_t *output, pdm_size n_output)
{
    for (pdm_size i = 0; i < m->order.n; i++) {
        const dag_node *n         = &m->d->node[m->order.item[i]];
        const int       n_operand = dag_n_operand(n);
        if (n_operand >= 1) m->uses[n->a]++;
        if (n_operand == 2) m->uses[n->b]++;
    }
    for (pdm_size i = 0; i < n_output; i++) m->uses[output[i]]++;
}

/* One reader less; a register nobody will read again is free, for the reader's own result too. */
static pdm_status release(emitter *m, int32_t node)
{
    return --m->uses[node] == 0 ? list_push(m->d->ctx, &m->unused, m->reg[node]) : PDM_OK;
}

static pdm_status emit_node(emitter *m, int32_t node, const int32_t *leaf, pdm_size n_leaf, pdm_instruction *out)
{
    pdm_status      status    = PDM_OK;
    const dag_node *n         = &m->d->node[node];
    const int       n_operand = dag_n_operand(n);

    *out = (pdm_instruction){.opcode = n->opcode, .value = n->opcode == PDM_OPCODE_CONST ? n->value : 0.0};
    if (n->opcode == PDM_OPCODE_INPUT)
        for (pdm_size i = 0; i < n_leaf; i++)
            if (leaf[i] == n->a) out->a = (int32_t)i;
    if (n_operand >= 1) {
        out->a = m->reg[n->a];
        out->b = n_operand == 2 ? m->reg[n->b] : out->a; /* always a register there is */
        PDM_TRY(release(m, n->a));
        if (n_operand == 2) PDM_TRY(release(m, n->b));
    }
    out->target  = m->unused.n > 0 ? m->unused.item[--m->unused.n] : m->n_register++;
    m->reg[node] = out->target;
done:
    return status;
}

static pdm_status publish(pdm_pde *p, const emitter *m, const int32_t *output, pdm_size n_output, pdm_size n_leaf,
                          const pdm_program **out)
{
    pdm_status   status  = PDM_OK;
    pdm_program *program = NULL;
    int32_t     *where   = NULL;

    PDM_TRY(pool_take(&p->pool, 1, &program));
    PDM_TRY(pool_take(&p->pool, n_output, &where));
    for (pdm_size i = 0; i < n_output; i++) where[i] = m->reg[output[i]];
    *program = (pdm_program){.n_instruction = m->order.n,
                             .n_register    = m->n_register,
                             .n_input       = n_leaf,
                             .n_output      = n_output,
                             .instruction   = m->instruction,
                             .output        = where};
    *out     = program;
done:
    return status;
}

/* leaf [n_leaf]: leaves of the DAG in the order of the program's inputs. */
pdm_status pde_emit(pdm_pde *p, const int32_t *output, pdm_size n_output, const int32_t *leaf, pdm_size n_leaf,
                    const pdm_program **out)
{
    pdm_status status = PDM_OK;
    dag       *d      = &p->dag;
    lowering   w      = {.d = d};
    emitter    m      = {.d = d};
    int32_t   *low    = NULL;

    PDM_TRY(pdm_alloc_array(p->ctx, n_output, &low));
    PDM_TRY(lowering_run(&w, output, n_output, low));
    const uint32_t stamp = dag_next_stamp(d);
    for (pdm_size i = 0; i < n_output; i++) dag_walk(d, stamp, low[i], NULL, 0, &m.order);
    PDM_TRY(d->status);
    PDM_TRY(pdm_alloc_array(p->ctx, d->n_node, &m.uses));
    PDM_TRY(pdm_alloc_array(p->ctx, d->n_node, &m.reg));
    PDM_TRY(pool_take(&p->pool, m.order.n, &m.instruction));
    count_uses(&m, low, n_output);
    for (pdm_size i = 0; i < m.order.n; i++) PDM_TRY(emit_node(&m, m.order.item[i], leaf, n_leaf, &m.instruction[i]));
    PDM_TRY(publish(p, &m, low, n_output, n_leaf, out));
done:
    list_destroy(p->ctx, &m.order);
    list_destroy(p->ctx, &m.unused);
    pdm_free(p->ctx, m.uses);
    pdm_free(p->ctx, m.reg);
    pdm_free(p->ctx, low);
    return status;
}
