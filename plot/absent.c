/* In place of all that draws, in a build without Cairo. */
#include "cli/plot/plot.h"

exit_code plot_draw(session *s, const options *o, plot_result *out)
{
    (void)o;
    (void)out;
    return fail(s, CODE_UNSUPPORTED,
                "plot: this build has no Cairo, which draws the pictures. Debian: apt-get install libcairo2-dev, then "
                "configure "
                "with -DPDM_CAIRO=ON and build again");
}
