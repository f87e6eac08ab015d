/* libpdemoe_mpi: for host programs. */
#include "comm/mpi/mpi.h"

#include "pdemoe/pdemoe_mpi.h"

pdm_status pdm_context_set_mpi(pdm_context *ctx, MPI_Comm comm, double seconds)
{
    pdm_transport none = {.rank = 0, .n_rank = 0}, t = none;

    if (!ctx) return PDM_ERR_ARGUMENT;
    if (!mpi_carry(comm, &t)) return pdm_context_set_ranks(ctx, &none, seconds); /* which says what is wrong */
    const pdm_status status = pdm_context_set_ranks(ctx, &t, seconds);
    if (status != PDM_OK) t.release(t.user);
    return status;
}
