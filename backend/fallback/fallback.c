#include "backend/fallback/fallback.h"

#include "backend/cpu/cpu_impl.h"

/* ---- what may be missing ----
 * STATE: makes a plan, or sets what it keeps from call to call. USE: reads that alone. What slots hand each other in
 * buffers, A, H and L too, has the layouts of backend.h, whoever writes it. */
#define GROUP_LIST(X) X(rows) X(points) X(columns) X(blocks) X(normal) X(nest) X(matrix) X(fourier) X(vectors)

/* Columns keep C, its norms, and which columns exist; blocks, which unknowns exist; normal_assemble reads a columns
 * plan, see place_groups(); fourier keeps what flows between the calls; vectors have no plan. */
/* clang-format off */
#define SLOT_LIST(X)                                                                                           \
    X(rows, STATE, rows_create)                      X(rows, STATE, rows_destroy)                              \
    X(rows, USE, rows_residual)                      X(rows, USE, rows_linearise)                              \
    X(rows, USE, rows_weigh)                         X(rows, USE, rows_apply)                                  \
    X(rows, USE, rows_apply_adjoint)                 X(rows, USE, rows_partials)                               \
    X(rows, USE, rows_curvature)                                                                               \
    X(rows, USE, rows_second_order)                                                                            \
    X(points, STATE, points_create)                  X(points, STATE, points_destroy)                          \
    X(points, USE, points_evaluate)                  X(points, USE, points_evaluate_adjoint)                   \
    X(columns, STATE, columns_create)                X(columns, STATE, columns_destroy)                        \
    X(columns, STATE, columns_select)                X(columns, STATE, columns_windows)                        \
    X(columns, STATE, columns_build)                 X(columns, USE, columns_start)                            \
    X(columns, USE, columns_expand)                  X(columns, USE, columns_reduce)                           \
    X(columns, USE, columns_backward)                X(columns, USE, columns_windows_backward)                 \
    X(blocks, STATE, blocks_create)                  X(blocks, STATE, blocks_destroy)                          \
    X(blocks, STATE, blocks_select)                                                                            \
    X(blocks, USE, blocks_factor)                    X(blocks, USE, blocks_solve)                              \
    X(blocks, USE, blocks_worth)                     X(blocks, USE, blocks_diagonal)                           \
    X(normal, STATE, normal_create)                  X(normal, STATE, normal_destroy)                          \
    X(normal, USE, normal_assemble)                                                                            \
    X(nest, STATE, nest_create)                      X(nest, STATE, nest_destroy)                              \
    X(nest, STATE, nest_factor)                      X(nest, USE, nest_solve)                                  \
    X(matrix, STATE, matrix_create)                  X(matrix, STATE, matrix_destroy)                          \
    X(matrix, USE, matrix_apply)                                                                               \
    X(fourier, STATE, fourier_create)                X(fourier, STATE, fourier_destroy)                        \
    X(fourier, STATE, fourier_lift)                  X(fourier, STATE, fourier_lift_backward)                  \
    X(fourier, STATE, fourier_layer)                 X(fourier, STATE, fourier_layer_backward)                 \
    X(fourier, STATE, fourier_head)                  X(fourier, STATE, fourier_head_backward)                  \
    X(vectors, USE, vector_dots)                     X(vectors, USE, vector_combine)                           \
    X(vectors, USE, vector_multiply)                 X(vectors, USE, combine_f32)                              \
    X(vectors, USE, vector_positive)                                                                           \
    X(vectors, USE, adam_f32)                        X(vectors, USE, norm2_f32)                                \
    X(vectors, USE, widen_f32)                       X(vectors, USE, narrow_f64)
/* clang-format on */

#define REQUIRED_LIST(X) \
    X(destroy) X(view) X(buffer_create) X(buffer_destroy) X(acquire) X(release) X(copy) X(synchronise)

/* What may be missing, and nothing stands in. */
#define OPTIONAL_LIST(X) X(buffer_lend) X(memory)

enum { STATE, USE };

enum {
#define GROUP_ENUM(group) GROUP_##group,
    GROUP_LIST(GROUP_ENUM)
#undef GROUP_ENUM
        N_GROUP
};

#define ONE(...) +1
enum { N_SLOT = 0 SLOT_LIST(ONE) REQUIRED_LIST(ONE) OPTIONAL_LIST(ONE) };
#undef ONE
_Static_assert(sizeof(pdm_backend_ops) - offsetof(pdm_backend_ops, destroy) == N_SLOT * sizeof(void (*)(void)),
               "a slot of pdm_backend_ops is in no list");

