/* Many host arrays in one piece of device memory: a layout function runs twice over the same text, once to measure (puts
 * give NULL), once to copy, as with pdm_arena; then everything goes at once. */
#ifndef PDM_CUDA_PACK_H
#define PDM_CUDA_PACK_H

#include "backend/cuda/cuda_impl.h"

typedef struct cuda_pack {
    char  *host, *device; /* NULL while measuring */
    size_t bytes, used;
} cuda_pack;

/* Where `host` [n] will be on the device. */
const void *cuda_pack_put_items(cuda_pack *k, const void *host, pdm_size n, size_t item);
#define cuda_pack_put(k, host, n) cuda_pack_put_items((k), (host), (n), sizeof *(host))
pdm_status cuda_pack_allocate(pdm_cuda *cu, cuda_pack *k); /* after measuring */
pdm_status cuda_pack_send(pdm_cuda *cu, cuda_pack *k);     /* waits; the host's copy is gone then */
void       cuda_pack_destroy(pdm_cuda *cu, cuda_pack *k);  /* zeroed is fine */

#endif
