/* Back ends that lack slots: each slot by itself, all of them, with the bits of the CPU; what cannot be missing;
 * acquires that fail; memory; what the view says. */
#include "backend/fallback/fallback.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/check/check.h"
#include "implicit_diff/implicit_diff.h"
#include "surrogate/surrogate.h"
#include "tests/models.h"

enum { N_SAMPLE = 3, N_SLOT = (sizeof(pdm_backend_ops) - offsetof(pdm_backend_ops, destroy)) / sizeof(void (*)(void)) };
static const double WEIGHT[N_SAMPLE] = {0.7, 0.7, 0.7}; /* of objectives in the loss */

/* ---- tables with holes ---- */

static pdm_backend_ops holed; /* of the one back end that a test has at a time */

static void punch(pdm_backend_ops *ops, size_t offset)
{
    memset((char *)ops + offset, 0, sizeof(void (*)(void)));
}

static size_t slot_offset(int slot)
{
    return offsetof(pdm_backend_ops, destroy) + (size_t)slot * sizeof(void (*)(void));
}

/* The check back end without n slots. Refused ones are destroyed. */
static pdm_status create_without(pdm_context *in, const size_t *offset, size_t n, pdm_backend **out)
{
    pdm_status             status = PDM_OK;
    pdm_backend           *b      = NULL;
    const pdm_backend_ops *whole  = NULL;

    PDM_TRY(pdm_check_create(in, &b));
    whole = b->ops;
    holed = *whole;
    for (size_t i = 0; i < n; i++) punch(&holed, offset[i]);
    b->ops = &holed;
    PDM_TRY(pdm_fallback_complete(b));
    *out = b;
done:
    if (status != PDM_OK && b) {
        b->ops = whole;
        b->ops->destroy(b);
    }
    return status;
}

static int slot_missing;

static pdm_status create_with_a_hole(pdm_context *in, const char *name, pdm_backend **out)
{
    const size_t offset = slot_offset(slot_missing);
    (void)name;
    return create_without(in, &offset, 1, out);
}

/* ---- a tour through all slots ---- */

typedef struct record {
    char    *bytes;
    size_t   n;
    pdm_size n_acquire, n_step_allocation;
} record;

static void note(record *r, const void *from, size_t bytes)
{
    r->bytes = realloc(r->bytes, r->n + bytes);
    ck_assert_ptr_nonnull(r->bytes);
    memcpy(r->bytes + r->n, from, bytes);
    r->n += bytes;
}

static pdm_buffer *make(problem *p, size_t bytes)
{
    pdm_buffer *out = NULL;
    ck_assert_int_eq(p->backend->ops->buffer_create(p->backend, bytes, &out), PDM_OK);
    return out;
}

static void keep(problem *p, record *r, pdm_buffer *buffer, size_t bytes)
{
    void *host = NULL;
    ck_assert_int_eq(p->backend->ops->acquire(p->backend, buffer, PDM_READ, &host), PDM_OK);
    note(r, host, bytes);
    ck_assert_int_eq(p->backend->ops->release(p->backend, buffer, &host), PDM_OK);
}

static void fill(problem *p, pdm_buffer *buffer, pdm_size n, uint64_t stream)
{
    void *host = NULL;
    ck_assert_int_eq(p->backend->ops->acquire(p->backend, buffer, PDM_WRITE, &host), PDM_OK);
    for (pdm_size i = 0; i < n; i++)
        ((float *)host)[i] = (float)pdm_random_normal((pdm_random_key){9, PDM_RANDOM_TEST, stream}, (uint64_t)i);
    ck_assert_int_eq(p->backend->ops->release(p->backend, buffer, &host), PDM_OK);
}

static void drop(problem *p, size_t n, pdm_buffer **buffer)
{
    for (size_t i = 0; i < n; i++) p->backend->ops->buffer_destroy(p->backend, &buffer[i]);
}

/* Two samples of three: the third keeps what it has. */
static const int32_t   TWO[] = {2, 0};
static const pdm_batch SOME  = {2, TWO};
#define WORKS(call)     ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(p->ctx))
#define SLOT(name, ...) WORKS(p->backend->ops->name(p->backend, __VA_ARGS__))

/* A^T A v from partials, which are there for this alone. */
static void tour_partials(problem *p, record *r)
{
    const pdm_size n        = N_SAMPLE * pdm_rows_n_partial(pdm_domain_rows(p->domain));
    pdm_buffer    *partials = make(p, (size_t)n * sizeof(double));
    SLOT(rows_partials, p->rows, SOME, &p->data, p->c, partials);
    SLOT(rows_curvature, p->rows, SOME, p->A, partials, p->v, p->out2);
    keep(p, r, p->out2, (size_t)(N_SAMPLE * p->c_size) * sizeof(double));
    drop(p, 1, &partials);
}

