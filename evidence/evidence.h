/* Evidence: equations on somebody's data, converged solutions with an estimate of their error, ways to solve side by
 * side. Public calls are in pdemoe/pdemoe.h (pdm_case_check_data, pdm_case_reference, pdm_model_compare_modes). */
#ifndef PDM_EVIDENCE_H
#define PDM_EVIDENCE_H

#include "lines/lines.h"
#include "predict/predict.h"

#endif
