/* The modes of the solve side by side. The network does not know of the partition, so its basis functions are shared
 * out among any number of experts, and solved for in each mode. */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evidence/evidence_impl.h"

enum { DRAWN = 8, SWEEPS = 1000 };
static const pdm_size usual_counts[] = {1, 2, 4, 8, 16, 32, 64};
enum { N_USUAL = sizeof usual_counts / sizeof *usual_counts };

typedef enum row_kind { ROW_INSIDE, ROW_INTERFACE, ROW_IN_SUMS_ONLY } row_kind;

/* One line of the table: means over the samples. */
typedef struct mode_record {
    pdm_size n_expert, unknowns, unconverged;
    int      mode;
    double   error, seconds, iterations, phi;   /* error NaN: nothing to compare with */
    double   interface_rows, interface_squares; /* shares of rows and of their squared residuals */
} mode_record;

typedef struct modes_job {
    pdm_model        *m;
    pdm_output_grid  *grid;
    pdm_experts      *experts; /* those at hand, and what solves for them */
    pdm_solver       *solver;
    pdm_file_inputs   x;
    const char       *against;                  /* what errors are relative to; NULL: nothing */
    double           *reference[PDM_MAX_FIELD]; /* [n_sample][n_point]; NULL: none            */
    double           *u;                        /* [n_sample][n_field][n_point]               */
    pdm_solve_result *result;                   /* [n_sample]                                 */
    unsigned char    *kind;                     /* [n_row] row_kind, for the experts at hand  */
    pdm_size          sweeps;
    pdm_sink          sink;
    pdm_number        numbers;
    void             *user;
} modes_job;

/* ---- what is solved, and what it is compared with ---- */

static pdm_status from_file(modes_job *j, const char *input)
{
    pdm_status  status  = PDM_OK;
    pdm_size    outside = 0;
    pdm_model  *m       = j->m;
    pdm_fields *f       = NULL;

    PDM_TRY(pdm_fields_open(m->ctx, input, &f));
    PDM_TRY(pdm_file_inputs_read(m->problem->domain, f, &j->x));
    if (m->state.step > 0)
        PDM_TRY(pdm_inputs_check_range(m->problem->inputs, j->x.n_sample, j->x.input, m->problem->training.slabs > 1,
                                       &outside));
    PDM_TRY(pdm_output_grid_create(m->problem, m->n_batch, j->x.n_coordinate, j->x.coordinate, &j->grid));
    for (pdm_size i = 0; i < pdm_domain_n_field(m->problem->domain); i++)
        if (pdm_fields_has(f, pdm_pde_field_name(m->problem->pde, i))) j->against = input;
    for (pdm_size i = 0; i < pdm_domain_n_field(m->problem->domain) && j->against; i++)
        PDM_TRY(pdm_file_field_read(m->problem->domain, f, i, j->x.n_sample, &j->reference[i]));
done:
    pdm_fields_close(&f);
    return status;
}

static pdm_status from_case(modes_job *j)
{
    pdm_status     status  = PDM_OK;
    pdm_model     *m       = j->m;
    const pdm_size n_input = pdm_domain_n_input(m->problem->domain);

    j->x.n_sample = n_input > 0 ? DRAWN : 1;
    PDM_TRY(pdm_alloc_array(m->ctx, j->x.n_sample * n_input, &j->x.input));
    PDM_TRY(pdm_inputs_draw_unseen(m->problem->inputs, j->x.n_sample, j->x.input));
    PDM_TRY(pdm_output_grid_create(m->problem, m->n_batch, NULL, NULL, &j->grid));
    if (!pdm_case_has_group(m->problem->the_case, "pde/exact")) goto done;
    j->against = "the exact solutions";
    for (pdm_size i = 0; i < pdm_domain_n_field(m->problem->domain); i++) {
        PDM_TRY(pdm_alloc_array(m->ctx, j->x.n_sample * j->grid->n_point, &j->reference[i]));
        PDM_TRY(pdm_exact_field(j->grid, i, j->x.n_sample, j->x.input, j->reference[i]));
    }
done:
    return status;
}

/* ---- shares of the experts ---- */

