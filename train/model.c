#include "train/train.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

#define TRAINING_SETTINGS(X)                                                                                         \
    X(steps, PDM_SETTING_COUNT, 400, 0, 1e9, NULL, "1", "training steps")                                            \
    X(batch, PDM_SETTING_COUNT, 4, 1, 4096, NULL, "1", "inputs per step")                                            \
    X(slabs, PDM_SETTING_COUNT, 1, 1, 1e6, NULL, "1", "time intervals that a drawn input goes through, a step each") \
    X(seed, PDM_SETTING_COUNT, 1, 0, 1e15, NULL, "1", "of weights and inputs")                                       \
    X(checkpoint_every, PDM_SETTING_COUNT, 50, 1, 1e9, NULL, "1", "steps between checkpoints")                       \
    X(learning_rate, PDM_SETTING_REAL, 2e-3, 0.0, 1.0, NULL, "1", "of Adam, at the start")                           \
    X(final_rate, PDM_SETTING_REAL, 0.0, 0.0, 1.0, NULL, "1",                                                        \
      "learning rate at the last step, relative to the first (cosine)")                                              \
    X(warmup, PDM_SETTING_COUNT, 0, 0, 1e9, NULL, "1", "steps over which the rate rises from zero")                  \
    X(clip, PDM_SETTING_REAL, 3.0, 0.1, 1e30, NULL, "1",                                                             \
      "gradient norms are cut at this multiple of their running mean")                                               \
    X(loss, PDM_SETTING_CHOICE, 0, 0, 2, "physics|data|mix", "1",                                                    \
      "the objective itself, the misfit to given fields, or both")                                                   \
    X(data_weight, PDM_SETTING_REAL, 0.5, 0.0, 1.0, NULL, "1", "share of the misfit in loss = \"mix\"")              \
    X(tolerance, PDM_SETTING_REAL, 1e-3, 1e-14, 1e-1, NULL, "1", "of the solver in training (see solver:tolerance)") \
    X(max_iter, PDM_SETTING_COUNT, 20, 1, 10000, NULL, "1", "of the solver in training")

#define SETTING(name_, type_, fallback_, low_, high_, choices_, unit_, help_) \
    {#name_, type_, offsetof(training_settings, name_), fallback_, low_, high_, choices_, unit_, help_},
static const pdm_setting settings_table[] = {TRAINING_SETTINGS(SETTING)};
#undef SETTING
enum { N_SETTING = sizeof settings_table / sizeof *settings_table };

pdm_status training_settings_view(pdm_text *out)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_settings_view("training", settings_table, N_SETTING, out));
    PDM_TRY(pdm_text_append(out, "  %-16s  %-7s  %-16s  %s\n", "data", "none", "a file's name",
                            "samples of all inputs, and for loss = data or mix of the fields"));
done:
    return status;
}

/* ---- creation ---- */

static void batch_layout(pdm_model *m)
{
    pdm_arena *a    = &m->arena;
    m->input        = pdm_carve(a, double, m->n_batch *pdm_domain_n_input(m->domain));
    m->carried      = pdm_carve(a, double, m->n_batch *pdm_domain_n_input(m->domain));
    m->slab         = pdm_carve(a, int64_t, m->n_batch);
    m->work         = pdm_carve(a, double, pdm_domain_prepare_work(m->domain));
    m->magnitude    = pdm_carve(a, double, pdm_domain_n_field(m->domain));
    m->index        = pdm_carve(a, int32_t, m->n_batch);
    m->good         = pdm_carve(a, int32_t, m->n_batch);
    m->pick         = pdm_carve(a, int32_t, m->n_batch);
    m->result       = pdm_carve(a, pdm_solve_result, m->n_batch);
    m->weight_one   = pdm_carve(a, double, m->n_batch);
    m->weight_minus = pdm_carve(a, double, m->n_batch);
}

