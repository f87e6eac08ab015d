#include "tests/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

const training_kind training_kinds[N_KIND] = {
    {"at once", {{NULL, NULL, NULL}}},
    {"learned windows", {{"domain/x", "experts", "3"}, {"experts", "partition", "learned"}}},
    {"slab after slab", {{"experts", "slabs", "3"}}},
    {"a roll-out",
     {{"training", "slabs", "2"},
      {"inputs/u0", "distribution", "gaussian_field(length=0.5)"},
      {"inputs/u0", "dimensions", "x"},
      {"pde/initial", "u", "u0"},
      {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + (1 + 0.1*a + 0.1*b)*u^2"},
      {"pde/boundary", "x_min", "dx(u) = 0"},
      {"pde/boundary", "x_max", "dx(u) = 0"}}},
    {"fields that are given", {{"training", "data", KIND_DATA}, {"training", "loss", "mix"}}},
    {"columns from solutions, few rows",
     {{"experts", "prior", "pod"},
      {"experts", "slabs", "2"},
      {"training", "solutions", "20"},
      {"solver", "rows", "few"}}},
    {"a guess, from solutions",
     {{"experts", "guess", "network"}, {"training", "guess_steps", "4"}, {"training", "solutions", "24"}}},
};

pdm_status kind_model(pdm_context *ctx, const training_kind *k, int steps, pdm_model **out)
{
    static const char *const words[][3] = {{"pde", "fields", "u"},
                                           {"pde/residuals", "u", "dt(u) - 0.1*dxx(u) + u^2"},
                                           {"pde/initial", "u", "a*sin(pi*x) + b*sin(2*pi*x)"},
                                           {"pde/boundary", "x_min", "u = 0"},
                                           {"pde/boundary", "x_max", "u = 0"},
                                           {"inputs/a", "distribution", "uniform(0.5, 1)"},
                                           {"inputs/b", "distribution", "uniform(-1, 1)"},
                                           {"domain", "dimensions", "t x"},
                                           {"domain/t", "extent", "0 0.6"},
                                           {"domain/t", "control_points", "12"},
                                           {"domain/x", "extent", "0 1"},
                                           {"domain/x", "control_points", "10"},
                                           {"surrogate", "width", "6"},
                                           {"surrogate", "layers", "2"},
                                           {"surrogate", "hidden", "8"},
                                           {"solver", "tolerance", "1e-8"},
                                           {"training", "batch", "11"},
                                           {"experts", "basis", "3"}};
    pdm_status               status     = PDM_OK;
    pdm_case                *c          = NULL;
    char                     text[16];

    PDM_TRY(pdm_case_create(ctx, &c));
    for (size_t i = 0; i < COUNT(words); i++) PDM_TRY(pdm_case_set_text(c, words[i][0], words[i][1], words[i][2]));
    for (int i = 0; i < KIND_WORDS && k->words[i].group; i++)
        PDM_TRY(pdm_case_set_text(c, k->words[i].group, k->words[i].name, k->words[i].value));
    snprintf(text, sizeof text, "%d", steps);
    PDM_TRY(pdm_case_set_text(c, "training", "steps", text));
    PDM_TRY(pdm_model_create(c, out));
done:
    pdm_case_destroy(&c);
    return status;
}

pdm_status kind_write_data(pdm_context *ctx)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;

    PDM_TRY(kind_model(ctx, &training_kinds[0], 0, &m));
    PDM_TRY(pdm_model_polish_file(m, NULL, 5, KIND_DATA, 1e-6, NULL, NULL));
done:
    pdm_model_destroy(&m);
    return status;
}

pdm_status kind_weights(pdm_model *m, pdm_size *n, double **out)
{
    pdm_status        status = PDM_OK;
    const pdm_weights logits = pdm_experts_logits(m->experts);
    pdm_backend      *b      = m->problem->backend;
    const pdm_size    n_net  = m->surrogate->n_parameter;
    void             *host   = NULL;

    *n   = n_net + logits.n;
    *out = calloc((size_t)*n + 1, sizeof **out);
    PDM_TRY(b->ops->acquire(b, m->surrogate->parameters, PDM_READ, &host));
    for (pdm_size i = 0; i < n_net; i++) (*out)[i] = (double)((float *)host)[i];
    PDM_TRY(b->ops->release(b, m->surrogate->parameters, &host));
    if (logits.n > 0) memcpy(*out + n_net, logits.parameter, (size_t)logits.n * sizeof **out);
done:
    return status;
}

pdm_status kind_answer(pdm_model *m, pdm_size *n, double **out)
{
    static const double a[] = {0.6, 0.9, 0.5}, b[] = {-0.7, 0.4, 0.95};
    const pdm_size      n_input = pdm_model_n_input(m);
    double              input[3 * 64];

    for (int i = 0; i < 3; i++)
        for (pdm_size k = 0; k < n_input; k++)
            input[i * n_input + k] = k == 0 ? a[i] : k == 1 ? b[i] : 0.1 * a[i] * (double)k;
    *n   = 3 * pdm_model_n_point(m);
    *out = calloc((size_t)*n, sizeof **out);
    return pdm_model_predict(m, 3, input, *out, NULL);
}