static void tour_rows(problem *p, record *r)
{
    const size_t row = (size_t)(N_SAMPLE * p->n_row) * sizeof(double),
                 c   = (size_t)(N_SAMPLE * p->c_size) * sizeof(double);
    SLOT(rows_residual, p->rows, SOME, &p->data, p->c, p->r);
    keep(p, r, p->r, row);
    SLOT(rows_weigh, p->rows, SOME, p->r, p->r2);
    keep(p, r, p->r2, row);
    SLOT(rows_linearise, p->rows, SOME, &p->data, p->c, p->A);
    keep(p, r, p->A, (size_t)(N_SAMPLE * p->a_size) * sizeof(double));
    SLOT(rows_apply, p->rows, SOME, p->A, p->v, p->r);
    keep(p, r, p->r, row);
    SLOT(rows_apply_adjoint, p->rows, SOME, p->A, p->y, p->out);
    keep(p, r, p->out, c);
    SLOT(rows_curvature, p->rows, SOME, p->A, NULL, p->v, p->out2);
    keep(p, r, p->out2, c);
    tour_partials(p, r);
    SLOT(rows_second_order, p->rows, SOME, &p->data, p->c, p->y, p->v, p->out);
    keep(p, r, p->out, c);
}

/* On a grid of 3 points a dimension; the derivative along the last one. */
static void tour_points(problem *p, record *r)
{
    const pdm_rows_desc *rows                 = pdm_domain_rows(p->domain);
    pdm_point_grid       grid                 = {0};
    pdm_points_plan     *plan                 = NULL;
    pdm_atom             atom                 = {.field = (int32_t)rows->n_field - 1};
    pdm_size             n_point[PDM_MAX_DIM] = {0}, n = 1;
    double               place[3]                = {0.1, 0.2, 0.3};
    const double        *coordinate[PDM_MAX_DIM] = {0};
    for (pdm_size d = 0; d < rows->n_dim; d++) {
        n_point[d]    = 3;
        coordinate[d] = place;
        n *= 3;
    }
    atom.order[rows->n_dim - 1] = 1;
    pdm_buffer *values          = make(p, (size_t)(N_SAMPLE * n) * sizeof(double));
    WORKS(pdm_point_grid_create(p->domain, n_point, coordinate, &grid));
    SLOT(points_create, &grid.desc, &plan);
    SLOT(points_evaluate, plan, SOME, atom, p->c, values);
    keep(p, r, values, (size_t)(N_SAMPLE * n) * sizeof(double));
    SLOT(points_evaluate_adjoint, plan, SOME, atom, values, p->out);
    keep(p, r, p->out, (size_t)(N_SAMPLE * p->c_size) * sizeof(double));
    p->backend->ops->points_destroy(p->backend, &plan);
    ck_assert_ptr_null(plan);
    pdm_point_grid_destroy(&grid);
    drop(p, 1, &values);
}

/* Buffers that are read and written at once too. */
static void tour_vectors(problem *p, record *r)
{
    const double  alpha[N_SAMPLE] = {0.5, 9.0, -2.0}, beta[N_SAMPLE] = {3.0, 9.0, 1.0};
    const size_t  c                = (size_t)(N_SAMPLE * p->c_size) * sizeof(double);
    double        out[2][N_SAMPLE] = {{7.0, 7.0, 7.0}, {7.0, 7.0, 7.0}};
    const pdm_dot dot[]            = {{p->c_size, p->c, p->c, NULL, out[0]}, {p->c_size, p->c, p->v, p->out2, out[1]}};
    SLOT(vector_multiply, SOME, p->c_size, p->c, p->v, p->out);
    SLOT(vector_multiply, SOME, p->c_size, p->out, p->out, p->out);
    keep(p, r, p->out, c);
    SLOT(vector_positive, SOME, p->c_size, 0.1, p->out);
    keep(p, r, p->out, c);
    SLOT(vector_combine, SOME, p->c_size, alpha, p->c, beta, p->out, p->out);
    SLOT(vector_combine, SOME, p->c_size, alpha, p->out, NULL, NULL, p->out2);
    keep(p, r, p->out, c);
    keep(p, r, p->out2, c);
    SLOT(vector_dots, SOME, 2, dot);
    note(r, out, sizeof out);
}

