/* Inputs that a slab of time has and no case names: the states at its start, and the time that is its zero. Their names
 * have a '-', which names in a case cannot have. */
#include "pde/pde_impl.h"

#include <stdio.h>
#include <string.h>

/* One input more: a field over n_dim dimensions, all of them but time, or a scalar. */
static pdm_status add_input(pdm_pde *p, const char *name, pdm_size n_dim, int32_t *node, int32_t *input)
{
    pdm_status      status = PDM_OK;
    pdm_input_info *info   = &p->input[p->n_input];
    dag_leaf        leaf   = {.index = (int32_t)p->n_input};
    char            text[PDE_MAX_NAME + 16];

    snprintf(text, sizeof text, "%s-start", name);
    PDM_TRY(pool_text(&p->pool, text, (pdm_size)strlen(text), &info->name));
    info->units = "";
    info->n_dim = n_dim;
    for (pdm_size k = 0; k < n_dim; k++) {
        info->dim[k] = (int32_t)k + 1;
        leaf.dims    = (uint8_t)(leaf.dims | 1u << (k + 1));
    }
    info->scalar = n_dim > 0 ? -1 : (int32_t)p->n_scalar++;
    leaf.kind    = n_dim > 0 ? PDM_INPUT_FIELD : PDM_INPUT_SCALAR;
    *node        = dag_leaf_node(&p->dag, leaf);
    *input       = (int32_t)p->n_input++;
done:
    return status;
}

pdm_status pde_slab_start(pdm_pde *p)
{
    pdm_status  status = PDM_OK;
    pde_symbol *time   = &p->symbol[0]; /* dimensions come first, time first among them */
    int32_t     node;

    PDM_TRY(add_input(p, time->name, 0, &node, &p->start));
    time->value.node = dag_add(&p->dag, time->value.node, node);
    PDM_TRY(p->dag.status);
done:
    return status;
}

pdm_status pde_slab_state(pdm_pde *p, const char *name, int32_t *node, int32_t *input)
{
    return add_input(p, name, p->n_dim - 1, node, input);
}
