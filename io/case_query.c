#include "io/io.h"

#include <math.h>
#include <string.h>

#include "io/io_impl.h"

/* Attributes that are words for people and need nobody to read them. */
static const char *const free_in_root[]  = {"title", "references", "history", "source", "institution", "Conventions"};
static const char *const free_anywhere[] = {"long_name", "description", "comment"};

#define COUNT_OF(a) ((pdm_size)(sizeof(a) / sizeof *(a)))

/* ---- questions --------------------------------------------------------------------------------------------------- */

static void group_set_asked(case_group *g)
{
    for (; g; g = g->parent) g->node.asked = true;
}

/* What was wanted, as nodes: made where absent, so that it is remembered. */
static pdm_status ask_group(pdm_case *c, const char *path, case_group **out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(case_group_make(c, path, out));
    group_set_asked(*out);
done:
    return status;
}

static pdm_status ask(pdm_case *c, const char *path, const char *name, bool is_array, case_group **group,
                      case_node **out)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;
    case_list  *list   = NULL;
    case_node  *node   = NULL;

    PDM_TRY(ask_group(c, path, &g));
    list = is_array ? &g->array : &g->attribute;
    node = case_list_find(list, name);
    if (!node) {
        if (!case_name_is_legal(name))
            PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s: \"%.200s\" is not a name", c->path, g->path, name);
        PDM_TRY(case_list_make(c, list, name, is_array ? sizeof(case_array) : sizeof(case_attribute), &node));
    }
    node->asked = true;
    *group      = g;
    *out        = node;
done:
    return status;
}

static case_node *list_at(const case_list *list, pdm_size i)
{
    case_node *node = case_present(list->first);
    if (i < 0) return NULL;
    for (; node && i > 0; i--) node = case_present(node->next);
    return node;
}

