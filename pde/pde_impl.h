/* Inside of pde/. Text is parsed straight into a DAG of shared, simplified nodes; derivatives stand in it as nodes of
 * their own until the splitting has been done, and are then expanded.
 * Functions are cut out of the DAG and emitted as programs. */
#ifndef PDM_PDE_IMPL_H
#define PDM_PDE_IMPL_H

#include "pde/pde.h"

#define PDE_MAX_TEXT  65536     /* bytes of one expression                                */
#define PDE_MAX_DEPTH 200       /* parentheses, functions, signs and powers in each other */
#define PDE_MAX_ORDER 8         /* derivatives in each other                              */
#define PDE_MAX_NODE  (1 << 18) /* nodes of the DAG                                       */
#define PDE_MAX_MEMO  (1 << 20) /* derivatives remembered                                 */
#define PDE_MAX_ATOM  256       /* atoms of one function                                  */
#define PDE_MAX_NAME  63        /* bytes of a name                                        */
#define PDE_MAX_SHOWN 2000      /* bytes of a function in print; more are cut off         */

/* ---- pool.c: memory that lives as long as the pde ---------------------------------------------------------------- */

typedef struct pool_chunk pool_chunk;
typedef struct pde_pool {
    pdm_context *ctx;
    pool_chunk  *first;
} pde_pool;

pdm_status pool_take_bytes(pde_pool *pool, size_t bytes, void **out); /* zeroed */
pdm_status pool_text(pde_pool *pool, const char *text, pdm_size length, const char **out);
void       pool_destroy(pde_pool *pool);
#define pool_take(pool, n, out) pool_take_bytes((pool), (size_t)(n) * sizeof **(out), (void **)(out))

/* Array that grows; item sizes of its users. */
typedef struct pde_list {
    int32_t *item;
    pdm_size n, capacity;
} pde_list;

/* Makes room for n items in *(pointer to an array), which `array` points to. */
pdm_status pde_grow(pdm_context *ctx, void *array, size_t item, pdm_size used, pdm_size n, pdm_size *capacity);
pdm_status list_push(pdm_context *ctx, pde_list *list, int32_t value);
void       list_destroy(pdm_context *ctx, pde_list *list);

/* ---- dag.c ---------------------------------------------------------------------------------------------------------
 * Nodes are numbers of entries in one array; equal nodes are the same entry. Operands come before what uses them.
 * Building never fails in the middle: after a failure (no memory, too many nodes) `status` is set, and every call returns
 * DAG_ZERO until dag_rollback; check it before using what was built. */

enum { DAG_ZERO = 0, DAG_ONE = 1 };
enum { DAG_DERIVATIVE = PDM_OPCODE_COUNT }; /* a: the expression, b: the dimension */

typedef enum dag_flag {
    DAG_FIELD       = 1,  /* mentions a field                                                             */
    DAG_INPUT       = 2,  /* mentions an input                                                            */
    DAG_UNEXPANDED  = 4,  /* has a DAG_DERIVATIVE inside                                                  */
    DAG_SPLITS      = 8,  /* has one that is reached through sums and constant factors alone              */
    DAG_POSITIVE    = 16, /* > 0 for all arguments, in floating point too (or NaN)                        */
    DAG_NONNEGATIVE = 32  /* >= 0 likewise                                                                */
} dag_flag;

typedef struct dag_node {
    int32_t  opcode, a, b; /* INPUT: a = leaf; -1: no operand                              */
    uint8_t  flags, dims;  /* dims: bit d set when it may vary along dimension d           */
    uint8_t  order;        /* DAG_DERIVATIVEs in each other    */
    uint64_t leaves;       /* bit (leaf % 64) set when it depends on the leaf              */
    double   value;        /* CONST                                                        */
} dag_node;

typedef struct dag_leaf {
    pdm_input_kind kind;
    int32_t        index; /* ATOM: field; COORDINATE: dimension; SCALAR and FIELD: input */
    int32_t        order[PDM_MAX_DIM];
    uint8_t        dims;
} dag_leaf;

typedef struct dag_memo {
    int32_t node, key, result;
} dag_memo; /* result -1: free slot */