/* The longest side of an expert's box over the shortest, in control points, over the dimensions that may be cut. */
static double oblongness(const pdm_model *m, const bool *may_cut, const pdm_size *along)
{
    double most = 0.0, least = INFINITY;
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->problem->domain); j++) {
        const double side = (double)pdm_domain_spline(m->problem->domain, j)->n_coef / (double)along[j];
        if (!may_cut[j]) continue;
        most  = fmax(most, side);
        least = fmin(least, side);
    }
    return most / least;
}

/* Tries all ways to cut dimensions `dim` and later into `rest` pieces; along: so far; best: the squarest,
 * and how square. */
static void try_cuts(const pdm_model *m, const bool *may_cut, pdm_size dim, pdm_size rest, pdm_size *along,
                     pdm_size *best, double *least)
{
    const pdm_size n_dim = pdm_domain_n_dim(m->problem->domain);

    if (dim == n_dim) {
        const double here = rest == 1 ? oblongness(m, may_cut, along) : INFINITY;
        if (here < *least) {
            *least = here;
            memcpy(best, along, (size_t)n_dim * sizeof *best);
        }
        return;
    }
    for (pdm_size n = 1; n <= rest && n <= (may_cut[dim] ? pdm_domain_spline(m->problem->domain, dim)->n_coef : 1);
         n++) {
        if (rest % n != 0) continue;
        along[dim] = n;
        try_cuts(m, may_cut, dim + 1, rest / n, along, best, least);
    }
}

/* How n experts are laid out: as the case has it when it has so many; otherwise boxes as square as can be in control
 * points, along the dimensions that the case cuts, or along all of them if it cuts none or these are too short. */
static bool find_cut(const pdm_model *m, pdm_size n, pdm_size *along)
{
    const pdm_size n_dim = pdm_domain_n_dim(m->problem->domain);
    pdm_size       own   = 1, work[PDM_MAX_DIM];
    bool           cut[PDM_MAX_DIM], all[PDM_MAX_DIM];
    double         least = INFINITY;

    for (pdm_size j = 0; j < n_dim; j++) {
        along[j] = pdm_experts_along(m->experts, j);
        own *= along[j];
        cut[j] = along[j] > 1;
        all[j] = true;
    }
    if (own == n) return true;
    if (own > 1) try_cuts(m, cut, 0, n, work, along, &least);
    if (!isfinite(least)) try_cuts(m, all, 0, n, work, along, &least);
    return isfinite(least);
}

static pdm_status cut_domain(pdm_model *m, const pdm_size *along, pdm_experts **out)
{
    pdm_status   status = PDM_OK;
    pdm_case    *c      = NULL;
    pdm_experts *x      = NULL;
    bool         same   = true; /* as the case has them */
    char         group[PDM_GROUP_TEXT];

    PDM_TRY(pdm_case_copy(m->problem->the_case, &c));
    for (pdm_size j = 0; j < pdm_domain_n_dim(m->problem->domain); j++) {
        pdm_problem_dim_group(m->problem, j, group);
        PDM_TRY(pdm_case_set_count(c, group, "experts", along[j]));
        same = same && along[j] == pdm_experts_along(m->experts, j);
        if (along[j] != pdm_experts_along(m->experts, j)) /* boxes for the prior that the case has may not fit */
            PDM_TRY(pdm_case_set_count(c, group, "prior_experts", along[j]));
    }
    if (!same)
        PDM_TRY(pdm_case_set_text(c, "experts", "boxes", "equal")); /* those that were measured do not fit either */
    PDM_TRY(pdm_experts_create(m->ctx, c, m->problem->domain, same ? pdm_experts_boxes(m->experts) : NULL, &x));
    for (pdm_size f = 0; f < pdm_domain_n_field(m->problem->domain); f++)
        pdm_experts_set_scale(x, f, m->problem->magnitude[f]);
    if (pdm_experts_same_logits(x, m->experts)) { /* other layouts have the windows that learning starts from */
        memcpy(pdm_experts_logits(x).parameter, pdm_experts_logits(m->experts).parameter,
               (size_t)pdm_experts_logits(x).n * sizeof(double));
        pdm_experts_put_windows(x);
    }
    *out = x;
    x    = NULL;
done:
    pdm_experts_destroy(&x);
    pdm_case_destroy(&c);
    return status;
}

/* ---- rows at interfaces ---- */

