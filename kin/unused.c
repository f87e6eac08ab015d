/* Groups of columns that no expert has use for, and a model without them. docs/mathematics.md, "Compressed weights". */
#include "kin/kin.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kin/kin_impl.h"

void unused_groups_destroy(pdm_context *ctx, unused_groups *x)
{
    pdm_free(ctx, x->keep);
    pdm_free(ctx, x->use);
    *x = (unused_groups){0};
}

pdm_status unused_groups_find(const pdm_model *m, double share, unused_groups *out)
{
    pdm_status           status = PDM_OK;
    const pdm_gate_usage u      = pdm_gate_get_usage(m->gate);
    unused_groups        x      = {0};

    if (u.weight == 0.0) goto done;
    x.n = u.n_group;
    PDM_TRY(pdm_alloc_array(m->ctx, x.n, &x.keep));
    PDM_TRY(pdm_alloc_array(m->ctx, x.n, &x.use));
    for (pdm_size k = 0; k < x.n; k++) {
        for (pdm_size e = 0; e < u.n_expert; e++) x.use[k] = fmax(x.use[k], u.group[e * u.n_group + k]);
        x.keep[k] = x.use[k] >= share;
        x.n_keep += x.keep[k];
    }
done:
    if (status == PDM_OK)
        *out = x;
    else
        unused_groups_destroy(m->ctx, &x);
    return status;
}

/* ---- the smaller case ---- */

/* Is column i of an expert and field kept: a shared one, or one of a group that is? */
static bool keeps_column(const pdm_model *m, const unused_groups *x, pdm_size i)
{
    const pdm_routing_settings *s = pdm_routing_get_settings(m->gate->routing);
    const pdm_size              N = pdm_experts_basis(m->experts), size = (N - s->shared) / s->groups;
    return i < s->shared || x->keep[(i - s->shared) / size];
}

/* The share of what is left that is the number of unknowns wanted so far. */
static double wanted_share(const pdm_model *m, const unused_groups *x)
{
    const pdm_routing *r      = m->gate->routing;
    const double       wanted = pdm_routing_get_settings(r)->unknowns * (double)pdm_experts_n_column(m->experts);
    double             left   = 0.0;

    for (pdm_size e = 0; e < pdm_routing_n_expert(r); e++)
        for (pdm_size k = 0; k <= x->n; k++)
            if (k == x->n || x->keep[k]) left += (double)pdm_routing_size(r, e, k);
    return left > wanted ? wanted / left : 1.0;
}

static pdm_status create_case(const pdm_model *m, const unused_groups *x, pdm_case **out)
{
    pdm_status     status  = PDM_OK;
    pdm_case      *c       = NULL;
    pdm_text       numbers = {.ctx = m->ctx};
    pdm_size       n       = 0;
    char           share[32];
    const int32_t *number = pdm_experts_numbers(m->experts);
    const pdm_size N      = pdm_experts_basis(m->experts);

    PDM_TRY(pdm_case_copy(m->whole->the_case, &c));
    for (pdm_size i = 0; i < N; i++)
        if (keeps_column(m, x, i)) PDM_TRY(pdm_text_append(&numbers, "%s%d", n++ ? "," : "", number[i]));
    PDM_TRY(pdm_case_set_count(c, "experts", "basis", n));
    PDM_TRY(pdm_case_set_text(c, "experts", "prior_columns", numbers.data));
    PDM_TRY(pdm_case_set_count(c, "gate", "groups", x->n_keep));
    snprintf(share, sizeof share, "%.15g", wanted_share(m, x));
    PDM_TRY(pdm_case_set_text(c, "gate", "unknowns", share));
    *out = c;
    c    = NULL;
done:
    pdm_case_destroy(&c);
    pdm_text_destroy(&numbers);
    return status;
}

/* ---- weights ---- */

/* Rows of n_old numbers to rows of those that are kept; where tensors have as many they are copied. */
static void select_tensor(const pdm_model *m, const unused_groups *x, const pdm_tensor_info *from,
                          const pdm_tensor_info *to, const float *values, float *out)
{
    const pdm_size n_old = from->shape[from->n_axis - 1];
    const pdm_size N = pdm_experts_basis(m->experts), n_field = pdm_domain_n_field(m->problem->domain);

    if (from->n == to->n) {
        memcpy(out, values, (size_t)to->n * sizeof *out);
        return;
    }
    PDM_ASSERT(n_old == m->surrogate->shape.n_channel && from->n / n_old == to->n / to->shape[to->n_axis - 1]);
    for (pdm_size i = 0; i < from->n; i++) {
        const pdm_size channel = i % n_old; /* a guess is behind the columns */
        if (channel >= N * n_field || keeps_column(m, x, channel % N)) *out++ = values[i];
    }
}

static pdm_status select_weights(const pdm_model *m, const unused_groups *x, pdm_model *less)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *theirs = m->problem->backend, *own = less->problem->backend;
    pdm_surrogate *from = m->surrogate, *to = less->surrogate;
    void          *values = NULL, *out = NULL;

    PDM_TRY(theirs->ops->acquire(theirs, from->parameters, PDM_READ, &values));
    PDM_TRY(own->ops->acquire(own, to->parameters, PDM_WRITE, &out));
    for (pdm_size t = 0; t < from->n_tensor; t++)
        select_tensor(m, x, &from->tensor[t], &to->tensor[t], (const float *)values + from->tensor[t].offset,
                      (float *)out + to->tensor[t].offset);
done:
    status = pdm_release(own, status, to->parameters, &out);
    status = pdm_release(theirs, status, from->parameters, &values);
    return status;
}

pdm_status model_without_groups(const pdm_model *m, const unused_groups *x, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_case  *c      = NULL;
    pdm_model *less   = NULL;

    PDM_ASSERT(m->gate && x->n_keep > 0);
    PDM_TRY(create_case(m, x, &c));
    PDM_TRY(model_inherit(c, m, &less));
    PDM_TRY(select_weights(m, x, less));
    pdm_gate_select(less->gate, m->gate, x->keep);
    PDM_TRY(model_take_names(less, m));
    less->state.step = less->state.moments_since = m->state.step;
    less->state.first_loss                       = NAN;
    *out                                         = less;
    less                                         = NULL;
done:
    pdm_model_destroy(&less);
    pdm_case_destroy(&c);
    return status;
}
