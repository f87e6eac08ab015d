/* Weights in the model file: whole or as factors of low rank, in single or in half precision.
 *
 * Group /weights has for tensor NAME either NAME, whole, or NAME.rank [n_mode] and NAME.factors [sum of ranks][2][n_in
 * + n_out]: of each direction of a mode, in the order of modes, the real parts of l and r and then their imaginary
 * parts, the mode's matrix being the sum of l_i r_o over its directions. In half precision (IEEE 754 binary16) the
 * numbers of a tensor are divided by half_scale [n_tensor], a power of two, first; 0 there means that the tensor is in
 * single precision. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/model_impl.h"

/* ---- half precision ---- */

/* To nearest, ties to even. |x| <= 1, where binary16 has no infinity to meet. */
static uint16_t half_of(float x)
{
    const uint16_t sign = signbit(x) ? 0x8000u : 0u;
    const float    size = fabsf(x);
    int            exponent;

    if (!(size > 0.0f)) return sign;
    (void)frexpf(size, &exponent); /* size = f 2^exponent, 1/2 <= f < 1; binary16 has 11 bits from 2^-14 on */
    const int  unit  = exponent - 11 > -24 ? exponent - 11 : -24;
    const long count = lrintf(ldexpf(size, -unit)); /* of units; 2^11 at most */
    return (uint16_t)(sign | ((long)(unit + 24) * 1024 + count));
}

static float float_of(uint16_t h)
{
    const int   exponent = (h >> 10) & 31;
    const int   count    = (h & 1023) + (exponent > 0 ? 1024 : 0);
    const float size     = ldexpf((float)count, (exponent > 0 ? exponent : 1) - 25);
    return h & 0x8000u ? -size : size;
}

