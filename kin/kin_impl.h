/* Inside of kin/. */
#ifndef PDM_KIN_IMPL_H
#define PDM_KIN_IMPL_H

#include "kin/kin.h"

/* ---- inherit.c ---- */
/* A model of case c with the knots, scales, boxes and learned windows of the parent, and weights of its own. */
pdm_status model_inherit(pdm_case *c, const pdm_model *parent, pdm_model **out);
/* Do the weights of b mean the same in a: names, grid, knots, boxes, gate, network,
 * columns? PDM_ERR_MODEL says what differs. */
pdm_status model_check_kin(const pdm_model *a, const pdm_model *b);
/* A model like m, to be changed: weights, names, history; without moments. */
pdm_status model_copy(const pdm_model *m, pdm_model **out);
/* Where it comes from is what m comes from. */
pdm_status model_take_names(pdm_model *to, const pdm_model *m);
/* Weights of the network, to and from the host: w [n_parameter]. */
pdm_status weights_get(const pdm_model *m, float *w);
pdm_status weights_set(pdm_model *m, const float *w);

/* ---- judge.c: how good models of one grid and one set of scales are, on the same inputs drawn anew and against the
 * fields of a file. floor: 1/2 |r|^2 with all coefficients free, which no network comes below; 0 where it is not known:
 * with more than PDM_FREE_CHEAP coefficients, or when that solve does not converge. ---- */
typedef struct trial_inputs {
    pdm_size n;
    double  *input; /* [n][n_input] of what the network answers: of a march, of its slabs in turn */
    double  *floor; /* [n]          */
    bool     has_floor;
} trial_inputs;
typedef struct judgement {
    pdm_size unconverged; /* solves, those of the file also */
    double   residual;    /* mean of |r| = sqrt(2 phi) over the inputs                                              */
    double   excess;      /* mean of sqrt(2 (phi - floor)): the distance to the free solution in the norm of the rows */
    double   error;       /* mean relative L2 error; NaN: there is no file                                          */
    double   columns;     /* that exist, mean over the inputs; all without a gate                                    */
} judgement;
/* unseen: other than those of training; of training:data there are no others. floor is NULL. */
pdm_status trial_inputs_draw(pdm_model *m, pdm_size n, bool unseen, trial_inputs *out);
pdm_status trial_inputs_create(pdm_model *m, trial_inputs *out); /* so many as judge by, and with floors */
void       trial_inputs_destroy(pdm_context *ctx, trial_inputs *x);
pdm_status judge(pdm_model *m, const trial_inputs *x, const char *against /* NULL: none */, judgement *out);
/* What of a judgement counts: the error where there is a file, else the excess. */
double judgement_measure(const judgement *j);

/* changes.c: " --set GROUP.NAME=VALUE" for all that `after` says and `before` does not, but of solver and training. */
pdm_status changes_print(pdm_case *before, pdm_case *after, pdm_text *text);

/* ---- unused.c: groups of a gate that are hardly ever on, and a model without them ---- */
typedef struct unused_groups {
    pdm_size       n, n_keep; /* groups; 0: there is no gate, or its use is not known */
    unsigned char *keep;      /* [n]                                                   */
    double        *use;       /* [n] largest share of samples over experts             */
} unused_groups;
/* keep: those that are on in `share` of the samples of some expert, or more. */
pdm_status unused_groups_find(const pdm_model *m, double share, unused_groups *out);
void       unused_groups_destroy(pdm_context *ctx, unused_groups *x);
/* A model like m with the groups that are kept: same step, knots and scales, no moments; m stays as it is.
 * n_keep: 1 or more. */
pdm_status model_without_groups(const pdm_model *m, const unused_groups *x, pdm_model **out);

/* ---- rank_order.c: the matrices of all modes, taken apart into directions by how much they
 * change the network's output --- */
typedef struct rank_order rank_order;
pdm_status rank_order_create(pdm_model *m, rank_order **out); /* of the weights as they are; draws inputs */
void       rank_order_destroy(pdm_context *ctx, rank_order **x);
pdm_size   rank_order_n_mode(const rank_order *x); /* of all tensors together, so many matrices */
pdm_size   rank_order_n_direction(const rank_order *x);
/* So many directions hold this share of what all of them do to the output (squared). */
pdm_size rank_order_count(const rank_order *x, double energy);
/* The first n of them, into p->tensor, which is allocated and empty; the caller destroys it. */
pdm_status rank_order_take(const rank_order *x, pdm_size n, pdm_packed *p);

/* teach.c: the gate of m learns to choose for its experts what the parent's gate chooses for those that had their control
 * points. Fails with PDM_ERR_NUMERIC. Nothing where one of them has no gate. */
pdm_status gate_teach(pdm_model *m, pdm_model *parent);

#endif
