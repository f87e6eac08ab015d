/* A model, from its problem to the parts that answer it. */
#include "model/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/model_impl.h"

/* ---- creation ---- */

/* What ties values all over space has no meaning for an expert by itself; and a gate learns what columns are worth from
 * the matrix of all experts. */
static pdm_status check_mode(const pdm_model *m)
{
    pdm_status      status = PDM_OK;
    const pdm_where at     = pdm_case_where(m->whole->the_case, "solver", "mode");
    if (m->whole->solving.mode == PDM_MODE_INDEPENDENT && pdm_pde_n_constraint(m->problem->pde) > 0)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &at,
                    "\"independent\": the integrals in /pde/constraints tie all experts; coupled or schwarz expected");
    const char *partition = NULL;
    PDM_TRY(pdm_case_text(m->whole->the_case, "experts", "partition", "hard", &partition));
    if (m->whole->solving.mode == PDM_MODE_INDEPENDENT && strcmp(partition, "learned") == 0)
        PDM_FAIL_AT(
            m->ctx, PDM_ERR_CASE, &at,
            "\"independent\": experts by themselves do not see the windows that experts:partition = \"learned\" is "
            "to learn; coupled or schwarz, or another partition expected");
    if (m->whole->solving.mode != PDM_MODE_COUPLED && pdm_case_has_group(m->whole->the_case, "gate"))
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &at, "\"%s\": the gate in /gate wants all experts together; coupled expected",
                    pdm_mode_name(m->whole->solving.mode));
done:
    return status;
}

/* What few rows cannot stand for; NULL: nothing. */
static const char *needs_all_rows(const pdm_model *m)
{
    const pdm_rows_desc *rows = pdm_domain_rows(m->problem->domain);
    if (rows->n_pyramid > 0) return "rows count as sums, too (domain:levels)";
    if (rows->n_derived > 0) return "a field is not local";
    if (pdm_case_has_group(m->whole->the_case, "gate")) return "a gate chooses columns";
    if (pdm_experts_pod(m->experts).n == 0) return "columns are not those of all inputs (experts:prior = \"pod\")";
    return m->whole->solving.mode != PDM_MODE_COUPLED ? "experts are not solved together (solver:mode)" : NULL;
}

static pdm_status check_rows(const pdm_model *m)
{
    pdm_status      status = PDM_OK;
    const pdm_where at     = pdm_case_where(m->whole->the_case, "solver", "rows");
    const char     *why    = needs_all_rows(m);
    if (m->whole->solving.rows == PDM_ROWS_FEW && why)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &at, "\"few\", but %s; all expected", why);
done:
    return status;
}

/* What learns from solutions, or is made of them. */
static pdm_status check_solutions(const pdm_model *m)
{
    pdm_status      status = PDM_OK;
    const bool      alone = m->whole->solving.mode == PDM_MODE_INDEPENDENT, guess = pdm_experts_guess(m->experts);
    const pdm_where steps = pdm_case_where(m->whole->the_case, "training", "guess_steps"),
                    mode  = pdm_case_where(m->whole->the_case, "solver", "mode");
    if (alone && pdm_experts_pod(m->experts).n > 0)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &mode,
                    "\"independent\": columns from solutions (experts:prior = \"pod\") end with their expert's box; "
                    "coupled or schwarz, or another prior expected");
    if (alone && guess)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &mode,
                    "\"independent\": experts by themselves do not learn what to correct together "
                    "(experts:guess = \"network\"); coupled or schwarz, or no guess expected");
    if (m->whole->training.guess_steps > 0 && !guess)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &steps,
                    "%lld steps for a guess that is not there; experts:guess = \"network\", or 0 steps, expected",
                    (long long)m->whole->training.guess_steps);
done:
    return status;
}

