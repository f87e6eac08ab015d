/* Inside of the block-sparse matrices on the device: their plan, shared by factorisation and worth. */
#ifndef PDM_CUDA_BLOCKS_IMPL_H
#define PDM_CUDA_BLOCKS_IMPL_H

#include "backend/cuda/blocks.h"
#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/worth.h"

/* Block columns none of which waits for another one of them. Ranges into the plan's lists. */
typedef struct blocks_level {
    pdm_size subtract0, n_subtract; /* tiles of their blocks to which something belongs       */
    pdm_size column0, n_column;     /* those whose diagonal block our kernel factors           */
    pdm_size divide0, n_divide;     /* tiles of the blocks below these                         */
    pdm_size large0, n_large;       /* columns that cuSOLVER and cuBLAS do, sample by sample   */
    pdm_size widest;                /* of the columns that are ours                            */
} blocks_level;

/* Of blocks_worth; n_set 0: there are no sets. */
typedef struct worth_plan {
    pdm_size         n_set, stride; /* doubles of a set's scratch          */
    pdm_size         n_part;        /* samples at a time, at most          */
    worth_set       *set;           /* [n_set] host                        */
    const worth_set *on_device;
    int32_t         *which, *m; /* host, of a part: see worth_args         */
} worth_plan;

struct pdm_blocks_plan {
    pdm_size           n_sample, n_level;
    cuda_owned         owned;
    blocks_args        args; /* what does not change from call to call; its arrays are the plan's */
    const blocks_tile *subtract, *divide;
    const int32_t     *column;                        /* columns that are ours, level by level */
    int32_t           *large;                         /* host: the others                      */
    blocks_level      *level;                         /* [n_level]                             */
    int32_t           *start, *row, *order, *packed0; /* host: of the desc; packed0 [n_block+1] */
    pdm_size          *offset;
    cuda_table         size, at; /* see blocks_args */
    int32_t           *failed;   /* [n_sample] host */
    int                n_work;   /* doubles of cuSOLVER's work */
    worth_plan         worth;
};

pdm_status worth_create(pdm_cuda *cu, const pdm_blocks_desc *d, pdm_blocks_plan *p);
void       worth_destroy(pdm_cuda *cu, pdm_blocks_plan *p);

#endif
