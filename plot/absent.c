/* In place of all that draws, in a build without Cairo. */
#include "plot/plot.h"

#include "core/core.h"

pdm_status plot_draw(pdm_context *ctx, const plot_request *q, plot_result *out)
{
    (void)q;
    (void)out;
    return pdm_error_set(ctx, PDM_ERR_UNSUPPORTED, NULL, __func__,
                         "plot: this build has no Cairo, which draws the pictures. Debian: apt-get install "
                         "libcairo2-dev, then configure with -DPDM_CAIRO=ON and build again");
}