/* Columns, blocks and the normal matrix: a solve, its derivatives, what columns are worth. */
static void tour_solver(problem *p, record *r)
{
    const pdm_solver_settings settings = {
        .tolerance = 1e-8, .ridge = 1e-3, .damping = 1e-4, .max_iter = 100, .linear = PDM_LINEAR_DIRECT};
    const pdm_batch all      = problem_batch(p);
    pdm_experts    *experts  = NULL;
    pdm_solver     *solver   = NULL;
    pdm_implicit   *implicit = NULL;
    double          least[N_SAMPLE];
    pdm_size        before, after;
    WORKS(pdm_experts_create(p->ctx, p->the_case, p->domain, NULL, &experts));
    WORKS(pdm_solver_create(p->ctx, p->backend, &settings, p->domain, experts, N_SAMPLE, &solver));
    WORKS(pdm_implicit_create(p->ctx, p->backend, solver, 1e-10, &implicit));
    const pdm_size n_basis = N_SAMPLE * pdm_experts_columns(experts)->n_channel * pdm_domain_n_coef(p->domain);
    const pdm_size n_on = N_SAMPLE * pdm_experts_n_column(experts), n_window = pdm_experts_n_window(experts);
    pdm_buffer    *of[]  = {make(p, (size_t)n_basis * sizeof(float)), make(p, (size_t)n_basis * sizeof(float)),
                            make(p, (size_t)n_window * sizeof(double)), make(p, (size_t)n_on * sizeof(double))};
    unsigned char *on    = calloc((size_t)n_on, 1);
    double        *ridge = calloc((size_t)n_on, sizeof *ridge);
    for (pdm_size i = 0; i < n_on; i++) {
        on[i]    = i % 5 != 1;
        ridge[i] = 1e-2 * (double)(1 + i % 3);
    }
    fill(p, of[0], n_basis, 1);
    WORKS(pdm_solver_take_windows(solver));
    WORKS(pdm_solver_select(solver, all, on, ridge));
    pdm_context_memory(p->ctx, NULL, NULL, &before);
    WORKS(pdm_solver_solve(solver, all, &p->data, of[0], p->lift, PDM_START_ZERO));
    WORKS(pdm_implicit_backward(implicit, all, &p->data, WEIGHT, p->v, of[1]));
    pdm_context_memory(p->ctx, NULL, NULL, &after);
    r->n_step_allocation = after - before;
    keep(p, r, pdm_solver_lend(solver)->c, (size_t)(N_SAMPLE * p->c_size) * sizeof(double));
    keep(p, r, of[1], (size_t)n_basis * sizeof(float));
    WORKS(pdm_implicit_windows(implicit, all, of[0], of[2]));
    keep(p, r, of[2], (size_t)n_window * sizeof(double));
    WORKS(pdm_implicit_ridge(implicit, all, of[3]));
    keep(p, r, of[3], (size_t)n_on * sizeof(double));
    WORKS(pdm_solver_linearise(solver, all, &p->data, false));
    WORKS(pdm_solver_worth(solver, all, of[0], on, of[3], least));
    keep(p, r, of[3], (size_t)n_on * sizeof(double));
    note(r, least, sizeof least);
    drop(p, 4, of);
    free(on), free(ridge);
    pdm_implicit_destroy(&implicit);
    pdm_solver_destroy(&solver);
    pdm_experts_destroy(&experts);
}

/* A nested solve, where rows see no derived fields. */
static void tour_nest(problem *p, record *r)
{
    const double   shift[N_SAMPLE]  = {1e-3, 9.0, 1e-2};
    int32_t        failed[N_SAMPLE] = {7, 7, 7};
    pdm_nest      *nest             = NULL;
    pdm_nest_plan *plan             = NULL;
    if (pdm_domain_rows(p->domain)->n_derived > 0) return;
    WORKS(pdm_nest_create(p->ctx, p->domain, &nest));
    SLOT(nest_create, pdm_domain_rows(p->domain), pdm_nest_describe(nest), N_SAMPLE, &plan);
    SLOT(nest_factor, plan, SOME, shift, p->A, failed);
    note(r, failed, sizeof failed);
    SLOT(nest_solve, plan, SOME, p->v, p->out);
    keep(p, r, p->out, (size_t)(N_SAMPLE * p->c_size) * sizeof(double));
    p->backend->ops->nest_destroy(p->backend, &plan);
    ck_assert_ptr_null(plan);
    pdm_nest_destroy(&nest);
}

/* A sparse matrix; rows without entries leave what is there. */
static void tour_matrix(problem *p, record *r)
{
    enum { N_ROW = 7, N_ENTRY = 12 };
    int32_t          row0[N_ROW + 1], column[N_ENTRY];
    double           value[N_ENTRY];
    pdm_matrix_plan *plan = NULL;
    for (int32_t i = 0; i <= N_ROW; i++) row0[i] = i < 2 ? 4 * i : i < 4 ? 8 : 8 + i - 3;
    for (int32_t e = 0; e < N_ENTRY; e++) {
        column[e] = e < 8 ? e % 4 + e / 4 : (int32_t)((e * 7) % p->c_size);
        value[e]  = cos(1.0 + e);
    }
    const pdm_matrix_desc desc = {N_ROW, p->c_size, row0, column, value};
    pdm_buffer           *y    = make(p, N_SAMPLE * N_ROW * sizeof(double));
    SLOT(matrix_create, &desc, &plan);
    SLOT(matrix_apply, plan, SOME, p->v, y);
    keep(p, r, y, N_SAMPLE * N_ROW * sizeof(double));
    p->backend->ops->matrix_destroy(p->backend, &plan);
    ck_assert_ptr_null(plan);
    p->backend->ops->buffer_destroy(p->backend, &y);
}

