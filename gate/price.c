/* Supply and demand: what a group is worth against what its unknowns cost. docs/mathematics.md, "Gate". */
#include "gate/gate.h"

#include <math.h>

#include "gate/gate_impl.h"

static const double LOG_LEAST = -60.0, LOG_MOST = 60.0;        /* of a price */
static const double SURCHARGE_MOST = 30.0, EVENING_RATE = 1.0; /* of log surcharges; of a first step of one */
enum { BISECTIONS = 50, EVENINGS = 40 };

void pdm_routing_add_worth(const pdm_routing *r, const double *column_worth, double unit, double *worth)
{
    for (pdm_size i = 0; i < r->n_expert * r->n_choice; i++) worth[i] = 0.0;
    for (pdm_size e = 0; e < r->n_expert; e++)
        for (pdm_size i = r->column0[e]; i < r->column0[e + 1]; i++)
            worth[e * r->n_choice + r->group_of[i]] += column_worth[i] / unit;
}

static double cost(const pdm_routing *r, pdm_size e, pdm_size k)
{
    return (double)r->size[e * r->n_choice + k] / (double)r->n_column;
}

/* Unknowns that one expert keeps at a price; all of them where the worth is not known. */
static double kept(const pdm_routing *r, const double *worth, pdm_size e, double price)
{
    const pdm_size groups = r->settings.groups;
    double         n = 0.0, sum = 0.0;
    for (pdm_size k = 0; k < r->n_choice; k++) sum += worth[k];
    if (!isfinite(sum)) return (double)(r->column0[e + 1] - r->column0[e]);
    for (pdm_size k = 0; k < groups; k++)
        if (worth[k] > price * cost(r, e, k)) n += (double)r->size[e * r->n_choice + k];
    if (n > 0.0 || worth[groups] > price * cost(r, e, groups)) n += (double)r->size[e * r->n_choice + groups];
    return n;
}

static double kept_of(const pdm_routing *r, pdm_size sample, pdm_size e, const double *worth, double log_price,
                      const double *log_surcharge)
{
    const pdm_size at = sample * r->n_expert + e;
    return kept(r, worth + at * r->n_choice, e, exp(log_price + log_surcharge[at]));
}

/* The share of unknowns falls with the price. */
static double find_price(const pdm_routing *r, pdm_batch batch, double unknowns, const double *worth,
                         const double *log_surcharge)
{
    double low = LOG_LEAST, high = LOG_MOST;
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = 0.5 * (low + high);
        double       n      = 0.0;
        for (pdm_size s = 0; s < batch.n; s++)
            for (pdm_size e = 0; e < r->n_expert; e++) n += kept_of(r, batch.index[s], e, worth, middle, log_surcharge);
        if (n > unknowns * (double)(batch.n * r->n_column))
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Raises the surcharges of the samples of `group` where loads are above their mean, lowers them where they are below. */
static void even_out(pdm_routing *r, pdm_batch group, const double *worth, double log_price, double rate,
                     double *log_surcharge)
{
    double sum = 0.0;
    for (pdm_size e = 0; e < r->n_expert; e++) {
        r->load[e] = 0.0;
        for (pdm_size s = 0; s < group.n; s++) {
            const double n = kept_of(r, group.index[s], e, worth, log_price, log_surcharge);
            r->load[e] += r->points[e] * n * n;
        }
        sum += r->load[e] / (double)r->n_expert;
    }
    for (pdm_size e = 0; e < r->n_expert && sum > 0.0; e++)
        for (pdm_size s = 0; s < group.n; s++) {
            double *x = &log_surcharge[group.index[s] * r->n_expert + e];
            *x        = fmax(-SURCHARGE_MOST, fmin(SURCHARGE_MOST, *x + rate * (r->load[e] / sum - 1.0)));
        }
}

double pdm_routing_log_price(pdm_routing *r, pdm_batch batch, double unknowns, pdm_balance kind, const double *worth,
                             double *log_surcharge)
{
    for (pdm_size s = 0; s < batch.n; s++)
        for (pdm_size e = 0; e < r->n_expert; e++) log_surcharge[batch.index[s] * r->n_expert + e] = 0.0;
    double log_price = find_price(r, batch, unknowns, worth, log_surcharge);
    if (r->settings.balance == 0.0) return log_price;
    for (int i = 0; i < EVENINGS; i++) {
        const double rate = EVENING_RATE * (1.0 - (double)i / EVENINGS);
        if (kind == PDM_BALANCE_GLOBAL)
            even_out(r, batch, worth, log_price, rate, log_surcharge);
        else
            for (pdm_size s = 0; s < batch.n; s++)
                even_out(r, (pdm_batch){1, &batch.index[s]}, worth, log_price, rate, log_surcharge);
        log_price = find_price(r, batch, unknowns, worth, log_surcharge);
    }
    for (pdm_size s = 0; s < batch.n; s++)
        for (pdm_size e = 0; e < r->n_expert; e++)
            log_surcharge[batch.index[s] * r->n_expert + e] *= r->settings.balance;
    return find_price(r, batch, unknowns, worth, log_surcharge);
}

/* How much an expert wants a group, 0 to 1: 1/2 where it is worth what it costs. */
static double want(double worth, double cost_of)
{
    if (!(worth > 0.0) || cost_of == 0.0) return 0.0;
    const double ratio = cost_of / worth;
    return 1.0 / (1.0 + ratio * ratio);
}

void pdm_routing_target(const pdm_routing *r, const double *worth, double log_price, const double *log_surcharge,
                        double *t)
{
    const pdm_size groups = r->settings.groups;
    for (pdm_size e = 0; e < r->n_expert; e++, worth += r->n_choice, t += r->n_choice) {
        const double price = exp(log_price + log_surcharge[e]);
        double       sum = 0.0, none = 1.0 - want(worth[groups], price * cost(r, e, groups));
        for (pdm_size k = 0; k < groups; k++) {
            t[k] = r->size[e * r->n_choice + k] > 0 ? want(worth[k], price * cost(r, e, k)) : 0.0;
            none *= 1.0 - t[k];
        }
        t[groups] = none;
        for (pdm_size k = 0; k < r->n_choice; k++) sum += t[k] + 0.0 * worth[k]; /* NaN where one is */
        for (pdm_size k = 0; k < r->n_choice; k++) t[k] = sum > 0.0 ? t[k] / sum : isnan(sum) ? NAN : k == groups;
    }
}
