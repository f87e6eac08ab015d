/* A step's samples: in chunks, shared out among ranks, and as many at a time as there is room for. */
#include "model/model.h"

/* More samples in a chunk make single precision worse, fewer make calls dearer. */
enum { MOST_CHUNK = 32, CHUNKS = 16 };

pdm_size pdm_model_chunk(const pdm_model *m)
{
    const pdm_size n = (m->n_total + CHUNKS - 1) / CHUNKS;
    return n < MOST_CHUNK ? n : MOST_CHUNK;
}

pdm_share pdm_model_share(const pdm_model *m, pdm_size rank)
{
    const pdm_size  chunk  = pdm_model_chunk(m);
    const pdm_share chunks = pdm_share_of((m->n_total + chunk - 1) / chunk, rank, pdm_n_rank(m->ctx));
    const pdm_size  first = chunks.first * chunk, end = first + chunks.n * chunk; /* the last chunk may be shorter */
    return first < m->n_total ? (pdm_share){first, (end < m->n_total ? end : m->n_total) - first}
                              : (pdm_share){m->n_total, 0};
}

/* Part k of `size` samples of a share. */
static bool turn_to(pdm_model *m, pdm_share of, pdm_size k, pdm_size size)
{
    const pdm_size left = of.n - k * size;

    if (left <= 0) return false;
    m->first = of.first + k * size;
    m->n_now = left < size ? left : size;
    return true;
}

bool pdm_model_turn_to(pdm_model *m, pdm_size k)
{
    return turn_to(m, m->own, k, m->n_batch);
}

bool pdm_model_turn_to_chunk(pdm_model *m, pdm_size k)
{
    return turn_to(m, (pdm_share){0, m->n_total}, k, pdm_model_chunk(m));
}

bool pdm_model_halve(pdm_model *m)
{
    const pdm_size chunk = pdm_model_chunk(m), half = (m->n_batch / 2 + chunk - 1) / chunk * chunk;

    if (half >= m->n_batch || pdm_case_has_group(m->whole->the_case, "gate")) return false;
    m->n_batch = m->n_now = half;
    return true;
}

pdm_status pdm_model_gather(pdm_model *m, const char *what, size_t bytes, void *x)
{
    pdm_status     status = PDM_OK;
    const pdm_size n_rank = pdm_n_rank(m->ctx);
    size_t        *each   = NULL;

    if (n_rank == 1) return PDM_OK;
    PDM_TRY(pdm_alloc_array(m->ctx, n_rank, &each));
    for (pdm_size k = 0; k < n_rank; k++) each[k] = (size_t)pdm_model_share(m, k).n * bytes;
    PDM_TRY(pdm_ranks_gather(m->ctx, what, each, (const char *)x + (size_t)m->own.first * bytes, x));
done:
    pdm_free(m->ctx, each);
    return status;
}
