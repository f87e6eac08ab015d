/* Columns, blocks and normal matrices of the back end "cuda" against "cpu": ragged, chosen from, empty; every sum the
 * same bits when made again; samples that are not of the batch left alone. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experts/experts.h"
#include "solver/solver.h"
#include "tests/double/reach.h"
#include "tests/problems.h"

enum { N_SAMPLE = 4, N_BACKEND = 2 };
static const double      TOLERANCE = 1e-11, TOLERANCE_F32 = 1e-6;
static const char *const BACKENDS[N_BACKEND] = {"cpu", "cuda"};
static const int32_t     ALL[N_SAMPLE] = {0, 1, 2, 3}, SOME[2] = {2, 0};
static const pdm_batch   all = {N_SAMPLE, ALL}, some = {2, SOME}, none = {0, ALL};

static double worst; /* difference of the suite, relative to the largest entry */

/* ---- both back ends ---- */

typedef struct pair {
    pdm_context *ctx;
    pdm_backend *b[N_BACKEND];
} pair;

typedef struct buffers {
    pdm_buffer *b[N_BACKEND];
    size_t      bytes;
} buffers;

static void ok(const pair *p, pdm_status status)
{
    ck_assert_msg(status == PDM_OK, "%s", pdm_context_error(p->ctx));
}

static void open_backends(pair *p)
{
    for (int k = 0; k < N_BACKEND; k++) ok(p, pdm_backend_create(p->ctx, BACKENDS[k], &p->b[k]));
}
static void close_backends(pair *p)
{
    for (int k = 0; k < N_BACKEND; k++) pdm_backend_destroy(&p->b[k]);
}
static void open_pair(pair *p)
{
    ck_assert_int_eq(pdm_context_create(NULL, &p->ctx), PDM_OK);
    open_backends(p);
}
static void close_pair(pair *p)
{
    close_backends(p);
    ck_assert_int_eq(pdm_context_destroy(&p->ctx), 0);
}

static void put_bytes(const pair *p, const buffers *to, const void *from)
{
    for (int k = 0; k < N_BACKEND; k++) {
        void *host = NULL;
        ok(p, p->b[k]->ops->acquire(p->b[k], to->b[k], PDM_WRITE, &host));
        memcpy(host, from, to->bytes);
        ok(p, p->b[k]->ops->release(p->b[k], to->b[k], &host));
    }
}

static void *get_bytes(const pair *p, const buffers *from, int k)
{
    void *host = NULL, *to = malloc(from->bytes + 1);
    ok(p, p->b[k]->ops->acquire(p->b[k], from->b[k], PDM_READ, &host));
    memcpy(to, host, from->bytes);
    ok(p, p->b[k]->ops->release(p->b[k], from->b[k], &host));
    return to;
}

static buffers make_bytes(const pair *p, size_t bytes, const void *from)
{
    buffers out = {.bytes = bytes};
    for (int k = 0; k < N_BACKEND; k++) ok(p, p->b[k]->ops->buffer_create(p->b[k], bytes, &out.b[k]));
    put_bytes(p, &out, from);
    return out;
}

static void drop(const pair *p, buffers *b)
{
    for (int k = 0; k < N_BACKEND; k++) p->b[k]->ops->buffer_destroy(p->b[k], &b->b[k]);
}

static double number(uint64_t stream, pdm_size i)
{
    return pdm_random_normal((pdm_random_key){stream, PDM_RANDOM_TEST, 77}, (uint64_t)i);
}

static pdm_size pick(uint64_t stream, pdm_size i, pdm_size n) /* below n */
{
    return (pdm_size)(pdm_random_uniform((pdm_random_key){stream, PDM_RANDOM_TEST, 78}, (uint64_t)i) * (double)n);
}

static double *numbers(uint64_t stream, pdm_size n)
{
    double *x = malloc((size_t)(n + 1) * sizeof *x);
    for (pdm_size i = 0; i < n; i++) x[i] = number(stream, i);
    return x;
}

static buffers make(const pair *p, uint64_t stream, pdm_size n)
{
    double       *x   = numbers(stream, n);
    const buffers out = make_bytes(p, (size_t)n * sizeof *x, x);
    free(x);
    return out;
}

static buffers make_f32(const pair *p, uint64_t stream, pdm_size n)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    for (pdm_size i = 0; i < n; i++) x[i] = (float)number(stream, i);
    const buffers out = make_bytes(p, (size_t)n * sizeof *x, x);
    free(x);
    return out;
}

static bool listed(pdm_batch s, pdm_size sample)
{
    for (pdm_size i = 0; i < s.n; i++)
        if (s.index[i] == sample) return true;
    return false;
}

/* ---- an operation on both ---- */

typedef void (*operation)(const pair *p, int k, pdm_batch s, void *user);

/* x and y near each other, relative to the largest of x; NaN where NaN is. */
static void compare(const char *what, pdm_size n, const double *x, const double *y, double tolerance)
{
    double size = DBL_MIN, gap = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        ck_assert_msg(isnan(x[i]) == isnan(y[i]), "%s: %g on the CPU, %g on the device, at %d of %d", what, x[i], y[i],
                      (int)i, (int)n);
        if (isnan(x[i])) continue;
        size = fmax(size, fabs(x[i]));
        gap  = fmax(gap, fabs(x[i] - y[i]));
    }
    ck_assert_msg(gap <= tolerance * size, "%s: differs by %g of %g", what, gap, size);
    if (tolerance == TOLERANCE) worst = fmax(worst, gap / size);
}

static double *widened(const float *x, pdm_size n)
{
    double *out = malloc((size_t)(n + 1) * sizeof *out);
    for (pdm_size i = 0; i < n; i++) out[i] = (double)x[i];
    return out;
}

/* Runs `what` for batches on both back ends: results near each other, again the same bits, other samples as they were.
 * out [n_sample][n], doubles or floats; n_sample 1: of all samples together. */
static void run_both(const pair *p, const char *name, operation what, void *user, const buffers *out, pdm_size n,
                     pdm_size n_sample, bool f32)
{
    const size_t    item     = f32 ? sizeof(float) : sizeof(double);
    const pdm_batch batch[3] = {some, none, all};
    for (int i = 0; i < 3; i++) {
        void *before = get_bytes(p, out, 1), *after[N_BACKEND];
        for (int k = 0; k < N_BACKEND; k++) {
            what(p, k, batch[i], user);
            after[k] = get_bytes(p, out, k);
        }
        what(p, 1, batch[i], user);
        void *again = get_bytes(p, out, 1);
        ck_assert_msg(memcmp(again, after[1], out->bytes) == 0, "%s: other bits when done again", name);
        for (pdm_size s = 0; s < n_sample; s++) {
            const size_t at = (size_t)(s * n) * item;
            if (n_sample > 1 && !listed(batch[i], s))
                ck_assert_msg(memcmp((char *)before + at, (char *)after[1] + at, (size_t)n * item) == 0,
                              "%s: sample %d is not of the batch, and was changed", name, (int)s);
            if (f32) {
                double *x = widened((float *)after[0] + s * n, n), *y = widened((float *)after[1] + s * n, n);
                compare(name, n, x, y, TOLERANCE_F32);
                free(x), free(y);
            } else {
                compare(name, n, (double *)after[0] + s * n, (double *)after[1] + s * n, TOLERANCE);
            }
        }
        free(before), free(after[0]), free(after[1]), free(again);
    }
}

