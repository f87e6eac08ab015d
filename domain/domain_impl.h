/* Inside of domain/: the struct, the axes it keeps, and the steps of its creation. */
#ifndef PDM_DOMAIN_IMPL_H
#define PDM_DOMAIN_IMPL_H

#include "domain/domain.h"

/* Kinds of one-dimensional tables. CELL..FLUX feed the cell rows of an equation, POINT and SIDE rows of their own. */
typedef enum axis_kind {
    AXIS_CELL,       /* Gauss points of every cell, summed into it                                     */
    AXIS_FACE,       /* faces of cells, upper minus lower                                              */
    AXIS_FACE_LOW,   /* the same without the face on the low side (its flux is prescribed)             */
    AXIS_FACE_HIGH,  /* ... without the face on the high side                                          */
    AXIS_FACE_INNER, /* ... without both                                                              */
    AXIS_FLUX_LOW,   /* one point on the low side, minus one, into the first cell                      */
    AXIS_FLUX_HIGH,  /* one point on the high side, plus one, into the last cell                       */
    AXIS_POINT,      /* Gauss points, each a row of its own, weighted by the root of its share of length */
    AXIS_SIDE_LOW,   /* one point on the low side, one row                                             */
    AXIS_SIDE_HIGH,  /* one point on the high side, one row                                            */
    AXIS_GREVILLE,   /* interpolation points, no rows                                                  */
    AXIS_KIND_COUNT
} axis_kind;

typedef struct domain_axis {
    bool     built;
    pdm_axis axis;       /* pointers into memory                                  */
    double  *row_length; /* [n_row] cell length in xi / its mean                  */
    double  *row_scale;  /* [n_row] row_length ^ -row_power                       */
    void    *memory;
} domain_axis;

typedef struct domain_settings {
    int      rows;   /* 0 volume, 1 point   */
    int      levels; /* 0 auto, 1 on, 2 off */
    int      kinks;  /* 0 auto, 1 none      */
    pdm_size sub, gauss;
    double   row_power, level_power;
} domain_settings;

/* An evaluation of a function on a tensor of axes, for initial and boundary data. */
typedef struct domain_layer {
    const pdm_function *function;
    int32_t             field, dim, side, order; /* order: initial data; side data have order 0 */
    const pdm_interval *part;                    /* [n_dim] of side data                        */
    const pdm_initial  *initial;                 /* of initial data                             */
    pdm_where           where;
    axis_kind           kind[PDM_MAX_DIM];
} domain_layer;

/* An input that is constant in cells (domain/cells.c); per dimension of the input. */
typedef struct domain_cells {
    bool     used, harmonic;
    pdm_size n[PDM_MAX_DIM];
    double  *edge[PDM_MAX_DIM];   /* [n+1] physical */
    double  *centre[PDM_MAX_DIM]; /* [n] physical   */
} domain_cells;

/* Kinks of a dimension (domain/kinks.c). */
typedef enum kinks_from { KINKS_NONE, KINKS_GIVEN, KINKS_FOUND, KINKS_CELLS } kinks_from;
typedef struct domain_kinks {
    pdm_size    n;
    double     *xi; /* [n] rising, between 0 and 1 */
    kinks_from  from;
    bool        joints;      /* the flux may jump there: rows say that it does not              */
    pdm_size    spent, even; /* at cells: control points they took of the case's; cells, if they are all of one input */
    bool        at_ends;     /* of the extent: what turns does not have the same sign there     */
    pdm_size    left;        /* found and left out, since ...  */
    const char *refused;
    pdm_size    wanted; /* control points that would have room for those at cells; 0: there are enough */
} domain_kinks;

/* The cells of the rows along a dimension, in order. A joint is a cell without length, on a kink: what its two faces
 * have is the flux on either side. */
typedef struct domain_row_cells {
    pdm_size  n, n_joint;
    double   *edge;    /* [n+1] in xi                                                      */
    pdm_size *element; /* [n]; of a joint: one that sees what the slopes on both sides do */
} domain_row_cells;

