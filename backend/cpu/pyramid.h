/* Rows that count as sums over boxes of cells, of all row blocks that ask for it, level by level. */
#ifndef PDM_BACKEND_CPU_PYRAMID_H
#define PDM_BACKEND_CPU_PYRAMID_H

#include "backend/backend.h"

/* Level 0: the rows. Boxes of different blocks stand side by side in a level. */
typedef struct cpu_pyramid {
    pdm_size n_level;                  /* above level 0                                            */
    pdm_size n[PDM_MAX_LEVEL + 1];     /* rows, boxes of level 1, ...                              */
    pdm_size n_box;                    /* of all levels above 0                                    */
    double  *unscale;                  /* [n[0]] 1 / scale of a row; 0 for rows in no pyramid      */
    double  *own;                      /* [n[0]] 1; 0 for rows that count in sums only             */
    int32_t *parent[PDM_MAX_LEVEL];    /* [l][n[l]] box of level l + 1; -1: none                   */
    double  *scale[PDM_MAX_LEVEL + 1]; /* [l][n[l]] factor on the sum of a box, l >= 1             */
} cpu_pyramid;

/* n_level 0 when no block asks for levels. */
pdm_status cpu_pyramid_create(pdm_context *ctx, const pdm_rows_desc *rows, cpu_pyramid *out);
void       cpu_pyramid_destroy(pdm_context *ctx, cpu_pyramid *p);
/* out = M r for one sample; work: n_box doubles. */
void cpu_pyramid_weigh(const cpu_pyramid *p, const double *restrict r, double *restrict out, double *restrict work);

#endif