static bool only_in_sums(const pdm_rows_desc *rows, pdm_size row0)
{
    for (pdm_size k = 0; k < rows->n_pyramid; k++)
        if (rows->pyramid[k].row0 == row0) return rows->pyramid[k].only_sums;
    return false;
}

/* A row is at an interface when its element sees control points of more than one expert. */
static void mark_rows(modes_job *j, const pdm_experts *experts)
{
    const pdm_rows_desc *rows = pdm_domain_rows(j->m->problem->domain);

    for (pdm_size t = 0; t < rows->n_term; t++) { /* terms of a block mark the same rows alike */
        const pdm_term_desc *term = &rows->term[t];
        const bool           sums = only_in_sums(rows, term->row0);
        pdm_size             n    = 1;
        for (pdm_size d = 0; d < rows->n_dim; d++) n *= term->axis[d].n_row;
        for (pdm_size i = 0; i < n; i++) {
            pdm_size rest = i, element[PDM_MAX_DIM];
            for (pdm_size d = rows->n_dim - 1; d >= 0; d--) {
                const pdm_axis *axis = &term->axis[d];
                element[d]           = axis->row_element[rest % axis->n_row];
                rest /= axis->n_row;
            }
            const bool meet         = pdm_experts_meet(experts, element);
            j->kind[term->row0 + i] = (unsigned char)(sums ? ROW_IN_SUMS_ONLY : meet ? ROW_INTERFACE : ROW_INSIDE);
        }
    }
}

static double share_of_rows(const modes_job *j)
{
    double among = 0.0, all = 0.0;
    for (pdm_size i = 0; i < pdm_domain_rows(j->m->problem->domain)->n_row; i++) {
        among += j->kind[i] == ROW_INTERFACE;
        all += j->kind[i] != ROW_IN_SUMS_ONLY;
    }
    return among / all;
}

/* Of the first n samples of the solver: adds 1/2 r.M r, squares of all rows, and of those at interfaces. */
static pdm_status add_residuals(const modes_job *j, pdm_size n, double *phi, double *square, double *interface_square)
{
    pdm_status              status = PDM_OK;
    pdm_backend            *b      = j->m->problem->backend;
    const pdm_solver_state *st     = pdm_solver_lend(j->solver);
    void                   *r = NULL, *y = NULL;

    PDM_TRY(b->ops->acquire(b, st->r, PDM_READ, &r));
    if (st->y != st->r) PDM_TRY(b->ops->acquire(b, st->y, PDM_READ, &y));
    for (pdm_size i = 0; i < n * st->n_row; i++) {
        const double        v    = ((double *)r)[i];
        const unsigned char kind = j->kind[i % st->n_row];
        *phi += 0.5 * v * (y ? ((double *)y)[i] : v);
        *square += kind != ROW_IN_SUMS_ONLY ? v * v : 0.0;
        *interface_square += kind == ROW_INTERFACE ? v * v : 0.0;
    }
done:
    status = pdm_release(b, status, st->r, &r);
    status = pdm_release(b, status, st->y, &y);
    return status;
}

/* ---- a line of the table ---- */

/* What the experts at hand add to the network's output depends on their boxes. */
static pdm_status prepare_base(modes_job *j, pdm_size n, const double *input)
{
    pdm_status         status = PDM_OK;
    const pdm_model   *m      = j->m;
    const pdm_problem *p      = m->problem;
    pdm_backend       *b      = p->backend;
    const pdm_size     n_coef = pdm_domain_n_coef(p->domain), n_channel = pdm_experts_columns(j->experts)->n_channel;
    void              *lift = NULL, *base = NULL;

    PDM_TRY(b->ops->acquire(b, m->samples->lift, PDM_READ, &lift));
    PDM_TRY(b->ops->acquire(b, m->base, PDM_WRITE, &base));
    for (pdm_size i = 0; i < n; i++)
        PDM_TRY(pdm_experts_base(j->experts, input + i * pdm_domain_n_input(p->domain),
                                 (const double *)lift + i * pdm_domain_n_field(p->domain) * n_coef,
                                 (float *)base + i * n_channel * n_coef));
done:
    status = pdm_release(b, status, m->samples->lift, &lift);
    status = pdm_release(b, status, m->base, &base);
    return status;
}

