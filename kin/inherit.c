/* A model of one case from the weights of a model of another: what has to agree, and what comes along. */
#include "kin/kin.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kin/kin_impl.h"

#define NOTE_SIZE 512

static void differs(char note[NOTE_SIZE], const char *format, ...) PDM_PRINTF(2, 3);

static void differs(char note[NOTE_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, NOTE_SIZE, format, arguments);
    va_end(arguments);
}

/* Each of these has a say in what the weights mean. They return false with the difference in words: a against b. */

static pdm_size count_slabs(const pdm_model *m)
{
    return m->march ? m->march->n_slab : 1;
}

static bool marches_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    if (count_slabs(a) == count_slabs(b)) return true;
    differs(note, "/experts:slabs: %lld against %lld", (long long)count_slabs(a), (long long)count_slabs(b));
    return false;
}

static bool names_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    const pdm_pde *p = a->problem->pde, *q = b->problem->pde;

    if (pdm_pde_n_field(p) != pdm_pde_n_field(q) || pdm_pde_n_input(p) != pdm_pde_n_input(q)) {
        differs(note, "%lld fields and %lld inputs against %lld and %lld", (long long)pdm_pde_n_field(p),
                (long long)pdm_pde_n_input(p), (long long)pdm_pde_n_field(q), (long long)pdm_pde_n_input(q));
        return false;
    }
    for (pdm_size i = 0; i < pdm_pde_n_field(p); i++)
        if (strcmp(pdm_pde_field_name(p, i), pdm_pde_field_name(q, i)) != 0) {
            differs(note, "/pde:fields, number %lld: \"%s\" against \"%s\"", (long long)i, pdm_pde_field_name(p, i),
                    pdm_pde_field_name(q, i));
            return false;
        }
    for (pdm_size i = 0; i < pdm_pde_n_input(p); i++) {
        const pdm_input_info *x = pdm_pde_input(p, i), *y = pdm_pde_input(q, i);
        if (strcmp(x->name, y->name) != 0 || x->n_dim != y->n_dim ||
            memcmp(x->dim, y->dim, (size_t)x->n_dim * sizeof *x->dim) != 0 ||
            pdm_domain_input_on_cells(a->problem->domain, i) != pdm_domain_input_on_cells(b->problem->domain, i)) {
            differs(note, "/inputs, number %lld: \"%s\" against \"%s\", or their dimensions or kinds", (long long)i,
                    x->name, y->name);
            return false;
        }
    }
    return true;
}

static bool sizes_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    const pdm_size n_dim = pdm_domain_n_dim(a->problem->domain);

    if (n_dim != pdm_domain_n_dim(b->problem->domain)) {
        differs(note, "/domain:dimensions: %lld against %lld", (long long)n_dim,
                (long long)pdm_domain_n_dim(b->problem->domain));
        return false;
    }
    for (pdm_size j = 0; j < n_dim; j++) {
        const pdm_spline *s = pdm_domain_spline(a->problem->domain, j), *t = pdm_domain_spline(b->problem->domain, j);
        const char       *name = pdm_pde_dim_name(a->problem->pde, j);
        if (strcmp(name, pdm_pde_dim_name(b->problem->pde, j)) != 0) {
            differs(note, "/domain:dimensions, number %lld: \"%s\" against \"%s\"", (long long)j, name,
                    pdm_pde_dim_name(b->problem->pde, j));
            return false;
        }
        if (s->n_coef != t->n_coef || s->degree != t->degree || s->periodic != t->periodic) {
            differs(note, "/domain/%s: %lld control points of degree %lld%s against %lld of degree %lld%s", name,
                    (long long)s->n_coef, (long long)s->degree, s->periodic ? ", periodic," : "", (long long)t->n_coef,
                    (long long)t->degree, t->periodic ? ", periodic" : "");
            return false;
        }
    }
    return true;
}

/* Of equal sizes. */
static bool knots_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    for (pdm_size j = 0; j < pdm_domain_n_dim(a->problem->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(a->problem->domain, j), *t = pdm_domain_spline(b->problem->domain, j);
        for (pdm_size k = 0; k <= s->n_element; k++)
            if (s->breaks[k] != t->breaks[k]) {
                differs(note, "/domain/%s: knot %lld of %lld is at %.9g of the way against %.9g",
                        pdm_pde_dim_name(a->problem->pde, j), (long long)k, (long long)s->n_element, s->breaks[k],
                        t->breaks[k]);
                return false;
            }
    }
    if (pdm_domain_n_block(a->problem->domain) != pdm_domain_n_block(b->problem->domain)) {
        differs(note, "%lld equations and conditions that make rows against %lld",
                (long long)pdm_domain_n_block(a->problem->domain), (long long)pdm_domain_n_block(b->problem->domain));
        return false;
    }
    return true;
}

