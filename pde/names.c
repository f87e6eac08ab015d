/* Names: what they may be, what they stand for, which are near. */
#include "pde/pde_impl.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(a) ((pdm_size)(sizeof(a) / sizeof *(a)))

static const struct {
    const char *name;
    pdm_opcode  opcode;
    int         n_argument;
} functions[] = {
    {"exp", PDM_OPCODE_EXP, 1},   {"log", PDM_OPCODE_LOG, 1},   {"sqrt", PDM_OPCODE_SQRT, 1},
    {"sin", PDM_OPCODE_SIN, 1},   {"cos", PDM_OPCODE_COS, 1},   {"tan", PDM_OPCODE_TAN, 1},
    {"sinh", PDM_OPCODE_SINH, 1}, {"cosh", PDM_OPCODE_COSH, 1}, {"tanh", PDM_OPCODE_TANH, 1},
    {"erf", PDM_OPCODE_ERF, 1},   {"atan", PDM_OPCODE_ATAN, 1}, {"log1p", PDM_OPCODE_LOG1P, 1},
    {"abs", PDM_OPCODE_ABS, 1},   {"sign", PDM_OPCODE_SIGN, 1}, {"step", PDM_OPCODE_STEP, 1},
    {"min", PDM_OPCODE_MIN, 2},   {"max", PDM_OPCODE_MAX, 2},   {"pow", PDM_OPCODE_POW, 2},
};

static const char *const kind_text[PDE_SYMBOL_KINDS]   = {"a dimension", "a field", "an input", "a parameter",
                                                          "a definition"};
static const char *const kind_plural[PDE_SYMBOL_KINDS] = {"coordinates", "fields", "inputs", "parameters",
                                                          "definitions"};

bool pde_is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool pde_is_name_part(char c)
{
    return pde_is_name_start(c) || (c >= '0' && c <= '9');
}

bool pde_is_free_word(const char *name)
{
    return strcmp(name, "long_name") == 0 || strcmp(name, "description") == 0 || strcmp(name, "comment") == 0;
}

const char *pde_kind_text(pde_symbol_kind kind)
{
    return kind_text[kind];
}

bool pde_function_of_name(pdm_span name, pdm_opcode *opcode, int *n_argument)
{
    for (pdm_size i = 0; i < COUNT_OF(functions); i++) {
        if (!pdm_span_equals(name, functions[i].name)) continue;
        *opcode     = functions[i].opcode;
        *n_argument = functions[i].n_argument;
        return true;
    }
    return false;
}

const char *pde_function_name(int32_t opcode)
{
    for (pdm_size i = 0; i < COUNT_OF(functions); i++)
        if ((int32_t)functions[i].opcode == opcode) return functions[i].name;
    return NULL;
}

int32_t pde_dimension_of_letter(const pdm_pde *p, char letter)
{
    for (pdm_size j = 0; j < p->n_dim; j++)
        if (p->dim_name[j][0] == letter && p->dim_name[j][1] == '\0') return (int32_t)j;
    return -1;
}

/* ---- symbols ----------------------------------------------------------------------------------------------------- */

const pde_symbol *pde_find(const pdm_pde *p, pdm_span name)
{
    for (pdm_size i = 0; i < p->n_symbol; i++)
        if (pdm_span_equals(name, p->symbol[i].name)) return &p->symbol[i];
    return NULL;
}

/* d followed by names of dimensions alone. */
static bool is_derivative(const pdm_pde *p, pdm_span name)
{
    if (name.length < 2 || name.start[0] != 'd') return false;
    for (pdm_size i = 1; i < name.length; i++)
        if (pde_dimension_of_letter(p, name.start[i]) < 0) return false;
    return true;
}

/* What the language itself means by the name, or NULL. */
static const char *reserved_as(const pdm_pde *p, pdm_span name)
{
    pdm_opcode opcode;
    int        n;
    if (pdm_span_equals(name, "pi")) return "the number pi";
    if (pde_function_of_name(name, &opcode, &n)) return "a function";
    if (pdm_span_equals(name, "diff") || pdm_span_equals(name, "lap") || pdm_span_equals(name, "invlap"))
        return "a derivative";
    if (pdm_span_equals(name, "integral")) return "a word of constraints";
    if (pdm_span_equals(name, "flux") || pdm_span_equals(name, "free") || pdm_span_equals(name, "where") ||
        pdm_span_equals(name, "and"))
        return "a word of boundary conditions";
    return is_derivative(p, name) ? "a derivative" : NULL;
}