/* Knot spans that reach inside a shape (domain/shape.c). */
typedef struct domain_shape {
    unsigned char *counts;                  /* [product of n_element over space] 1: it reaches inside          */
    pdm_size       stride[PDM_MAX_DIM];     /* of counts; 0 in time                                            */
    pdm_size       n_span, n_inside, n_cut; /* spans in space, of which reach inside, of which are cut         */
    bool           reaches[PDM_MAX_DIM][2]; /* is it inside somewhere on this side of the box?                 */
    pdm_size       n_end;
    double        *end; /* [n_end][n_dim] places on what bounds the inside, physical       */
} domain_shape;

typedef struct domain_means domain_means; /* domain/means.c */

struct pdm_domain {
    pdm_context     *ctx;
    const pdm_pde   *pde;
    domain_settings  settings;
    pdm_size         n_dim, n_field, n_coef;
    pdm_size         n_order; /* derivative orders tabulated: 0 .. n_order-1 */
    pdm_spline       spline[PDM_MAX_DIM];
    pdm_size         sub[PDM_MAX_DIM], gauss[PDM_MAX_DIM]; /* the settings, or the dimension's own */
    bool             auto_grading[PDM_MAX_DIM], no_knots[PDM_MAX_DIM];
    domain_kinks     kinks[PDM_MAX_DIM];
    domain_row_cells row_cells[PDM_MAX_DIM];
    double          *greville[PDM_MAX_DIM]; /* physical, [n_coef[d]] */
    domain_axis      axis[PDM_MAX_DIM][AXIS_KIND_COUNT];
    domain_axis     *part_axis; /* of parts of sides */
    pdm_size         n_part_axis, part_axis_capacity;

    int32_t *counts_for; /* [n of conditions] field */
    pdm_condition
        *condition;      /* [n of conditions] as they are imposed: those that hold a whole flux are fluxes in cells */
    unsigned char *free; /* [n_field][n_coef] */
    pdm_size       n_free;

    pdm_size             n_block;
    pdm_row_block       *block;
    pdm_size             n_term, term_capacity;
    pdm_term_desc       *term;
    int32_t             *term_block;     /* [n_term]                                            */
    const pdm_function **term_function;  /* [n_term]                                            */
    axis_kind (*term_kind)[PDM_MAX_DIM]; /* [n_term]                                            */
    int32_t      *sampled_offset;        /* packed, term after term                             */
    pdm_rows_desc rows;

    pdm_pyramid_desc *pyramid; /* [rows.n_pyramid] of levels, if any, then of constraints */
    pdm_derived_desc *derived; /* [rows.n_derived] */
    bool              has_levels;
    const char       *levels_why;

    pdm_size      n_initial, n_side;
    domain_layer *initial; /* [n_initial] by rising order                */
    domain_layer *side;    /* [n_side] Dirichlet data, in the order given */
    domain_shape *shape;   /* NULL: all of the box is inside */
    domain_means *means;   /* NULL: initial data are smooth               */

    pdm_size     *input_offset; /* [n of pde inputs + 1] */
    domain_cells *cells;        /* [n of pde inputs]     */
    pdm_size      work_size;
};

/* domain/domain.c: raises *n_order to the tables that f reads; refuses, at its place, what no
 * table can hold. f may be NULL. */
pdm_status domain_need_orders(const pdm_domain *d, const pdm_function *f, const pdm_where *at, pdm_size *n_order);
/* domain/dimension.c: spline, kinks and cells of a dimension */
pdm_status domain_dimension_read(pdm_domain *d, pdm_case *c, const pdm_grading *grading, pdm_size dim);
/* domain/kinks.c */
typedef struct domain_line {
    pdm_map  map;
    pdm_size degree, n_span;
    bool     periodic;
} domain_line;
/* Which there are; n_span, by the case's control points, becomes as many as they leave or want. */
pdm_status domain_kinks_find(pdm_domain *d, pdm_case *c, const char *group, pdm_size dim, domain_line *line);
/* *interior, breaks each once, owned (NULL: equal spans) gets kinks among them, `degree` times, and becomes what
 * pdm_spline_create() takes. keep: none of the breaks moves. */
