/* MPI: a transport for the library libpdemoe_mpi, and for the object that the program opens (pdm_mpi in comm.h). Nothing
 * here calls the rest of comm/. */
#ifndef PDM_COMM_MPI_H
#define PDM_COMM_MPI_H

#include <mpi.h>

#include "comm/comm.h"

bool mpi_is_running(void); /* initialised, and not finalised */
/* On a duplicate of comm, which t->release frees; false: MPI does not run, or comm is MPI_COMM_NULL or fails. */
bool mpi_carry(MPI_Comm comm, pdm_transport *t);

#endif
