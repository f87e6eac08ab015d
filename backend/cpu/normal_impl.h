/* Inside of the normal matrix: its plan, and the share of the coarse rows. */
#ifndef PDM_CPU_NORMAL_IMPL_H
#define PDM_CPU_NORMAL_IMPL_H

#include "backend/cpu/columns_impl.h"
#include "backend/cpu/cpu_impl.h"
#include "backend/cpu/pyramid.h"

/* Sums of rows of J over boxes: dense [boxes of a level][unknowns that exist, in packed order]. */
typedef struct coarse_plan {
    cpu_pyramid pyramid;
    int32_t    *packed_of;   /* [n_unknown] packed place of an unknown when all exist             */
    int32_t    *first, *end; /* [n_level+1][n_block] boxes that a block's columns touch, level 1 on */
    double     *shared;      /* IDENTITY: the sums of one sample at a time; DENSE: NULL, in scratch */
} coarse_plan;

/* What exists of one sample: numbers of unknowns. */
typedef struct normal_sizes {
    int32_t *block;   /* [n_block]                                                       */
    int32_t *packed0; /* [n_block+1] first of a block in packed order                    */
    int32_t *place;   /* [n_expert] of an expert's first unknown in its block             */
    int32_t *column0; /* [n_group+1] first of a group                                     */
} normal_sizes;

/* One local coefficient of an element that belongs to a group: where its row of C is, and where its columns are in J. */
typedef struct element_reference {
    int32_t local;        /* field * n_local + l                    */
    int32_t group, place; /* row `place` of the group's C    */
    int32_t member;       /* which expert of the patch, DENSE only */
} element_reference;

typedef struct normal_patch {
    pdm_size n_expert, expert0; /* into patch_expert                              */
    pdm_size n_column;
    pdm_size n_element, element0; /* into patch_element                             */
    pdm_size pair0;               /* into pair: n_expert*(n_expert+1)/2 of them     */
} normal_patch;

/* Where J^T J of two experts goes: into the block at offset, rows of the first, columns of the second expert, or
 * (transposed) the other way round; offset -1: nowhere. */
typedef struct normal_pair {
    pdm_size offset;
    int32_t  block_j; /* whose unknowns are the block's columns */
    bool     transposed, diagonal;
} normal_pair;

struct pdm_normal_plan {
    const pdm_rows_desc    *rows;
    const pdm_columns_desc *columns;
    const pdm_blocks_desc  *blocks;
    pdm_size                n_local, n_element, n_patch, most_columns, most_rows, most_references;
    normal_patch           *patch;
    int32_t                *patch_expert, *patch_element, *element_patch; /* element_patch [n_element]     */
    pdm_size               *row0;                                         /* [n_element+1] into element_row */
    int32_t                *element_row;                                  /* [n_row] rows, element by element */
    normal_pair            *pair;
    pdm_size               *reference0; /* [n_element+1] */
    element_reference      *reference;
    int32_t                *block_of, *place; /* [n_unknown] block of an unknown, and its place there */
    pdm_size               *column0;          /* [n_group+1] first unknown of a group */
    pdm_size                n_packed;         /* experts that have columns            */
    int32_t                *packed_expert;    /* [n_packed] they, in packed order; DENSE only */
    normal_sizes            full;             /* when all unknowns exist              */
    coarse_plan             coarse;
};

/* Doubles of the sums of one sample: two levels. */
size_t     coarse_size(const pdm_normal_plan *p);
pdm_status coarse_create(pdm_context *ctx, pdm_normal_plan *p);
void       coarse_destroy(pdm_context *ctx, pdm_normal_plan *p);
/* Row `row` of J, whose columns of one expert, or one column, go to packed place `place` on, into the sums of level 1,
 * which have n_on columns. */
void coarse_add(const pdm_normal_plan *p, pdm_size n_on, double *sums, int32_t row, pdm_size place, pdm_size n,
                const double *J);
/* H += sum over levels of their normal matrices; block columns are shared out, see pdm_cpu_share(). */
void coarse_products(const pdm_normal_plan *p, const normal_sizes *sizes, pdm_cpu *team, const pdm_cpu_kernels *kernels,
                     double *sums, double *H);

#endif
