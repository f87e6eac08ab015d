#include "io/io.h"

#include <math.h>
#include <string.h>

#include "io/io_impl.h"

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

case_node *case_present(case_node *node)
{
    while (node && !node->present) node = node->next;
    return node;
}

case_node *case_list_find(const case_list *list, const char *name)
{
    case_node *node = list->first;
    while (node && strcmp(node->name, name) != 0) node = node->next;
    return node;
}

static void list_append(case_list *list, case_node *node)
{
    node->next = NULL;
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
}

/* Order is the order of becoming present, whatever was asked for before. */
static void list_set_present(case_list *list, case_node *node)
{
    case_node **link = &list->first, *before = NULL;

    if (node->present) return;
    while (*link != node) {
        before = *link;
        link   = &before->next;
    }
    *link = node->next;
    if (list->last == node) list->last = before;
    list_append(list, node);
    node->present = true;
}

pdm_status case_list_make(pdm_case *c, case_list *list, const char *name, size_t bytes, case_node **out)
{
    pdm_status status = PDM_OK;
    case_node *node   = NULL;

    if (c->n_node >= CASE_MAX_NODE)
        PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: more than %d groups, attributes and variables", c->path, CASE_MAX_NODE);
    PDM_TRY(pdm_alloc(c->ctx, bytes, &node));
    PDM_TRY(pdm_alloc_text(c->ctx, name, &node->name));
    list_append(list, node);
    c->n_node++;
    *out = node;
    node = NULL;
done:
    pdm_free(c->ctx, node);
    return status;
}

static void attributes_destroy(pdm_context *ctx, case_list *list)
{
    for (case_node *node = list->first, *next; node; node = next) {
        case_attribute *a = (case_attribute *)node;
        next              = node->next;
        pdm_free(ctx, node->name);
        pdm_free(ctx, a->text);
        pdm_free(ctx, a->real);
        pdm_free(ctx, a);
    }
}

static void array_content_destroy(pdm_context *ctx, case_array *a)
{
    for (pdm_size d = 0; d < PDM_CASE_MAX_DIM; d++) pdm_free(ctx, a->dim[d]);
    pdm_free(ctx, a->value);
}

static void group_destroy(pdm_context *ctx, case_group *g)
{
    for (case_node *node = g->group.first, *next; node; node = next) {
        next = node->next;
        group_destroy(ctx, (case_group *)node);
    }
    for (case_node *node = g->array.first, *next; node; node = next) {
        case_array *a = (case_array *)node;
        next          = node->next;
        attributes_destroy(ctx, &a->attribute);
        array_content_destroy(ctx, a);
        pdm_free(ctx, node->name);
        pdm_free(ctx, a);
    }
    attributes_destroy(ctx, &g->attribute);
    pdm_free(ctx, g->node.name);
    pdm_free(ctx, g->path);
    pdm_free(ctx, g);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

pdm_status pdm_case_create(pdm_context *ctx, pdm_case **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(ctx, out, "a place for the case");
    PDM_TRY(pdm_alloc(ctx, sizeof *c, &c));
    c->ctx = ctx;
    PDM_TRY(pdm_alloc_text(ctx, "(case)", &c->path));
    PDM_TRY(pdm_alloc(ctx, sizeof *c->root, &c->root));
    PDM_TRY(pdm_alloc_text(ctx, "", &c->root->node.name));
    PDM_TRY(pdm_alloc_text(ctx, "", &c->root->path));
    c->root->node.present = true;
    c->root->node.asked   = true;
    *out                  = c;
    c                     = NULL;
done:
    pdm_case_destroy(&c);
    return status;
}

void pdm_case_destroy(pdm_case **c)
{
    if (!c || !*c) return;
    if ((*c)->root) group_destroy((*c)->ctx, (*c)->root);
    pdm_case_destroy(&(*c)->defaults);
    pdm_free((*c)->ctx, (*c)->path);
    pdm_free((*c)->ctx, *c);
    *c = NULL;
}

pdm_status case_set_path(pdm_case *c, const char *path)
{
    pdm_status status = PDM_OK;
    char      *copy   = NULL;

    PDM_TRY(pdm_alloc_text(c->ctx, path, &copy));
    pdm_free(c->ctx, c->path);
    c->path = copy;
done:
    return status;
}

static pdm_status attributes_copy(pdm_case *to, case_group *g, case_list *list, const case_list *from)
{
    pdm_status status = PDM_OK;

    for (case_node *node = case_present(from->first); node; node = case_present(node->next)) {
        const case_attribute *a = (const case_attribute *)node;
        PDM_TRY(case_attribute_set(to, g, list, node->name, a->real ? NULL : a->text, a->real, a->n_real));
    }
done:
    return status;
}

static pdm_status group_copy(pdm_case *to, const case_group *from)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;

    PDM_TRY(case_group_make(to, from->path, &g));
    case_group_set_present(g);
    PDM_TRY(attributes_copy(to, g, &g->attribute, &from->attribute));
    for (case_node *node = case_present(from->array.first); node; node = case_present(node->next)) {
        const case_array *a    = (const case_array *)node;
        case_array       *copy = NULL;
        PDM_TRY(case_array_set(to, g, node->name, a->n_dim, (const char *const *)a->dim, a->shape, a->value, &copy));
        PDM_TRY(attributes_copy(to, g, &copy->attribute, &a->attribute));
    }
    for (case_node *node = case_present(from->group.first); node; node = case_present(node->next))
        PDM_TRY(group_copy(to, (const case_group *)node));
done:
    return status;
}

