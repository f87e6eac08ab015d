/* Inside of the block-sparse matrices: their plan, shared by factorisation and worth. */
#ifndef PDM_CPU_BLOCKS_IMPL_H
#define PDM_CPU_BLOCKS_IMPL_H

#include "backend/cpu/cpu_impl.h"

struct pdm_blocks_plan {
    const pdm_blocks_desc *desc;    /* lent                                                          */
    pdm_size              *packed0; /* [n_block+1] first packed position of a block                  */
    pdm_size              *update0; /* [n_block+1] into update                                       */
    pdm_size              *update;  /* offset of block (row a, row b), b <= a, for all pairs below j  */
    int32_t               *size;    /* [n_sample][n_block] unknowns of a block that exist             */
    int32_t               *order;   /* [n_sample][n_unknown] they, block by block from packed0 on      */
};

/* worth.c: scratch of blocks_worth */
size_t worth_doubles(const pdm_blocks_desc *d);

#endif