/* A power of two that no number exceeds; 1 for zeros. */
static double half_scale(pdm_size n, const float *x)
{
    float most = 0.0f;
    int   exponent;

    for (pdm_size i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    if (most == 0.0f) return 1.0;
    (void)frexpf(most, &exponent);
    return ldexp(1.0, exponent);
}

static void halve(pdm_size n, const float *x, double scale, uint16_t *out)
{
    for (pdm_size i = 0; i < n; i++) out[i] = half_of((float)(x[i] / scale));
}

static void unhalve(pdm_size n, const uint16_t *x, double scale, float *out)
{
    for (pdm_size i = 0; i < n; i++) out[i] = (float)(scale * float_of(x[i]));
}

/* ---- factors ---- */

/* One direction's product onto a mode's matrix [2][n_in][n_out]. */
static void add_direction(pdm_size n_in, pdm_size n_out, const float *f, float *k)
{
    const float *l = f, *r = f + n_in, *l_imag = f + n_in + n_out, *r_imag = l_imag + n_in;
    for (pdm_size i = 0; i < n_in; i++)
        for (pdm_size o = 0; o < n_out; o++) {
            k[i * n_out + o] += l[i] * r[o] - l_imag[i] * r_imag[o];
            k[(n_in + i) * n_out + o] += l[i] * r_imag[o] + l_imag[i] * r[o];
        }
}

static void multiply_factors(const pdm_tensor_info *t, const uint16_t *rank, const float *factor, float *out)
{
    pdm_size n_mode, n_in, n_out;

    pdm_tensor_modes(t, &n_mode, &n_in, &n_out);
    memset(out, 0, (size_t)t->n * sizeof *out);
    for (pdm_size m = 0; m < n_mode; m++)
        for (int k = 0; k < rank[m]; k++, factor += 2 * (n_in + n_out))
            add_direction(n_in, n_out, factor, out + m * 2 * n_in * n_out);
}

void pdm_packed_destroy(pdm_context *ctx, pdm_size n_tensor, pdm_packed *p)
{
    for (pdm_size t = 0; p->tensor && t < n_tensor; t++) {
        pdm_free(ctx, p->tensor[t].rank);
        pdm_free(ctx, p->tensor[t].factor);
    }
    pdm_free(ctx, p->tensor);
    p->tensor = NULL;
}

pdm_size pdm_packed_bytes(const pdm_surrogate *net, const pdm_packed *p)
{
    const pdm_size number = p->half ? (pdm_size)sizeof(uint16_t) : (pdm_size)sizeof(float);
    pdm_size       bytes  = p->half ? net->n_tensor * (pdm_size)sizeof(double) : 0;

    for (pdm_size t = 0; t < net->n_tensor; t++) {
        const pdm_low_rank *f = &p->tensor[t];
        bytes += number * (f->rank ? f->n_number : net->tensor[t].n);
        if (f->rank) bytes += f->n_mode * (pdm_size)sizeof(uint16_t);
    }
    return bytes;
}

/* The numbers as they come back from half precision. */
static void round_trip(pdm_size n, const float *x, float *out)
{
    const double scale = half_scale(n, x);
    for (pdm_size i = 0; i < n; i++) out[i] = (float)(scale * float_of(half_of((float)(x[i] / scale))));
}

pdm_status pdm_packed_unpack(const pdm_surrogate *net, const pdm_packed *p, const float *whole, float *out)
{
    pdm_status status = PDM_OK;
    float     *factor = NULL;

    for (pdm_size t = 0; t < net->n_tensor; t++) {
        const pdm_tensor_info *info = &net->tensor[t];
        const pdm_low_rank    *f    = &p->tensor[t];
        if (!f->rank) {
            if (p->half)
                round_trip(info->n, whole + info->offset, out + info->offset);
            else
                memcpy(out + info->offset, whole + info->offset, (size_t)info->n * sizeof *out);
            continue;
        }
        PDM_TRY(pdm_alloc_array(net->ctx, f->n_number, &factor));
        if (p->half)
            round_trip(f->n_number, f->factor, factor);
        else
            memcpy(factor, f->factor, (size_t)f->n_number * sizeof *factor);
        multiply_factors(info, f->rank, factor, out + info->offset);
        pdm_free(net->ctx, factor);
        factor = NULL;
    }
done:
    pdm_free(net->ctx, factor);
    return status;
}

/* ---- file ---- */

/* n numbers as floats, or with scale > 0 as halves. */
static pdm_status put_numbers(pdm_store *s, pdm_context *ctx, const char *name, pdm_size n, const float *x,
                              double scale, const char *shape)
{
    pdm_status status = PDM_OK;
    uint16_t  *half   = NULL;

    if (scale == 0.0) return pdm_store_put(s, "weights", name, PDM_STORE_FLOAT, n, x, shape);
    PDM_TRY(pdm_alloc_array(ctx, n, &half));
    halve(n, x, scale, half);
    PDM_TRY(pdm_store_put(s, "weights", name, PDM_STORE_UINT16, n, half, shape));
done:
    pdm_free(ctx, half);
    return status;
}

static pdm_status get_numbers(pdm_store *s, pdm_context *ctx, const char *name, pdm_size n, double scale, float *x)
{
    pdm_status status = PDM_OK;
    uint16_t  *half   = NULL;

    if (scale == 0.0) return pdm_store_get(s, "weights", name, PDM_STORE_FLOAT, n, x);
    PDM_TRY(pdm_alloc_array(ctx, n, &half));
    PDM_TRY(pdm_store_get(s, "weights", name, PDM_STORE_UINT16, n, half));
    unhalve(n, half, scale, x);
done:
    pdm_free(ctx, half);
    return status;
}

pdm_status packed_put(const pdm_surrogate *net, pdm_store *s, const pdm_packed *p, const float *whole)
{
    pdm_status status = PDM_OK;
    double    *scale  = NULL;
    char       shape[PDM_SHAPE_TEXT], name[80];

    PDM_TRY(pdm_alloc_array(net->ctx, net->n_tensor, &scale));
    for (pdm_size t = 0; t < net->n_tensor; t++) {
        const pdm_tensor_info *info = &net->tensor[t];
        const pdm_low_rank    *f    = p ? &p->tensor[t] : &(pdm_low_rank){0};
        const float           *x    = f->rank ? f->factor : whole + info->offset;
        const pdm_size         n    = f->rank ? f->n_number : info->n;
        if (p && p->half) scale[t] = half_scale(n, x);
        pdm_tensor_shape_text(info, " ", shape);
        if (!f->rank) {
            PDM_TRY(put_numbers(s, net->ctx, info->name, n, x, scale[t], shape));
            continue;
        }
        snprintf(name, sizeof name, "%s.rank", info->name);
        PDM_TRY(pdm_store_put(s, "weights", name, PDM_STORE_UINT16, f->n_mode, f->rank, NULL));
        snprintf(name, sizeof name, "%s.factors", info->name);
        PDM_TRY(put_numbers(s, net->ctx, name, n, x, scale[t], shape));
    }
    if (p && p->half) PDM_TRY(pdm_store_put(s, "weights", "half_scale", PDM_STORE_DOUBLE, net->n_tensor, scale, NULL));
done:
    pdm_free(net->ctx, scale);
    return status;
}

static pdm_status get_factors(const pdm_surrogate *net, pdm_store *s, const pdm_tensor_info *info, double scale,
                              float *out)
{
    pdm_status status = PDM_OK;
    pdm_size   n_mode, n_in, n_out, n_direction = 0;
    uint16_t  *rank   = NULL;
    float     *factor = NULL;
    char       name[80];

    pdm_tensor_modes(info, &n_mode, &n_in, &n_out);
    snprintf(name, sizeof name, "%s.rank", info->name);
    PDM_TRY(pdm_alloc_array(net->ctx, n_mode, &rank));
    PDM_TRY(pdm_store_get(s, "weights", name, PDM_STORE_UINT16, n_mode, rank));
    for (pdm_size m = 0; m < n_mode; m++) n_direction += rank[m];
    snprintf(name, sizeof name, "%s.factors", info->name);
    PDM_TRY(pdm_alloc_array(net->ctx, n_direction * 2 * (n_in + n_out), &factor));
    PDM_TRY(get_numbers(s, net->ctx, name, n_direction * 2 * (n_in + n_out), scale, factor));
    multiply_factors(info, rank, factor, out);
done:
    pdm_free(net->ctx, rank);
    pdm_free(net->ctx, factor);
    return status;
}

pdm_status packed_get(const pdm_surrogate *net, pdm_store *s, float *out)
{
    pdm_status status = PDM_OK;
    pdm_size   n      = 0;
    double    *scale  = NULL;
    char       name[80];

    PDM_TRY(pdm_alloc_array(net->ctx, net->n_tensor, &scale));
    PDM_TRY(pdm_store_length(s, "weights", "half_scale", &n));
    if (n >= 0) PDM_TRY(pdm_store_get(s, "weights", "half_scale", PDM_STORE_DOUBLE, net->n_tensor, scale));
    for (pdm_size t = 0; t < net->n_tensor; t++) {
        const pdm_tensor_info *info = &net->tensor[t];
        snprintf(name, sizeof name, "%s.rank", info->name);
        PDM_TRY(pdm_store_length(s, "weights", name, &n));
        PDM_TRY(info->kind == PDM_TENSOR_MODES && n >= 0
                    ? get_factors(net, s, info, scale[t], out + info->offset)
                    : get_numbers(s, net->ctx, info->name, info->n, scale[t], out + info->offset));
    }
done:
    pdm_free(net->ctx, scale);
    return status;
}
