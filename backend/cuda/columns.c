/* Columns of the experts on the device: tables, which columns exist, launches. */
#include "backend/cuda/columns_impl.h"
#include "backend/lists.h"

#include <string.h>

/* ---- create ---- */

static pdm_status create_groups(pdm_cuda *cu, const pdm_columns_desc *d, pdm_columns_plan *p)
{
    pdm_status    status = PDM_OK;
    columns_args *k      = &p->args;
    columns_tile *tile   = NULL;

    PDM_TRY(pdm_alloc_array(cu->base.ctx, k->n_group, &p->group));
    for (pdm_size g = 0; g < k->n_group; g++) {
        const pdm_column_group *from = &d->group[g];
        p->group[g]                  = (columns_group){.column0 = k->n_column,
                                                       .value0  = k->n_value,
                                                       .window0 = k->n_window,
                                                       .n_coef  = (int32_t)from->n_coef,
                                                       .n_col   = (int32_t)from->n_col,
                                                       .field   = from->field,
                                                       .scale   = from->scale};
        k->n_column += from->n_col;
        k->n_window += from->n_coef;
        k->n_value += d->kind == PDM_COLUMNS_DENSE ? from->n_coef * from->n_col : 0;
        p->n_tile += (from->n_col + COLUMNS_WIDE - 1) / COLUMNS_WIDE;
    }
    PDM_TRY(cuda_keep(cu, &p->owned, p->group, k->n_group, &k->group));
    PDM_TRY(pdm_alloc_array(cu->base.ctx, p->n_tile, &tile));
    for (pdm_size g = 0, n = 0; g < k->n_group; g++)
        for (int32_t first = 0; first < p->group[g].n_col; first += COLUMNS_WIDE)
            tile[n++] = (columns_tile){(int32_t)g, first};
    PDM_TRY(cuda_keep(cu, &p->owned, tile, p->n_tile, &k->tile));
done:
    pdm_free(cu->base.ctx, tile);
    return status;
}

/* Groups' coefficients, and from coefficients to groups. */
static pdm_status create_owners(pdm_cuda *cu, const pdm_columns_desc *d, pdm_columns_plan *p)
{
    pdm_status     status = PDM_OK;
    pdm_context   *ctx    = cu->base.ctx;
    columns_args  *k      = &p->args;
    const pdm_size n      = d->n_field * d->n_coef;
    int32_t       *coef = NULL, *at_group = NULL;
    pdm_owners     owners = {0};

    PDM_TRY(pdm_alloc_array(ctx, k->n_window, &coef));
    PDM_TRY(pdm_alloc_array(ctx, k->n_window, &at_group));
    for (pdm_size g = 0; g < k->n_group; g++)
        for (pdm_size i = 0; i < d->group[g].n_coef; i++) {
            coef[p->group[g].window0 + i]     = d->group[g].coef[i];
            at_group[p->group[g].window0 + i] = (int32_t)g;
        }
    PDM_TRY(pdm_owners_create(ctx, d, &owners));
    PDM_TRY(cuda_keep(cu, &p->owned, coef, k->n_window, &k->coef));
    PDM_TRY(cuda_keep(cu, &p->owned, at_group, k->n_window, &k->at_group));
    PDM_TRY(cuda_keep(cu, &p->owned, owners.group, k->n_window, &k->owner_group));
    PDM_TRY(cuda_keep(cu, &p->owned, owners.place, k->n_window, &k->owner_place));
    PDM_TRY(cuda_keep(cu, &p->owned, owners.first, n + 1, &k->owner0));
done:
    pdm_free(ctx, coef);
    pdm_free(ctx, at_group);
    pdm_owners_destroy(ctx, &owners);
    return status;
}

/* Which columns of a group read a channel: a list for each, rising. */
static pdm_status create_channels(pdm_cuda *cu, const pdm_columns_desc *d, pdm_columns_plan *p)
{
    pdm_status    status  = PDM_OK;
    pdm_context  *ctx     = cu->base.ctx;
    columns_args *k       = &p->args;
    int32_t      *channel = NULL, *first = NULL, *next = NULL;

    PDM_TRY(pdm_alloc_array(ctx, k->n_column, &channel));
    PDM_TRY(pdm_alloc_array(ctx, k->n_column, &next));
    PDM_TRY(pdm_alloc_array(ctx, k->n_group * d->n_channel, &first));
    for (pdm_size i = 0; i < k->n_group * d->n_channel; i++) first[i] = -1;
    for (pdm_size g = 0; g < k->n_group; g++)
        for (pdm_size n = d->group[g].n_col - 1; n >= 0; n--) {
            const pdm_size at = p->group[g].column0 + n;
            channel[at]       = d->group[g].channel ? d->group[g].channel[n] : -1;
            next[at]          = -1;
            if (channel[at] < 0) continue;
            int32_t *list = &first[g * d->n_channel + channel[at]];
            next[at]      = *list;
            *list         = (int32_t)n;
        }
    PDM_TRY(cuda_keep(cu, &p->owned, channel, k->n_column, &k->channel));
    PDM_TRY(cuda_keep(cu, &p->owned, next, k->n_column, &k->next_with));
    PDM_TRY(cuda_keep(cu, &p->owned, first, k->n_group * d->n_channel, &k->first_with));
    if (d->guess) PDM_TRY(cuda_keep(cu, &p->owned, d->guess, d->n_field * d->n_coef, &k->guess));
done:
    pdm_free(ctx, channel);
    pdm_free(ctx, first);
    pdm_free(ctx, next);
    return status;
}

