#include "tests/models.h"
#include "tests/prediction.h"

pdm_context *ctx;

void open_context(void)
{
    ck_assert_int_eq(context_on_backend(&ctx), PDM_OK);
}

void open_context_threads(int n)
{
    open_context();
    ck_assert_int_eq(pdm_context_set_threads(ctx, n), PDM_OK);
}

void close_context(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
}

void set(pdm_case *c, size_t n, const word *w)
{
    for (size_t i = 0; i < n; i++) OK(pdm_case_set_text(c, w[i].group, w[i].name, w[i].value));
}

pdm_model *trained(pdm_case *c, int steps)
{
    pdm_model *m = NULL;
    OK(pdm_model_create(c, &m));
    for (int i = 0; i < steps; i++) OK(pdm_model_train_step(m));
    return m;
}

pdm_model *model_of(pdm_case *c)
{
    pdm_model *m = trained(c, 0);
    pdm_case_destroy(&c);
    return m;
}

pdm_model *branch(pdm_model *parent, word change, int steps)
{
    pdm_case  *c = NULL;
    pdm_model *m = NULL;
    OK(pdm_model_case(parent, &c));
    set(c, 1, &change);
    OK(pdm_model_create_from(c, parent, &m));
    pdm_case_destroy(&c);
    for (int i = 0; i < steps; i++) OK(pdm_model_train_step(m));
    return m;
}

void write_and_destroy(pdm_model **m, const char *path)
{
    OK(pdm_model_write(*m, path));
    pdm_model_destroy(m);
}
