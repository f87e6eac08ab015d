/* The back end "check": cpu in disguise, for tests. Every acquire() returns a fresh copy of the buffer, so that a
 * pointer kept beyond release(), or a buffer changed behind acquire()'s back, shows on a laptop and not first on a GPU:
 *   PDM_READ        the copy holds the content; changes to it are lost, and release() says PDM_ERR_INTERNAL
 *   PDM_WRITE       the copy holds NaN: all of it must be written
 *   PDM_READ_WRITE  the copy holds the content
 * release() copies back what was written, fills the copy with NaN and frees it. All other operations are cpu's. */
#ifndef PDM_CHECK_H
#define PDM_CHECK_H

#include "backend/backend.h"

pdm_status pdm_check_create(pdm_context *ctx, pdm_backend **out);
/* acquire() calls that succeeded so far: host access in a step is counted by tests. */
pdm_size pdm_check_acquires(const pdm_backend *b);

/* The back end "bare" (bare.c): memory alone, in buffers that the CPU cannot read. The smallest that there can be:
 * pdm_backend_create() has the rest done by backend/fallback. */
pdm_status pdm_bare_create(pdm_context *ctx, pdm_backend **out);

#endif