/* A network there and back, and a step of its optimiser. */
static void tour_network(problem *p, record *r)
{
    const pdm_rows_desc *rows    = pdm_domain_rows(p->domain);
    pdm_surrogate_shape  shape   = {.n_dim = rows->n_dim, .n_feature = 2, .n_channel = 3, .n_sample = N_SAMPLE};
    pdm_surrogate       *network = NULL;
    double               norm    = 0.0;
    memcpy(shape.n_coef, rows->n_coef, sizeof shape.n_coef);
    WORKS(pdm_surrogate_create(p->ctx, p->backend, p->the_case, &shape, 11, &network));
    const pdm_size n_grid = N_SAMPLE * pdm_domain_n_coef(p->domain), n = network->n_parameter;
    pdm_buffer    *of[] = {make(p, (size_t)(2 * n_grid) * sizeof(float)), make(p, (size_t)(3 * n_grid) * sizeof(float)),
                           make(p, (size_t)n * sizeof(float)), make(p, (size_t)n * sizeof(float))};
    pdm_buffer    *wide = make(p, (size_t)n * sizeof(double));
    const pdm_adam adam = {
        .n = n, .step = 1, .learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .gradient_scale = 0.5};
    fill(p, of[0], 2 * n_grid, 2);
    WORKS(network->ops->forward(network, SOME, of[0], of[1], true));
    keep(p, r, of[1], (size_t)(3 * n_grid) * sizeof(float));
    WORKS(network->ops->backward(network, SOME, of[1]));
    keep(p, r, network->g_parameters, (size_t)n * sizeof(float));
    SLOT(norm2_f32, n, network->g_parameters, &norm);
    note(r, &norm, sizeof norm);
    SLOT(adam_f32, &adam, network->g_parameters, of[2], of[3], network->parameters);
    for (int i = 2; i < 4; i++) keep(p, r, of[i], (size_t)n * sizeof(float));
    SLOT(combine_f32, n, 0.5, network->g_parameters, 2.0, network->parameters);
    keep(p, r, network->parameters, (size_t)n * sizeof(float));
    SLOT(widen_f32, n, network->parameters, 0.0, wide);
    SLOT(widen_f32, n, network->g_parameters, 1.5, wide);
    SLOT(narrow_f64, n, -0.7, wide, network->parameters);
    keep(p, r, network->parameters, (size_t)n * sizeof(float));
    drop(p, 1, &wide);
    drop(p, 4, of);
    pdm_surrogate_destroy(&network);
}

static void open_tour(problem *p, int number, const char *backend)
{
    static const word words[] = {{"experts", "basis", "3"},       {"experts", "partition", "learned"},
                                 {"experts", "overlap", "3"},     {"domain/x", "experts", "3"},
                                 {"experts", "guess", "network"}, {"surrogate", "width", "5"},
                                 {"surrogate", "layers", "2"},    {"surrogate", "hidden", "6"}};
    problem_open(p, number, backend, N_SAMPLE);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        WORKS(pdm_case_set_text(p->the_case, words[i].group, words[i].name, words[i].value));
    problem_random_state(p, 31);
}

static record tour(int number, const char *backend)
{
    problem p;
    record  r = {0};
    open_tour(&p, number, backend);
    tour_rows(&p, &r);
    tour_nest(&p, &r);
    tour_matrix(&p, &r);
    tour_points(&p, &r);
    tour_vectors(&p, &r);
    tour_solver(&p, &r);
    tour_network(&p, &r);
    if (pdm_text_equal(p.backend->ops->name, "check")) r.n_acquire = pdm_check_acquires(p.backend);
    problem_close(&p);
    return r;
}

/* Rows at every scale; derived fields, two fields. */
static const int problems[] = {PROBLEM_LEVELS, PROBLEM_VORTICITY, PROBLEM_SYSTEM};

#define HOLE(slot) offsetof(pdm_backend_ops, slot)

/* What callers ask whether it is there. */
static bool is_optional(int slot)
{
    return slot_offset(slot) == HOLE(buffer_lend) || slot_offset(slot) == HOLE(memory);
}

