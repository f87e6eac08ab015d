/* The equations of a case on somebody's data, term by term: which factor on which term makes the residual least? Terms
 * are integrated over cells (fluxes through faces), and the cells of a box are added up: integrals over boxes wider
 * than the data's steps forgive noise and the spline's own error, and steep places do no harm, since fluxes inside a
 * box cancel. docs/mathematics.md, "An equation on data". */
#include "evidence/evidence.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "evidence/evidence_impl.h"

enum { MOST_SUMMAND = 24, MOST_SUMMANDS = (PDM_MAX_DIM + 1) * MOST_SUMMAND, SHOWN = 40 };
static const double DIFFERENT = 0.01; /* from 1: a factor nearer than that is never a note                     */
static const double ERRORS    = 3.0;  /* standard errors from 1 that are a note                                */
static const double BETTER    = 0.8;  /* one factor explains a misfit when it leaves no more than this share   */
static const double BIG       = 0.1;  /* a residual that factors should have made smaller, of the largest term */
static const double RESOLVED  = 0.05; /* change of a box's terms by leaving out every other point, of the largest one */
static const double QUIET = 0.05; /* boxes with terms smaller than that, of all, may change by as much              */
/* Boxes along a dimension, and clusters of boxes for standard errors, by number of dimensions. */
static const pdm_size boxes_along[PDM_MAX_DIM + 1]    = {1, 64, 16, 8, 6};
static const pdm_size clusters_along[PDM_MAX_DIM + 1] = {1, 8, 4, 2, 2};

/* A summand of a term, as rows of its own. */
typedef struct summand {
    const pdm_function *function;
    pdm_size            dim; /* of the flux; -1: source */
    pdm_part_rows       part;
    pdm_rows_plan      *plan;
} summand;

typedef struct equation {
    pdm_context *ctx;
    pdm_backend *b;
    pdm_domain  *domain;
    pdm_size     number, n_summand;
    summand      summand[MOST_SUMMANDS];
    pdm_size     kept[MOST_SUMMANDS]; /* those that are not zero: what values has                */
    pdm_size     n_dim, n_cell[PDM_MAX_DIM], n_row;
    pdm_size     n_box[PDM_MAX_DIM], per_sample; /* boxes a dimension, and of a sample                */
    int32_t     *box;                            /* [n_row]                                           */
    double       whole;                          /* volume of the domain                              */
    double      *volume;                         /* [per_sample], of the whole                        */
    pdm_buffer  *r;                              /* [1][n_row]                                        */
    term_values  values;                         /* of all summands; those that are zero fall out later */
    pdm_size     n_coarse;                       /* boxes that the data do not resolve */
    pdm_size     n_lost;                         /* boxes in which a summand is not finite             */
} equation;

static void equation_destroy(equation *e)
{
    if (!e || !e->ctx) return;
    for (pdm_size k = 0; k < e->n_summand; k++) {
        e->b->ops->rows_destroy(e->b, &e->summand[k].plan);
        pdm_part_rows_destroy(e->domain, &e->summand[k].part);
    }
    e->b->ops->buffer_destroy(e->b, &e->r);
    pdm_free(e->ctx, e->box);
    pdm_free(e->ctx, e->volume);
    pdm_free(e->ctx, e->values.half);
    pdm_free(e->ctx, e->values.value);
    pdm_free(e->ctx, e->values.cluster);
}

/* ---- summands as rows ---- */

static pdm_status equation_summands(data_grid *g, equation *e)
{
    pdm_status status = PDM_OK;
    pdm_pde   *p      = g->on->pde;

    for (pdm_size t = 0; t < pdm_pde_n_term(p); t++) {
        const pdm_function *f[MOST_SUMMAND];
        pdm_size            n;
        if (pdm_pde_term(p, t)->equation != e->number) continue;
        PDM_TRY(pdm_pde_summands(p, t, MOST_SUMMAND, &n, f));
        for (pdm_size k = 0; k < n; k++) {
            summand *s  = &e->summand[e->n_summand++];
            s->function = f[k];
            s->dim      = pdm_pde_term(p, t)->dim;
            PDM_TRY(pdm_part_rows_create(e->domain, t, s->function, &s->part)); /* without conditions: term t, too */
            PDM_TRY(e->b->ops->rows_create(e->b, &s->part.rows, 1, &s->plan));
        }
    }
done:
    return status;
}

