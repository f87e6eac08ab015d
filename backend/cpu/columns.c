/* Columns of the experts: C from basis functions, c = lift + C w, their transposes,
 * and the backward pass to the basis. */
#include "backend/cpu/cpu_impl.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/columns_impl.h"

typedef struct columns_task {
    pdm_cpu          *cpu;
    pdm_columns_plan *plan;
    pdm_batch         batch;
    const float      *basis;
    const double     *w, *lift, *p, *q, *lambda;
    double           *out; /* w, c, g_w or g_window */
    float            *g_basis;
} columns_task;

/* Added to squared norms, so that a column that is zero stays zero instead of becoming NaN. */
static const double NORM_FLOOR = 1e-30;

/* (prior + basis channel, if it has one) of column n at coefficient i of a group; basis: of one sample */
static inline double function_value(const pdm_columns_desc *d, const pdm_column_group *g, const float *basis,
                                    pdm_size i, pdm_size n)
{
    if (!g->channel) return g->prior[i * g->n_col + n];
    const double B = (double)basis[g->channel[n] * d->n_coef + g->coef[i]];
    return g->prior ? g->prior[i * g->n_col + n] + B : B;
}

static void build_task(void *user, pdm_size task, int thread)
{
    const columns_task     *k      = user;
    pdm_columns_plan       *p      = k->plan;
    const pdm_columns_desc *d      = p->desc;
    const pdm_size          sample = k->batch.index[task / p->n_group], index = task % p->n_group;
    const pdm_column_group *g      = &d->group[index];
    const float            *basis  = k->basis + sample * d->n_channel * d->n_coef;
    double                 *C      = p->C + sample * p->n_value + p->value0[index];
    double                 *norm   = p->norm + sample * p->n_column + p->column0[index];
    const int32_t          *on     = p->on + sample * p->n_column + p->column0[index];
    const pdm_size          n_on   = p->n_on[sample * p->n_group + index];
    const double           *window = p->window + p->window0[index];
    (void)thread;

    for (pdm_size k_on = 0; k_on < n_on; k_on++) norm[k_on] = NORM_FLOOR;
    for (pdm_size i = 0; i < g->n_coef; i++)
        for (pdm_size k_on = 0; k_on < n_on; k_on++) {
            const double v     = window[i] * function_value(d, g, basis, i, on[k_on]);
            C[i * n_on + k_on] = v;
            norm[k_on] += v * v;
        }
    for (pdm_size k_on = 0; k_on < n_on; k_on++) norm[k_on] = sqrt(norm[k_on]) / g->scale;
    for (pdm_size i = 0; i < g->n_coef; i++)
        for (pdm_size k_on = 0; k_on < n_on; k_on++) C[i * n_on + k_on] /= norm[k_on];
}

/* Channel of a field's guess, of one sample. */
static inline pdm_size guess_channel(const pdm_columns_desc *d, pdm_size field)
{
    return (d->n_channel - d->n_field + field) * d->n_coef;
}

/* One field of one sample. */
static void start_task(void *user, pdm_size task, int thread)
{
    const columns_task     *k      = user;
    const pdm_columns_desc *d      = k->plan->desc;
    const pdm_size          sample = k->batch.index[task / d->n_field], field = task % d->n_field;
    const double            scale = d->group[field].scale;
    const double           *lift  = k->lift + (sample * d->n_field + field) * d->n_coef;
    double                 *start = k->out + (sample * d->n_field + field) * d->n_coef;
    (void)thread;

    if (start != lift) memcpy(start, lift, (size_t)d->n_coef * sizeof *start);
    for (pdm_size i = 0; i < d->n_coef && d->offset; i++) start[i] += scale * d->offset[field * d->n_coef + i];
    if (!d->guess) return;
    const float         *guess    = k->basis + sample * d->n_channel * d->n_coef + guess_channel(d, field);
    const unsigned char *is_there = d->guess + field * d->n_coef;
    for (pdm_size i = 0; i < d->n_coef; i++) start[i] += is_there[i] ? scale * (double)guess[i] : 0.0;
}

