/* Nodes as text in the language of the case, with parameters folded to numbers. */
#include "pde/pde_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Binding strength of what is printed, and of what a place asks for. */
enum { LEVEL_SUM = 1, LEVEL_PRODUCT = 2, LEVEL_SIGN = 3, LEVEL_POWER = 4, LEVEL_ATOM = 5 };

/* The locale's decimal point becomes '.'. */
void pde_number_text(double value, char out[32])
{
    char *p = out;
    for (int digits = 6; digits <= 17; digits = digits == 6 ? 15 : digits + 1) {
        (void)snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
    if (!isfinite(value)) return;
    for (const char *q = out; *q; *p++ = '.') {
        while (strchr("0123456789+-e", *q) && *q) *p++ = *q++;
        if (!*q) break;
        while (*q && !strchr("0123456789+-e", *q)) q++;
    }
    *p = '\0';
}

/* Work to be done, last first: a text, or a node in a place that asks for `level`. */
typedef struct job {
    const char *text;
    int32_t     node;
    int         level;
} job;
typedef struct printer {
    const pdm_pde *p;
    job           *job;
    pdm_size       n, capacity;
    pdm_text      *out;
} printer;

static pdm_status push(printer *k, const char *text, int32_t node, int level)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pde_grow(k->p->ctx, &k->job, sizeof *k->job, k->n, k->n + 1, &k->capacity));
    k->job[k->n++] = (job){text, node, level};
done:
    return status;
}

/* before a between b after; pushed in reverse. */
static pdm_status push_two(printer *k, const char *before, int32_t a, int level_a, const char *between, int32_t b,
                           int level_b, const char *after)
{
    pdm_status status = PDM_OK;

    PDM_TRY(push(k, after, 0, 0));
    if (b >= 0) PDM_TRY(push(k, NULL, b, level_b));
    if (b >= 0) PDM_TRY(push(k, between, 0, 0));
    PDM_TRY(push(k, NULL, a, level_a));
    PDM_TRY(push(k, before, 0, 0));
done:
    return status;
}

/* "dxx(" or "diff(diff(" */
static pdm_status print_derivative(const pdm_pde *p, const char *name, const int32_t *order, pdm_text *out)
{
    pdm_status status  = PDM_OK;
    bool       letters = true;
    int32_t    total   = 0;

    for (pdm_size j = 0; j < p->n_dim; j++) {
        letters = letters && (order[j] == 0 || strlen(p->dim_name[j]) == 1);
        total += order[j];
    }
    if (total > 0 && letters) PDM_TRY(pdm_text_append(out, "d"));
    for (pdm_size j = 0; j < p->n_dim; j++)
        for (int32_t i = 0; i < order[j]; i++) PDM_TRY(pdm_text_append(out, "%s", letters ? p->dim_name[j] : "diff("));
    PDM_TRY(pdm_text_append(out, letters && total > 0 ? "(%s)" : "%s", name));
    for (pdm_size j = p->n_dim - 1; j >= 0 && !letters; j--)
        for (int32_t i = 0; i < order[j]; i++) PDM_TRY(pdm_text_append(out, ", %s)", p->dim_name[j]));
done:
    return status;
}

static pdm_status print_leaf(printer *k, const dag_leaf *leaf)
{
    switch (leaf->kind) {
    case PDM_INPUT_ATOM:
        if (leaf->index < k->p->n_field && pde_is_transformed(k->p, leaf->index)) { /* the spline field: "u~" */
            char name[PDE_MAX_NAME + 2];
            (void)snprintf(name, sizeof name, "%s~", k->p->field_name[leaf->index]);
            return print_derivative(k->p, name, leaf->order, k->out);
        }
        return print_derivative(k->p, pdm_pde_atom_name(k->p, leaf->index), leaf->order, k->out);
    case PDM_INPUT_FIELD:
        if (leaf->index == PDM_SAMPLED_INSIDE) return pdm_text_append(k->out, "inside");
        return print_derivative(k->p, k->p->input[leaf->index].name, leaf->order, k->out);
    case PDM_INPUT_SCALAR: return pdm_text_append(k->out, "%s", k->p->input[leaf->index].name);
    case PDM_INPUT_COORDINATE: return pdm_text_append(k->out, "%s", k->p->dim_name[leaf->index]);
    }
    return PDM_OK;
}