static pdm_status create_batch(pdm_model *m)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = m->backend;
    const pdm_rows_desc *rows   = pdm_domain_rows(m->domain);
    const size_t         n = (size_t)m->n_batch, n_coef = (size_t)pdm_domain_n_coef(m->domain),
                 c_size = n_coef * (size_t)rows->n_field;

    PDM_TRY(
        b->ops->buffer_create(b, n * (size_t)pdm_domain_n_feature(m->domain) * n_coef * sizeof(float), &m->features));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)pdm_experts_columns(m->experts)->n_channel * n_coef * sizeof(float),
                                  &m->basis));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)pdm_experts_columns(m->experts)->n_channel * n_coef * sizeof(float),
                                  &m->g_basis));
    if (pdm_experts_has_base(m->experts))
        PDM_TRY(b->ops->buffer_create(
            b, n * (size_t)pdm_experts_columns(m->experts)->n_channel * n_coef * sizeof(float), &m->base));
    PDM_TRY(b->ops->buffer_create(b, n * c_size * sizeof(double), &m->lift));
    PDM_TRY(b->ops->buffer_create(b, n * c_size * sizeof(double), &m->g_c));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)rows->n_scalar * sizeof(double), &m->data.scalar));
    PDM_TRY(b->ops->buffer_create(b, n * (size_t)rows->n_sampled * sizeof(double), &m->data.sampled));
    pdm_arena_measure(&m->arena, m->ctx);
    batch_layout(m);
    PDM_TRY(pdm_arena_allocate(&m->arena));
    batch_layout(m);
    for (pdm_size i = 0; i < m->n_batch; i++) {
        m->index[i]        = (int32_t)i;
        m->weight_one[i]   = 1.0;
        m->weight_minus[i] = -1.0;
        m->slab[i]         = 0;
    }
    for (pdm_size f = 0; f < rows->n_field; f++) m->magnitude[f] = 1.0;
done:
    return status;
}

/* Exact solutions, where the case has them, are compiled on use; here they are only checked. */
static pdm_status check_exact(pdm_model *m)
{
    pdm_status          status = PDM_OK;
    const pdm_function *f      = NULL;
    const char         *text   = NULL;
    if (!pdm_case_has_group(m->the_case, "pde/exact")) return PDM_OK;
    for (pdm_size i = 0; i < pdm_pde_n_field(m->pde); i++) {
        const char *name = pdm_pde_field_name(m->pde, i);
        PDM_TRY(pdm_case_text(m->the_case, "pde/exact", name, NULL, &text));
        PDM_TRY(pdm_pde_compile(m->pde, text, pdm_case_where(m->the_case, "pde/exact", name), false, &f));
    }
done:
    return status;
}

/* A group that is misspelt is told as such, not as the absence of what is in it. */
static pdm_status check_groups(pdm_case *c)
{
    static const char *const known[] = {"pde",       "inputs", "domain",   "experts",
                                        "surrogate", "solver", "training", "gate"};
    if (!pdm_case_has_group(c, "pde") || !pdm_case_has_group(c, "domain")) return PDM_OK; /* required: told better */
    return pdm_case_check_groups(c, known, sizeof known / sizeof *known);
}

/* What ties values all over space has no meaning for an expert by itself; and a gate learns what columns are worth from the
 * matrix of all experts. */
static pdm_status check_mode(const pdm_model *m)
{
    pdm_status      status = PDM_OK;
    const pdm_where at     = pdm_case_where(m->the_case, "solver", "mode");
    if (m->solver_settings.mode == PDM_MODE_INDEPENDENT && pdm_pde_n_constraint(m->pde) > 0)
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &at,
                    "\"independent\": the integrals in /pde/constraints tie all experts; coupled or schwarz expected");
    const char *partition = NULL;
    PDM_TRY(pdm_case_text(m->the_case, "experts", "partition", "hard", &partition));
    if (m->solver_settings.mode == PDM_MODE_INDEPENDENT && strcmp(partition, "learned") == 0)
        PDM_FAIL_AT(
            m->ctx, PDM_ERR_CASE, &at,
            "\"independent\": experts by themselves do not see the windows that experts:partition = \"learned\" is "
            "to learn; coupled or schwarz, or another partition expected");
    if (m->solver_settings.mode != PDM_MODE_COUPLED && pdm_case_has_group(m->the_case, "gate"))
        PDM_FAIL_AT(m->ctx, PDM_ERR_CASE, &at, "\"%s\": the gate in /gate wants all experts together; coupled expected",
                    pdm_mode_name(m->solver_settings.mode));
done:
    return status;
}

/* Everything that follows from the case; scales are found by the caller or read from a file. */
static pdm_status create_parts(pdm_model *m, const pdm_grading *grading)
{
    pdm_status status = PDM_OK;

    PDM_TRY(check_groups(m->the_case));
    PDM_TRY(pdm_case_settings(m->the_case, "training", settings_table, N_SETTING, &m->training));
    PDM_TRY(pdm_solver_settings_read(m->the_case, &m->solver_settings));
    PDM_TRY(pdm_pde_create(m->ctx, m->the_case, &m->pde));
    PDM_TRY(check_mode(m));
    PDM_TRY(pdm_domain_create(m->ctx, m->the_case, m->pde, grading, &m->domain));
    PDM_TRY(pdm_experts_create(m->ctx, m->the_case, m->domain, NULL, &m->experts));
    if (m->solver_settings.mode == PDM_MODE_INDEPENDENT && pdm_experts_has_base(m->experts)) {
        const pdm_where at = pdm_case_where(m->the_case, "solver", "mode");
        PDM_FAIL_AT(
            m->ctx, PDM_ERR_CASE, &at,
            "\"independent\": Taylor columns (experts:prior) end with their expert's box; coupled or schwarz, or "
            "another prior expected");
    }
    PDM_TRY(check_exact(m));
    PDM_TRY(sources_create(m));
    m->n_batch = m->training.batch;
    PDM_TRY(pdm_backend_create(m->ctx, "cpu", &m->backend));
    PDM_TRY(create_batch(m));
    if (m->training.slabs > 1) PDM_TRY(rollout_check(m));
done:
    return status;
}