typedef struct dag {
    pdm_context *ctx;
    pdm_status   status;
    bool         too_large;
    bool         slopes; /* building derivatives: sign(x) * sign(x) is 1 */
    dag_node    *node;
    uint32_t    *stamp; /* [capacity of node] marks of walks */
    uint32_t     last_stamp;
    pdm_size     n_node, node_capacity, stamp_capacity;
    int32_t     *table; /* hash table of nodes, -1: free */
    pdm_size     table_size;
    dag_leaf    *leaf;
    pdm_size     n_leaf, leaf_capacity;
    dag_memo    *memo;
    pdm_size     n_memo, memo_size;
} dag;

typedef struct dag_mark {
    pdm_size n_node, n_leaf;
} dag_mark;

pdm_status dag_create(dag *d, pdm_context *ctx);
void       dag_destroy(dag *d);
dag_mark   dag_get_mark(const dag *d);
void       dag_rollback(dag *d, dag_mark mark); /* forgets younger nodes, and the failure */

int32_t dag_const(dag *d, double value);
int32_t dag_leaf_node(dag *d, dag_leaf leaf);
int32_t dag_unary(dag *d, pdm_opcode opcode, int32_t a);
int32_t dag_binary(dag *d, pdm_opcode opcode, int32_t a, int32_t b);
int32_t dag_neg(dag *d, int32_t a);
int32_t dag_add(dag *d, int32_t a, int32_t b);
int32_t dag_sub(dag *d, int32_t a, int32_t b);
int32_t dag_mul(dag *d, int32_t a, int32_t b);
int32_t dag_div(dag *d, int32_t a, int32_t b);
int32_t dag_pow(dag *d, int32_t a, int32_t b);
int32_t dag_derivative(dag *d, int32_t a, int32_t dim);
int32_t dag_plain(dag *d, int32_t opcode, int32_t a, int32_t b); /* as it stands, shared but not simplified */

bool   dag_is_const(const dag *d, int32_t node);
bool   dag_is_whole(double x); /* an integer of moderate size */
double dag_fold(int32_t opcode, double a, double b);
int    dag_n_operand(const dag_node *node); /* operands that are nodes */

/* What a walk goes on to from a node; NULL: everything. */
typedef bool (*dag_filter)(const dag *d, int32_t node, int32_t key);
/* Appends to `order` what can be reached from root and passes the filter, operands first, leaving out what was reached
 * with the same stamp before. */
void     dag_walk(dag *d, uint32_t stamp, int32_t root, dag_filter filter, int32_t key, pde_list *order);
uint32_t dag_next_stamp(dag *d);

int32_t dag_memo_get(const dag *d, int32_t node, int32_t key); /* -1: unknown */
void    dag_memo_put(dag *d, int32_t node, int32_t key, int32_t result);

/* ---- differentiate.c: of expanded nodes ---- */
int32_t dag_partial(dag *d, int32_t node, int32_t leaf); /* partial derivative by a leaf     */
int32_t dag_expand(dag *d, int32_t node);                /* carries out every DAG_DERIVATIVE */

/* ---- print.c ---- */
pdm_status pde_print(pdm_pde *p, int32_t node, pdm_text *out);
void       pde_number_text(double value, char out[32]);

/* ---- names ---- */

/* unit NULL: any unit (zero), or units are not checked. */
typedef struct pde_value {
    int32_t         node;
    const pdm_unit *unit;
} pde_value;

typedef enum pde_symbol_kind {
    PDE_DIMENSION,
    PDE_FIELD,
    PDE_INPUT,
    PDE_PARAMETER,
    PDE_DEFINITION,
    PDE_SYMBOL_KINDS
} pde_symbol_kind;

typedef struct pde_symbol {
    const char     *name;
    pde_symbol_kind kind;
    int32_t         index; /* of the dimension, field, input */
    pde_value       value;
} pde_symbol;

/* What an expression may mention. */
typedef enum pde_scope {
    PDE_SCOPE_PARAMETER, /* parameters                     */
    PDE_SCOPE_DATA,      /* ... inputs, coordinates, definitions without fields */
    PDE_SCOPE_ALL        /* ... fields                     */
} pde_scope;

