/* Tables of numbers, sample by sample. */
#include "backend/cuda/table.h"

PDM_KERNEL(table_place_kernel, table_args)
{
    const int64_t i = item();

    for (int64_t s = blockIdx.y; s < a.n_listed && i < a.n; s += gridDim.y)
        a.to[a.index[s] * a.n + i] = a.from[s * a.n + i];
}
