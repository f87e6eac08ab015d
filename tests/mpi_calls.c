/* Run by mpirun, for test_mpi.sh: the ranks of MPI_COMM_WORLD.
 * usage: mpi_calls check          all collective calls, and again with messages that are cut
 *        mpi_calls time           microseconds of a sum of 4 numbers
 *        mpi_calls fail RANK      that rank fails after a few sums; all print what they are told
 *        mpi_calls wait RANK      that rank stays away for 3 s, the others wait for one
 *        mpi_calls kill RANK      that rank kills itself, the others wait for it
 *        mpi_calls program RANK   as the program does: that rank fails with exit code 4 (none, where RANK is -1) */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "comm/comm_impl.h"
#include "pdemoe/pdemoe_mpi.h"
#include "tests/calls.h"

static int check(pdm_context *ctx, int rank)
{
    uint64_t   hash = 0, cut = 0;
    calls_text t = calls_check(ctx, &hash);

    (void)rank;
    if (!*t.said && pdm_n_rank(ctx) > 1) {
        pdm_ranks_set_piece(ctx, 1000);
        t = calls_check(ctx, &cut);
    }
    if (*t.said) fprintf(stderr, "%s\n", t.said);
    if (!*t.said)
        printf("rank %d of %d: hash %llx %s\n", pdm_context_rank(ctx), pdm_context_n_rank(ctx),
               (unsigned long long)hash, pdm_n_rank(ctx) == 1 || hash == cut ? "fine" : "differs when cut");
    return *t.said != '\0';
}

static int time_sum(pdm_context *ctx, int rank)
{
    enum { N = 20000 };
    double       x[4]  = {0};
    const double start = pdm_clock();

    (void)rank;
    for (int i = 0; i < N; i++)
        if (pdm_ranks_sum(ctx, "numbers", 4, x) != PDM_OK) return 1;
    if (pdm_rank(ctx) == 0) printf("%.1f us\n", 1e6 * (pdm_clock() - start) / N);
    return 0;
}

/* Sums until one fails. */
static pdm_status sum_on(pdm_context *ctx, int n)
{
    pdm_status status  = PDM_OK;
    double     x[3000] = {0};

    for (int i = 0; i < n && status == PDM_OK; i++) status = pdm_ranks_sum(ctx, "gradient", 3000, x);
    return status;
}

static int fail(pdm_context *ctx, int rank)
{
    pdm_status status = sum_on(ctx, pdm_rank(ctx) == rank ? 3 : 100);

    if (pdm_rank(ctx) == rank) status = pdm_error_set(ctx, PDM_ERR_DATA, NULL, __func__, "file is damaged");
    (void)pdm_ranks_end(ctx, status);
    printf("rank %d has status %d: %s\n", pdm_context_rank(ctx), (int)status, pdm_context_error(ctx));
    return 0;
}

static int wait_for(pdm_context *ctx, int rank)
{
    const struct timespec while_away = {.tv_sec = 3};

    if (pdm_rank(ctx) == rank) (void)nanosleep(&while_away, NULL);
    const pdm_status status = sum_on(ctx, 1);
    printf("rank %d has status %d: %s\n", pdm_context_rank(ctx), (int)status, pdm_context_error(ctx));
    return 0;
}

static int kill_self(pdm_context *ctx, int rank)
{
    (void)sum_on(ctx, pdm_rank(ctx) == rank ? 3 : 10);
    if (pdm_rank(ctx) == rank) (void)raise(SIGKILL);
    (void)sum_on(ctx, 1000);
    return 0;
}

static void print_error(int rank, const char *text)
{
    fprintf(stderr, "error of rank %d: %s\n", rank, text);
}

/* What cli/ranks.c does: rank 0 prints its error itself. */
static int program(int rank)
{
    pdm_context   *ctx = NULL;
    const pdm_mpi *mpi = NULL;
    pdm_transport  t;
    char           text[512] = "";
    int            code      = 0;

    if (pdm_context_create(NULL, &ctx) != PDM_OK) return 1;
    if (pdm_mpi_open(ctx, &mpi) != PDM_OK || !mpi->begin(&t, text, sizeof text)) {
        fprintf(stderr, "%s %s\n", pdm_context_error(ctx), text);
        return 8;
    }
    if (pdm_context_set_ranks(ctx, &t, 0.0) != PDM_OK) code = 1;
    pdm_status status = sum_on(ctx, pdm_rank(ctx) == rank ? 3 : 100);
    if (rank == -1 && status != PDM_OK) code = 1;
    if (pdm_rank(ctx) == rank) {
        status = pdm_error_set(ctx, PDM_ERR_DATA, NULL, __func__, "file is damaged");
        code   = 4;
    } else if (status == PDM_ERR_DATA) {
        code = 4;
    }
    (void)pdm_ranks_end(ctx, status);
    (void)snprintf(text, sizeof text, "%s", pdm_context_error(ctx));
    if (code != 0 && pdm_rank(ctx) == 0) print_error(0, text);
    if (code == 0 && pdm_rank(ctx) == 0) printf("fine\n");
    (void)pdm_context_destroy(&ctx);
    return mpi->end(code, text, print_error);
}

static const struct {
    const char *name;
    int (*run)(pdm_context *ctx, int rank);
    double seconds; /* that ranks wait for each other; 0: as they do by default */
} job[] = {{"check", check, 0.0},
           {"time", time_sum, 0.0},
           {"fail", fail, 0.0},
           {"wait", wait_for, 1.0},
           {"kill", kill_self, 0.0}};

int main(int n_word, char **word)
{
    const int    rank  = n_word > 2 ? atoi(word[2]) : -1;
    pdm_context *ctx   = NULL;
    int          wrong = 1;

    if (n_word > 1 && strcmp(word[1], "program") == 0) return program(rank);
    (void)MPI_Init(&n_word, &word);
    (void)pdm_context_create(NULL, &ctx);
    for (size_t i = 0; i < sizeof job / sizeof *job; i++)
        if (n_word > 1 && strcmp(word[1], job[i].name) == 0)
            wrong = pdm_context_set_mpi(ctx, MPI_COMM_WORLD, job[i].seconds) != PDM_OK || job[i].run(ctx, rank);
    if (pdm_context_destroy(&ctx) != 0) wrong = 1;
    (void)MPI_Finalize();
    return wrong;
}
