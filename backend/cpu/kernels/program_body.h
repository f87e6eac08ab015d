/* One instruction of a program over a block of points, for each instruction set; see dense_body.h. The functions come
 * from libmvec where the build has it (below 4 ulp, all special values as in C), else from libm, point by point. */

#ifdef PDM_HAVE_MVEC
#define MATH1(name)                \
    extern vec MVEC1(name)(vec x); \
    ALWAYS vec vec_##name(vec x)   \
    {                              \
        return MVEC1(name)(x);     \
    }
extern vec MVEC2(pow)(vec x, vec y);
ALWAYS vec vec_pow(vec x, vec y)
{
    return MVEC2(pow)(x, y);
}
#else
#define MATH1(name)                                                       \
    ALWAYS vec vec_##name(vec x)                                          \
    {                                                                     \
        for (int lane = 0; lane < LANES; lane++) x[lane] = name(x[lane]); \
        return x;                                                         \
    }
ALWAYS vec vec_pow(vec x, vec y)
{
    for (int lane = 0; lane < LANES; lane++) x[lane] = pow(x[lane], y[lane]);
    return x;
}
#endif
MATH1(exp)
MATH1(log)
MATH1(sin)
MATH1(cos)
MATH1(tan)
MATH1(sinh)
MATH1(cosh)
MATH1(tanh)
MATH1(erf)
MATH1(atan)
MATH1(log1p)

/* condition ? a : b, lane by lane; condition: all bits set or none */
ALWAYS vec vec_choose(vec_mask condition, vec a, vec b)
{
    return (vec)((condition & (vec_mask)a) | (~condition & (vec_mask)b));
}

#define EACH(expression)                      \
    for (pdm_size i = 0; i < n; i += LANES) { \
        const vec x = vec_load(a + i);        \
        vec_store(out + i, (expression));     \
    }                                         \
    break
#define EACH_PAIR(expression)                               \
    for (pdm_size i = 0; i < n; i += LANES) {               \
        const vec x = vec_load(a + i), y = vec_load(b + i); \
        vec_store(out + i, (expression));                   \
    }                                                       \
    break

static void program_step(pdm_opcode opcode, pdm_size n, const double *a, const double *b, double value, double *out)
{
    const vec zero = vec_set(0.0), one = vec_set(1.0);
    switch (opcode) {
    case PDM_OPCODE_CONST:
        for (pdm_size i = 0; i < n; i += LANES) vec_store(out + i, vec_set(value));
        break;
    case PDM_OPCODE_NEG: EACH(-x);
    case PDM_OPCODE_ADD: EACH_PAIR(x + y);
    case PDM_OPCODE_SUB: EACH_PAIR(x - y);
    case PDM_OPCODE_MUL: EACH_PAIR(x * y);
    case PDM_OPCODE_DIV: EACH_PAIR(x / y);
    case PDM_OPCODE_POW: EACH_PAIR(vec_pow(x, y));
    case PDM_OPCODE_SQUARE: EACH(x * x);
    case PDM_OPCODE_RECIPROCAL: EACH(one / x);
    case PDM_OPCODE_EXP: EACH(vec_exp(x));
    case PDM_OPCODE_LOG: EACH(vec_log(x));
    case PDM_OPCODE_SQRT: EACH(vec_sqrt(x));
    case PDM_OPCODE_SIN: EACH(vec_sin(x));
    case PDM_OPCODE_COS: EACH(vec_cos(x));
    case PDM_OPCODE_TAN: EACH(vec_tan(x));
    case PDM_OPCODE_SINH: EACH(vec_sinh(x));
    case PDM_OPCODE_COSH: EACH(vec_cosh(x));
    case PDM_OPCODE_TANH: EACH(vec_tanh(x));
    case PDM_OPCODE_ERF: EACH(vec_erf(x));
    case PDM_OPCODE_ATAN: EACH(vec_atan(x));
    case PDM_OPCODE_LOG1P: EACH(vec_log1p(x));
    case PDM_OPCODE_ABS: EACH(vec_choose(~(vec_mask)vec_set(-0.0), x, zero));
    case PDM_OPCODE_SIGN: EACH(vec_choose(x > zero, one, vec_choose(x < zero, -one, x)));
    case PDM_OPCODE_STEP: EACH(vec_choose(x > zero, one, vec_choose(x <= zero, zero, x)));
    case PDM_OPCODE_MIN: EACH_PAIR(vec_choose(x < y, x, y));
    case PDM_OPCODE_MAX: EACH_PAIR(vec_choose(x > y, x, y));
    case PDM_OPCODE_INPUT:
    case PDM_OPCODE_COUNT: break; /* the interpreter's own */
    }
}
