/* The PDE as text: parsed into a DAG, checked, differentiated, split into fluxes and source, emitted as programs.
 *
 * Read from a case:
 *   /domain:dimensions        "t x y"  names of the dimensions; "t" is time and, when present, comes first
 *   /pde:fields               "u v"
 *   /pde:positive             "u 0.1, v"  fields that stay above zero, with a scale each, 1 by default: u = s(v) of a
 *                             spline v, s(v) = scale log(1 + exp(v/scale)); atoms and coefficients are then v's
 *   /pde/parameters:NAME      a number, or an expression of parameters that come before it
 *   /pde/definitions:NAME     expression; may use fields, parameters, inputs, coordinates, definitions that come before
 *   /geometry:inside          "x^2 + y^2 < 1 and not (x > 0 and y > 0)": where the equations hold, of coordinates of
 *                             space and parameters; the whole box without it
 *   /geometry:NAME            values on what bounds it, separated by ';', each "FIELD = expr on CURVE, CURVE", CURVE
 *                             being "expr = expr" or "boundary", or "FIELD free"
 *   /pde/residuals:NAME       one residual (= 0) per field, NAME is the field the equation is counted for
 *   /pde/initial:FIELD        u at t = 0;  /pde/initial:FIELD_t  its time derivative, for second order in time
 *   /pde/boundary:DIM_min, DIM_max   conditions on that side, separated by ';', each one of
 *                             "FIELD = expr"        Dirichlet; expr of coordinates, parameters, inputs
 *                             "flux(FIELD) = expr"  the whole flux of that field's equation across the side, F where the
 *                                                   equation reads ... + dDIM(F) + ... = 0, is replaced by expr
 *                             "expr = expr"         general (Robin, Neumann, ...): becomes boundary rows
 *                             "FIELD free"          no condition wanted here (outflow)
 *                             each for a part of the side with "where y < 0.5", "where 0.2 <= y < 0.8 and t < 1"
 *   /pde/constraints:NAME     "integral(expr) = expr": the integral over space, at all times; the right side of time,
 *                             parameters and inputs that do not vary in space
 *   /pde/units:NAME           units of fields, parameters, dimensions; when any is given every term is checked
 *   /inputs/NAME:dimensions   "" a scalar per sample, or the dimensions of a field given per sample; :units
 *
 * Grammar: + - * / ^ (right-associative, binds tighter than unary minus), parentheses, numbers, names, pi, functions
 * exp log sqrt sin cos tan sinh cosh tanh erf atan log1p abs sign step min max pow; derivatives d?(e), d??(e) for every
 * one-letter dimension name (dt dx dy dxx dxy ...), diff(e, NAME) for any dimension name, lap(e): second derivatives
 * summed over the space dimensions. Derivatives nest and apply to any expression (chain rule).
 * invlap(e), e a sum of fields and their derivatives with constant factors: the periodic function of mean zero whose
 * lap is e less its mean; makes a derived field of every field in e.
 *
 * Splitting: a residual is a sum of terms; a term  k * d?(e)  with k free of fields, inputs and coordinates is the flux
 * k*e in that dimension; dxx(e) is dx(dx(e)); everything else is source. */
#ifndef PDM_PDE_H
#define PDM_PDE_H

#include "backend/backend.h"
#include "io/io.h"

#define PDM_MAX_FIELD 16

typedef struct pdm_pde pdm_pde;

/* In place of an input: 1 at points in knot spans that reach inside the case's shape, else 0. */
enum { PDM_SAMPLED_INSIDE = -1 };

/* A per-sample input, or a derivative of it, needed as an array over the points of a function. */
typedef struct pdm_sampled_input {
    int32_t input;
    int32_t order[PDM_MAX_DIM];
} pdm_sampled_input;

/* One compiled expression with its first and second partials by the atoms. Owned by the pde. */
typedef struct pdm_function {
    pdm_size                 n_atom;
    const pdm_atom          *atom;
    pdm_size                 n_input;
    const pdm_program_input *input; /* SCALAR: index = scalar number; FIELD: index into sampled */
    pdm_size                 n_sampled;
    const pdm_sampled_input *sampled;
    const pdm_program       *value, *partial, *second; /* outputs as in pdm_term_desc */
    pdm_size                 n_second;
    const int32_t           *second_a, *second_b;
    bool                     is_constant; /* reads no input at all                      */
    bool                     uses_time;   /* reads coordinate t (for slabs, later)      */
    const char              *text;        /* printed form, for `check`                  */
} pdm_function;

/* A field made from another one, non-locally: invlap(field). In atoms derived field k is number n_field + k. */
typedef struct pdm_derived {
    int32_t   field;
    pdm_where where; /* first mention */
} pdm_derived;

typedef struct pdm_term {
    int32_t             equation;
    int32_t             dim; /* -1: source */
    const pdm_function *function;
} pdm_term;

