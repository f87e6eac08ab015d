/* In place of ida.c, in a build without SUNDIALS. */
#include "lines/lines.h"

#include "lines/lines_impl.h"

bool pdm_lines_is_built(void)
{
    return false;
}

pdm_status pdm_lines_integrate(pdm_lines *l, double tolerance, const double *magnitude, const pdm_size *n,
                               const double *const *coordinate, double *u, pdm_lines_work *work)
{
    (void)tolerance;
    (void)magnitude;
    (void)n;
    (void)coordinate;
    (void)u;
    (void)work;
    return pdm_error_set(l->ctx, PDM_ERR_ARGUMENT, NULL, __func__,
                         "this pdemoe is built without SUNDIALS, which integrates the method of lines in time "
                         "(Debian: libsundials-dev)");
}