/* Slot after slot: the bits are the CPU's, and the call went through host views. */
START_TEST(any_slot_may_be_missing)
    {
        pdm_backend *b  = NULL;
        slot_missing    = _i;
        pdm_context *in = NULL;
        ck_assert_int_eq(pdm_context_create(NULL, &in), PDM_OK);
        const pdm_status status = create_with_a_hole(in, "", &b);
        pdm_backend_destroy(&b);
        ck_assert_int_eq(pdm_context_destroy(&in), 0);
        if (status == PDM_ERR_INTERNAL || is_optional(_i)) return; /* test required_slots */
        record cpu = tour(PROBLEM_LEVELS, "cpu"), whole = tour(PROBLEM_LEVELS, "check");
        problem_backend = create_with_a_hole;
        record r        = tour(PROBLEM_LEVELS, "");
        ck_assert_uint_eq(r.n, cpu.n);
        ck_assert_mem_eq(r.bytes, cpu.bytes, cpu.n);
        ck_assert_int_gt(r.n_acquire, whole.n_acquire);
        free(cpu.bytes), free(whole.bytes), free(r.bytes);
    }
END_TEST

/* Memory alone, which the CPU cannot read: all buffers are lent, and nothing is allocated once everything is made. */
START_TEST(all_slots_may_be_missing)
    {
        record cpu = tour(problems[_i], "cpu"), bare = tour(problems[_i], "bare");
        ck_assert_uint_eq(bare.n, cpu.n);
        ck_assert_mem_eq(bare.bytes, cpu.bytes, cpu.n);
        ck_assert_int_eq(bare.n_step_allocation, 0);
        free(cpu.bytes), free(bare.bytes);
    }
END_TEST

/* A back end that forgets what it is told of columns and blocks, and has all those calls done that would need it. */
static pdm_status forget_choice(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on)
{
    (void)b, (void)plan, (void)s, (void)on;
    return PDM_OK;
}
static pdm_status forget_choice_of_unknowns(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on)
{
    (void)b, (void)plan, (void)s, (void)on;
    return PDM_OK;
}
static pdm_status forget_factor(pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A,
                                int32_t *failed)
{
    (void)b, (void)plan, (void)s, (void)shift, (void)A, (void)failed;
    return PDM_OK;
}
static pdm_status forget_windows(pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc)
{
    (void)b, (void)plan, (void)desc;
    return PDM_OK;
}
static pdm_status forget_basis(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis)
{
    (void)b, (void)plan, (void)s, (void)basis;
    return PDM_OK;
}

/* Its plans are NaN, for whoever takes one for the CPU's. */
static pdm_status nothing_plan(pdm_backend *b, void *out)
{
    enum { SIZE = 4096 };
    pdm_status status = PDM_OK;
    void      *plan   = NULL;
    PDM_TRY(pdm_alloc(b->ctx, SIZE, &plan));
    memset(plan, 0xFF, SIZE);
    memcpy(out, &plan, sizeof plan);
done:
    return status;
}

/* clang-format off */
#define NOTHING_PLAN(group, use, ...)                                                                 \
    static pdm_status nothing_##group##_create(pdm_backend *b, __VA_ARGS__, pdm_##group##_plan **out) \
    {                                                                                                 \
        use;                                                                                          \
        return nothing_plan(b, out);                                                                  \
    }                                                                                                 \
    static void nothing_##group##_destroy(pdm_backend *b, pdm_##group##_plan **plan)                  \
    {                                                                                                 \
        pdm_free(b->ctx, *plan);                                                                      \
        *plan = NULL;                                                                                 \
    }
NOTHING_PLAN(rows, ((void)desc, (void)n), const pdm_rows_desc *desc, pdm_size n)
NOTHING_PLAN(points, (void)desc, const pdm_points_desc *desc)
NOTHING_PLAN(columns, ((void)desc, (void)n), const pdm_columns_desc *desc, pdm_size n)
NOTHING_PLAN(blocks, ((void)desc, (void)n), const pdm_blocks_desc *desc, pdm_size n)
NOTHING_PLAN(normal, ((void)rows, (void)columns, (void)blocks, (void)n), const pdm_rows_desc *rows,
             const pdm_columns_desc *columns, const pdm_blocks_desc *blocks, pdm_size n)
NOTHING_PLAN(nest, ((void)rows, (void)desc, (void)n), const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n)
NOTHING_PLAN(matrix, (void)desc, const pdm_matrix_desc *desc)
/* clang-format on */