/* Where both have boxes of equal difficulty, which were measured apart. */
static bool boxes_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    const int64_t *x = pdm_experts_boxes(a->experts), *y = pdm_experts_boxes(b->experts);
    const pdm_size n_dim = pdm_domain_n_dim(a->problem->domain), n = pdm_experts_columns(a->experts)->n_expert;

    if (!x || !y || n != pdm_experts_columns(b->experts)->n_expert) return true; /* told by the cases */
    for (pdm_size i = 0; i < n * n_dim * 2; i++)
        if (x[i] != y[i]) {
            differs(note, "/experts:boxes: expert %lld %s at control point %lld of %s against %lld",
                    (long long)(i / 2 / n_dim), i % 2 ? "ends" : "begins", (long long)x[i],
                    pdm_pde_dim_name(a->problem->pde, i / 2 % n_dim), (long long)y[i]);
            return false;
        }
    return true;
}

static bool networks_agree(const pdm_surrogate *a, const pdm_surrogate *b, char note[NOTE_SIZE])
{
    char mine[PDM_SHAPE_TEXT], theirs[PDM_SHAPE_TEXT];

    if (a->n_tensor != b->n_tensor) {
        differs(note, "networks of %lld tensors against %lld", (long long)a->n_tensor, (long long)b->n_tensor);
        return false;
    }
    for (pdm_size i = 0; i < a->n_tensor; i++) {
        pdm_tensor_shape_text(&a->tensor[i], " x ", mine);
        pdm_tensor_shape_text(&b->tensor[i], " x ", theirs);
        if (strcmp(a->tensor[i].name, b->tensor[i].name) != 0 || strcmp(mine, theirs) != 0) {
            differs(note, "the network's %s is %s against %s %s", a->tensor[i].name, mine, b->tensor[i].name, theirs);
            return false;
        }
    }
    return true;
}

/* Of networks that agree: what their channels are added to. */
static bool columns_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    const int32_t *x = pdm_experts_numbers(a->experts), *y = pdm_experts_numbers(b->experts);
    const pdm_size n = pdm_experts_basis(a->experts);

    for (pdm_size i = 0; i < n; i++)
        if (x[i] != y[i]) {
            differs(note, "/experts:prior_columns: number %lld is %d against %d", (long long)i, x[i], y[i]);
            return false;
        }
    return true;
}

/* Weights of a guess go with the columns that correct it. */
static bool pods_agree(const pdm_model *a, const pdm_model *b, char note[NOTE_SIZE])
{
    const pdm_pod x = pdm_experts_pod(a->experts), y = pdm_experts_pod(b->experts);

    if (a->has_pod == b->has_pod &&
        (!a->has_pod || (x.n == y.n && memcmp(x.column, y.column, (size_t)x.n * sizeof *x.column) == 0)))
        return true;
    differs(note, "columns from solutions (experts:prior = \"pod\") of their own");
    return false;
}

static pdm_status refuse(const pdm_model *a, const pdm_model *b, const char *note)
{
    return pdm_error_set(a->ctx, PDM_ERR_MODEL, NULL, __func__, "%s: its weights do not fit %s: %s", pdm_model_name(b),
                         a->file ? a->file : pdm_case_path(a->whole->the_case), note);
}

pdm_status model_check_kin(const pdm_model *a, const pdm_model *b)
{
    char       note[NOTE_SIZE];
    const bool agree =
        marches_agree(a, b, note) && names_agree(a, b, note) && sizes_agree(a, b, note) && knots_agree(a, b, note) &&
        boxes_agree(a, b, note) && pdm_gate_agrees(a->gate, b->gate, note, NOTE_SIZE) &&
        networks_agree(a->surrogate, b->surrogate, note) && columns_agree(a, b, note) && pods_agree(a, b, note);
    return agree ? PDM_OK : refuse(a, b, note);
}

/* Scales define what the network's inputs and columns mean, and the objective: they come along with the weights. */
static void take_scales(pdm_model *m, const pdm_model *parent)
{
    for (pdm_size i = 0; i < pdm_domain_n_block(m->whole->domain); i++)
        pdm_domain_set_scale(m->whole->domain, i, pdm_domain_scale(parent->whole->domain, i));
    for (pdm_size i = 0; i < pdm_domain_n_field(m->whole->domain); i++)
        m->whole->magnitude[i] = parent->whole->magnitude[i];
    for (pdm_size i = 0; i < pdm_pde_n_input(m->whole->pde); i++) {
        m->whole->inputs->shift[i] = parent->whole->inputs->shift[i];
        m->whole->inputs->scale[i] = parent->whole->inputs->scale[i];
    }
    if (!m->march) return;
    pdm_march_take_scales(m->march);
    for (pdm_size i = 0; i < pdm_pde_n_input(m->problem->pde); i++) {
        m->march->shift[i] = parent->march->shift[i];
        m->march->scale[i] = parent->march->scale[i];
    }
}

