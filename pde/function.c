/* One expression with everything a term needs: inputs, value, first and second partials. */
#include "pde/pde_impl.h"

#include <math.h>

typedef struct builder {
    pdm_pde      *p;
    pdm_where     where;
    pdm_function *f;
    pde_list      leaf;   /* leaves of the DAG as inputs: atoms first         */
    pde_list      first;  /* f, df/datom                                      */
    pde_list      second; /* second partials that are not zero, atoms below   */
    pde_list      second_a, second_b;
} builder;

/* Atoms by field, total order, then orders in the first dimensions first; other leaves behind, by kind and age. */
static bool comes_before(const dag *d, int32_t a, int32_t b)
{
    const dag_leaf *x = &d->leaf[a], *y = &d->leaf[b];
    int32_t         total_x = 0, total_y = 0;

    if (x->kind != y->kind) return x->kind < y->kind;
    if (x->kind != PDM_INPUT_ATOM) return a < b;
    if (x->index != y->index) return x->index < y->index;
    for (int j = 0; j < PDM_MAX_DIM; j++) {
        total_x += x->order[j];
        total_y += y->order[j];
    }
    if (total_x != total_y) return total_x < total_y;
    for (int j = 0; j < PDM_MAX_DIM; j++)
        if (x->order[j] != y->order[j]) return x->order[j] > y->order[j];
    return false;
}

static pdm_status collect_leaves(builder *k, int32_t node)
{
    pdm_status status = PDM_OK;
    dag       *d      = &k->p->dag;
    pde_list   order  = {0};

    dag_walk(d, dag_next_stamp(d), node, NULL, 0, &order);
    PDM_TRY(d->status);
    for (pdm_size i = 0; i < order.n; i++) {
        const dag_node *n = &d->node[order.item[i]];
        if (n->opcode != PDM_OPCODE_INPUT) continue;
        PDM_TRY(list_push(d->ctx, &k->leaf, n->a));
        for (pdm_size j = k->leaf.n - 1; j > 0 && comes_before(d, k->leaf.item[j], k->leaf.item[j - 1]); j--) {
            const int32_t later = k->leaf.item[j - 1];
            k->leaf.item[j - 1] = k->leaf.item[j];
            k->leaf.item[j]     = later;
        }
    }
done:
    list_destroy(k->p->ctx, &order);
    return status;
}

static pdm_status describe_inputs(builder *k)
{
    pdm_status         status  = PDM_OK;
    const dag         *d       = &k->p->dag;
    pdm_function      *f       = k->f;
    pdm_program_input *input   = NULL;
    pdm_atom          *atom    = NULL;
    pdm_sampled_input *sampled = NULL;

    PDM_TRY(pool_take(&k->p->pool, k->leaf.n, &input));
    PDM_TRY(pool_take(&k->p->pool, k->leaf.n, &atom));
    PDM_TRY(pool_take(&k->p->pool, k->leaf.n, &sampled));
    for (pdm_size i = 0; i < k->leaf.n; i++) {
        const dag_leaf *leaf = &d->leaf[k->leaf.item[i]];
        input[i]             = (pdm_program_input){(int32_t)leaf->kind, leaf->index};
        switch (leaf->kind) {
        case PDM_INPUT_ATOM:
            input[i].index        = (int32_t)f->n_atom;
            atom[f->n_atom].field = leaf->index;
            for (int j = 0; j < PDM_MAX_DIM; j++) atom[f->n_atom].order[j] = leaf->order[j];
            f->n_atom++;
            break;
        case PDM_INPUT_COORDINATE:
            if (leaf->index == 0 && k->p->has_time) f->uses_time = true;
            break;
        case PDM_INPUT_SCALAR: input[i].index = k->p->input[leaf->index].scalar; break;
        case PDM_INPUT_FIELD:
            input[i].index              = (int32_t)f->n_sampled;
            sampled[f->n_sampled].input = leaf->index;
            for (int j = 0; j < PDM_MAX_DIM; j++) sampled[f->n_sampled].order[j] = leaf->order[j];
            f->n_sampled++;
            break;
        }
    }
    f->atom        = atom;
    f->sampled     = sampled;
    f->input       = input;
    f->n_input     = k->leaf.n;
    f->is_constant = f->n_input == 0;
    if (f->n_atom > PDE_MAX_ATOM)
        PDM_FAIL_AT(k->p->ctx, PDM_ERR_CASE, &k->where,
                    "the expression depends on %lld derivatives of fields; at most %d expected", (long long)f->n_atom,
                    PDE_MAX_ATOM);
done:
    return status;
}

