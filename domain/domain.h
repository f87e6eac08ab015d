/* Where the PDE lives: splines and maps per dimension, the control grid, cells and rows, what initial and boundary data
 * fix, and how inputs become data at points. Everything here is host-side setup; the heavy work is done by back ends from
 * the descriptions made here.
 *
 * Read from a case:
 *   /domain:rows "volume|point", sub, gauss, row_power, levels, level_power, kinks "auto|none"
 *   /domain/DIM:extent, map, grading, knots, kinks, degree, control_points, kind "bounded|periodic", sub, gauss
 *                                                                                    (experts: see experts/)
 *   /inputs/NAME:kind "spline|cells", cells, between "mean|harmonic"
 *
 * Coefficients c [n_field][n_coef], n_coef = prod of n_coef[d], last dimension fastest. */
#ifndef PDM_DOMAIN_H
#define PDM_DOMAIN_H

#include "pde/pde.h"

/* ---- splines of one dimension (domain/spline.c, domain/map.c) ---------------------------------------------------- */
#define PDM_MAX_DEGREE 7
#define PDM_MAX_ORDER  4 /* highest derivative that is tabulated */

/* Coordinate map x = X(xi), xi in [0,1]; strictly increasing. */
typedef enum pdm_map_kind { PDM_MAP_LINEAR, PDM_MAP_POWER, PDM_MAP_SINH } pdm_map_kind;
typedef struct pdm_map {
    pdm_map_kind kind;
    double       low, high;
    double       exponent;        /* POWER: x = low + L xi^exponent ("sqrt" is exponent 2: xi = sqrt((x-low)/L)) */
    double centre, strength, xi0; /* SINH: x = centre + s sinh(strength (xi - xi0))                              */
} pdm_map;
/* "linear", "sqrt", "power P", "sinh CENTRE STRENGTH" */
pdm_status pdm_map_parse(pdm_context *ctx, const char *text, pdm_where where, double low, double high, pdm_map *out);
double     pdm_map_value(const pdm_map *m, double xi);
double     pdm_map_inverse(const pdm_map *m, double x);
/* d[k] = k-th derivative of X at xi, k = 0..n */
void pdm_map_derivatives(const pdm_map *m, double xi, pdm_size n, double *d);

/* Functions S_i(xi(x)), i < n_coef. Clamped knots, or uniform-in-index periodic ones. Element e lies between breaks e and
 * e+1 and sees functions e .. e+degree (modulo n_coef when periodic). At a kink a break stands `degree` times: the
 * spline is continuous there, its slope is not, and degree - 1 elements have no length. Those that have are spans. */
typedef struct pdm_spline {
    pdm_context            *ctx;
    pdm_map                 map;
    pdm_size                degree, n_coef, n_element, n_span;
    bool                    periodic;
    double                 *breaks;      /* [n_element+1] in xi, from 0 to 1                    */
    double                 *ends;        /* [n_span+1] breaks, each once                        */
    pdm_size               *span;        /* [n_span] its element                                */
    double                 *knots;       /* [n_element+1+2*degree] in xi; breaks start at degree */
    double                 *greville;    /* [n_coef] in xi: averages of knots, wrapped into [0,1) when periodic */
    struct pdm_collocation *collocation; /* at the Greville points */
} pdm_spline;

/* interior [n_coef - degree - 1] breaks for bounded, [n_coef - 1] for periodic splines, those of kinks `degree` times
 * and next to others on both sides; NULL: uniform. */
pdm_status pdm_spline_create(pdm_context *ctx, const pdm_map *map, pdm_size degree, pdm_size n_coef, bool periodic,
                             const double *interior, pdm_spline *out);
void       pdm_spline_destroy(pdm_spline *s);
/* Element that holds xi in [0,1] (right-continuous, the last one closed); it has a length. */
pdm_size pdm_spline_element(const pdm_spline *s, double xi);
/* basis [n_order][degree+1]: derivatives of order 0 .. n_order-1 by the physical coordinate of the functions that
 * element e, which has a length, sees, at xi (in e or on its ends). Where dX/dxi = 0 derivatives of order >= 1 are
 * infinite. Source: de Boor's recursion for values and derivatives; chain rule through the inverse power series of X. */
