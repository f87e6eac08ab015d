/* Inputs of samples: where they come from (distributions, random fields, files of samples, the file of training:data),
 * how they are scaled for a network, and whether they are like those of training. Knows a domain and its PDE;
 * nothing of models.
 *
 * Read from a case:
 *   /inputs/NAME:distribution   how a scalar or a field is drawn (inputs/distribution.c)
 *   /inputs/NAME:file           a NetCDF file with samples of it
 *   /inputs/NAME samples        a variable with samples of it: [n] of a scalar, [n][its own points ...] of a field
 *   /training:data              a NetCDF file with samples of all inputs, and perhaps of the fields */
#ifndef PDM_INPUTS_H
#define PDM_INPUTS_H

#include "domain/domain.h"

/* ---- distributions, as text: NAME(ARGUMENT, ...) (inputs/distribution.c) ----
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
    /* fields; one length or basis for all dimensions or one each; n_basis 0: periodic where the
     * dimension is, else neumann */
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

/* ---- random fields on given points (inputs/random_field.c) ---- */
typedef struct pdm_random_field pdm_random_field;
typedef struct pdm_field_axis {
    const char   *name; /* for messages */
    double        low, high;
    bool          periodic;
    pdm_size      n;
    const double *point; /* [n] in [low, high]; rising, perhaps after a turn where periodic. Borrowed for the call */
} pdm_field_axis;
pdm_status pdm_random_field_create(pdm_context *ctx, const pdm_distribution *d, pdm_size n_dim,
                                   const pdm_field_axis *axis, pdm_where where, pdm_random_field **out);
void       pdm_random_field_destroy(pdm_random_field **f);
/* Share of the variance that the points carry, 0 to 1. */
double pdm_random_field_carried(const pdm_random_field *f);
/* out [prod n], last dimension fastest: sample number `sample` < 4096 of input number `input` < 2048. A Gaussian field
 * gets the exact amplitude with PDM_NORMALISE_RMS, and always when its distribution says so. No allocation. */
void pdm_random_field_draw(pdm_random_field *f, pdm_random_key key, pdm_size input, pdm_size sample,
                           pdm_normalise normalise, double *out);

/* The same field as mean + sum_m deviation[m] z_m phi_m, z_m independent, normal (0, 1): *n of them, deviation [n] lent.
 * Of Gaussian fields; 0 of two-phase media, which are no such sums. */
const double *pdm_random_field_modes(const pdm_random_field *f, pdm_size *n);
/* out [prod n] from z [modes]. No allocation. */
void pdm_random_field_compose(pdm_random_field *f, const double *z, double *out);

/* ---- samples in a file, brought onto the control grid, and the file's coordinates (inputs/files.c) ---- */
typedef struct pdm_file_inputs {
    pdm_size n_sample, n_coordinate[PDM_MAX_DIM];
    double  *input;                   /* [n_sample][n_input] */
    double  *coordinate[PDM_MAX_DIM]; /* NULL: the file has none */
} pdm_file_inputs;
/* Coordinates lie in the domain; those of time may go on beyond it. Fails with PDM_ERR_DATA. Destroy *out. */
pdm_status pdm_file_inputs_read(const pdm_domain *d, pdm_fields *f, pdm_file_inputs *out);
void       pdm_file_inputs_destroy(pdm_context *ctx, pdm_file_inputs *x);
/* Input i as it stands in the file, in the case's units: shape {n_sample or 1, its dimensions ...}; *values allocated. */
pdm_status pdm_file_input_read(const pdm_domain *d, pdm_fields *f, pdm_size i, pdm_size *shape, double **values);
/* All samples of input i at its own points: *values [n_sample][size of the input], allocated. */
pdm_status pdm_file_samples_read(pdm_context *ctx, const pdm_domain *d, const char *path, pdm_size i,
                                 pdm_size *n_sample, double **values);
/* A field input of a host on coordinates x[k] [n[k]] of its dimensions, values [n_sample][n[0]] ..., brought to its own
 * points as that of a file: out [n_sample][size of the input]. */
pdm_status pdm_host_field_read(pdm_context *ctx, const pdm_domain *d, pdm_size i, pdm_size n_sample, const pdm_size *n,
                               const double *const *x, const double *values, double *out);
