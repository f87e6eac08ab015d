/* Knots about narrow data: what no point of equal spans sees, in a dimension of space whose knots the case leaves open
 * and along which the field spreads, has spans of its own width, which grow away from it.
 * docs/mathematics.md, "Data between the points". */
#include "problem/problem.h"

#include <math.h>

#include "problem/problem_impl.h"

enum { SPANS_LEAST = 8, FEATURES_MOST = 4 };
static const double EVEN        = 0.15; /* of the spans: shared out evenly, whatever is narrow                   */
static const double NARROWEST   = 1e-8; /* of the extent: knots have to be told apart                            */
static const double MOST_GROWTH = 1.2;  /* logarithm of the ratio of spans side by side, for answers to be right */

/* Features along a dimension, and the density of spans they ask for: EVEN / L and, for each,
 * (1 - EVEN) / n of 1 / sqrt(w^2 + (x - at)^2), its integral over the extent taken for 1. */
typedef struct narrow_line {
    double      low, high;
    pdm_size    n;
    pdm_feature feature[FEATURES_MOST];
} narrow_line;

/* Width of the extent about a feature in asinh, where spans are equal. */
static double range_of(const narrow_line *k, pdm_size i)
{
    const double at = k->feature[i].at, w = k->feature[i].width;
    return asinh((k->high - at) / w) - asinh((k->low - at) / w);
}

static double share_below(const narrow_line *k, double x)
{
    double sum = EVEN * (x - k->low) / (k->high - k->low);
    for (pdm_size i = 0; i < k->n; i++) {
        const double at = k->feature[i].at, w = k->feature[i].width;
        const double below = asinh((x - at) / w) - asinh((k->low - at) / w);
        sum += (1.0 - EVEN) / (double)k->n * below / range_of(k, i);
    }
    return sum;
}

/* Where so much of the density lies below. */
static double place_of(const narrow_line *k, double share)
{
    double low = k->low, high = k->high;
    for (int turn = 0; turn < 100; turn++) {
        const double middle = 0.5 * (low + high);
        if (share_below(k, middle) < share)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

/* Of n spans about features, farther out than their widths: the logarithm of the ratio of two side by side. */
static double growth_of(const narrow_line *k, double n)
{
    double most = 0.0;
    for (pdm_size i = 0; i < k->n; i++) most = fmax(most, range_of(k, i) * (double)k->n / ((1.0 - EVEN) * n));
    return most;
}

bool pdm_narrow_is_there(const pdm_problem *p)
{
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++)
        if (p->data_growth[j] > 0.0) return true;
    return false;
}

bool pdm_narrow_is_strained(const pdm_problem *p, pdm_size dim)
{
    return p->data_growth[dim] > MOST_GROWTH;
}

pdm_status pdm_narrow_view(const pdm_problem *p, pdm_size dim, pdm_text *out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);
    const pdm_size    enough = (pdm_size)ceil((double)s->n_span * p->data_growth[dim] / MOST_GROWTH);

    PDM_TRY(pdm_text_append(out, "%s, about data that are narrower than equal spans; spans grow by a factor of %.2g",
                            pdm_pde_dim_name(p->pde, dim), exp(p->data_growth[dim])));
    if (pdm_narrow_is_strained(p, dim))
        PDM_TRY(pdm_text_append(out, ", which is much: %lld control points expected",
                                (long long)pdm_domain_control_points(p->domain, dim, enough)));
    PDM_TRY(pdm_text_append(out, "; grading = \"none\" turns it off"));
done:
    return status;
}

/* ---- what is narrow ---- */

static pdm_status takes_knots(const note_state *s, const pdm_unseen *u, pdm_size dim, bool *does)
{
    const pdm_pde *pde = s->p->pde;

    *does = false;
    if (u->field < 0 || u->n_feature[dim] == 0) return PDM_OK;
    if (pdm_pde_has_time(pde)) return start_spreads(s, u->field, dim, does);
    *does = pdm_pde_order(pde, u->field, dim) == 2;
    return PDM_OK;
}

static void add_features(const pdm_unseen *u, pdm_size dim, narrow_line *k)
{
    for (pdm_size i = 0; i < u->n_feature[dim]; i++) {
        const pdm_feature *f    = &u->feature[dim][i];
        bool               here = false;
        for (pdm_size q = 0; q < k->n; q++) here = here || fabs(k->feature[q].at - f->at) < u->apart[dim];
        if (!here && k->n < FEATURES_MOST && f->width > NARROWEST * (k->high - k->low)) k->feature[k->n++] = *f;
    }
}

static bool is_open(const pdm_problem *p, const pdm_grading *found, pdm_size dim)
{
    return !found->interior[dim] && !(dim == 0 && pdm_pde_has_time(p->pde)) &&
           pdm_domain_says_no_knots(p->domain, dim) && pdm_domain_n_kink(p->domain, dim) == 0 &&
           pdm_pde_n_derived(p->pde) == 0 && pdm_domain_spline(p->domain, dim)->n_span >= SPANS_LEAST;
}

static pdm_status grade(const pdm_problem *p, pdm_size dim, const narrow_line *k, pdm_grading *out)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = pdm_domain_spline(p->domain, dim);

    PDM_TRY(pdm_alloc_array(p->ctx, s->n_span - 1, &out->interior[dim]));
    for (pdm_size i = 1; i < s->n_span; i++)
        out->interior[dim][i - 1] = pdm_map_inverse(&s->map, place_of(k, (double)i / (double)s->n_span));
done:
    return status;
}

pdm_status narrow_find(const pdm_problem *p, pdm_grading *out, double *growth)
{
    pdm_status      status = PDM_OK;
    double         *input  = NULL;
    note_state      s      = {0};
    pdm_unseen_list list;

    PDM_TRY(pdm_domain_unseen(p->domain, NULL, p->magnitude, PDM_UNSEEN_FIXED, &list));
    if (list.n == 0) goto done;
    PDM_TRY(pdm_alloc_array(p->ctx, pdm_domain_n_input(p->domain), &input));
    pdm_inputs_typical(p->inputs, 0.0, input);
    PDM_TRY(note_state_create(p, input, &s));
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        const pdm_map *map = &pdm_domain_spline(p->domain, j)->map;
        narrow_line    k   = {.low = map->low, .high = map->high};
        for (pdm_size i = 0; i < list.n && is_open(p, out, j); i++) {
            bool does;
            PDM_TRY(takes_knots(&s, &list.item[i], j, &does));
            if (does) add_features(&list.item[i], j, &k);
        }
        if (k.n == 0) continue;
        PDM_TRY(grade(p, j, &k, out));
        growth[j] = growth_of(&k, (double)pdm_domain_spline(p->domain, j)->n_span);
    }
done:
    note_state_destroy(&s);
    pdm_free(p->ctx, input);
    return status;
}