pdm_status model_network(pdm_model *m)
{
    pdm_status          status = PDM_OK;
    pdm_surrogate_shape shape  = {.n_dim     = pdm_domain_n_dim(m->domain),
                                  .n_feature = pdm_domain_n_feature(m->domain),
                                  .n_channel = pdm_experts_columns(m->experts)->n_channel,
                                  .n_sample  = m->n_batch};
    for (pdm_size j = 0; j < shape.n_dim; j++) {
        shape.n_coef[j]   = pdm_domain_spline(m->domain, j)->n_coef;
        shape.periodic[j] = pdm_domain_spline(m->domain, j)->periodic;
    }
    for (pdm_size f = 0; f < pdm_domain_n_field(m->domain); f++) pdm_experts_set_scale(m->experts, f, m->magnitude[f]);
    PDM_TRY(pdm_surrogate_create(m->ctx, m->backend, m->the_case, &shape, (uint64_t)m->training.seed, &m->surrogate));
    PDM_TRY(pdm_solver_create(m->ctx, m->backend, &m->solver_settings, m->domain, m->experts, m->n_batch, &m->solver));
    PDM_TRY(pdm_implicit_create(m->ctx, m->backend, m->solver, fmin(1e-2 * m->training.tolerance, 1e-6), &m->implicit));
    PDM_TRY(gating_create(m));
    PDM_TRY(partition_create(m));
    PDM_TRY(optimiser_create(m));
    PDM_TRY(pdm_case_check_unread(m->the_case));
done:
    return status;
}

pdm_status model_start(pdm_case *c, const pdm_grading *grading, pdm_model **out)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = pdm_case_context(c);
    pdm_model   *m      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *m, &m));
    m->ctx = ctx;
    PDM_TRY(pdm_case_copy(c, &m->the_case));
    PDM_TRY(create_parts(m, grading));
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    return status;
}

pdm_status model_regrade(pdm_model **m, const pdm_grading *grading)
{
    pdm_status status = PDM_OK;
    pdm_model *again  = NULL;
    bool       any    = false;

    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) any = any || grading->interior[j];
    if (!any) return PDM_OK;
    PDM_TRY(model_start((*m)->the_case, grading, &again));
    pdm_model_destroy(m);
    *m = again;
done:
    return status;
}

pdm_status model_ground(pdm_case *c, pdm_model **out)
{
    pdm_status  status  = PDM_OK;
    pdm_model  *m       = NULL;
    pdm_grading grading = {{NULL}};
    int64_t    *bounds  = NULL;

    PDM_TRY(model_start(c, NULL, &m));
    PDM_TRY(grading_find(m, &grading));
    PDM_TRY(model_regrade(&m, &grading));
    PDM_TRY(boxes_find(m, &bounds));
    PDM_TRY(boxes_set(m, bounds));
    PDM_TRY(pdm_alloc_text(m->ctx, pdm_case_path(c), &m->case_file));
    PDM_TRY(sources_read(m));
    sources_scale(m);
    PDM_TRY(scales_find(m));
    *out = m;
    m    = NULL;
done:
    grading_destroy(pdm_case_context(c), &grading);
    pdm_free(pdm_case_context(c), bounds);
    pdm_model_destroy(&m);
    return status;
}

pdm_status pdm_model_create(pdm_case *c, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;

    if (!c || !out) return PDM_ERR_ARGUMENT;
    PDM_TRY(model_ground(c, &m));
    PDM_TRY(model_network(m));
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    return status;
}

