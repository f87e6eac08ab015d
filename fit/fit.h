/* Fit: parameters, inputs and initial fields of a case from data. Public calls are in pdemoe/pdemoe.h (pdm_case_fit,
 * pdm_model_fit). docs/fit.md, docs/mathematics.md, "Parameters from data". */
#ifndef PDM_FIT_H
#define PDM_FIT_H

#include "predict/predict.h"

#endif