/* Its backward pass to the guess, g_start = p. */
static void guess_backward(const columns_task *k, pdm_size sample, pdm_size field)
{
    const pdm_columns_desc *d        = k->plan->desc;
    float                  *g_guess  = k->g_basis + sample * d->n_channel * d->n_coef + guess_channel(d, field);
    const unsigned char    *is_there = d->guess + field * d->n_coef;
    const double            scale    = d->group[field].scale;
    const double           *p        = k->p + (sample * d->n_field + field) * d->n_coef;

    for (pdm_size i = 0; i < d->n_coef; i++) g_guess[i] = is_there[i] ? (float)(scale * p[i]) : 0.0f;
}

/* One field of one sample: groups of a field may overlap (smooth windows), so they are added one after the other. */
static void expand_task(void *user, pdm_size task, int thread)
{
    const columns_task     *k      = user;
    const pdm_columns_plan *p      = k->plan;
    const pdm_columns_desc *d      = p->desc;
    const pdm_size          sample = k->batch.index[task / d->n_field], field = task % d->n_field;
    const double           *w    = k->w + sample * p->n_column;
    double                 *c    = k->out + (sample * d->n_field + field) * d->n_coef;
    double                 *w_on = pdm_cpu_scratch(k->cpu, thread);

    if (k->lift)
        memcpy(c, k->lift + (sample * d->n_field + field) * d->n_coef, (size_t)d->n_coef * sizeof *c);
    else
        memset(c, 0, (size_t)d->n_coef * sizeof *c);
    for (pdm_size e = 0; e < d->n_expert; e++) {
        const pdm_size          index = e * d->n_field + field;
        const pdm_column_group *g     = &d->group[index];
        const double           *wg    = w + p->column0[index];
        if (d->kind == PDM_COLUMNS_IDENTITY) {
            for (pdm_size i = 0; i < g->n_coef; i++) c[g->coef[i]] += wg[i];
            continue;
        }
        const double  *C    = p->C + sample * p->n_value + p->value0[index];
        const int32_t *on   = p->on + sample * p->n_column + p->column0[index];
        const pdm_size n_on = p->n_on[sample * p->n_group + index];
        for (pdm_size n = 0; n < n_on; n++) w_on[n] = wg[on[n]];
        for (pdm_size i = 0; i < g->n_coef; i++) {
            double sum = 0.0;
            for (pdm_size n = 0; n < n_on; n++) sum += C[i * n_on + n] * w_on[n];
            c[g->coef[i]] += sum;
        }
    }
}

static void reduce_task(void *user, pdm_size task, int thread)
{
    const columns_task     *k      = user;
    const pdm_columns_plan *p      = k->plan;
    const pdm_columns_desc *d      = p->desc;
    const pdm_size          sample = k->batch.index[task / p->n_group], index = task % p->n_group;
    const pdm_column_group *g   = &d->group[index];
    const double           *g_c = k->p + (sample * d->n_field + g->field) * d->n_coef;
    double                 *g_w = k->out + sample * p->n_column + p->column0[index];
    (void)thread;

    if (d->kind == PDM_COLUMNS_IDENTITY) {
        for (pdm_size i = 0; i < g->n_coef; i++) g_w[i] = g_c[g->coef[i]];
        return;
    }
    const double  *C    = p->C + sample * p->n_value + p->value0[index];
    const int32_t *on   = p->on + sample * p->n_column + p->column0[index];
    const pdm_size n_on = p->n_on[sample * p->n_group + index];
    for (pdm_size n = 0; n < g->n_col; n++) g_w[n] = 0.0;
    for (pdm_size i = 0; i < g->n_coef; i++)
        for (pdm_size n = 0; n < n_on; n++) g_w[n] += C[i * n_on + n] * g_c[g->coef[i]];
    /* to their places, from the last one on: none is written over */
    for (pdm_size n = n_on - 1; n >= 0 && on[n] > n; n--) {
        g_w[on[n]] = g_w[n];
        g_w[n]     = 0.0;
    }
}

/* What the backward pass of one group of one sample reads: g_C = up w^T - uq lambda^T, C and the norms. */
typedef struct group_cotangent {
    const pdm_column_group *g;
    const double           *up, *uq, *w, *lambda, *C, *norm; /* uq NULL: no lambda */
    const int32_t          *on;
    pdm_size                n_on;
} group_cotangent;

