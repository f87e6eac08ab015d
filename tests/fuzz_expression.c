/* Any bytes as an expression, as a residual and as boundary conditions.
 * What compiles prints as something that compiles. */
#include "pde/pde.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const settings[][3] = {
    {"domain", "dimensions", "t x y"},    {"pde", "fields", "u v"},
    {"pde/parameters", "D", "0.3"},       {"pde/parameters", "n", "0.874"},
    {"pde/definitions", "q", "u*dx(v)"},  {"pde/residuals", "u", "dt(u) - dx(D*dx(u))"},
    {"pde/residuals", "v", "lap(v) - u"}, {"pde/initial", "u", "a"},
    {"inputs/f", "dimensions", "x y"},    {"inputs/a", "distribution", "uniform(0, 1)"},
};

static void fill(pdm_case *c)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (pdm_case_set_text(c, settings[i][0], settings[i][1], settings[i][2]) != PDM_OK) abort();
}

static void run(const pdm_program *p)
{
    double *memory = malloc((size_t)(p->n_input + p->n_output + p->n_register + 1) * sizeof *memory);
    if (!memory) abort();
    for (pdm_size i = 0; i < p->n_input; i++) memory[i] = 0.5 + 0.25 * (double)i;
    pdm_program_evaluate(p, memory, memory + p->n_input, memory + p->n_input + p->n_output);
    free(memory);
}

/* Numbers without digits and texts that were cut off cannot be read again. */
static bool is_readable(const char *text)
{
    return !strstr(text, "inf") && !strstr(text, "nan") && !strstr(text, " ...");
}

static void use_expression(pdm_context *ctx, pdm_pde *p, const char *text)
{
    const pdm_function *f = NULL, *again = NULL;
    const pdm_where     nowhere = {.offset = -1};

    if (pdm_pde_compile(p, text, nowhere, true, &f) != PDM_OK) {
        if (f || !*pdm_context_error(ctx)) abort();
        return;
    }
    run(f->value);
    run(f->partial);
    run(f->second);
    if (is_readable(f->text) && pdm_pde_compile(p, f->text, nowhere, true, &again) != PDM_OK &&
        !strstr(pdm_context_error(ctx), "nested") && !strstr(pdm_context_error(ctx), "too large"))
        abort();
}

/* The text in place of one setting. */
static void use_case(pdm_context *ctx, const char *group, const char *name, const char *text)
{
    pdm_case *c    = NULL;
    pdm_pde  *p    = NULL;
    pdm_text  view = {.ctx = ctx};

    if (pdm_case_create(ctx, &c) != PDM_OK) abort();
    fill(c);
    if (pdm_case_set_text(c, group, name, text) == PDM_OK && pdm_pde_create(ctx, c, &p) == PDM_OK &&
        pdm_pde_view(p, &view) != PDM_OK)
        abort();
    pdm_text_destroy(&view);
    pdm_pde_destroy(&p);
    pdm_case_destroy(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pdm_context *ctx  = NULL;
    pdm_case    *c    = NULL;
    pdm_pde     *p    = NULL;
    char        *text = malloc(size + 1);

    if (!text || pdm_context_create(NULL, &ctx) != PDM_OK || pdm_case_create(ctx, &c) != PDM_OK) abort();
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    fill(c);
    if (pdm_pde_create(ctx, c, &p) != PDM_OK) abort();
    use_expression(ctx, p, text);
    pdm_pde_destroy(&p);
    pdm_case_destroy(&c);
    use_case(ctx, "pde/residuals", "u", text);
    use_case(ctx, "pde/boundary", "x_max", text);
    use_case(ctx, "pde/parameters", "k", text);
    if (pdm_context_destroy(&ctx) != 0) abort();
    free(text);
    return 0;
}
