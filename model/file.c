/* A model in a file: what is kept of it, to and from a store. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>

#include "model/model_impl.h"

/* Floats of a buffer to or from a store. */
static pdm_status store_buffer(pdm_model *m, pdm_store *s, const char *name, pdm_buffer *buffer, pdm_size n,
                               bool writing)
{
    pdm_status status = PDM_OK;
    void      *host   = NULL;
    PDM_TRY(m->problem->backend->ops->acquire(m->problem->backend, buffer, writing ? PDM_READ : PDM_WRITE, &host));
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", name, PDM_STORE_FLOAT, n, host));
done:
    status = pdm_release(m->problem->backend, status, buffer, &host);
    return status;
}

static pdm_status store_weights(pdm_model *m, pdm_store *s, const pdm_packed *packed, bool writing)
{
    pdm_status     status = PDM_OK;
    void          *host   = NULL;
    pdm_surrogate *net    = m->surrogate;
    PDM_TRY(
        m->problem->backend->ops->acquire(m->problem->backend, net->parameters, writing ? PDM_READ : PDM_WRITE, &host));
    PDM_TRY(writing ? packed_put(net, s, packed, host) : packed_get(net, s, host));
done:
    status = pdm_release(m->problem->backend, status, net->parameters, &host);
    return status;
}

/* Where the samples of the batch are on their way through the slabs. */
static pdm_status store_carried(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status         status = PDM_OK;
    const pdm_carried *c      = &m->state.carried;
    const pdm_size     n      = m->n_total * pdm_domain_n_input(m->problem->domain),
                   n_whole    = m->n_total * pdm_domain_n_input(m->whole->domain);
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "slab", PDM_STORE_INT64, m->n_total, c->slab));
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "carried", PDM_STORE_DOUBLE, n, c->input));
    if (m->march && n_whole > 0)
        PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "origin", PDM_STORE_DOUBLE, n_whole, c->origin));
done:
    return status;
}

/* Of a file that does not have it, it is not known. */
static pdm_status store_first_loss(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 1;

    if (!writing) PDM_TRY(pdm_store_length(s, "optimiser", "first_loss", &n));
    if (n < 0) m->state.first_loss = NAN;
    if (n < 0) goto done;
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "first_loss", PDM_STORE_DOUBLE, 1, &m->state.first_loss));
done:
    return status;
}

/* Of a file that does not have them, they are not known. */
static pdm_status store_solves(pdm_model *m, pdm_store *s, bool writing)
{
    pdm_status status = PDM_OK;
    double    *solves = m->state.solves;
    pdm_size   n      = 2;

    if (!writing) PDM_TRY(pdm_store_length(s, "optimiser", "solves", &n));
    if (n < 0) solves[0] = solves[1] = NAN;
    if (n < 0 || (writing && !(solves[0] > 0.0))) goto done;
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "solves", PDM_STORE_DOUBLE, 2, solves));
done:
    return status;
}

/* Moments are stored unless they are zero and not worth the space, or the edition has none. */
typedef struct moments_story {
    bool     stored;
    pdm_size since; /* the step at which they were zero */
} moments_story;

/* Files of models that training goes on from afresh (merged, compressed, ...) have no moments. */
static pdm_status store_moments(pdm_model *m, pdm_store *s, moments_story *told, bool writing)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = m->surrogate->n_parameter;
    pdm_size       length = 0, since = 0;
    int64_t        stored = told->since;

    if (!writing) {
        PDM_TRY(pdm_store_length(s, "optimiser", "adam_m", &length));
        PDM_TRY(pdm_store_length(s, "optimiser", "moments_since", &since));
        *told = (moments_story){.stored = length >= 0, .since = length >= 0 ? 0 : m->state.step};
    }
    if (!told->stored || n == 0) goto done;
    if (writing ? told->since > 0 : since >= 0)
        PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "moments_since", PDM_STORE_INT64, 1, &stored));
    if (!writing && since >= 0) told->since = stored;
    PDM_TRY(store_buffer(m, s, "adam_m", m->state.adam_m, n, writing));
    PDM_TRY(store_buffer(m, s, "adam_v", m->state.adam_v, n, writing));
done:
    return status;
}

