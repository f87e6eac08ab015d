#include "backend/backend.h"

#include <math.h>

#include "backend/cuda/term_text.h"
#include "backend/cuda/texts.h"

const char *const cuda_include_name[CUDA_INCLUDES] = {"backend/cuda/device.h", "backend/cuda/axis.h",
                                                      "backend/cuda/term.h"};
const char *const cuda_include_text[CUDA_INCLUDES] = {cuda_device_text, cuda_axis_text, cuda_term_text};

#define ADD(...) PDM_TRY(pdm_text_append(out, __VA_ARGS__))

/* ---- programs ---- */

/* An instruction as C: before, a, between, b, after; between NULL: there is no b. */
typedef struct spelling {
    const char *before, *between, *after;
} spelling;

static const spelling SPELLINGS[PDM_OPCODE_COUNT] = {
    [PDM_OPCODE_NEG]        = {"-", NULL, ""},
    [PDM_OPCODE_ADD]        = {"", " + ", ""},
    [PDM_OPCODE_SUB]        = {"", " - ", ""},
    [PDM_OPCODE_MUL]        = {"", " * ", ""},
    [PDM_OPCODE_DIV]        = {"", " / ", ""},
    [PDM_OPCODE_POW]        = {"pow(", ", ", ")"},
    [PDM_OPCODE_SQUARE]     = {"square_of(", NULL, ")"},
    [PDM_OPCODE_RECIPROCAL] = {"1.0 / ", NULL, ""},
    [PDM_OPCODE_EXP]        = {"exp(", NULL, ")"},
    [PDM_OPCODE_LOG]        = {"log(", NULL, ")"},
    [PDM_OPCODE_SQRT]       = {"sqrt(", NULL, ")"},
    [PDM_OPCODE_SIN]        = {"sin(", NULL, ")"},
    [PDM_OPCODE_COS]        = {"cos(", NULL, ")"},
    [PDM_OPCODE_TAN]        = {"tan(", NULL, ")"},
    [PDM_OPCODE_SINH]       = {"sinh(", NULL, ")"},
    [PDM_OPCODE_COSH]       = {"cosh(", NULL, ")"},
    [PDM_OPCODE_TANH]       = {"tanh(", NULL, ")"},
    [PDM_OPCODE_ERF]        = {"erf(", NULL, ")"},
    [PDM_OPCODE_ATAN]       = {"atan(", NULL, ")"},
    [PDM_OPCODE_LOG1P]      = {"log1p(", NULL, ")"},
    [PDM_OPCODE_ABS]        = {"fabs(", NULL, ")"},
    [PDM_OPCODE_SIGN]       = {"sign_of(", NULL, ")"},
    [PDM_OPCODE_STEP]       = {"step_of(", NULL, ")"},
    [PDM_OPCODE_MIN]        = {"min_of(", ", ", ")"},
    [PDM_OPCODE_MAX]        = {"max_of(", ", ", ")"},
};

static pdm_status write_constant(pdm_text *out, double value)
{
    if (isnan(value)) return pdm_text_append(out, "0.0 / 0.0");
    if (isinf(value)) return pdm_text_append(out, "%s1.0 / 0.0", value < 0.0 ? "-" : "");
    return pdm_text_append(out, "%.16e", value);
}

static pdm_status write_input(pdm_text *out, const pdm_program_input *input)
{
    const int k = input->index;

    switch ((pdm_input_kind)input->kind) {
    case PDM_INPUT_ATOM: return pdm_text_append(out, "atom[%d]", k);
    case PDM_INPUT_COORDINATE: return pdm_text_append(out, "a->axis[%d].coordinate[at[%d]]", k, k);
    case PDM_INPUT_SCALAR: return pdm_text_append(out, "a->scalar[sample * a->n_scalar + %d]", k);
    case PDM_INPUT_FIELD:
        return pdm_text_append(out, "a->sampled[sample * a->n_sampled + a->sampled_offset[%d] + point]", k);
    }
    return PDM_OK;
}

static pdm_status write_instruction(pdm_text *out, const pdm_term_desc *t, const pdm_instruction *k)
{
    pdm_status     status = PDM_OK;
    const spelling way    = SPELLINGS[k->opcode];

    ADD("    r%d = ", k->target);
    if (k->opcode == PDM_OPCODE_CONST)
        PDM_TRY(write_constant(out, k->value));
    else if (k->opcode == PDM_OPCODE_INPUT)
        PDM_TRY(write_input(out, &t->input[k->a]));
    else if (way.between)
        ADD("%sr%d%sr%d%s", way.before, k->a, way.between, k->b, way.after);
    else
        ADD("%sr%d%s", way.before, k->a, way.after);
    ADD(";\n");
done:
    return status;
}

