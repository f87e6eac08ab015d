/* Inputs drawn: for a step of training, typical ones, and others than those of training. */
#include "inputs/inputs.h"

#include <string.h>

static pdm_size pick_of(pdm_random_key key, uint64_t index, pdm_size n)
{
    const pdm_size k = (pdm_size)(pdm_random_uniform(key, index) * (double)n);
    return k < n ? k : n - 1;
}

/* One sample; values of inputs by number of the sample under these keys. */
static void draw_sample(pdm_inputs *x, pdm_random_key draw, pdm_random_key pick, pdm_size sample, double *input)
{
    const pdm_size n = x->n;
    for (pdm_size i = 0; i < n; i++) {
        double        *own  = input + pdm_domain_input_offset(x->domain, i);
        const pdm_size size = pdm_domain_input_size(x->domain, i);
        if (x->pool[i].is_there) {
            const uint64_t index = (uint64_t)(sample * n + x->pool[i].file);
            memcpy(own, x->pool[i].value + pick_of(pick, index, x->pool[i].n_sample) * size,
                   (size_t)size * sizeof *own);
        } else if (x->field[i]) {
            pdm_random_field_draw(x->field[i], draw, i, sample, PDM_NORMALISE_NONE, own);
        } else { /* by number of the input, not by place: the grid of a field does not change what a scalar gets */
            *own = pdm_distribution_draw(&x->distribution[i], draw, (uint64_t)(sample * n + i));
        }
    }
}

/* Scalars in the middle of their distributions; of fields one draw, with its proper amplitude;
 * the first of given ones. */
void pdm_inputs_typical(pdm_inputs *x, double off, double *input)
{
    const pdm_random_key key = {x->seed, PDM_RANDOM_TYPICAL, 0};
    for (pdm_size i = 0; i < x->n; i++) {
        const pdm_size at = pdm_domain_input_offset(x->domain, i), size = pdm_domain_input_size(x->domain, i);
        if (x->given.n_sample > 0)
            memcpy(input + at, x->given.input + at, (size_t)size * sizeof *input);
        else if (x->pool[i].is_there)
            memcpy(input + at, x->pool[i].value, (size_t)size * sizeof *input);
        else if (x->field[i])
            pdm_random_field_draw(x->field[i], key, i, 0, PDM_NORMALISE_RMS, input + at);
        else
            input[at] = x->shift[i] + off / x->scale[i];
    }
}

enum { BLOCK = 4096 }; /* samples of a key, as pdm_random_field_draw() wants it */

pdm_status pdm_inputs_draw_stream(pdm_inputs *x, pdm_size first, pdm_size n, double *input)
{
    pdm_status status = PDM_OK;

    for (pdm_size k = 0; k < x->n; k++)
        if (x->distribution[k].kind == PDM_DISTRIBUTION_NONE && !x->pool[k].is_there)
            PDM_FAIL(x->ctx, PDM_ERR_DATA, "input \"%s\" has no distribution to draw from; a reference file expected",
                     pdm_pde_input(x->pde, k)->name);
    PDM_TRY(pdm_inputs_read(x));
    for (pdm_size i = first; i < first + n; i++) {
        const uint64_t       block = 2 * (uint64_t)(i / BLOCK);
        const pdm_random_key draw = {x->seed, PDM_RANDOM_TEST, block}, pick = {x->seed, PDM_RANDOM_TEST, block + 1};
        draw_sample(x, draw, pick, i % BLOCK, input + (i - first) * pdm_domain_n_input(x->domain));
    }
done:
    return status;
}

pdm_status pdm_inputs_draw_unseen(pdm_inputs *x, pdm_size n, double *input)
{
    return pdm_inputs_draw_stream(x, 0, n, input);
}

pdm_status pdm_inputs_draw_step(pdm_inputs *x, pdm_size step, pdm_size first, pdm_size n, double *input, int32_t *pick)
{
    pdm_status           status  = PDM_OK;
    const pdm_random_key draw    = {x->seed, PDM_RANDOM_INPUT, (uint64_t)step};
    const pdm_random_key picking = {x->seed, PDM_RANDOM_BATCH, (uint64_t)step};
    const pdm_size       n_input = pdm_domain_n_input(x->domain);

    PDM_TRY(pdm_inputs_read(x)); /* a model read from a file has not needed them before */
    for (pdm_size i = 0; i < n; i++) {
        if (x->given.n_sample > 0) {
            pick[i] = (int32_t)pick_of(picking, (uint64_t)(first + i), x->given.n_sample);
            memcpy(input + i * n_input, x->given.input + pick[i] * n_input, (size_t)n_input * sizeof *input);
        } else {
            draw_sample(x, draw, picking, first + i, input + i * n_input);
        }
    }
done:
    return status;
}

void pdm_inputs_draw_first(pdm_inputs *x, pdm_size n, double *input)
{
    const pdm_random_key draw = {x->seed, PDM_RANDOM_INPUT, 0}, pick = {x->seed, PDM_RANDOM_BATCH, 0};
    for (pdm_size i = 0; i < n; i++) draw_sample(x, draw, pick, i, input + i * pdm_domain_n_input(x->domain));
}