/* Whose a group is. */
typedef enum place { PLACE_OWN, PLACE_BOTH, PLACE_CPU } place;

/* Plans of one description: what callers hold is the back end's own. */
typedef struct plan_pair plan_pair;
struct plan_pair {
    plan_pair *next;
    void      *own, *cpu;
};

struct pdm_fallback {
    const pdm_backend_ops *given; /* the back end's own table   */
    pdm_backend_ops        ops;   /* the completed one          */
    pdm_backend           *cpu;
    plan_pair             *pair; /* of groups that are of both */
    place                  place[N_GROUP];
};

/* ---- plans ---- */

/* The CPU's plan; in a group that is all the CPU's it is the one that callers hold. */
static void *cpu_plan(const pdm_fallback *f, void *plan)
{
    for (const plan_pair *p = f->pair; p; p = p->next)
        if (p->own == plan) return p->cpu;
    return plan;
}

static void forget_pair(pdm_backend *b, const void *own)
{
    plan_pair **link = &b->fallback->pair;
    while (*link && (*link)->own != own) link = &(*link)->next;
    plan_pair *p = *link;
    if (!p) return;
    *link = p->next;
    pdm_free(b->ctx, p);
}

/* group_create and group_destroy. Variadic: the arguments between b and out. */
#define PLAN(group, parameters, ...)                                                   \
    static pdm_status group##_create_fallback parameters                               \
    {                                                                                  \
        pdm_status          status = PDM_OK;                                           \
        pdm_fallback       *f      = b->fallback;                                      \
        pdm_##group##_plan *own = NULL, *cpu = NULL;                                   \
        plan_pair          *pair = NULL;                                               \
                                                                                       \
        PDM_TRY(pdm_cpu_ops.group##_create(f->cpu, __VA_ARGS__, &cpu));                \
        if (f->place[GROUP_##group] == PLACE_BOTH) {                                   \
            PDM_TRY(pdm_alloc(b->ctx, sizeof *pair, &pair));                           \
            PDM_TRY(f->given->group##_create(b, __VA_ARGS__, &own));                   \
            *pair   = (plan_pair){.next = f->pair, .own = own, .cpu = cpu};            \
            f->pair = pair;                                                            \
        }                                                                              \
        *out = own ? own : cpu;                                                        \
        cpu  = NULL;                                                                   \
        pair = NULL;                                                                   \
    done:                                                                              \
        pdm_cpu_ops.group##_destroy(f->cpu, &cpu);                                     \
        pdm_free(b->ctx, pair);                                                        \
        return status;                                                                 \
    }                                                                                  \
    static void group##_destroy_fallback(pdm_backend *b, pdm_##group##_plan **plan)    \
    {                                                                                  \
        pdm_fallback *f = b->fallback;                                                 \
        if (!plan || !*plan) return;                                                   \
        pdm_##group##_plan *cpu = cpu_plan(f, *plan);                                  \
        forget_pair(b, *plan);                                                         \
        if (f->place[GROUP_##group] == PLACE_BOTH) f->given->group##_destroy(b, plan); \
        pdm_cpu_ops.group##_destroy(f->cpu, &cpu);                                     \
        *plan = NULL;                                                                  \
    }

/* clang-format off */
PLAN(rows, (pdm_backend *b, const pdm_rows_desc *desc, pdm_size n_sample, pdm_rows_plan **out), desc, n_sample)
PLAN(points, (pdm_backend *b, const pdm_points_desc *desc, pdm_points_plan **out), desc)
PLAN(columns, (pdm_backend *b, const pdm_columns_desc *desc, pdm_size n_sample, pdm_columns_plan **out), desc, n_sample)
PLAN(blocks, (pdm_backend *b, const pdm_blocks_desc *desc, pdm_size n_sample, pdm_blocks_plan **out), desc, n_sample)
PLAN(normal,
     (pdm_backend *b, const pdm_rows_desc *rows, const pdm_columns_desc *columns, const pdm_blocks_desc *blocks,
      pdm_size n_sample, pdm_normal_plan **out),
     rows, columns, blocks, n_sample)
PLAN(nest,
     (pdm_backend *b, const pdm_rows_desc *rows, const pdm_nest_desc *desc, pdm_size n_sample, pdm_nest_plan **out),
     rows, desc, n_sample)
PLAN(matrix, (pdm_backend *b, const pdm_matrix_desc *desc, pdm_matrix_plan **out), desc)
PLAN(fourier, (pdm_backend *b, const pdm_fourier_desc *desc, pdm_size n_sample, pdm_fourier_plan **out), desc, n_sample)
/* clang-format on */

/* ---- buffers ---- */

enum { MAX_LENT = 6 }; /* buffers of a call */

/* The back end's buffers that a call works on, each as one of the CPU's around its host view. */
typedef struct loan {
    pdm_backend *b;
    int          n;
    pdm_buffer  *buffer[MAX_LENT]; /* the back end's */
    pdm_access   access[MAX_LENT];
    pdm_buffer   host[MAX_LENT]; /* the CPU's      */
} loan;

/* The buffer to hand to the CPU; take() will fill it in. One that is there twice is acquired once; NULL stays NULL. */
static pdm_buffer *lend(loan *k, pdm_buffer *buffer, pdm_access access)
{
    int i = 0;
    if (!buffer) return NULL;
    while (i < k->n && k->buffer[i] != buffer) i++;
    if (i == k->n) k->n++;
    PDM_ASSERT(k->n <= MAX_LENT);
    k->buffer[i] = buffer;
    k->access[i] |= access;
    return &k->host[i];
}

static pdm_status take(loan *k)
{
    pdm_status status = PDM_OK;
    for (int i = 0; i < k->n; i++) PDM_TRY(k->b->ops->acquire(k->b, k->buffer[i], k->access[i], &k->host[i].host));
done:
    return status;
}

/* Releases what was acquired, and returns the first failure. */
static pdm_status give_back(loan *k, pdm_status status)
{
    for (int i = 0; i < k->n; i++) {
        if (!k->host[i].host) continue;
        const pdm_status released = k->b->ops->release(k->b, k->buffer[i], &k->host[i].host);
        if (status == PDM_OK) status = released;
    }
    return status;
}

/* ---- calls ----
 * A slot: what sets state is done by the back end too, where it has a plan. `lending` makes the CPU's arguments of the
 * back end's. Samples that are not in the batch keep what they have, so what is written is read as well. */
#define CALL(group, slot, parameters, lending, ...)                                                           \
    static pdm_status slot##_fallback parameters                                                              \
    {                                                                                                         \
        pdm_status          status = PDM_OK;                                                                  \
        const pdm_fallback *f      = b->fallback;                                                             \
        loan                k      = {.b = b};                                                                \
                                                                                                              \
        if (f->place[GROUP_##group] == PLACE_BOTH && f->given->slot) PDM_TRY(f->given->slot(b, __VA_ARGS__)); \
        lending PDM_TRY(take(&k));                                                                            \
        PDM_TRY(pdm_cpu_ops.slot(f->cpu, __VA_ARGS__));                                                       \
        PDM_TRY(pdm_cpu_ops.synchronise(f->cpu));                                                             \
    done:                                                                                                     \
        return give_back(&k, status);                                                                         \
    }
#define HELD(plan)  plan = cpu_plan(f, plan);
#define IN(buffer)  buffer = lend(&k, buffer, PDM_READ);
#define OUT(buffer) buffer = lend(&k, buffer, PDM_READ_WRITE);
#define DATA(data)                                                                                        \
    const pdm_rows_data lent = {lend(&k, (data)->scalar, PDM_READ), lend(&k, (data)->sampled, PDM_READ)}; \
    data                     = &lent;

/* clang-format off */
CALL(rows, rows_residual,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c, pdm_buffer *r),
     HELD(plan) DATA(data) IN(c) OUT(r), plan, s, data, c, r)
CALL(rows, rows_linearise,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c, pdm_buffer *A),
     HELD(plan) DATA(data) IN(c) OUT(A), plan, s, data, c, A)
CALL(rows, rows_weigh, (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *r, pdm_buffer *out),
     HELD(plan) IN(r) OUT(out), plan, s, r, out)
CALL(rows, rows_apply,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v, pdm_buffer *out),
     HELD(plan) IN(A) IN(v) OUT(out), plan, s, A, v, out)
CALL(rows, rows_apply_adjoint,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *v, pdm_buffer *out),
     HELD(plan) IN(A) IN(v) OUT(out), plan, s, A, v, out)
CALL(rows, rows_partials,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c, pdm_buffer *partials),
     HELD(plan) DATA(data) IN(c) OUT(partials), plan, s, data, c, partials)
CALL(rows, rows_curvature,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, pdm_buffer *A, pdm_buffer *partials, pdm_buffer *v,
      pdm_buffer *out),
     HELD(plan) IN(A) IN(partials) IN(v) OUT(out), plan, s, A, partials, v, out)
CALL(rows, rows_second_order,
     (pdm_backend *b, pdm_rows_plan *plan, pdm_batch s, const pdm_rows_data *data, pdm_buffer *c, pdm_buffer *y,
      pdm_buffer *v, pdm_buffer *out),
     HELD(plan) DATA(data) IN(c) IN(y) IN(v) OUT(out), plan, s, data, c, y, v, out)

CALL(points, points_evaluate,
     (pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom, pdm_buffer *c, pdm_buffer *out),
     HELD(plan) IN(c) OUT(out), plan, s, atom, c, out)
CALL(points, points_evaluate_adjoint,
     (pdm_backend *b, pdm_points_plan *plan, pdm_batch s, pdm_atom atom, pdm_buffer *g_out, pdm_buffer *g_c),
     HELD(plan) IN(g_out) OUT(g_c), plan, s, atom, g_out, g_c)

CALL(columns, columns_select, (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on),
     HELD(plan), plan, s, on)
CALL(columns, columns_windows, (pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc),
     HELD(plan), plan, desc)
CALL(columns, columns_build, (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis),
     HELD(plan) IN(basis), plan, s, basis)
CALL(columns, columns_start,
     (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis, pdm_buffer *lift, pdm_buffer *start),
     HELD(plan) IN(basis) IN(lift) OUT(start), plan, s, basis, lift, start)
CALL(columns, columns_expand,
     (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *w, pdm_buffer *lift, pdm_buffer *c),
     HELD(plan) IN(w) IN(lift) OUT(c), plan, s, w, lift, c)
CALL(columns, columns_reduce,
     (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *g_c, pdm_buffer *g_w),
     HELD(plan) IN(g_c) OUT(g_w), plan, s, g_c, g_w)
CALL(columns, columns_backward,
     (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *p, pdm_buffer *w, pdm_buffer *q,
      pdm_buffer *lambda, pdm_buffer *g_basis),
     HELD(plan) IN(p) IN(w) IN(q) IN(lambda) OUT(g_basis), plan, s, p, w, q, lambda, g_basis)
CALL(columns, columns_windows_backward,
     (pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis, pdm_buffer *p, pdm_buffer *w,
      pdm_buffer *q, pdm_buffer *lambda, pdm_buffer *g_window),
     HELD(plan) IN(basis) IN(p) IN(w) IN(q) IN(lambda) OUT(g_window), plan, s, basis, p, w, q, lambda, g_window)

CALL(blocks, blocks_select, (pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const unsigned char *on),
     HELD(plan), plan, s, on)
CALL(blocks, blocks_factor,
     (pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, const double *shift, double ridge, pdm_buffer *ridges,
      pdm_buffer *H, pdm_buffer *L, int32_t *failed),
     HELD(plan) IN(ridges) IN(H) OUT(L), plan, s, shift, ridge, ridges, H, L, failed)
CALL(blocks, blocks_solve,
     (pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *y, pdm_buffer *x),
     HELD(plan) IN(L) IN(y) OUT(x), plan, s, L, y, x)
CALL(blocks, blocks_worth,
     (pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *x,
      const unsigned char *preferred, pdm_buffer *out),
     HELD(plan) IN(L) IN(x) OUT(out), plan, s, L, x, preferred, out)
CALL(blocks, blocks_diagonal, (pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *H, pdm_buffer *out),
     HELD(plan) IN(H) OUT(out), plan, s, H, out)
CALL(normal, normal_assemble,
     (pdm_backend *b, pdm_normal_plan *plan, pdm_batch s, pdm_columns_plan *columns, pdm_buffer *A, pdm_buffer *H),
     HELD(plan) HELD(columns) IN(A) OUT(H), plan, s, columns, A, H)

CALL(nest, nest_factor,
     (pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, const double *shift, pdm_buffer *A, int32_t *failed),
     HELD(plan) IN(A), plan, s, shift, A, failed)
CALL(nest, nest_solve, (pdm_backend *b, pdm_nest_plan *plan, pdm_batch s, pdm_buffer *y, pdm_buffer *x),
     HELD(plan) IN(y) OUT(x), plan, s, y, x)

CALL(matrix, matrix_apply, (pdm_backend *b, pdm_matrix_plan *plan, pdm_batch s, pdm_buffer *x, pdm_buffer *y),
     HELD(plan) IN(x) OUT(y), plan, s, x, y)

CALL(fourier, fourier_lift,
     (pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters, pdm_buffer *features, bool keep),
     HELD(plan) IN(parameters) IN(features), plan, s, parameters, features, keep)
CALL(fourier, fourier_layer,
     (pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer, pdm_buffer *parameters, bool keep),
     HELD(plan) IN(parameters), plan, s, layer, parameters, keep)
CALL(fourier, fourier_head,
     (pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters, pdm_buffer *basis, bool keep),
     HELD(plan) IN(parameters) OUT(basis), plan, s, parameters, basis, keep)
CALL(fourier, fourier_head_backward,
     (pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *parameters, pdm_buffer *g_basis,
      pdm_buffer *g_parameters),
     HELD(plan) IN(parameters) IN(g_basis) OUT(g_parameters), plan, s, parameters, g_basis, g_parameters)
CALL(fourier, fourier_layer_backward,
     (pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_size layer, pdm_buffer *parameters,
      pdm_buffer *g_parameters),
     HELD(plan) IN(parameters) OUT(g_parameters), plan, s, layer, parameters, g_parameters)
CALL(fourier, fourier_lift_backward,
     (pdm_backend *b, pdm_fourier_plan *plan, pdm_batch s, pdm_buffer *g_parameters),
     HELD(plan) OUT(g_parameters), plan, s, g_parameters)

CALL(vectors, vector_combine,
     (pdm_backend *b, pdm_batch s, pdm_size n, const double *alpha, pdm_buffer *x, const double *beta, pdm_buffer *y,
      pdm_buffer *z),
     IN(x) IN(y) OUT(z), s, n, alpha, x, beta, y, z)
CALL(vectors, vector_multiply,
     (pdm_backend *b, pdm_batch s, pdm_size n, pdm_buffer *x, pdm_buffer *y, pdm_buffer *z),
     IN(x) IN(y) OUT(z), s, n, x, y, z)
CALL(vectors, vector_positive, (pdm_backend *b, pdm_batch s, pdm_size n, double scale, pdm_buffer *x),
     OUT(x), s, n, scale, x)
CALL(vectors, adam_f32,
     (pdm_backend *b, const pdm_adam *adam, pdm_buffer *gradient, pdm_buffer *m, pdm_buffer *v, pdm_buffer *parameters),
     IN(gradient) OUT(m) OUT(v) OUT(parameters), adam, gradient, m, v, parameters)
CALL(vectors, norm2_f32, (pdm_backend *b, pdm_size n, pdm_buffer *x, double *out),
     IN(x), n, x, out)
CALL(vectors, combine_f32, (pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, double beta, pdm_buffer *y),
     IN(x) OUT(y), n, alpha, x, beta, y)
CALL(vectors, widen_f32, (pdm_backend *b, pdm_size n, pdm_buffer *x, double beta, pdm_buffer *y),
     IN(x) OUT(y), n, x, beta, y)
CALL(vectors, narrow_f64, (pdm_backend *b, pdm_size n, double alpha, pdm_buffer *x, pdm_buffer *y),
     IN(x) OUT(y), n, alpha, x, y)
/* clang-format on */

static pdm_status dot_fallback(pdm_backend *b, pdm_batch s, pdm_dot dot)
{
    pdm_status          status = PDM_OK;
    const pdm_fallback *f      = b->fallback;
    loan                k      = {.b = b};

    IN(dot.x) IN(dot.y) IN(dot.weight) PDM_TRY(take(&k));
    PDM_TRY(pdm_cpu_ops.vector_dots(f->cpu, s, 1, &dot));
done:
    return give_back(&k, status);
}

/* One after the other: they may be of more buffers than a call lends. */
static pdm_status vector_dots_fallback(pdm_backend *b, pdm_batch s, pdm_size n_dot, const pdm_dot *dot)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < n_dot; i++) PDM_TRY(dot_fallback(b, s, dot[i]));
done:
    return status;
}

