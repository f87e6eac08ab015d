/* The gate of a model with more experts learns to choose for pieces of a box what its parent's gate chooses for the
 * whole. It sees other means and sizes there, and places it has never seen. No solve is needed, only what gates see.
 * docs/mathematics.md, "More experts". */
#include "kin/kin.h"

#include <math.h>
#include <string.h>

#include "kin/kin_impl.h"

enum { TEACH_SAMPLES = 16, LESSONS = 400 };

typedef struct lesson_plan {
    pdm_size n_sample, n_expert, n_old, n_choice, n_in;
    double  *share;  /* [n_expert][n_old] of an expert's control points, whose they were; sums to 1, or all 0 */
    double  *x;      /* [n_sample][n_expert][n_in]                                                            */
    double  *target; /* [n_sample][n_expert][n_choice]                                                        */
    double  *p;      /* [n_expert][n_choice]                                                                  */
} lesson_plan;

static void plan_destroy(pdm_context *ctx, lesson_plan *l)
{
    pdm_free(ctx, l->share);
    pdm_free(ctx, l->x);
    pdm_free(ctx, l->target);
    pdm_free(ctx, l->p);
    *l = (lesson_plan){0};
}

static void add_shares(const pdm_columns_desc *d, pdm_size field, pdm_size old, const double *window, lesson_plan *l)
{
    for (pdm_size e = 0; e < d->n_expert; e++) {
        const pdm_column_group *g = &d->group[e * d->n_field + field];
        for (pdm_size i = 0; i < g->n_coef; i++) l->share[e * l->n_old + old] += g->window[i] * window[g->coef[i]];
    }
}

/* By windows: of smooth partitions a control point belongs to several. */
static pdm_status find_shares(const pdm_model *m, const pdm_model *parent, lesson_plan *l)
{
    pdm_status              status = PDM_OK;
    const pdm_columns_desc *d = pdm_experts_columns(m->experts), *old = pdm_experts_columns(parent->experts);
    double                 *window = NULL;

    PDM_TRY(pdm_alloc_array(m->ctx, d->n_coef, &window));
    for (pdm_size o = 0; o < old->n_expert * old->n_field; o++) {
        const pdm_column_group *g = &old->group[o];
        for (pdm_size i = 0; i < g->n_coef; i++) window[g->coef[i]] = g->window[i];
        add_shares(d, g->field, g->expert, window, l);
        for (pdm_size i = 0; i < g->n_coef; i++) window[g->coef[i]] = 0.0;
    }
    for (pdm_size e = 0; e < l->n_expert; e++) {
        double sum = 0.0;
        for (pdm_size o = 0; o < l->n_old; o++) sum += l->share[e * l->n_old + o];
        for (pdm_size o = 0; o < l->n_old && sum > 0.0; o++) l->share[e * l->n_old + o] /= sum;
    }
done:
    pdm_free(m->ctx, window);
    return status;
}

/* What is to be learnt of the parent's probabilities p for one of its experts: they have to lead to the same choice,
 * with a margin. So groups that are off get nothing, and those that are on half of the rest in equal parts, however
 * little they had. */
static void sharpen(const pdm_routing *r, pdm_size expert, double *p)
{
    const pdm_routing_choice choice = pdm_routing_lend(r);
    const pdm_size           groups = pdm_routing_n_choice(r) - 1;
    const unsigned char     *on     = choice.group_on + expert * groups;
    double                   n = 0.0, sum = 0.0;

    if (choice.null[expert]) p[groups] = 1.0;
    for (pdm_size k = 0; k < groups; k++) {
        n += on[k];
        sum += on[k] ? p[k] : 0.0;
    }
    for (pdm_size k = 0; k < groups; k++) p[k] = on[k] ? 0.5 * (1.0 - p[groups]) * (p[k] / sum + 1.0 / n) : 0.0;
}