static group_cotangent cotangent_of(const columns_task *k, pdm_size sample, pdm_size index)
{
    const pdm_columns_plan *p = k->plan;
    const pdm_columns_desc *d = p->desc;
    const pdm_size          c = (sample * d->n_field + d->group[index].field) * d->n_coef,
                   column     = sample * p->n_column + p->column0[index];
    return (group_cotangent){.g      = &d->group[index],
                             .up     = k->p + c,
                             .uq     = k->q ? k->q + c : NULL,
                             .w      = k->w + column,
                             .lambda = k->q ? k->lambda + column : NULL,
                             .C      = p->C + sample * p->n_value + p->value0[index],
                             .norm   = p->norm + column,
                             .on     = p->on + column,
                             .n_on   = p->n_on[sample * p->n_group + index]};
}

/* g_C at coefficient i of column n */
static inline double g_column(const group_cotangent *x, pdm_size i, pdm_size n)
{
    const int32_t coef = x->g->coef[i];
    return x->up[coef] * x->w[n] - (x->uq ? x->uq[coef] * x->lambda[n] : 0.0);
}

/* <C, g_C> / scale^2 of the k_on-th column that exists */
static double along_column(const group_cotangent *x, pdm_size k_on)
{
    double along = 0.0;
    for (pdm_size i = 0; i < x->g->n_coef; i++) along += x->C[i * x->n_on + k_on] * g_column(x, i, x->on[k_on]);
    return along / (x->g->scale * x->g->scale);
}

/* The cotangent of b, of which C is the column of unit length: g_b = (g_C - C <C, g_C> / scale^2) / norm, the norm being
 * |b| / scale and the floor in it counted as part of it. */
static inline double g_unscaled(const group_cotangent *x, pdm_size i, pdm_size k_on, double along)
{
    return (g_column(x, i, x->on[k_on]) - x->C[i * x->n_on + k_on] * along) / x->norm[k_on];
}

/* Backward of build, b = window * (prior + basis channel). One field of one sample a task: experts that share a channel
 * add up in order. docs/mathematics.md, "Columns". */
static void backward_task(void *user, pdm_size task, int thread)
{
    const columns_task     *k      = user;
    const pdm_columns_plan *p      = k->plan;
    const pdm_columns_desc *d      = p->desc;
    const pdm_size          sample = k->batch.index[task / d->n_field], field = task % d->n_field;
    float                  *g_basis = k->g_basis + sample * d->n_channel * d->n_coef;
    (void)thread;

    if (d->guess) guess_backward(k, sample, field);
    for (pdm_size e = 0; e < d->n_expert; e++) {
        const pdm_size        index  = e * d->n_field + field;
        const group_cotangent x      = cotangent_of(k, sample, index);
        const double         *window = p->window + p->window0[index];
        for (pdm_size k_on = 0; k_on < x.n_on && x.g->channel; k_on++) {
            const double along   = along_column(&x, k_on);
            float       *channel = g_basis + x.g->channel[x.on[k_on]] * d->n_coef;
            for (pdm_size i = 0; i < x.g->n_coef; i++)
                channel[x.g->coef[i]] += (float)(window[i] * g_unscaled(&x, i, k_on, along));
        }
    }
}

/* The same to the windows. One group a task, whose samples add up in order. docs/mathematics.md, "Learned windows". */
static void windows_backward_task(void *user, pdm_size index, int thread)
{
    const columns_task     *k        = user;
    const pdm_columns_plan *p        = k->plan;
    const pdm_columns_desc *d        = p->desc;
    double                 *g_window = k->out + p->window0[index];
    (void)thread;

    for (pdm_size i = 0; i < d->group[index].n_coef; i++) g_window[i] = 0.0;
    for (pdm_size s = 0; s < k->batch.n; s++) {
        const pdm_size        sample = k->batch.index[s];
        const group_cotangent x      = cotangent_of(k, sample, index);
        const float          *basis  = k->basis + sample * d->n_channel * d->n_coef;
        for (pdm_size k_on = 0; k_on < x.n_on; k_on++) {
            const double along = along_column(&x, k_on);
            for (pdm_size i = 0; i < x.g->n_coef; i++)
                g_window[i] += function_value(d, x.g, basis, i, x.on[k_on]) * g_unscaled(&x, i, k_on, along);
        }
    }
}