pdm_status domain_kinks_place(pdm_domain *d, pdm_size dim, bool keep, domain_line *line, double **interior);
void       domain_kinks_destroy(pdm_domain *d);
pdm_status domain_kinks_view(const pdm_domain *d, pdm_size dim, pdm_text *out);
/* On which side of a kink a point seen from an element is: 1 just above one, -1 just below, 0 on none. x physical. */
int domain_kink_side(const pdm_spline *s, pdm_size element, double x);
/* domain/row_cells.c: after the spline */
pdm_status         domain_row_cells_create(pdm_domain *d, pdm_size dim);
static inline bool domain_is_joint(const domain_row_cells *c, pdm_size i)
{
    return c->edge[i] == c->edge[i + 1];
}
/* domain/collocation.c: factors of the matrix [n_coef][n_coef] of function values at n_coef points, of which number i
 * lies inside the support of function i. Fails with PDM_ERR_NUMERIC when it is singular. */
typedef struct pdm_collocation pdm_collocation;
pdm_status                     pdm_collocation_create(const pdm_spline *s, const double *xi, pdm_collocation **out);
void                           pdm_collocation_destroy(pdm_collocation **c);
void pdm_collocation_solve(const pdm_collocation *c, double *x, pdm_size stride); /* values to coefficients */
/* domain/axis.c */
enum { DOMAIN_GAUSS_MOST = 5 };
void       domain_gauss(pdm_size n, const double **node, const double **weight); /* on (0,1), lent */
pdm_status domain_axis_get(pdm_domain *d, pdm_size dim, axis_kind kind, const domain_axis **out);
/* An axis of its own: CELL or POINT of the cells whose middle is within (NULL: all); weights times sign.
 * Until the next call. */
pdm_status domain_axis_part(pdm_domain *d, pdm_size dim, axis_kind kind, const pdm_interval *within, double sign,
                            const domain_axis **out);
pdm_size   domain_n_cell(const pdm_domain *d, pdm_size dim);
/* Tables of basis functions at given xi: element [n], basis [n_order][n][degree+1]. */
void domain_axis_tables(const pdm_spline *s, pdm_size n, const double *xi, const pdm_size *element, pdm_size n_order,
                        int32_t *element_out, double *coordinate, double *basis);
/* domain/terms.c */
pdm_status domain_terms_create(pdm_domain *d, pdm_case *c);
/* Appends a term to a block; kind [n_dim]. c: for errors. */
pdm_status domain_add_term(pdm_domain *d, pdm_case *c, pdm_size block, const pdm_function *f, const axis_kind *kind);
/* domain/constraints.c: the terms of constraint i, into a block of cells */
pdm_status domain_constraint_block(pdm_domain *d, pdm_case *c, pdm_size i, pdm_size block);
/* The first block of a constraint: the last ones. */
pdm_size domain_first_constraint(const pdm_domain *d);
/* domain/levels.c: after the terms */
pdm_status domain_levels_create(pdm_domain *d, pdm_case *c);
void       domain_levels_destroy(pdm_domain *d);
pdm_status domain_levels_view(const pdm_domain *d, pdm_text *out);
/* domain/derived.c: after the terms */
pdm_status domain_derived_create(pdm_domain *d);
void       domain_derived_destroy(pdm_domain *d);
/* Coefficients of derived field k, out [size], from those of its field, in [size]: a number of layers in space; work [2
 * size]. Plain loops, for set-up. */
