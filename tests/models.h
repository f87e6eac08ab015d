/* A context of its own for every test, and models made in it, for the suites of model/ and above. */
#ifndef PDM_TESTS_MODELS_H
#define PDM_TESTS_MODELS_H

#include <check.h>

#include "tests/problems.h"
#include "train/train.h"

extern pdm_context *ctx;

void open_context(void);
void open_context_threads(int n);
void close_context(void); /* the test fails when something is left in it */

#define OK(call) ck_assert_msg((call) == PDM_OK, "%s", pdm_context_error(ctx))
#define SAYS(words) \
    ck_assert_msg(strstr(pdm_context_error(ctx), words), "no \"%s\" in: %s", words, pdm_context_error(ctx))

/* A setting of a case. */
typedef struct word {
    const char *group, *name, *value;
} word;
void set(pdm_case *c, size_t n, const word *w);

pdm_model *trained(pdm_case *c, int steps);
pdm_model *model_of(pdm_case *c); /* which is destroyed */
/* A model that goes on from another one, in a case that is changed by one setting. */
pdm_model *branch(pdm_model *parent, word change, int steps);
void       write_and_destroy(pdm_model **m, const char *path);

#endif
