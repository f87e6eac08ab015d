/* The model: everything joined. Public calls are in pdemoe/pdemoe.h (pdm_model_*, pdm_case_describe); this header is for
 * tests and benchmarks, which look inside. */
#ifndef PDM_TRAIN_H
#define PDM_TRAIN_H

#include "experts/routing.h"
#include "implicit_diff/implicit_diff.h"
#include "lines/lines.h"
#include "surrogate/gate.h"
#include "surrogate/surrogate.h"

/* ---- distributions of inputs, as text: NAME(ARGUMENT, ...) (train/distribution.c) ----
 * Scalars: uniform(low, high), normal(mean, deviation), list(a, b, ...). Fields: gaussian_field(length, ...),
 * two_phase(length, ..., low, high). */
typedef enum pdm_distribution_kind {
    PDM_DISTRIBUTION_NONE,
    PDM_DISTRIBUTION_UNIFORM,
    PDM_DISTRIBUTION_NORMAL,
    PDM_DISTRIBUTION_LIST,
    PDM_DISTRIBUTION_GAUSSIAN_FIELD,
    PDM_DISTRIBUTION_TWO_PHASE
} pdm_distribution_kind;
/* In the order of their words. */
typedef enum pdm_basis { PDM_BASIS_PERIODIC, PDM_BASIS_NEUMANN, PDM_BASIS_DIRICHLET } pdm_basis;
typedef enum pdm_constant { PDM_CONSTANT_KEEP, PDM_CONSTANT_DROP } pdm_constant;
typedef enum pdm_normalise { PDM_NORMALISE_NONE, PDM_NORMALISE_RMS } pdm_normalise;
enum { PDM_LIST_MOST = 64 };
typedef struct pdm_distribution {
    pdm_distribution_kind kind;
    pdm_size              n;                    /* numbers in value                    */
    double                value[PDM_LIST_MOST]; /* low, high; mean, deviation; the list */
    /* fields; one length or basis for all dimensions or one each; n_basis 0: periodic where the dimension is, else neumann */
    pdm_size n_length, n_basis;
    double   length[PDM_MAX_DIM];
    int      basis[PDM_MAX_DIM]; /* pdm_basis */
    int      constant;           /* pdm_constant */
    double   smoothness;         /* INFINITY: squared exponential */
    double   mean, amplitude;
    int      normalise;           /* pdm_normalise */
    double   low, high, fraction; /* two phases; fraction is that of high */
} pdm_distribution;
/* Fails with PDM_ERR_CASE at the word that is wrong. */
pdm_status pdm_distribution_parse(pdm_context *ctx, const char *text, pdm_where where, pdm_distribution *out);
bool       pdm_distribution_is_field(const pdm_distribution *d);
double     pdm_distribution_draw(const pdm_distribution *d, pdm_random_key key, uint64_t index); /* of a scalar */
/* Centre, and half the width (deviation for normal and Gaussian); 1 where the width is zero. */
void pdm_distribution_spread(const pdm_distribution *d, double *centre, double *width);

/* ---- random fields on given points (train/random_field.c) ---- */
typedef struct pdm_random_field pdm_random_field;
typedef struct pdm_field_axis {
    const char *name; /* for messages */
    double      low, high;
    bool        periodic;
    pdm_size    n;
    const double
        *point; /* [n] in [low, high]; increasing, perhaps after a turn where periodic. Borrowed for the call */
} pdm_field_axis;
pdm_status pdm_random_field_create(pdm_context *ctx, const pdm_distribution *d, pdm_size n_dim,
                                   const pdm_field_axis *axis, pdm_where where, pdm_random_field **out);
void       pdm_random_field_destroy(pdm_random_field **f);
/* Share of the variance that the points carry, 0 to 1. */
double pdm_random_field_carried(const pdm_random_field *f);
/* out [prod n], last dimension fastest: sample number `sample` < 4096 of input number `input` < 2048. A Gaussian field gets
 * the exact amplitude with PDM_NORMALISE_RMS, and always when its distribution says so. No allocation. */
void pdm_random_field_draw(pdm_random_field *f, pdm_random_key key, pdm_size input, pdm_size sample,
                           pdm_normalise normalise, double *out);

/* ---- looking inside ---- */
pdm_backend      *pdm_model_backend(pdm_model *m);
pdm_solver       *pdm_model_solver(pdm_model *m);
pdm_surrogate    *pdm_model_surrogate(pdm_model *m);
const pdm_domain *pdm_model_domain(const pdm_model *m);
/* Loss of the mean over the present batch at the present weights, and its gradient into the surrogate's g_parameters when
 * wanted; draws the inputs of `step`. The building block of train steps and gradient checks. */
pdm_status pdm_model_loss(pdm_model *m, pdm_size step, bool gradient, double *loss);

#endif