static pdm_status create_forgetful(pdm_context *in, const char *name, pdm_backend **out)
{
    static const size_t uses[] = {HOLE(columns_expand),
                                  HOLE(columns_reduce),
                                  HOLE(columns_backward),
                                  HOLE(columns_windows_backward),
                                  HOLE(normal_assemble),
                                  HOLE(blocks_factor),
                                  HOLE(blocks_solve),
                                  HOLE(blocks_worth),
                                  HOLE(blocks_diagonal),
                                  HOLE(rows_residual),
                                  HOLE(rows_linearise),
                                  HOLE(rows_weigh),
                                  HOLE(rows_apply),
                                  HOLE(rows_apply_adjoint),
                                  HOLE(rows_curvature),
                                  HOLE(rows_partials),
                                  HOLE(rows_second_order),
                                  HOLE(points_evaluate),
                                  HOLE(points_evaluate_adjoint),
                                  HOLE(nest_solve),
                                  HOLE(columns_start),
                                  HOLE(matrix_apply)};
    pdm_status          status = PDM_OK;
    pdm_backend        *b      = NULL;
    (void)name;
    PDM_TRY(pdm_check_create(in, &b));
    holed                 = *b->ops;
    holed.columns_select  = forget_choice;
    holed.columns_windows = forget_windows;
    holed.columns_build   = forget_basis;
    holed.blocks_select   = forget_choice_of_unknowns;
    holed.nest_factor     = forget_factor;
#define NOTHING(group)                                \
    holed.group##_create  = nothing_##group##_create; \
    holed.group##_destroy = nothing_##group##_destroy;
    NOTHING(rows)
    NOTHING(points)
    NOTHING(columns)
    NOTHING(blocks)
    NOTHING(normal)
    NOTHING(nest)
    NOTHING(matrix)
#undef NOTHING
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) punch(&holed, uses[i]);
    b->ops = &holed;
    PDM_TRY(pdm_fallback_complete(b));
    *out = b;
done:
    return status;
}

/* What sets the state of a plan is done on both sides, and calls that fall back read the CPU's. */
START_TEST(state_is_on_both_sides)
    {
        record cpu      = tour(problems[_i], "cpu");
        problem_backend = create_forgetful;
        record r        = tour(problems[_i], "");
        ck_assert_uint_eq(r.n, cpu.n);
        ck_assert_mem_eq(r.bytes, cpu.bytes, cpu.n);
        free(cpu.bytes), free(r.bytes);
    }
END_TEST

/* The normal matrix is made of C: where it is the CPU's, C is there too; where C is not the back end's, nor is it. */
START_TEST(normal_goes_with_columns)
    {
        const size_t normal = HOLE(normal_assemble), build = HOLE(columns_build);
        pdm_backend *b = NULL;
        open_context();
        OK(create_without(ctx, &normal, 1, &b));
        ck_assert(b->ops->columns_build != holed.columns_build);
        ck_assert(b->ops->columns_expand == holed.columns_expand);
        pdm_backend_destroy(&b);
        OK(create_without(ctx, &build, 1, &b));
        ck_assert(b->ops->normal_create != holed.normal_create);
        ck_assert(b->ops->normal_assemble != holed.normal_assemble);
        ck_assert(b->ops->blocks_factor == holed.blocks_factor);
        pdm_backend_destroy(&b);
        close_context();
    }
END_TEST

/* Diagonal blocks of one sample's matrix get `above` above their diagonals; with fresh, all the rest is filled too. */
static void put_above(problem *p, const pdm_blocks_desc *d, pdm_buffer *matrix, double above, bool fresh)
{
    void *host = NULL;
    ck_assert_int_eq(p->backend->ops->acquire(p->backend, matrix, PDM_READ_WRITE, &host), PDM_OK);
    double *H = host;
    for (pdm_size i = 0; i < d->n_value && fresh; i++) H[i] = 0.01 * (double)(i % 7 - 3);
    for (pdm_size j = 0; j < d->n_block; j++) {
        double *block = H + d->offset[d->start[j]];
        for (pdm_size i = 0; i < d->size[j]; i++) {
            if (fresh) block[i * d->size[j] + i] = 8.0;
            for (pdm_size l = i + 1; l < d->size[j]; l++) block[i * d->size[j] + l] = above;
        }
    }
    ck_assert_int_eq(p->backend->ops->release(p->backend, matrix, &host), PDM_OK);
}