void domain_derive_layers(const pdm_domain *d, pdm_size k, pdm_size size, const double *in, double *out, double *work);
/* domain/sides.c: every place of every side has its conditions, once each */
pdm_status domain_sides_check(pdm_domain *d, pdm_case *c);
/* Does control point i, of the whole grid, belong to the part of a side that has these data? */
bool       domain_layer_has(const pdm_domain *d, const domain_layer *l, pdm_size i);
bool       domain_part_is_whole(const pdm_domain *d, const pdm_interval *part); /* [n_dim] */
pdm_status domain_part_view(const pdm_domain *d, const pdm_condition *k, pdm_text *out);
/* domain/matching.c: which fields the conditions of a place count for that name none. */
typedef struct domain_side_here {
    pdm_size  wanted[PDM_MAX_FIELD], named[PDM_MAX_FIELD]; /* most conditions of a field; those that name it      */
    pdm_size  n;                                           /* conditions that name no field ...                   */
    pdm_size *condition;                                   /* [n] their numbers                                   */
    pdm_size *counts_for;                                  /* [n] before: what they count for elsewhere, or -1    */
} domain_side_here;
/* counts_for of all; the first for which there is no field, -1 when there is none. */
pdm_size domain_match_conditions(const pdm_domain *d, domain_side_here *here);
/* Does a condition mention the field, or with across a derivative of it across the side? */
bool domain_condition_mentions(const pdm_domain *d, const pdm_condition *k, pdm_size field, bool across);
/* domain/conditions.c: which coefficients are fixed; layers of data */
pdm_status domain_conditions_create(pdm_domain *d, pdm_case *c);
/* domain/cells.c: inputs on cells. values: this input's share of the packed input. */
pdm_status domain_cells_read(pdm_domain *d, pdm_case *c); /* before the dimensions: kinds and counts */
pdm_status domain_cells_create(pdm_domain *d);            /* after: edges                            */
void       domain_cells_destroy(pdm_domain *d);
/* Value at x, a physical coordinate for each dimension of the input; on a tensor of axes: out [prod n_point]. */
double domain_cells_value(const pdm_domain *d, pdm_size input, const double *values, const double *x);
void   domain_cells_sample(const pdm_domain *d, pdm_size input, const double *values, const pdm_axis *const *axis,
                           double *out);
/* domain/place.c: a point of a term, and what its programs read and make there */
typedef struct domain_place {
    const pdm_term_desc *term;
    const pdm_function  *f;
    const char          *block;
    pdm_size             index[PDM_MAX_DIM];
    double               start; /* of a slab in time, for words */
    double              *atom, *in, *out, *work;
} domain_place;
pdm_status domain_place_create(const pdm_domain *d, domain_place *p);
void       domain_place_destroy(const pdm_domain *d, domain_place *p);
void       domain_place_go(const pdm_domain *d, domain_place *p, pdm_size term);
/* The first point of the term, the next one; false: there is none. */
bool domain_place_first(const pdm_domain *d, domain_place *p);
bool domain_place_next(const pdm_domain *d, domain_place *p);
/* atom and in, at coefficients c [n_seen][n_coef] of one sample. */
void domain_place_read(const pdm_domain *d, const domain_place *p, const double *c, const double *scalar,
                       const double *sampled);
/* domain/boxes.c: the integral of the size of a function of coordinates over a box, on boxes that are cut where it may
 * have most. What narrow features it has are in boxes of their own then. */
