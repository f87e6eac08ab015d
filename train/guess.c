/* The first steps of a training with a guess: the network learns from solutions, before it learns from the equations
 * through the solve. docs/mathematics.md, "Guess". */
#include "train/train.h"

#include <math.h>
#include <string.h>

#include "train/train_impl.h"

bool guess_learns(const pdm_model *m)
{
    return m->state.step < m->whole->training.guess_steps;
}

/* Of as many inputs as the case says, nothing solved yet. */
static pdm_status open_pool(pdm_model *m)
{
    return m->pool ? PDM_OK : pdm_pool_create(m, m->whole->training.solutions, &m->pool);
}

/* One batch of inputs more in each step, until there are enough; of a training that goes on, those of its past. */
static pdm_status fill_pool(pdm_model *m)
{
    pdm_status     status = PDM_OK;
    const pdm_size now    = m->state.step + 1;

    PDM_TRY(open_pool(m));
    PDM_TRY(pdm_pool_fill(m->pool, now < m->pool->n_wanted ? now : m->pool->n_wanted));
done:
    return status;
}

/* Samples of the pool for this step, made ready for the network; their numbers into m->pick. */
static pdm_status choose_samples(pdm_model *m)
{
    const pdm_random_key key     = {(uint64_t)m->whole->training.seed, PDM_RANDOM_GUESS, (uint64_t)m->state.step};
    const pdm_size       n_input = pdm_domain_n_input(m->problem->domain);

    for (pdm_size i = 0; i < m->n_now; i++) {
        const pdm_size k = (pdm_size)(pdm_random_uniform(key, (uint64_t)(m->first + i)) * (double)m->pool->n_learn);
        m->pick[i]       = (int32_t)(k < m->pool->n_learn ? k : m->pool->n_learn - 1);
        memcpy(m->samples->input + i * n_input, m->pool->input + m->pick[i] * n_input,
               (size_t)n_input * sizeof *m->pool->input);
    }
    return pdm_model_prepare(m, m->n_now, m->samples->input);
}

/* Of one sample and field: squares of what the guess is off by, times factor; its derivative into g. */
static double compare_guess(pdm_size n, const unsigned char *is_free, const float *guess, const float *target,
                            double factor, float *g)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < n; i++) {
        const double off = is_free[i] ? (double)guess[i] - (double)target[i] : 0.0;
        sum += factor * off * off;
        g[i] = (float)(2.0 * factor * off);
    }
    return sum;
}

pdm_status guess_loss(pdm_model *m, double *loss)
{
    pdm_status           status  = PDM_OK;
    pdm_backend         *b       = m->problem->backend;
    const pdm_domain    *domain  = m->problem->domain;
    const unsigned char *is_free = pdm_domain_free(domain);
    const pdm_size       n_field = pdm_domain_n_field(domain), n_coef = pdm_domain_n_coef(domain),
                   n_channel = pdm_experts_columns(m->experts)->n_channel, first = n_channel - n_field;
    void *basis = NULL, *g_basis = NULL;

    PDM_TRY(b->ops->acquire(b, m->basis, PDM_READ, &basis));
    PDM_TRY(b->ops->acquire(b, m->g_basis, PDM_WRITE, &g_basis));
    for (pdm_size i = 0; i < m->n_now; i++) {
        const float *guess  = (const float *)basis + (i * n_channel + first) * n_coef,
                    *target = m->pool->target + m->pick[i] * n_field * n_coef;
        float *g            = (float *)g_basis + i * n_channel * n_coef;
        for (pdm_size k = 0; k < first * n_coef; k++) g[k] = 0.0f;
        for (pdm_size f = 0; f < n_field; f++) {
            const double mean   = m->pool->square[f] / (double)m->pool->n;
            const double factor = mean > 0.0 ? 1.0 / ((double)(m->n_total * n_field) * mean) : 0.0;
            *loss += compare_guess(n_coef, is_free + f * n_coef, guess + f * n_coef, target + f * n_coef, factor,
                                   g + (first + f) * n_coef);
        }
    }
done:
    status = pdm_release(b, status, m->basis, &basis);
    status = pdm_release(b, status, m->g_basis, &g_basis);
    return status;
}

/* Batches of inputs whose solutions columns are made of. */
static pdm_size wanted_draws(const pdm_pool *p)
{
    return p->n_wanted + p->n_held_out;
}

bool guess_wants_solutions(const pdm_model *m)
{
    return !guess_learns(m) && pdm_model_wants_pod(m) && (!m->pool || m->pool->n_draw < wanted_draws(m->pool));
}

pdm_status guess_solve_more(pdm_model *m)
{
    pdm_status status = PDM_OK;

    PDM_TRY(open_pool(m));
    PDM_TRY(pdm_pool_fill(m->pool, m->pool->n_draw + 1));
    pdm_values_set(m->ctx, &m->values, (double)(m->pool->n_draw * m->n_total), "solutions.so_far");
    pdm_values_set(m->ctx, &m->values, (double)(wanted_draws(m->pool) * m->n_total), "solutions.wanted");
done:
    return status;
}

pdm_status guess_columns(pdm_model *m)
{
    pdm_status status = PDM_OK;

    if (guess_learns(m)) return PDM_OK;
    while (guess_wants_solutions(m)) PDM_TRY(guess_solve_more(m));
    if (pdm_model_wants_pod(m)) PDM_TRY(pdm_model_find_pod(m, m->pool));
    pdm_pool_destroy(&m->pool);
done:
    return status;
}

/* Loss and gradient of this part of the samples, onto those of the parts before. */
static pdm_status add_part(pdm_model *m, bool more, double *loss)
{
    pdm_status      status = PDM_OK;
    const pdm_batch batch  = pdm_model_batch(m, m->n_now);

    PDM_TRY(choose_samples(m));
    PDM_TRY(pdm_model_basis(m, batch, true));
    PDM_TRY(guess_loss(m, loss));
    PDM_TRY(loss_add_gradient(m, batch, more));
done:
    return status;
}

pdm_status guess_step(pdm_model *m, pdm_step_report *report)
{
    pdm_status status = PDM_OK;
    bool       finite = false;

    PDM_TRY(fill_pool(m));
    report->loss = 0.0;
    for (pdm_size k = 0; pdm_model_turn_to(m, k); k++) PDM_TRY(add_part(m, k > 0, &report->loss));
    PDM_TRY(loss_sum_gradients(m, m->own.n > 0));
    PDM_TRY(pdm_ranks_sum(m->ctx, "loss", 1, &report->loss));
    PDM_TRY(loss_take_gradient(m, 1.0));
    PDM_TRY(optimiser_step(m, &finite, report));
    report->loss_first = report->loss_last = NAN; /* those are of solves */
    if (!finite) PDM_FAIL(m->ctx, PDM_ERR_NUMERIC, "the gradient of the network's weights is not finite");
    m->state.step++;
done:
    return status;
}