/* ---- columns ---- */

/* Blocks and normal matrices take minutes on the double: every ninth or eleventh of them is tried, all kinds among these,
 * unless PDM_TEST_LONG is set. */
static bool is_left_out(int i, int every)
{
    return i % every != 0 && !getenv("PDM_TEST_LONG");
}

typedef enum choice { CHOICE_NONE, CHOICE_SOME, CHOICE_OFF, CHOICE_ONE, N_CHOICE } choice;

typedef struct columns_case {
    pdm_size n_expert, n_field, n_coef, most_columns;
    bool     soft, identity, extras,
        constant; /* extras: priors, a guess, an offset, experts without columns or coefficients */
} columns_case;

static const columns_case COLUMNS[] = {
    {1, 1, 40, 5, false, false, false, false}, {1, 1, 7, 40, false, false, true, false},
    {3, 2, 50, 7, false, false, true, false},  {5, 1, 64, 17, true, false, false, false},
    {8, 3, 90, 21, true, false, true, false},  {4, 2, 60, 16, true, false, true, true},
    {1, 1, 33, 0, false, true, false, false},  {4, 2, 45, 0, false, true, false, false},
    {16, 1, 300, 12, true, false, true, false}};
enum { N_COLUMNS = sizeof COLUMNS / sizeof *COLUMNS };

typedef struct columns_fixture {
    pair              p;
    pdm_columns_desc  d;
    pdm_column_group *group;
    int32_t          *coef, *channel;
    double           *window, *prior, *offset;
    unsigned char    *guess, *on;
    pdm_size          n_column, n_window, n_value, n_c, n_basis;
    pdm_columns_plan *plan[N_BACKEND];
    buffers           basis, w, lift, g_c, q, lambda, c, g_w, g_basis, g_window;
    bool              with_lambda, with_lift;
} columns_fixture;

/* Groups of an expert: boxes of coefficients, one after the other or overlapping; every third coefficient is not
 * free. */
static void lay_out_group(columns_fixture *f, const columns_case *k, pdm_size e, pdm_size field)
{
    pdm_column_group *g     = &f->group[e * k->n_field + field];
    const pdm_size    first = e * k->n_coef / k->n_expert - (k->soft ? 6 : 0),
                   end      = (e + 1) * k->n_coef / k->n_expert + (k->soft ? 6 : 0);
    const bool empty = k->extras && k->n_expert > 2 && e == 1, bare = k->extras && k->n_expert > 2 && e == 2;
    *g = (pdm_column_group){.expert = (int32_t)e,
                            .field  = (int32_t)field,
                            .coef   = f->coef + f->n_window,
                            .window = f->window + f->n_window,
                            .scale  = 0.5 + (double)field};
    for (pdm_size i = first; i < end && !bare; i++)
        if (i >= 0 && i < k->n_coef && i % 3 != 1) f->coef[f->n_window + g->n_coef++] = (int32_t)i;
    g->n_col               = k->identity ? g->n_coef : empty ? 0 : 1 + pick(3, f->n_column, k->most_columns);
    const bool prior_alone = !k->identity && (k->constant || (k->extras && e % 4 == 3));
    if (!k->identity && !prior_alone) g->channel = f->channel + f->n_column;
    if (!k->identity && (prior_alone || (k->extras && e % 2 == 0))) g->prior = f->prior + f->n_value;
    for (pdm_size n = 0; n < g->n_col && !k->identity; n++) /* a field's channels, some of them shared */
        f->channel[f->n_column + n] = (int32_t)(field * 2 * k->most_columns + (n + e % 2 * 3) % (2 * k->most_columns));
    f->n_window += g->n_coef;
    f->n_column += g->n_col;
    f->n_value += g->n_coef * g->n_col;
}

static void open_columns(columns_fixture *f, const columns_case *k)
{
    const pdm_size n = k->n_expert * k->n_field, most = k->n_coef * n;
    *f         = (columns_fixture){.n_c = k->n_field * k->n_coef};
    f->group   = calloc((size_t)n, sizeof *f->group);
    f->coef    = calloc((size_t)most, sizeof *f->coef);
    f->channel = calloc((size_t)(n * k->most_columns + 1), sizeof *f->channel);
    f->window  = numbers(1, most);
    f->prior   = numbers(2, most * (k->most_columns + 1));
    f->offset  = numbers(4, f->n_c);
    f->guess   = calloc((size_t)f->n_c + 1, 1);
    for (pdm_size i = 0; i < f->n_c; i++) f->guess[i] = (unsigned char)pick(5, i, 2);
    for (pdm_size i = 0; i < n; i++) lay_out_group(f, k, i / k->n_field, i % k->n_field);
    const bool extras = k->extras && !k->identity;
    f->d              = (pdm_columns_desc){.kind      = k->identity ? PDM_COLUMNS_IDENTITY : PDM_COLUMNS_DENSE,
                                           .n_expert  = k->n_expert,
                                           .n_field   = k->n_field,
                                           .n_coef    = k->n_coef,
                                           .n_channel = k->n_field * 2 * k->most_columns + (extras ? k->n_field : 0),
                                           .group     = f->group,
                                           .guess     = extras ? f->guess : NULL,
                                           .offset    = extras ? f->offset : NULL};
    f->n_basis        = f->d.n_channel * k->n_coef;
    f->on             = calloc((size_t)(N_SAMPLE * f->n_column + 1), 1);
    open_pair(&f->p);
    for (int b = 0; b < N_BACKEND; b++)
        ok(&f->p, f->p.b[b]->ops->columns_create(f->p.b[b], &f->d, N_SAMPLE, &f->plan[b]));
    f->basis    = make_f32(&f->p, 11, N_SAMPLE * f->n_basis);
    f->w        = make(&f->p, 12, N_SAMPLE * f->n_column);
    f->lift     = make(&f->p, 13, N_SAMPLE * f->n_c);
    f->g_c      = make(&f->p, 14, N_SAMPLE * f->n_c);
    f->q        = make(&f->p, 15, N_SAMPLE * f->n_c);
    f->lambda   = make(&f->p, 16, N_SAMPLE * f->n_column);
    f->c        = make(&f->p, 17, N_SAMPLE * f->n_c);
    f->g_w      = make(&f->p, 18, N_SAMPLE * f->n_column);
    f->g_basis  = make_f32(&f->p, 19, N_SAMPLE * f->n_basis);
    f->g_window = make(&f->p, 20, f->n_window);
}

