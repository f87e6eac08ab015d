/* Inside of the rows on the device: the plan. */
#ifndef PDM_CUDA_ROWS_IMPL_H
#define PDM_CUDA_ROWS_IMPL_H

#include "backend/cuda/axes.h"
#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/rows.h"

typedef struct rows_term {
    const pdm_term_desc *desc; /* lent */
    const cuda_axis     *axis; /* [AXES] */
    axes_size            size;
    bool                 first;                    /* of the terms of its block */
    bool                 long_rows;                /* a block a row             */
    pdm_size             between;                  /* numbers of a sample between two steps of assembling A */
    unsigned char       *writes;                   /* [n_seen] see rows.c       */
    const int32_t       *sampled_offset;           /* device                    */
    const void          *value, *partial, *second; /* kernels; NULL: there is none */
} rows_term;

typedef struct cuda_derived {
    double *transform[PDM_MAX_DIM]; /* [n_coef[d]][n_coef[d]]; NULL before first_dim */
    double *symbol;                 /* [n_derived][n_layer coefficients]             */
    double *c, *v, *out;            /* [n_sample][n_seen][n_coef]                    */
} cuda_derived;

struct pdm_rows_plan {
    const pdm_rows_desc *desc; /* lent */
    pdm_size             n_sample, n_coef, n_local, n_seen;
    pdm_size             at_once; /* samples whose numbers at points there is scratch for */
    cuda_axes            axes;
    rows_term           *term; /* [n_term] */
    unsigned char       *writes;
    int32_t             *sampled_offset; /* device, term after term */
    rows_args            product;        /* tables, shapes */
    void                *tables;         /* device: those of `product` */
    cuda_derived         derived;
    cuda_pyramid         pyramid;
};

/* derived.c */
pdm_status cuda_derived_create(pdm_cuda *cu, pdm_rows_plan *p); /* nothing where there are no derived fields */
void       cuda_derived_destroy(pdm_cuda *cu, pdm_rows_plan *p);
/* seen = c and its derived fields; where there are none, *seen is c itself. */
pdm_status cuda_derived_extend(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, const double *c, double *room,
                               const double **seen);
/* Its transpose, from p->derived.out into out; nothing where there are none. */
pdm_status cuda_derived_fold(pdm_cuda *cu, const pdm_rows_plan *p, pdm_batch s, double *out);

#endif