typedef enum domain_size_kind { DOMAIN_SIZE, DOMAIN_SQUARE, DOMAIN_INVERSE } domain_size_kind; /* |f|, f^2, 1/|f| */
enum { DOMAIN_BOXES = 2000 };                                                                  /* at most */
typedef struct domain_box {
    double low[PDM_MAX_DIM], high[PDM_MAX_DIM];
    double volume, middle, most, rest; /* size in the middle, its bound, what may be unknown of the integral */
} domain_box;
typedef struct domain_boxes {
    const pdm_function *f; /* program, output: of its programs */
    const pdm_program  *program;
    pdm_size            output, n_dim;
    domain_size_kind    kind;
    bool                reads[PDM_MAX_DIM]; /* coordinates; others have their one value in low and high */
    double              low[PDM_MAX_DIM], high[PDM_MAX_DIM];
    double             *fixed; /* [n_input] all but coordinates */
    double             *in, *out, *registers;
    pdm_bounds         *bound_in, *bound_out, *bound_registers;
    pdm_size            n, n_look, most_look;
    domain_box         *box; /* [DOMAIN_BOXES] */
} domain_boxes;
double domain_boxes_search(domain_boxes *k);                   /* the integral */
double domain_boxes_size_at(domain_boxes *k, const double *x); /* 0 where it is no number */
/* domain/shape.c: after the dimensions; does nothing without a shape */
pdm_status domain_shape_create(pdm_domain *d);
void       domain_shape_destroy(pdm_domain *d);
/* 1 at points in spans that reach inside, else 0: out [prod n_point]. */
void domain_shape_sample(const pdm_domain *d, const pdm_axis *const *axis, double *out);
/* Does the coefficient with these indices [n_dim] belong to such a span? */
bool domain_shape_sees(const pdm_domain *d, const pdm_size *index);
/* A function of coordinates alone at x [n_dim]; work [n_input + n_register of its value]. */
double     domain_value_at(const pdm_function *f, const double *x, double *work);
pdm_status domain_shape_view(const pdm_domain *d, pdm_text *out);
/* domain/lift.c */
pdm_size domain_work_size(const pdm_domain *d);
/* From one sample's packed input: scalars, and coefficients of the fields (values, for those on cells), packed likewise.
 * line: as many doubles as the longest dimension has coefficients. */
void domain_input_coefficients(const pdm_domain *d, const double *input, double *scalar, double *coef, double *line);
/* Values of a function without atoms on a tensor of axes. work: domain_function_work() doubles. */
void domain_evaluate_on_axes(const pdm_domain *d, const pdm_function *f, const double *scalar, const double *input_coef,
                             const pdm_axis *const *axis, double *out, double *work);
pdm_size domain_function_work(const pdm_function *f, pdm_size n_point);
/* Values of the spline at the Greville points, of an initial layer of a field with values on curves. */
pdm_status domain_curve_start(const pdm_domain *d, const domain_layer *l, const double *scalar,
                              const double *input_coef, double *values);
/* One of these inputs, or a derivative, on a tensor of axes: out [prod n_point]. */
void domain_sample_input(const pdm_domain *d, const pdm_sampled_input *s, const double *input_coef,
                         const pdm_axis *const *axis, double *out);
/* domain/means.c: initial data that jump, or are narrower than knots, by least squares; after the terms */
pdm_status domain_means_create(pdm_domain *d);
void       domain_means_destroy(pdm_domain *d);
/* Coefficients [product of n_coef over space] of an initial layer. *done false, and nothing changes: it is smooth. */
pdm_status domain_means_find(const pdm_domain *d, const domain_layer *l, const double *scalar, const double *input_coef,
                             double *coef, bool *done);
pdm_status domain_means_view(const pdm_domain *d, pdm_text *out);
/* domain/stencil.c: derivatives at the Greville points of a dimension from values there. Holds scratch: one thread. */
typedef struct domain_stencil {
    pdm_context     *ctx;
    pdm_size         n, shift; /* points; function j of spline belongs to point j - shift */
    pdm_spline       spline;
    pdm_collocation *through; /* the points                                           */
    pdm_size        *element; /* [n] of the points                                    */
    double          *basis;   /* [PDM_MAX_ORDER+1][n][degree+1] of spline, there      */
    double          *line;    /* [n]                                                  */
} domain_stencil;
pdm_status domain_stencil_create(const pdm_spline *s, domain_stencil *out);
void       domain_stencil_destroy(domain_stencil *k);
/* values[i stride], i < n, become derivatives of that order by the physical coordinate. */
void domain_stencil_apply(const domain_stencil *k, pdm_size order, double *values, pdm_size stride);

#endif
