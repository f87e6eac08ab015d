/* Small trainings of every kind, for suites of how a step is worked on: in parts, by ranks. */
#ifndef PDM_TESTS_KINDS_H
#define PDM_TESTS_KINDS_H

#include "model/model.h"

enum { KIND_WORDS = 10, KIND_BATCH = 11, KIND_STEPS = 8, N_KIND = 7 };
typedef struct training_kind {
    const char *name;
    struct {
        const char *group, *name, *value;
    } words[KIND_WORDS];
} training_kind;
extern const training_kind training_kinds[N_KIND];

/* A model of the kind, with batches of KIND_BATCH, for so many steps; destroy it. */
pdm_status kind_model(pdm_context *ctx, const training_kind *k, int steps, pdm_model **out);
/* Fields of a few inputs, for the kind that is trained on such: a file, to be removed. */
pdm_status kind_write_data(pdm_context *ctx);
#define KIND_DATA "kinds_data.nc"
/* All that is learned: the network's weights, logits of windows. Owned by the caller, free(). */
pdm_status kind_weights(pdm_model *m, pdm_size *n, double **out);
/* Fields of three inputs at the model's default points. Owned by the caller, free(). */
pdm_status kind_answer(pdm_model *m, pdm_size *n, double **out);

#endif
