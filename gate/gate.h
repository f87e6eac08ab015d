/* The gate: a small network that says which groups of columns each expert has for each sample, and what it learns from.
 * It takes arrays of numbers on the host; it knows experts and their columns, but no model, solver or training.
 * docs/mathematics.md, "Gate".
 *
 * The N columns of an expert in a field are `shared` ones, then `groups` routed groups of equal size; group k of an
 * expert is its k-th group in all fields. Choices are the groups and, last, the null expert.
 *
 * Read from a case, group "gate" (absent: no gate): see ROUTING_SETTINGS in gate/routing.c. */
#ifndef PDM_GATE_H
#define PDM_GATE_H

#include "experts/experts.h"

/* ---- routing: from probabilities to columns (gate/routing.c) ---- */
typedef struct pdm_routing pdm_routing;

typedef struct pdm_routing_settings {
    pdm_size groups, shared, hidden;
    double   top_p, unknowns, ridge, balance, learning_rate;
} pdm_routing_settings;

/* For batches of up to n_sample. *out NULL when the case has no group "gate". Experts are lent for its life. */
pdm_status pdm_routing_create(pdm_context *ctx, pdm_case *c, const pdm_domain *domain, const pdm_experts *experts,
                              pdm_size n_sample, pdm_routing **out);
void       pdm_routing_destroy(pdm_routing **r);
pdm_status pdm_routing_settings_view(pdm_text *out);
pdm_status pdm_routing_view(const pdm_routing *r, pdm_text *out);

const pdm_routing_settings *pdm_routing_get_settings(const pdm_routing *r);
pdm_size                    pdm_routing_n_expert(const pdm_routing *r);
pdm_size                    pdm_routing_n_choice(const pdm_routing *r); /* groups + 1 */
/* Columns of group k of an expert, all fields together; k = groups: shared ones. */
pdm_size pdm_routing_size(const pdm_routing *r, pdm_size expert, pdm_size k);
pdm_size pdm_routing_n_in(const pdm_routing *r, pdm_size n_feature); /* numbers of an expert */

/* What an expert sees of a sample: mean and largest size of every feature over its control points, and where it is, -1
 * to 1. features [n_feature][n_coef] FP32; x [n_expert][n_in]. */
void pdm_routing_pool(const pdm_routing *r, pdm_size n_feature, const float *features, double *x);

/* An expert whose null choice reaches top_p by itself has no column at all. Any other has its shared columns and the
 * fewest groups, most probable first (ties: the lower number), whose sum reaches top_p of what the null choice leaves.
 * Weights of groups are g = p (1 + t)/(p + t), t = 1/(2 n_choice), their columns' ridge is ridge/g^2; shared ones have
 * solver_ridge. p [n_expert][n_choice] of the sample. Fails with PDM_ERR_NUMERIC on a probability that is not a number.
 * While frozen, sets stay as they are. */
pdm_status pdm_routing_choose(pdm_routing *r, pdm_size sample, const double *p, double solver_ridge);
void       pdm_routing_freeze(pdm_routing *r, bool frozen);
/* How many columns all experts of a sample together would have with these probabilities [n_expert][n_choice]. */
pdm_size pdm_routing_count(pdm_routing *r, const double *p);
/* All columns of the sample exist, with solver_ridge, whatever the gate says. */
void pdm_routing_open(pdm_routing *r, pdm_size sample, double solver_ridge);
/* g_p [n_expert][n_choice] += backward of choose, the sets fixed; g_ridge [n_column] of the sample. */
void pdm_routing_backward(const pdm_routing *r, pdm_size sample, const double *p, const double *g_ridge, double *g_p);

/* What was chosen, [n_sample][...]. Lent. */
typedef struct pdm_routing_choice {
    const unsigned char *on;       /* [n_column]                                         */
    const double        *ridge;    /* [n_column]                                         */
    const unsigned char *group_on; /* [n_expert][groups]                                 */
    const unsigned char *null;     /* [n_expert]                                         */
    const int32_t       *n_on;     /* [n_expert] columns                                 */
} pdm_routing_choice;
pdm_routing_choice pdm_routing_lend(const pdm_routing *r);

