/* Inside of the normal matrix on the device: its plan, and what is known on the host while planning. */
#ifndef PDM_CUDA_NORMAL_IMPL_H
#define PDM_CUDA_NORMAL_IMPL_H

#include "backend/cpu/pyramid.h"
#include "backend/cuda/columns_impl.h"
#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/normal.h"
#include "backend/lists.h"

struct pdm_normal_plan {
    pdm_column_kind kind;
    pdm_size        n_sample, n_part; /* n_part: samples at a time */
    pdm_size        n_expert, n_job, n_slice, n_tile, n_run, n_block_tile;
    cuda_owned      owned;
    cuda_pyramid    pyramid;
    normal_args     args;                         /* what does not change from call to call */
    cuda_table      exists;                       /* see normal_args; IDENTITY: one row, for all samples */
    pdm_size        selection;                    /* of the columns plan that `exists` is of */
    pdm_size       *column0;                      /* [n_group+1] host: first column of a group when all exist   */
    int32_t        *packed_expert, *expert_block; /* host: experts that have columns in packed order; block of each */
    pdm_size        n_packed;
};

/* Everything on the host that is needed while planning only. */
typedef struct normal_draft {
    const pdm_rows_desc    *rows;
    const pdm_columns_desc *columns;
    const pdm_blocks_desc  *blocks;
    pdm_size                n_local, n_element, n_group;
    cpu_pyramid             pyramid;
    int32_t                *element_coef;               /* [n_element][n_local] coefficients an element sees    */
    int32_t                *row_element;                /* [n_row] element that holds a row                     */
    int32_t                *element_row0, *element_row; /* [n_element+1], [n_row]                 */
    pdm_owners              owners;
    int32_t                *block_of, *place_of; /* [n_unknown] block of an unknown, place there   */
    int32_t                *seen;                /* [n_expert] a list of experts                   */
    pdm_size               *count;               /* [n_expert or boxes of level 1] zeros, but in use */
    /* DENSE: pieces, elements of an expert, expert by expert */
    pdm_size      *piece0;                    /* [n_expert+1] */
    int32_t       *piece_element, *piece_row; /* [n_piece] element; first row of J_e */
    pdm_size      *of_element0;               /* [n_element+1] pieces of an element, experts rising */
    int32_t       *of_element, *piece_expert;
    normal_expert *expert; /* [n_expert] */
} normal_draft;

pdm_status normal_draft_create(pdm_context *ctx, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                               const pdm_blocks_desc *blocks, normal_draft *t);
void       normal_draft_destroy(pdm_context *ctx, normal_draft *t);

/* normal_dense.c: lists of the plan for columns from basis functions. */
pdm_status normal_dense_create(pdm_cuda *cu, normal_draft *t, pdm_normal_plan *p);

#endif