/* A field of n_sample samples on the file's coordinates, which it must have: *values [n_sample][points], allocated. */
pdm_status pdm_file_field_read(const pdm_domain *d, pdm_fields *f, pdm_size field, pdm_size n_sample, double **values);

/* ---- all inputs of a case (inputs/inputs.c) ---- */
/* Samples of one input, in a file or in the case. */
typedef struct pdm_sample_pool {
    bool     is_there;
    char    *path; /* NULL: in the case */
    int32_t  file; /* inputs with the same path, or in the case, have the same number: they are picked together */
    pdm_size n_sample;
    double  *value; /* [n_sample][size of the input] */
} pdm_sample_pool;

/* Of the file in training:data: n_sample 0 without one. Fields only where they were wanted. */
typedef struct pdm_given {
    pdm_size n_sample, n_point, n_coordinate[PDM_MAX_DIM];
    double  *input;                   /* [n_sample][n_input]          */
    double  *field;                   /* [n_sample][n_field][n_point] */
    double  *coordinate[PDM_MAX_DIM]; /* of the fields                */
} pdm_given;

/* Read by everybody, written here; but for shift and scale, which a model may have from its file or from its parent. */
typedef struct pdm_inputs {
    pdm_context      *ctx;
    pdm_case         *the_case;
    const pdm_domain *domain;
    const pdm_pde    *pde;
    uint64_t          seed;
    bool              wants_fields;
    /* one per pde input */
    pdm_size           n;
    pdm_distribution  *distribution;
    pdm_random_field **field; /* NULL where the input is drawn otherwise */
    pdm_sample_pool   *pool;
    double            *shift, *scale; /* for the network: (x - shift) scale */
    bool               is_read;       /* pools and `given`                  */
    pdm_given          given;
} pdm_inputs;

/* From the case, without reading files yet. wants_fields: of training:data also the fields, without which it then fails.
 * Case and domain are lent for its life. */
pdm_status pdm_inputs_create(pdm_context *ctx, pdm_case *c, const pdm_domain *d, uint64_t seed, bool wants_fields,
                             pdm_inputs **out);
void       pdm_inputs_destroy(pdm_inputs **x);
/* Samples in files; once, when they are needed first. */
pdm_status pdm_inputs_read(pdm_inputs *x);
/* Shift and scale of inputs that are samples, which must have been read. */
void pdm_inputs_measure(pdm_inputs *x);
/* Middles of scalar distributions, plus `off` of their (half) widths; a draw of random fields, with its proper
 * amplitude; the first of given samples. input [n_input] */
void pdm_inputs_typical(pdm_inputs *x, double off, double *input);
/* Those of a step of training: input [n][n_input]; pick [n]: which samples of training:data they are,
 * else as they were. */
pdm_status pdm_inputs_draw_step(pdm_inputs *x, pdm_size step, pdm_size first, pdm_size n, double *input, int32_t *pick);
/* Drawn as by step 0, but none of training:data. */
void pdm_inputs_draw_first(pdm_inputs *x, pdm_size n, double *input);
/* n inputs never seen in training: drawn under a purpose of their own.
 * Fails with PDM_ERR_DATA where there is nothing to draw from. */
pdm_status pdm_inputs_draw_unseen(pdm_inputs *x, pdm_size n, double *input);
/* Of the same ones, of which there is no end, numbers first .. first+n-1. */
pdm_status pdm_inputs_draw_stream(pdm_inputs *x, pdm_size first, pdm_size n, double *input);
/* Warns of inputs that training has never drawn the like of, with one line for all; *count: how many samples have some.
 * uniform: outside of its ends; list: not in it; all others: beyond 5 deviations of the mean. Without fields where
 * scalars_only: those that go through several intervals in training become what the equations make of them. */
pdm_status pdm_inputs_check_range(const pdm_inputs *x, pdm_size n, const double *input, bool scalars_only,
                                  pdm_size *count);
/* A line an input: how it is drawn. */
pdm_status pdm_inputs_view(const pdm_inputs *x, pdm_text *out);

#endif