/* Of the samples of a batch: share of the unknowns that exist, share of experts (of those that could have columns) that
 * are null, and the largest over the mean of the experts' loads,
 * a load being the sum over the batch of control points x columns^2. */
typedef struct pdm_routing_load {
    double unknowns, null, load;
} pdm_routing_load;
pdm_routing_load pdm_routing_measure(const pdm_routing *r, pdm_batch batch);

/* The same by experts: columns on the mean, share of samples in which an expert is null, its load of a sample on the
 * mean, and the share of samples in which a group is on. */
typedef struct pdm_routing_use {
    double *columns, *null, *load; /* [n_expert]         */
    double *group;                 /* [n_expert][groups] */
} pdm_routing_use;
/* to = (1 - share) to + share x those of the batch */
void pdm_routing_blend_use(const pdm_routing *r, pdm_batch batch, double share, const pdm_routing_use *to);

/* ---- price (gate/price.c): what probabilities should be, from what groups are worth and cost ---- */
/* Adds up the worth of columns [n_column], relative to `unit`, by groups: worth [n_expert][groups + 1], the last of an
 * expert for its shared columns. NaN where a column's is. */
void pdm_routing_add_worth(const pdm_routing *r, const double *column_worth, double unit, double *worth);
/* Whose loads are to be even: those of experts over the whole batch, or over each sample by itself. */
typedef enum pdm_balance { PDM_BALANCE_GLOBAL, PDM_BALANCE_LOCAL } pdm_balance;
/* Returns the logarithm of the price at which experts that keep what is worth more than it costs, at price x surcharge
 * x share of unknowns, have that share of all unknowns of the batch. log_surcharge [n_sample][n_expert]: 0, or with
 * settings.balance > 0 that share of what would make the loads even. worth [n_sample][n_expert][groups + 1]. */
double pdm_routing_log_price(pdm_routing *r, pdm_batch batch, double unknowns, pdm_balance kind, const double *worth,
                             double *log_surcharge);
/* Probabilities for one sample at that price: t [n_expert][n_choice], each row adds up to 1; NaN where the worth is not
 * known. log_surcharge [n_expert]. */
void pdm_routing_target(const pdm_routing *r, const double *worth, double log_price, const double *log_surcharge,
                        double *t);

/* ---- the network (gate/network.c): from what an expert sees to probabilities of choices ----
 * One hidden layer, the same for all experts:  p = softmax(W_1 tanh(W_0 x + b_0) + b_1).
 * FP64, on the host: it has a few hundred weights, and what it decides is needed there. W_1 and b_1 start at zero, so
 * that all choices are as probable as each other. */
typedef struct pdm_gate_net pdm_gate_net;

/* For up to n_row rows (experts of samples) of n_in numbers, n_choice choices. Weights are drawn from seed. */
pdm_status pdm_gate_net_create(pdm_context *ctx, pdm_size n_in, pdm_size n_hidden, pdm_size n_choice, pdm_size n_row,
                               uint64_t seed, pdm_gate_net **out);
void       pdm_gate_net_destroy(pdm_gate_net **g);

/* p [n][n_choice] from x [n][n_in]; what backward needs of row i is kept in place i. */
void pdm_gate_net_forward(pdm_gate_net *g, pdm_size first, pdm_size n, const double *x, double *p);
/* Adds to the gradient, of rows first .. first+n-1; g_score [n][n_choice]: cotangents of the scores before softmax. */
void pdm_gate_net_backward(pdm_gate_net *g, pdm_size first, pdm_size n, const double *x, const double *g_score);
/* g_score += softmax' g_p of one row. */
void pdm_gate_net_softmax_backward(pdm_size n_choice, const double *p, const double *g_p, double *g_score);