/* ---- boxes ---- */

/* Edge number i of the cells along a dimension, physical. */
static double cell_edge(const pdm_spline *s, pdm_size n_cell, pdm_size i)
{
    const pdm_size sub = n_cell / s->n_element, k = i / sub < s->n_element ? i / sub : s->n_element - 1;
    const double   part = (double)(i - k * sub) / (double)sub;
    return pdm_map_value(&s->map, s->breaks[k] + part * (s->breaks[k + 1] - s->breaks[k]));
}

/* Box, and cluster among those of a sample, of every cell. */
static void place_boxes(const data_grid *g, equation *e, int32_t *cluster_of_box)
{
    const pdm_size n_cluster = clusters_along[e->n_dim];

    e->whole = 1.0;
    for (pdm_size j = 0; j < e->n_dim; j++) {
        const pdm_map *map = &pdm_domain_spline(g->on->domain, j)->map;
        e->whole *= map->high - map->low;
    }
    for (pdm_size i = 0; i < e->n_row; i++) {
        pdm_size index[PDM_MAX_DIM], rest = i, box = 0, cluster = 0;
        double   volume = 1.0;
        for (pdm_size j = e->n_dim - 1; j >= 0; j--) {
            index[j] = rest % e->n_cell[j];
            rest /= e->n_cell[j];
        }
        for (pdm_size j = 0; j < e->n_dim; j++) {
            const pdm_spline *s    = pdm_domain_spline(g->on->domain, j);
            const pdm_size    here = index[j] * e->n_box[j] / e->n_cell[j];
            volume *= cell_edge(s, e->n_cell[j], index[j] + 1) - cell_edge(s, e->n_cell[j], index[j]);
            box     = box * e->n_box[j] + here;
            cluster = cluster * n_cluster + here * n_cluster / (e->n_box[j] > n_cluster ? e->n_box[j] : n_cluster);
        }
        e->box[i] = (int32_t)box;
        e->volume[box] += volume / e->whole;
        cluster_of_box[box] = (int32_t)cluster;
    }
}

static pdm_status equation_boxes(const data_grid *g, equation *e)
{
    pdm_status           status = PDM_OK;
    const pdm_row_block *block  = pdm_domain_block(g->on->domain, e->number);
    term_values         *v      = &e->values;
    int32_t             *of_box = NULL;

    e->n_row      = block->n_row;
    e->per_sample = 1;
    v->n_cluster  = g->x.n_sample;
    for (pdm_size j = 0; j < e->n_dim; j++) {
        e->n_cell[j] = block->shape[j];
        e->n_box[j]  = e->n_cell[j] < boxes_along[e->n_dim] ? e->n_cell[j] : boxes_along[e->n_dim];
        e->per_sample *= e->n_box[j];
        v->n_cluster *= clusters_along[e->n_dim];
    }
    v->n_sample = g->x.n_sample;
    v->n_box    = v->n_sample * e->per_sample;
    PDM_TRY(pdm_alloc_array(e->ctx, e->n_row, &e->box));
    PDM_TRY(pdm_alloc_array(e->ctx, e->per_sample, &e->volume));
    PDM_TRY(pdm_alloc_array(e->ctx, e->per_sample, &of_box));
    PDM_TRY(pdm_alloc_array(e->ctx, v->n_box, &v->cluster));
    place_boxes(g, e, of_box);
    for (pdm_size i = 0; i < v->n_box; i++)
        v->cluster[i] = (int32_t)(i / e->per_sample * (v->n_cluster / v->n_sample)) + of_box[i % e->per_sample];
    PDM_TRY(e->b->ops->buffer_create(e->b, (size_t)e->n_row * sizeof(double), &e->r));
done:
    pdm_free(e->ctx, of_box);
    return status;
}