void pdm_spline_basis(const pdm_spline *s, pdm_size element, double xi, pdm_size n_order, double *basis);
/* Coefficients of the spline through values at the Greville points: with strides; coef and values do not overlap. */
void pdm_spline_interpolate(const pdm_spline *s, const double *values, pdm_size stride, double *coef,
                            pdm_size coef_stride);

/* ---- coarser splines inside a domain's (domain/nest.c): every second knot dropped, level by level ---- */
typedef struct pdm_nest pdm_nest;
/* Down to few coefficients, as far as dimensions without repeated knots allow. domain is not kept. */
struct pdm_domain;
pdm_status           pdm_nest_create(pdm_context *ctx, const struct pdm_domain *domain, pdm_nest **out);
void                 pdm_nest_destroy(pdm_nest **n);
const pdm_nest_desc *pdm_nest_describe(const pdm_nest *n);

/* ---- data along a line (domain/resample.c, domain/fit.c); linear in the number of points ---- */
/* Values at `to` of the cubic (or lower) spline through data at rising coordinates `from`. period 0: bounded; points of
 * `to` beyond the data by more than half a spacing are refused by the caller. Holds scratch: one thread at a time. */
typedef struct pdm_resample pdm_resample;
pdm_status pdm_resample_create(pdm_context *ctx, pdm_size n_from, const double *from, pdm_size n_to, const double *to,
                               double period, pdm_resample **out);
void       pdm_resample_destroy(pdm_resample **r);
/* values [n_from], out [n_to], with strides; they do not overlap. */
void pdm_resample_apply(pdm_resample *r, const double *values, pdm_size stride, double *out, pdm_size out_stride);
/* Coefficients of the spline that is nearest, in the sum of squares, to values at n points xi in [0,1]; weight [n] of
 * the squares, NULL: 1. *possible false, and no *out: the points do not determine it. Holds scratch: one thread at a
 * time. */
typedef struct pdm_spline_fit pdm_spline_fit;
pdm_status pdm_spline_fit_create(const pdm_spline *s, pdm_size n, const double *xi, const double *weight,
                                 pdm_spline_fit **out, bool *possible);
void       pdm_spline_fit_destroy(pdm_spline_fit **f);
/* c [n_coef]: weighted sums of values times functions, B^T W v, become coefficients. */
void pdm_spline_fit_solve(const pdm_spline_fit *f, double *c);
/* values [n], coef [n_coef], with strides. Without weights. */
void pdm_spline_fit_apply(pdm_spline_fit *f, const double *values, pdm_size stride, double *coef, pdm_size coef_stride);

/* ---- the domain -------------------------------------------------------------------------------------------------- */
typedef struct pdm_domain pdm_domain;

/* Interior breaks in xi of the dimensions with grading = "auto", each once [n_span - 1]; NULL: equal spans. Kinks take
 * the places of the nearest ones. */
typedef struct pdm_grading {
    double *interior[PDM_MAX_DIM];
} pdm_grading;
/* grading: lent for the call; NULL is equal spans for all. */
pdm_status pdm_domain_create(pdm_context *ctx, pdm_case *c, const pdm_pde *pde, const pdm_grading *grading,
                             pdm_domain **out);
/* Kinks of a dimension; what a case's control_points say for n_span spans, or a few more where cells of an input want
 * that. */
pdm_size pdm_domain_n_kink(const pdm_domain *d, pdm_size dim);
pdm_size pdm_domain_control_points(const pdm_domain *d, pdm_size dim, pdm_size n_span);
bool     pdm_domain_wants_grading(const pdm_domain *d, pdm_size dim); /* grading = "auto" */
void     pdm_domain_destroy(pdm_domain **d);

