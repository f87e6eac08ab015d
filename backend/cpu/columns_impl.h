/* Inside of the CPU columns, shared with the normal matrix. */
#ifndef PDM_CPU_COLUMNS_IMPL_H
#define PDM_CPU_COLUMNS_IMPL_H

#include "backend/backend.h"

struct pdm_columns_plan {
    const pdm_columns_desc *desc; /* lent */
    pdm_size                n_group, n_column, n_value;
    pdm_size               *column0; /* [n_group+1] first column of each group in w           */
    pdm_size               *value0;  /* [n_group+1] first value of each group in C (DENSE)    */
    double                 *C;       /* [n_sample][n_value]                                   */
    double                 *norm;    /* [n_sample][n_column]                                  */
};

#endif