static pdm_status create_experts(pdm_model *m)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->whole;

    pdm_experts_destroy(&m->experts);
    PDM_TRY(pdm_experts_create(m->ctx, p->the_case, m->problem->domain, NULL, &m->experts));
    if (p->solving.mode == PDM_MODE_INDEPENDENT && pdm_experts_has_base(m->experts)) {
        const pdm_where at = pdm_case_where(p->the_case, "solver", "mode");
        PDM_FAIL_AT(
            m->ctx, PDM_ERR_CASE, &at,
            "\"independent\": Taylor columns (experts:prior) end with their expert's box; coupled or schwarz, or "
            "another prior expected");
    }
done:
    return status;
}

/* After the whole has become another problem than `before`. */
static pdm_status follow_whole(pdm_model *m, const pdm_problem *before)
{
    pdm_status status = PDM_OK;
    if (m->whole == before) goto done;
    pdm_experts_destroy(&m->experts);
    pdm_march_destroy(&m->march);
    PDM_TRY(model_create_march(m));
    PDM_TRY(create_experts(m));
done:
    return status;
}

/* What a sample takes at the least: rows, their linearisation and its products, coefficients. */
static double bytes_of_sample(const pdm_model *m)
{
    const pdm_rows_desc *rows = pdm_domain_rows(m->problem->domain);
    double               seen = (double)pdm_rows_n_seen(rows);

    for (pdm_size j = 0; j < rows->n_dim; j++) seen *= (double)(rows->degree[j] + 1);
    return sizeof(double) *
           ((double)rows->n_row * (seen + 4.0) + 8.0 * (double)(rows->n_field * pdm_domain_n_coef(m->problem->domain)));
}

/* As many samples at a time as there is memory for, before it is taken; fails where not even the fewest fit. */
static pdm_status fit_batch(pdm_model *m)
{
    pdm_status   status = PDM_OK;
    const double sample = bytes_of_sample(m);
    pdm_memory   now;

    PDM_TRY(pdm_backend_memory(m->problem->backend, &now));
    while ((double)m->n_batch * sample > now.available && pdm_model_halve(m)) continue;
    if ((double)m->n_batch * sample > now.available) {
        const pdm_where where = pdm_case_where(m->whole->the_case, "training", "batch");
        PDM_FAIL_AT(
            m->ctx, PDM_ERR_MEMORY, &where,
            "%lld of %lld samples at a time need %.3g GB or more, %.3g GB a sample; %.3g GB %sare free. %.0f samples "
            "at most, or fewer control points, expected",
            (long long)m->n_batch, (long long)m->n_total, (double)m->n_batch * sample / 1e9, sample / 1e9,
            now.available / 1e9, now.is_host ? "" : "of the device ", floor(now.available / sample));
    }
done:
    return status;
}

/* Room for all of this rank's samples, and for one chunk, which a rank without samples of a step may need too. */
static void share_out(pdm_model *m)
{
    m->n_total = m->whole->training.batch;
    m->own     = pdm_model_share(m, pdm_rank(m->ctx));
    m->first   = m->own.first;
    m->n_batch = m->n_now = m->own.n > pdm_model_chunk(m) ? m->own.n : pdm_model_chunk(m);
}

/* What is not for several ranks. */
static pdm_status check_ranks(const pdm_model *m)
{
    pdm_status status = PDM_OK;

    if (pdm_n_rank(m->ctx) == 1 || !pdm_case_has_group(m->whole->the_case, "gate")) return PDM_OK;
    const pdm_where gate = pdm_case_where(m->whole->the_case, "gate", NULL);
    PDM_FAIL_AT(m->ctx, PDM_ERR_UNSUPPORTED, &gate,
                "a gate weighs all samples of a step against each other, which several ranks (%lld here) do not do yet",
                (long long)pdm_n_rank(m->ctx));
done:
    return status;
}

pdm_status pdm_model_start(pdm_problem **p, pdm_model **out)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = (*p)->ctx;
    pdm_model   *m      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *m, &m));
    m->ctx   = ctx;
    m->whole = *p;
    *p       = NULL;
    share_out(m);
    PDM_TRY(model_create_march(m));
    PDM_TRY(fit_batch(m));
    PDM_TRY(check_ranks(m));
    PDM_TRY(check_mode(m));
    PDM_TRY(create_experts(m));
    PDM_TRY(check_solutions(m));
    PDM_TRY(check_rows(m));
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    return status;
}