static void close_columns(columns_fixture *f)
{
    buffers *all_of[] = {&f->basis,  &f->w, &f->lift, &f->g_c,     &f->q,
                         &f->lambda, &f->c, &f->g_w,  &f->g_basis, &f->g_window};
    for (size_t i = 0; i < sizeof all_of / sizeof *all_of; i++) drop(&f->p, all_of[i]);
    for (int b = 0; b < N_BACKEND; b++) f->p.b[b]->ops->columns_destroy(f->p.b[b], &f->plan[b]);
    close_pair(&f->p);
    free(f->group), free(f->coef), free(f->channel), free(f->window), free(f->prior), free(f->offset), free(f->guess),
        free(f->on);
}

static void choose(unsigned char *on, pdm_size n, choice c)
{
    for (pdm_size s = 0; s < N_SAMPLE; s++)
        for (pdm_size i = 0; i < n; i++)
            on[s * n + i] = c == CHOICE_SOME  ? pick(6, s * n + i, 3) > 0
                            : c == CHOICE_ONE ? i == pick(7, s, n)
                                              : c == CHOICE_NONE;
}

static void op_expand(const pair *p, int k, pdm_batch s, void *user)
{
    columns_fixture *f = user;
    ok(p,
       p->b[k]->ops->columns_expand(p->b[k], f->plan[k], s, f->w.b[k], f->with_lift ? f->lift.b[k] : NULL, f->c.b[k]));
}
static void op_reduce(const pair *p, int k, pdm_batch s, void *user)
{
    columns_fixture *f = user;
    ok(p, p->b[k]->ops->columns_reduce(p->b[k], f->plan[k], s, f->g_c.b[k], f->g_w.b[k]));
}
static void op_start(const pair *p, int k, pdm_batch s, void *user)
{
    columns_fixture *f = user;
    ok(p, p->b[k]->ops->columns_start(p->b[k], f->plan[k], s, f->basis.b[k], f->lift.b[k], f->c.b[k]));
}
static void op_backward(const pair *p, int k, pdm_batch s, void *user)
{
    columns_fixture *f = user;
    ok(p,
       p->b[k]->ops->columns_backward(p->b[k], f->plan[k], s, f->g_c.b[k], f->w.b[k], f->with_lambda ? f->q.b[k] : NULL,
                                      f->with_lambda ? f->lambda.b[k] : NULL, f->g_basis.b[k]));
}
static void op_windows_backward(const pair *p, int k, pdm_batch s, void *user)
{
    columns_fixture *f = user;
    ok(p, p->b[k]->ops->columns_windows_backward(p->b[k], f->plan[k], s, f->basis.b[k], f->g_c.b[k], f->w.b[k],
                                                 f->with_lambda ? f->q.b[k] : NULL,
                                                 f->with_lambda ? f->lambda.b[k] : NULL, f->g_window.b[k]));
}

static void build(const columns_fixture *f, pdm_batch s)
{
    for (int k = 0; k < N_BACKEND && f->d.kind == PDM_COLUMNS_DENSE; k++)
        ok(&f->p, f->p.b[k]->ops->columns_build(f->p.b[k], f->plan[k], s, f->basis.b[k]));
}

/* <C w, g> = <w, C^T g> on the device */
static void check_adjoint(columns_fixture *f)
{
    f->with_lift = false;
    for (int k = 0; k < N_BACKEND; k++) {
        op_expand(&f->p, k, all, f);
        op_reduce(&f->p, k, all, f);
    }
    double *c = get_bytes(&f->p, &f->c, 1), *g_c = get_bytes(&f->p, &f->g_c, 1), *w = get_bytes(&f->p, &f->w, 1),
           *g_w = get_bytes(&f->p, &f->g_w, 1);
    for (pdm_size s = 0; s < N_SAMPLE; s++) {
        double left = 0.0, right = 0.0, size = DBL_MIN;
        for (pdm_size i = s * f->n_c; i < (s + 1) * f->n_c; i++) {
            left += c[i] * g_c[i];
            size += fabs(c[i] * g_c[i]);
        }
        for (pdm_size i = s * f->n_column; i < (s + 1) * f->n_column; i++) right += w[i] * g_w[i];
        ck_assert_msg(fabs(left - right) <= 1e-13 * size, "sample %d: %g, not %g", (int)s, left, right);
    }
    free(c), free(g_c), free(w), free(g_w);
}

static void check_columns(columns_fixture *f)
{
    for (int i = 0; i < 2; i++) {
        f->with_lift = i == 1;
        run_both(&f->p, "expand", op_expand, f, &f->c, f->n_c, N_SAMPLE, false);
    }
    run_both(&f->p, "reduce", op_reduce, f, &f->g_w, f->n_column, N_SAMPLE, false);
    check_adjoint(f);
    if (f->d.kind == PDM_COLUMNS_IDENTITY) return;
    run_both(&f->p, "start", op_start, f, &f->c, f->n_c, N_SAMPLE, false);
    for (int i = 0; i < 2; i++) {
        f->with_lambda = i == 1;
        run_both(&f->p, "backward", op_backward, f, &f->g_basis, f->n_basis, N_SAMPLE, true);
        run_both(&f->p, "windows backward", op_windows_backward, f, &f->g_window, f->n_window, 1, false);
    }
}

START_TEST(columns_are_those_of_the_cpu)
    {
        const columns_case *k = &COLUMNS[_i / N_CHOICE];
        const choice        c = (choice)(_i % N_CHOICE);
        columns_fixture     f;
        if (k->identity && c != CHOICE_NONE) return;
        open_columns(&f, k);
        choose(f.on, f.n_column, c);
        for (int b = 0; b < N_BACKEND && c != CHOICE_NONE; b++)
            ok(&f.p, f.p.b[b]->ops->columns_select(f.p.b[b], f.plan[b], all, f.on));
        build(&f, all);
        check_columns(&f);
        if (k->identity) goto done;
        for (pdm_size i = 0; i < f.n_window; i++) f.window[i] = number(31, i); /* windows, priors and offset change */
        for (pdm_size i = 0; i < f.n_value; i++) f.prior[i] = number(32, i);
        for (pdm_size i = 0; i < f.n_c; i++) f.offset[i] = number(33, i);
        for (int b = 0; b < N_BACKEND; b++) {
            ok(&f.p, f.p.b[b]->ops->columns_windows(f.p.b[b], f.plan[b], &f.d));
            ok(&f.p, f.p.b[b]->ops->columns_select(f.p.b[b], f.plan[b], some, NULL)); /* and two samples have all */
        }
        build(&f, some);
        build(&f, all);
        build(&f, none);
        check_columns(&f);
    done:
        close_columns(&f);
    }
END_TEST

START_TEST(identity_columns_have_no_choice)
    {
        columns_fixture f;
        open_columns(&f, &COLUMNS[6]);
        ck_assert_int_eq(f.p.b[1]->ops->columns_select(f.p.b[1], f.plan[1], all, NULL), PDM_ERR_INTERNAL);
        ck_assert_int_eq(f.p.b[1]->ops->columns_windows(f.p.b[1], f.plan[1], &f.d), PDM_ERR_INTERNAL);
        close_columns(&f);
    }
END_TEST

/* ---- blocks ---- */