pdm_size          pdm_domain_n_dim(const pdm_domain *d);
pdm_size          pdm_domain_n_field(const pdm_domain *d);
pdm_size          pdm_domain_n_coef(const pdm_domain *d); /* of one field */
const pdm_spline *pdm_domain_spline(const pdm_domain *d, pdm_size dim);
double            pdm_domain_order(const pdm_domain *d);          /* of errors, at most: the largest degree + 1 */
enum { PDM_SUB_MOST = 8 };                                        /* as in the table of domain.c */
pdm_size       pdm_domain_sub(const pdm_domain *d, pdm_size dim); /* cells a knot span */
const pdm_pde *pdm_domain_pde(const pdm_domain *d);
/* 1 where a coefficient is free, 0 where initial or Dirichlet data fix it: [n_field][n_coef]. */
const unsigned char *pdm_domain_free(const pdm_domain *d);
pdm_size             pdm_domain_n_free(const pdm_domain *d);
/* The field that a condition counts for, among those it mentions. */
pdm_size pdm_domain_condition_field(const pdm_domain *d, pdm_size condition);
/* Row blocks: one per equation, then one per general condition. */
typedef struct pdm_row_block {
    char     name[64];
    pdm_size row0, n_row;
    pdm_size shape[PDM_MAX_DIM];
} pdm_row_block;
pdm_size             pdm_domain_n_block(const pdm_domain *d);
const pdm_row_block *pdm_domain_block(const pdm_domain *d, pdm_size i);
const pdm_rows_desc *pdm_domain_rows(const pdm_domain *d);
/* Is row i of the term's block in a knot span that reaches inside the case's shape? True of all without one. */
bool pdm_domain_row_counts(const pdm_domain *d, pdm_size term, pdm_size i);
/* Is any place of a side of the box inside the case's shape? True of all without one. */
bool pdm_domain_side_is_inside(const pdm_domain *d, pdm_size dim, int side);
/* Factor on all rows of a block; found by pdm_domain_scale_from or read from a model file. Changes the description: call
 * before back ends take it. */
void   pdm_domain_set_scale(pdm_domain *d, pdm_size block, double scale);
double pdm_domain_scale(const pdm_domain *d, pdm_size block);
/* Scales from a linearisation with all scales 1: A [n_row][n_seen][n_local] at a typical state, magnitude [n_field] of
 * the fields. Block scale = 1 / median over its rows of |A_row diag(magnitude)|,
 * so that rows of all blocks count alike. */
pdm_status pdm_domain_scale_from(pdm_domain *d, const double *A, const double *magnitude);

/* Terms, and what of one is summand f (pdm_pde_summands) alone: rows from 0 on over the cells of its block, integrals
 * without scales (domain/apart.c). The description lends from the domain and from f; it stays where it is made. */
pdm_size            pdm_domain_term_block(const pdm_domain *d, pdm_size term);
const pdm_function *pdm_domain_term_function(const pdm_domain *d, pdm_size term);
typedef struct pdm_part_rows {
    pdm_rows_desc rows;
    pdm_term_desc term;
    int32_t      *offset; /* [n_sampled] */
    double       *ones;
    int32_t      *pair;           /* of pdm_part_rows_keep(): pair0, pair_point, element */
    double       *weight, *point; /* ... pair_weight; coordinate, basis                  */
} pdm_part_rows;
pdm_status pdm_part_rows_create(const pdm_domain *d, pdm_size term, const pdm_function *f, pdm_part_rows *out);
/* The dimension through whose faces the term is a flux, -1: none. */
pdm_size pdm_domain_term_flux(const pdm_domain *d, pdm_size term);
/* Of the faces of such a term some alone, signs as they were: *n_kept of the pairs of a face and a cell. For residuals,
 * before a back end takes the description; once. */
typedef enum pdm_faces {
    PDM_FACES_FIRST, /* the lowest of all               */
    PDM_FACES_UPPER, /* the upper one of every cell     */
    PDM_FACES_OUTER  /* the lowest and the highest      */
} pdm_faces;
pdm_status pdm_part_rows_keep(const pdm_domain *d, pdm_part_rows *p, pdm_size dim, pdm_faces faces, pdm_size *n_kept);
void       pdm_part_rows_destroy(const pdm_domain *d, pdm_part_rows *p);
double     pdm_domain_cell_middle(const pdm_domain *d, pdm_size dim, pdm_size i); /* physical; of cell rows */

