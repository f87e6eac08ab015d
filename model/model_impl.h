/* Inside of model/. */
#ifndef PDM_MODEL_IMPL_H
#define PDM_MODEL_IMPL_H

#include "model/model.h"

/* Formats of the model file. PLAIN: all there is to go on training as if nothing had been. SPARE: without moments of the
 * optimiser, or with moments younger than the model, or with packed weights; a file has it only when it needs it. */
enum { PDM_MODEL_FORMAT_PLAIN = 2, PDM_MODEL_FORMAT_SPARE = 3 };

/* model.c: what works on batches, and all that a model has for itself, destroyed. */
pdm_status model_make_parts(pdm_model *m);
void       model_empty(pdm_model *m);
/* room.c: adds to an error for want of memory, in pdm_model_finish(), which batch would fit. Empties or
 * destroys *m. */
void room_tell(pdm_model **m);
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

/* nnls.c: least squares A x = b in numbers x >= 0, few of which are not zero. Source: Lawson, Hanson, Solving Least
 * Squares Problems (1974), 23.3, ended early. at [n][m]: A, transposed, and b [m], lent. */
typedef struct nnls nnls;
pdm_status nnls_create(pdm_context *ctx, pdm_size m, pdm_size n, const double *at, const double *b, nnls **out);
void       nnls_destroy(nnls **x);
/* Goes on until `most` numbers are not zero, or nothing makes |A x - b| smaller; how many are not zero. */
pdm_size      nnls_extend(nnls *x, pdm_size most);
const double *nnls_numbers(const nnls *x); /* [n] lent */
/* cubature.c: list becomes its own; most: of objectives. Solves on few rows alone, the answer stays in x->solver. */
pdm_status cubature_create(pdm_model *m, pdm_row_list *list, double most, pdm_cubature **out);
pdm_status cubature_solve(pdm_cubature *x, pdm_batch batch);
pdm_status cubature_store(pdm_model *m, pdm_store *s, bool writing);
/* pod.c: columns from solutions, if they are found. */
pdm_status pod_store(pdm_model *m, pdm_store *s, bool writing);

#endif