/* Integrals of every summand over the boxes of the sample that is prepared, over the root of the box's volume. */
static pdm_status integrate(data_grid *g, equation *e, pdm_size sample, double *values)
{
    pdm_status    status = PDM_OK;
    const int32_t zero   = 0;
    void         *r      = NULL;

    for (pdm_size k = 0; k < e->n_summand; k++) {
        double *value = values + k * e->values.n_box + sample * e->per_sample;
        PDM_TRY(
            e->b->ops->rows_residual(e->b, e->summand[k].plan, (pdm_batch){1, &zero}, &g->samples->data, g->c, e->r));
        PDM_TRY(e->b->ops->acquire(e->b, e->r, PDM_READ, &r));
        for (pdm_size i = 0; i < e->n_row; i++) value[e->box[i]] += ((const double *)r)[i];
        PDM_TRY(e->b->ops->release(e->b, e->r, &r));
        for (pdm_size i = 0; i < e->per_sample; i++) value[i] /= sqrt(e->volume[i]) * e->whole;
    }
done:
    status = pdm_release(e->b, status, e->r, &r);
    return status;
}

static pdm_status equation_open(data_grid *g, pdm_size number, equation *e)
{
    pdm_status status = PDM_OK;

    e->ctx    = g->ctx;
    e->b      = g->on->backend;
    e->domain = g->on->domain;
    e->number = number;
    e->n_dim  = pdm_domain_n_dim(g->on->domain);
    PDM_TRY(equation_boxes(g, e));
    PDM_TRY(equation_summands(g, e));
    e->values.n_term = e->n_summand;
    PDM_TRY(pdm_alloc_array(e->ctx, e->n_summand * e->values.n_box, &e->values.value));
    PDM_TRY(pdm_alloc_array(e->ctx, e->n_summand * e->values.n_box, &e->values.half));
    for (pdm_size s = 0; s < g->x.n_sample; s++) {
        PDM_TRY(data_grid_prepare(g, s, false));
        PDM_TRY(integrate(g, e, s, e->values.value));
        PDM_TRY(data_grid_prepare(g, s, true));
        PDM_TRY(integrate(g, e, s, e->values.half));
    }
done:
    return status;
}

/* Where half of the data's points give another answer, all of them are not to be trusted either. A difference that size
 * is several times the error of the spline through all points where data are smooth,
 * and the error itself where they are not. */
static bool is_coarse(const equation *e, pdm_size box, double typical)
{
    double largest = 0.0, difference = 0.0;
    for (pdm_size k = 0; k < e->n_summand; k++) {
        const double x = e->values.value[k * e->values.n_box + box];
        largest        = fmax(largest, fabs(x));
        difference     = fmax(difference, fabs(x - e->values.half[k * e->values.n_box + box]));
    }
    return !(difference <= RESOLVED * (largest + QUIET * typical));
}

/* Root mean square over boxes of the largest summand there. */
static double typical_size(const equation *e)
{
    double sum = 0.0;
    for (pdm_size i = 0; i < e->values.n_box; i++) {
        double largest = 0.0;
        for (pdm_size k = 0; k < e->n_summand; k++)
            largest = fmax(largest, fabs(e->values.value[k * e->values.n_box + i]));
        sum += isfinite(largest) ? largest * largest : 0.0;
    }
    return sqrt(sum / (double)e->values.n_box);
}

/* Boxes where a summand is not finite, or that the data do not resolve, count as zero in all of them. Summands that are
 * zero everywhere have no factor. */
static void drop_bad(equation *e)
{
    term_values *v       = &e->values;
    const double typical = typical_size(e);

    for (pdm_size i = 0; i < v->n_box; i++) {
        bool finite = true;
        for (pdm_size k = 0; k < e->n_summand; k++) finite = finite && isfinite(v->value[k * v->n_box + i]);
        const bool coarse = finite && is_coarse(e, i, typical);
        for (pdm_size k = 0; k < e->n_summand && (coarse || !finite); k++)
            v->value[k * v->n_box + i] = e->values.half[k * v->n_box + i] = 0.0;
        e->n_lost += !finite;
        e->n_coarse += coarse;
    }
    v->n_term = 0;
    for (pdm_size k = 0; k < e->n_summand; k++) {
        const double *x = v->value + k * v->n_box, *half = v->half + k * v->n_box;
        double        sum = 0.0;
        for (pdm_size i = 0; i < v->n_box; i++) sum += x[i] * x[i];
        if (sum == 0.0) continue;
        if (k != v->n_term) {
            memmove(v->value + v->n_term * v->n_box, x, (size_t)v->n_box * sizeof *x);
            memmove(v->half + v->n_term * v->n_box, half, (size_t)v->n_box * sizeof *half);
        }
        e->kept[v->n_term++] = k;
    }
}

/* ---- words ---- */

