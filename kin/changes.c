/* What a case of a model made from a model has that its parent's has not, as settings to give to the program. */
#include "kin/kin.h"

#include <string.h>

#include "kin/kin_impl.h"

typedef struct change_list {
    pdm_text *text;
    pdm_case *changed;
} change_list;

/* As --set wants it. */
static pdm_status print_change(void *user, const char *group, const char *name, const char *a, const char *b)
{
    pdm_status         status = PDM_OK;
    const change_list *x      = user;
    const char        *value  = NULL;

    (void)a;
    if (!b || strcmp(group, "solver") == 0 || strcmp(group, "training") == 0) return PDM_OK;
    PDM_TRY(pdm_case_text(x->changed, group, name, "", &value));
    PDM_TRY(pdm_text_append(x->text, " --set "));
    for (; *group; group++) PDM_TRY(pdm_text_append(x->text, "%c", *group == '/' ? '.' : *group));
    PDM_TRY(pdm_text_append(x->text, ".%s=%s", name, value));
done:
    return status;
}

pdm_status changes_print(pdm_case *before, pdm_case *after, pdm_text *text)
{
    change_list changes = {text, after};
    return pdm_case_compare(before, after, print_change, &changes);
}
