/* Constants of a case that are to be found become scalar inputs of a copy of it, so that a batch of samples may have
 * different ones. */
#include "fit/fit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

enum { PARAMETER_MOST = 256 };

/* Does an expression mention the name? */
static bool mentions(const char *text, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += length) {
        const bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        const char after  = at[length];
        if (begins && !(isalnum((unsigned char)after) || after == '_')) return true;
    }
    return false;
}

/* The number of a constant. Fails where it is an expression of others. */
static pdm_status constant_value(pdm_case *c, const char *name, double *value)
{
    pdm_status  status = PDM_OK;
    const char *text   = NULL;

    PDM_TRY(pdm_case_text(c, "pde/parameters", name, NULL, &text));
    if (pdm_text_to_real(text, value)) goto done;
    const pdm_where where = pdm_case_where(c, "pde/parameters", name);
    PDM_FAIL_AT(pdm_case_context(c), PDM_ERR_ARGUMENT, &where,
                "\"%s\" is made of other parameters; one that is a number expected as a parameter to be found", name);
done:
    return status;
}

/* A scalar input in its place, with its units; its only value is the constant's. */
static pdm_status move_constant(pdm_case *c, const char *name)
{
    pdm_status  status = PDM_OK;
    double      value  = 0.0;
    const char *units  = NULL;
    char        group[FIT_NAME + 16], text[64];

    PDM_TRY(constant_value(c, name, &value));
    snprintf(group, sizeof group, "inputs/%s", name);
    snprintf(text, sizeof text, "list(%.17g)", value);
    PDM_TRY(pdm_case_set_text(c, group, "distribution", text));
    PDM_TRY(pdm_case_text(c, "pde/units", name, "", &units));
    if (*units) PDM_TRY(pdm_case_set_text(c, group, "units", units));
    PDM_TRY(pdm_case_remove(c, "pde/units", name));
    PDM_TRY(pdm_case_remove(c, "pde/parameters", name));
done:
    return status;
}

/* An attribute with its text, copied. */
typedef struct attribute {
    char *name, *text;
} attribute;

static void attributes_destroy(pdm_context *ctx, pdm_size n, attribute *a)
{
    for (pdm_size i = 0; a && i < n; i++) {
        pdm_free(ctx, a[i].name);
        pdm_free(ctx, a[i].text);
    }
    pdm_free(ctx, a);
}

/* All of a group, with room for `more` in front of them: a [more + *n]. */
static pdm_status attributes_read(pdm_case *c, const char *group, pdm_size *n, attribute **out)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = pdm_case_context(c);
    attribute   *a      = NULL;
    const char  *text   = NULL;

    *n = pdm_case_n_attribute(c, group);
    PDM_TRY(pdm_alloc_array(ctx, *n, &a));
    for (pdm_size i = 0; i < *n; i++) {
        const char *name = pdm_case_attribute_name(c, group, i);
        PDM_TRY(pdm_alloc_text(ctx, name, &a[i].name));
        PDM_TRY(pdm_case_text(c, group, name, NULL, &text));
        PDM_TRY(pdm_alloc_text(ctx, text, &a[i].text));
    }
    *out = a;
    a    = NULL;
done:
    attributes_destroy(ctx, *n, a);
    return status;
}

static bool is_free_word(const char *name)
{
    return strcmp(name, "long_name") == 0 || strcmp(name, "description") == 0 || strcmp(name, "comment") == 0;
}

/* Parameters that are made of what moved: they become definitions, which may read inputs, before those that are there. */
static pdm_status move_dependents(pdm_case *c, const fit_words *names, const bool *constant)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = pdm_case_context(c);
    attribute   *p = NULL, *d = NULL;
    pdm_size     n_p = 0, n_d = 0;
    bool         moved[PARAMETER_MOST] = {false}, any = false;

    PDM_TRY(attributes_read(c, "pde/parameters", &n_p, &p));
    PDM_TRY(attributes_read(c, "pde/definitions", &n_d, &d));
    if (n_p > PARAMETER_MOST)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED, "%lld parameters; at most %d expected where some are to be found",
                 (long long)n_p, PARAMETER_MOST);
    for (pdm_size i = 0; i < n_p; i++) { /* in their order: each is made of those before */
        double number;
        if (is_free_word(p[i].name) || pdm_text_to_real(p[i].text, &number)) continue;
        for (pdm_size k = 0; k < names->n; k++)
            moved[i] = moved[i] || (constant[k] && mentions(p[i].text, names->word[k].name));
        for (pdm_size k = 0; k < i; k++) moved[i] = moved[i] || (moved[k] && mentions(p[i].text, p[k].name));
        any = any || moved[i];
    }
    if (!any) goto done;
    for (pdm_size i = 0; i < n_d; i++) PDM_TRY(pdm_case_remove(c, "pde/definitions", d[i].name));
    for (pdm_size i = 0; i < n_p; i++) {
        if (!moved[i]) continue;
        PDM_TRY(pdm_case_remove(c, "pde/parameters", p[i].name));
        PDM_TRY(pdm_case_remove(c, "pde/units", p[i].name));
        PDM_TRY(pdm_case_set_text(c, "pde/definitions", p[i].name, p[i].text));
    }
    for (pdm_size i = 0; i < n_d; i++) PDM_TRY(pdm_case_set_text(c, "pde/definitions", d[i].name, d[i].text));