static void carried_layout(pdm_model *m, pdm_carried *c)
{
    pdm_arena *a = &m->arena;
    c->input     = pdm_carve(a, double, m->n_total *pdm_domain_n_input(m->problem->domain));
    c->origin    = m->march ? pdm_carve(a, double, m->n_total *pdm_domain_n_input(m->whole->domain)) : NULL;
    c->slab      = pdm_carve(a, int64_t, m->n_total);
}

static void batch_layout(pdm_model *m)
{
    pdm_arena     *a       = &m->arena;
    const pdm_size n_whole = pdm_domain_n_input(m->whole->domain);
    carried_layout(m, &m->state.carried);
    carried_layout(m, &m->state.coming);
    m->drawn     = pdm_carve(a, double, m->n_batch *n_whole);
    m->good      = pdm_carve(a, int32_t, m->n_batch);
    m->pick      = pdm_carve(a, int32_t, m->n_batch);
    m->least     = pdm_carve(a, double, m->n_batch);
    m->objective = pdm_carve(a, double, m->n_batch);
    m->weight    = pdm_carve(a, double, m->n_batch);
    m->misfit_of = pdm_carve(a, double, m->n_batch);
    m->result    = pdm_carve(a, pdm_solve_result, m->n_batch);
}

static pdm_status create_batch(pdm_model *m)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *p      = m->problem;
    pdm_backend       *b      = p->backend;
    const size_t       n = (size_t)m->n_batch, n_coef = (size_t)pdm_domain_n_coef(p->domain),
                 n_feature = (size_t)pdm_domain_n_feature(p->domain), n_field = (size_t)pdm_domain_n_field(p->domain),
                 channels = n * (size_t)pdm_experts_columns(m->experts)->n_channel * n_coef * sizeof(float);

    PDM_TRY(pdm_samples_create(p, m->n_batch, &m->samples));
    PDM_TRY(b->ops->buffer_create(b, n * n_feature * n_coef * sizeof(float), &m->features));
    PDM_TRY(b->ops->buffer_create(b, channels, &m->basis));
    PDM_TRY(b->ops->buffer_create(b, channels, &m->g_basis));
    if (pdm_experts_has_base(m->experts)) PDM_TRY(b->ops->buffer_create(b, channels, &m->base));
    PDM_TRY(b->ops->buffer_create(b, n * n_field * n_coef * sizeof(double), &m->g_c));
    pdm_arena_measure(&m->arena, m->ctx);
    batch_layout(m);
    PDM_TRY(pdm_arena_allocate(&m->arena));
    batch_layout(m);
    for (pdm_size i = 0; i < m->n_total; i++) m->state.carried.slab[i] = 0;
done:
    return status;
}

static pdm_status create_network(pdm_model *m)
{
    const pdm_problem  *p     = m->problem;
    pdm_surrogate_shape shape = {.n_dim     = pdm_domain_n_dim(p->domain),
                                 .n_feature = pdm_domain_n_feature(p->domain),
                                 .n_channel = pdm_experts_columns(m->experts)->n_channel,
                                 .n_sample  = m->n_batch};
    for (pdm_size j = 0; j < shape.n_dim; j++) {
        shape.n_coef[j]   = pdm_domain_spline(p->domain, j)->n_coef;
        shape.periodic[j] = pdm_domain_spline(p->domain, j)->periodic;
    }
    return pdm_surrogate_create(m->ctx, p->backend, m->whole->the_case, &shape, (uint64_t)m->whole->training.seed,
                                &m->surrogate);
}