pdm_status pdm_case_copy(pdm_case *c, pdm_case **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *copy   = NULL;

    PDM_TRY(pdm_case_create(c->ctx, &copy));
    PDM_TRY(case_set_path(copy, c->path));
    PDM_TRY(group_copy(copy, c->root));
    if (c->defaults) PDM_TRY(pdm_case_copy(c->defaults, &copy->defaults));
    *out = copy;
    copy = NULL;
done:
    pdm_case_destroy(&copy);
    return status;
}

const char *pdm_case_path(const pdm_case *c)
{
    return c->path;
}

pdm_context *pdm_case_context(const pdm_case *c)
{
    return c->ctx;
}

/* ---- groups by path ---------------------------------------------------------------------------------------------- */

static bool is_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

bool case_name_is_legal(const char *name)
{
    size_t n = 0;

    if (!name || !is_letter(name[0])) return false;
    for (; name[n]; n++)
        if (!is_letter(name[n]) && !(name[n] >= '0' && name[n] <= '9') && name[n] != '-') return false;
    return n <= CASE_MAX_NAME;
}

/* Splits the next part off a path whose parts are joined by '/' or '.': 1 a part, 0 the end, -1 not a legal name. */
static int next_part(const char **cursor, char part[CASE_MAX_NAME + 1])
{
    size_t n = 0;

    if (**cursor == '\0') return 0;
    n = strcspn(*cursor, "/.");
    if (n > CASE_MAX_NAME) return -1;
    memcpy(part, *cursor, n);
    part[n] = '\0';
    *cursor += n;
    if (**cursor && (*cursor)[1]) (*cursor)++; /* a path that ends in a separator fails at the next call */
    return case_name_is_legal(part) ? 1 : -1;
}

pdm_status case_subgroup_make(pdm_case *c, case_group *parent, const char *name, case_group **out)
{
    pdm_status  status = PDM_OK;
    case_group *g      = (case_group *)case_list_find(&parent->group, name);
    case_node  *node   = NULL;
    pdm_text    path   = {.ctx = c->ctx};
    char       *copy   = NULL; /* before the group is in the list: it is never there without its path */

    if (!g) {
        if (!case_name_is_legal(name))
            PDM_FAIL(c->ctx, PDM_ERR_CASE,
                     "%s: /%s: \"%.200s\" is not the name of a group; letters, digits, '_' and '-', the first "
                     "a letter, at most %d, are expected",
                     c->path, parent->path, name, CASE_MAX_NAME);
        if (parent->depth >= CASE_MAX_DEPTH)
            PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s: more than %d groups inside groups", c->path, parent->path,
                     CASE_MAX_DEPTH);
        PDM_TRY(pdm_text_append(&path, "%s%s%s", parent->path, parent->parent ? "/" : "", name));
        PDM_TRY(pdm_alloc_text(c->ctx, path.data, &copy));
        PDM_TRY(case_list_make(c, &parent->group, name, sizeof *g, &node));
        g         = (case_group *)node;
        g->parent = parent;
        g->depth  = parent->depth + 1;
        g->path   = copy;
        copy      = NULL;
    }
    *out = g;
done:
    pdm_free(c->ctx, copy);
    pdm_text_destroy(&path);
    return status;
}

pdm_status case_group_make(pdm_case *c, const char *path, case_group **out)
{
    pdm_status  status = PDM_OK;
    case_group *g      = c->root;
    const char *cursor = path;
    char        part[CASE_MAX_NAME + 1];
    int         found = 0;

    if (*cursor == '/') cursor++;
    while ((found = next_part(&cursor, part)) == 1) PDM_TRY(case_subgroup_make(c, g, part, &g));
    if (found < 0)
        PDM_FAIL(c->ctx, PDM_ERR_CASE,
                 "%s: \"%.200s\" is not the name of a group; names of letters, digits, '_' and '-' that "
                 "start with a letter, at most %d long, joined by '/' or '.', are expected",
                 c->path, path, CASE_MAX_NAME);
    *out = g;
done:
    return status;
}