static pdm_status store_progress(pdm_model *m, pdm_store *s, moments_story *told, bool writing)
{
    pdm_status status = PDM_OK;
    int64_t    step   = m->state.step;
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "step", PDM_STORE_INT64, 1, &step));
    PDM_TRY(pdm_store_exchange(s, writing, "optimiser", "norm_mean", PDM_STORE_DOUBLE, 1, &m->state.norm_mean));
    if (m->march || m->whole->training.slabs > 1) PDM_TRY(store_carried(m, s, writing));
    PDM_TRY(store_first_loss(m, s, writing));
    PDM_TRY(store_solves(m, s, writing));
    m->state.step = step;
    PDM_TRY(store_moments(m, s, told, writing));
    if (m->gate) PDM_TRY(pdm_gate_store(m->gate, s, told->stored, writing));
    PDM_TRY(windows_store(m, s, told->stored, writing));
    PDM_TRY(pod_store(m, s, writing));
done:
    return status;
}

/* Of a file that does not have it: none. */
static pdm_status read_history(pdm_model *m, pdm_store *s)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 0;

    PDM_TRY(pdm_store_length(s, "provenance", "history", &n));
    if (n >= 0) PDM_TRY(pdm_store_get_text(s, "provenance", "history", &m->history));
done:
    return status;
}

/* Samples of all ranks on their way through the slabs, which go into one file. */
static pdm_status gather_carried(pdm_model *m)
{
    pdm_status         status = PDM_OK;
    const pdm_carried *c      = &m->state.carried;
    const size_t       input  = (size_t)pdm_domain_n_input(m->problem->domain) * sizeof *c->input,
                 origin       = (size_t)pdm_domain_n_input(m->whole->domain) * sizeof *c->origin;

    if (pdm_model_n_slab(m) == 1) return PDM_OK;
    PDM_TRY(pdm_model_gather(m, "slabs", sizeof *c->slab, c->slab));
    PDM_TRY(pdm_model_gather(m, "states", input, c->input));
    if (m->march) PDM_TRY(pdm_model_gather(m, "origins of states", origin, c->origin));
done:
    return status;
}

static moments_story story_of(const pdm_model *m, const pdm_packed *packed)
{
    return (moments_story){.stored = !m->state.moments_empty && !packed, .since = m->state.moments_since};
}

static int format_of(const moments_story *told)
{
    return !told->stored || told->since > 0 ? PDM_MODEL_FORMAT_SPARE : PDM_MODEL_FORMAT_PLAIN;
}

/* All of it into a store that was created. */
static pdm_status put(pdm_model *m, pdm_store *s, moments_story *told, const pdm_packed *packed)
{
    pdm_status status = PDM_OK;
    char       steps[32];

    snprintf(steps, sizeof steps, "%lld", (long long)m->whole->training.steps);
    PDM_TRY(pdm_case_set_text(m->whole->the_case, "training", "steps", steps));
    PDM_TRY(pdm_store_put_case(s, m->whole->the_case));
    PDM_TRY(pdm_store_put_text(s, "provenance", "case_file", m->case_file));
    PDM_TRY(pdm_store_put_text(s, "provenance", "build", pdm_build_info()));
    if (m->history) PDM_TRY(pdm_store_put_text(s, "provenance", "history", m->history));
    PDM_TRY(pdm_problem_store_grading(&m->whole, s, true));
    PDM_TRY(boxes_store(m, s, true));
    PDM_TRY(pdm_problem_store_scales(m->whole, s, true));
    if (m->march) PDM_TRY(pdm_march_store_scales(m->march, s, true));
    PDM_TRY(store_weights(m, s, packed, true));
    PDM_TRY(store_progress(m, s, told, true));
    if (!packed) PDM_TRY(judged_store(m, s, true)); /* of weights as they are */
    if (!packed) PDM_TRY(cubature_store(m, s, true));
done:
    return status;
}

static pdm_status write(pdm_model *m, const char *path, const pdm_packed *packed)
{
    pdm_status    status = PDM_OK;
    pdm_store    *s      = NULL;
    moments_story told   = story_of(m, packed);

    PDM_TRY(pdm_store_create(m->ctx, path, "model", format_of(&told), &s));
    PDM_TRY(put(m, s, &told, packed));
    PDM_TRY(pdm_store_commit(s));
done:
    pdm_store_destroy(&s);
    return status;
}

pdm_status pdm_model_write(pdm_model *m, const char *path)
{
    pdm_status status = PDM_OK;
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, path, "the path of a file to write");
    PDM_TRY(gather_carried(m));
    if (pdm_rank(m->ctx) == 0) PDM_TRY(write(m, path, NULL));
done:
    return status;
}