static pdm_size larger(pdm_size a, pdm_size b)
{
    return a > b ? a : b;
}

static pdm_status create_values(pdm_cuda *cu, const pdm_columns_desc *d, pdm_columns_plan *p)
{
    pdm_status     status = PDM_OK;
    columns_args  *k      = &p->args;
    const pdm_size n      = d->n_field * d->n_coef;

    PDM_TRY(pdm_alloc_array(cu->base.ctx, larger(larger(k->n_window, k->n_value), n), &p->draft));
    PDM_TRY(cuda_keep_room(cu, &p->owned, k->n_window, &p->window));
    PDM_TRY(cuda_keep_room(cu, &p->owned, k->n_value, &p->prior));
    PDM_TRY(cuda_keep_room(cu, &p->owned, n, &p->offset));
    PDM_TRY(cuda_keep_room(cu, &p->owned, p->n_sample * k->n_value, &k->C));
    PDM_TRY(cuda_keep_room(cu, &p->owned, p->n_sample * k->n_column, &k->norm));
    k->window = p->window;
    k->prior  = p->prior;
    k->offset = p->offset;
    PDM_TRY(pdm_alloc_array(cu->base.ctx, p->n_sample, &p->kept));
    PDM_TRY(pdm_alloc_array(cu->base.ctx, p->n_sample, &p->build));
    PDM_TRY(cuda_reserve(cu, (size_t)(p->n_sample * k->n_column) * sizeof *k->along));
done:
    return status;
}

static pdm_status create_selection(pdm_cuda *cu, pdm_columns_plan *p)
{
    pdm_status status = PDM_OK;

    PDM_TRY(cuda_table_create(cu, p->n_sample, p->args.n_group, &p->n_on));
    PDM_TRY(cuda_table_create(cu, p->n_sample, p->args.n_column, &p->on));
    PDM_TRY(cuda_table_create(cu, p->n_sample, p->args.n_column, &p->place));
    p->args.n_on  = p->n_on.device;
    p->args.on    = p->on.device;
    p->args.place = p->place.device;
done:
    return status;
}

/* ---- which columns exist ---- */

/* on [n_column]; NULL: all */
static void choose(pdm_columns_plan *p, pdm_size sample, const unsigned char *on)
{
    for (pdm_size g = 0; g < p->args.n_group; g++) {
        const pdm_size column0 = p->group[g].column0, at = sample * p->args.n_column + column0;
        int32_t        n_on = 0;
        for (pdm_size n = 0; n < p->group[g].n_col; n++) {
            const bool exists     = !on || on[column0 + n];
            p->place.host[at + n] = exists ? n_on : -1;
            if (exists) p->on.host[at + n_on++] = (int32_t)n;
        }
        p->n_on.host[sample * p->args.n_group + g] = n_on;
    }
    p->kept[sample] = false;
}

pdm_status columns_select_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, const unsigned char *on)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);

    if (plan->kind != PDM_COLUMNS_DENSE) PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "identity columns cannot be chosen from");
    for (pdm_size i = 0; i < s.n; i++) choose(plan, s.index[i], on ? on + s.index[i] * plan->args.n_column : NULL);
    plan->selection = ++cu->n_selection;
    PDM_TRY(cuda_table_send(cu, &plan->n_on, s));
    PDM_TRY(cuda_table_send(cu, &plan->on, s));
    PDM_TRY(cuda_table_send(cu, &plan->place, s));
done:
    return status;
}