done:
    attributes_destroy(ctx, n_p, p);
    attributes_destroy(ctx, n_d, d);
    return status;
}

/* Names that there are: inputs, then parameters. name [n_most] */
static pdm_size known_names(pdm_case *c, pdm_size n_most, const char **name)
{
    pdm_size n = 0;
    for (pdm_size i = 0; i < pdm_case_n_subgroup(c, "inputs") && n < n_most; i++)
        name[n++] = pdm_case_subgroup_name(c, "inputs", i);
    for (pdm_size i = 0; i < pdm_case_n_attribute(c, "pde/parameters") && n < n_most; i++) {
        const char *here = pdm_case_attribute_name(c, "pde/parameters", i);
        if (!is_free_word(here)) name[n++] = here;
    }
    return n;
}

pdm_status fit_case_create(pdm_case *c, const fit_words *names, bool *constant, pdm_case **out)
{
    pdm_status  status = PDM_OK;
    pdm_case   *copy   = NULL;
    const char *known[2 * PARAMETER_MOST];

    PDM_TRY(
        fit_words_check(pdm_case_context(c), "parameters", names, known_names(c, 2 * PARAMETER_MOST, known), known));
    PDM_TRY(pdm_case_copy(c, &copy));
    for (pdm_size k = 0; k < names->n; k++) {
        char group[FIT_NAME + 16];
        snprintf(group, sizeof group, "inputs/%s", names->word[k].name);
        constant[k] = !pdm_case_has_group(c, group);
        if (constant[k]) PDM_TRY(move_constant(copy, names->word[k].name));
    }
    PDM_TRY(move_dependents(copy, names, constant));
    *out = copy;
    copy = NULL;
done:
    pdm_case_destroy(&copy);
    return status;
}

/* ---- a flux that is another one in the copy ---- */

static bool reads_atom(const pdm_function *f, const pdm_atom *atom)
{
    for (pdm_size a = 0; a < f->n_atom; a++)
        if (f->atom[a].field == atom->field && memcmp(f->atom[a].order, atom->order, sizeof atom->order) == 0)
            return true;
    return false;
}

static const pdm_function *source_of(const pdm_pde *p, int32_t equation)
{
    for (pdm_size t = 0; t < pdm_pde_n_term(p); t++)
        if (pdm_pde_term(p, t)->equation == equation && pdm_pde_term(p, t)->dim < 0)
            return pdm_pde_term(p, t)->function;
    return NULL;
}

/* Does the source of the equation read what it did not: a derivative that was in a flux? */
static bool has_left_flux(const pdm_pde *before, const pdm_pde *after, int32_t equation)
{
    const pdm_function *was = source_of(before, equation), *is = source_of(after, equation);
    for (pdm_size a = 0; is && a < is->n_atom; a++)
        if (!was || !reads_atom(was, &is->atom[a])) return true;
    return false;
}

pdm_status fit_case_check(pdm_case *c, const pdm_pde *after)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = pdm_case_context(c);
    pdm_pde     *before = NULL;

    PDM_TRY(pdm_pde_create(ctx, c, &before));
    for (pdm_size i = 0; i < pdm_pde_n_condition(before); i++) {
        const pdm_condition *k = pdm_pde_condition(before, i);
        if (k->kind != PDM_CONDITION_FLUX || !has_left_flux(before, after, k->field)) continue;
        const char *name = pdm_pde_field_name(before, k->field);
        PDM_FAIL_AT(ctx, PDM_ERR_CASE, &k->where,
                    "a parameter that is to be found stands before a derivative in equation %s, and would not be in "
                    "flux(%s); it inside of the derivative, like dx(D*dx(%s)), expected there",
                    name, name, name);
    }
done:
    pdm_pde_destroy(&before);
    return status;
}