/* A shape inside the box: shape.c. level NULL: none. */
typedef struct pde_shape {
    int32_t             level_node, counts; /* counts: the leaf that is 1 in knot spans that reach inside, else 0 */
    const pdm_function *level;
    pdm_where           where;
    bool                is_built_in[PDM_MAX_FIELD]; /* u = data + weight v */
    int32_t             weight_node[PDM_MAX_FIELD], data_node[PDM_MAX_FIELD];
    const pdm_function *weight[PDM_MAX_FIELD], *data[PDM_MAX_FIELD];
    pdm_curve          *curve;
    pdm_size            n_curve, curve_capacity;
} pde_shape;

struct pdm_pde {
    pdm_context        *ctx;
    pdm_case           *the_case; /* while it is read, else NULL */
    pde_pool            pool;
    dag                 dag;
    pdm_units          *units; /* NULL: units are not checked */
    const pdm_unit     *one;
    pde_symbol         *symbol;
    pdm_size            n_symbol, symbol_capacity;
    pdm_size            n_dim, n_field, n_input, n_scalar;
    const char         *dim_name[PDM_MAX_DIM], *dim_units[PDM_MAX_DIM];
    const pdm_unit     *dim_unit[PDM_MAX_DIM];
    const char         *field_name[PDM_MAX_FIELD], *field_units[PDM_MAX_FIELD];
    const pdm_unit     *field_unit[PDM_MAX_FIELD];
    const pdm_unit     *equation_unit[PDM_MAX_FIELD];
    double              positive[PDM_MAX_FIELD];                /* scale; 0: any value                     */
    int32_t             spline_node[PDM_MAX_FIELD];             /* u, of the spline's leaf: of transformed fields */
    int32_t             spline_leaf[PDM_MAX_FIELD];             /* number of the leaf v */
    const char         *residual_text[PDM_MAX_FIELD];           /* of equations that are all source: as written ... */
    int32_t             whole_flux[PDM_MAX_FIELD][PDM_MAX_DIM]; /* ... and their fluxes, expanded; not terms */
    pde_shape           shape;
    bool                has_time;
    bool                is_slab;
    int32_t             start; /* of a slab: the input; else -1 */
    pdm_input_info     *input; /* [n_input] */
    pdm_size            n_derived;
    pdm_derived         derived[PDM_MAX_FIELD];
    const char         *derived_name[PDM_MAX_FIELD]; /* "invlap(u)" */
    int32_t             order[2 * PDM_MAX_FIELD][PDM_MAX_DIM];
    const pdm_function *strong[PDM_MAX_FIELD];
    pdm_term            term[PDM_MAX_FIELD * (PDM_MAX_DIM + 1)];
    int32_t             term_node[PDM_MAX_FIELD * (PDM_MAX_DIM + 1)]; /* of each term's function, expanded */
    pdm_size            n_term;
    pdm_condition      *condition;
    pdm_size            n_condition, condition_capacity;
    pdm_constraint     *constraint;
    pdm_size            n_constraint, constraint_capacity;
    pdm_initial        *initial;
    pdm_size            n_initial, initial_capacity;
    pdm_edge           *edge;
    pdm_size            n_edge;
};

/* names.c */
bool              pde_is_free_word(const char *name); /* attributes that are words for people */
bool              pde_is_name_start(char c);
bool              pde_is_name_part(char c);
const pde_symbol *pde_find(const pdm_pde *p, pdm_span name);
/* Fails when the name is no name, is reserved, or stands for something else already. */
pdm_status  pde_add_symbol(pdm_pde *p, pdm_where where, pdm_span name, pde_symbol_kind kind, int32_t index,
                           pde_value value, const char **out_name);
const char *pde_kind_text(pde_symbol_kind kind);
/* "; the fields are: u, v; the parameters: D" for the kinds that the scope allows,
 * with what is nearest to `name` first. */
pdm_status pde_append_known(const pdm_pde *p, pde_scope scope, const char *name, pdm_text *out);
pdm_status pde_append_dimensions(const pdm_pde *p, bool space_only, pdm_text *out);
int32_t    pde_dimension_of_letter(const pdm_pde *p, char letter); /* -1: none */
/* One of exp, log, ...: opcode and number of arguments. */
bool        pde_function_of_name(pdm_span name, pdm_opcode *opcode, int *n_argument);
const char *pde_function_name(int32_t opcode);                                       /* NULL: written with a sign */
pdm_status  pde_nearest_function(const pdm_pde *p, const char *name, pdm_text *out); /* "; did you mean ..." */

