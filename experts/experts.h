/* Experts: who owns which control coefficients, and in which basis. c = c_lift + C w.
 *
 * Read from a case:
 *   /domain/DIM:experts               experts along a dimension (1)
 *   /experts:boxes "equal|measured"   all of one size; or cut in two, again and again, where a few solutions are hard
 *                                     to reach
 *   /domain/DIM:prior_experts         boxes along a dimension that the prior's polynomials are made for (experts)
 *   /experts:basis                    columns per expert and field (N); fewer where an expert has fewer free coefficients
 *   /experts:prior_columns            which of the prior's columns these are added to (0 1 ... N-1)
 *   /experts:partition "hard|smooth|learned"   0/1 ownership, windows that blend over `overlap` control points, or
 *                                     windows that start like these and are weights of the model
 *   /experts:overlap
 *   /experts:learning_rate            of learned windows
 *   /experts:slabs                    intervals of time that they answer one after the other (1: all of it at once)
 *   /experts:prior "polynomial|none|taylor|pod"   what the channels are added to; of the last: all there is, no channels
 *   /experts:guess "none|network"     what the experts' sum is added to beside the lift */
#ifndef PDM_EXPERTS_H
#define PDM_EXPERTS_H

#include "domain/domain.h"

typedef struct pdm_experts pdm_experts;

/* Learned columns: N per expert and field, from channels field*N .. field*N+N-1 of the basis.
 * bounds [n_expert][n_dim][2]: for boxes = "measured", the first control point of every expert along every dimension
 * and the one behind its last, from pdm_experts_cut(); NULL: equal boxes. Copied. */
pdm_status pdm_experts_create(pdm_context *ctx, pdm_case *c, const pdm_domain *domain, const int64_t *bounds,
                              pdm_experts **out);
/* Does the case have boxes = "measured"? The bounds that were given for it are lent, NULL: none. */
bool           pdm_experts_wants_boxes(const pdm_experts *x);
const int64_t *pdm_experts_boxes(const pdm_experts *x);
/* Bounds of as many boxes as x has experts, for solutions less their lifts, d [n_sample][n_field][n_coef] over the
 * fields' sizes: from one box on, that is cut whose best cut makes what polynomials on its parts leave of d least, a
 * sum of squares. Dimensions with one expert are not cut, and no box is without a free coefficient. bounds
 * [n_expert][n_dim][2]. Fails with PDM_ERR_NUMERIC where d is not finite. Source: regression trees, Breiman et al.
 * (1984), with polynomial leaves. */
pdm_status pdm_experts_cut(const pdm_experts *x, pdm_size n_sample, const double *d, int64_t *bounds);
/* All free coefficients are unknowns of their own (polish): tiles of about tile unknowns each. */
pdm_status pdm_experts_create_free(pdm_context *ctx, const pdm_domain *domain, pdm_size tile, pdm_experts **out);
void       pdm_experts_destroy(pdm_experts **x);

/* Length of the columns of a field, 1 at first: its size. Changes the description: call before back ends take it. */
void pdm_experts_set_scale(pdm_experts *x, pdm_size field, double scale);

/* prior "taylor": the first channels of every field are added to what follows from the initial state
 * (pdm_taylor_columns), the rest to polynomials. false with any other prior. */
bool pdm_experts_has_base(const pdm_experts *x);
/* That sum's part for one sample, from its packed input and its lift: base [n_channel][n_coef] FP32, of unit root mean
 * square on each expert's coefficients (of a smooth partition: on all), zero elsewhere; to be added to the network's
 * output. Holds scratch: one thread at a time. Fails as pdm_taylor_features() does. */
pdm_status pdm_experts_base(pdm_experts *x, const double *input, const double *lift, float *base);

const pdm_columns_desc *pdm_experts_columns(const pdm_experts *x);
pdm_size                pdm_experts_n_column(const pdm_experts *x);
/* [n_expert+1] first column of each expert in w. */
const pdm_size *pdm_experts_column0(const pdm_experts *x);

