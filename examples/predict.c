/* Predicts with a trained model of a case that has the dimensions t and x and one input, like diffusion_sorption:
 *     example_predict MODEL.nc INPUT INPUT          prints u along x at the end of time, for two inputs */
#include <pdemoe/pdemoe.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const double x[5]  = {0.0, 0.25, 0.5, 0.75, 1.0};
    pdm_context *ctx   = NULL;
    pdm_model   *model = NULL;
    double      *u     = NULL; /* [input][t][x] */
    int32_t      reason[2];

    if (argc != 4 || pdm_context_create(NULL, &ctx) != PDM_OK) return 2;
    const double input[2] = {strtod(argv[2], NULL), strtod(argv[3], NULL)};
    pdm_status   status   = pdm_model_read(ctx, argv[1], &model);
    if (status == PDM_OK) status = pdm_model_set_output(model, "x", 5, x);
    if (status == PDM_OK && pdm_model_n_input(model) == 1 && pdm_model_n_field(model) == 1)
        u = malloc(2 * (size_t)pdm_model_n_point(model) * sizeof *u);
    if (u) status = pdm_model_predict(model, 2, input, u, reason);

    for (int i = 0; i < 2 && u && status == PDM_OK; i++) {
        const double *end = u + (i + 1) * pdm_model_n_point(model) - 5;
        printf("input %g, solver %d, u:", input[i], (int)reason[i]);
        for (int k = 0; k < 5; k++) printf(" %.4f", end[k]);
        putchar('\n');
    }
    if (status != PDM_OK) fprintf(stderr, "%s\n", pdm_context_error(ctx));
    free(u);
    pdm_model_destroy(&model);
    pdm_context_destroy(&ctx);
    return status != PDM_OK;
}
