/* pdemoe on the ranks of an MPI communicator; a library of its own, libpdemoe_mpi, that is built where MPI is found. */
#ifndef PDEMOE_PDEMOE_MPI_H
#define PDEMOE_PDEMOE_MPI_H

#include <mpi.h>

#include "pdemoe/pdemoe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The ranks of comm, which is duplicated, become the context's, as by pdm_context_set_ranks(), which see for seconds and
 * failures. MPI is running (MPI_THREAD_FUNNELED does), and all calls on the context are made by a thread that may call
 * it. Collective, as pdm_context_destroy() is then: it frees the duplicate, unless MPI has been finalised. Fails with
 * PDM_ERR_ARGUMENT, "rank 0 of 0", where MPI is not running or comm is MPI_COMM_NULL. Since 0.1 */
PDM_API pdm_status pdm_context_set_mpi(pdm_context *ctx, MPI_Comm comm, double seconds);

#ifdef __cplusplus
}
#endif

#endif
