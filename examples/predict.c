/* Predicts with a trained model of a case that has the dimensions t and x and one input, like diffusion_sorption:
 *     example_predict MODEL.nc INPUT INPUT          prints u along x at the end of time, for two inputs, and what the
 *                                                   answers are worth */
#include <pdemoe/pdemoe.h>
#include <stdio.h>
#include <stdlib.h>

static void print_line(void *user, const char *text)
{
    if (text[0]) printf("%s: %s\n", (const char *)user, text);
}

int main(int argc, char **argv)
{
    const double x[5]  = {0.0, 0.25, 0.5, 0.75, 1.0};
    pdm_context *ctx   = NULL;
    pdm_model   *model = NULL;
    double      *u     = NULL; /* [input][t][x] */
    double       left[2];
    int32_t      reason[2], word[2];

    if (argc != 4 || pdm_context_create(NULL, &ctx) != PDM_OK) return 2;
    const double input[2] = {strtod(argv[2], NULL), strtod(argv[3], NULL)};
    pdm_status   status   = pdm_model_read(ctx, argv[1], &model);
    if (status == PDM_OK) status = pdm_model_set_output(model, "x", 5, x);
    if (status == PDM_OK) status = pdm_model_set_verdict(model, 1);
    if (status == PDM_OK && pdm_model_n_input(model) == 1 && pdm_model_n_field(model) == 1)
        u = malloc(2 * (size_t)pdm_model_n_point(model) * sizeof *u);
    if (u) status = pdm_model_predict(model, 2, input, u, reason);
    if (u && status == PDM_OK) status = pdm_model_verdicts(model, 2, word, left, NULL);

    for (int i = 0; i < 2 && u && status == PDM_OK; i++) {
        const double *end = u + (i + 1) * pdm_model_n_point(model) - 5;
        printf("input %g, solver %d, %.1f %% left over, u:", input[i], (int)reason[i], 100.0 * left[i]);
        for (int k = 0; k < 5; k++) printf(" %.4f", end[k]);
        putchar('\n');
        if (word[i] > PDM_VERDICT_GOOD)
            status = pdm_model_explain_verdict(model, i, print_line, (void *)pdm_verdict_text(word[i]));
    }
    if (status != PDM_OK) fprintf(stderr, "%s\n", pdm_context_error(ctx));
    free(u);
    pdm_model_destroy(&model);
    pdm_context_destroy(&ctx);
    return status != PDM_OK;
}