pdm_status columns_select_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on)
{
    pdm_status              status = PDM_OK;
    const pdm_columns_desc *d      = plan->desc;

    if (d->kind != PDM_COLUMNS_DENSE) PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "identity columns cannot be chosen from");
    for (pdm_size i = 0; i < s.n; i++)
        for (pdm_size g = 0; g < plan->n_group; g++) {
            const pdm_size at   = s.index[i] * plan->n_column + plan->column0[g];
            int32_t        n_on = 0;
            for (pdm_size n = 0; n < d->group[g].n_col; n++)
                if (!on || on[at + n]) plan->on[at + n_on++] = (int32_t)n;
            plan->n_on[s.index[i] * plan->n_group + g] = n_on;
            plan->kept[s.index[i]]                     = false;
        }
done:
    return status;
}

pdm_status columns_windows_cpu(pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc)
{
    pdm_status status = PDM_OK;

    if (plan->desc->kind != PDM_COLUMNS_DENSE) PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "identity columns have no windows");
    for (pdm_size g = 0; g < plan->n_group; g++)
        memcpy(plan->window + plan->window0[g], desc->group[g].window,
               (size_t)desc->group[g].n_coef * sizeof *plan->window);
    for (pdm_size i = 0; i < plan->n_sample; i++) plan->kept[i] = false;
done:
    return status;
}

pdm_status columns_build_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis)
{
    const bool   constant = pdm_columns_are_constant(plan->desc);
    columns_task task     = {.plan = plan, .batch = {.index = plan->build}, .basis = cpu_data(basis)};

    for (pdm_size i = 0; i < s.n; i++) {
        if (!plan->kept[s.index[i]]) plan->build[task.batch.n++] = s.index[i];
        plan->kept[s.index[i]] = constant;
    }
    pdm_cpu_for(pdm_cpu_of(b), task.batch.n * plan->n_group, build_task, &task);
    return PDM_OK;
}

pdm_status columns_start_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis, pdm_buffer *lift,
                             pdm_buffer *start)
{
    columns_task task = {
        .plan = plan, .batch = s, .basis = cpu_data(basis), .lift = cpu_data(lift), .out = cpu_data(start)};
    pdm_cpu_for(pdm_cpu_of(b), s.n * plan->desc->n_field, start_task, &task);
    return PDM_OK;
}

pdm_status columns_expand_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *w, pdm_buffer *lift,
                              pdm_buffer *c)
{
    columns_task task = {.cpu   = pdm_cpu_of(b),
                         .plan  = plan,
                         .batch = s,
                         .w     = cpu_data(w),
                         .lift  = lift ? cpu_data(lift) : NULL,
                         .out   = cpu_data(c)};
    pdm_cpu_for(pdm_cpu_of(b), s.n * plan->desc->n_field, expand_task, &task);
    return PDM_OK;
}

pdm_status columns_reduce_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *g_c, pdm_buffer *g_w)
{
    columns_task task = {.plan = plan, .batch = s, .p = cpu_data(g_c), .out = cpu_data(g_w)};
    pdm_cpu_for(pdm_cpu_of(b), s.n * plan->n_group, reduce_task, &task);
    return PDM_OK;
}

pdm_status columns_backward_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *p, pdm_buffer *w,
                                pdm_buffer *q, pdm_buffer *lambda, pdm_buffer *g_basis)
{
    columns_task   task = {.plan    = plan,
                           .batch   = s,
                           .p       = cpu_data(p),
                           .w       = cpu_data(w),
                           .q       = q ? cpu_data(q) : NULL,
                           .lambda  = q ? cpu_data(lambda) : NULL,
                           .g_basis = cpu_data(g_basis)};
    const pdm_size size = plan->desc->n_channel * plan->desc->n_coef;
    for (pdm_size i = 0; i < s.n; i++) memset(task.g_basis + s.index[i] * size, 0, (size_t)size * sizeof(float));
    pdm_cpu_for(pdm_cpu_of(b), s.n * plan->desc->n_field, backward_task, &task);
    return PDM_OK;
}