static pdm_status append_label(const data_grid *g, const summand *s, pdm_text *text)
{
    const char *dim = s->dim < 0 ? "" : pdm_pde_dim_name(g->on->pde, s->dim);
    if (s->dim < 0) return pdm_text_append(text, "%s", s->function->text);
    if (dim[1] == '\0') return pdm_text_append(text, "d%s( %s )", dim, s->function->text);
    return pdm_text_append(text, "diff( %s , %s )", s->function->text, dim);
}

/* A factor that differs from 1. */
static bool differs(double factor, double error)
{
    return fabs(factor - 1.0) > DIFFERENT && fabs(factor - 1.0) > ERRORS * error;
}

/* The term whose factor is kept at 1 in the joint fit: the largest of those with a time derivative, or of all. */
static pdm_size held_term(const data_grid *g, const equation *e)
{
    pdm_size best       = 0;
    double   most       = -1.0;
    bool     found_time = false;

    for (pdm_size k = 0; k < e->values.n_term; k++) {
        const bool    time = pdm_pde_has_time(g->on->pde) && e->summand[e->kept[k]].dim == 0;
        const double *x    = e->values.value + k * e->values.n_box;
        double        sum  = 0.0;
        for (pdm_size i = 0; i < e->values.n_box; i++) sum += x[i] * x[i];
        if ((time && !found_time) || (time == found_time && sum > most)) {
            best = k;
            most = sum;
        }
        found_time = found_time || time;
    }
    return best;
}

/* The term of which a factor alone explains most of the misfit; -1: none. */
static pdm_size best_term(pdm_size n, const term_fit *fit, double residual)
{
    pdm_size best = -1;
    for (pdm_size k = 0; k < n; k++)
        if (differs(fit[k].factor, fit[k].error) && fit[k].left <= BETTER * residual &&
            (best < 0 || fit[k].left < fit[best].left))
            best = k;
    return best;
}

static pdm_status append_table(const data_grid *g, const equation *e, const term_fit *fit, pdm_size held,
                               double largest, pdm_text *text)
{
    pdm_status status = PDM_OK;
    pdm_text   label  = {.ctx = g->ctx};

    PDM_TRY(pdm_text_append(text, "%-*s  %9s  %-25s %11s   %s\n", SHOWN, "term", "rms", "factor that fits best",
                            "residual", "all at once"));
    for (pdm_size k = 0; k < e->values.n_term; k++) {
        const term_fit *f = &fit[k];
        pdm_text_destroy(&label);
        label = (pdm_text){.ctx = g->ctx};
        PDM_TRY(append_label(g, &e->summand[e->kept[k]], &label));
        if (label.length > SHOWN) snprintf(label.data + SHOWN - 3, 4, "...");
        PDM_TRY(pdm_text_append(text, "%-*s  %9.3e  %10.5g +- %-9.2g %c %9.3g %%", SHOWN, label.data, f->rms, f->factor,
                                f->error, differs(f->factor, f->error) ? '*' : ' ', 100.0 * f->left / largest));
        if (k == held)
            PDM_TRY(pdm_text_append(text, "   1, held\n"));
        else if (isnan(f->joint))
            PDM_TRY(pdm_text_append(text, "   1, held: it is a sum of others\n"));
        else
            PDM_TRY(pdm_text_append(text, "   %.5g +- %.2g%s\n", f->joint, f->joint_error,
                                    differs(f->joint, f->joint_error) ? " *" : ""));
    }
done:
    pdm_text_destroy(&label);
    return status;
}

/* "0.1 * dx( -0.005*dx(u) )" */
static pdm_status append_scaled(const data_grid *g, const summand *s, double factor, pdm_text *text)
{
    pdm_status status =
        pdm_text_append(text, "%.*g * %s", fabs(factor) < 1000.0 ? 3 : 5, factor, s->dim < 0 ? "(" : "");
    if (status == PDM_OK) status = append_label(g, s, text);
    return status == PDM_OK && s->dim < 0 ? pdm_text_append(text, ")") : status;
}

static pdm_status append_best(const data_grid *g, const summand *s, const term_fit *f, double residual, double largest,
                              pdm_text *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(text, "note: the data fit better with "));
    PDM_TRY(append_scaled(g, s, f->factor, text));
    PDM_TRY(pdm_text_append(text, ": residual %.3g %% instead of %.3g %%\n", 100.0 * f->left / largest,
                            100.0 * residual / largest));
    if (f->factor < -ERRORS * f->error) PDM_TRY(pdm_text_append(text, "note: its sign looks wrong\n"));