static pdm_size list_count(const case_list *list)
{
    pdm_size n = 0;
    for (const case_node *node = case_present(list->first); node; node = case_present(node->next)) n++;
    return n;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static pdm_size list_names(const case_list *list, bool present, bool asked, const char **name, pdm_size n_max)
{
    pdm_size n = 0;
    for (const case_node *node = list->first; node && n < n_max; node = node->next)
        if (node->present == present && node->asked == asked) name[n++] = node->name;
    return n;
}

#define NAMES_MAX 256 /* names looked through for the nearest one */

static pdm_status missing_error(pdm_case *c, const case_group *g, const case_list *list, const char *name,
                                const char *what)
{
    pdm_where   where                = {.file = c->path, .group = g->path, .attribute = name, .offset = -1};
    const char *candidate[NAMES_MAX] = {NULL}, *nearest = NULL;
    pdm_size    n = 0;

    if (!g->node.present) {
        const case_group *top = g;
        while (top->parent && !top->parent->node.present) top = top->parent;
        where.group     = top->path;
        where.attribute = NULL;
        n               = list_names(&top->parent->group, true, false, candidate, NAMES_MAX);
        nearest         = pdm_text_nearest(top->node.name, candidate, n);
        if (nearest)
            return pdm_error_set(c->ctx, PDM_ERR_CASE, &where, __func__,
                                 "this group is required and missing; is \"%s\" meant for it?", nearest);
        return pdm_error_set(c->ctx, PDM_ERR_CASE, &where, __func__,
                             "this group is required and missing; it must have \"%s\" (%s)", name, what);
    }
    n       = list_names(list, true, false, candidate, NAMES_MAX);
    nearest = pdm_text_nearest(name, candidate, n);
    if (nearest)
        return pdm_error_set(c->ctx, PDM_ERR_CASE, &where, __func__, "required and missing; is \"%s\" meant for it?",
                             nearest);
    return pdm_error_set(c->ctx, PDM_ERR_CASE, &where, __func__, "required and missing; %s expected", what);
}

pdm_status pdm_case_text(pdm_case *c, const char *group, const char *name, const char *fallback, const char **out)
{
    pdm_status            status = PDM_OK;
    case_group           *g      = NULL;
    case_node            *node   = NULL;
    const case_attribute *a      = NULL;

    PDM_TRY(ask(c, group, name, false, &g, &node));
    a = (const case_attribute *)node;
    if (!node->present && !fallback) PDM_TRY(missing_error(c, g, &g->attribute, node->name, "a text"));
    *out = node->present ? a->text : fallback;
done:
    return status;
}

pdm_status pdm_case_get_text(pdm_case *c, const char *group, const char *name, const char **value)
{
    pdm_status  status = PDM_OK;
    case_group *g      = NULL;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT(c->ctx, group && name && value, "%s: group, name and a place for the value must not be NULL", c->path);
    PDM_TRY(case_group_make(c, group, &g));
    const case_node *node = case_list_find(&g->attribute, name);
    if (!node || !node->present) PDM_TRY(missing_error(c, g, &g->attribute, name, "an attribute that it has"));
    *value = ((const case_attribute *)node)->text;
done:
    return status;
}

int case_next_real(const char **cursor, double *out)
{
    char        number[64];
    const char *start = *cursor + strspn(*cursor, " \t\r\n,");
    size_t      n     = strcspn(start, " \t\r\n,");

    *cursor = start;
    if (n == 0) return 0;
    if (n >= sizeof number) return -1;
    memcpy(number, start, n);
    number[n] = '\0';
    if (!pdm_text_to_real(number, out)) return -1;
    *cursor += n;
    return 1;
}

static pdm_status count_error(pdm_case *c, const pdm_where *where, pdm_size n, pdm_size n_min, pdm_size n_max)
{
    if (n_min == n_max)
        return pdm_error_set(c->ctx, PDM_ERR_CASE, where, __func__, "%lld number%s; exactly %lld expected",
                             (long long)n, n == 1 ? "" : "s", (long long)n_min);
    return pdm_error_set(c->ctx, PDM_ERR_CASE, where, __func__, "%lld number%s; %lld to %lld expected", (long long)n,
                         n == 1 ? "" : "s", (long long)n_min, (long long)n_max);
}

/* Counts the numbers and, with out, stores the first n_max. */
static pdm_status attribute_reals(pdm_case *c, const pdm_where *place, const case_attribute *a, pdm_size n_max,
                                  double *out, pdm_size *n)
{
    pdm_status  status = PDM_OK;
    pdm_where   where  = *place;
    const char *cursor = a->text;
    double      value  = 0.0;
    int         found  = 1;

    *n = 0;
    for (;;) {
        if (a->real) {
            found = *n < a->n_real;
            if (found) value = a->real[*n];
        } else {
            found        = case_next_real(&cursor, &value);
            where.offset = cursor - a->text;
        }
        if (found == 0) break;
        if (found < 0)
            PDM_FAIL_AT(c->ctx, PDM_ERR_CASE, &where,
                        "not a number; numbers separated by blanks or commas are expected");
        if (!isfinite(value)) PDM_FAIL_AT(c->ctx, PDM_ERR_CASE, place, "number %lld is not finite", (long long)*n + 1);
        if (out && *n < n_max) out[*n] = value;
        (*n)++;
    }
done:
    return status;
}

pdm_status pdm_case_reals(pdm_case *c, const char *group, const char *name, bool required, pdm_size n_min,
                          pdm_size n_max, double *out, pdm_size *n)
{
    pdm_status            status = PDM_OK;
    case_group           *g      = NULL;
    case_node            *node   = NULL;
    const case_attribute *a      = NULL;
    pdm_where             where  = {0};
    pdm_size              count  = 0;

    PDM_TRY(ask(c, group, name, false, &g, &node));
    if (!node->present) {
        if (required) PDM_TRY(missing_error(c, g, &g->attribute, node->name, n_max == 1 ? "a number" : "numbers"));
        if (n) *n = 0;
        goto done;
    }
    a     = (const case_attribute *)node;
    where = pdm_case_where(c, group, name);
    PDM_TRY(attribute_reals(c, &where, a, n_max, NULL, &count));
    if (count < n_min || count > n_max) PDM_TRY(count_error(c, &where, count, n_min, n_max));
    PDM_TRY(attribute_reals(c, &where, a, n_max, out, &count));
    if (n) *n = count;
done:
    return status;
}

/* A question without a status: what could not be remembered is told by pdm_case_check_unread. */
static case_node *ask_quietly(pdm_case *c, const char *group, const char *name, bool is_array)
{
    case_group *g      = NULL;
    case_node  *node   = NULL;
    pdm_status  status = ask(c, group, name, is_array, &g, &node);

    if (status != PDM_OK && status != PDM_ERR_CASE) c->remembered = status;
    return status == PDM_OK && node->present ? node : NULL;
}

static case_group *ask_group_quietly(pdm_case *c, const char *group)
{
    case_group *g      = NULL;
    pdm_status  status = ask_group(c, group, &g);

    if (status != PDM_OK && status != PDM_ERR_CASE) c->remembered = status;
    return status == PDM_OK && g->node.present ? g : NULL;
}

bool pdm_case_has(pdm_case *c, const char *group, const char *name)
{
    return ask_quietly(c, group, name, false) != NULL;
}

bool pdm_case_has_group(pdm_case *c, const char *group)
{
    return ask_group_quietly(c, group) != NULL;
}

pdm_size pdm_case_n_attribute(pdm_case *c, const char *group)
{
    const case_group *g = ask_group_quietly(c, group);
    return g ? list_count(&g->attribute) : 0;
}

const char *pdm_case_attribute_name(pdm_case *c, const char *group, pdm_size i)
{
    const case_group *g    = ask_group_quietly(c, group);
    const case_node  *node = g ? list_at(&g->attribute, i) : NULL;
    return node ? node->name : NULL;
}

pdm_size pdm_case_n_subgroup(pdm_case *c, const char *group)
{
    const case_group *g = ask_group_quietly(c, group);
    return g ? list_count(&g->group) : 0;
}

const char *pdm_case_subgroup_name(pdm_case *c, const char *group, pdm_size i)
{
    const case_group *g    = ask_group_quietly(c, group);
    const case_node  *node = g ? list_at(&g->group, i) : NULL;
    return node ? node->name : NULL;
}

pdm_where pdm_case_where(pdm_case *c, const char *group, const char *name)
{
    pdm_where       where = {.file = c->path, .group = group, .attribute = name, .offset = -1};
    case_group     *g     = NULL;
    case_attribute *a     = NULL;

    if (case_group_make(c, group, &g) != PDM_OK) return where;
    where.group = g->path;
    a           = name ? (case_attribute *)case_list_find(&g->attribute, name) : NULL;
    if (a) {
        where.attribute = a->node.name;
        where.text      = a->node.present && !a->real ? a->text : NULL;
    }
    return where;
}

/* ---- variables --------------------------------------------------------------------------------------------------- */

bool pdm_case_has_array(pdm_case *c, const char *group, const char *name)
{
    return ask_quietly(c, group, name, true) != NULL;
}

pdm_status pdm_case_array(pdm_case *c, const char *group, const char *name, pdm_size n_dim_max, pdm_size *n_dim,
                          pdm_size *shape, const double **values)
{
    pdm_status        status = PDM_OK;
    case_group       *g      = NULL;
    case_node        *node   = NULL;
    const case_array *a      = NULL;

    PDM_TRY(ask(c, group, name, true, &g, &node));
    if (!node->present) PDM_TRY(missing_error(c, g, &g->array, node->name, "a variable"));
    a = (const case_array *)node;
    if (a->n_dim > n_dim_max)
        PDM_FAIL(c->ctx, PDM_ERR_CASE, "%s: /%s:%s: the variable has %lld dimensions; at most %lld expected", c->path,
                 g->path, node->name, (long long)a->n_dim, (long long)n_dim_max);
    for (pdm_size d = 0; d < a->n_dim; d++) shape[d] = a->shape[d];
    if (n_dim) *n_dim = a->n_dim;
    *values = a->value;
done:
    return status;
}

/* ---- what nobody asked for --------------------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *list, pdm_size n)
{
    for (pdm_size i = 0; i < n; i++)
        if (strcmp(name, list[i]) == 0) return true;
    return false;
}

static bool is_free(const case_group *g, const char *name)
{
    return is_one_of(name, free_anywhere, COUNT_OF(free_anywhere)) ||
           (!g->parent && is_one_of(name, free_in_root, COUNT_OF(free_in_root)));
}

/* The first group besides `here` that has something of that name or was asked for it: an attribute, or a group. */
static const case_group *find_known(const case_group *g, const case_group *here, const char *name, bool is_group)
{
    const case_node  *node  = case_list_find(is_group ? &g->group : &g->attribute, name);
    const case_group *found = NULL;

    if (g != here && node && (node->asked || node->present)) return g;
    for (const case_node *sub = g->group.first; sub && !found; sub = sub->next)
        found = find_known((const case_group *)sub, here, name, is_group);
    return found;
}

/* What is meant by a name that is not known here: a near one that is, or the place where it is known,
 * "pde.parameters.D". */
static pdm_status print_meant(pdm_case *c, const char *name, const case_group *here, const case_list *list,
                              const char *const *known, pdm_size n, pdm_text *out)
{
    pdm_status        status  = PDM_OK;
    const char       *nearest = pdm_text_nearest(name, known, n);
    const case_group *g       = NULL;

    if (nearest) PDM_TRY(pdm_text_append(out, "%s", nearest));
    if (nearest || list == &here->array) goto done;
    g = find_known(c->root, here, name, list == &here->group);
    if (!g || !g->path[0]) goto done;
    for (const char *p = g->path; *p; p++) PDM_TRY(pdm_text_append(out, "%c", *p == '/' ? '.' : *p));
    PDM_TRY(pdm_text_append(out, ".%s", name));
done:
    return status;
}

/* The error for `name` in a list of the group `here`, with the names that are known in it. */
static pdm_status unknown_error(pdm_case *c, const char *group, const char *attribute, const char *what,
                                const char *name, const case_group *here, const case_list *list)
{
    pdm_status  status = PDM_OK;
    pdm_where   where  = {.file = c->path, .group = group, .attribute = attribute, .offset = -1};
    pdm_text    known = {.ctx = c->ctx}, meant = {.ctx = c->ctx};
    const char *candidate[NAMES_MAX] = {NULL};
    pdm_size    n                    = 0;

    for (const case_node *node = list->first; node && n < NAMES_MAX; node = node->next)
        if (node->asked) candidate[n++] = node->name;
    for (pdm_size i = 0; i < n; i++) PDM_TRY(pdm_text_append(&known, "%s%s", i > 0 ? ", " : "", candidate[i]));
    PDM_TRY(print_meant(c, name, here, list, candidate, n, &meant));
    if (meant.length > 0)
        PDM_FAIL_AT(c->ctx, PDM_ERR_CASE, &where, "unknown %s; did you mean \"%s\"?%s%s%s", what, meant.data,
                    n > 0 ? "  (known ones: " : "", n > 0 ? known.data : "", n > 0 ? ")" : "");
    if (n > 0) PDM_FAIL_AT(c->ctx, PDM_ERR_CASE, &where, "unknown %s; the known ones are: %s", what, known.data);
    PDM_FAIL_AT(c->ctx, PDM_ERR_CASE, &where, "unknown %s; none is expected here", what);
done:
    pdm_text_destroy(&known);
    pdm_text_destroy(&meant);
    return status;
}

/* A variable of the tree that was read has this dimension. */
static bool dimension_is_read(const case_group *g, const char *dim)
{
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a = (const case_array *)node;
        for (pdm_size d = 0; node->asked && d < a->n_dim; d++)
            if (strcmp(a->dim[d], dim) == 0) return true;
    }
    for (const case_node *node = case_present(g->group.first); node; node = case_present(node->next))
        if (dimension_is_read((const case_group *)node, dim)) return true;
    return false;
}

