/* A step's numbers by name: for pdm_model_value(), and for the log. */
#include "train/train.h"

#include "train/train_impl.h"

#define PLACE(name, member)                     \
    {                                           \
        name, offsetof(pdm_step_report, member) \
    }
static const pdm_number_place of_step[] = {PLACE("loss", loss),
                                           PLACE("loss.first", loss_first),
                                           PLACE("loss.last", loss_last),
                                           PLACE("gradient", gradient),
                                           PLACE("rate", rate),
                                           PLACE("solves", solves),
                                           PLACE("iterations", iterations),
                                           PLACE("failed", failed),
                                           PLACE("failed.share", failed_share),
                                           PLACE("seconds", seconds),
                                           PLACE("seconds.data", seconds_data),
                                           PLACE("seconds.network", seconds_network),
                                           PLACE("seconds.solve", seconds_solve),
                                           PLACE("seconds.adjoint", seconds_adjoint),
                                           PLACE("seconds.backward", seconds_backward),
                                           PLACE("seconds.gate", seconds_gate),
                                           PLACE("seconds.update", seconds_update)};
static const pdm_number_place of_gate[] = {PLACE("gate.unknowns", gate_unknowns), PLACE("gate.null", gate_null),
                                           PLACE("gate.load", gate_load), PLACE("gate.price", gate_price),
                                           PLACE("gate.distance", gate_distance)};
static const pdm_number_place in_log[]  = {PLACE("loss", loss),      PLACE("gradient", gradient),
                                           PLACE("rate", rate),      PLACE("iterations", iterations),
                                           PLACE("failed", failed),  PLACE("failed.share", failed_share),
                                           PLACE("seconds", seconds)};
enum {
    N_STEP = sizeof of_step / sizeof *of_step,
    N_GATE = sizeof of_gate / sizeof *of_gate,
    N_LOG  = sizeof in_log / sizeof *in_log
};

void step_values(pdm_model *m, const pdm_step_report *r)
{
    pdm_values_set_all(m->ctx, &m->values, N_STEP, of_step, r);
    if (m->gate) pdm_values_set_all(m->ctx, &m->values, N_GATE, of_gate, r);
}

static void append(const pdm_step_report *r, pdm_size n, const pdm_number_place *place, logged_number *out)
{
    for (pdm_size i = 0; i < n; i++)
        out[i] = (logged_number){place[i].name, *(const double *)((const char *)r + place[i].offset)};
}

pdm_size step_logged(const pdm_step_report *r, bool gate, logged_number out[LOGGED_MOST])
{
    append(r, N_LOG, in_log, out);
    if (gate) append(r, N_GATE, of_gate, out + N_LOG);
    return N_LOG + (gate ? N_GATE : 0);
}