/* ---- inputs of one sample. Packed: scalars and fields in the order of the pde's inputs; a field is its values at the
 * points of its dimensions (pdm_domain_input_points): Greville points, or centres of cells. ---- */
pdm_size pdm_domain_n_input(const pdm_domain *d); /* doubles a sample */
pdm_size pdm_domain_input_offset(const pdm_domain *d, pdm_size input);
pdm_size pdm_domain_input_size(const pdm_domain *d, pdm_size input);
/* Constant in cells, or the spline through its values? */
bool pdm_domain_input_on_cells(const pdm_domain *d, pdm_size input);
/* Physical points along dimension k of a field input: [*n]. Lent. */
const double *pdm_domain_input_points(const pdm_domain *d, pdm_size input, pdm_size k, pdm_size *n);
/* Physical Greville points of a dimension: [n_coef]. Lent. */
const double *pdm_domain_greville(const pdm_domain *d, pdm_size dim);

/* The largest disagreement of data where two of them meet, relative to the largest value of either: of the initial state
 * with values on a side, and of the values on two sides along their common edge. */
typedef struct pdm_jump {
    double    size, relative;
    int32_t   field, dim; /* of the value's side */
    pdm_where where;
} pdm_jump;
typedef struct pdm_lift_report {
    pdm_jump start, edge;
} pdm_lift_report;
/* From one sample's packed input: scalar [n_scalar], sampled [rows.n_sampled], lift [n_field][n_coef] (initial state
 * continued over all time, Dirichlet layers). work: pdm_domain_prepare_work() doubles. report may be NULL.
 * Fails with PDM_ERR_NUMERIC when an initial or boundary expression is not finite. */
pdm_status pdm_domain_prepare(pdm_domain *d, const double *input, double *scalar, double *sampled, double *lift,
                              double *work, pdm_lift_report *report);
pdm_size   pdm_domain_prepare_work(const pdm_domain *d);
/* Where the rows, or their derivatives, are not finite at c [n_field][n_coef] of one sample, with scalar and sampled as
 * above: appends "equation u: 1 / 0 in the term 1/u at x = 0, where u = 0" for the first place; nothing where all are
 * finite. Allocates; slow. */
pdm_status pdm_domain_explain(const pdm_domain *d, const double *c, const double *scalar, const double *sampled,
                              pdm_text *out);
/* What carries over what spreads, along a dimension: a u_x - D u_xx on a knot span h, |a| h / |D|. */
typedef struct pdm_peclet {
    double   value;           /* the largest; 0: nothing is carried or nothing spreads */
    double   at[PDM_MAX_DIM]; /* the middle of its span                                 */
    pdm_size field;
} pdm_peclet;
/* Of all dimensions of space, out [n_dim], linearised at c [n_field][n_coef] of one sample, with scalar and sampled as
 * above; a few lines along each dimension are looked at. With derived fields 0. Allocates; slow. */
pdm_status pdm_domain_peclet(const pdm_domain *d, const double *c, const double *scalar, const double *sampled,
                             pdm_peclet *out);
/* Says the case nothing about where knots are along this dimension: no map, grading or knots? */
bool pdm_domain_says_no_knots(const pdm_domain *d, pdm_size dim);
/* ---- data between the points (domain/unseen.c). docs/mathematics.md, "Data between the points" ----
 * Expressions of coordinates of which most lies between all points at which rows, or initial and boundary data, read
 * them: sources, factors of atoms, data. */