static pdm_status check_group(pdm_case *c, const case_group *g)
{
    pdm_status status = PDM_OK;

    for (const case_node *node = case_present(g->attribute.first); node; node = case_present(node->next))
        if (!node->asked && !is_free(g, node->name))
            PDM_TRY(unknown_error(c, g->path, node->name, "attribute", node->name, g, &g->attribute));
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a             = (const case_array *)node;
        const bool        is_coordinate = a->n_dim == 1 && strcmp(a->dim[0], node->name) == 0;
        if (!node->asked && !(is_coordinate && dimension_is_read(g, node->name)))
            PDM_TRY(unknown_error(c, g->path, node->name, "variable", node->name, g, &g->array));
    }
    for (const case_node *node = case_present(g->group.first); node; node = case_present(node->next)) {
        const case_group *sub = (const case_group *)node;
        if (!node->asked) PDM_TRY(unknown_error(c, sub->path, NULL, "group", node->name, g, &g->group));
        PDM_TRY(check_group(c, sub));
    }
done:
    return status;
}

pdm_status pdm_case_check_groups(pdm_case *c, const char *const *known, pdm_size n)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < n; i++) (void)pdm_case_has_group(c, known[i]);
    for (const case_node *node = case_present(c->root->group.first); node; node = case_present(node->next))
        if (!node->asked) PDM_TRY(unknown_error(c, node->name, NULL, "group", node->name, c->root, &c->root->group));
done:
    return status;
}

pdm_status pdm_case_check_unread(pdm_case *c)
{
    pdm_status status = PDM_OK;

    if (c->remembered != PDM_OK)
        PDM_FAIL(c->ctx, c->remembered, "%s: what was asked of the case could not be remembered", c->path);
    PDM_TRY(check_group(c, c->root));
done:
    return status;
}