static pdm_status prepare(void *user, pdm_size n, const double *input)
{
    pdm_status status = PDM_OK;
    modes_job *j      = user;
    PDM_TRY(pdm_model_prepare(j->m, n, input));
    if (j->m->base) PDM_TRY(prepare_base(j, n, input));
done:
    return status;
}

/* Without a gate: it knows one partition. */
static pdm_status solve(void *user, pdm_batch batch, pdm_predict_times *times, const pdm_solver **answer)
{
    pdm_status       status = PDM_OK;
    const modes_job *j      = user;
    pdm_model       *m      = j->m;
    const double     t0     = pdm_clock();

    PDM_TRY(pdm_model_basis(m, batch, false));
    const double t1 = pdm_clock();
    PDM_TRY(pdm_solver_solve(j->solver, batch, &m->samples->data, m->basis, m->samples->lift, PDM_START_ZERO));
    *answer = j->solver;
    times->network += t1 - t0;
    times->solve += pdm_clock() - t1;
done:
    return status;
}

/* The inputs `run` has, with the experts at hand. */
static pdm_status solve_run(modes_job *j, const pdm_run *run)
{
    pdm_status    status = PDM_OK;
    pdm_slab_end *end    = NULL;

    if (j->grid->n_slab > 1) PDM_TRY(pdm_model_slab_end(j->m, &end));
    const pdm_way way = {
        .problem = j->m->problem, .samples = j->m->samples, .end = end, .user = j, .prepare = prepare, .solve = solve};
    PDM_TRY(pdm_predict_run(&way, j->grid, run));
done:
    return status;
}

/* All samples, with the present experts and solver. */
static pdm_status solve_all(modes_job *j, mode_record *out)
{
    pdm_status     status = PDM_OK;
    pdm_model     *m      = j->m;
    const pdm_size n = j->x.n_sample, n_field = pdm_domain_n_field(m->problem->domain), n_point = j->grid->n_point,
                   n_input  = pdm_domain_n_input(m->problem->domain);
    pdm_predict_times times = {0}, warm = {0};
    double            square = 0.0, interface_square = 0.0;

    PDM_TRY(solve_run(j, &(pdm_run){.n      = 1,
                                    .input  = j->x.input,
                                    .u      = j->u,
                                    .result = j->result,
                                    .times  = &warm})); /* memory used first has its price */
    for (pdm_size first = 0; first < n; first += m->n_batch) {
        const pdm_size here = n - first < m->n_batch ? n - first : m->n_batch;
        PDM_TRY(solve_run(j, &(pdm_run){.n      = here,
                                        .input  = j->x.input + first * n_input,
                                        .u      = j->u + first * n_field * n_point,
                                        .result = j->result + first,
                                        .times  = &times}));
        PDM_TRY(add_residuals(j, here, &out->phi, &square, &interface_square));
    }
    for (pdm_size i = 0; i < n; i++) out->iterations += (double)j->result[i].iterations / (double)n;
    out->unconverged = pdm_count_unconverged(n, j->result);
    out->phi /= (double)n;
    out->seconds           = times.solve / (double)n;
    out->interface_rows    = share_of_rows(j);
    out->interface_squares = interface_square / square;
    if (!j->against) out->error = NAN;
    for (pdm_size i = 0; i < n * n_field && j->against; i++)
        out->error += pdm_relative_error(j->grid, j->u + i * n_point, j->reference[i % n_field] + i / n_field * n_point,
                                         -INFINITY) /
                      (double)(n * n_field);
done:
    return status;
}

static pdm_status solve_mode(modes_job *j, int mode, mode_record *out)
{
    pdm_status          status   = PDM_OK;
    const pdm_problem  *p        = j->m->problem;
    pdm_solver_settings settings = p->solving;

    settings.mode = mode;
    if (mode == PDM_MODE_SCHWARZ) settings.max_iter = j->sweeps;
    *out = (mode_record){.n_expert = pdm_experts_columns(j->experts)->n_expert,
                         .unknowns = pdm_experts_n_column(j->experts),
                         .mode     = mode};
    PDM_TRY(pdm_solver_create(j->m->ctx, p->backend, &settings, p->domain, j->experts, j->m->n_batch, &j->solver));
    PDM_TRY(solve_all(j, out));
done:
    pdm_solver_destroy(&j->solver);
    return status;
}

