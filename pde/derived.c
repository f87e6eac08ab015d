/* Derived fields: linear in another field, and not local. invlap is carried through sums, constant factors and
 * derivatives down to the fields, which is exact where space is a periodic box (domain/ checks that it is). */
#include "pde/pde_impl.h"

#include <stdio.h>
#include <string.h>

enum { SUMMANDS_MOST = 256 };

static pdm_status derived_of_field(pde_parser *s, pdm_size at, int32_t field, int32_t *out)
{
    pdm_status status = PDM_OK;
    pdm_pde   *p      = s->p;
    char       name[PDE_MAX_NAME + 16];

    for (*out = 0; *out < p->n_derived; (*out)++)
        if (p->derived[*out].field == field) return PDM_OK;
    (void)snprintf(name, sizeof name, "invlap(%s)", p->field_name[field]);
    PDM_TRY(pool_text(&p->pool, name, (pdm_size)strlen(name), &p->derived_name[*out]));
    p->derived[*out].field = field;
    PDM_TRY(pde_keep_where(p, s->where, &p->derived[*out].where));
    p->derived[*out].where.offset = at;
    p->n_derived++;
done:
    return status;
}

/* The summand's leaf, moved to the derived field. */
static pdm_status move_leaf(pde_parser *s, pdm_size at, int32_t node, int32_t *out)
{
    pdm_status      status = PDM_OK;
    dag            *d      = &s->p->dag;
    const dag_node *n      = &d->node[node];
    dag_leaf        leaf;
    int32_t         derived;

    if (n->opcode != PDM_OPCODE_INPUT || d->leaf[n->a].kind != PDM_INPUT_ATOM)
        PARSE_FAIL(s, at, "invlap takes a sum of fields and their derivatives with constant factors");
    leaf = d->leaf[n->a];
    if (leaf.index >= s->p->n_field) PARSE_FAIL(s, at, "invlap of an invlap; a field expected");
    PDM_TRY(derived_of_field(s, at, leaf.index, &derived));
    leaf.index = (int32_t)s->p->n_field + derived;
    *out       = dag_leaf_node(d, leaf);
done:
    return status;
}

pdm_status pde_inverse_laplacian(pde_parser *s, pdm_size at, pde_value argument, pde_value *out)
{
    pdm_status     status = PDM_OK;
    dag           *d      = &s->p->dag;
    const pdm_size first  = s->p->has_time ? 1 : 0;
    pde_summand    part[SUMMANDS_MOST];
    pdm_size       n;

    if (s->scope != PDE_SCOPE_ALL)
        PARSE_FAIL(s, at, "invlap is for fields; an expression of coordinates, parameters and inputs expected");
    if (first == s->p->n_dim) PARSE_FAIL(s, at, "invlap needs a dimension of space; the only one is time");
    PDM_TRY(units_less_mean(s, argument.unit, &out->unit));
    for (int i = 0; i < 2; i++) PDM_TRY(units_product(s, at, out->unit, s->p->dim_unit[first], &out->unit));
    out->node          = DAG_ZERO;
    const int32_t root = dag_expand(d, argument.node);
    if (root == DAG_ZERO || d->status != PDM_OK) goto done;
    PDM_TRY(pde_take_apart(s->p, root, SUMMANDS_MOST, part, &n));
    if (n == 0) PARSE_FAIL(s, at, "invlap of more than %d summands", SUMMANDS_MOST);
    for (pdm_size i = 0; i < n; i++) {
        int32_t moved;
        PDM_TRY(move_leaf(s, at, part[i].node, &moved));
        out->node = dag_add(d, out->node, dag_mul(d, dag_const(d, part[i].factor), moved));
    }
done:
    return status;
}

pdm_size pdm_pde_n_derived(const pdm_pde *p)
{
    return p->n_derived;
}
const pdm_derived *pdm_pde_derived(const pdm_pde *p, pdm_size i)
{
    return &p->derived[i];
}
const char *pdm_pde_atom_name(const pdm_pde *p, pdm_size f)
{
    return f < p->n_field ? p->field_name[f] : p->derived_name[f - p->n_field];
}