/* What stands above the diagonal of a diagonal block is not read: H and L may come from a back end that leaves it. */
START_TEST(upper_triangles_are_not_read)
    {
        problem             of, *p = &of;
        pdm_experts        *experts = NULL;
        pdm_blocks         *blocks  = NULL;
        pdm_blocks_plan    *plan    = NULL;
        record              r[2]    = {{0}};
        const int32_t       first   = 0;
        static const double shift   = 0.0;
        int32_t             failed  = -1;
        const pdm_batch     one     = {1, &first};
        open_tour(p, problems[_i], "cpu");
        WORKS(pdm_experts_create(p->ctx, p->the_case, p->domain, NULL, &experts));
        WORKS(pdm_blocks_create(p->ctx, pdm_domain_rows(p->domain), pdm_experts_columns(experts), PDM_COUPLING_ALL,
                                &blocks));
        const pdm_blocks_desc *d = pdm_blocks_describe(blocks);
        const size_t vector = (size_t)d->n_unknown * sizeof(double), matrix = (size_t)d->n_value * sizeof(double);
        pdm_buffer  *H = make(p, matrix), *L = make(p, matrix), *x = make(p, vector), *y = make(p, vector);
        SLOT(blocks_create, d, 1, &plan);
        for (int k = 0; k < 2; k++) {
            put_above(p, d, H, k ? NAN : 0.0, true);
            SLOT(blocks_diagonal, plan, one, H, x);
            keep(p, &r[k], x, vector);
            SLOT(blocks_factor, plan, one, &shift, 0.0, NULL, H, L, &failed);
            ck_assert_int_eq(failed, 0);
            put_above(p, d, L, k ? NAN : 0.0, false);
            SLOT(blocks_solve, plan, one, L, x, y);
            keep(p, &r[k], y, vector);
            SLOT(blocks_worth, plan, one, L, y, NULL, x);
            keep(p, &r[k], x, vector);
        }
        ck_assert_mem_eq(r[0].bytes, r[1].bytes, r[0].n);
        for (int k = 0; k < 2; k++) free(r[k].bytes);
        p->backend->ops->blocks_destroy(p->backend, &plan);
        pdm_buffer *all[] = {H, L, x, y};
        drop(p, 4, all);
        pdm_blocks_destroy(&blocks);
        pdm_experts_destroy(&experts);
        problem_close(p);
    }
END_TEST

/* ---- what is refused ---- */

static const struct {
    const char *name;
    size_t      offset;
} required[] = {
#define REQUIRED(slot)    \
    {                     \
#slot, HOLE(slot) \
    }
    REQUIRED(destroy), REQUIRED(view),    REQUIRED(buffer_create), REQUIRED(buffer_destroy),
    REQUIRED(acquire), REQUIRED(release), REQUIRED(copy),          REQUIRED(synchronise)};
enum { N_REQUIRED = sizeof required / sizeof *required };

START_TEST(required_slots)
    {
        pdm_backend *b = NULL;
        open_context();
        int n_refused = 0;
        for (int slot = 0; slot < N_SLOT; slot++) {
            slot_missing = slot;
            n_refused += create_with_a_hole(ctx, "", &b) == PDM_ERR_INTERNAL;
            pdm_backend_destroy(&b);
        }
        ck_assert_int_eq(n_refused, N_REQUIRED);
        for (int i = 0; i < N_REQUIRED; i++) {
            char lacks[64];
            snprintf(lacks, sizeof lacks, "\"check\" lacks %s,", required[i].name);
            ck_assert_int_eq(create_without(ctx, &required[i].offset, 1, &b), PDM_ERR_INTERNAL);
            SAYS(lacks);
        }
        close_context();
    }
END_TEST

START_TEST(version)
    {
        pdm_backend    *b = NULL;
        pdm_backend_ops old;
        open_context();
        OK(pdm_check_create(ctx, &b));
        const pdm_backend_ops *whole = b->ops;
        old                          = *whole;
        old.version--;
        b->ops = &old;
        ck_assert_int_eq(pdm_fallback_complete(b), PDM_ERR_INTERNAL);
        SAYS("\"check\" is of version");
        ck_assert_ptr_eq(b->ops, &old);
        b->ops = whole;
        OK(pdm_fallback_complete(b));
        ck_assert_ptr_eq(b->ops, whole); /* complete: as it is */
        ck_assert_ptr_null(b->fallback);
        pdm_backend_destroy(&b);
        close_context();
    }
END_TEST

/* ---- failures ---- */

static const pdm_backend_ops *bare;
static int                    acquires_left;

static pdm_status failing_acquire(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    pdm_status status = PDM_OK;
    if (acquires_left-- == 0) PDM_FAIL(b->ctx, PDM_ERR_MEMORY, "no host view is left");
    PDM_TRY(bare->acquire(b, buffer, access, host));
done:
    return status;
}

static pdm_status create_failing(pdm_context *in, const char *name, pdm_backend **out)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = NULL;
    (void)name;
    PDM_TRY(pdm_bare_create(in, &b));
    bare          = b->ops;
    holed         = *bare;
    holed.acquire = failing_acquire;
    b->ops        = &holed;
    PDM_TRY(pdm_fallback_complete(b));
    *out = b;
done:
    return status;
}