pdm_weights pdm_gate_net_lend(pdm_gate_net *g); /* W_0, b_0, W_1, b_1, one behind the other */
/* pdm_weights_update() of these. */
bool pdm_gate_net_update(pdm_gate_net *g, pdm_size step, double rate);

/* ---- the gate at work (gate/gate.c) ---- */
enum { PDM_GATE_OPENING = 10 }; /* steps at the start of training in which all columns exist, where the gate is new */
typedef struct pdm_gate {
    pdm_context       *ctx;
    const pdm_experts *experts;
    pdm_size           n_feature;
    pdm_routing       *routing;
    pdm_gate_net      *net;
    pdm_arena          arena;
    pdm_balance        balance;   /* global; tests try the other one */
    double             log_price; /* running mean; NaN: none yet */
    double             drift;     /* added to it for the share that was missed so far */
    double             next_price, next_drift;
    pdm_size
         opening; /* steps in which all columns exist: PDM_GATE_OPENING, or 0 for a gate that a parent has trained */
    bool told_closed; /* said in this run that no expert has columns */
    /* usage.c */
    pdm_routing_use use, mean_use; /* running sums of means of steps; those over use_weight, to be lent */
    double          use_weight;    /* 1 - (memory)^(steps taken in)                                     */
    /* [n_sample][n_expert][...] */
    double *x;                          /* [n_in]     */
    double *p, *g_p, *g_score, *target; /* [n_choice] */
    double *worth;                      /* [n_choice] */
    double *surcharge;                  /* one        */
} pdm_gate;

/* For batches of up to n_sample. *out NULL when the case has no group "gate". Experts are lent for its life. */
pdm_status pdm_gate_create(pdm_context *ctx, pdm_case *c, const pdm_domain *domain, const pdm_experts *experts,
                           pdm_size n_sample, uint64_t seed, pdm_gate **out);
void       pdm_gate_destroy(pdm_gate **g);
/* At first all columns exist, and a new gate learns what it would choose. step: done so far. */
bool pdm_gate_is_open(const pdm_gate *g, pdm_size step);
/* What experts see of a sample: features [n_feature][n_coef]. */
void pdm_gate_pool(pdm_gate *g, pdm_size sample, const float *features);
/* Which columns the samples have, into g->routing; all of them where open. Fails with PDM_ERR_NUMERIC. */
pdm_status pdm_gate_choose(pdm_gate *g, pdm_batch batch, bool open, double solver_ridge, pdm_routing_load *load);
/* Overwrites the gradient by the weights with that of a loss, from g_ridge [n_sample][n_column],
 * its derivative by ridges. */
void pdm_gate_backward(pdm_gate *g, pdm_batch good, bool open, const double *g_ridge);
/* What pdm_solver_worth says of the samples: worth [n_sample][n_column], least [n_sample] and objective [n_sample]. */
typedef struct pdm_gate_worth {
    const double *column, *least, *objective;
} pdm_gate_worth;
/* Turns the gradient of the loss into that of log loss + cross entropy with what groups are worth; *distance: of the
 * probabilities from what they should be. Fails with PDM_ERR_NUMERIC when the gradient is not finite. */
pdm_status pdm_gate_learn(pdm_gate *g, pdm_batch good, double loss, pdm_gate_worth worth, double *distance);
/* When a step of the gate is made: steps of training done, the one from which the optimiser counts, and the present
 * rate of something that starts at the gate's learning_rate and falls like the network's. */
typedef struct pdm_gate_time {
    pdm_size step, since;
    double   rate;
} pdm_gate_time;
/* A step of the optimiser on the same samples; `all` and load: those of the last choice. Returns the price. */
double pdm_gate_update(pdm_gate *g, pdm_batch good, pdm_batch all, pdm_gate_time time, const pdm_routing_load *load);
/* In a model's file. moments: of the optimiser, too. */
pdm_status pdm_gate_store(pdm_gate *g, pdm_store *s, bool moments, bool writing);
/* Warns at the end of a run, where the share of unknowns is far from the one wanted (gate/odd.c). step: done. */
void pdm_gate_tell_missed(const pdm_gate *g, pdm_size step);

