/* FP32 kernels for any machine: vectors of four floats, left to the compiler. */
#include "backend/cpu/network_impl.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float    portable_vector __attribute__((vector_size(16)));
typedef uint32_t portable_index __attribute__((vector_size(16)));

static inline portable_vector portable_load(const float *p, int n)
{
    portable_vector x = {0.0f};
    memcpy(&x, p, (size_t)n * sizeof *p);
    return x;
}

static inline void portable_store(float *p, int n, portable_vector x)
{
    memcpy(p, &x, (size_t)n * sizeof *p);
}

/* where mask has ones a, elsewhere b */
static inline portable_vector portable_select(portable_index mask, portable_vector a, portable_vector b)
{
    return (portable_vector)((mask & (portable_index)a) | (~mask & (portable_index)b));
}

static inline portable_vector portable_scale(portable_vector p, portable_vector bits)
{
    return (portable_vector)((portable_index)p + ((portable_index)bits << 23));
}

static inline portable_vector portable_sqrt(portable_vector x)
{
    for (int i = 0; i < 4; i++) x[i] = sqrtf(x[i]);
    return x;
}

#define KERNEL
#define VECTOR portable_vector
#define LANES  4

#define V_LOAD(p)             portable_load((p), 4)
#define V_STORE(p, x)         portable_store((p), 4, (x))
#define V_SET(a)              ((portable_vector){(a), (a), (a), (a)})
#define V_FMA(a, b, c)        ((a) * (b) + (c))
#define V_MIN(a, b)           portable_select((portable_index)((a) < (b)), (a), (b))
#define V_MAX(a, b)           portable_select((portable_index)((a) > (b)), (a), (b))
#define V_SQRT(x)             portable_sqrt(x)
#define V_SCALE(p, bits)      portable_scale((p), (bits))
#define V_LOAD_PART(p, n)     portable_load((p), (n))
#define V_STORE_PART(p, n, x) portable_store((p), (n), (x))
#define F32_TABLE             f32_kernels_portable

#include "backend/cpu/kernels/f32.h"