enum { PDM_FEATURES_MOST = 8, PDM_UNSEEN_MOST = 8 };
typedef enum pdm_unseen_kind {
    PDM_UNSEEN_SOURCE,
    PDM_UNSEEN_FACTOR,
    PDM_UNSEEN_INITIAL,
    PDM_UNSEEN_SIDE
} pdm_unseen_kind;
typedef struct pdm_feature {
    double at, width, share; /* along a dimension: middle, standard deviation, share of what is not seen */
} pdm_feature;
typedef struct pdm_unseen {
    pdm_unseen_kind kind;
    int32_t         field;      /* of initial and boundary data, of the equation; -1: of another block of rows */
    int32_t         order;      /* of initial data: 0 state, 1 slope                      */
    pdm_size        number;     /* of the expression, the same for all inputs */
    char            what[192];  /* "source of equation u" */
    double          share;      /* of the integral of its size */
    double          size, seen; /* the largest found, what points about it see          */
    double          at[PDM_MAX_DIM], apart[PDM_MAX_DIM]; /* where, how far points are apart there               */
    bool            reads[PDM_MAX_DIM], inverse;         /* coordinates; size and seen are of what is small       */
    pdm_size        n_feature[PDM_MAX_DIM];              /* narrower than points are apart                         */
    pdm_feature     feature[PDM_MAX_DIM][PDM_FEATURES_MOST];
} pdm_unseen;
typedef struct pdm_unseen_list {
    pdm_size   n; /* further ones are left out */
    pdm_unseen item[PDM_UNSEEN_MOST];
} pdm_unseen_list;
typedef enum pdm_unseen_scope {
    PDM_UNSEEN_FIXED,    /* what reads no inputs: input may be NULL */
    PDM_UNSEEN_OF_INPUT, /* what does                               */
    PDM_UNSEEN_ALL,
    PDM_UNSEEN_START /* of PDM_UNSEEN_FIXED initial states and slopes alone, and those of which points have too much;
                        magnitude may be NULL */
} pdm_unseen_scope;
/* For one sample's packed input; magnitude [n_field]. Allocates; milliseconds. */
pdm_status pdm_domain_unseen(const pdm_domain *d, const double *input, const double *magnitude, pdm_unseen_scope scope,
                             pdm_unseen_list *out);
/* The same for one input after the other: room for it is taken once. */
typedef struct pdm_unseen_room pdm_unseen_room;
pdm_status                     pdm_unseen_room_create(const pdm_domain *d, pdm_unseen_room **out);
void                           pdm_unseen_room_destroy(pdm_unseen_room **room);
void pdm_unseen_find(pdm_unseen_room *room, const double *input, const double *magnitude, pdm_unseen_scope scope,
                     pdm_unseen_list *out);
/* features [n_feature][n_coef] FP32 for the surrogate: xi of each dimension in (-1,1), lift of each field over its
 * magnitude, inputs over theirs. magnitude [n_field], input_shift and input_scale [n of pde inputs]. */
pdm_size pdm_domain_n_feature(const pdm_domain *d);
void     pdm_domain_features(const pdm_domain *d, const double *input, const double *lift, const double *magnitude,
                             const double *input_shift, const double *input_scale, float *features);
/* ---- what a solution does first (domain/taylor.c) -------------------------------------------------------------------
 * For problems of first order in time: features of the initial state, coefficients in space [n_coef over that of t],
 * and columns, products of the coefficients of ((t - start)/extent)^power with one of them. */
typedef struct pdm_taylor pdm_taylor;
typedef struct pdm_taylor_column {
    int32_t power, feature; /* power from 1 */
} pdm_taylor_column;
/* where: the place of the setting that asks for it, lent for the life of *out, as is d. Allocates all. Fails with
 * PDM_ERR_CASE there when the equations cannot be solved for the first derivatives in time: steady, of higher order,
 * not linear in them. */
pdm_status pdm_taylor_create(const pdm_domain *d, pdm_where where, pdm_taylor **out);
void       pdm_taylor_destroy(pdm_taylor **t);
/* feature [n_feature][n_space]: u, du/dt, d2u/dt2, d3u/dt3 at the start, field by field; then all derivatives in space
 * that the equations read. Entries that are not finite are zero. From one sample's packed input and its lift. Holds
 * scratch: one thread at a time. Fails with PDM_ERR_NUMERIC where the factors of the time derivatives are singular. */
