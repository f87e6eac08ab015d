#include "core/core.h"

#include <Random123/philox.h>
#include <math.h>

/* Key: the seed. Counter, low word first: index, then step with the purpose in its top byte (steps stay below 2^56). */
static philox4x32_ctr_t random_words(pdm_random_key key, uint64_t index)
{
    const uint64_t         high    = key.step ^ (uint64_t)key.purpose << 56;
    const philox4x32_ctr_t counter = {
        {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)high, (uint32_t)(high >> 32)}};
    const philox4x32_key_t seed = {{(uint32_t)key.seed, (uint32_t)(key.seed >> 32)}};
    return philox4x32(counter, seed);
}

/* Odd multiple of 2^-53: 52 random bits and a half, so that neither 0 nor, by rounding, 1 is reached. */
static double open_interval(uint32_t low, uint32_t high)
{
    const uint64_t bits = ((uint64_t)high << 32 | low) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

double pdm_random_uniform(pdm_random_key key, uint64_t index)
{
    const philox4x32_ctr_t words = random_words(key, index);
    return open_interval(words.v[0], words.v[1]);
}

double pdm_random_normal(pdm_random_key key, uint64_t index)
{
    const double           two_pi = 6.283185307179586476925286766559;
    const philox4x32_ctr_t words  = random_words(key, index);
    return sqrt(-2.0 * log(open_interval(words.v[0], words.v[1]))) *
           cos(two_pi * open_interval(words.v[2], words.v[3]));
}