/* Moments of Adam, all zero, and room for the sum of gradients. */
static pdm_status create_moments(pdm_model *m)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b      = m->problem->backend;
    const size_t bytes  = (size_t)m->surrogate->n_parameter * sizeof(float);
    PDM_TRY(b->ops->buffer_create(b, bytes, &m->state.adam_m));
    PDM_TRY(b->ops->buffer_create(b, bytes, &m->state.adam_v));
    PDM_TRY(b->ops->buffer_create(b, 2 * bytes, &m->g_sum));
done:
    return status;
}

/* Without weights no step changes anything, so there are none. */
static void settle_steps(pdm_model *m)
{
    pdm_training_settings *t = &m->whole->training;

    if (m->surrogate->n_parameter > 0 || m->gate || m->g_window || t->steps == 0) return;
    if (pdm_case_has(m->whole->the_case, "training", "steps"))
        pdm_log(m->ctx, PDM_LOG_WARNING, "model",
                "training:steps = %lld, but there is nothing to train: no network, gate or window has weights",
                (long long)t->steps);
    t->steps = 0;
}

static const double WORTH_HALVING = 32e6; /* bytes of a batch: with less, something else has the memory */

pdm_status model_make_parts(pdm_model *m)
{
    pdm_status         status    = PDM_OK;
    const pdm_problem *p         = m->problem;
    const double       tolerance = fmin(1e-2 * m->whole->training.tolerance, 1e-6); /* of the adjoint */

    PDM_TRY(create_batch(m));
    PDM_TRY(create_network(m));
    PDM_TRY(pdm_solver_create(m->ctx, p->backend, &m->whole->solving, p->domain, m->experts, m->n_batch, &m->solver));
    PDM_TRY(pdm_implicit_create(m->ctx, p->backend, m->solver, tolerance, &m->implicit));
    PDM_TRY(pdm_model_create_gate(m));
    PDM_TRY(pdm_model_create_windows(m));
    PDM_TRY(create_moments(m));
done:
    return status;
}

static void destroy_buffers(pdm_model *m)
{
    pdm_backend *b        = (m->march ? m->march->slab : m->whole)->backend;
    pdm_buffer **buffer[] = {&m->features,     &m->basis,        &m->g_basis,       &m->g_c,
                             &m->base,         &m->g_window,     &m->g_ridge,       &m->column_worth,
                             &m->state.adam_m, &m->state.adam_v, &m->misfit.values, &m->g_sum};
    for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++) b->ops->buffer_destroy(b, buffer[i]);
    b->ops->points_destroy(b, &m->misfit.plan);
    pdm_point_grid_destroy(&m->misfit.grid);
}

/* In the reverse of their order: what is lent goes last. */
static void destroy_stages(pdm_model *m)
{
    pdm_gate_destroy(&m->gate);
    pdm_implicit_destroy(&m->implicit);
    pdm_solver_destroy(&m->solver);
    pdm_surrogate_destroy(&m->surrogate);
    pdm_samples_destroy(&m->samples);
    destroy_buffers(m);
    pdm_arena_destroy(&m->arena);
}

pdm_status pdm_model_finish(pdm_model **model)
{
    pdm_status     status = PDM_OK;
    pdm_model     *m      = *model;
    const pdm_size before = m->own.n;

    for (pdm_size f = 0; f < pdm_domain_n_field(m->problem->domain); f++)
        pdm_experts_set_scale(m->experts, f, m->problem->magnitude[f]);
    while ((status = model_make_parts(m)) == PDM_ERR_MEMORY &&
           (double)m->n_batch * bytes_of_sample(m) > WORTH_HALVING && pdm_model_halve(m))
        destroy_stages(m);
    if (status == PDM_ERR_MEMORY && pdm_n_rank(m->ctx) == 1) room_tell(model);
    PDM_TRY(status);
    if (m->n_batch < before)
        pdm_log(m->ctx, PDM_LOG_WARNING, "model",
                "%lld samples of a step are worked on %lld at a time: there is no memory for more", (long long)before,
                (long long)m->n_batch);
    settle_steps(m);
    PDM_TRY(pdm_case_check_unread(m->whole->the_case));
done:
    return status;
}

