/* Inside of experts/: the struct, and the step of its creation that has a file of its own. */
#ifndef PDM_EXPERTS_IMPL_H
#define PDM_EXPERTS_IMPL_H

#include "experts/experts.h"

typedef struct experts_settings {
    pdm_size basis;
    int      partition, prior;
    double   overlap;
} experts_settings;

/* Windows of the experts along one dimension, where they are not zero, divided by their sum: expert e has the entries
 * start[e] .. start[e+1]-1, by rising index of control points. */
typedef struct axis_windows {
    pdm_size *start; /* [n_expert+1] */
    pdm_size *index;
    double   *value;
} axis_windows;

struct pdm_experts {
    pdm_context      *ctx;
    const pdm_domain *domain;
    experts_settings  settings;
    pdm_size          per_dim[PDM_MAX_DIM];
    pdm_size          prior_per_dim[PDM_MAX_DIM]; /* boxes that polynomials are made for; each has whole experts */
    pdm_columns_desc  desc;
    pdm_column_group *group;   /* [n_expert*n_field]                           */
    int32_t          *coef;    /* pieces of all groups                          */
    double           *window;  /* like coef                                     */
    int32_t          *channel; /* [n_field][N]                                  */
    double           *prior;   /* pieces of all groups                          */
    axis_windows      window_of[PDM_MAX_DIM];
    pdm_size         *column0; /* [n_expert+1]                                  */
    pdm_taylor       *taylor;  /* NULL: another prior                           */
    double           *feature; /* [n_feature][n_space] of one sample            */
};

typedef enum experts_prior { PRIOR_POLYNOMIAL, PRIOR_NONE, PRIOR_TAYLOR } experts_prior;

/* experts/prior.c: the polynomials of all groups, once these have their columns; behind the Taylor columns, if any. */
pdm_status experts_prior_create(pdm_experts *x);
/* experts/base.c. where: of the setting. */
pdm_status experts_base_create(pdm_experts *x, pdm_where where);
/* Columns of a group that are Taylor columns: its first ones. */
pdm_size experts_n_taylor(const pdm_experts *x, const pdm_column_group *g);

#endif