void pdm_model_destroy(pdm_model **model)
{
    if (!model || !*model) return;
    pdm_model   *m = *model;
    pdm_backend *b = m->backend;
    output_destroy(m);
    rollout_destroy(m);
    sources_destroy(m);
    gating_destroy(m);
    pdm_implicit_destroy(&m->implicit);
    pdm_solver_destroy(&m->solver);
    pdm_solver_destroy(&m->polisher);
    pdm_experts_destroy(&m->free_experts);
    pdm_surrogate_destroy(&m->surrogate);
    if (b) {
        pdm_buffer **buffer[] = {&m->features, &m->basis,       &m->g_basis,      &m->lift,   &m->g_c,    &m->base,
                                 &m->misfit,   &m->data.scalar, &m->data.sampled, &m->adam_m, &m->adam_v, &m->g_window};
        for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++) b->ops->buffer_destroy(b, buffer[i]);
    }
    pdm_arena_destroy(&m->arena);
    pdm_backend_destroy(&m->backend);
    pdm_experts_destroy(&m->experts);
    pdm_domain_destroy(&m->domain);
    pdm_pde_destroy(&m->pde);
    pdm_case_destroy(&m->the_case);
    pdm_free(m->ctx, m->case_file);
    pdm_free(m->ctx, m->history);
    pdm_free(m->ctx, m->file);
    pdm_free(m->ctx, m);
    *model = NULL;
}

/* ---- settings that may change, history, values ---- */

/* Hash of the case without what may change between runs, and without settings that are at the model's defaults. */
static pdm_status case_identity(const pdm_model *m, pdm_case *c, char out[33])
{
    pdm_status status = PDM_OK;
    pdm_case  *copy   = NULL;
    PDM_TRY(pdm_case_copy(c, &copy));
    PDM_TRY(pdm_case_remove(copy, "training", "steps"));
    PDM_TRY(pdm_case_remove(copy, "training", "checkpoint_every"));
    PDM_TRY(pdm_case_drop_defaults(copy, m->the_case));
    PDM_TRY(pdm_case_hash(copy, out));
done:
    pdm_case_destroy(&copy);
    return status;
}

pdm_status pdm_model_check_case(const pdm_model *m, pdm_case *c)
{
    pdm_status status = PDM_OK;
    char       mine[33], theirs[33];
    if (!m || !c) return PDM_ERR_ARGUMENT;
    PDM_TRY(case_identity(m, m->the_case, mine));
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
    pdm_status        status = PDM_OK;
    training_settings changed;
    if (!m || !name || !value) return PDM_ERR_ARGUMENT;
    if (strcmp(name, "steps") != 0 && strcmp(name, "checkpoint_every") != 0)
        PDM_FAIL(m->ctx, PDM_ERR_CASE,
                 "training:%s cannot change once a model exists; steps or checkpoint_every expected", name);
    PDM_TRY(pdm_case_set_text(m->the_case, "training", name, value));
    PDM_TRY(pdm_case_settings(m->the_case, "training", settings_table, N_SETTING, &changed));
    m->training = changed;
done:
    return status;
}

pdm_solver_settings model_free_settings(const pdm_model *m, double tolerance, pdm_size max_iter)
{
    pdm_solver_settings s = m->solver_settings;
    s.mode                = PDM_MODE_COUPLED;
    s.ridge               = 0.0;
    s.tolerance           = tolerance;
    s.max_iter            = max_iter;
    return s;
}

pdm_status model_remember(pdm_model *m, const char *format, ...)
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

void model_set_value(pdm_model *m, const char *name, double value)
{
    for (pdm_size i = 0; i < m->n_value; i++)
        if (strcmp(m->value[i].name, name) == 0) {
            m->value[i].value = value;
            return;
        }
    if (m->n_value == N_VALUE) return;
    snprintf(m->value[m->n_value].name, sizeof m->value->name, "%s", name);
    m->value[m->n_value++].value = value;
}

double pdm_model_value(const pdm_model *m, const char *name)
{
    for (pdm_size i = 0; m && name && i < m->n_value; i++)
        if (strcmp(m->value[i].name, name) == 0) return m->value[i].value;
    return NAN;
}

pdm_status pdm_model_case(const pdm_model *m, pdm_case **out)
{
    return m && out ? pdm_case_copy(m->the_case, out) : PDM_ERR_ARGUMENT;
}

pdm_size pdm_model_step(const pdm_model *m)
{
    return m->step;
}
pdm_size pdm_model_steps(const pdm_model *m)
{
    return m->training.steps;
}
pdm_size pdm_model_n_input(const pdm_model *m)
{
    return pdm_domain_n_input(m->domain);
}
pdm_size pdm_model_n_field(const pdm_model *m)
{
    return pdm_domain_n_field(m->domain);
}
pdm_backend *pdm_model_backend(pdm_model *m)
{
    return m->backend;
}
pdm_solver *pdm_model_solver(pdm_model *m)
{
    return m->solver;
}
pdm_surrogate *pdm_model_surrogate(pdm_model *m)
{
    return m->surrogate;
}
const pdm_domain *pdm_model_domain(const pdm_model *m)
{
    return m->domain;
}
