/* The reference interpreter of programs: one point at a time, nothing clever. What all others are tested against. */
#include "backend/backend.h"

#include <math.h>

static double step_of(pdm_opcode opcode, double a, double b)
{
    switch (opcode) {
    case PDM_OPCODE_NEG: return -a;
    case PDM_OPCODE_ADD: return a + b;
    case PDM_OPCODE_SUB: return a - b;
    case PDM_OPCODE_MUL: return a * b;
    case PDM_OPCODE_DIV: return a / b;
    case PDM_OPCODE_POW: return pow(a, b);
    case PDM_OPCODE_SQUARE: return a * a;
    case PDM_OPCODE_RECIPROCAL: return 1.0 / a;
    case PDM_OPCODE_EXP: return exp(a);
    case PDM_OPCODE_LOG: return log(a);
    case PDM_OPCODE_SQRT: return sqrt(a);
    case PDM_OPCODE_SIN: return sin(a);
    case PDM_OPCODE_COS: return cos(a);
    case PDM_OPCODE_TAN: return tan(a);
    case PDM_OPCODE_SINH: return sinh(a);
    case PDM_OPCODE_COSH: return cosh(a);
    case PDM_OPCODE_TANH: return tanh(a);
    case PDM_OPCODE_ERF: return erf(a);
    case PDM_OPCODE_ATAN: return atan(a);
    case PDM_OPCODE_LOG1P: return log1p(a);
    case PDM_OPCODE_ABS: return fabs(a);
    case PDM_OPCODE_SIGN: return a > 0.0 ? 1.0 : a < 0.0 ? -1.0 : a; /* NaN stays NaN */
    case PDM_OPCODE_STEP: return a > 0.0 ? 1.0 : a <= 0.0 ? 0.0 : a;
    case PDM_OPCODE_MIN: return a < b ? a : b;
    case PDM_OPCODE_MAX: return a > b ? a : b;
    case PDM_OPCODE_CONST:
    case PDM_OPCODE_INPUT:
    case PDM_OPCODE_COUNT: break;
    }
    return NAN;
}

void pdm_program_evaluate(const pdm_program *p, const double *in, double *out, double *work)
{
    for (pdm_size i = 0; i < p->n_instruction; i++) {
        const pdm_instruction *k = &p->instruction[i];
        if (k->opcode == PDM_OPCODE_CONST)
            work[k->target] = k->value;
        else if (k->opcode == PDM_OPCODE_INPUT)
            work[k->target] = in[k->a];
        else
            work[k->target] = step_of((pdm_opcode)k->opcode, work[k->a], k->b >= 0 ? work[k->b] : 0.0);
    }
    for (pdm_size i = 0; i < p->n_output; i++) out[i] = work[p->output[i]];
}