pdm_status pdm_model_write_memory(pdm_model *m, pdm_bytes take, void *user)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, take, "a function for the bytes");
    moments_story told = story_of(m, NULL);
    PDM_TRY(gather_carried(m));
    if (pdm_rank(m->ctx) > 0) goto done;
    PDM_TRY(pdm_store_create_image(m->ctx, "model", format_of(&told), &s));
    PDM_TRY(put(m, s, &told, NULL));
    PDM_TRY(pdm_store_commit_image(s, take, user));
done:
    pdm_store_destroy(&s);
    return status;
}

pdm_status pdm_model_write_packed(pdm_model *m, const char *path, const pdm_packed *packed)
{
    return write(m, path, packed);
}

/* A problem of the file's case, with the file's breaks. */
static pdm_status read_problem(pdm_store *s, pdm_problem **out)
{
    pdm_status   status = PDM_OK;
    pdm_case    *c      = NULL;
    pdm_problem *p      = NULL;

    PDM_TRY(pdm_store_get_case(s, &c));
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_INPUTS, NULL, &p));
    PDM_TRY(pdm_problem_store_grading(&p, s, false));
    *out = p;
    p    = NULL;
done:
    pdm_problem_destroy(&p);
    pdm_case_destroy(&c);
    return status;
}

/* A model of what a store has. name: for messages. */
static pdm_status get(pdm_context *ctx, pdm_store *s, const char *name, pdm_model **out)
{
    pdm_status    status = PDM_OK;
    pdm_problem  *p      = NULL;
    pdm_model    *m      = NULL;
    moments_story told   = {0};

    if (pdm_store_format(s) < PDM_MODEL_FORMAT_PLAIN)
        PDM_FAIL(ctx, PDM_ERR_MODEL,
                 "%s: a model of format %d, whose weights mean something else in format %d; train anew", name,
                 pdm_store_format(s), PDM_MODEL_FORMAT_PLAIN);
    PDM_TRY(read_problem(s, &p));
    PDM_TRY(pdm_model_start(&p, &m));
    PDM_TRY(boxes_store(m, s, false));
    PDM_TRY(pdm_store_get_text(s, "provenance", "case_file", &m->case_file));
    PDM_TRY(pdm_problem_store_scales(m->whole, s, false));
    if (m->march) PDM_TRY(pdm_march_store_scales(m->march, s, false));
    PDM_TRY(pdm_model_finish(&m));
    PDM_TRY(store_weights(m, s, NULL, false));
    PDM_TRY(store_progress(m, s, &told, false));
    PDM_TRY(judged_store(m, s, false));
    PDM_TRY(cubature_store(m, s, false));
    m->state.moments_empty = !told.stored;
    m->state.moments_since = told.since;
    PDM_TRY(read_history(m, s));
    PDM_TRY(pdm_alloc_text(ctx, name, &m->file));
    pdm_store_hash(s, m->file_hash);
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    pdm_problem_destroy(&p);
    return status;
}

/* The end of a reading, on all ranks: where it failed on one there is no model on any. Destroys the store. */
static pdm_status agree(pdm_context *ctx, pdm_status status, pdm_store **s, pdm_model *m, pdm_model **out)
{
    if ((status = pdm_ranks_agree(ctx, "model from a file", status)) == PDM_OK) {
        *out = m;
        m    = NULL;
    }
    pdm_model_destroy(&m);
    pdm_store_destroy(s);
    return status;
}

pdm_status pdm_model_read(pdm_context *ctx, const char *path, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;
    pdm_model *m      = NULL;

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(ctx, path, "the path of a model");
    PDM_EXPECT_POINTER(ctx, out, "a place for the model");
    PDM_TRY(pdm_store_open(ctx, path, "model", PDM_MODEL_FORMAT_SPARE, &s));
    PDM_TRY(get(ctx, s, path, &m));
done:
    return agree(ctx, status, &s, m, out);
}

pdm_status pdm_model_read_memory(pdm_context *ctx, const void *bytes, size_t n, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;
    pdm_model *m      = NULL;

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(ctx, bytes, "the bytes of a model");
    PDM_EXPECT_POINTER(ctx, out, "a place for the model");
    PDM_TRY(pdm_store_open_image(ctx, bytes, n, "model", PDM_MODEL_FORMAT_SPARE, &s));
    PDM_TRY(get(ctx, s, "memory", &m));
done:
    return agree(ctx, status, &s, m, out);
}
