/* Samples of training on their way through intervals of time, one a step: slabs of a march (experts:slabs), or as many
 * as long as the whole (training:slabs). docs/mathematics.md, "Slabs". */
#include "model/model.h"

#include <string.h>

pdm_size pdm_model_n_slab(const pdm_model *m)
{
    return m->march ? m->march->n_slab : m->whole->training.slabs;
}

/* What sample i begins with where it was drawn. */
static pdm_status begin_drawn(pdm_model *m, pdm_size i)
{
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain);
    double *input = m->samples->input + i * n_input, *drawn = m->drawn + i * pdm_domain_n_input(m->whole->domain);

    if (m->march) return pdm_march_inputs(m->march, 1, drawn, input);
    memcpy(input, drawn, (size_t)n_input * sizeof *input);
    return PDM_OK;
}

/* What sample i begins with in training. */
static pdm_status begin_sample(pdm_model *m, pdm_size i)
{
    const pdm_size     n_input = pdm_domain_n_input(m->problem->domain), n_whole = pdm_domain_n_input(m->whole->domain);
    const pdm_carried *c     = &m->state.carried;
    const pdm_size     k     = m->first + i;
    double            *input = m->samples->input + i * n_input;

    if (c->slab[k] == 0) return begin_drawn(m, i);
    memcpy(input, c->input + k * n_input, (size_t)n_input * sizeof *input);
    if (m->march) memcpy(m->drawn + i * n_whole, c->origin + k * n_whole, (size_t)n_whole * sizeof *m->drawn);
    return PDM_OK;
}

pdm_status pdm_model_begin(pdm_model *m, pdm_size step)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_inputs_draw_step(m->whole->inputs, step, m->first, m->n_now, m->drawn, m->pick));
    for (pdm_size i = 0; i < m->n_now; i++) PDM_TRY(begin_drawn(m, i));
done:
    return status;
}

pdm_status pdm_model_next_slab(pdm_model *m, pdm_buffer *c)
{
    pdm_status    status = PDM_OK;
    pdm_slab_end *end    = NULL;

    PDM_TRY(pdm_model_slab_end(m, &end));
    PDM_TRY(pdm_slab_advance(end, pdm_model_batch(m, m->n_now), c, m->samples->input));
    if (m->march) PDM_TRY(pdm_march_follow(m->march, m->n_now, m->drawn, m->samples->input));
done:
    return status;
}

pdm_status pdm_model_draw(pdm_model *m, pdm_size step)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_inputs_draw_step(m->whole->inputs, step, m->first, m->n_now, m->drawn, m->pick));
    for (pdm_size i = 0; i < m->n_now; i++) PDM_TRY(begin_sample(m, i));
    PDM_TRY(pdm_model_prepare(m, m->n_now, m->samples->input));
done:
    return status;
}

/* Does the sample in place i end with this step? Of a march the samples of a batch are in different slabs: sample k is
 * drawn anew after every step s = 0, 1, ... with s + 1 + k n_slab / n_total = 0 mod n_slab, whatever has become of it. */
static bool ends(const pdm_model *m, pdm_size i)
{
    const pdm_size n = pdm_model_n_slab(m), k = m->first + i;
    const bool last = m->march ? (m->state.step + 1 + k * n / m->n_total) % n == 0 : m->state.carried.slab[k] + 1 >= n;
    return last || !pdm_reason_is_good(pdm_solver_results(m->solver)[i].reason);
}

pdm_status pdm_model_carry_on(pdm_model *m)
{
    pdm_status         status  = PDM_OK;
    const pdm_size     n_input = pdm_domain_n_input(m->problem->domain), n_whole = pdm_domain_n_input(m->whole->domain);
    const pdm_carried *to = &m->state.coming;

    PDM_TRY(pdm_model_next_slab(m, pdm_solver_lend(m->solver)->c));
    if (m->march) memcpy(to->origin + m->first * n_whole, m->drawn, (size_t)(m->n_now * n_whole) * sizeof *m->drawn);
    memcpy(to->input + m->first * n_input, m->samples->input, (size_t)(m->n_now * n_input) * sizeof *to->input);
    for (pdm_size i = 0; i < m->n_now; i++)
        to->slab[m->first + i] = ends(m, i) ? 0 : m->state.carried.slab[m->first + i] + 1;
done:
    return status;
}

void pdm_model_carried(pdm_model *m)
{
    const pdm_carried before = m->state.carried;
    m->state.carried         = m->state.coming;
    m->state.coming          = before;
}
