/* Ranks on one machine share its cores. */
#define _GNU_SOURCE /* affinity */

#include "comm/comm.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "comm/comm_impl.h"

/* Where a rank runs. */
typedef struct seat {
    char      host[64];
    cpu_set_t cores;
} seat;

static seat own_seat(void)
{
    seat s;
    memset(&s, 0, sizeof s);
    (void)gethostname(s.host, sizeof s.host - 1);
    if (sched_getaffinity(0, sizeof s.cores, &s.cores) != 0) CPU_ZERO(&s.cores);
    return s;
}

/* Cores that a rank has for itself: those of all ranks whose cores are also its own, divided by these; at least one. */
static int share_of(pdm_size n, const seat *all, const seat *own)
{
    cpu_set_t cores   = own->cores, both;
    int       sharing = 0;

    for (pdm_size k = 0; k < n; k++) {
        CPU_AND(&both, &all[k].cores, &own->cores);
        if (strcmp(all[k].host, own->host) != 0 || CPU_COUNT(&both) == 0) continue;
        CPU_OR(&cores, &cores, &all[k].cores);
        sharing++;
    }
    const int share = sharing > 0 ? CPU_COUNT(&cores) / sharing : 1, most = CPU_COUNT(&own->cores);
    return share < 1 ? 1 : share < most ? share : most;
}

pdm_status ranks_share_cores(pdm_context *ctx)
{
    pdm_status     status = PDM_OK;
    const pdm_size n = pdm_n_rank(ctx), rank = pdm_rank(ctx);
    seat          *all = NULL;

    PDM_TRY(pdm_alloc_array(ctx, n, &all));
    all[rank] = own_seat();
    PDM_TRY(pdm_ranks_gather_shares(ctx, "machines", true, n, sizeof *all, &all[rank], all));
    const int share = share_of(n, all, &all[rank]), now = pdm_context_threads(ctx);
    PDM_TRY(pdm_context_set_threads(ctx, share < now ? share : now));
done:
    pdm_free(ctx, all);
    return status;
}
