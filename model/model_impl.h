/* Inside of model/. */
#ifndef PDM_MODEL_IMPL_H
#define PDM_MODEL_IMPL_H

#include "model/model.h"

/* Formats of the model file. PLAIN: all there is to go on training as if nothing had been. SPARE: without moments of the
 * optimiser, or with moments younger than the model, or with packed weights; a file has it only when it needs it. */
enum { PDM_MODEL_FORMAT_PLAIN = 2, PDM_MODEL_FORMAT_SPARE = 3 };

/* march.c: m->march and m->problem, as the case of m->whole says. */
pdm_status model_create_march(pdm_model *m);
/* boxes.c, windows.c: to or from a model's file. */
pdm_status boxes_store(pdm_model *m, pdm_store *s, bool writing);
pdm_status windows_store(pdm_model *m, pdm_store *s, bool moments, bool writing);
/* judged.c: of a file that does not have it, or has what cannot be, nothing is known. */
pdm_status judged_store(pdm_model *m, pdm_store *s, bool writing);
/* packed.c */
pdm_status packed_put(const pdm_surrogate *net, pdm_store *s, const pdm_packed *p /* NULL: whole */,
                      const float *whole);
pdm_status packed_get(const pdm_surrogate *net, pdm_store *s, float *out);

/* nnls.c: w [n] >= 0, at most `most` of them not zero, that make w.G w - 2 w.right small: gram [n][n] is G. Source:
 * Lawson, Hanson, Solving Least Squares Problems (1974), 23.3, ended early. */
pdm_status nnls_solve(pdm_context *ctx, pdm_size n, pdm_size most, double *gram, double *right, double *w);
/* cubature.c: choice becomes its own; most: of objectives. Solves on few rows alone, the answer stays in x->solver. */
pdm_status cubature_create(pdm_model *m, pdm_row_choice *choice, double most, pdm_cubature **out);
pdm_status cubature_solve(pdm_cubature *x, pdm_batch batch);
pdm_status cubature_store(pdm_model *m, pdm_store *s, bool writing);
/* reduced.c: few rows through the model's columns, which are constant; rows.desc and rows.columns are for a solver whose
 * weights are the model's. */
typedef struct reduced {
    pdm_model          *m;    /* lent */
    const pdm_few_rows *few;  /* lent */
    pdm_points_plan   **plan; /* [n_term] its points */
    pdm_reduced_rows    rows;
    pdm_buffer         *start;     /* like c: what columns are added to */
    pdm_buffer         *at_points; /* [n_batch][most points of a term]  */
    pdm_buffer         *nothing;   /* [n_batch][n_column] zeros: what the solver adds its weights to */
} reduced;
pdm_status reduced_create(pdm_model *m, const pdm_few_rows *few, reduced **out);
void       reduced_destroy(reduced **x);
/* What fields of the prepared samples are without columns, into sampled [n_batch][rows.desc.n_sampled]. */
pdm_status reduced_start(reduced *x, pdm_batch batch, pdm_buffer *sampled);
/* pod.c: columns from solutions, if they are found. */
pdm_status pod_store(pdm_model *m, pdm_store *s, bool writing);

#endif