static pdm_status differentiate(builder *k, int32_t node)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = k->p->ctx;
    dag           *d      = &k->p->dag;
    const int32_t *leaf   = k->leaf.item;

    PDM_TRY(list_push(ctx, &k->first, node));
    for (pdm_size a = 0; a < k->f->n_atom; a++) PDM_TRY(list_push(ctx, &k->first, dag_partial(d, node, leaf[a])));
    for (pdm_size a = 0; a < k->f->n_atom; a++)
        for (pdm_size b = a; b < k->f->n_atom && d->status == PDM_OK; b++) {
            const int32_t second = dag_partial(d, k->first.item[1 + a], leaf[b]);
            if (second == DAG_ZERO) continue;
            PDM_TRY(list_push(ctx, &k->second, second));
            PDM_TRY(list_push(ctx, &k->second_a, (int32_t)a));
            PDM_TRY(list_push(ctx, &k->second_b, (int32_t)b));
        }
    PDM_TRY(d->status);
done:
    return status;
}

static pdm_status keep_list(pdm_pde *p, const pde_list *list, const int32_t **out)
{
    pdm_status status = PDM_OK;
    int32_t   *copy   = NULL;

    PDM_TRY(pool_take(&p->pool, list->n, &copy));
    for (pdm_size i = 0; i < list->n; i++) copy[i] = list->item[i];
    *out = copy;
done:
    return status;
}

static pdm_status emit_programs(builder *k)
{
    pdm_status status = PDM_OK;
    pdm_pde   *p      = k->p;

    PDM_TRY(pde_emit(p, k->first.item, 1, k->leaf.item, k->leaf.n, &k->f->value));
    PDM_TRY(pde_emit(p, k->first.item, k->first.n, k->leaf.item, k->leaf.n, &k->f->partial));
    PDM_TRY(pde_emit(p, k->second.item, k->second.n, k->leaf.item, k->leaf.n, &k->f->second));
    k->f->n_second = k->second.n;
    PDM_TRY(keep_list(p, &k->second_a, &k->f->second_a));
    PDM_TRY(keep_list(p, &k->second_b, &k->f->second_b));
done:
    return status;
}

pdm_status pde_check_dag(const pdm_pde *p, pdm_where where)
{
    if (!p->dag.too_large) return p->dag.status;
    return pdm_error_set(
        p->ctx, PDM_ERR_CASE, &where, __func__,
        "the expressions and their derivatives are too large: more than %d parts; fewer or simpler ones expected",
        PDE_MAX_NODE);
}

pdm_status pde_function_create(pdm_pde *p, pdm_where where, int32_t node, const pdm_function **out)
{
    pdm_status status = PDM_OK;
    builder    k      = {.p = p, .where = where};
    pdm_text   text   = {.ctx = p->ctx};

    PDM_TRY(p->dag.status);
    if (dag_is_const(&p->dag, node) && !isfinite(p->dag.node[node].value))
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, &where, "the value of the expression is not finite");
    PDM_TRY(pool_take(&p->pool, 1, &k.f));
    PDM_TRY(collect_leaves(&k, node));
    PDM_TRY(describe_inputs(&k));
    PDM_TRY(differentiate(&k, node));
    PDM_TRY(emit_programs(&k));
    PDM_TRY(pde_print(p, node, &text));
    PDM_TRY(pool_text(&p->pool, text.data, (pdm_size)text.length, &k.f->text));
    *out = k.f;
done:
    if (p->dag.too_large) status = pde_check_dag(p, where);
    list_destroy(p->ctx, &k.leaf);
    list_destroy(p->ctx, &k.first);
    list_destroy(p->ctx, &k.second);
    list_destroy(p->ctx, &k.second_a);
    list_destroy(p->ctx, &k.second_b);
    pdm_text_destroy(&text);
    return status;
}