/* Breaks and scales by solves; march and experts anew where breaks make another domain. */
static pdm_status complete_problem(pdm_model *m)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *before = m->whole;
    PDM_TRY(pdm_problem_complete(&m->whole));
    PDM_TRY(follow_whole(m, before));
    if (m->march) PDM_TRY(pdm_march_find_scales(m->march));
done:
    return status;
}

pdm_status pdm_model_regrade(pdm_model *m, const pdm_grading *grading)
{
    pdm_status         status = PDM_OK;
    const pdm_problem *before = m->whole;
    PDM_TRY(pdm_problem_regrade(&m->whole, grading));
    PDM_TRY(follow_whole(m, before));
done:
    return status;
}

pdm_status pdm_model_take_knots(pdm_model *m, const pdm_model *from)
{
    pdm_grading lent;

    pdm_grading_lend(m->whole, from->whole, &lent);
    return pdm_model_regrade(m, &lent);
}

pdm_status pdm_model_create(pdm_case *c, pdm_model **out)
{
    pdm_status   status = PDM_OK;
    pdm_problem *p      = NULL;
    pdm_model   *m      = NULL;
    int64_t     *bounds = NULL;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(pdm_case_context(c), out, "a place for the model");
    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_INPUTS, NULL, &p));
    PDM_TRY(pdm_model_start(&p, &m));
    PDM_TRY(complete_problem(m));
    PDM_TRY(pdm_model_find_boxes(m, &bounds));
    PDM_TRY(pdm_model_set_boxes(m, bounds));
    PDM_TRY(pdm_alloc_text(m->ctx, pdm_case_path(c), &m->case_file));
    PDM_TRY(pdm_model_finish(&m));
done:
    if ((status = pdm_ranks_agree(pdm_case_context(c), "new model", status)) == PDM_OK) {
        *out = m;
        m    = NULL;
    }
    pdm_free(pdm_case_context(c), bounds);
    pdm_model_destroy(&m);
    pdm_problem_destroy(&p);
    return status;
}

/* In the reverse of the order of creation: what is lent goes last. */
void model_empty(pdm_model *m)
{
    if (m->host) m->host_destroy(m);
    pdm_pool_destroy(&m->pool);
    pdm_cubature_destroy(&m->cubature);
    pdm_output_grid_destroy(&m->output);
    pdm_slab_end_destroy(&m->end);
    pdm_free_solver_destroy(&m->free);
    destroy_stages(m);
}

void pdm_model_destroy(pdm_model **model)
{
    if (!model || !*model) return;
    pdm_model *m = *model;
    model_empty(m);
    pdm_experts_destroy(&m->experts);
    pdm_march_destroy(&m->march);
    pdm_problem_destroy(&m->whole);
    pdm_values_destroy(m->ctx, &m->values);
    pdm_free(m->ctx, m->case_file);
    pdm_free(m->ctx, m->history);
    pdm_free(m->ctx, m->file);
    pdm_free(m->ctx, m);
    *model = NULL;
}

/* ---- what is made on first use ---- */

static const double POLISH_TOLERANCE = 1e-8; /* until a caller sets one */

pdm_status pdm_model_free_solver(pdm_model *m, pdm_free_solver **out)
{
    pdm_status status = PDM_OK;
    if (!m->free)
        PDM_TRY(pdm_free_solver_create(m->problem, m->n_batch, POLISH_TOLERANCE, PDM_POLISH_ITERATIONS, &m->free));
    *out = m->free;
done:
    return status;
}

pdm_status pdm_model_slab_end(pdm_model *m, pdm_slab_end **out)
{
    pdm_status status = PDM_OK;
    if (!m->end) PDM_TRY(pdm_slab_end_create(m->problem, m->n_batch, &m->end));
    *out = m->end;
done:
    return status;
}

/* ---- settings that may change, history, names ---- */