static int level_of(const dag_node *n)
{
    switch (n->opcode) {
    case PDM_OPCODE_CONST: return n->value < 0.0 ? LEVEL_SIGN : LEVEL_ATOM;
    case PDM_OPCODE_ADD:
    case PDM_OPCODE_SUB: return LEVEL_SUM;
    case PDM_OPCODE_MUL:
    case PDM_OPCODE_DIV: return LEVEL_PRODUCT;
    case PDM_OPCODE_NEG: return LEVEL_SIGN;
    case PDM_OPCODE_POW: return LEVEL_POWER;
    default: return LEVEL_ATOM;
    }
}

static pdm_status print_operation(printer *k, const dag_node *n)
{
    const dag *d = &k->p->dag;
    switch (n->opcode) {
    case PDM_OPCODE_ADD: return push_two(k, "", n->a, LEVEL_SUM, " + ", n->b, LEVEL_PRODUCT, "");
    case PDM_OPCODE_SUB: return push_two(k, "", n->a, LEVEL_SUM, " - ", n->b, LEVEL_PRODUCT, "");
    case PDM_OPCODE_MUL:
        if (dag_is_const(d, n->a)) return push_two(k, "", n->a, LEVEL_SIGN, "*", n->b, LEVEL_PRODUCT, "");
        return push_two(k, "", n->a, LEVEL_PRODUCT, "*", n->b, LEVEL_SIGN, "");
    case PDM_OPCODE_DIV: return push_two(k, "", n->a, LEVEL_PRODUCT, "/", n->b, LEVEL_SIGN, "");
    case PDM_OPCODE_NEG: return push_two(k, "-", n->a, LEVEL_PRODUCT, "", -1, 0, "");
    case PDM_OPCODE_POW: return push_two(k, "", n->a, LEVEL_ATOM, "^", n->b, LEVEL_SIGN, "");
    default: break;
    }
    PDM_ASSERT(pde_function_name(n->opcode) != NULL); /* what is printed is neither lowered nor unexpanded */
    const pdm_status status = pdm_text_append(k->out, "%s", pde_function_name(n->opcode));
    return status != PDM_OK ? status : push_two(k, "(", n->a, LEVEL_SUM, ", ", n->b, LEVEL_SUM, ")");
}

static pdm_status print_node(printer *k, const job *j)
{
    pdm_status      status = PDM_OK;
    const dag_node *n      = &k->p->dag.node[j->node];
    char            number[32];

    for (pdm_size f = 0; f < k->p->n_field; f++)
        if (pde_is_transformed(k->p, f) && k->p->spline_node[f] == j->node)
            return pdm_text_append(k->out, "%s", k->p->field_name[f]);
    if (k->p->is_slab && j->node == k->p->symbol[0].value.node) /* t + start */
        return pdm_text_append(k->out, "%s", k->p->dim_name[0]);
    if (level_of(n) < j->level) {
        PDM_TRY(pdm_text_append(k->out, "("));
        PDM_TRY(push(k, ")", 0, 0));
    }
    if (n->opcode == PDM_OPCODE_CONST) {
        pde_number_text(n->value, number);
        PDM_TRY(pdm_text_append(k->out, "%s", number));
    } else if (n->opcode == PDM_OPCODE_INPUT) {
        PDM_TRY(print_leaf(k, &k->p->dag.leaf[n->a]));
    } else {
        PDM_TRY(print_operation(k, n));
    }
done:
    return status;
}

pdm_status pde_print(pdm_pde *p, int32_t node, pdm_text *out)
{
    pdm_status   status = PDM_OK;
    printer      k      = {.p = p, .out = out};
    const size_t start  = out->length;

    PDM_TRY(pdm_text_append(out, "%s", ""));
    PDM_TRY(push(&k, NULL, node, LEVEL_SUM));
    while (k.n > 0 && out->length - start < PDE_MAX_SHOWN) {
        const job j = k.job[--k.n];
        if (j.text)
            PDM_TRY(pdm_text_append(out, "%s", j.text));
        else
            PDM_TRY(print_node(&k, &j));
    }
    if (k.n > 0) PDM_TRY(pdm_text_append(out, " ..."));
done:
    pdm_free(p->ctx, k.job);
    return status;
}