enum { MOST_BLOCKS = 40 };

typedef struct blocks_case {
    pdm_size n_block;
    int32_t  size[12]; /* taken in turn */
    int      coupling; /* of a hundred pairs, before fill; 0: none below the diagonal */
} blocks_case;

static const blocks_case BLOCKS[] = {{1, {1}, 0},
                                     {1, {16}, 0},
                                     {1, {128}, 0},
                                     {1, {129}, 0},
                                     {1, {200}, 0},
                                     {5, {3, 0, 17, 1}, 100},
                                     {9, {16, 5, 33, 20}, 30},
                                     {12, {7, 12, 1, 0, 30}, 0},
                                     {40, {4, 9, 6}, 6},
                                     {4, {140, 20, 150, 64}, 100},
                                     {3, {128, 200, 2}, 60},
                                     {6, {0}, 100}};
enum { N_BLOCKS = sizeof BLOCKS / sizeof *BLOCKS };

typedef struct blocks_fixture {
    pair             p;
    pdm_blocks_desc  d;
    int32_t         *size, *start, *row, *order;
    pdm_size        *offset, *set0;
    unsigned char   *on, *preferred;
    pdm_blocks_plan *plan[N_BACKEND];
    buffers          H, L, ridges, y, x, out;
    double           shift[N_SAMPLE];
    bool             with_ridges, with_preferred;
} blocks_fixture;

/* A pattern with its fill, unknowns in no order; sets of unknowns of three sizes. */
static void lay_out_blocks(blocks_fixture *f, const blocks_case *k)
{
    bool     there[MOST_BLOCKS][MOST_BLOCKS] = {0};
    pdm_size n_entry = 0, n_value = 0, n = 0;
    for (pdm_size i = 0; i < k->n_block; i++)
        for (pdm_size j = 0; j <= i; j++) there[i][j] = i == j || pick(51, i * MOST_BLOCKS + j, 100) < k->coupling;
    for (pdm_size j = 0; j < k->n_block; j++)
        for (pdm_size a = j + 1; a < k->n_block; a++)
            for (pdm_size b = j + 1; b <= a; b++) there[a][b] = there[a][b] || (there[a][j] && there[b][j]);
    f->size   = calloc(MOST_BLOCKS, sizeof *f->size);
    f->start  = calloc(MOST_BLOCKS + 1, sizeof *f->start);
    f->row    = calloc((size_t)MOST_BLOCKS * MOST_BLOCKS, sizeof *f->row);
    f->offset = calloc((size_t)MOST_BLOCKS * MOST_BLOCKS, sizeof *f->offset);
    int turn  = 0;
    while (turn < 12 && (turn == 0 || k->size[turn])) turn++;
    if (k->size[0] == 3 || k->size[0] == 7) turn = k->size[0] == 3 ? 4 : 5; /* blocks of nothing among them */
    for (pdm_size j = 0; j < k->n_block; j++) {
        f->size[j] = k->size[j % turn];
        n += f->size[j];
    }
    for (pdm_size j = 0; j < k->n_block; j++) {
        for (pdm_size i = j; i < k->n_block; i++) {
            if (!there[i][j]) continue;
            f->row[n_entry]      = (int32_t)i;
            f->offset[n_entry++] = n_value;
            n_value += (pdm_size)f->size[i] * f->size[j];
        }
        f->start[j + 1] = (int32_t)n_entry;
    }
    f->order = calloc((size_t)n + 1, sizeof *f->order);
    for (pdm_size i = 0; i < n; i++) f->order[i] = (int32_t)i;
    for (pdm_size i = n - 1; i > 0; i--) {
        const pdm_size other = pick(52, i, i + 1);
        const int32_t  u     = f->order[i];
        f->order[i]          = f->order[other];
        f->order[other]      = u;
    }
    f->set0    = calloc((size_t)n + 2, sizeof *f->set0);
    f->d.n_set = 0;
    for (pdm_size at = 0; at < n;) {
        const pdm_size wide[4] = {9, 1, 20, n / 3};
        at += wide[f->d.n_set % 4] > 0 ? wide[f->d.n_set % 4] : 1;
        f->set0[++f->d.n_set] = at < n ? at : n;
    }
    f->d = (pdm_blocks_desc){.n_block   = k->n_block,
                             .n_unknown = n,
                             .n_value   = n_value,
                             .size      = f->size,
                             .start     = f->start,
                             .row       = f->row,
                             .offset    = f->offset,
                             .order     = f->order,
                             .n_set     = f->d.n_set,
                             .set0      = f->set0};
}

/* Unknowns of a block that exist in a sample, as packed positions; returns how many. */
static pdm_size existing(const blocks_fixture *f, pdm_size sample, pdm_size block, pdm_size *packed)
{
    pdm_size first = 0, n = 0;
    for (pdm_size j = 0; j < block; j++) first += f->size[j];
    for (pdm_size p = first; p < first + f->size[block]; p++)
        if (f->on[sample * f->d.n_unknown + f->order[p]]) packed[n++] = p;
    return n;
}

/* Positive definite, whatever exists; NaN where nothing is read: above diagonals, behind what exists. bad: unknowns of a
 * sample's block whose diagonal is negative, -1: none. */
static double *matrix(const blocks_fixture *f, pdm_size bad_sample, pdm_size bad_block, double bad)
{
    const pdm_blocks_desc *d  = &f->d;
    double                *H  = malloc((size_t)(N_SAMPLE * d->n_value + 1) * sizeof *H);
    pdm_size              *pi = malloc((size_t)(d->n_unknown + 1) * sizeof *pi),
             *pj              = malloc((size_t)(d->n_unknown + 1) * sizeof *pj);
    for (pdm_size i = 0; i < N_SAMPLE * d->n_value; i++) H[i] = NAN;
    for (pdm_size s = 0; s < N_SAMPLE; s++)
        for (pdm_size j = 0; j < d->n_block; j++)
            for (int32_t a = d->start[j]; a < d->start[j + 1]; a++) {
                const pdm_size m = existing(f, s, d->row[a], pi), n = existing(f, s, j, pj);
                for (pdm_size i = 0; i < m; i++)
                    for (pdm_size l = 0; l < n; l++) {
                        double v = number(61 + (uint64_t)s, pi[i] * d->n_unknown + pj[l]) / (double)d->n_unknown;
                        if (d->row[a] == j && l > i) continue;
                        if (d->row[a] == j && l == i)
                            v = s == bad_sample && j == bad_block && i == n / 2 ? bad : 4.0 + fabs(v);
                        H[s * d->n_value + d->offset[a] + i * n + l] = v;
                    }
            }
    free(pi), free(pj);
    return H;
}

