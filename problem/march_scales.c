/* What of a march is found by solves: sizes, as the whole has them, and how a network is to see the states between
 * slabs. docs/mathematics.md, "Slabs". */
#include "problem/problem.h"

#include <math.h>
#include <string.h>

#include "problem/problem_impl.h"

enum { TRIAL_ITERATIONS = 30 };
static const double TRIAL_TOLERANCE = 1e-3;
static const double CONSTANT        = 1e-12; /* deviations below this part of the mean are rounding */

static double length_of(const pdm_march *m)
{
    const pdm_map *map = &pdm_domain_spline(m->slab->domain, 0)->map;
    return map->high - map->low;
}

/* ---- of the whole ---- */

/* Middle and half the width of the times at which slabs start. */
static void scale_start(pdm_march *m)
{
    const pdm_size start = pdm_pde_start(m->slab->pde);
    const double   half  = 0.5 * (double)(m->n_slab - 1) * length_of(m);
    m->shift[start]      = half;
    m->scale[start]      = half > 0.0 && slabs_read_time(m->whole) ? 1.0 / half : 0.0;
}

void pdm_march_take_scales(pdm_march *m)
{
    const pdm_problem *whole = m->whole;
    for (pdm_size i = 0; i < pdm_domain_n_block(whole->domain); i++)
        pdm_domain_set_scale(m->slab->domain, i, pdm_domain_scale(whole->domain, i));
    memcpy(m->slab->magnitude, whole->magnitude, (size_t)pdm_domain_n_field(whole->domain) * sizeof *whole->magnitude);
    for (pdm_size i = 0; whole->inputs && i < whole->inputs->n; i++) {
        m->shift[i] = whole->inputs->shift[i];
        m->scale[i] = whole->inputs->scale[i];
    }
    scale_start(m);
}

/* ---- of the states ---- */

/* By the sizes of fields, over the length of a slab for their rates. */
static void scale_by_sizes(pdm_march *m)
{
    for (pdm_size i = 0; i < pdm_pde_n_initial(m->slab->pde); i++) {
        const pdm_initial *x = pdm_pde_initial(m->slab->pde, i);
        m->shift[x->state]   = 0.0;
        m->scale[x->state]   = pow(length_of(m), (double)x->order) / m->slab->magnitude[x->field];
    }
}

/* Numbers as they come: their mean, and the sum of squares about it. */
typedef struct spread {
    double n, mean, square;
} spread;

static void spread_add(spread *s, double value)
{
    const double off = value - s->mean;
    s->n += 1.0;
    s->mean += off / s->n;
    s->square += off * (value - s->mean);
}

/* A few inputs on their way through the slabs. */
typedef struct walk {
    pdm_size         n;
    pdm_samples     *samples;
    pdm_free_solver *free;
    pdm_slab_end    *end;
    double          *whole;  /* [n][inputs of the whole] */
    int32_t         *number; /* [n] */
    unsigned char   *good;   /* [n] all slabs so far have a solution */
    spread          *state;  /* [initial conditions] */
} walk;

static void walk_close(pdm_context *ctx, walk *w)
{
    pdm_slab_end_destroy(&w->end);
    pdm_free_solver_destroy(&w->free);
    pdm_samples_destroy(&w->samples);
    pdm_free(ctx, w->whole);
    pdm_free(ctx, w->number);
    pdm_free(ctx, w->good);
    pdm_free(ctx, w->state);
}