/* low < x < high, or with <= where not open. Places within `slack` of an end are on it: 0.3 and 0.1 + 0.2 are one. */
typedef struct pdm_interval {
    double low, high, slack;
    bool   open_low, open_high;
} pdm_interval;

static inline bool pdm_interval_has(const pdm_interval *k, double x)
{
    return (k->open_low ? x > k->low + k->slack : x >= k->low - k->slack) &&
           (k->open_high ? x < k->high - k->slack : x <= k->high + k->slack);
}

typedef enum pdm_condition_kind {
    PDM_CONDITION_DIRICHLET,
    PDM_CONDITION_FLUX,
    PDM_CONDITION_GENERAL,
    PDM_CONDITION_FREE
} pdm_condition_kind;
typedef struct pdm_condition {
    pdm_condition_kind  kind;
    int32_t             dim, side; /* side 0: min, 1: max                                                         */
    int32_t             field;     /* DIRICHLET, FREE: field; FLUX: equation; GENERAL: lowest field it mentions   */
    bool                named;     /* it says which field it is of: all but "expr = expr"                          */
    const pdm_function *given;     /* DIRICHLET: before the transform of a positive field; else function */
    const pdm_function *function;  /* value, or lhs - rhs for GENERAL; NULL for FREE                              */
    int32_t flux_field;         /* GENERAL of several fields that holds the whole flux of this field's equation: ... */
    const pdm_function *flux;   /* ... what the condition says it is; NULL: none */
    const pdm_function *fixed;  /* FLUX: what the equation's flux there has that reads no field; NULL: nothing */
    const pdm_function *misfit; /* DIRICHLET on a part: field - value; else NULL */
    pdm_interval part[PDM_MAX_DIM]; /* physical; from -inf to inf where the condition does not say                 */
    const char  *part_text;         /* "y < 0.5"; "" for the whole side                                            */
    pdm_where    where;
} pdm_condition;

/* The integral of `inside` over space is `value`, at all times. */
typedef struct pdm_constraint {
    const char         *name;
    const pdm_function *inside, *value;
    pdm_where           where;
} pdm_constraint;

/* Where an expression of one coordinate is zero a coefficient or a source jumps or bends: what is in step, sign and abs,
 * and the difference of what is in min and max. */
typedef struct pdm_edge {
    int32_t             dim;
    const pdm_function *function; /* reads that coordinate and parameters */
} pdm_edge;

/* A curve (surface, point) on which a field has its value: where the function, of coordinates of space, is zero. */
typedef struct pdm_curve {
    int32_t             field;
    const pdm_function *function;
    pdm_where           where;
} pdm_curve;

typedef struct pdm_initial {
    int32_t             field, order;
    int32_t             state;            /* of a slab: the input that it is; else -1        */
    const pdm_function *function, *given; /* given: before the transform of a positive field */
    pdm_where           where;
    pdm_size            n_jump; /* where it jumps: what is in step and sign ...                            */
    const pdm_edge     *jump;   /* ... may read scalar inputs, too; dim -1: several coordinates, or fields */
} pdm_initial;

typedef struct pdm_input_info {
    const char *name, *units; /* units "" when not given */
    pdm_size    n_dim;        /* 0: scalar               */
    int32_t     dim[PDM_MAX_DIM];
    int32_t     scalar; /* number among the scalars, -1 for a field */
} pdm_input_info;

/* Fails with PDM_ERR_CASE; text has a caret into the expression. */
pdm_status pdm_pde_create(pdm_context *ctx, pdm_case *c, pdm_pde **out);
/* The same for a slab of time that begins where another one has ended (pde/slab.c): in place of each of the case's
 * initial conditions stands an input over all of space, a value of the spline (of a positive field before its
 * transform); and t is read as t + start, start being a scalar. These inputs come behind those of the case; no case can
 * name them. */
pdm_status pdm_pde_create_slab(pdm_context *ctx, pdm_case *c, pdm_pde **out);
/* The input `start` of such a one, else -1. */
pdm_size pdm_pde_start(const pdm_pde *p);
void     pdm_pde_destroy(pdm_pde **p);

pdm_size           pdm_pde_n_dim(const pdm_pde *p);
const char        *pdm_pde_dim_name(const pdm_pde *p, pdm_size d);
const char        *pdm_pde_dim_units(const pdm_pde *p, pdm_size d); /* "" when not given */
bool               pdm_pde_has_time(const pdm_pde *p);              /* dimension 0 is then time */
pdm_size           pdm_pde_n_field(const pdm_pde *p);
const char        *pdm_pde_field_name(const pdm_pde *p, pdm_size f);
const char        *pdm_pde_field_units(const pdm_pde *p, pdm_size f);
pdm_size           pdm_pde_n_derived(const pdm_pde *p);
const pdm_derived *pdm_pde_derived(const pdm_pde *p, pdm_size i);
const char        *pdm_pde_atom_name(const pdm_pde *p, pdm_size f); /* of a field or derived field: "u", "invlap(u)" */
/* Positive fields: u of the spline field's value v and back, and du/dv; u = v for others. The inverse of what is not
 * positive is not finite. */