/* ---- how it has routed (gate/usage.c, usage_report.c): means over recent steps of training ---- */
typedef struct pdm_gate_usage {
    pdm_size      n_expert, n_group; /* 0, and all else NULL: no gate                                   */
    double        weight;            /* 0: no steps are known, and all numbers are NaN; 1: as many as count */
    const double *columns;           /* [n_expert] columns that exist, mean over samples                */
    const double *null;              /* [n_expert] share of samples in which an expert is null          */
    const double *load;              /* [n_expert] control points x columns^2, mean over samples        */
    const double *group;             /* [n_expert][n_group] share of samples in which a group is on     */
} pdm_gate_usage;
pdm_gate_usage pdm_gate_get_usage(const pdm_gate *g /* NULL: no gate */); /* lent until the next step */
/* In words, with the boxes of measured experts also without a gate (g NULL); as numbers routing.*. */
pdm_status pdm_gate_usage_view(pdm_context *ctx, const pdm_gate *g, const pdm_experts *x, const pdm_domain *d,
                               pdm_text *out);
pdm_status pdm_gate_usage_numbers(const pdm_gate *g, const pdm_experts *x, const pdm_domain *d, pdm_number numbers,
                                  void *user);

/* ---- what is chosen in a prediction of n samples (gate/record.c) ---- */
typedef struct pdm_gate_record pdm_gate_record;
typedef struct pdm_gate_shares {
    double unknowns, null; /* means over all samples; NaN without a gate */
} pdm_gate_shares;
/* g NULL: no gate; then only measured boxes are written. o NULL: nothing is; else variables are defined. */
pdm_status pdm_gate_record_create(pdm_context *ctx, const pdm_gate *g, const pdm_experts *x, const pdm_domain *d,
                                  pdm_output *o, pdm_size n, pdm_gate_record **out);
/* What is chosen now for the first n samples of a batch, from sample `first` of the prediction on. */
void pdm_gate_record_take(pdm_gate_record *r, pdm_size first, pdm_size n);
/* Puts it into the output, and says what it comes to. */
pdm_status pdm_gate_record_end(const pdm_gate_record *r, pdm_gate_shares *out);
void       pdm_gate_record_destroy(pdm_gate_record **r);

/* ---- gates of models that are made from models (gate/kin.c) ---- */
/* Do the two have gates whose weights mean the same, or none? note [size] says what differs, a against b. */
bool pdm_gate_agrees(const pdm_gate *a, const pdm_gate *b, char *note, size_t size);
/* g becomes the mean of itself and of others that agree with it; shares add up to 1. Nothing where g is NULL. */
typedef struct pdm_gate_mean {
    double log_price, known; /* sums over gates whose price is known */
} pdm_gate_mean;
void pdm_gate_mean_begin(pdm_gate *g, double share, pdm_gate_mean *mean);
void pdm_gate_mean_add(pdm_gate *g, const pdm_gate *other, double share, pdm_gate_mean *mean);
void pdm_gate_mean_end(pdm_gate *g, const pdm_gate_mean *mean);
void pdm_gate_forget_moments(pdm_gate *g);
/* The weights and use of those choices of the parent that are kept, keep [its groups]; the price for the share of
 * unknowns that they are now. */
void pdm_gate_select(pdm_gate *g, const pdm_gate *parent, const unsigned char *keep);
/* The parent's weights and, for as many experts, its price; a gate that the parent lacks, and usage, start anew. step:
 * the parent's. Nothing where either is NULL. */
void pdm_gate_take(pdm_gate *g, const pdm_gate *parent, pdm_size step);

#endif
