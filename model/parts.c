/* A step's samples: in chunks, and as many at a time as there is room for. */
#include "model/model.h"

/* More samples in a chunk make single precision worse, fewer make calls dearer. */
enum { MOST_CHUNK = 32, CHUNKS = 16 };

pdm_size pdm_model_chunk(const pdm_model *m)
{
    const pdm_size n = (m->n_total + CHUNKS - 1) / CHUNKS;
    return n < MOST_CHUNK ? n : MOST_CHUNK;
}

static bool turn_to(pdm_model *m, pdm_size k, pdm_size size)
{
    const pdm_size first = k * size, left = m->n_total - first;

    if (left <= 0) return false;
    m->first = first;
    m->n_now = left < size ? left : size;
    return true;
}

bool pdm_model_turn_to(pdm_model *m, pdm_size k)
{
    return turn_to(m, k, m->n_batch);
}

bool pdm_model_turn_to_chunk(pdm_model *m, pdm_size k)
{
    return turn_to(m, k, pdm_model_chunk(m));
}

bool pdm_model_halve(pdm_model *m)
{
    const pdm_size chunk = pdm_model_chunk(m), half = (m->n_batch / 2 + chunk - 1) / chunk * chunk;

    if (half >= m->n_batch || pdm_case_has_group(m->whole->the_case, "gate")) return false;
    m->n_batch = m->n_now = half;
    return true;
}