pdm_status columns_windows_cuda(pdm_backend *b, pdm_columns_plan *plan, const pdm_columns_desc *desc)
{
    CUDA_HERE(b);
    pdm_status          status = PDM_OK;
    pdm_cuda           *cu     = pdm_cuda_of(b);
    const columns_args *k      = &plan->args;
    const pdm_size      n      = k->n_field * k->n_coef;

    if (plan->kind != PDM_COLUMNS_DENSE) PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "identity columns have no windows");
    for (pdm_size g = 0; g < k->n_group; g++)
        memcpy(plan->draft + plan->group[g].window0, desc->group[g].window,
               (size_t)desc->group[g].n_coef * sizeof *plan->draft);
    PDM_TRY(cuda_send(cu, plan->draft, k->n_window, plan->window));
    for (pdm_size g = 0; g < k->n_group; g++) {
        const size_t bytes = (size_t)(desc->group[g].n_coef * desc->group[g].n_col) * sizeof *plan->draft;
        if (desc->group[g].prior)
            memcpy(plan->draft + plan->group[g].value0, desc->group[g].prior, bytes);
        else
            memset(plan->draft + plan->group[g].value0, 0, bytes);
    }
    PDM_TRY(cuda_send(cu, plan->draft, k->n_value, plan->prior));
    memset(plan->draft, 0, (size_t)n * sizeof *plan->draft);
    PDM_TRY(cuda_send(cu, desc->offset ? desc->offset : plan->draft, n, plan->offset));
    for (pdm_size i = 0; i < plan->n_sample; i++) plan->kept[i] = false;
done:
    return status;
}

/* ---- launches ---- */

static cuda_grid tiles(const pdm_columns_plan *p, pdm_size n_sample)
{
    return (cuda_grid){.blocks_x = p->n_tile, .blocks_y = n_sample, .threads = COLUMNS_THREADS};
}

pdm_status columns_build_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis)
{
    CUDA_HERE(b);
    pdm_status   status = PDM_OK;
    pdm_cuda    *cu     = pdm_cuda_of(b);
    columns_args args   = plan->args;
    pdm_batch    build  = {.index = plan->build};

    for (pdm_size i = 0; i < s.n; i++)
        if (!plan->kept[s.index[i]]) plan->build[build.n++] = s.index[i];
    args.n_listed = build.n;
    args.basis    = cuda_data(basis);
    PDM_TRY(cuda_post_list(cu, build, &args.index));
    PDM_TRY(cuda_launch(cu, columns_build_kernel, tiles(plan, build.n), &args));
    for (pdm_size i = 0; i < build.n; i++) plan->kept[build.index[i]] = plan->constant;
done:
    return status;
}

pdm_status columns_start_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis, pdm_buffer *lift,
                              pdm_buffer *start)
{
    CUDA_HERE(b);
    pdm_status   status = PDM_OK;
    pdm_cuda    *cu     = pdm_cuda_of(b);
    columns_args args   = plan->args;

    args.n_listed = s.n;
    args.basis    = cuda_data(basis);
    args.lift     = cuda_data(lift);
    args.out      = cuda_data(start);
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    PDM_TRY(cuda_launch(cu, columns_start_kernel, cuda_grid_of(args.n_field * args.n_coef, s.n), &args));
done:
    return status;
}

pdm_status columns_expand_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *w, pdm_buffer *lift,
                               pdm_buffer *c)
{
    CUDA_HERE(b);
    pdm_status      status = PDM_OK;
    pdm_cuda       *cu     = pdm_cuda_of(b);
    columns_args    args   = plan->args;
    const cuda_grid grid   = cuda_grid_of(args.n_field * args.n_coef, s.n);

    args.n_listed = s.n;
    args.w        = cuda_data(w);
    args.lift     = cuda_data(lift);
    args.out      = cuda_data(c);
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    if (plan->kind == PDM_COLUMNS_DENSE)
        PDM_TRY(cuda_launch(cu, columns_expand_kernel, grid, &args));
    else
        PDM_TRY(cuda_launch(cu, columns_expand_identity_kernel, grid, &args));
done:
    return status;
}

pdm_status columns_reduce_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *g_c, pdm_buffer *g_w)
{
    CUDA_HERE(b);
    pdm_status   status = PDM_OK;
    pdm_cuda    *cu     = pdm_cuda_of(b);
    columns_args args   = plan->args;

    args.n_listed = s.n;
    args.p        = cuda_data(g_c);
    args.out      = cuda_data(g_w);
    PDM_TRY(cuda_post_list(cu, s, &args.index));
    if (plan->kind == PDM_COLUMNS_DENSE)
        PDM_TRY(cuda_launch(cu, columns_reduce_kernel, tiles(plan, s.n), &args));
    else
        PDM_TRY(cuda_launch(cu, columns_reduce_identity_kernel, cuda_grid_of(args.n_column, s.n), &args));
done:
    return status;
}

