/* Inside of experts/: the struct, and the step of its creation that has a file of its own. */
#ifndef PDM_EXPERTS_IMPL_H
#define PDM_EXPERTS_IMPL_H

#include "experts/experts.h"

typedef struct experts_settings {
    pdm_size basis, slabs;
    int      boxes, partition, prior, guess;
    double   overlap, learning_rate;
} experts_settings;

/* What an expert owns, along every dimension: control points i with low <= i + 1/2 < high. */
typedef struct experts_box {
    double low[PDM_MAX_DIM], high[PDM_MAX_DIM];
} experts_box;

/* Windows of the experts along one dimension, where they are not zero: expert e has the entries start[e] ..
 * start[e+1]-1, by rising index of control points. */
typedef struct axis_windows {
    pdm_size *start; /* [n_expert+1] */
    pdm_size *index;
    double   *value;
} axis_windows;

typedef struct experts_learned experts_learned;

struct pdm_experts {
    pdm_context      *ctx;
    const pdm_domain *domain;
    experts_settings  settings;
    pdm_size          per_dim[PDM_MAX_DIM]; /* experts along a dimension; of measured boxes their product counts  */
    experts_box      *box;                  /* [n_expert]                                                        */
    int64_t          *bounds;               /* [n_expert][n_dim][2] of measured boxes; NULL: equal ones          */
    int32_t          *owner;                /* [n_coef] the only expert that a control point belongs to; -1: several */
    pdm_size          prior_per_dim[PDM_MAX_DIM];
    experts_box      *prior_box; /* boxes that polynomials are made for; each has whole experts */
    int32_t          *prior_of;  /* [n_expert] which of them                    */
    pdm_size         *n_place;   /* [prior boxes][n_field][n_dim] places with coefficients of its experts */
    pdm_columns_desc  desc;
    pdm_column_group *group;                  /* [n_expert*n_field]                           */
    int32_t          *coef;                   /* pieces of all groups                          */
    double           *window;                 /* like coef                                     */
    experts_learned  *learned;                /* NULL: windows stay as they are                */
    int32_t          *channel;                /* [n_field][N]                                  */
    int32_t          *number;                 /* [N] rising: the prior's column that each is added to */
    double           *prior;                  /* pieces of all groups                          */
    pdm_size          n_pod;                  /* numbers in prior, where it is "pod"; else 0       */
    axis_windows      window_of[PDM_MAX_DIM]; /* while it is made: then nothing */
    pdm_size         *column0;                /* [n_expert+1]                                  */
    pdm_taylor       *taylor;                 /* NULL: another prior                           */
    double           *feature;                /* [n_feature][n_space] of one sample            */
};

typedef enum experts_boxes { BOXES_EQUAL, BOXES_MEASURED } experts_boxes;
typedef enum experts_partition { PARTITION_HARD, PARTITION_SMOOTH, PARTITION_LEARNED } experts_partition;
typedef enum experts_prior { PRIOR_POLYNOMIAL, PRIOR_NONE, PRIOR_TAYLOR, PRIOR_POD } experts_prior;
typedef enum experts_guess { GUESS_NONE, GUESS_NETWORK } experts_guess;

/* experts/boxes.c: one box an expert, the last dimension fastest; box [product of along]. */
void boxes_equal(pdm_size n_dim, const pdm_size *n_coef, const pdm_size *along, experts_box *box);
/* bounds as in pdm_experts_create(). */
void boxes_from_bounds(pdm_size n_dim, pdm_size n_expert, const int64_t *bounds, experts_box *box);

/* experts/windows.c: windows of x->box along a dimension. */
pdm_status windows_create(pdm_experts *x, pdm_size dim, double overlap);
void       windows_destroy(pdm_context *ctx, axis_windows *w);
/* A control point that an expert's window reaches: an entry of the windows along every dimension. They come by rising
 * index; false: there are no more, or none. */
typedef struct windows_at {
    pdm_size expert, entry[PDM_MAX_DIM];
} windows_at;
bool     windows_first(const pdm_experts *x, pdm_size expert, windows_at *at);
bool     windows_next(const pdm_experts *x, windows_at *at);
pdm_size windows_coef(const pdm_experts *x, const windows_at *at);
double   windows_value(const pdm_experts *x, const windows_at *at); /* not yet divided by the sum over experts */

/* experts/numbers.c: /experts:prior_columns, and so many columns as there are with numbers below `limit`,
 * the first ones. */
pdm_status experts_numbers_read(pdm_experts *x, pdm_case *c);
pdm_size   experts_count_numbers(const pdm_experts *x, pdm_size limit);

/* experts/learned.c: logits for the windows that the groups have, and windows from them. */
pdm_status experts_learned_create(pdm_experts *x);
void       experts_learned_destroy(pdm_experts *x);

/* Control points over which neighbouring windows blend. */
static inline double experts_overlap(const pdm_experts *x)
{
    return x->settings.partition == PARTITION_HARD ? 0.0 : x->settings.overlap;
}

/* experts/prior.c: the polynomials of all groups, once these have their columns; behind the Taylor columns, if any. */
pdm_status experts_prior_create(pdm_experts *x);
/* Of one group, continued to any coefficients coef [n_coef]: out [n_coef][n_col], zeros before;
 * Taylor columns stay zero. */
pdm_status experts_prior_fill(const pdm_experts *x, pdm_size expert, pdm_size field, pdm_size n_coef,
                              const int32_t *coef, pdm_size n_col, double *out);
/* Polynomials of rising degree on a box, at coefficients coef [n_coef] of it: columns first .. n_col-1 of out
 * [n_coef][n_col], as many as there are below the limits, one per dimension, on the number of functions of one
 * variable; others stay as they are. */
void experts_polynomials(const pdm_experts *x, const experts_box *box, const pdm_size *limit, pdm_size n_coef,
                         const int32_t *coef, pdm_size first, pdm_size n_col, double *out);
/* experts/pod.c: room for the columns of all groups, zeros at first. */
pdm_status experts_pod_create(pdm_experts *x);
/* experts/base.c. where: of the setting. */
pdm_status experts_base_create(pdm_experts *x, pdm_where where);

#endif
