/* What two cases say differently. */
#include "io/io.h"

#include <string.h>

#include "io/io_impl.h"

typedef struct comparison {
    pdm_context     *ctx;
    pdm_case_differs differs;
    void            *user;
    bool             both; /* only what both have */
} comparison;

static const case_node *present_or_null(const case_node *node)
{
    return node && node->present ? node : NULL;
}

static const case_node *find_present(const case_list *list, const char *name)
{
    return list ? present_or_null(case_list_find(list, name)) : NULL;
}

/* Either may be NULL, not both. */
static pdm_status compare_attributes(const comparison *x, const char *path, const case_attribute *a,
                                     const case_attribute *b)
{
    pdm_status status = PDM_OK;
    pdm_text   mine = {.ctx = x->ctx}, theirs = {.ctx = x->ctx};

    if (x->both && (!a || !b)) return PDM_OK;
    if (a) PDM_TRY(case_value_print(&mine, a));
    if (b) PDM_TRY(case_value_print(&theirs, b));
    if (!a || !b || strcmp(mine.data, theirs.data) != 0)
        PDM_TRY(x->differs(x->user, path, a ? a->node.name : b->node.name, a ? a->text : NULL, b ? b->text : NULL));
done:
    pdm_text_destroy(&mine);
    pdm_text_destroy(&theirs);
    return status;
}

static bool arrays_agree(const case_array *a, const case_array *b)
{
    if (a->n_dim != b->n_dim || a->n_value != b->n_value) return false;
    for (pdm_size d = 0; d < a->n_dim; d++)
        if (a->shape[d] != b->shape[d] || strcmp(a->dim[d], b->dim[d]) != 0) return false;
    return memcmp(a->value, b->value, (size_t)a->n_value * sizeof *a->value) == 0;
}

static pdm_status compare_arrays(const comparison *x, const char *path, const case_array *a, const case_array *b)
{
    if (a && b && arrays_agree(a, b)) return PDM_OK;
    return x->differs(x->user, path, a ? a->node.name : b->node.name, a ? "..." : NULL, b ? "..." : NULL);
}

static pdm_status compare_groups(const comparison *x, const case_group *a, const case_group *b);

/* What is in a, and in b under the same names; swapped: a is of the second case, and only what b lacks is told. */
static pdm_status compare_lists(const comparison *x, const char *path, const case_group *a, const case_group *b,
                                bool swapped)
{
    pdm_status status = PDM_OK;

    for (const case_node *n = a ? case_present(a->attribute.first) : NULL; n; n = case_present(n->next)) {
        const case_node *other = find_present(b ? &b->attribute : NULL, n->name);
        if (swapped && other) continue;
        PDM_TRY(compare_attributes(x, path, (const case_attribute *)(swapped ? NULL : n),
                                   (const case_attribute *)(swapped ? n : other)));
    }
    for (const case_node *n = a ? case_present(a->array.first) : NULL; n; n = case_present(n->next)) {
        const case_node *other = find_present(b ? &b->array : NULL, n->name);
        if (swapped && other) continue;
        PDM_TRY(compare_arrays(x, path, (const case_array *)(swapped ? NULL : n),
                               (const case_array *)(swapped ? n : other)));
    }
    for (const case_node *n = a ? case_present(a->group.first) : NULL; n; n = case_present(n->next)) {
        const case_node *other = find_present(b ? &b->group : NULL, n->name);
        if (swapped && other) continue;
        PDM_TRY(compare_groups(x, (const case_group *)(swapped ? NULL : n), (const case_group *)(swapped ? n : other)));
    }
done:
    return status;
}

/* Either may be NULL, not both. */
static pdm_status compare_groups(const comparison *x, const case_group *a, const case_group *b)
{
    pdm_status  status = PDM_OK;
    const char *path   = a ? a->path : b->path;

    PDM_TRY(compare_lists(x, path, a, b, false));
    PDM_TRY(compare_lists(x, path, b, a, true));
done:
    return status;
}

pdm_status pdm_case_compare(pdm_case *a, pdm_case *b, pdm_case_differs differs, void *user)
{
    pdm_status status = PDM_OK;
    pdm_case  *mine = NULL, *theirs = NULL;
    comparison x = {.ctx = a->ctx, .differs = differs, .user = user};

    PDM_TRY(pdm_case_copy(a, &mine));
    PDM_TRY(pdm_case_copy(b, &theirs));
    PDM_TRY(pdm_case_drop_defaults(mine, a));
    PDM_TRY(pdm_case_drop_defaults(theirs, b));
    PDM_TRY(compare_groups(&x, mine->root, theirs->root));
    x.both = true;
    if (a->defaults && b->defaults) PDM_TRY(compare_groups(&x, a->defaults->root, b->defaults->root));
done:
    pdm_case_destroy(&mine);
    pdm_case_destroy(&theirs);
    return status;
}