/* ---- the table ---- */

/* What falls back, group by group or slot by slot, as one line; then the CPU's own lines. */
static pdm_status view_fallback(pdm_backend *b, pdm_text *out)
{
    pdm_status          status          = PDM_OK;
    const pdm_fallback *f               = b->fallback;
    int                 n_slot[N_GROUP] = {0}, n_named = 0;

    PDM_TRY(f->given->view(b, out));
    PDM_TRY(pdm_text_append(out, "on the CPU       "));
#define NAME_SLOT(group, kind, slot)                              \
    n_slot[GROUP_##group]++;                                      \
    if (f->place[GROUP_##group] == PLACE_BOTH && !f->given->slot) \
        PDM_TRY(pdm_text_append(out, "%s" #slot, n_named++ ? ", " : ""));
    SLOT_LIST(NAME_SLOT)
#undef NAME_SLOT
#define NAME_GROUP(group)                     \
    if (f->place[GROUP_##group] == PLACE_CPU) \
        PDM_TRY(pdm_text_append(out, "%s" #group " (%d slots)", n_named++ ? ", " : "", n_slot[GROUP_##group]));
    GROUP_LIST(NAME_GROUP)
#undef NAME_GROUP
    PDM_TRY(pdm_text_append(out, "\n"));
    PDM_TRY(f->cpu->ops->view(f->cpu, out));
done:
    return status;
}

static void destroy_fallback(pdm_backend *b)
{
    pdm_fallback *f = b->fallback;

    b->ops      = f->given;
    b->fallback = NULL;
    f->cpu->ops->destroy(f->cpu);
    pdm_free(b->ctx, f);
    b->ops->destroy(b);
}

/* Is a slot done here, wholly or besides the back end? */
static bool falls_back(const pdm_fallback *f, int group, int kind, bool given)
{
    return !given || f->place[group] == PLACE_CPU || (f->place[group] == PLACE_BOTH && kind == STATE);
}

static void fill_table(pdm_fallback *f)
{
    f->ops         = *f->given;
    f->ops.view    = view_fallback;
    f->ops.destroy = destroy_fallback;
#define FILL_SLOT(group, kind, slot) \
    if (falls_back(f, GROUP_##group, kind, f->given->slot != NULL)) f->ops.slot = slot##_fallback;
    SLOT_LIST(FILL_SLOT)
#undef FILL_SLOT
    /* partials are there for the curvature of the same back end */
    if (!f->given->rows_curvature) f->ops.rows_partials = rows_partials_fallback;
}

/* Returns whether nothing is missing. normal_assemble reads the C of a columns plan: it is done where C is, and C is
 * there where it is done. */
static bool place_groups(const pdm_backend_ops *given, place *of)
{
    bool complete = true;

    for (int g = 0; g < N_GROUP; g++) of[g] = PLACE_OWN;
#define PLACE_GROUP(group, kind, slot) \
    if (!given->slot && of[GROUP_##group] != PLACE_CPU) of[GROUP_##group] = (kind) == STATE ? PLACE_CPU : PLACE_BOTH;
    SLOT_LIST(PLACE_GROUP)
#undef PLACE_GROUP
    if (of[GROUP_columns] == PLACE_CPU) of[GROUP_normal] = PLACE_CPU;
    if (of[GROUP_columns] == PLACE_OWN && of[GROUP_normal] != PLACE_OWN) of[GROUP_columns] = PLACE_BOTH;
    for (int g = 0; g < N_GROUP; g++) complete = complete && of[g] == PLACE_OWN;
    return complete;
}

static pdm_status check_table(pdm_context *ctx, const pdm_backend_ops *ops)
{
    pdm_status  status = PDM_OK;
    const char *name   = ops->name ? ops->name : "";

    if (ops->version != PDM_BACKEND_OPS_VERSION)
        PDM_FAIL(ctx, PDM_ERR_INTERNAL, "the table of back end \"%s\" is of version %d; %d expected", name,
                 ops->version, PDM_BACKEND_OPS_VERSION);
#define CHECK_SLOT(slot) \
    if (!ops->slot)      \
        PDM_FAIL(ctx, PDM_ERR_INTERNAL, "back end \"%s\" lacks " #slot ", for which nothing can stand in", name);
    REQUIRED_LIST(CHECK_SLOT)
#undef CHECK_SLOT
done:
    return status;
}

pdm_status pdm_fallback_complete(pdm_backend *b)
{
    pdm_status    status = PDM_OK;
    pdm_fallback *f      = NULL;
    place         of[N_GROUP];

    PDM_TRY(check_table(b->ctx, b->ops));
    if (place_groups(b->ops, of)) return PDM_OK;
    PDM_TRY(pdm_alloc(b->ctx, sizeof *f, &f));
    f->given = b->ops;
    for (int g = 0; g < N_GROUP; g++) f->place[g] = of[g];
    PDM_TRY(pdm_cpu_create(b->ctx, &f->cpu));
    fill_table(f);
    b->ops      = &f->ops;
    b->fallback = f;
    f           = NULL;
done:
    pdm_free(b->ctx, f);
    return status;
}