/* Of blocks, what exists and is read; all else 0. */
static void keep_existing(const blocks_fixture *f, double *H)
{
    const pdm_blocks_desc *d   = &f->d;
    double                *out = calloc((size_t)(N_SAMPLE * d->n_value + 1), sizeof *out);
    pdm_size              *p   = malloc((size_t)(d->n_unknown + 1) * sizeof *p);
    for (pdm_size s = 0; s < N_SAMPLE; s++)
        for (pdm_size j = 0; j < d->n_block; j++)
            for (int32_t a = d->start[j]; a < d->start[j + 1]; a++) {
                const pdm_size m = existing(f, s, d->row[a], p), n = existing(f, s, j, p),
                               at = s * d->n_value + d->offset[a];
                for (pdm_size i = 0; i < m; i++)
                    for (pdm_size l = 0; l < n && (d->row[a] != j || l <= i); l++)
                        out[at + i * n + l] = H[at + i * n + l];
            }
    memcpy(H, out, (size_t)(N_SAMPLE * d->n_value) * sizeof *H);
    free(out), free(p);
}

static void select_blocks(blocks_fixture *f, choice c)
{
    choose(f->on, f->d.n_unknown, c);
    for (int b = 0; b < N_BACKEND && f->plan[b]; b++)
        ok(&f->p, f->p.b[b]->ops->blocks_select(f->p.b[b], f->plan[b], all, c == CHOICE_NONE ? NULL : f->on));
}

static void open_blocks(blocks_fixture *f, const blocks_case *k, choice c)
{
    *f = (blocks_fixture){.shift = {0.3, 0.0, 1.5, 1e-3}};
    lay_out_blocks(f, k);
    const pdm_size n = f->d.n_unknown;
    open_pair(&f->p);
    for (int b = 0; b < N_BACKEND; b++)
        ok(&f->p, f->p.b[b]->ops->blocks_create(f->p.b[b], &f->d, N_SAMPLE, &f->plan[b]));
    f->on        = calloc((size_t)(N_SAMPLE * n + 1), 1);
    f->preferred = calloc((size_t)(N_SAMPLE * n + 1), 1);
    for (pdm_size i = 0; i < N_SAMPLE * n; i++) f->preferred[i] = pick(53, i, 3) == 0;
    select_blocks(f, c);
    double *H = matrix(f, -1, -1, 0.0), *ridges = numbers(55, N_SAMPLE * n);
    for (pdm_size i = 0; i < N_SAMPLE * n; i++) ridges[i] = fabs(ridges[i]);
    f->H      = make_bytes(&f->p, (size_t)(N_SAMPLE * f->d.n_value) * sizeof *H, H);
    f->L      = make(&f->p, 56, N_SAMPLE * f->d.n_value);
    f->ridges = make_bytes(&f->p, (size_t)(N_SAMPLE * n) * sizeof *ridges, ridges);
    f->y      = make(&f->p, 57, N_SAMPLE * n);
    f->x      = make(&f->p, 58, N_SAMPLE * n);
    f->out    = make(&f->p, 59, N_SAMPLE * n);
    free(H), free(ridges);
}

static void close_blocks(blocks_fixture *f)
{
    buffers *all_of[] = {&f->H, &f->L, &f->ridges, &f->y, &f->x, &f->out};
    for (size_t i = 0; i < sizeof all_of / sizeof *all_of; i++) drop(&f->p, all_of[i]);
    for (int b = 0; b < N_BACKEND; b++) f->p.b[b]->ops->blocks_destroy(f->p.b[b], &f->plan[b]);
    close_pair(&f->p);
    free(f->size), free(f->start), free(f->row), free(f->order), free(f->offset), free(f->set0), free(f->on),
        free(f->preferred);
}

static void op_solve(const pair *p, int k, pdm_batch s, void *user)
{
    blocks_fixture *f = user;
    ok(p, p->b[k]->ops->blocks_solve(p->b[k], f->plan[k], s, f->L.b[k], f->y.b[k], f->x.b[k]));
}
static void op_diagonal(const pair *p, int k, pdm_batch s, void *user)
{
    blocks_fixture *f = user;
    ok(p, p->b[k]->ops->blocks_diagonal(p->b[k], f->plan[k], s, f->H.b[k], f->out.b[k]));
}
static void op_worth(const pair *p, int k, pdm_batch s, void *user)
{
    blocks_fixture *f = user;
    ok(p, p->b[k]->ops->blocks_worth(p->b[k], f->plan[k], s, f->L.b[k], f->x.b[k],
                                     f->with_preferred ? f->preferred : NULL, f->out.b[k]));
}

/* On both; failed [N_BACKEND][N_SAMPLE]. */
static void factor(blocks_fixture *f, pdm_batch s, int32_t (*failed)[N_SAMPLE])
{
    for (int k = 0; k < N_BACKEND; k++)
        ok(&f->p,
           f->p.b[k]->ops->blocks_factor(f->p.b[k], f->plan[k], s, f->shift, 1e-3,
                                         f->with_ridges ? f->ridges.b[k] : NULL, f->H.b[k], f->L.b[k], failed[k]));
}

static void check_factor(blocks_fixture *f)
{
    const pdm_size n = f->d.n_value;
    int32_t        failed[N_BACKEND][N_SAMPLE];
    memset(failed, 77, sizeof failed);
    double *before = get_bytes(&f->p, &f->L, 1);
    factor(f, some, failed);
    double *after = get_bytes(&f->p, &f->L, 1);
    for (int s = 0; s < N_SAMPLE; s++) {
        ck_assert_int_eq(failed[1][s], listed(some, s) ? 0 : 0x4d4d4d4d);
        if (!listed(some, s)) ck_assert(memcmp(before + s * n, after + s * n, (size_t)n * sizeof *after) == 0);
    }
    factor(f, none, failed);
    factor(f, all, failed);
    for (int s = 0; s < N_SAMPLE; s++) ck_assert_int_eq(failed[0][s] + failed[1][s], 0);
    double *cpu = get_bytes(&f->p, &f->L, 0), *cuda = get_bytes(&f->p, &f->L, 1);
    factor(f, all, failed);
    double *again = get_bytes(&f->p, &f->L, 1);
    keep_existing(f, cpu), keep_existing(f, cuda), keep_existing(f, again);
    compare("factor", N_SAMPLE * n, cpu, cuda, TOLERANCE);
    ck_assert(memcmp(cuda, again, (size_t)(N_SAMPLE * n) * sizeof *cuda) == 0);
    free(before), free(after), free(cpu), free(cuda), free(again);
}

START_TEST(blocks_are_those_of_the_cpu)
    {
        if (is_left_out(_i, 9)) return;
        blocks_fixture f;
        open_blocks(&f, &BLOCKS[_i / N_CHOICE], (choice)(_i % N_CHOICE));
        const pdm_size n = f.d.n_unknown;
        for (int i = 0; i < 2; i++) {
            f.with_ridges = i == 1;
            check_factor(&f);
            run_both(&f.p, "solve", op_solve, &f, &f.x, n, N_SAMPLE, false);
        }
        run_both(&f.p, "diagonal", op_diagonal, &f, &f.out, n, N_SAMPLE, false);
        for (int i = n > 300; i < 2; i++) {
            f.with_preferred = i == 1;
            run_both(&f.p, "worth", op_worth, &f, &f.out, n, N_SAMPLE, false);
        }
        op_solve(&f.p, 1, all, &f);
        double *x = get_bytes(&f.p, &f.x, 1); /* x may be y */
        ok(&f.p, f.p.b[1]->ops->blocks_solve(f.p.b[1], f.plan[1], all, f.L.b[1], f.y.b[1], f.y.b[1]));
        double *y = get_bytes(&f.p, &f.y, 1);
        ck_assert(memcmp(x, y, f.x.bytes) == 0);
        free(x), free(y);
        close_blocks(&f);
    }
