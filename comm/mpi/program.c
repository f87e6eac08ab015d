/* pdemoe_mpi.so: for the program, when it was started as one of several. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include "comm/mpi/mpi.h"

#include <stdio.h>
#include <time.h>

/* How long a rank with an error waits for the first to end all of them, s. */
static const double PATIENCE = 10.0;

enum { TAG_REPORT = 1 };

/* How a rank has ended, for the first. */
typedef struct report {
    int32_t code;
    char    text[2048];
} report;

static MPI_Comm reports = MPI_COMM_NULL; /* of the whole process: there is one MPI in it */

static bool program_begin(pdm_transport *out, char *text, size_t size)
{
    int begun = 0, level = 0;

    (void)MPI_Initialized(&begun);
    if (!begun && MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
        (void)snprintf(text, size, "MPI_Init_thread failed");
    else if (!mpi_carry(MPI_COMM_WORLD, out) || MPI_Comm_dup(MPI_COMM_WORLD, &reports) != MPI_SUCCESS)
        (void)snprintf(text, size, "MPI_Comm_dup failed");
    else
        return true;
    return false;
}

static void rest(void)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    (void)nanosleep(&nap, NULL);
}

/* The report of one rank; MPI's own waiting would keep a core busy. */
static report report_of(int rank)
{
    report r     = {.code = 0};
    int    there = 0;

    while (MPI_Iprobe(rank, TAG_REPORT, reports, &there, MPI_STATUS_IGNORE) == MPI_SUCCESS && !there) rest();
    (void)MPI_Recv(&r, sizeof r, MPI_BYTE, rank, TAG_REPORT, reports, MPI_STATUS_IGNORE);
    r.text[sizeof r.text - 1] = '\0';
    return r;
}

/* The first rank has ended well: have the others? */
static int hear_others(pdm_mpi_print *print)
{
    int n_rank = 1, code = 0;

    (void)MPI_Comm_size(reports, &n_rank);
    for (int k = 1; k < n_rank && code == 0; k++) {
        const report r = report_of(k);
        code           = r.code;
        if (code != 0) print(k, r.text);
    }
    return code;
}

/* Another rank: tells the first, which prints the text and ends all, or has printed one that it knows of already. */
static void tell_first(int code, const char *text, int rank, pdm_mpi_print *print)
{
    report       r       = {.code = code};
    const double start   = pdm_clock();
    MPI_Request  request = MPI_REQUEST_NULL;
    int          done    = 0;

    (void)snprintf(r.text, sizeof r.text, "%s", text);
    (void)MPI_Isend(&r, sizeof r, MPI_BYTE, 0, TAG_REPORT, reports, &request);
    while (!done || (code != 0 && pdm_clock() - start < PATIENCE)) {
        if (!done && MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
        if (code != 0 && pdm_clock() - start >= PATIENCE) break;
        rest();
    }
    if (code != 0) print(rank, r.text);
}

static int program_end(int code, const char *text, pdm_mpi_print *print)
{
    int rank = 0;

    (void)MPI_Comm_rank(reports, &rank);
    if (rank > 0)
        tell_first(code, text, rank, print);
    else if (code == 0)
        code = hear_others(print);
    if (code != 0) (void)MPI_Abort(MPI_COMM_WORLD, code);
    (void)MPI_Comm_free(&reports);
    (void)MPI_Finalize();
    return code;
}

PDM_API extern const pdm_mpi pdm_mpi_program;

const pdm_mpi pdm_mpi_program = {.build = pdm_build_info, .begin = program_begin, .end = program_end};