/* value [n_output] = the program at a point, by its atoms. */
static pdm_status write_program(pdm_text *out, pdm_size number, const char *what, const pdm_term_desc *t,
                                const pdm_program *p)
{
    pdm_status status = PDM_OK;

    ADD("static __device__ void term%lld_%s_of(const term_args *a, int64_t sample, int64_t point, const int32_t *at,\n"
        "    const double *atom, double *value)\n{\n    double ",
        (long long)number, what);
    for (pdm_size r = 0; r < p->n_register; r++) ADD("%sr%lld", r > 0 ? ", " : "", (long long)r);
    ADD(";\n");
    for (pdm_size i = 0; i < p->n_instruction; i++) PDM_TRY(write_instruction(out, t, &p->instruction[i]));
    for (pdm_size i = 0; i < p->n_output; i++) ADD("    value[%lld] = r%d;\n", (long long)i, p->output[i]);
    ADD("}\n\n");
done:
    return status;
}

/* ---- atoms: c contracted with the functions that a point sees, the last dimension first; what atoms share, once ---- */

/* The first atom of the same field that is differentiated alike by the dimensions from j on: it stands for all. */
static pdm_size first_alike(const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size atom, pdm_size j)
{
    for (pdm_size b = 0; b < atom; b++) {
        bool same = t->atom[b].field == t->atom[atom].field;
        for (pdm_size i = j; i < d->n_dim; i++) same = same && t->atom[b].order[i] == t->atom[atom].order[i];
        if (same) return b;
    }
    return atom;
}

static pdm_status indent(pdm_text *out, pdm_size depth)
{
    return pdm_text_append(out, "%*s", (int)(4 * (depth + 1)), "");
}

/* Numbers s<j>_<atom>: sums over dimensions j and later, at the indices of the earlier ones. */
static pdm_status write_sums(pdm_text *out, const pdm_rows_desc *d, const pdm_term_desc *t, pdm_size j)
{
    pdm_status status = PDM_OK;

    for (pdm_size k = 0; k < t->n_atom; k++) {
        if (first_alike(d, t, k, j) != k) continue;
        PDM_TRY(indent(out, j));
        if (j < d->n_dim)
            ADD("double s%lld_%lld = 0.0;\n", (long long)j, (long long)k);
        else
            ADD("const double s%lld_%lld = c[%d * a->n_coef + i%lld];\n", (long long)j, (long long)k, t->atom[k].field,
                (long long)(j - 1));
    }
    if (j == d->n_dim) return PDM_OK;
    PDM_TRY(indent(out, j));
    ADD("for (int32_t l%lld = 0; l%lld < %lld; l%lld++) {\n", (long long)j, (long long)j, (long long)(d->degree[j] + 1),
        (long long)j);
    PDM_TRY(indent(out, j + 1));
    ADD("const int64_t i%lld = ", (long long)j);
    if (j > 0) ADD("i%lld * a->axis[%lld].n_coef + ", (long long)(j - 1), (long long)j);
    ADD("(a->axis[%lld].element[at[%lld]] + l%lld) %% a->axis[%lld].n_coef;\n", (long long)j, (long long)j,
        (long long)j, (long long)j);
    PDM_TRY(write_sums(out, d, t, j + 1));
    for (pdm_size k = 0; k < t->n_atom; k++) {
        if (first_alike(d, t, k, j) != k) continue;
        PDM_TRY(indent(out, j + 1));
        ADD("s%lld_%lld += b%lld_%d[l%lld] * s%lld_%lld;\n", (long long)j, (long long)k, (long long)j,
            t->atom[k].order[j], (long long)j, (long long)(j + 1), (long long)first_alike(d, t, k, j + 1));
    }
    PDM_TRY(indent(out, j));
    ADD("}\n");
done:
    return status;
}

static bool order_is_used(const pdm_term_desc *t, pdm_size j, pdm_size order)
{
    for (pdm_size k = 0; k < t->n_atom; k++)
        if (t->atom[k].order[j] == order) return true;
    return false;
}

static pdm_status write_atoms(pdm_text *out, const pdm_rows_desc *d, pdm_size number)
{
    pdm_status           status = PDM_OK;
    const pdm_term_desc *t      = &d->term[number];

    ADD("static __device__ void term%lld_atoms(const term_args *a, const double *c, const int32_t *at, double *atom)\n"
        "{\n",
        (long long)number);
    for (pdm_size j = 0; j < d->n_dim; j++)
        for (pdm_size o = 0; o < t->n_order; o++)
            if (order_is_used(t, j, o))
                ADD("    const double *b%lld_%lld = a->axis[%lld].basis + (%lld * a->axis[%lld].n_point + at[%lld]) * "
                    "%lld;\n",
                    (long long)j, (long long)o, (long long)j, (long long)o, (long long)j, (long long)j,
                    (long long)(d->degree[j] + 1));
    PDM_TRY(write_sums(out, d, t, 0));
    for (pdm_size k = 0; k < t->n_atom; k++)
        ADD("    atom[%lld] = s0_%lld;\n", (long long)k, (long long)first_alike(d, t, k, 0));
    ADD("}\n\n");
done:
    return status;
}