/* Hash of the case without what may change between runs, and without settings that are at the model's defaults. */
static pdm_status case_identity(const pdm_model *m, pdm_case *c, char out[33])
{
    pdm_status status = PDM_OK;
    pdm_case  *copy   = NULL;
    PDM_TRY(pdm_case_copy(c, &copy));
    PDM_TRY(pdm_case_remove(copy, "training", "steps"));
    PDM_TRY(pdm_case_remove(copy, "training", "checkpoint_every"));
    PDM_TRY(pdm_case_remove(copy, "solver", "backend"));
    PDM_TRY(pdm_case_remove(copy, "domain/t", "slabs"));
    PDM_TRY(pdm_case_drop_defaults(copy, m->whole->the_case));
    PDM_TRY(pdm_case_hash(copy, out));
done:
    pdm_case_destroy(&copy);
    return status;
}

pdm_status pdm_model_check_case(const pdm_model *m, pdm_case *c)
{
    pdm_status status = PDM_OK;
    char       mine[33], theirs[33];
    PDM_EXPECT_POINTER(c ? pdm_case_context(c) : NULL, m, "a model");
    PDM_EXPECT_POINTER(m->ctx, c, "a case");
    PDM_TRY(case_identity(m, m->whole->the_case, mine));
    PDM_TRY(case_identity(m, c, theirs));
    if (strcmp(mine, theirs) != 0)
        PDM_FAIL(m->ctx, PDM_ERR_MODEL,
                 "the model was made from another case than %s (only training:steps and training:checkpoint_every may "
                 "differ)",
                 pdm_case_path(c));
done:
    return status;
}

pdm_status pdm_model_set_training(pdm_model *m, const char *name, const char *value)
{
    pdm_status            status = PDM_OK;
    pdm_case             *trial  = NULL;
    pdm_training_settings changed;
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, name, "the name of a setting");
    PDM_EXPECT_POINTER(m->ctx, value, "the value of a setting, as text,");
    if (strcmp(name, "steps") != 0 && strcmp(name, "checkpoint_every") != 0)
        PDM_FAIL(m->ctx, PDM_ERR_CASE,
                 "training:%s cannot change once a model exists; steps or checkpoint_every expected", name);
    PDM_TRY(pdm_case_copy(m->whole->the_case, &trial));
    PDM_TRY(pdm_case_set_text(trial, "training", name, value));
    PDM_TRY(pdm_training_settings_read(trial, &changed));
    PDM_TRY(pdm_case_set_text(m->whole->the_case, "training", name, value));
    m->whole->training = changed;
done:
    pdm_case_destroy(&trial);
    return status;
}

pdm_status pdm_model_remember(pdm_model *m, const char *format, ...)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = m->ctx};
    char       line[1024];
    char      *kept = NULL;
    va_list    arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    PDM_TRY(pdm_text_append(&text, "%s%s\n", m->history ? m->history : "", line));
    PDM_TRY(pdm_alloc_text(m->ctx, text.data, &kept));
    pdm_free(m->ctx, m->history);
    m->history = kept;
done:
    pdm_text_destroy(&text);
    return status;
}

const char *pdm_model_name(const pdm_model *m)
{
    return m->file ? m->file : "a model";
}

/* ---- what the public header asks ---- */

double pdm_model_value(const pdm_model *m, const char *name)
{
    return m && name ? pdm_values_get(&m->values, name) : NAN;
}

pdm_status pdm_model_case(const pdm_model *m, pdm_case **out)
{
    if (!m) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(m->ctx, out, "a place for the case");
    return pdm_case_copy(m->whole->the_case, out);
}

pdm_size pdm_model_step(const pdm_model *m)
{
    return m ? m->state.step : 0;
}

pdm_size pdm_model_steps(const pdm_model *m)
{
    return m ? m->whole->training.steps : 0;
}

pdm_size pdm_model_n_input(const pdm_model *m)
{
    return m ? pdm_domain_n_input(m->whole->domain) : 0;
}

pdm_size pdm_model_n_field(const pdm_model *m)
{
    return m ? pdm_domain_n_field(m->whole->domain) : 0;
}
