/* Inside of gate/: routing's struct, shared by choice, price and balance; and what files hand to each other. */
#ifndef PDM_GATE_IMPL_H
#define PDM_GATE_IMPL_H

#include "gate/gate.h"

struct pdm_routing {
    pdm_context            *ctx;
    pdm_routing_settings    settings;
    const pdm_columns_desc *columns;
    const pdm_size         *column0; /* [n_expert+1]                                                   */
    pdm_size                n_dim, n_expert, n_choice, n_column;
    int32_t                *group_of; /* [n_column] 0 .. groups-1; groups: shared                       */
    int32_t                *size;     /* [n_expert][groups+1] columns of a group; the last: shared ones */
    double                 *points;   /* [n_expert] control points                                      */
    double                 *place;    /* [n_expert][n_dim] middle, -1 to 1                              */
    int32_t                *order;    /* [n_choice] work                                                */
    unsigned char          *trial;    /* [n_choice] work                                                */
    bool                    frozen;
    /* [n_sample][...] */
    unsigned char *on, *group_on, *null;
    double        *ridge;
    int32_t       *n_on;
    double        *load; /* [n_expert] work */
};

/* g(p) and its derivative */
static inline double routing_weight(const pdm_routing *r, double p)
{
    const double t = 0.5 / (double)r->n_choice;
    return p * (1.0 + t) / (p + t);
}
static inline double routing_weight_slope(const pdm_routing *r, double p)
{
    const double t = 0.5 / (double)r->n_choice;
    return t * (1.0 + t) / ((p + t) * (p + t));
}

/* usage.c: how often experts and groups were chosen in recent steps of training. */
void usage_layout(pdm_gate *g);
void usage_clear(pdm_gate *g);
void usage_take(pdm_gate *g, pdm_batch batch); /* what is chosen now, as that of one step */
void usage_scale(pdm_gate *g, double share);
void usage_add(pdm_gate *g, const pdm_gate *other, double share);                 /* of as many experts and groups */
void usage_select(pdm_gate *to, const pdm_gate *from, const unsigned char *keep); /* of the groups that are kept */
pdm_status usage_store(pdm_gate *g, pdm_store *s, bool writing);
/* odd.c: warns of a step in which every expert of every sample is null, once a run. step: done before it. */
void tell_closed(pdm_gate *g, pdm_size step, const pdm_routing_load *load);

#endif