static pdm_status check_name(const pdm_pde *p, const pdm_where *where, pdm_span name, pde_symbol_kind kind)
{
    pdm_status status = PDM_OK;
    bool       legal  = name.length > 0 && pde_is_name_start(name.start[0]);
    const int  n      = (int)(name.length < 200 ? name.length : 200);

    for (pdm_size i = 0; i < name.length; i++) legal = legal && pde_is_name_part(name.start[i]);
    if (!legal)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, where,
                    "\"%.*s\" cannot be the name of %s; letters, digits and '_', the first a letter, expected", n,
                    name.start, kind_text[kind]);
    if (name.length > PDE_MAX_NAME)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, where, "\"%.*s\" has %lld characters; names of at most %d expected", n,
                    name.start, (long long)name.length, PDE_MAX_NAME);
    const pde_symbol *other = pde_find(p, name);
    char              word[PDE_MAX_NAME + 1];
    snprintf(word, sizeof word, "%.*s", (int)name.length, name.start);
    const char *taken = other ? kind_text[other->kind] : reserved_as(p, name);
    if (other && other->kind == kind)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, where, "\"%.*s\" is named twice", n, name.start);
    if (!taken && kind <= PDE_INPUT && pdm_output_has_own(word)) taken = "a name of pdemoe's own outputs";
    if (!taken && pde_is_free_word(word)) taken = "a word that every group may have as a remark";
    if (taken)
        PDM_FAIL_AT(p->ctx, PDM_ERR_CASE, where, "\"%.*s\" is %s already and cannot be %s too; another name expected",
                    n, name.start, taken, kind_text[kind]);
done:
    return status;
}

pdm_status pde_add_symbol(pdm_pde *p, pdm_where where, pdm_span name, pde_symbol_kind kind, int32_t index,
                          pde_value value, const char **out_name)
{
    pdm_status  status = PDM_OK;
    const char *copy   = NULL;

    PDM_TRY(check_name(p, &where, name, kind));
    PDM_TRY(pool_text(&p->pool, name.start, name.length, &copy));
    PDM_TRY(pde_grow(p->ctx, &p->symbol, sizeof *p->symbol, p->n_symbol, p->n_symbol + 1, &p->symbol_capacity));
    p->symbol[p->n_symbol++] = (pde_symbol){copy, kind, index, value};
    if (out_name) *out_name = copy;
done:
    return status;
}

/* ---- for messages ------------------------------------------------------------------------------------------------ */

static bool scope_has(pde_scope scope, pde_symbol_kind kind)
{
    if (scope == PDE_SCOPE_PARAMETER) return kind == PDE_PARAMETER;
    return scope == PDE_SCOPE_ALL || kind != PDE_FIELD;
}

static pdm_status append_nearest(const char *name, const char *const *candidate, pdm_size n, pdm_text *out)
{
    const char *nearest = pdm_text_nearest(name, candidate, n);
    return nearest ? pdm_text_append(out, "; did you mean \"%s\"?", nearest) : PDM_OK;
}

pdm_status pde_append_known(const pdm_pde *p, pde_scope scope, const char *name, pdm_text *out)
{
    static const pde_symbol_kind order[]   = {PDE_FIELD, PDE_INPUT, PDE_PARAMETER, PDE_DEFINITION, PDE_DIMENSION};
    pdm_status                   status    = PDM_OK;
    const char                 **candidate = NULL;
    pdm_size                     n         = 0;

    PDM_TRY(pdm_alloc_array(p->ctx, p->n_symbol + 1, &candidate));
    for (pdm_size i = 0; i < p->n_symbol; i++)
        if (scope_has(scope, p->symbol[i].kind)) candidate[n++] = p->symbol[i].name;
    candidate[n++] = "pi";
    if (name[1]) PDM_TRY(append_nearest(name, candidate, n, out)); /* every letter is near to every other */
    for (pdm_size k = 0; k < COUNT_OF(order); k++) {
        bool first = true;
        for (pdm_size i = 0; i < p->n_symbol; i++) {
            if (p->symbol[i].kind != order[k] || !scope_has(scope, order[k])) continue;
            if (first) PDM_TRY(pdm_text_append(out, "; the %s are: ", kind_plural[order[k]]));
            PDM_TRY(pdm_text_append(out, "%s%s", first ? "" : ", ", p->symbol[i].name));
            first = false;
        }
    }
done:
    pdm_free(p->ctx, candidate);
    return status;
}

pdm_status pde_append_dimensions(const pdm_pde *p, bool space_only, pdm_text *out)
{
    pdm_status     status = PDM_OK;
    const pdm_size first  = space_only && p->has_time ? 1 : 0;

    for (pdm_size j = first; j < p->n_dim; j++)
        PDM_TRY(pdm_text_append(out, "%s%s", j > first ? ", " : "", p->dim_name[j]));
done:
    return status;
}

pdm_status pde_nearest_function(const pdm_pde *p, const char *name, pdm_text *out)
{
    const char *candidate[COUNT_OF(functions) + 3 + PDM_MAX_DIM * (1 + PDM_MAX_DIM)];
    char        word[PDM_MAX_DIM * (1 + PDM_MAX_DIM)][4];
    pdm_size    n = 0, n_word = 0;

    for (pdm_size i = 0; i < COUNT_OF(functions); i++) candidate[n++] = functions[i].name;
    candidate[n++] = "diff";
    candidate[n++] = "lap";
    candidate[n++] = "invlap";
    for (pdm_size i = 0; i < p->n_dim; i++)
        for (pdm_size j = -1; j < p->n_dim; j++) {
            if (p->dim_name[i][1] || (j >= 0 && p->dim_name[j][1])) continue;
            (void)snprintf(word[n_word], sizeof word[0], "d%c%c", p->dim_name[i][0], j < 0 ? '\0' : p->dim_name[j][0]);
            candidate[n++] = word[n_word++];
        }
    return append_nearest(name, candidate, n, out);
}