/* ---- words and numbers ---- */

static pdm_status tell(const modes_job *j, pdm_text *text)
{
    if (j->sink) j->sink(j->user, text->data);
    pdm_text_destroy(text);
    *text = (pdm_text){.ctx = j->m->ctx};
    return PDM_OK;
}

static pdm_status tell_head(const modes_job *j)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = j->m->ctx};

    PDM_TRY(pdm_text_append(&text, "%lld sample%s, %s network, experts along", (long long)j->x.n_sample,
                            j->x.n_sample == 1 ? "" : "s", j->m->state.step > 0 ? "trained" : "untrained"));
    for (pdm_size d = 0; d < pdm_domain_n_dim(j->m->problem->domain); d++)
        PDM_TRY(pdm_text_append(&text, "%s %s", d ? " x" : "", pdm_pde_dim_name(j->m->problem->pde, d)));
    PDM_TRY(pdm_text_append(&text, ", "));
    if (j->m->gate) PDM_TRY(pdm_text_append(&text, "all columns without the gate, "));
    PDM_TRY(j->against ? pdm_text_append(&text, "errors against %s\n", j->against)
                       : pdm_text_append(&text, "nothing to compare with\n"));
    PDM_TRY(pdm_text_append(&text, "%7s  %-10s %8s  %-11s  %10s  %10s  %6s  %6s  %10s  %s\n", "experts", "along",
                            "unknowns", "mode", "error", "solve", "steps", "failed", "phi", "interfaces"));
    PDM_TRY(tell(j, &text));
done:
    pdm_text_destroy(&text);
    return status;
}

static pdm_status tell_record(const modes_job *j, const pdm_size *along, const mode_record *r)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = j->m->ctx};
    char       cut[64];
    size_t     used = 0;

    for (pdm_size d = 0; d < pdm_domain_n_dim(j->m->problem->domain) && used < sizeof cut; d++)
        used += (size_t)snprintf(cut + used, sizeof cut - used, "%s%lld", d ? "x" : "", (long long)along[d]);
    PDM_TRY(pdm_text_append(&text, "%7lld  %-10s %8lld  %-11s  ", (long long)r->n_expert, cut, (long long)r->unknowns,
                            r->n_expert == 1 ? "one for all" : pdm_mode_name(r->mode)));
    PDM_TRY(isnan(r->error) && !j->against ? pdm_text_append(&text, "%10s", "-")
                                           : pdm_text_append(&text, "%8.4f %%", 100.0 * r->error));
    PDM_TRY(pdm_text_append(&text, "  %7.2f ms  %6.1f  %6lld  %10.3e  ", 1e3 * r->seconds, r->iterations,
                            (long long)r->unconverged, r->phi));
    PDM_TRY(r->n_expert == 1 ? pdm_text_append(&text, "none\n")
                             : pdm_text_append(&text, "%5.1f %% of rows, %5.1f %% of squares\n",
                                               100.0 * r->interface_rows, 100.0 * r->interface_squares));
    PDM_TRY(tell(j, &text));
done:
    pdm_text_destroy(&text);
    return status;
}

static void give_numbers(const modes_job *j, const mode_record *r)
{
    const struct {
        const char *name;
        double      value;
    } number[] = {{"unknowns", (double)r->unknowns},
                  {"error", r->error},
                  {"seconds", r->seconds},
                  {"iterations", r->iterations},
                  {"unconverged", (double)r->unconverged},
                  {"phi", r->phi},
                  {"interface_rows", r->interface_rows},
                  {"interface_squares", r->interface_squares}};
    char name[96];

    for (size_t i = 0; i < sizeof number / sizeof *number && j->numbers; i++) {
        snprintf(name, sizeof name, "%lld.%s.%s", (long long)r->n_expert, pdm_mode_name(r->mode), number[i].name);
        j->numbers(j->user, name, number[i].value);
    }
}

/* ---- the job ---- */

/* All modes with experts so laid out, behind the *n_record that are there;
 * one expert is coupled to nothing and has one. */