/* What the parent's gate says of one input, shared out to the new experts; and what these see of it. */
static pdm_status prepare_sample(pdm_model *m, pdm_model *parent, const double *input, pdm_size sample, lesson_plan *l)
{
    pdm_status status = PDM_OK;
    double    *t      = l->target + sample * l->n_expert * l->n_choice;

    PDM_TRY(pdm_model_prepare(parent, 1, input));
    pdm_gate_net_forward(parent->gate->net, 0, l->n_old, parent->gate->x, parent->gate->p);
    PDM_TRY(pdm_routing_choose(parent->gate->routing, 0, parent->gate->p, parent->whole->solving.ridge));
    for (pdm_size o = 0; o < l->n_old; o++) sharpen(parent->gate->routing, o, parent->gate->p + o * l->n_choice);
    for (pdm_size e = 0; e < l->n_expert; e++)
        for (pdm_size o = 0; o < l->n_old; o++)
            for (pdm_size c = 0; c < l->n_choice; c++)
                t[e * l->n_choice + c] += l->share[e * l->n_old + o] * parent->gate->p[o * l->n_choice + c];
    PDM_TRY(pdm_model_prepare(m, 1, input));
    memcpy(l->x + sample * l->n_expert * l->n_in, m->gate->x, (size_t)(l->n_expert * l->n_in) * sizeof *l->x);
done:
    return status;
}

static pdm_status plan_create(pdm_model *m, pdm_model *parent, lesson_plan *l)
{
    pdm_status   status = PDM_OK;
    trial_inputs drawn  = {0};

    PDM_TRY(trial_inputs_draw(parent, TEACH_SAMPLES, false, &drawn));
    l->n_sample = drawn.n;
    l->n_expert = pdm_routing_n_expert(m->gate->routing);
    l->n_old    = pdm_routing_n_expert(parent->gate->routing);
    l->n_choice = pdm_routing_n_choice(m->gate->routing);
    l->n_in     = pdm_routing_n_in(m->gate->routing, pdm_domain_n_feature(m->problem->domain));
    PDM_TRY(pdm_alloc_array(m->ctx, l->n_expert * l->n_old, &l->share));
    PDM_TRY(pdm_alloc_array(m->ctx, l->n_sample * l->n_expert * l->n_in, &l->x));
    PDM_TRY(pdm_alloc_array(m->ctx, l->n_sample * l->n_expert * l->n_choice, &l->target));
    PDM_TRY(pdm_alloc_array(m->ctx, l->n_expert * l->n_choice, &l->p));
    PDM_TRY(find_shares(m, parent, l));
    for (pdm_size i = 0; i < l->n_sample; i++)
        PDM_TRY(prepare_sample(m, parent, drawn.input + i * pdm_domain_n_input(m->problem->domain), i, l));
done:
    trial_inputs_destroy(m->ctx, &drawn);
    return status;
}

/* Gradient of the mean cross entropy; experts without control points have no target, and learn nothing. */
static void take_lesson(pdm_model *m, const lesson_plan *l)
{
    pdm_gate_net  *gate = m->gate->net;
    const pdm_size n    = l->n_expert * l->n_choice;

    for (pdm_size i = 0; i < l->n_sample; i++) {
        const double *x = l->x + i * l->n_expert * l->n_in, *t = l->target + i * n;
        pdm_gate_net_forward(gate, 0, l->n_expert, x, l->p);
        for (pdm_size k = 0; k < n; k += l->n_choice) {
            double sum = 0.0;
            for (pdm_size c = k; c < k + l->n_choice; c++) sum += t[c];
            for (pdm_size c = k; c < k + l->n_choice; c++)
                l->p[c] = sum > 0.0 ? (l->p[c] - t[c]) / (double)(l->n_sample * l->n_expert) : 0.0;
        }
        pdm_gate_net_backward(gate, 0, l->n_expert, x, l->p);
    }
}

pdm_status gate_teach(pdm_model *m, pdm_model *parent)
{
    pdm_status  status = PDM_OK;
    lesson_plan l      = {0};

    if (!m->gate || !parent->gate) return PDM_OK;
    const pdm_weights net  = pdm_gate_net_lend(m->gate->net);
    const double      rate = pdm_routing_get_settings(m->gate->routing)->learning_rate;
    PDM_TRY(plan_create(m, parent, &l));
    memset(net.gradient, 0, (size_t)net.n * sizeof *net.gradient);
    for (pdm_size k = 0; k < LESSONS; k++) {
        take_lesson(m, &l);
        if (!pdm_gate_net_update(m->gate->net, k + 1, rate * (1.0 - (double)k / LESSONS)))
            PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the gate's weights or what it sees are not finite");
    }
    pdm_gate_forget_moments(m->gate);
done:
    plan_destroy(m->ctx, &l);
    return status;
}
