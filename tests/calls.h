/* Every collective call of comm/, with sizes from none to many, against what one rank computes; for ranks that are
 * threads and for those of MPI. */
#ifndef TEST_CALLS_H
#define TEST_CALLS_H

#include "comm/comm.h"

/* "": all as it should be; else what was not. hash, if not NULL: over the bits of all sums. */
typedef struct calls_text {
    char said[512];
} calls_text;
calls_text calls_check(pdm_context *ctx, uint64_t *hash);

#endif
