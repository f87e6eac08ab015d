/* What a comparison of models says: a table, then numbers, the first of which is `within`. */
#include "cli/cli.h"

#include <string.h>

void comparison_text(void *user, const char *text)
{
    report_text(((comparison *)user)->r, text);
}

void comparison_number(void *user, const char *name, double value)
{
    comparison *x = user;
    if (strcmp(name, "within") == 0) {
        x->within = value != 0.0;
        (void)report_wants_numbers(x->r);
    }
    if (x->r->options->json) json_real(name, value);
}