static pdm_status walk_open(const pdm_march *m, walk *w)
{
    pdm_status         status  = PDM_OK;
    const pdm_problem *p       = m->whole;
    const pdm_size     n_input = pdm_domain_n_input(p->domain);

    w->n = n_input > 0 ? p->training.batch : 1;
    PDM_TRY(pdm_alloc_array(m->ctx, w->n * n_input, &w->whole));
    PDM_TRY(pdm_alloc_array(m->ctx, w->n, &w->number));
    PDM_TRY(pdm_alloc_array(m->ctx, w->n, &w->good));
    PDM_TRY(pdm_alloc_array(m->ctx, pdm_pde_n_initial(m->slab->pde), &w->state));
    PDM_TRY(pdm_samples_create(m->slab, w->n, &w->samples));
    PDM_TRY(pdm_free_solver_create(m->slab, w->n, TRIAL_TOLERANCE, TRIAL_ITERATIONS, &w->free));
    PDM_TRY(pdm_slab_end_create(m->slab, w->n, &w->end));
    PDM_TRY(pdm_inputs_draw_step(p->inputs, 0, 0, w->n, w->whole, w->number)); /* which ones does not matter */
    PDM_TRY(pdm_march_inputs(m, w->n, w->whole, w->samples->input));
    memset(w->good, 1, (size_t)w->n);
done:
    return status;
}

/* The states that slabs start from. */
static void add_states(const pdm_march *m, walk *w)
{
    const pdm_domain *d = m->slab->domain;
    for (pdm_size i = 0; i < pdm_pde_n_initial(m->slab->pde); i++) {
        const pdm_size input = pdm_pde_initial(m->slab->pde, i)->state;
        for (pdm_size s = 0; s < w->n; s++) {
            const double *own = w->samples->input + s * pdm_domain_n_input(d) + pdm_domain_input_offset(d, input);
            for (pdm_size k = 0; k < pdm_domain_input_size(d, input) && w->good[s]; k++)
                spread_add(&w->state[i], own[k]);
        }
    }
}

/* From the start of a slab to that of the next. */
static pdm_status walk_on(const pdm_march *m, walk *w)
{
    pdm_status      status = PDM_OK;
    const pdm_batch all    = pdm_samples_batch(w->samples, w->n);

    PDM_TRY(pdm_samples_prepare(w->samples, w->n, w->samples->input));
    PDM_TRY(pdm_free_solver_solve(w->free, w->samples, all, PDM_START_ZERO));
    for (pdm_size s = 0; s < w->n; s++)
        w->good[s] = w->good[s] && pdm_reason_is_good(pdm_solver_results(w->free->solver)[s].reason);
    PDM_TRY(pdm_slab_advance(w->end, all, pdm_solver_lend(w->free->solver)->c, w->samples->input));
    PDM_TRY(pdm_march_follow(m, w->n, w->whole, w->samples->input));
done:
    return status;
}

pdm_status pdm_march_find_scales(pdm_march *m)
{
    pdm_status status = PDM_OK;
    walk       w      = {0};

    pdm_march_take_scales(m);
    scale_by_sizes(m);
    if (pdm_domain_n_free(m->slab->domain) > PDM_FREE_CHEAP) return PDM_OK;
    PDM_TRY(walk_open(m, &w));
    pdm_log(m->ctx, PDM_LOG_INFO, "model", "states between slabs: solving for %lld input%s with all coefficients free",
            (long long)w.n, w.n == 1 ? "" : "s");
    for (pdm_size k = 0; k < m->n_slab; k++) {
        if (k > 0) PDM_TRY(walk_on(m, &w));
        add_states(m, &w);
    }
    for (pdm_size i = 0; i < pdm_pde_n_initial(m->slab->pde); i++) {
        const pdm_size input     = pdm_pde_initial(m->slab->pde, i)->state;
        const double   deviation = sqrt(w.state[i].square / w.state[i].n);
        m->shift[input]          = w.state[i].mean;
        if (deviation > CONSTANT * fabs(w.state[i].mean)) m->scale[input] = 1.0 / deviation;
    }
done:
    walk_close(m->ctx, &w);
    return status;
}

pdm_status pdm_march_store_scales(pdm_march *m, pdm_store *s, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = pdm_pde_start(m->slab->pde),
                   n      = pdm_pde_n_input(m->slab->pde) - first; /* behind the others */

    if (!writing) pdm_march_take_scales(m);
    PDM_TRY(pdm_store_exchange(s, writing, "scales", "state_shift", PDM_STORE_DOUBLE, n, m->shift + first));
    PDM_TRY(pdm_store_exchange(s, writing, "scales", "state_scale", PDM_STORE_DOUBLE, n, m->scale + first));
done:
    return status;
}
