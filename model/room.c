/* How much memory models take, by the size of their batches: found from models that are made for it, so that what
 * allocates is what is counted. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/model_impl.h"

/* Samples of the largest batch that is made: what is kept for tiles of samples goes in steps of up to 64. */
enum { MOST = 128 };
static const double MOST_ON_HOST = 256e6; /* bytes of it there, where taking memory fills it */

/* A model like another one but for its batch and its scales, which no size hangs on: nothing is solved. */
static pdm_status create_alike(const pdm_model *like, pdm_size batch, pdm_model **out)
{
    pdm_status   status = PDM_OK;
    pdm_case    *c      = NULL;
    pdm_problem *p      = NULL;
    pdm_model   *m      = NULL;
    char         text[32];

    (void)snprintf(text, sizeof text, "%lld", (long long)batch);
    PDM_TRY(pdm_case_copy(like->whole->the_case, &c));
    PDM_TRY(pdm_case_set_text(c, "training", "batch", text));
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_INPUTS, NULL, &p));
    PDM_TRY(pdm_model_start(&p, &m));
    if (m->n_batch < batch) /* as there is no memory for more at a time */
        PDM_FAIL(m->ctx, PDM_ERR_MEMORY, "a model of %lld samples does not fit", (long long)batch);
    PDM_TRY(pdm_model_take_knots(m, like));
    PDM_TRY(pdm_model_set_boxes(m, pdm_experts_boxes(like->experts)));
    PDM_TRY(model_make_parts(m));
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    pdm_problem_destroy(&p);
    pdm_case_destroy(&c);
    return status;
}

/* Bytes that such a model holds with what training keeps beside it. out NULL: it is destroyed. */
static pdm_status measure(const pdm_model *like, pdm_size batch, double *bytes, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;
    pdm_memory before, after;

    PDM_TRY(pdm_backend_memory(like->problem->backend, &before));
    PDM_TRY(create_alike(like, batch, &m));
    if (pdm_model_wants_pod(m) || m->whole->training.guess_steps > 0)
        PDM_TRY(pdm_pool_create(m, m->whole->training.solutions, &m->pool));
    PDM_TRY(pdm_backend_memory(m->problem->backend, &after));
    *bytes = after.held - before.held;
    if (out) {
        *out = m;
        m    = NULL;
    }
done:
    pdm_model_destroy(&m);
    return status;
}

/* Batches of m and n samples take a and b bytes. */
static void put_line(pdm_room *r, pdm_size m, double a, pdm_size n, double b)
{
    r->sample       = (b - a) / (double)(n - m);
    r->fixed        = a - (double)m * r->sample;
    const double by = (r->available - r->fixed) / r->sample;
    r->most         = !(by >= 1.0) ? 0 : by < (double)PDM_MAX_COUNT ? (pdm_size)by : PDM_MAX_COUNT;
}

/* A batch that is cheap to make twice over. */
static pdm_size cheap_batch(const pdm_room *r)
{
    double n = fmin(0.25 * (double)r->most, 0.5 * MOST);

    if (r->is_host) n = fmin(n, 0.5 * MOST_ON_HOST / r->sample);
    return (pdm_size)n;
}

/* Through 1 and 2 samples, then through as many as are cheap to make: scratch that is the largest of several, and tiles,
 * are no line at first. available: without any of these models. */
static pdm_status find_line(const pdm_model *like, double one, pdm_room *r)
{
    pdm_status status = PDM_OK;
    double     a = 0.0, b = 0.0;

    PDM_TRY(measure(like, 2, &b, NULL));
    put_line(r, 1, one, 2, b);
    const pdm_size n = cheap_batch(r);
    if (n < 2) return PDM_OK;
    PDM_TRY(measure(like, n, &a, NULL));
    PDM_TRY(measure(like, 2 * n, &b, NULL));
    put_line(r, n, a, 2 * n, b);
done:
    return status;
}

pdm_status pdm_model_measure_room(pdm_model **m, pdm_room *out)
{
    pdm_status status = PDM_OK;
    pdm_model *first  = NULL;
    double     one    = 0.0;
    pdm_room   r      = {0};
    pdm_memory now;

    PDM_TRY(measure(*m, 1, &one, &first));
    pdm_model_destroy(m);
    PDM_TRY(pdm_backend_memory(first->problem->backend, &now));
    r.is_host   = now.is_host;
    r.available = now.available + one;
    PDM_TRY(find_line(first, one, &r));
    *out = r;
done:
    pdm_model_destroy(&first);
    return status;
}

/* "12.5 MB" */
typedef struct size_text {
    char text[32];
} size_text;

static size_text text_of(double bytes)
{
    size_text    t;
    const double unit = bytes < 1e9 ? 1e6 : 1e9;

    (void)snprintf(t.text, sizeof t.text, "%.3g %s", bytes / unit, bytes < 1e9 ? "MB" : "GB");
    return t;
}

void room_tell(pdm_model **m)
{
    pdm_context   *ctx   = (*m)->ctx;
    const pdm_size batch = (*m)->n_total;
    pdm_room       r     = {0};
    char           why[2048]; /* a measurement has failures of its own */

    (void)snprintf(why, sizeof why, "%s", pdm_context_error(ctx));
    model_empty(*m);
    const pdm_status status = pdm_model_measure_room(m, &r);
    (void)pdm_error_set(ctx, PDM_ERR_MEMORY, NULL, __func__, "%s", why);
    if (status == PDM_ERR_MEMORY)
        pdm_error_note(ctx, "not even batches of a few samples fit (training:batch is %lld)", (long long)batch);
    else if (status == PDM_OK && r.most < batch)
        pdm_error_note(
            ctx, "%s and %s a sample are wanted in all, %s are there: training:batch = %lld would fit; it is %lld",
            text_of(r.fixed).text, text_of(r.sample).text, text_of(r.available).text, (long long)r.most,
            (long long)batch);
}

pdm_status pdm_room_view(const pdm_room *r, pdm_size batch, pdm_text *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(out, "to train     %s %sfor batches of %lld, %s a sample",
                            text_of(r->fixed + (double)batch * r->sample).text, r->is_host ? "" : "of the device ",
                            (long long)batch, text_of(r->sample).text));
    if (r->available < (double)PTRDIFF_MAX)
        PDM_TRY(pdm_text_append(out, "; about %lld at a time fit in the %s that are free", (long long)r->most,
                                text_of(r->available).text));
    PDM_TRY(pdm_text_append(out, "\n"));
done:
    return status;
}