void case_group_set_present(case_group *g)
{
    for (; g->parent; g = g->parent) list_set_present(&g->parent->group, &g->node);
}

/* ---- setting ----------------------------------------------------------------------------------------------------- */

static pdm_status reals_text(pdm_context *ctx, const double *real, pdm_size n, char **out)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = ctx};
    char       number[IO_REAL_TEXT];

    for (pdm_size i = 0; i < n; i++) {
        io_real_text(real[i], number);
        PDM_TRY(pdm_text_append(&text, "%s%s", i > 0 ? " " : "", number));
    }
    PDM_TRY(pdm_alloc_text(ctx, text.data ? text.data : "", out));
done:
    pdm_text_destroy(&text);
    return status;
}

/* The attribute of that name, made (absent) where it is not there. */
static pdm_status attribute_make(pdm_case *c, const case_group *g, case_list *list, const char *name,
                                 case_attribute **out)
{
    pdm_status status = PDM_OK;
    case_node *node   = case_list_find(list, name);

    if (!node) {
        if (!case_name_is_legal(name))
            PDM_FAIL(c->ctx, PDM_ERR_CASE,
                     "%s: /%s: \"%.200s\" is not the name of an attribute; letters, digits, '_' and '-', the "
                     "first a letter, at most %d, are expected",
                     c->path, g->path, name ? name : "", CASE_MAX_NAME);
        PDM_TRY(case_list_make(c, list, name, sizeof **out, &node));
    }
    *out = (case_attribute *)node;
done:
    return status;
}

pdm_status case_attribute_set(pdm_case *c, case_group *g, case_list *list, const char *name, const char *text,
                              const double *real, pdm_size n_real)
{
    pdm_status      status    = PDM_OK;
    case_attribute *a         = NULL;
    char           *copy      = NULL;
    double         *real_copy = NULL;

    PDM_TRY(attribute_make(c, g, list, name, &a));
    if ((real && n_real > CASE_MAX_TEXT) || (text && strlen(text) > CASE_MAX_TEXT))
        PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s:%s: longer than %d", c->path, g->path, name, CASE_MAX_TEXT);
    if (real) {
        PDM_TRY(pdm_alloc_array(c->ctx, n_real, &real_copy));
        memcpy(real_copy, real, (size_t)n_real * sizeof *real);
    }
    if (text)
        PDM_TRY(pdm_alloc_text(c->ctx, text, &copy));
    else
        PDM_TRY(reals_text(c->ctx, real, n_real, &copy));
    pdm_free(c->ctx, a->text);
    pdm_free(c->ctx, a->real);
    a->text   = copy;
    a->real   = real_copy;
    a->n_real = real_copy ? n_real : 0;
    copy      = NULL;
    real_copy = NULL;
    case_group_set_present(g);
    list_set_present(list, &a->node);
done:
    pdm_free(c->ctx, copy);
    pdm_free(c->ctx, real_copy);
    return status;
}

pdm_status pdm_case_set_text(pdm_case *c, const char *group, const char *name, const char *value)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(c->ctx, group && name && value, "%s: group, name and value must not be NULL", c->path);
    PDM_TRY(case_group_make(c, group, &g));
    PDM_TRY(case_attribute_set(c, g, &g->attribute, name, value, NULL, 0));
done:
    return status;
}

pdm_status pdm_case_set_numbers(pdm_case *c, const char *group, const char *name, pdm_size n, const double *values)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(c->ctx, group && name && values && n >= 1 && n <= PDM_MAX_COUNT,
               "%s: group, name and 1 to %d numbers expected; %lld are given", c->path, PDM_MAX_COUNT, (long long)n);
    for (pdm_size i = 0; i < n; i++)
        if (!isfinite(values[i]))
            PDM_FAIL(c->ctx, PDM_ERR_ARGUMENT, "%s: /%s:%s: number %lld is %g; finite ones expected", c->path, group,
                     name, (long long)i, values[i]);
    PDM_TRY(case_group_make(c, group, &g));
    PDM_TRY(case_attribute_set(c, g, &g->attribute, name, NULL, values, n));
done:
    return status;
}

pdm_status pdm_case_set_count(pdm_case *c, const char *group, const char *name, pdm_size n)
{
    return pdm_case_set_numbers(c, group, name, 1, &(double){(double)n});
}

static bool group_is_empty(const case_group *g)
{
    return !case_present(g->attribute.first) && !case_present(g->array.first) && !case_present(g->group.first);
}

pdm_status pdm_case_remove(pdm_case *c, const char *group, const char *name)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;
    case_node  *node   = NULL;

    PDM_TRY(case_group_make(c, group, &g));
    node = case_list_find(&g->attribute, name);
    if (!node || !node->present) goto done;
    node->present = false;
    for (; g->parent && group_is_empty(g); g = g->parent) g->node.present = false;
