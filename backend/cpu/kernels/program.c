/* The block interpreter: straight-line programs over blocks of points. */
#include "backend/cpu/cpu_impl.h"

#include <string.h>

enum { BLOCK = PDM_CPU_PROGRAM_BLOCK };

/* Scratch: registers [n_register][BLOCK], then where each register's values are now [n_register]: in its own place, or,
 * for an input of a full block, where the caller has them. */
size_t pdm_cpu_program_scratch(const pdm_program *program)
{
    return program ? (size_t)program->n_register * (BLOCK * sizeof(double) + sizeof(double *)) : 0;
}

/* Input values of points first .. first+n as a block of `full`, whole vectors; beyond n the last point is repeated. */
static const double *block_of_input(const double *in, pdm_size stride, pdm_size first, pdm_size n, pdm_size full,
                                    double *place)
{
    if (stride == 1 && n == full) return in + first;
    if (stride == 0) {
        for (pdm_size i = 0; i < full; i++) place[i] = in[0];
    } else {
        memcpy(place, in + first, (size_t)n * sizeof *place);
        for (pdm_size i = n; i < full; i++) place[i] = in[first + n - 1];
    }
    return place;
}

void pdm_cpu_program_run(const pdm_cpu_kernels *k, const pdm_program *program, pdm_size n, const double *const *in,
                         const pdm_size *stride, double *const *out, void *scratch)
{
    double        *place = scratch;
    const double **value = (const double **)(void *)(place + program->n_register * BLOCK);

    for (pdm_size r = 0; r < program->n_register; r++) value[r] = place + r * BLOCK;
    for (pdm_size first = 0; first < n; first += BLOCK) {
        const pdm_size points = n - first < BLOCK ? n - first : BLOCK,
                       full   = (points + PDM_CPU_LANES_MOST - 1) / PDM_CPU_LANES_MOST * PDM_CPU_LANES_MOST;
        for (pdm_size i = 0; i < program->n_instruction; i++) {
            const pdm_instruction *s      = &program->instruction[i];
            double                *target = place + (pdm_size)s->target * BLOCK;
            if (s->opcode == PDM_OPCODE_INPUT) {
                value[s->target] = block_of_input(in[s->a], stride[s->a], first, points, full, target);
            } else {
                const double *a = s->a < 0 ? NULL : value[s->a], *b = s->b < 0 ? NULL : value[s->b];
                k->program_step((pdm_opcode)s->opcode, full, a, b, s->value, target);
                value[s->target] = target;
            }
        }
        for (pdm_size o = 0; o < program->n_output; o++)
            memcpy(out[o] + first, value[program->output[o]], (size_t)points * sizeof(double));
    }
}
