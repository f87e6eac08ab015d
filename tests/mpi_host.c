/* Run by mpirun, for test_mpi.sh: a host program that uses MPI itself, and hands over half of its ranks; by public
 * headers alone. Each half trains a model of its own. */
#include <math.h>
#include <stdio.h>

#include "pdemoe/pdemoe_mpi.h"

/* The loss after two steps of the case, on the ranks of comm; NaN where something fails. */
static double train(MPI_Comm comm, const char *path)
{
    pdm_context *ctx  = NULL;
    pdm_case    *c    = NULL;
    pdm_model   *m    = NULL;
    double       loss = NAN;
    int          rank = -1, n_rank = -1;
    pdm_status   status = pdm_context_create(NULL, &ctx);

    (void)MPI_Comm_rank(comm, &rank);
    (void)MPI_Comm_size(comm, &n_rank);
    if (status == PDM_OK) status = pdm_context_set_mpi(ctx, comm, 60.0);
    if (status == PDM_OK && (pdm_context_rank(ctx) != rank || pdm_context_n_rank(ctx) != n_rank))
        fprintf(stderr, "rank %d of %d; %d of %d expected\n", pdm_context_rank(ctx), pdm_context_n_rank(ctx), rank,
                n_rank);
    else if (status == PDM_OK && (status = pdm_case_read(ctx, path, &c)) == PDM_OK &&
             (status = pdm_model_create(c, &m)) == PDM_OK && (status = pdm_model_train_step(m)) == PDM_OK &&
             (status = pdm_model_train_step(m)) == PDM_OK)
        loss = pdm_model_value(m, "loss");
    if (status != PDM_OK) fprintf(stderr, "%s\n", pdm_context_error(ctx));
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    if (pdm_context_destroy(&ctx) != 0) return NAN;
    return loss;
}

/* What cannot be handed over is told. */
static int refuses(void)
{
    pdm_context *ctx = NULL;
    int          fine;

    if (pdm_context_create(NULL, &ctx) != PDM_OK) return 0;
    fine = pdm_context_set_mpi(ctx, MPI_COMM_NULL, 0.0) == PDM_ERR_ARGUMENT && pdm_context_error(ctx)[0] != '\0' &&
           pdm_context_set_mpi(NULL, MPI_COMM_WORLD, 0.0) == PDM_ERR_ARGUMENT;
    return pdm_context_destroy(&ctx) == 0 && fine;
}

int main(int n_word, char **word)
{
    MPI_Comm half;
    double   loss, first = 0.0;
    int      rank = 0, wrong;

    if (n_word < 2 || !refuses()) return 1;
    (void)MPI_Init(&n_word, &word);
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    (void)MPI_Comm_split(MPI_COMM_WORLD, rank % 2, 0, &half);
    loss  = train(half, word[1]);
    first = loss;
    (void)MPI_Bcast(&first, 1, MPI_DOUBLE, 0, half);
    wrong = !refuses() || !(loss == first);
    (void)MPI_Comm_free(&half);
    printf("rank %d: loss %.17g\n", rank, loss);
    (void)MPI_Finalize();
    return wrong;
}
