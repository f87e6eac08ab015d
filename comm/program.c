/* The object that has MPI for the program. */
#include "comm/comm.h"

#include <string.h>

pdm_status pdm_mpi_open(pdm_context *ctx, const pdm_mpi **out)
{
    pdm_status  status = PDM_OK;
    const void *found  = NULL;

    /* Open MPI's own plug-ins look for its symbols among those of the whole process. */
    PDM_TRY(pdm_object_open(ctx, "MPI", "mpi", PDM_OBJECT_SHARED, "pdm_mpi_program", &found));
    const pdm_mpi *mpi = found;
    if (!mpi || strcmp(mpi->build(), pdm_build_info()) != 0)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "MPI: pdemoe_mpi.so is of another build than this program, %s",
                 pdm_version());
    *out = mpi;
done:
    return status;
}