/* Where the case of m wants boxes of equal difficulty, they are those of the parent, if it has as many along each
 * dimension; else measured anew. */
static pdm_status take_boxes(pdm_model *m, const pdm_model *parent)
{
    pdm_status status = PDM_OK;
    int64_t   *found  = NULL;
    bool       same   = pdm_experts_boxes(parent->experts) != NULL;

    for (pdm_size j = 0; j < pdm_domain_n_dim(m->problem->domain); j++)
        same = same && pdm_experts_along(m->experts, j) == pdm_experts_along(parent->experts, j);
    if (!same) PDM_TRY(pdm_model_find_boxes(m, &found));
    PDM_TRY(pdm_model_set_boxes(m, same ? pdm_experts_boxes(parent->experts) : found));
done:
    pdm_free(m->ctx, found);
    return status;
}

static pdm_status take_weights(pdm_model *m, const pdm_model *parent)
{
    pdm_status   status = PDM_OK;
    pdm_backend *b = m->problem->backend, *theirs = parent->problem->backend;
    void        *to = NULL, *from = NULL;

    PDM_TRY(b->ops->acquire(b, m->surrogate->parameters, PDM_WRITE, &to));
    PDM_TRY(theirs->ops->acquire(theirs, parent->surrogate->parameters, PDM_READ, &from));
    memcpy(to, from, (size_t)m->surrogate->n_parameter * sizeof(float));
done:
    status = pdm_release(b, status, m->surrogate->parameters, &to);
    status = pdm_release(theirs, status, parent->surrogate->parameters, &from);
    return status;
}

static pdm_status take_history(pdm_model *m, const pdm_model *parent)
{
    pdm_status status = PDM_OK;
    if (parent->history) PDM_TRY(pdm_alloc_text(m->ctx, parent->history, &m->history));
    if (parent->file)
        PDM_TRY(pdm_model_remember(m, "from %s (%s), step %lld", parent->file, parent->file_hash,
                                   (long long)parent->state.step));
    else
        PDM_TRY(pdm_model_remember(m, "from a model at step %lld", (long long)parent->state.step));
done:
    return status;
}

/* Columns from solutions, which are those of the parent's experts and guess. */
static pdm_status take_pod(pdm_model *m, const pdm_model *parent)
{
    pdm_status    status = PDM_OK;
    const pdm_pod own = pdm_experts_pod(m->experts), theirs = pdm_experts_pod(parent->experts);

    if (!parent->has_pod || own.n == 0) return PDM_OK;
    if (own.n != theirs.n)
        PDM_FAIL(m->ctx, PDM_ERR_MODEL,
                 "%s: its columns from solutions (experts:prior = \"pod\") are %lld numbers, %lld here; the same "
                 "experts and experts:basis, or a training of its own, expected",
                 pdm_model_name(parent), (long long)theirs.n, (long long)own.n);
    PDM_TRY(pdm_model_set_pod(m, theirs.column));
done:
    return status;
}

pdm_status model_inherit(pdm_case *c, const pdm_model *parent, pdm_model **out)
{
    pdm_status   status = PDM_OK;
    pdm_problem *p      = NULL;
    pdm_model   *m      = NULL;
    char         note[NOTE_SIZE];

    PDM_TRY(pdm_problem_create(c, PDM_PROBLEM_INPUTS, NULL, &p));
    PDM_TRY(pdm_model_start(&p, &m));
    if (!marches_agree(m, parent, note) || !names_agree(m, parent, note) || !sizes_agree(m, parent, note))
        PDM_TRY(refuse(m, parent, note));
    PDM_TRY(pdm_model_take_knots(m, parent));
    if (!knots_agree(m, parent, note)) PDM_TRY(refuse(m, parent, note));
    PDM_TRY(pdm_alloc_text(m->ctx, pdm_case_path(c), &m->case_file));
    take_scales(m, parent);
    PDM_TRY(take_boxes(m, parent));
    PDM_TRY(pdm_model_finish(&m));
    PDM_TRY(pdm_model_take_windows(m, parent));
    PDM_TRY(take_pod(m, parent));
    m->state.moments_empty = true;
    *out                   = m;
    m                      = NULL;
done:
    pdm_model_destroy(&m);
    pdm_problem_destroy(&p);
    return status;
}