done:
    return status;
}

/* Product of the extents, or -1 when an extent is not positive or the product is above what a case may hold. */
static pdm_size array_size(pdm_size n_dim, const pdm_size *shape)
{
    pdm_size n = 1;
    for (pdm_size d = 0; d < n_dim; d++) {
        if (shape[d] < 1 || shape[d] > CASE_MAX_VALUE / n) return -1;
        n *= shape[d];
    }
    return n;
}

/* A dimension has one length in a group: CDL could not say otherwise. */
static pdm_status check_dimensions(pdm_case *c, const case_group *g, const char *name, pdm_size n_dim,
                                   const char *const *dim, const pdm_size *shape)
{
    pdm_status status = PDM_OK;

    for (pdm_size d = 0; d < n_dim; d++)
        if (!case_name_is_legal(dim[d]))
            PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s:%s: \"%.200s\" is not the name of a dimension", c->path, g->path,
                     name, dim[d]);
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a = (const case_array *)node;
        if (strcmp(node->name, name) == 0) continue;
        for (pdm_size i = 0; i < a->n_dim; i++)
            for (pdm_size d = 0; d < n_dim; d++)
                if (strcmp(a->dim[i], dim[d]) == 0 && a->shape[i] != shape[d])
                    PDM_FAIL(c->ctx, PDM_ERR_CASE,
                             "%s: /%s:%s: dimension \"%s\" has length %lld here and %lld in variable \"%s\"", c->path,
                             g->path, name, dim[d], (long long)shape[d], (long long)a->shape[i], node->name);
    }
done:
    return status;
}

pdm_status case_array_set(pdm_case *c, case_group *g, const char *name, pdm_size n_dim, const char *const *dim,
                          const pdm_size *shape, const double *values, case_array **out)
{
    pdm_status status = PDM_OK;
    case_node *node   = NULL;
    case_array fresh = {.n_dim = n_dim}, *a = NULL;

    if (n_dim < 0 || n_dim > PDM_CASE_MAX_DIM)
        PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s:%s: %lld dimensions; at most %d are possible", c->path, g->path, name,
                 (long long)n_dim, PDM_CASE_MAX_DIM);
    if (!case_name_is_legal(name))
        PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s: \"%.200s\" is not the name of a variable", c->path, g->path,
                 name ? name : "");
    PDM_TRY(check_dimensions(c, g, name, n_dim, dim, shape));
    node          = case_list_find(&g->array, name);
    a             = (case_array *)node;
    fresh.n_value = array_size(n_dim, shape);
    if (fresh.n_value < 0 || fresh.n_value > CASE_MAX_VALUE - c->n_value + (a ? a->n_value : 0))
        PDM_FAIL(c->ctx, PDM_ERR_CASE,
                 "%s: /%s:%s: the variables of a case must not be empty and may hold %d numbers together; "
                 "put larger data into a file of their own",
                 c->path, g->path, name, CASE_MAX_VALUE);
    for (pdm_size d = 0; d < n_dim; d++) {
        fresh.shape[d] = shape[d];
        PDM_TRY(pdm_alloc_text(c->ctx, dim[d], &fresh.dim[d]));
    }
    PDM_TRY(pdm_alloc_array(c->ctx, fresh.n_value, &fresh.value));
    if (values) memcpy(fresh.value, values, (size_t)fresh.n_value * sizeof *values);
    if (!node) PDM_TRY(case_list_make(c, &g->array, name, sizeof *a, &node));
    a = (case_array *)node;
    c->n_value += fresh.n_value - a->n_value;
    array_content_destroy(c->ctx, a);
    fresh.node      = a->node;
    fresh.attribute = a->attribute;
    *a              = fresh;
    fresh           = (case_array){0};
    case_group_set_present(g);
    list_set_present(&g->array, &a->node);
    if (out) *out = a;
done:
    array_content_destroy(c->ctx, &fresh);
    return status;
}

pdm_status pdm_case_set_array(pdm_case *c, const char *group, const char *name, pdm_size n_dim, const char *const *dims,
                              const pdm_size *shape, const double *values)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(c->ctx, n_dim >= 0 && n_dim <= PDM_MAX_COUNT, "%s: %lld dimensions; 0 or more expected", c->path,
               (long long)n_dim);
    PDM_EXPECT(c->ctx, group && name && values && (n_dim == 0 || (dims && shape)),
               "%s: group, name, dimensions and values must not be NULL", c->path);
    PDM_TRY(case_group_make(c, group, &g));
    PDM_TRY(case_array_set(c, g, name, n_dim, dims, shape, values, NULL));
done:
    return status;
}
