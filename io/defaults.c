#include "io/io.h"

#include <string.h>

#include "io/io_impl.h"

/* Defaults are a case of their own beside the case that was read: what sees the case does not see them. */

pdm_status case_default(pdm_case *c, const char *group, const char *name, const char *fallback, const char **out)
{
    pdm_status       status = PDM_OK;
    case_group      *g      = NULL;
    const case_node *node   = NULL;

    if (!c->defaults) PDM_TRY(pdm_case_create(c->ctx, &c->defaults));
    PDM_TRY(case_group_make(c->defaults, group, &g));
    node = case_list_find(&g->attribute, name);
    if (!node || !node->present) {
        PDM_TRY(case_attribute_set(c->defaults, g, &g->attribute, name, fallback, NULL, 0));
        node = case_list_find(&g->attribute, name);
    }
    *out = ((const case_attribute *)node)->text;
done:
    return status;
}

/* ---- as text: a line "group.name=value" each ---------------------------------------------------------------------- */

static pdm_status print_group(const case_group *g, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (const case_node *node = case_present(g->attribute.first); node; node = case_present(node->next))
        PDM_TRY(pdm_text_append(out, "%s.%s=%s\n", g->path, node->name, ((const case_attribute *)node)->text));
    for (const case_node *node = case_present(g->group.first); node; node = case_present(node->next))
        PDM_TRY(print_group((const case_group *)node, out));
done:
    return status;
}

pdm_status case_defaults_print(const pdm_case *c, pdm_text *out)
{
    return c->defaults ? print_group(c->defaults->root, out) : PDM_OK;
}

/* Takes one line apart in place. */
static pdm_status parse_line(pdm_case *c, char *line)
{
    pdm_status  status = PDM_OK;
    char       *value = strchr(line, '='), *dot = NULL;
    const char *kept = NULL;

    if (value) *value = '\0';
    dot = strrchr(line, '.');
    if (!value || !dot)
        PDM_FAIL(c->ctx, PDM_ERR_MODEL, "%s: damaged: \"%.100s\" among the defaults; group.name=value expected",
                 c->path, line);
    *dot = '\0';
    PDM_TRY(case_default(c, line, dot + 1, value + 1, &kept));
done:
    return status;
}

/* Settings that came later, and what programs did that had none. */
static const struct {
    const char *group, *name, *value;
} later[] = {{"domain", "kinks", "none"}};

pdm_status case_defaults_parse(pdm_case *c, char *text)
{
    pdm_status  status = PDM_OK;
    const bool  any    = *text;
    const char *kept   = NULL;

    for (char *line = text, *next = NULL; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next) *next++ = '\0';
        PDM_TRY(parse_line(c, line));
    }
    for (size_t i = 0; any && i < sizeof later / sizeof *later; i++)
        PDM_TRY(case_default(c, later[i].group, later[i].name, later[i].value, &kept));
done:
    return status;
}

/* ---- a case without them ------------------------------------------------------------------------------------------- */

static pdm_status drop_equal(pdm_case *c, const case_group *like, const case_attribute *fallback)
{
    pdm_status       status = PDM_OK;
    case_group      *g      = NULL;
    const case_node *node   = NULL;
    pdm_text         mine = {.ctx = c->ctx}, usual = {.ctx = c->ctx};

    PDM_TRY(case_group_make(c, like->path, &g));
    node = case_list_find(&g->attribute, fallback->node.name);
    if (!node || !node->present) goto done;
    PDM_TRY(case_value_print(&mine, (const case_attribute *)node));
    PDM_TRY(case_value_print(&usual, fallback));
    if (strcmp(mine.data, usual.data) == 0) PDM_TRY(pdm_case_remove(c, like->path, fallback->node.name));
done:
    pdm_text_destroy(&mine);
    pdm_text_destroy(&usual);
    return status;
}

static pdm_status drop_group(pdm_case *c, const case_group *like)
{
    pdm_status status = PDM_OK;

    for (const case_node *node = case_present(like->attribute.first); node; node = case_present(node->next))
        PDM_TRY(drop_equal(c, like, (const case_attribute *)node));
    for (const case_node *node = case_present(like->group.first); node; node = case_present(node->next))
        PDM_TRY(drop_group(c, (const case_group *)node));
done:
    return status;
}

pdm_status pdm_case_drop_defaults(pdm_case *c, const pdm_case *like)
{
    return like->defaults ? drop_group(c, like->defaults->root) : PDM_OK;
}