/* The call with the most buffers, each of its acquires failing: it says why, and nobody holds anything afterwards. */
START_TEST(nothing_stays_acquired)
    {
        problem p;
        int     n_acquire = 0;
        double *before = NULL, *after = NULL;
        problem_backend = create_failing;
        acquires_left   = 1000;
        open_tour(&p, PROBLEM_LEVELS, "");
        pdm_buffer    *all[] = {p.data.scalar, p.data.sampled, p.c, p.y, p.v, p.out};
        const pdm_size n     = N_SAMPLE * p.c_size;
        before = calloc((size_t)n, sizeof *before), after = calloc((size_t)n, sizeof *after);
        problem_get(&p, p.out, before, n);
        for (pdm_status status = PDM_ERR_MEMORY; status != PDM_OK; n_acquire++) {
            ck_assert_int_lt(n_acquire, 10);
            acquires_left = n_acquire;
            status =
                p.backend->ops->rows_second_order(p.backend, p.rows, problem_batch(&p), &p.data, p.c, p.y, p.v, p.out);
            acquires_left = 1000;
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            if (status != PDM_OK) ck_assert_ptr_nonnull(strstr(pdm_context_error(p.ctx), "no host view is left"));
            for (int i = 0; i < 6; i++) {
                void *host = NULL;
                ck_assert_int_eq(p.backend->ops->acquire(p.backend, all[i], PDM_READ_WRITE, &host), PDM_OK);
                ck_assert_int_eq(p.backend->ops->release(p.backend, all[i], &host), PDM_OK);
            }
            problem_get(&p, p.out, after, n);
            ck_assert((memcmp(before, after, (size_t)n * sizeof *before) == 0) == (status != PDM_OK));
        }
        ck_assert_int_eq(n_acquire, 7); /* six failed */
        free(before), free(after);
        problem_close(&p);
    }
END_TEST

/* Memory that runs out while a back end or a plan of both is made. */
START_TEST(allocation_failures)
    {
        const size_t   missing[] = {HOLE(points_evaluate)};
        problem        p;
        double         at[1]                   = {0.1};
        const double  *coordinate[PDM_MAX_DIM] = {at, at};
        const pdm_size n_point[PDM_MAX_DIM]    = {1, 1};
        pdm_point_grid grid                    = {0};
        problem_open(&p, PROBLEM_HEAT, "cpu", 1);
        ck_assert_int_eq(pdm_point_grid_create(p.domain, n_point, coordinate, &grid), PDM_OK);
        open_context();
        pdm_status status = PDM_ERR_MEMORY;
        for (pdm_size k = 1; status != PDM_OK; k++) {
            pdm_backend     *b    = NULL;
            pdm_points_plan *plan = NULL;
            pdm_size         live;
            ck_assert_int_lt(k, 60);
            pdm_context_fail_allocation(ctx, k);
            status = create_without(ctx, missing, 1, &b);
            if (status == PDM_OK) status = b->ops->points_create(b, &grid.desc, &plan);
            pdm_context_fail_allocation(ctx, 0);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            if (b) b->ops->points_destroy(b, &plan);
            pdm_backend_destroy(&b);
            pdm_context_memory(ctx, &live, NULL, NULL);
            ck_assert_int_eq(live, 0);
        }
        close_context();
        pdm_point_grid_destroy(&grid);
        problem_close(&p);
    }
END_TEST

/* ---- what is said ---- */

START_TEST(view_names_what_falls_back)
    {
        static const struct {
            size_t      offset[2], n;
            const char *says;
        } cases[] = {
            {{0}, 0, NULL},
            {{HOLE(vector_dots), HOLE(blocks_worth)}, 2, "on the CPU       blocks_worth, vector_dots\n"},
            {{HOLE(columns_build), HOLE(vector_dots)},
             2,
             "on the CPU       vector_dots, columns (10 slots), normal (3 slots)\n"},
            {{HOLE(normal_assemble)}, 1, "on the CPU       normal_assemble\n"},
            {{HOLE(fourier_head_backward)}, 1, "on the CPU       fourier (8 slots)\n"},
        };
        pdm_backend *b    = NULL;
        pdm_text     text = {0};
        open_context();
        text.ctx = ctx;
        OK(create_without(ctx, cases[_i].offset, cases[_i].n, &b));
        OK(pdm_backend_view(b, &text));
        const char *said = strstr(text.data, "on the CPU");
        if (cases[_i].says)
            ck_assert_msg(said && strncmp(said, cases[_i].says, strlen(cases[_i].says)) == 0, "%s", text.data);
        else
            ck_assert_ptr_null(said);
        pdm_text_destroy(&text);
        pdm_backend_destroy(&b);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("fallback");
    TCase *tc    = tcase_create("fallback");
    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, any_slot_may_be_missing, 0, N_SLOT);
    tcase_add_loop_test(tc, all_slots_may_be_missing, 0, sizeof problems / sizeof *problems);
    tcase_add_loop_test(tc, state_is_on_both_sides, 0, sizeof problems / sizeof *problems);
    tcase_add_test(tc, normal_goes_with_columns);
    tcase_add_loop_test(tc, upper_triangles_are_not_read, 0, sizeof problems / sizeof *problems);
    tcase_add_test(tc, required_slots);
    tcase_add_test(tc, version);
    tcase_add_test(tc, nothing_stays_acquired);
    tcase_add_test(tc, allocation_failures);
    tcase_add_loop_test(tc, view_names_what_falls_back, 0, 5);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
