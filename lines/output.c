/* From nodes to output coordinates. */
#include "lines/lines.h"

#include "lines/lines_impl.h"

pdm_status lines_output_create(const pdm_lines *l, const pdm_size *n, const double *const *coordinate,
                               lines_output *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size k = 0; k < l->n_space; k++) {
        lines_difference *v = &out->value[k];
        out->n[k]           = n[k + 1];
        v->width            = PDM_LINES_WIDTH;
        PDM_TRY(pdm_alloc_array(l->ctx, n[k + 1], &v->n));
        PDM_TRY(pdm_alloc_array(l->ctx, n[k + 1] * v->width, &v->node));
        PDM_TRY(pdm_alloc_array(l->ctx, n[k + 1] * v->width, &v->weight));
        for (pdm_size i = 0; i < n[k + 1]; i++) {
            pdm_size m;
            pdm_nodes_value(&l->axis[k].nodes, coordinate[k + 1][i], &m, v->node + i * v->width,
                            v->weight + i * v->width);
            v->n[i] = (int32_t)m;
        }
    }
done:
    if (status != PDM_OK) lines_output_destroy(l, out);
    return status;
}

void lines_output_destroy(const pdm_lines *l, lines_output *out)
{
    for (pdm_size k = 0; k < LINES_MAX_SPACE; k++) {
        pdm_free(l->ctx, out->value[k].n);
        pdm_free(l->ctx, out->value[k].node);
        pdm_free(l->ctx, out->value[k].weight);
    }
    *out = (lines_output){0};
}

void lines_output_put(const pdm_lines *l, const lines_output *o, const double *y, pdm_size field, double *u)
{
    const bool     plane = l->n_space == 2;
    const pdm_size inner = plane ? o->n[1] : 1, stride = plane ? l->axis[1].nodes.n : 1;

    for (pdm_size i = 0; i < o->n[0] * inner; i++) {
        const lines_difference *a = &o->value[0], *b = &o->value[1];
        const pdm_size          p = i / inner, q = i % inner;
        double                  sum = 0.0;
        for (pdm_size k = 0; k < a->n[p]; k++) {
            const pdm_size node = a->node[p * a->width + k] * stride;
            double         line = plane ? 0.0 : y[node * l->n_variable + field];
            for (pdm_size m = 0; plane && m < b->n[q]; m++)
                line += b->weight[q * b->width + m] * y[(node + b->node[q * b->width + m]) * l->n_variable + field];
            sum += a->weight[p * a->width + k] * line;
        }
        u[i] = sum;
    }
}