/* What both ways back begin with: <C, g_C> of all columns. */
static pdm_status prepare_backward(pdm_cuda *cu, pdm_columns_plan *plan, pdm_batch s, columns_args *args)
{
    pdm_status status = PDM_OK;

    args->n_listed = s.n;
    args->along    = cu->scratch;
    PDM_TRY(cuda_post_list(cu, s, &args->index));
    PDM_TRY(cuda_launch(cu, columns_along_kernel, tiles(plan, s.n), args));
done:
    return status;
}

pdm_status columns_backward_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *p, pdm_buffer *w,
                                 pdm_buffer *q, pdm_buffer *lambda, pdm_buffer *g_basis)
{
    CUDA_HERE(b);
    pdm_status   status = PDM_OK;
    pdm_cuda    *cu     = pdm_cuda_of(b);
    columns_args args   = plan->args;

    args.p       = cuda_data(p);
    args.w       = cuda_data(w);
    args.q       = cuda_data(q);
    args.lambda  = cuda_data(lambda);
    args.g_basis = cuda_data(g_basis);
    PDM_TRY(prepare_backward(cu, plan, s, &args));
    PDM_TRY(cuda_launch(cu, columns_backward_kernel, cuda_grid_of(args.n_channel * args.n_coef, s.n), &args));
done:
    return status;
}

pdm_status columns_windows_backward_cuda(pdm_backend *b, pdm_columns_plan *plan, pdm_batch s, pdm_buffer *basis,
                                         pdm_buffer *p, pdm_buffer *w, pdm_buffer *q, pdm_buffer *lambda,
                                         pdm_buffer *g_window)
{
    CUDA_HERE(b);
    pdm_status   status = PDM_OK;
    pdm_cuda    *cu     = pdm_cuda_of(b);
    columns_args args   = plan->args;

    args.basis  = cuda_data(basis);
    args.p      = cuda_data(p);
    args.w      = cuda_data(w);
    args.q      = cuda_data(q);
    args.lambda = cuda_data(lambda);
    args.out    = cuda_data(g_window);
    PDM_TRY(prepare_backward(cu, plan, s, &args));
    PDM_TRY(cuda_launch(cu, columns_windows_backward_kernel, cuda_grid_of(args.n_window, 1), &args));
done:
    return status;
}

/* ---- life ---- */

pdm_status columns_create_cuda(pdm_backend *b, const pdm_columns_desc *desc, pdm_size n_sample, pdm_columns_plan **out)
{
    CUDA_HERE(b);
    pdm_status        status = PDM_OK;
    pdm_cuda         *cu     = pdm_cuda_of(b);
    pdm_columns_plan *p      = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *p, &p));
    p->kind           = desc->kind;
    p->constant       = pdm_columns_are_constant(desc);
    p->n_sample       = n_sample;
    p->args.n_field   = desc->n_field;
    p->args.n_coef    = desc->n_coef;
    p->args.n_channel = desc->n_channel;
    p->args.n_group   = desc->n_expert * desc->n_field;
    p->selection      = ++cu->n_selection;
    PDM_TRY(create_groups(cu, desc, p));
    PDM_TRY(create_owners(cu, desc, p));
    if (desc->kind == PDM_COLUMNS_DENSE) {
        PDM_TRY(create_channels(cu, desc, p));
        PDM_TRY(create_values(cu, desc, p));
        PDM_TRY(create_selection(cu, p));
        PDM_TRY(columns_windows_cuda(b, p, desc));
        for (pdm_size i = 0; i < n_sample; i++) choose(p, i, NULL);
        PDM_TRY(cuda_table_send_all(cu, &p->n_on));
        PDM_TRY(cuda_table_send_all(cu, &p->on));
        PDM_TRY(cuda_table_send_all(cu, &p->place));
    }
    *out = p;
    p    = NULL;
done:
    columns_destroy_cuda(b, &p);
    return status;
}

void columns_destroy_cuda(pdm_backend *b, pdm_columns_plan **plan)
{
    CUDA_HERE(b);
    if (!plan || !*plan) return;
    cuda_settle(pdm_cuda_of(b));
    pdm_cuda         *cu = pdm_cuda_of(b);
    pdm_columns_plan *p  = *plan;
    cuda_owned_destroy(cu, &p->owned);
    cuda_table_destroy(cu, &p->n_on);
    cuda_table_destroy(cu, &p->on);
    cuda_table_destroy(cu, &p->place);
    pdm_free(b->ctx, p->group);
    pdm_free(b->ctx, p->draft);
    pdm_free(b->ctx, p->kept);
    pdm_free(b->ctx, p->build);
    pdm_free(b->ctx, p);
    *plan = NULL;
}