/* ---- kernels ---- */

/* A thread a point, from its indices to its inputs; `body` goes on for each sample. */
static pdm_status write_head(pdm_text *out, const pdm_term_desc *t, pdm_size number, const char *what, pdm_size n_value)
{
    pdm_status status = PDM_OK;

    ADD("PDM_KERNEL(term%lld_%s, term_args)\n{\n"
        "    const int64_t point = item();\n"
        "    int32_t at[AXES];\n"
        "    double atom[%lld], value[%lld];\n\n"
        "    if (point >= a.n_point) return;\n"
        "    split(point, a.axis[1].n_point, a.axis[2].n_point, a.axis[3].n_point, at);\n"
        "    for (int64_t s = blockIdx.y; s < a.n_listed; s += gridDim.y) {\n"
        "        const int64_t sample = a.index[s];\n",
        (long long)number, what, (long long)(t->n_atom > 0 ? t->n_atom : 1), (long long)n_value);
    if (t->n_atom > 0) ADD("        term%lld_atoms(&a, a.c + sample * a.c_stride, at, atom);\n", (long long)number);
    ADD("        term%lld_%s_of(&a, sample, point, at, atom, value);\n", (long long)number, what);
done:
    return status;
}

static pdm_status write_value(pdm_text *out, const pdm_term_desc *t, pdm_size number)
{
    pdm_status status = PDM_OK;

    PDM_TRY(write_program(out, number, "value", t, t->value));
    PDM_TRY(write_head(out, t, number, "value", 1));
    ADD("        a.out[s * a.n_point + point] = value[0];\n    }\n}\n\n");
done:
    return status;
}

static pdm_status write_partial(pdm_text *out, const pdm_term_desc *t, pdm_size number)
{
    pdm_status status = PDM_OK;

    PDM_TRY(write_program(out, number, "partial", t, t->partial));
    PDM_TRY(write_head(out, t, number, "partial", 1 + t->n_atom));
    for (pdm_size k = 0; k < t->n_atom; k++)
        ADD("        a.out[(s * %lld + %lld) * a.n_point + point] = value[%lld];\n", (long long)t->n_atom, (long long)k,
            (long long)(k + 1));
    ADD("    }\n}\n\n");
done:
    return status;
}

/* g_a = (Q^T y) sum over b of f_ab (E v)_b, from the second partials with a <= b */
static pdm_status write_second(pdm_text *out, const pdm_term_desc *t, pdm_size number)
{
    pdm_status status = PDM_OK;

    PDM_TRY(write_program(out, number, "second", t, t->second));
    PDM_TRY(write_head(out, t, number, "second", t->n_second));
    ADD("        const double weight = a.weight[s * a.n_point + point];\n"
        "        double along[%lld], g[%lld];\n"
        "        term%lld_atoms(&a, a.v + sample * a.c_stride, at, along);\n"
        "        for (int32_t k = 0; k < %lld; k++) g[k] = 0.0;\n",
        (long long)t->n_atom, (long long)t->n_atom, (long long)number, (long long)t->n_atom);
    for (pdm_size m = 0; m < t->n_second; m++) {
        const int i = t->second_a[m], j = t->second_b[m];
        ADD("        g[%d] += weight * value[%lld] * along[%d];\n", i, (long long)m, j);
        if (i != j) ADD("        g[%d] += weight * value[%lld] * along[%d];\n", j, (long long)m, i);
    }
    ADD("        for (int32_t k = 0; k < %lld; k++) a.out[(s * %lld + k) * a.n_point + point] = g[k];\n    }\n}\n\n",
        (long long)t->n_atom, (long long)t->n_atom);
done:
    return status;
}

static pdm_status write_term(pdm_text *out, const pdm_rows_desc *d, pdm_size number)
{
    pdm_status           status = PDM_OK;
    const pdm_term_desc *t      = &d->term[number];

    if (t->n_atom > 0) PDM_TRY(write_atoms(out, d, number));
    PDM_TRY(write_value(out, t, number));
    if (t->n_atom > 0) PDM_TRY(write_partial(out, t, number));
    if (t->n_second > 0) PDM_TRY(write_second(out, t, number));
done:
    return status;
}

pdm_status cuda_terms_write(pdm_text *out, const pdm_rows_desc *d)
{
    pdm_status             status = PDM_OK;
    const pdm_plain_locale plain  = pdm_plain_locale_begin();

    ADD("#include \"backend/cuda/term.h\"\n\n");
    for (pdm_size t = 0; t < d->n_term; t++) PDM_TRY(write_term(out, d, t));
done:
    pdm_plain_locale_end(plain);
    return status;
}