pdm_status columns_windows_backward_cpu(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis,
                                        pdm_buffer *p, pdm_buffer *w, pdm_buffer *q, pdm_buffer *lambda,
                                        pdm_buffer *g_window)
{
    columns_task task = {.plan   = plan,
                         .batch  = s,
                         .basis  = cpu_data(basis),
                         .p      = cpu_data(p),
                         .w      = cpu_data(w),
                         .q      = q ? cpu_data(q) : NULL,
                         .lambda = q ? cpu_data(lambda) : NULL,
                         .out    = cpu_data(g_window)};
    pdm_cpu_for(pdm_cpu_of(b), plan->n_group, windows_backward_task, &task);
    return PDM_OK;
}

pdm_status columns_create_cpu(pdm_backend *b, const pdm_columns_desc *desc, pdm_size n_sample, pdm_columns_plan **out)
{
    pdm_status        status = PDM_OK;
    pdm_columns_plan *p      = NULL;
    pdm_size          widest = 1;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->desc    = desc;
    p->n_group = desc->n_expert * desc->n_field;
    PDM_TRY(pdm_alloc_array(b->ctx, p->n_group + 1, &p->column0));
    PDM_TRY(pdm_alloc_array(b->ctx, p->n_group + 1, &p->value0));
    PDM_TRY(pdm_alloc_array(b->ctx, p->n_group + 1, &p->window0));
    for (pdm_size g = 0; g < p->n_group; g++) {
        const bool dense  = desc->kind == PDM_COLUMNS_DENSE;
        widest            = desc->group[g].n_col > widest ? desc->group[g].n_col : widest;
        p->column0[g + 1] = p->column0[g] + desc->group[g].n_col;
        p->window0[g + 1] = p->window0[g] + desc->group[g].n_coef;
        p->value0[g + 1]  = p->value0[g] + (dense ? desc->group[g].n_coef * desc->group[g].n_col : 0);
    }
    p->n_column = p->column0[p->n_group];
    p->n_value  = p->value0[p->n_group];
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * p->n_value, &p->C));
    PDM_TRY(pdm_alloc_array(b->ctx, n_sample * p->n_column, &p->norm));
    if (desc->kind == PDM_COLUMNS_DENSE) {
        PDM_TRY(pdm_alloc_array(b->ctx, p->window0[p->n_group], &p->window));
        PDM_TRY(pdm_alloc_array(b->ctx, n_sample, &p->kept));
        PDM_TRY(pdm_alloc_array(b->ctx, n_sample, &p->build));
        p->n_sample = n_sample;
        PDM_TRY(columns_windows_cpu(b, p, desc));
        PDM_TRY(pdm_alloc_array(b->ctx, n_sample * p->n_group, &p->n_on));
        PDM_TRY(pdm_alloc_array(b->ctx, n_sample * p->n_column, &p->on));
        for (pdm_size i = 0; i < n_sample; i++) {
            const int32_t sample = (int32_t)i;
            PDM_TRY(columns_select_cpu(b, p, (pdm_batch){1, &sample}, NULL));
        }
        PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), (size_t)widest * sizeof(double)));
    }
    *out = p;
    p    = NULL;
done:
    columns_destroy_cpu(b, &p);
    return status;
}

void columns_destroy_cpu(pdm_backend *b, pdm_columns_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_free(b->ctx, (*plan)->column0);
    pdm_free(b->ctx, (*plan)->value0);
    pdm_free(b->ctx, (*plan)->window0);
    pdm_free(b->ctx, (*plan)->window);
    pdm_free(b->ctx, (*plan)->C);
    pdm_free(b->ctx, (*plan)->norm);
    pdm_free(b->ctx, (*plan)->kept);
    pdm_free(b->ctx, (*plan)->build);
    pdm_free(b->ctx, (*plan)->n_on);
    pdm_free(b->ctx, (*plan)->on);
    pdm_free(b->ctx, *plan);
    *plan = NULL;
}