/* Columns per expert and field of experts that are not short of coefficients. */
pdm_size pdm_experts_basis(const pdm_experts *x);
/* Do channels behind those of the columns, one a field, hold a guess of what solutions are beyond the lift? */
bool pdm_experts_guess(const pdm_experts *x);
/* prior "pod": the columns, group by group [n_coef_g][n_col_g], behind them what is added to every lift, the offset
 * [n_field][n_coef] in sizes of fields. Zeros until somebody sets them; then back ends are to be told
 * (pdm_solver_take_windows). Lent; nothing with another prior. */
typedef struct pdm_pod {
    pdm_size n; /* numbers of both */
    double  *column, *offset;
} pdm_pod;
pdm_pod pdm_experts_pod(const pdm_experts *x);
/* [N] rising: the prior's column that each of an expert's is added to. Lent. */
const int32_t *pdm_experts_numbers(const pdm_experts *x);

/* ---- learned windows (experts/learned.c); docs/mathematics.md, "Learned windows" ---- */
/* Logits, one for each expert that shares a control point with others, point by point: lent, to be read and written. n
 * is 0 with another partition, and where no control point is shared. */
pdm_weights pdm_experts_logits(const pdm_experts *x);
pdm_size    pdm_experts_n_shared(const pdm_experts *x); /* control points with logits */
double      pdm_experts_learning_rate(const pdm_experts *x);
/* Windows into the columns' description, from the logits as they are; at creation they are.
 * Back ends take them after that. */
void pdm_experts_put_windows(pdm_experts *x);
/* The logits' gradient += backward of put_windows, where windows still are those that it has put.
 * g_window [pdm_experts_n_window]: group by group as in the description. */
void     pdm_experts_windows_backward(pdm_experts *x, const double *g_window);
pdm_size pdm_experts_n_window(const pdm_experts *x);
/* Are the logits of a and b those of the same experts at the same control points? */
bool pdm_experts_same_logits(const pdm_experts *a, const pdm_experts *b);

pdm_size pdm_experts_along(const pdm_experts *x, pdm_size dim); /* experts along a dimension */

/* ---- elements (experts/elements.c) ---- */
/* Does an element belong to an expert, along a dimension? The owner is that of the control point whose Greville point
 * is nearest to the element's middle; of two as near the upper one's. (A smooth partition's control points belong to
 * who has them in the hard one.) */
bool pdm_experts_owns(const pdm_experts *x, pdm_size expert, pdm_size dim, pdm_size element);
/* Does an element, element[j] along dimension j, see control points of more than one expert? */
bool pdm_experts_meet(const pdm_experts *x, const pdm_size *element);

/* ---- where experts are, in physical coordinates (experts/bounds.c) ---- */
/* bounds [n_expert][n_dim][2]: from and to along each dimension, halfway (in the parameter coordinate) between the
 * Greville points of the control points in an expert's box and of those next to them; to the end of a bounded dimension
 * where no expert with control points is further out. Boxes do not overlap, though the windows on them may. In a
 * periodic dimension `from` lies in the extent, and a box that goes on at the other side has its `to` beyond the
 * extent's end. NaN for an expert without control points. */
void pdm_experts_bounds(const pdm_experts *x, double *bounds);

/* ---- experts that do not share out coefficients (experts/wide.c) ----
 * Each has its functions wherever the rows of its own elements look, neighbours' control points included. What they have
 * in common is decided afterwards, by the windows. docs/mathematics.md, "Modes". */
typedef struct pdm_wide pdm_wide;

/* As many columns for every expert as x has, of window 1, at all free control points that the expert owns or that
 * elements it owns see; polynomials are those of the expert's box, continued. x is lent for its life. */
pdm_status pdm_wide_create(pdm_context *ctx, const pdm_experts *x, pdm_wide **out);
void       pdm_wide_destroy(pdm_wide **w);

const pdm_columns_desc *pdm_wide_columns(const pdm_wide *w);
/* Windows of x of one expert: share [n_field][n_coef]; they add up to 1 over the experts at free coefficients,
 * and are 0 at others. */
void pdm_wide_share(const pdm_wide *w, pdm_size expert, double *share);

/* /experts:slabs, for who makes the domain that experts are on. */
pdm_status pdm_experts_slabs(pdm_case *c, pdm_size *out);
pdm_status pdm_experts_settings_view(pdm_text *out);
pdm_status pdm_experts_view(const pdm_experts *x, pdm_text *out);

#endif