pdm_status pdm_model_create_from(pdm_case *c, const pdm_model *parent, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = NULL;
    char       note[NOTE_SIZE];

    PDM_EXPECT_POINTER(parent ? parent->ctx : NULL, c, "a case");
    PDM_EXPECT_POINTER(pdm_case_context(c), parent, "a model");
    PDM_EXPECT_POINTER(parent->ctx, out, "a place for the model");
    PDM_EXPECT(pdm_case_context(c), pdm_case_context(c) == parent->ctx,
               "case and model are of two contexts; one expected");
    PDM_TRY(model_inherit(c, parent, &m));
    if (!networks_agree(m->surrogate, parent->surrogate, note)) PDM_TRY(refuse(m, parent, note));
    if (!columns_agree(m, parent, note)) PDM_TRY(refuse(m, parent, note));
    PDM_TRY(take_weights(m, parent));
    if (m->gate && parent->gate && !pdm_gate_agrees(m->gate, parent->gate, note, sizeof note))
        PDM_TRY(refuse(m, parent, note));
    pdm_gate_take(m->gate, parent->gate, parent->state.step);
    PDM_TRY(take_history(m, parent));
    *out = m;
    m    = NULL;
done:
    pdm_model_destroy(&m);
    return status;
}

/* ---- copies ---- */

pdm_status model_take_names(pdm_model *to, const pdm_model *m)
{
    pdm_status status = PDM_OK;

    pdm_free(to->ctx, to->case_file);
    to->case_file = NULL;
    PDM_TRY(pdm_alloc_text(to->ctx, m->case_file, &to->case_file));
    if (m->history) PDM_TRY(pdm_alloc_text(to->ctx, m->history, &to->history));
    if (m->file) PDM_TRY(pdm_alloc_text(to->ctx, m->file, &to->file));
    memcpy(to->file_hash, m->file_hash, sizeof to->file_hash);
done:
    return status;
}

/* All of the gate: its choices are all kept. */
static pdm_status copy_gate(pdm_model *to, const pdm_model *m)
{
    pdm_status     status = PDM_OK;
    unsigned char *keep   = NULL;

    if (!m->gate) return PDM_OK;
    const pdm_size n = pdm_routing_n_choice(m->gate->routing);
    PDM_TRY(pdm_alloc_array(m->ctx, n, &keep));
    memset(keep, 1, (size_t)n);
    pdm_gate_select(to->gate, m->gate, keep);
done:
    pdm_free(m->ctx, keep);
    return status;
}

static void copy_progress(pdm_model *to, const pdm_model *m)
{
    const pdm_size     n_input = pdm_domain_n_input(m->problem->domain), n_whole = pdm_domain_n_input(m->whole->domain);
    const pdm_carried *into = &to->state.carried, *from = &m->state.carried;

    to->state.step = to->state.moments_since = m->state.step;
    to->state.norm_mean                      = m->state.norm_mean;
    to->state.first_loss                     = m->state.first_loss;
    memcpy(into->slab, from->slab, (size_t)m->n_total * sizeof *from->slab);
    memcpy(into->input, from->input, (size_t)(m->n_total * n_input) * sizeof *from->input);
    if (m->march) memcpy(into->origin, from->origin, (size_t)(m->n_total * n_whole) * sizeof *from->origin);
}

pdm_status model_copy(const pdm_model *m, pdm_model **out)
{
    pdm_status status = PDM_OK;
    pdm_model *copy   = NULL;

    PDM_TRY(model_inherit(m->whole->the_case, m, &copy));
    PDM_TRY(take_weights(copy, m));
    PDM_TRY(copy_gate(copy, m));
    PDM_TRY(model_take_names(copy, m));
    copy_progress(copy, m);
    *out = copy;
    copy = NULL;
done:
    pdm_model_destroy(&copy);
    return status;
}

/* ---- weights of the network on the host ---- */

pdm_status weights_get(const pdm_model *m, float *w)
{
    pdm_status           status = PDM_OK;
    pdm_backend         *b      = m->problem->backend;
    const pdm_surrogate *net    = m->surrogate;
    void                *host   = NULL;

    PDM_TRY(b->ops->acquire(b, net->parameters, PDM_READ, &host));
    memcpy(w, host, (size_t)net->n_parameter * sizeof *w);
done:
    status = pdm_release(b, status, net->parameters, &host);
    return status;
}

pdm_status weights_set(pdm_model *m, const float *w)
{
    pdm_status     status = PDM_OK;
    pdm_backend   *b      = m->problem->backend;
    pdm_surrogate *net    = m->surrogate;
    void          *host   = NULL;

    PDM_TRY(b->ops->acquire(b, net->parameters, PDM_WRITE, &host));
    memcpy(host, w, (size_t)net->n_parameter * sizeof *w);
done:
    status = pdm_release(b, status, net->parameters, &host);
    return status;
}