/* ---- parse.c ---- */

typedef enum pde_token_kind {
    TOKEN_NUMBER = 256,
    TOKEN_NAME,
    TOKEN_END /* others: their character */
} pde_token_kind;

typedef struct pde_parser {
    pdm_pde  *p;
    pde_scope scope;
    pdm_where where; /* text: the whole attribute, of which begin .. end is parsed */
    pdm_size  begin, end, next;
    int       token;
    pdm_span  span;   /* of the token               */
    double    number; /* TOKEN_NUMBER               */
    int       depth;
    bool      mentions_names; /* other than pi */
} pde_parser;

/* Fails with a caret at byte `at` of the parser's text. */
#define PARSE_FAIL(s, at, ...)                                        \
    do {                                                              \
        pdm_where where_ = (s)->where;                                \
        where_.offset    = (at);                                      \
        PDM_FAIL_AT((s)->p->ctx, PDM_ERR_CASE, &where_, __VA_ARGS__); \
    } while (0)

pdm_status parser_open(pde_parser *s, pdm_pde *p, pdm_where where, pdm_size begin, pdm_size end, pde_scope scope);
pdm_status parser_next(pde_parser *s);
pdm_size   parser_at(const pde_parser *s); /* byte of the token */
/* A sum, up to a token that cannot go on with it. */
pdm_status parser_expression(pde_parser *s, pde_value *out);
pdm_status parser_expect_end(pde_parser *s);
/* Whole text as one expression. */
pdm_status pde_parse(pdm_pde *p, pdm_where where, pde_scope scope, pde_value *out);

/* ---- units_check.c: each takes what the parser has at byte `at`; all do nothing while units are not checked ---- */
pdm_status units_begin(pdm_pde *p);
pdm_status units_read(pdm_pde *p, pdm_where where, const char *text, const pdm_unit **out);
pdm_status units_sum(pde_parser *s, pdm_size at, const char *sign, const pdm_unit *a, const pdm_unit *b,
                     const pdm_unit **out);
/* Of numbers, or of quantities whose unit has no offset: products and powers of a temperature in degC are wrong. */
pdm_status units_negate(pde_parser *s, pdm_size at, const pdm_unit *a);
pdm_status units_product(pde_parser *s, pdm_size at, const pdm_unit *a, const pdm_unit *b, const pdm_unit **out);
pdm_status units_quotient(pde_parser *s, pdm_size at, const pdm_unit *a, const pdm_unit *b, const pdm_unit **out);
/* Of changes, and of what is left less its mean: without an offset. */
pdm_status units_derivative(pde_parser *s, const pdm_unit *a, const pdm_unit *by, const pdm_unit **out);
pdm_status units_less_mean(pde_parser *s, const pdm_unit *a, const pdm_unit **out);
pdm_status units_power(pde_parser *s, pdm_size at, pde_value a, pde_value b, const pdm_unit **out);
pdm_status units_function(pde_parser *s, pdm_size at, pdm_opcode opcode, pde_value a, pde_value b,
                          const pdm_unit **out);
/* found must be the unit of `what`. */
pdm_status units_match(pde_parser *s, pdm_size at, const char *what, const pdm_unit *wanted, const pdm_unit *found);

/* ---- emit.c ---- */
pdm_status pde_emit(pdm_pde *p, const int32_t *output, pdm_size n_output, const int32_t *leaf, pdm_size n_leaf,
                    const pdm_program **out);

/* ---- function.c: node expanded ---- */
/* The DAG's failure, if any, as an error about this text. */
pdm_status pde_check_dag(const pdm_pde *p, pdm_where where);
pdm_status pde_function_create(pdm_pde *p, pdm_where where, int32_t node, const pdm_function **out);

/* ---- split.c: flux [n_dim] and source of a residual that is not expanded yet; DAG_ZERO where there is none ---- */
pdm_status pde_split(pdm_pde *p, int32_t residual, int32_t *flux, int32_t *source);

