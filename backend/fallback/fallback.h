/* What a back end's table lacks, done by the CPU through host views of its buffers: a table with holes is complete.
 *
 * Memory, `view` and `destroy` have to be there. All other slots may be NULL, with one limit: the state of a plan lives
 * where the slots are that set it. Hence, group by group (fallback.c has the list):
 *   a slot is missing that makes a plan or sets its state   the whole group is the CPU's
 *   others are missing                                      these are the CPU's, on a plan of its own beside the back
 *                                                           end's; what sets the plan's state is done on both
 *   none is missing                                         nothing changes
 * Slots that are there are called as ever, with nothing in between. A call that falls back waits for the device and
 * copies each buffer to the host, and back where it is written to; it allocates nothing. */
#ifndef PDM_FALLBACK_H
#define PDM_FALLBACK_H

#include "backend/backend.h"

/* Checks b's table and completes it: b->ops becomes a table without NULL, if it is not one, whose `destroy` destroys
 * what that took as well. The table that b came with is lent for the life of b. On failure b is as it was.
 * Fails with PDM_ERR_INTERNAL where the table is of another version, or lacks a slot that nothing can stand in for. */
pdm_status pdm_fallback_complete(pdm_backend *b);

#endif
