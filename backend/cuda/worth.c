/* What unknowns are worth: who comes first is settled on the host, which knows what exists. */
#include "backend/cuda/blocks_impl.h"

#include <math.h>

enum { SCRATCH_MOST = 1 << 28 }; /* bytes; more samples come one part after the other */

pdm_status worth_create(pdm_cuda *cu, const pdm_blocks_desc *d, pdm_blocks_plan *p)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = cu->base.ctx;
    worth_plan  *k      = &p->worth;
    worth_set   *set    = NULL;
    pdm_size     widest = 0;

    k->n_set = d->n_set;
    if (d->n_set == 0) return PDM_OK;
    PDM_TRY(pdm_alloc_array(ctx, d->n_set, &set));
    for (pdm_size i = 0; i < d->n_set; i++) {
        set[i] = (worth_set){(int32_t)d->set0[i], (int32_t)d->set0[i + 1]};
        if (d->set0[i + 1] - d->set0[i] > widest) widest = d->set0[i + 1] - d->set0[i];
    }
    PDM_TRY(cuda_keep(cu, &p->owned, set, d->n_set, &k->on_device));
    k->set    = set;
    set       = NULL;
    k->stride = d->n_unknown * widest + widest * (widest + 1) / 2 + widest;
    k->n_part = SCRATCH_MOST / (d->n_set * k->stride * (pdm_size)sizeof(double) + 1);
    if (k->n_part < 1) k->n_part = 1;
    if (k->n_part > p->n_sample) k->n_part = p->n_sample;
    PDM_TRY(cuda_reserve(cu, (size_t)(k->n_part * d->n_set * k->stride) * sizeof(double)));
    PDM_TRY(pdm_alloc_array(ctx, k->n_part * d->n_unknown, &k->which));
    PDM_TRY(pdm_alloc_array(ctx, k->n_part * d->n_set, &k->m));
done:
    pdm_free(ctx, set);
    return status;
}

void worth_destroy(pdm_cuda *cu, pdm_blocks_plan *p)
{
    pdm_free(cu->base.ctx, p->worth.set);
    pdm_free(cu->base.ctx, p->worth.which);
    pdm_free(cu->base.ctx, p->worth.m);
}

/* The unknowns of a set that exist: those that are not preferred, then those that are, the last one first. at and
 * preferred [n_unknown]; preferred NULL: none. Returns how many. */
static int32_t list_set(worth_set set, const int32_t *at, const unsigned char *preferred, int32_t *which)
{
    int32_t m = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t u = set.end - 1; u >= set.set0; u--)
            if (at[u] >= 0 && (preferred && preferred[u]) == (pass == 1)) which[m++] = u;
    return m;
}

static pdm_status run_part(pdm_cuda *cu, pdm_blocks_plan *p, pdm_batch s, const unsigned char *preferred,
                           worth_args args)
{
    pdm_status     status    = PDM_OK;
    worth_plan    *k         = &p->worth;
    const pdm_size n_unknown = p->args.n_unknown;

    for (pdm_size i = 0; i < s.n; i++)
        for (pdm_size l = 0; l < k->n_set; l++)
            k->m[i * k->n_set + l] = list_set(k->set[l], p->at.host + s.index[i] * n_unknown,
                                              preferred ? preferred + s.index[i] * n_unknown : NULL,
                                              k->which + i * n_unknown + k->set[l].set0);
    args.blocks.n_listed = s.n;
    PDM_TRY(cuda_post_list(cu, s, &args.blocks.index));
    PDM_TRY(cuda_post(cu, k->which, s.n * n_unknown, &args.which));
    PDM_TRY(cuda_post(cu, k->m, s.n * k->n_set, &args.m));
    PDM_TRY(cuda_launch(cu, worth_kernel,
                        ((cuda_grid){.blocks_x = k->n_set, .blocks_y = s.n, .threads = BLOCKS_THREADS}), &args));
done:
    return status;
}

pdm_status blocks_worth_cuda(pdm_backend *b, pdm_blocks_plan *plan, pdm_batch s, pdm_buffer *L, pdm_buffer *x,
                             const unsigned char *preferred, pdm_buffer *out)
{
    CUDA_HERE(b);
    pdm_status status = PDM_OK;
    pdm_cuda  *cu     = pdm_cuda_of(b);
    worth_args args   = {.blocks     = plan->args,
                         .set        = plan->worth.on_device,
                         .n_set      = plan->worth.n_set,
                         .set_stride = plan->worth.stride,
                         .scratch    = cu->scratch,
                         .nan        = NAN};

    args.blocks.L   = cuda_data(L);
    args.blocks.y   = cuda_data(x);
    args.blocks.out = cuda_data(out);
    for (pdm_size i = 0; i < s.n && plan->worth.n_set > 0; i += plan->worth.n_part) {
        const pdm_size n = s.n - i < plan->worth.n_part ? s.n - i : plan->worth.n_part;
        PDM_TRY(run_part(cu, plan, (pdm_batch){n, s.index + i}, preferred, args));
    }
done:
    return status;
}