done:
    return status;
}

static pdm_status append_joint(const data_grid *g, const equation *e, const term_fit *fit, pdm_size held, double left,
                               double largest, pdm_text *text)
{
    pdm_status status = PDM_OK;
    bool       any    = false;

    for (pdm_size k = 0; k < e->values.n_term; k++)
        if (k != held && differs(fit[k].joint, fit[k].joint_error)) {
            PDM_TRY(pdm_text_append(text, any ? " and " : "note: all at once, the data fit better with "));
            PDM_TRY(append_scaled(g, &e->summand[e->kept[k]], fit[k].joint, text));
            any = true;
        }
    if (any) PDM_TRY(pdm_text_append(text, ": residual %.3g %%\n", 100.0 * left / largest));
    for (pdm_size k = 0; k < e->values.n_term; k++)
        if (k != held && differs(fit[k].joint, fit[k].joint_error) && fit[k].joint < -ERRORS * fit[k].joint_error) {
            PDM_TRY(pdm_text_append(text, "note: the sign of "));
            PDM_TRY(append_label(g, &e->summand[e->kept[k]], text));
            PDM_TRY(pdm_text_append(text, " looks wrong\n"));
        }
done:
    return status;
}

static pdm_status give_numbers(const char *field, const term_fit *fit, pdm_size n, double residual, pdm_size best,
                               findings *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(findings_number(out, residual, "equation.%s.residual", field));
    PDM_TRY(findings_number(out, (double)n, "equation.%s.terms", field));
    PDM_TRY(findings_number(out, (double)best, "equation.%s.best", field));
    for (pdm_size k = 0; k < n; k++) {
        const long long i = k;
        PDM_TRY(findings_number(out, fit[k].rms, "equation.%s.%lld.rms", field, i));
        PDM_TRY(findings_number(out, fit[k].factor, "equation.%s.%lld.factor", field, i));
        PDM_TRY(findings_number(out, fit[k].error, "equation.%s.%lld.error", field, i));
        PDM_TRY(findings_number(out, fit[k].left, "equation.%s.%lld.left", field, i));
        PDM_TRY(findings_number(out, fit[k].joint, "equation.%s.%lld.joint", field, i));
        PDM_TRY(findings_number(out, fit[k].joint_error, "equation.%s.%lld.joint_error", field, i));
    }
done:
    return status;
}

static pdm_status report_equation(const data_grid *g, const equation *e, findings *out)
{
    pdm_text      *text    = &out->text;
    pdm_status     status  = PDM_OK;
    const pdm_size n       = e->values.n_term;
    const char    *field   = pdm_pde_field_name(g->on->pde, e->number);
    const pdm_size held    = held_term(g, e);
    double         largest = 0.0, residual = 0.0, joint_left = 0.0;
    term_fit      *fit = NULL;

    if (n == 0) {
        out->n_note++;
        return pdm_text_append(text, "equation %s: %s\n", field,
                               e->n_coarse + e->n_lost > 0
                                   ? "not checked: the data are too coarse, half of their points would give other terms"
                                   : "not checked: all terms are zero on the data");
    }
    PDM_TRY(pdm_alloc_array(g->ctx, n, &fit));
    PDM_TRY(terms_fit(g->ctx, &e->values, held, fit, &residual, &joint_left));
    for (pdm_size k = 0; k < n; k++) largest = fmax(largest, fit[k].rms);
    const pdm_size best  = best_term(n, fit, residual);
    pdm_size       stars = 0;
    for (pdm_size k = 0; k < n; k++) stars += k != held && differs(fit[k].joint, fit[k].joint_error);
    PDM_TRY(pdm_text_append(text, "equation %s: residual %.3g %% of the largest term (%lld boxes of %lld samples)\n",
                            field, 100.0 * residual / largest, (long long)e->values.n_box, (long long)g->x.n_sample));
    PDM_TRY(append_table(g, e, fit, held, largest, text));
    if (e->n_coarse > 0)
        PDM_TRY(pdm_text_append(text,
                                "%lld of the boxes are left out: half of the data's points would give other terms\n",
                                (long long)e->n_coarse));
    if (e->n_lost > 0)
        PDM_TRY(pdm_text_append(text, "note: a term is not finite in %lld boxes, which were left out\n",
                                (long long)e->n_lost));
    if (best >= 0) PDM_TRY(append_best(g, &e->summand[e->kept[best]], &fit[best], residual, largest, text));
    const bool explained = best >= 0 && fit[best].left < fmax(3.0 * joint_left, DIFFERENT * largest);
    if (!explained) PDM_TRY(append_joint(g, e, fit, held, joint_left, largest, text));
    if (joint_left > BIG * largest)
        PDM_TRY(pdm_text_append(text,
                                "note: no factors make these terms cancel: a term may be missing, a coefficient may "
                                "vary, or the data may be too coarse\n"));
    out->n_note += (best >= 0) + (explained ? 0 : stars) + (e->n_lost > 0) + (joint_left > BIG * largest);
    PDM_TRY(give_numbers(field, fit, n, residual / largest, best, out));
done:
    pdm_free(g->ctx, fit);
    return status;
}