bool   pdm_pde_is_positive(const pdm_pde *p, pdm_size f);
double pdm_pde_positive_scale(const pdm_pde *p, pdm_size f); /* 0: others */
bool   pdm_pde_is_transformed(const pdm_pde *p, pdm_size f); /* positive, or with values on curves built in */
double pdm_pde_from_spline(const pdm_pde *p, pdm_size f, double v);
double pdm_pde_from_spline_slope(const pdm_pde *p, pdm_size f, double v);
double pdm_pde_to_spline(const pdm_pde *p, pdm_size f, double u);
/* A shape inside the box: the function that is above zero inside, NULL: the box is all inside; the curves on which fields
 * have values; of a field whose values are built in, u = data + weight v: both, functions of coordinates of space, else
 * NULL. */
const pdm_function *pdm_pde_level(const pdm_pde *p);
const pdm_where    *pdm_pde_level_where(const pdm_pde *p);
pdm_size            pdm_pde_n_curve(const pdm_pde *p);
const pdm_curve    *pdm_pde_curve(const pdm_pde *p, pdm_size i);
const pdm_function *pdm_pde_curve_weight(const pdm_pde *p, pdm_size f);
const pdm_function *pdm_pde_curve_data(const pdm_pde *p, pdm_size f);
/* Highest derivative of field f in dimension d anywhere in the residuals. */
pdm_size              pdm_pde_order(const pdm_pde *p, pdm_size f, pdm_size d); /* derived fields, too */
pdm_size              pdm_pde_n_equation(const pdm_pde *p);
pdm_size              pdm_pde_n_scalar(const pdm_pde *p);
pdm_size              pdm_pde_n_input(const pdm_pde *p);
const pdm_input_info *pdm_pde_input(const pdm_pde *p, pdm_size i);
/* Of problems with time: is it a dimension of the input; does f read it, or an input that has it? */
bool pdm_input_has_time(const pdm_input_info *info);
bool pdm_pde_varies_in_time(const pdm_pde *p, const pdm_function *f);
/* Terms of all equations, equation by equation. */
pdm_size        pdm_pde_n_term(const pdm_pde *p);
const pdm_term *pdm_pde_term(const pdm_pde *p, pdm_size i);
/* A term taken apart at its top-level + and -: out [most] functions, owned by the pde, that add up to it; constant
 * factors go inside. Just the term where there would be more than `most`. Compiles anew at every call. */
pdm_status pdm_pde_summands(pdm_pde *p, pdm_size term, pdm_size most, pdm_size *n, const pdm_function **out);
/* What a term divides by that reads fields and may be zero: at most `most` functions, owned by the pde. Compiles anew at
 * every call. */
pdm_status pdm_pde_divisors(pdm_pde *p, pdm_size term, pdm_size most, pdm_size *n, const pdm_function **out);
/* The whole residual of an equation in strong form, for point rows. */
const pdm_function   *pdm_pde_strong(const pdm_pde *p, pdm_size equation);
pdm_size              pdm_pde_n_condition(const pdm_pde *p);
const pdm_condition  *pdm_pde_condition(const pdm_pde *p, pdm_size i);
pdm_size              pdm_pde_n_constraint(const pdm_pde *p);
const pdm_constraint *pdm_pde_constraint(const pdm_pde *p, pdm_size i);
pdm_size              pdm_pde_n_initial(const pdm_pde *p);
const pdm_initial    *pdm_pde_initial(const pdm_pde *p, pdm_size i);
pdm_size              pdm_pde_n_edge(const pdm_pde *p);
const pdm_edge       *pdm_pde_edge(const pdm_pde *p, pdm_size i);
/* Compiles any further expression of coordinates, parameters and inputs (and fields, if allow_fields): exact solutions,
 * output quantities. Owned by the pde. */
pdm_status pdm_pde_compile(pdm_pde *p, const char *text, pdm_where where, bool allow_fields, const pdm_function **out);
/* The unit of such an expression, as text; "" where the case has no units, or the expression none. */
enum { PDM_UNIT_TEXT = 160 };
pdm_status pdm_pde_unit_of(pdm_pde *p, const char *text, pdm_where where, char out[PDM_UNIT_TEXT]);
/* Bounds of a program's outputs over a box (pde/bounds.c): out [n_output] holds every number that it takes with inputs
 * within in [n_input]; infinite where nothing is known. work [n_register]. */
typedef struct pdm_bounds {
    double low, high;
} pdm_bounds;
void pdm_program_bounds(const pdm_program *p, const pdm_bounds *in, pdm_bounds *out, pdm_bounds *work);
/* Fluxes, source, conditions as understood, for `check`. */
pdm_status pdm_pde_view(const pdm_pde *p, pdm_text *out);

#endif
