/* Inside of the columns on the device, shared with the normal matrix. */
#ifndef PDM_CUDA_COLUMNS_IMPL_H
#define PDM_CUDA_COLUMNS_IMPL_H

#include "backend/cuda/columns.h"
#include "backend/cuda/cuda_impl.h"

struct pdm_columns_plan {
    pdm_column_kind kind;
    bool            constant;
    pdm_size        n_sample, n_tile;
    cuda_owned      owned;
    columns_args    args;                    /* what does not change from call to call; its arrays are the plan's */
    columns_group  *group;                   /* [n_group] host                                                    */
    cuda_table      n_on;                    /* [n_group] columns that exist                                      */
    cuda_table      on, place;               /* [n_column] see columns_args                                       */
    double         *window, *prior, *offset; /* on the device: those of args                         */
    double         *draft;                   /* host, room for one of the three                                   */
    bool           *kept;                    /* [n_sample] C is what it would become again: columns are constant  */
    int32_t        *build;                   /* [n_sample] room for a list of samples                             */
    pdm_size        selection;               /* number of the last choice of columns, of all plans of the back end */
};

#endif