/* Parts of a sum, at most `most` of them: node = sum of factor * part. n = 0 where there would be more. */
typedef struct pde_summand {
    int32_t node;
    double  factor;
} pde_summand;
pdm_status pde_take_apart(pdm_pde *p, int32_t node, pdm_size most, pde_summand *out, pdm_size *n);

/* ---- derived.c ---- */
/* invlap of what was parsed at byte `at`. */
pdm_status pde_inverse_laplacian(pde_parser *s, pdm_size at, pde_value argument, pde_value *out);

/* ---- slab.c: inputs that no case names ---- */
enum { PDE_SLAB_INPUTS = 1 + 2 * PDM_MAX_FIELD }; /* at most */
pdm_status pde_slab_start(pdm_pde *p);            /* what t stands for; after the case's inputs, before expressions */
/* The state of a field, or its time derivative, at the start: the node of its input, and the input. */
pdm_status pde_slab_state(pdm_pde *p, const char *name, int32_t *node, int32_t *input);

/* ---- read_names.c, equations.c, conditions.c, constraints.c: parts of a case ---- */
pdm_status pde_read_names(pdm_pde *p, pdm_case *c);       /* dimensions, fields, inputs, parameters, definitions */
pdm_status pde_read_equations(pdm_pde *p, pdm_case *c);   /* residuals */
pdm_status pde_read_conditions(pdm_pde *p, pdm_case *c);  /* initial, boundary */
pdm_status pde_read_constraints(pdm_pde *p, pdm_case *c); /* constraints */
/* edges.c: after the equations */
pdm_status pde_find_edges(pdm_pde *p);
/* The jumps of an initial state or slope. */
pdm_status pde_find_jumps(pdm_pde *p, int32_t node, pdm_initial *initial);
/* positive.c */
pdm_status pde_read_positive(pdm_pde *p, pdm_case *c);       /* after the fields; changes what their names stand for */
int32_t    pde_to_spline(pdm_pde *p, pdm_size f, int32_t u); /* node of v, of a node without fields    */
int32_t pde_to_spline_rate(pdm_pde *p, pdm_size f, int32_t u, int32_t u_t); /* dv/dt                                 */
int32_t pde_spline_slope(pdm_pde *p, pdm_size f);                           /* du/dv; 1 for other fields */
/* shape.c */
pdm_status pde_read_shape(pdm_pde *p, pdm_case *c);        /* after the parameters; changes what fields stand for */
int32_t    pde_count_inside(pdm_pde *p, int32_t residual); /* of spans that reach inside alone */
pdm_status pde_check_shape(pdm_pde *p);                    /* last: what shapes do not go with */
/* Is u of a field a function of the spline's v? */
static inline bool pde_is_transformed(const pdm_pde *p, pdm_size f)
{
    return p->positive[f] > 0.0 || p->shape.is_built_in[f];
}
/* Are equations all source? */
static inline bool pde_is_all_source(const pdm_pde *p, pdm_size equation)
{
    return p->positive[equation] > 0.0 || p->shape.level;
}
/* parts.c: the condition in bytes begin .. end ends at *stop; the part of the side that is said from there on, if any. */
pdm_status pde_read_part(pdm_pde *p, pdm_where where, pdm_size begin, pdm_size end, pdm_condition *k, pdm_size *stop);
/* whole_flux.c: is a condition, expanded, k times this flux of an equation, k a number, plus a rest? *prescribed: what
 * the flux is then, -rest/k. */
pdm_status pde_find_whole_flux(pdm_pde *p, int32_t condition, int32_t flux, bool *found, int32_t *prescribed);
/* Lowest field that an expanded node mentions, -1: none. */
pdm_status pde_lowest_field(pdm_pde *p, int32_t node, int32_t *field);
/* Where a text of the case stands, copied to live as long as the pde. */
pdm_status pde_keep_where(pdm_pde *p, pdm_where where, pdm_where *out);
/* Text attribute and its place, offset 0. */
pdm_status pde_read_text(pdm_case *c, const char *group, const char *name, const char *fallback, pdm_where *where);

#endif
