/* The program as one of several. MPI comes with an object of its own, which is opened then. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "comm/comm.h"

/* What tells a process that it was started as one of several: how many, and its number. Of Open MPI, of MPICH and its
 * kin, of PMIx, of SLURM; the first that is there counts. */
static const char *const size_names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS"};
static const char *const rank_names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MPI_LOCALRANKID",
                                         "SLURM_PROCID"};
enum {
    N_SIZE_NAME = sizeof size_names / sizeof *size_names,
    N_RANK_NAME = sizeof rank_names / sizeof *rank_names,
    ERROR_SIZE  = 2048
};

/* One process has one place among the others. */
static struct {
    bool           is_one_of_several;
    int            rank, n_rank; /* n_rank 0: not known */
    const pdm_mpi *mpi;          /* NULL: not begun */
    char           error[ERROR_SIZE];
} own = {.n_rank = 1};

static int number_of(const char *const *name, int n, int otherwise)
{
    for (int i = 0; i < n; i++) {
        const char *value = getenv(name[i]);
        if (value && *value) return atoi(value);
    }
    return otherwise;
}

void ranks_find(void)
{
    own.n_rank            = number_of(size_names, N_SIZE_NAME, getenv("PMIX_RANK") ? 0 : 1);
    own.is_one_of_several = own.n_rank != 1;
    if (own.is_one_of_several) own.rank = number_of(rank_names, N_RANK_NAME, 0);
    if (!ranks_speak() && !freopen("/dev/null", "w", stdout)) exit(CODE_FILE);
}

bool ranks_speak(void)
{
    return own.rank == 0;
}

exit_code ranks_allow(const command *c)
{
    if (!own.is_one_of_several || c->ranks) return CODE_FINE;
    return fail(NULL, CODE_USAGE, "%s does not run on several ranks yet; start it alone", c->name);
}

exit_code ranks_join(session *s)
{
    exit_code     code = CODE_FINE;
    pdm_transport t    = {0};
    char          text[ERROR_SIZE];

    if (!own.is_one_of_several) return CODE_FINE;
    const pdm_mpi *mpi = NULL;
    CLI_TRY(check(s, pdm_mpi_open(s->ctx, &mpi)));
    if (!mpi->begin(&t, text, sizeof text)) return fail(s, CODE_UNSUPPORTED, "MPI: %s", text);
    own.mpi = mpi;
    if (own.n_rank > 0 && t.n_rank != own.n_rank)
        return fail(s, CODE_UNSUPPORTED,
                    "started as one of %d, but MPI knows of %d: it is of another MPI than what started it, or was not "
                    "asked for (srun --mpi=pmix)",
                    own.n_rank, t.n_rank);
    own.rank = t.rank;
    code     = check(s, pdm_context_set_ranks(s->ctx, &t, 0.0));
done:
    return code;
}

void ranks_keep_error(const char *format, va_list arguments)
{
    (void)vsnprintf(own.error, sizeof own.error, format, arguments);
}

void ranks_tell(session *s, pdm_status status)
{
    (void)pdm_ranks_end(s->ctx, status);
}

static void print_error(int rank, const char *text)
{
    fprintf(stderr, "pdemoe: rank %d: ", rank);
    print_plain(stderr, text);
    fputc('\n', stderr);
}

exit_code ranks_finish(exit_code code)
{
    return own.mpi ? (exit_code)own.mpi->end((int)code, own.error, print_error) : code;
}