/* ---- findings ---- */

pdm_status findings_number(findings *f, double value, const char *format, ...)
{
    pdm_status status = PDM_OK;
    va_list    list;

    if (f->n_number == f->capacity) {
        named_number  *more     = NULL;
        const pdm_size capacity = 2 * f->capacity + 64;
        PDM_TRY(pdm_alloc_array(f->text.ctx, capacity, &more));
        if (f->n_number > 0) memcpy(more, f->number, (size_t)f->n_number * sizeof *more);
        pdm_free(f->text.ctx, f->number);
        f->number   = more;
        f->capacity = capacity;
    }
    va_start(list, format);
    (void)vsnprintf(f->number[f->n_number].name, sizeof f->number->name, format, list);
    va_end(list);
    f->number[f->n_number++].value = value;
done:
    return status;
}

static pdm_status check_equation(data_grid *g, pdm_size number, findings *out)
{
    pdm_status status = PDM_OK;
    equation  *e      = NULL;

    PDM_TRY(pdm_alloc(g->ctx, sizeof *e, &e));
    PDM_TRY(equation_open(g, number, e));
    drop_bad(e);
    PDM_TRY(report_equation(g, e, out));
done:
    equation_destroy(e);
    pdm_free(g->ctx, e);
    return status;
}

/* What the splines are, dimension by dimension. */
static pdm_status report_grid(const data_grid *g, findings *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = 0; j < pdm_domain_n_dim(g->on->domain); j++) {
        const pdm_spline *s = pdm_domain_spline(g->on->domain, j);
        PDM_TRY(pdm_text_append(&out->text,
                                "%s: %lld points from %.6g to %.6g, %s of degree %lld with %lld control points\n",
                                pdm_pde_dim_name(g->on->pde, j), (long long)g->n_used[j], g->x.coordinate[j][0],
                                g->x.coordinate[j][g->x.n_coordinate[j] - 1],
                                s->n_coef == g->n_used[j] ? "spline through them" : "least-squares spline",
                                (long long)s->degree, (long long)s->n_coef));
    }
done:
    return status;
}

pdm_status pdm_case_check_data(pdm_case *c, const char *data, pdm_sink sink, pdm_number numbers, void *user)
{
    pdm_status status = PDM_OK;
    data_grid  g      = {0};
    findings   out    = {0};

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(pdm_case_context(c), data, "the path of a file with fields");
    out.text.ctx = pdm_case_context(c);
    PDM_TRY(data_grid_open(c, data, &g));
    PDM_TRY(report_grid(&g, &out));
    for (pdm_size i = 0; i < pdm_pde_n_equation(g.on->pde); i++) PDM_TRY(check_equation(&g, i, &out));
    PDM_TRY(conditions_check(&g, &out));
    if (out.n_note == 0) PDM_TRY(pdm_text_append(&out.text, "nothing found: the data obey the case\n"));
    if (sink) sink(user, out.text.data);
    if (numbers) numbers(user, "notes", (double)out.n_note);
    for (pdm_size i = 0; i < out.n_number && numbers; i++) numbers(user, out.number[i].name, out.number[i].value);
done:
    pdm_text_destroy(&out.text);
    if (c) pdm_free(pdm_case_context(c), out.number);
    data_grid_close(&g);
    return status;
}
