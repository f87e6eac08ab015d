/* What a prediction costs a program that calls the library, call after call with so many inputs each.
 *     bench_predict [--threads N] MODEL.nc ...
 * Milliseconds a sample: of the answer, which is inputs at points, network and solve, and with the fields on the default
 * output grid; the least of several calls. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "model/model.h"

enum { MOST = 1024, N_TURN = 12 };
static const int SIZE[] = {1, 32, MOST};

/* Answer and all of it, in seconds. */
static pdm_status measure(pdm_model *m, pdm_size n, const double *input, double *u, double best[2])
{
    pdm_status status = PDM_OK;
    best[0] = best[1] = 1e300;
    for (int turn = 0; turn < N_TURN; turn++) {
        const double start = pdm_clock();
        PDM_TRY(pdm_model_predict(m, n, input, u, NULL));
        const double all    = pdm_clock() - start;
        const double answer = pdm_model_value(m, "seconds.data") + pdm_model_value(m, "seconds.network") +
                              pdm_model_value(m, "seconds.solve");
        best[0] = answer < best[0] ? answer : best[0];
        best[1] = all < best[1] ? all : best[1];
    }
done:
    return status;
}

static pdm_status compare_sizes(pdm_context *ctx, const char *path)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;
    double    *input = NULL, *u = NULL, best[2];

    PDM_TRY(pdm_model_read(ctx, path, &m));
    PDM_TRY(pdm_alloc_array(ctx, MOST * pdm_model_n_input(m), &input));
    PDM_TRY(pdm_alloc_array(ctx, MOST * pdm_model_n_field(m) * pdm_model_n_point(m), &u));
    PDM_TRY(pdm_inputs_draw_unseen(m->whole->inputs, MOST, input));
    printf("%-40s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    for (size_t i = 0; i < sizeof SIZE / sizeof *SIZE; i++) {
        PDM_TRY(measure(m, SIZE[i], input, u, best));
        printf(" %9.4f %9.4f", 1e3 * best[0] / SIZE[i], 1e3 * best[1] / SIZE[i]);
        fflush(stdout);
    }
    printf("\n");
done:
    pdm_free(ctx, input);
    pdm_free(ctx, u);
    pdm_model_destroy(&m);
    return status;
}

int main(int argc, char **argv)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = NULL;
    int          first = 1, n_thread = 1;

    if (argc > 2 && strcmp(argv[1], "--threads") == 0) n_thread = atoi(argv[2]), first = 3;
    if (argc <= first || n_thread < 1) {
        fprintf(stderr, "usage: bench_predict [--threads N] MODEL.nc ...\n");
        return 2;
    }
    if (pdm_context_create(NULL, &ctx) != PDM_OK) return 1;
    status = pdm_context_set_threads(ctx, n_thread);
    printf("%-40s", "ms a sample, inputs a call:");
    for (size_t i = 0; i < sizeof SIZE / sizeof *SIZE; i++) printf(" %9d %9s", SIZE[i], "+ output");
    printf("\n");
    for (int i = first; i < argc && status == PDM_OK; i++) status = compare_sizes(ctx, argv[i]);
    if (status != PDM_OK) fprintf(stderr, "%s\n", pdm_context_error(ctx));
    pdm_context_destroy(&ctx);
    return status != PDM_OK;
}