pdm_status pdm_taylor_features(pdm_taylor *t, const double *input, const double *lift, double *feature);
pdm_size   pdm_taylor_n_feature(const pdm_taylor *t);
/* Columns of a field, the most useful first. Lent. */
const pdm_taylor_column *pdm_taylor_columns(const pdm_taylor *t, pdm_size field, pdm_size *n);
const double            *pdm_taylor_profile(const pdm_taylor *t, pdm_size power); /* [n_coef of t] */

/* Values of a compiled expression on a tensor grid of physical coordinates, for exact solutions: out [prod n_point].
 * at: the place of the expression, for errors. */
pdm_status pdm_domain_evaluate(pdm_domain *d, const pdm_function *f, const pdm_where *at, const double *input,
                               const pdm_size *n_point, const double *const *coordinate, double *out);
/* An expression of fields with coefficients c [n_field][n_coef] at the points of such a grid: its atoms, its value and
 * its partials by the atoms. Plain loops; allocates *out, which the caller destroys. */
typedef struct pdm_probe {
    pdm_context *ctx;
    pdm_size     n_point, n_atom;
    double      *value;          /* [n_point]         */
    double      *partial, *atom; /* [n_point][n_atom] */
} pdm_probe;
pdm_status pdm_domain_probe(const pdm_domain *d, const pdm_function *f, const pdm_where *at, const double *input,
                            const double *c, const pdm_size *n_point, const double *const *coordinate, pdm_probe *out);
void       pdm_probe_destroy(pdm_probe *p);
/* The same at points anywhere, again and again: coordinate[j] [n] of every dimension, physical, is read in the call. The
 * expression may read fields, coordinates and scalar inputs; one that reads input fields is PDM_ERR_CASE at `at`. Lent:
 * domain and function. Holds scratch: one thread at a time. */
typedef struct pdm_scatter pdm_scatter;
pdm_status pdm_scatter_create(const pdm_domain *d, const pdm_function *f, const pdm_where *at, pdm_size n,
                              const double *const *coordinate, pdm_scatter **out);
void       pdm_scatter_destroy(pdm_scatter **s);
/* Values [n] with coefficients c [n_field][n_coef] and one sample's packed input. */
pdm_status pdm_scatter_evaluate(pdm_scatter *s, const double *input, const double *c, double *value);
/* An input field, or a derivative of it, of the spline through its values (the cell's value, for one on cells) on a
 * tensor grid of physical coordinates: out [prod n_point]; it does not change along dimensions that the input does not
 * have. Allocates. */
pdm_status pdm_domain_sample(const pdm_domain *d, const pdm_sampled_input *s, const double *input,
                             const pdm_size *n_point, const double *const *coordinate, double *out);
/* The same for one input after the other. Lent: the domain. */
typedef struct pdm_sampler pdm_sampler;
pdm_status                 pdm_sampler_create(const pdm_domain *d, const pdm_sampled_input *s, const pdm_size *n_point,
                                              const double *const *coordinate, pdm_sampler **out);
void                       pdm_sampler_destroy(pdm_sampler **s);
void                       pdm_sampler_apply(pdm_sampler *s, const double *input, double *out);

/* Initial data that jump or are narrower than knot spans: values at the Greville points of space of the spline that has
 * their integrals, as pdm_domain_prepare() puts it into the lift. *done false: they are smooth, and that spline is the
 * one through their own values; nothing is written. Allocates scratch. */
pdm_status pdm_domain_start_values(const pdm_domain *d, const pdm_initial *initial, const double *input, double *values,
                                   bool *done);

/* Tables for evaluation on a tensor grid of physical coordinates (points outside the extent: PDM_ERR_DATA). */
typedef struct pdm_point_grid {
    pdm_context    *ctx;
    pdm_points_desc desc;
    void           *memory;
} pdm_point_grid;
pdm_status pdm_point_grid_create(const pdm_domain *d, const pdm_size *n_point, const double *const *coordinate,
                                 pdm_point_grid *out);
void       pdm_point_grid_destroy(pdm_point_grid *g);

pdm_status pdm_domain_settings_view(pdm_text *out);
/* Fluxes, unknowns, rows, conditions on each side, memory expected. */
pdm_status pdm_domain_view(const pdm_domain *d, pdm_text *out);

#endif