static pdm_status solve_count(modes_job *j, const pdm_size *along, mode_record *record, pdm_size *n_record)
{
    pdm_status status = PDM_OK;
    pdm_model *m      = j->m;

    PDM_TRY(cut_domain(m, along, &j->experts));
    mark_rows(j, j->experts);
    const pdm_size n_expert = pdm_experts_columns(j->experts)->n_expert;
    for (int mode = PDM_MODE_COUPLED; mode <= (n_expert == 1 ? PDM_MODE_COUPLED : PDM_MODE_INDEPENDENT); mode++) {
        if (mode == PDM_MODE_INDEPENDENT &&
            (pdm_pde_n_constraint(m->problem->pde) > 0 || pdm_experts_has_base(m->experts)))
            continue; /* refused in a case */
        PDM_TRY(solve_mode(j, mode, &record[*n_record]));
        PDM_TRY(tell_record(j, along, &record[*n_record]));
        (*n_record)++;
    }
done:
    pdm_experts_destroy(&j->experts);
    return status;
}

static pdm_status solve_counts(modes_job *j, pdm_size n_count, const pdm_size *count)
{
    pdm_status   status   = PDM_OK;
    mode_record *record   = NULL;
    pdm_size     n_record = 0, along[PDM_MAX_DIM];

    if (n_count == 0) {
        n_count = N_USUAL;
        count   = usual_counts;
    }
    PDM_TRY(pdm_alloc_array(j->m->ctx, 3 * n_count, &record));
    PDM_TRY(tell_head(j));
    for (pdm_size i = 0; i < n_count; i++) {
        if (!find_cut(j->m, count[i], along)) continue; /* one of the usual counts; others were checked */
        PDM_TRY(solve_count(j, along, record, &n_record));
    }
    if (j->numbers) j->numbers(j->user, "samples", (double)j->x.n_sample);
    for (pdm_size k = 0; k < n_record; k++) give_numbers(j, &record[k]);
done:
    pdm_free(j->m->ctx, record);
    return status;
}

pdm_status pdm_model_compare_modes(pdm_model *m, const char *input, pdm_size n_count, const pdm_size *count,
                                   pdm_size max_sweeps, pdm_sink sink, pdm_number numbers, void *user)
{
    pdm_status status = PDM_OK;
    modes_job  j      = {.m = m, .sink = sink, .numbers = numbers, .user = user};

    if (!m) return PDM_ERR_ARGUMENT;
    PDM_TRY(pdm_model_refuse_march(m, "modes"));
    PDM_EXPECT(m->ctx, n_count >= 0 && n_count <= PDM_MAX_COUNT, "%lld numbers of experts; 0 to %d expected",
               (long long)n_count, PDM_MAX_COUNT);
    PDM_EXPECT(m->ctx, count || n_count == 0, "count is NULL; %lld numbers of experts expected", (long long)n_count);
    PDM_EXPECT(m->ctx, max_sweeps >= 0 && max_sweeps <= PDM_MAX_COUNT, "at most %lld sweeps; 0 to %d expected",
               (long long)max_sweeps, PDM_MAX_COUNT);
    j.sweeps = max_sweeps > 0 ? max_sweeps : SWEEPS;
    for (pdm_size i = 0; i < n_count; i++) {
        pdm_size along[PDM_MAX_DIM];
        if (count[i] < 1 || !find_cut(m, count[i], along))
            PDM_FAIL(m->ctx, PDM_ERR_ARGUMENT,
                     "%lld experts: there is no layout with at least one, and at most one per control point along each "
                     "dimension",
                     (long long)count[i]);
    }
    PDM_TRY(input ? from_file(&j, input) : from_case(&j));
    PDM_TRY(pdm_alloc_array(m->ctx, j.x.n_sample * pdm_domain_n_field(m->problem->domain) * j.grid->n_point, &j.u));
    PDM_TRY(pdm_alloc_array(m->ctx, j.x.n_sample, &j.result));
    PDM_TRY(pdm_alloc_array(m->ctx, pdm_domain_rows(m->problem->domain)->n_row, &j.kind));
    PDM_TRY(solve_counts(&j, n_count, count));
done:
    for (pdm_size i = 0; i < PDM_MAX_FIELD; i++) pdm_free(m->ctx, j.reference[i]);
    pdm_free(m->ctx, j.u);
    pdm_free(m->ctx, j.result);
    pdm_free(m->ctx, j.kind);
    pdm_file_inputs_destroy(m->ctx, &j.x);
    pdm_output_grid_destroy(&j.grid);
    return status;
}