END_TEST

/* Another choice after the first one, for two samples. */
START_TEST(blocks_can_be_chosen_again)
    {
        blocks_fixture f;
        open_blocks(&f, &BLOCKS[_i], CHOICE_ONE);
        select_blocks(&f, CHOICE_SOME);
        for (int b = 0; b < N_BACKEND; b++) ok(&f.p, f.p.b[b]->ops->blocks_select(f.p.b[b], f.plan[b], some, NULL));
        for (pdm_size i = 0; i < some.n; i++) memset(f.on + some.index[i] * f.d.n_unknown, 1, (size_t)f.d.n_unknown);
        double *H = matrix(&f, -1, -1, 0.0);
        put_bytes(&f.p, &f.H, H);
        check_factor(&f);
        run_both(&f.p, "solve", op_solve, &f, &f.x, f.d.n_unknown, N_SAMPLE, false);
        free(H);
        close_blocks(&f);
    }
END_TEST

/* One sample is not positive, at any block: the others are not told. */
START_TEST(a_sample_that_fails_is_named)
    {
        if (is_left_out(_i, 9)) return;
        static const double bad[] = {-1.0, NAN, INFINITY, 0.0};
        blocks_fixture      f;
        const blocks_case  *k = &BLOCKS[_i / 4];
        open_blocks(&f, k, _i % 3 == 0 ? CHOICE_SOME : CHOICE_NONE);
        f.shift[1]          = 0.0;
        const pdm_size step = k->n_block > 5 ? 3 : f.d.n_unknown > 200 && k->n_block > 1 ? k->n_block - 1 : 1;
        int32_t        failed[N_BACKEND][N_SAMPLE];
        pdm_size      *p = malloc((size_t)(f.d.n_unknown + 1) * sizeof *p);
        for (pdm_size j = 0; j < k->n_block; j += step) {
            double *H = matrix(&f, 1, j, bad[_i % 4] == 0.0 ? -1e-3 : bad[_i % 4]);
            put_bytes(&f.p, &f.H, H);
            free(H);
            factor(&f, all, failed);
            for (int s = 0; s < N_SAMPLE; s++) {
                ck_assert_int_eq(failed[1][s], failed[0][s]);
                if (s == 1 && !isinf(bad[_i % 4]))
                    ck_assert_int_eq(failed[1][s], existing(&f, 1, j, p) > 0 ? j + 1 : 0);
            }
            static const int32_t others[3] = {3, 0, 2};
            double              *L[N_BACKEND];
            for (int b = 0; b < N_BACKEND; b++) {
                L[b] = get_bytes(&f.p, &f.L, b);
                keep_existing(&f, L[b]);
            }
            for (int i = 0; i < 3; i++)
                compare("factor beside one that failed", f.d.n_value, L[0] + others[i] * f.d.n_value,
                        L[1] + others[i] * f.d.n_value, TOLERANCE);
            free(L[0]), free(L[1]);
            op_solve(&f.p, 1, all, &f); /* of a matrix that is none: ends */
            if (f.d.n_unknown <= 200) op_worth(&f.p, 1, all, &f);
        }
        free(p);
        close_blocks(&f);
    }
END_TEST

/* ---- normal matrices, and rows at every scale ---- */

typedef enum partition { HARD, SMOOTH, MANY, FREE, FREE_TILES, N_PARTITION } partition;

typedef struct normal_fixture {
    problem           problem;
    pair              p;
    pdm_experts      *experts;
    pdm_blocks       *blocks;
    pdm_columns_plan *columns[N_BACKEND];
    pdm_normal_plan  *normal[N_BACKEND];
    blocks_fixture    shape; /* d, size and what exists, for keep_existing() */
    buffers           A, H, basis;
} normal_fixture;

