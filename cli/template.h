/* Texts of cases for `pdemoe new`, cli/new/KIND.cdl: CDL in which a line may begin with words, each behind an '@', and
 * one blank. It is kept, without them, where all hold: "2" for two dimensions of space, "2+" for two or more, and the
 * name of conditions ("value", "flux", "periodic"). One attribute or group a line. */
#ifndef PDM_CLI_TEMPLATE_H
#define PDM_CLI_TEMPLATE_H

#include "cli/cli.h"

/* The case for so many dimensions and these conditions; to be freed, NULL: no memory. */
char *template_expand(const char *text, int dims, const char *conditions);
/* *text with one attribute set, new or not, in a group, new or not: *text is freed and replaced. Fails with CODE_USAGE
 * where a name cannot be one, or the value has more than a line. */
exit_code template_set(session *s, char **text, const setting *wanted);

#endif
