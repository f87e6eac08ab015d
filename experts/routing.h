/* Routing: which groups of columns an expert has for a sample, from probabilities that a gate gives. docs/mathematics.md, "Gate".
 *
 * The N columns of an expert in a field are `shared` ones, then `groups` routed groups of equal size; group k of an expert is
 * its k-th group in all fields. Choices are the groups and, last, the null expert.
 *
 * Read from a case, group "gate" (absent: no gate): see ROUTING_SETTINGS in routing.c. */
#ifndef PDM_ROUTING_H
#define PDM_ROUTING_H

#include "experts/experts.h"

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

/* What an expert sees of a sample: mean and largest size of every feature over its control points, and where it is, -1 to 1.
 * features [n_feature][n_coef] FP32; x [n_expert][n_in]. */
void pdm_routing_pool(const pdm_routing *r, pdm_size n_feature, const float *features, double *x);

/* An expert whose null choice reaches top_p by itself has no column at all. Any other has its shared columns and the fewest
 * groups, most probable first (ties: the lower number), whose sum reaches top_p of what the null choice leaves. Weights of groups are
 * g = p (1 + t)/(p + t), t = 1/(2 n_choice), their columns' ridge is ridge/g^2; shared ones have solver_ridge.
 * p [n_expert][n_choice] of the sample. Fails with PDM_ERR_NUMERIC on a probability that is not a number.
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

/* Of the samples of a batch: share of the unknowns that exist, share of experts (of those that could have columns) that are null, and the largest over the mean
 * of the experts' loads, a load being the sum over the batch of control points x columns^2. */
typedef struct pdm_routing_load {
    double unknowns, null, load;
} pdm_routing_load;
pdm_routing_load pdm_routing_measure(const pdm_routing *r, pdm_batch batch);

/* The same by experts: columns on the mean, share of samples in which an expert is null, its load of a sample on the mean, and
 * the share of samples in which a group is on. */
typedef struct pdm_routing_use {
    double *columns, *null, *load; /* [n_expert]         */
    double *group;                 /* [n_expert][groups] */
} pdm_routing_use;
/* to = (1 - share) to + share x those of the batch */
void pdm_routing_blend_use(const pdm_routing *r, pdm_batch batch, double share, const pdm_routing_use *to);

/* ---- price.c: what probabilities should be, from what groups are worth and cost ---- */
/* Adds up the worth of columns [n_column], relative to `unit`, by groups: worth [n_expert][groups + 1], the last of an expert
 * for its shared columns. NaN where a column's is. */
void pdm_routing_add_worth(const pdm_routing *r, const double *column_worth, double unit, double *worth);
/* Whose loads are to be even: those of experts over the whole batch, or over each sample by itself. */
typedef enum pdm_balance { PDM_BALANCE_GLOBAL, PDM_BALANCE_LOCAL } pdm_balance;
/* Returns the logarithm of the price at which experts that keep what is worth more than it costs, at price x surcharge x share of
 * unknowns, have that share of all unknowns of the batch. log_surcharge [n_sample][n_expert]: 0, or with
 * settings.balance > 0 that share of what would make the loads even. worth [n_sample][n_expert][groups + 1]. */
double pdm_routing_log_price(pdm_routing *r, pdm_batch batch, double unknowns, pdm_balance kind, const double *worth,
                             double *log_surcharge);
/* Probabilities for one sample at that price: t [n_expert][n_choice], each row adds up to 1; NaN where the worth is not known.
 * log_surcharge [n_expert]. */
void pdm_routing_target(const pdm_routing *r, const double *worth, double log_price, const double *log_surcharge,
                        double *t);

#endif
