/* Inside of the CPU columns, shared with the normal matrix. */
#ifndef PDM_CPU_COLUMNS_IMPL_H
#define PDM_CPU_COLUMNS_IMPL_H

#include "backend/backend.h"

struct pdm_columns_plan {
    const pdm_columns_desc *desc; /* lent */
    pdm_size                n_sample, n_group, n_column, n_value;
    pdm_size               *column0; /* [n_group+1] first column of each group in w           */
    pdm_size               *value0;  /* [n_group+1] first value of each group in C (DENSE)    */
    pdm_size               *window0; /* [n_group+1] first window of each group                */
    double                 *window;  /* [window0[n_group]] copied, as on a device (DENSE)     */
    /* DENSE: the columns that exist, group by group; they alone are in C, [n_coef_g][n_on] from value0[g] on, and in
     * norm, from column0[g] on. */
    int32_t *n_on;  /* [n_sample][n_group]                                                     */
    int32_t *on;    /* [n_sample][n_column] from column0[g] on: numbers within the group, rising */
    double  *C;     /* [n_sample][n_value]                                                     */
    double  *norm;  /* [n_sample][n_column]                                                    */
    bool    *kept;  /* [n_sample] C is what it would become again: columns are constant        */
    int32_t *build; /* [n_sample] room for a list of samples                                   */
};

#endif