static void open_normal(normal_fixture *f, int number_of, partition k, pdm_coupling coupling)
{
    *f = (normal_fixture){.shape.d.n_set = 0};
    problem_open_points(&f->problem, number_of, "cpu", N_SAMPLE, 1, k == MANY ? "40" : NULL);
    problem *q = &f->problem;
    f->p.ctx   = q->ctx;
    open_backends(&f->p);
    if (k == FREE || k == FREE_TILES) {
        ok(&f->p, pdm_experts_create_free(q->ctx, q->domain, k == FREE ? 1000000 : 30, &f->experts));
    } else {
        ck_assert_int_eq(pdm_case_set_text(q->the_case, "experts", "basis", k == MANY ? "20" : "5"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(q->the_case, "experts", "partition", k == SMOOTH ? "smooth" : "hard"),
                         PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(q->the_case, "experts", "overlap", "3"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(q->the_case, "domain/x", "experts", k == MANY ? "9" : "3"), PDM_OK);
        ok(&f->p, pdm_experts_create(q->ctx, q->the_case, q->domain, NULL, &f->experts));
    }
    const pdm_columns_desc *columns = pdm_experts_columns(f->experts);
    const pdm_rows_desc    *rows    = pdm_domain_rows(q->domain);
    ok(&f->p, pdm_blocks_create(q->ctx, rows, columns, coupling, &f->blocks));
    f->shape.d     = *pdm_blocks_describe(f->blocks);
    f->shape.size  = (int32_t *)f->shape.d.size;
    f->shape.order = (int32_t *)f->shape.d.order;
    f->shape.on    = malloc((size_t)(N_SAMPLE * f->shape.d.n_unknown + 1));
    memset(f->shape.on, 1, (size_t)(N_SAMPLE * f->shape.d.n_unknown));
    f->A     = make(&f->p, 81, N_SAMPLE * q->a_size);
    f->H     = make(&f->p, 82, N_SAMPLE * f->shape.d.n_value);
    f->basis = make_f32(&f->p, 83, N_SAMPLE * columns->n_channel * columns->n_coef);
    for (int b = 0; b < N_BACKEND; b++) {
        const pdm_backend_ops *ops = f->p.b[b]->ops;
        ok(&f->p, ops->columns_create(f->p.b[b], columns, N_SAMPLE, &f->columns[b]));
        ok(&f->p, ops->normal_create(f->p.b[b], rows, columns, &f->shape.d, N_SAMPLE, &f->normal[b]));
        if (columns->kind == PDM_COLUMNS_DENSE)
            ok(&f->p, ops->columns_build(f->p.b[b], f->columns[b], all, f->basis.b[b]));
    }
}

static void close_normal(normal_fixture *f)
{
    drop(&f->p, &f->A), drop(&f->p, &f->H), drop(&f->p, &f->basis);
    for (int b = 0; b < N_BACKEND; b++) {
        f->p.b[b]->ops->columns_destroy(f->p.b[b], &f->columns[b]);
        f->p.b[b]->ops->normal_destroy(f->p.b[b], &f->normal[b]);
    }
    close_backends(&f->p);
    pdm_blocks_destroy(&f->blocks);
    pdm_experts_destroy(&f->experts);
    free(f->shape.on);
    problem_close(&f->problem);
}

static void assemble(normal_fixture *f, int k, pdm_batch s)
{
    ok(&f->p, f->p.b[k]->ops->normal_assemble(f->p.b[k], f->normal[k], s, f->columns[k], f->A.b[k], f->H.b[k]));
}

static void check_normal(normal_fixture *f)
{
    const pdm_size n      = f->shape.d.n_value;
    double        *before = get_bytes(&f->p, &f->H, 1);
    assemble(f, 1, some);
    assemble(f, 1, none);
    double *after = get_bytes(&f->p, &f->H, 1);
    for (int s = 0; s < N_SAMPLE; s++)
        if (!listed(some, s)) ck_assert(memcmp(before + s * n, after + s * n, (size_t)n * sizeof *after) == 0);
    for (int k = 0; k < N_BACKEND; k++) assemble(f, k, all);
    double *cpu = get_bytes(&f->p, &f->H, 0), *cuda = get_bytes(&f->p, &f->H, 1);
    assemble(f, 1, all);
    double *again = get_bytes(&f->p, &f->H, 1);
    keep_existing(&f->shape, cpu), keep_existing(&f->shape, cuda), keep_existing(&f->shape, again);
    compare("normal", N_SAMPLE * n, cpu, cuda, TOLERANCE);
    ck_assert(memcmp(cuda, again, (size_t)(N_SAMPLE * n) * sizeof *cuda) == 0);
    free(before), free(after), free(cpu), free(cuda), free(again);
}

START_TEST(normal_matrices_are_those_of_the_cpu)
    {
        if (is_left_out(_i, 11)) return;
        const int          number_of = _i / (3 * N_PARTITION);
        const partition    k         = (partition)(_i / 3 % N_PARTITION);
        const pdm_coupling coupling  = (pdm_coupling)(_i % 3);
        normal_fixture     f;
        const bool         small = number_of == PROBLEM_SPACE3 || number_of == PROBLEM_VORTICITY;
        if (k == FREE && (coupling != PDM_COUPLING_ALL || number_of == PROBLEM_SPACE3)) return;
        if (k == MANY && (small || number_of % 3 != 2)) return;
        open_normal(&f, number_of, k, coupling);
        check_normal(&f);
        for (int c = CHOICE_SOME; c <= CHOICE_ONE && k != FREE && k != FREE_TILES; c++) {
            choose(f.shape.on, f.shape.d.n_unknown, (choice)c);
            for (int b = 0; b < N_BACKEND; b++) {
                ok(&f.p, f.p.b[b]->ops->columns_select(f.p.b[b], f.columns[b], all, f.shape.on));
                ok(&f.p, f.p.b[b]->ops->columns_build(f.p.b[b], f.columns[b], all, f.basis.b[b]));
            }
            check_normal(&f);
        }
        close_normal(&f);
    }
END_TEST

static void op_weigh(const pair *p, int k, pdm_batch s, void *user)
{
    normal_fixture *f    = user;
    pdm_rows_plan  *plan = NULL;
    ok(p, p->b[k]->ops->rows_create(p->b[k], pdm_domain_rows(f->problem.domain), N_SAMPLE, &plan));
    ok(p, p->b[k]->ops->rows_weigh(p->b[k], plan, s, f->A.b[k], f->H.b[k]));
    p->b[k]->ops->rows_destroy(p->b[k], &plan);
}

START_TEST(weights_of_rows_are_those_of_the_cpu)
    {
        normal_fixture f = {.shape.d.n_set = 0};
        problem_open(&f.problem, _i, "cpu", N_SAMPLE);
        f.p.ctx = f.problem.ctx;
        open_backends(&f.p);
        f.A = make(&f.p, 91, N_SAMPLE * f.problem.n_row);
        f.H = make(&f.p, 92, N_SAMPLE * f.problem.n_row);
        run_both(&f.p, "weigh", op_weigh, &f, &f.H, f.problem.n_row, N_SAMPLE, false);
        drop(&f.p, &f.A), drop(&f.p, &f.H);
        close_backends(&f.p);
        problem_close(&f.problem);
    }
END_TEST

/* ---- what a step costs, and failures ---- */

typedef void (*step)(void *user);

/* Once done, `what` takes no memory, and waits for the device n_wait times. Returns the launches. */
static int64_t check_cost(const pair *p, const char *name, step what, void *user, int64_t n_wait)
{
    pdm_size calls = 0, calls_after = 0;
    what(user); /* the ring takes what lists and tables need */
    pdm_context_memory(p->ctx, NULL, NULL, &calls);
    const pdm_double_count before = double_counts();
    what(user);
    const pdm_double_count after = double_counts();
    pdm_context_memory(p->ctx, NULL, NULL, &calls_after);
    ck_assert_msg(calls == calls_after, "%s: takes memory", name);
    ck_assert_msg(before.live == after.live && before.live_pinned == after.live_pinned, "%s: takes memory", name);
    ck_assert_msg(after.synchronisations - before.synchronisations == n_wait &&
                      after.to_host - before.to_host == n_wait,
                  "%s: waits %d times", name, (int)(after.synchronisations - before.synchronisations));
    ck_assert_int_eq(before.findings, after.findings);
    return after.launches - before.launches;
}

static void step_columns(void *user)
{
    columns_fixture *f = user;
    pdm_backend     *b = f->p.b[1];
    f->with_lambda = f->with_lift = true;
    ok(&f->p, b->ops->columns_windows(b, f->plan[1], &f->d));
    ok(&f->p, b->ops->columns_select(b, f->plan[1], some, f->on));
    ok(&f->p, b->ops->columns_build(b, f->plan[1], all, f->basis.b[1]));
    op_start(&f->p, 1, all, f);
    op_expand(&f->p, 1, some, f);
    op_reduce(&f->p, 1, all, f);
    op_backward(&f->p, 1, some, f);
    op_windows_backward(&f->p, 1, all, f);
}

static void step_factor(void *user)
{
    blocks_fixture *f = user;
    int32_t         failed[N_SAMPLE];
    ok(&f->p,
       f->p.b[1]->ops->blocks_factor(f->p.b[1], f->plan[1], all, f->shift, 1e-3, NULL, f->H.b[1], f->L.b[1], failed));
}

static void step_blocks(void *user)
{
    blocks_fixture *f = user;
    ok(&f->p, f->p.b[1]->ops->blocks_select(f->p.b[1], f->plan[1], some, f->on));
    op_solve(&f->p, 1, all, f);
    op_worth(&f->p, 1, some, f);
    op_diagonal(&f->p, 1, all, f);
}

static void step_normal(void *user)
{
    assemble(user, 1, all);
}

START_TEST(steps_take_no_memory_and_do_not_wait)
    {
        if (!double_is_here()) return;
        columns_fixture c;
        blocks_fixture  f;
        normal_fixture  n;
        open_columns(&c, &COLUMNS[4]);
        choose(c.on, c.n_column, CHOICE_SOME);
        (void)check_cost(&c.p, "columns", step_columns, &c, 0);
        close_columns(&c);
        open_blocks(&f, &BLOCKS[8], CHOICE_SOME);
        (void)check_cost(&f.p, "factor", step_factor, &f, 1);
        (void)check_cost(&f.p, "blocks", step_blocks, &f, 0);
        close_blocks(&f);
        open_blocks(&f, &BLOCKS[7], CHOICE_NONE); /* nothing below the diagonal: all at once */
        ck_assert_int_eq(check_cost(&f.p, "factor", step_factor, &f, 1), 4);
        close_blocks(&f);
        open_normal(&n, PROBLEM_SYSTEM, SMOOTH, PDM_COUPLING_ALL);
        ck_assert_int_eq(check_cost(&n.p, "normal", step_normal, &n, 0), 4);
        close_normal(&n);
        open_normal(&n, PROBLEM_LEVELS, HARD, PDM_COUPLING_ALL);
        ck_assert_int_eq(check_cost(&n.p, "normal", step_normal, &n, 0),
                         4 + 2 + pdm_domain_rows(n.problem.domain)->pyramid[0].n_level);
        close_normal(&n);
        open_normal(&n, PROBLEM_SYSTEM, FREE, PDM_COUPLING_ALL);
        ck_assert_int_eq(check_cost(&n.p, "normal", step_normal, &n, 0), 2);
        close_normal(&n);
    }
END_TEST

/* Life and a step of everything on the device alone. */
static pdm_status live(normal_fixture *f, double *H)
{
    pdm_status              status          = PDM_OK;
    pdm_backend            *b               = f->p.b[1];
    const pdm_columns_desc *d               = pdm_experts_columns(f->experts);
    pdm_columns_plan       *columns         = NULL;
    pdm_blocks_plan        *blocks          = NULL;
    pdm_normal_plan        *normal          = NULL;
    const double            shift[N_SAMPLE] = {1.0, 1.0, 1.0, 1.0};
    int32_t                 failed[N_SAMPLE];
    PDM_TRY(b->ops->columns_create(b, d, N_SAMPLE, &columns));
    PDM_TRY(b->ops->blocks_create(b, &f->shape.d, N_SAMPLE, &blocks));
    PDM_TRY(b->ops->normal_create(b, pdm_domain_rows(f->problem.domain), d, &f->shape.d, N_SAMPLE, &normal));
    PDM_TRY(b->ops->columns_select(b, columns, all, f->shape.on));
    PDM_TRY(b->ops->blocks_select(b, blocks, all, f->shape.on));
    PDM_TRY(b->ops->columns_build(b, columns, all, f->basis.b[1]));
    PDM_TRY(b->ops->normal_assemble(b, normal, all, columns, f->A.b[1], f->H.b[1]));
    PDM_TRY(b->ops->blocks_factor(b, blocks, all, shift, 1e-3, NULL, f->H.b[1], f->H.b[1], failed));
    PDM_TRY(b->ops->synchronise(b));
    void *host = NULL;
    PDM_TRY(b->ops->acquire(b, f->H.b[1], PDM_READ, &host));
    memcpy(H, host, f->H.bytes);
    PDM_TRY(b->ops->release(b, f->H.b[1], &host));
done:
    b->ops->columns_destroy(b, &columns);
    b->ops->blocks_destroy(b, &blocks);
    b->ops->normal_destroy(b, &normal);
    return status;
}

/* Every call of a library fails once: that is said, nothing is left, and the next time is right. */
START_TEST(failures_are_told_and_leave_nothing)
    {
        if (!double_is_here()) return;
        normal_fixture f;
        pdm_status     status = PDM_ERR_INTERNAL;
        open_normal(&f, _i == 0 ? PROBLEM_LEVELS : PROBLEM_HEAT, HARD, PDM_COUPLING_ALL);
        double *right = calloc(f.H.bytes, 1), *H = calloc(f.H.bytes, 1);
        ok(&f.p, live(&f, right)); /* scratch and the ring have their size */
        const pdm_double_count before = double_counts();
        for (int64_t k = 1; status != PDM_OK; k++) {
            ck_assert_int_lt(k, 2000);
            double_fail_at(k);
            status = live(&f, H);
            double_fail_at(0);
            ck_assert_int_eq(double_counts().live, before.live);
            if (status != PDM_OK) ck_assert(strlen(pdm_context_error(f.p.ctx)) > 0);
            if (k % 5 && status != PDM_OK) continue;
            ok(&f.p, live(&f, H));
            ck_assert_mem_eq(H, right, f.H.bytes);
        }
        free(right), free(H);
        close_normal(&f);
    }
END_TEST

/* With CK_FORK=no: the largest difference of all. */
static void tell(void)
{
    printf("largest difference to the CPU: %.2g of the largest entry\n", worst);
}

int main(void)
{
    Suite       *s = suite_create("cuda_columns");
    TCase       *t[5];
    pdm_context *c = NULL;
    pdm_backend *b = NULL;
    if (pdm_context_create(NULL, &c) != PDM_OK) return EXIT_FAILURE;
    const pdm_status status = pdm_backend_create(c, "cuda", &b);
    if (status != PDM_OK) printf("skipped: %s\n", pdm_context_error(c));
    pdm_backend_destroy(&b);
    (void)pdm_context_destroy(&c);
    if (status != PDM_OK) return 77;
    for (int i = 0; i < 5; i++) {
        static const char *const name[5] = {"columns", "blocks", "normal", "weights", "cost"};
        t[i]                             = tcase_create(name[i]);
        tcase_set_timeout(t[i], 60.0);
        suite_add_tcase(s, t[i]);
    }
    tcase_add_loop_test(t[0], columns_are_those_of_the_cpu, 0, N_COLUMNS * N_CHOICE);
    tcase_add_test(t[0], identity_columns_have_no_choice);
    tcase_add_loop_test(t[1], blocks_are_those_of_the_cpu, 0, N_BLOCKS * N_CHOICE);
    tcase_add_loop_test(t[1], blocks_can_be_chosen_again, 5, N_BLOCKS - 1);
    tcase_add_loop_test(t[1], a_sample_that_fails_is_named, 0, 4 * (N_BLOCKS - 1));
    tcase_add_loop_test(t[2], normal_matrices_are_those_of_the_cpu, 0, 3 * N_PARTITION * PROBLEM_COUNT);
    tcase_add_loop_test(t[3], weights_of_rows_are_those_of_the_cpu, 0, PROBLEM_COUNT);
    tcase_add_test(t[4], steps_take_no_memory_and_do_not_wait);
    tcase_add_loop_test(t[4], failures_are_told_and_leave_nothing, 0, 2);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    tell();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
