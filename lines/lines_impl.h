/* Inside of lines/: the system. */
#ifndef PDM_LINES_IMPL_H
#define PDM_LINES_IMPL_H

#include "lines/lines.h"

enum { LINES_MAX_SPACE = 2, LINES_MAX_ENTRY = PDM_LINES_WIDTH * PDM_LINES_WIDTH };

/* Finite differences of one order in one dimension: of node i the entries i*width .. i*width + n[i] - 1. */
typedef struct lines_difference {
    pdm_size width;
    int32_t *n, *node;
    double  *weight;
} lines_difference;

/* One dimension of space. */
typedef struct lines_axis {
    pdm_nodes        nodes;
    double          *x;
    pdm_size         n_order; /* differences of order 0 .. n_order - 1 are there */
    lines_difference difference[PDM_MAX_DIM * PDM_MAX_ORDER + 1];
} lines_axis;

/* What an atom reads: a variable or its time derivative, differentiated in space. */
typedef struct lines_atom {
    int32_t variable;
    bool    is_rate;
    int32_t order[LINES_MAX_SPACE];
} lines_atom;

typedef struct lines_function {
    const pdm_function *function;
    lines_atom         *atom;    /* [n_atom]              */
    lines_atom         *moved;   /* [n_atom] their time derivatives */
    double             *sampled; /* [n_sampled][n_node]   */
} lines_function;

typedef enum lines_row_kind {
    LINES_EQUATION, /* a                                    */
    LINES_VALUE,    /* variable - a                         */
    LINES_FLUX,     /* a - b                                */
    LINES_GENERAL,  /* a                                    */
    LINES_RATE      /* time derivative of variable - `rate` */
} lines_row_kind;

/* One row: functions a and b at node `at`, -1 where there is none. `moves`: the time derivative of all that, in which
 * `rate` stands for the variable's: it keeps the rate of change of a prescribed value from being of index 2. */
typedef struct lines_row {
    lines_row_kind kind;
    int32_t        a, b, at, variable, rate;
    bool           moves;
} lines_row;

struct pdm_lines {
    pdm_context    *ctx;
    pdm_domain     *domain;
    const pdm_pde  *pde;
    pdm_size        n_space, n_node, n_field, n_variable, n_unknown;
    lines_axis      axis[LINES_MAX_SPACE];
    int32_t         rate_of[PDM_MAX_FIELD]; /* variable that holds its rate of change, -1: none */
    pdm_size        n_function, n_equation, n_condition;
    lines_function *function; /* equations, then conditions, then the fluxes of flux conditions  */
    int32_t        *flux;     /* [n_condition] function of a condition's flux, -1: none          */
    lines_row      *row;      /* [n_unknown]                                                     */
    unsigned char  *differential;
    pdm_size       *row0;    /* [n_unknown + 1]    */
    int32_t        *column;  /* [row0[n_unknown]]  */
    pdm_size       *slot0;   /* [n_unknown + 1]    */
    int32_t        *slot;    /* place in its row of each entry, in the order of the walk */
    double         *scalar;  /* of the present sample */
    double         *initial; /* [n_unknown]           */
    double         *input;   /* [n_input] packed      */
    double         *in, *out, *work;
};

/* Entries of an atom at a node: node[*n], weight[*n] of values of its variable. */
void lines_expand(const pdm_lines *l, const lines_atom *a, pdm_size at, pdm_size *n, int32_t node[LINES_MAX_ENTRY],
                  double weight[LINES_MAX_ENTRY]);
/* lines/conditions.c: which row every unknown has, and which unknowns are differential */
pdm_status lines_rows_create(pdm_lines *l);
/* lines/output.c: interpolation to output coordinates of space */
typedef struct lines_output {
    pdm_size         n[LINES_MAX_SPACE];
    lines_difference value[LINES_MAX_SPACE];
} lines_output;
pdm_status lines_output_create(const pdm_lines *l, const pdm_size *n, const double *const *coordinate,
                               lines_output *out);
void       lines_output_destroy(const pdm_lines *l, lines_output *out);
/* One field of y at one time: u [n[0]][n[1]] */
void lines_output_put(const pdm_lines *l, const lines_output *o, const double *y, pdm_size field, double *u);
/* lines/pattern.c */
pdm_status lines_pattern_create(pdm_lines *l);

#endif
