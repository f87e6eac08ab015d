#include "io/io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

void io_real_text(double value, char out[IO_REAL_TEXT])
{
    char *p = out;

    if (!isfinite(value)) {
        (void)snprintf(out, IO_REAL_TEXT, "%s", isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, IO_REAL_TEXT, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
    /* the locale's decimal point, of one byte or several, becomes '.' */
    for (const char *q = out; *q;) {
        if (strchr("0123456789+-e", *q)) {
            *p++ = *q++;
            continue;
        }
        while (*q && !strchr("0123456789+-e", *q)) q++;
        *p++ = '.';
    }
    *p = '\0';
}

void io_hash_text(uint64_t high, uint64_t low, char out[PDM_HASH_TEXT])
{
    (void)snprintf(out, PDM_HASH_TEXT, "%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
}

/* A number as CDL: a double always, never an integer constant. */
static pdm_status print_real(pdm_text *out, double value)
{
    char number[IO_REAL_TEXT];

    if (isnan(value)) return pdm_text_append(out, "NaN");
    if (isinf(value)) return pdm_text_append(out, "%s", value > 0.0 ? "Infinity" : "-Infinity");
    io_real_text(value, number);
    return pdm_text_append(out, "%s%s", number, strpbrk(number, ".e") ? "" : ".");
}

/* CDL escapes; bytes above 127 (UTF-8) stay. */
static pdm_status print_quoted(pdm_text *out, const char *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(out, "\""));
    while (*text) {
        const size_t n =
            strcspn(text, "\"\\\n\t\r\001\002\003\004\005\006\007\010\013\014\016\017\020\021\022\023\024\025\026"
                          "\027\030\031\032\033\034\035\036\037\177");
        PDM_TRY(pdm_text_append(out, "%.*s", (int)n, text));
        text += n;
        if (*text == '\0') break;
        if (*text == '"' || *text == '\\')
            PDM_TRY(pdm_text_append(out, "\\%c", *text));
        else if (*text == '\n')
            PDM_TRY(pdm_text_append(out, "\\n"));
        else if (*text == '\t')
            PDM_TRY(pdm_text_append(out, "\\t"));
        else
            PDM_TRY(pdm_text_append(out, "\\%03o", (unsigned)(unsigned char)*text));
        text++;
    }
    PDM_TRY(pdm_text_append(out, "\""));
done:
    return status;
}

/* Whether the text is a list of one or more finite numbers. */
static bool is_number_list(const char *text)
{
    double   value = 0.0;
    int      found = 0;
    pdm_size n     = 0;

    while ((found = case_next_real(&text, &value)) == 1 && isfinite(value)) n++;
    return found == 0 && n > 0;
}

pdm_status case_value_print(pdm_text *out, const case_attribute *a)
{
    pdm_status  status = PDM_OK;
    const char *cursor = a->text;
    double      value  = 0.0;

    if (a->real) {
        for (pdm_size i = 0; i < a->n_real; i++) {
            if (i > 0) PDM_TRY(pdm_text_append(out, ", "));
            PDM_TRY(print_real(out, a->real[i]));
        }
    } else if (is_number_list(a->text)) {
        for (pdm_size i = 0; case_next_real(&cursor, &value) == 1; i++) {
            if (i > 0) PDM_TRY(pdm_text_append(out, ", "));
            PDM_TRY(print_real(out, value));
        }
    } else {
        PDM_TRY(print_quoted(out, a->text));
    }
done:
    return status;
}

static pdm_status print_attributes(pdm_text *out, const case_list *list, int indent, const char *variable)
{
    pdm_status status = PDM_OK;

    for (const case_node *node = case_present(list->first); node; node = case_present(node->next)) {
        PDM_TRY(pdm_text_append(out, "%*s%s:%s = ", indent, "", variable, node->name));
        PDM_TRY(case_value_print(out, (const case_attribute *)node));
        PDM_TRY(pdm_text_append(out, " ;\n"));
    }
done:
    return status;
}

/* Whether an earlier variable of the group, or an earlier dimension of the same one, has this dimension. */
static bool is_declared(const case_group *g, const case_array *until, pdm_size d_until)
{
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a    = (const case_array *)node;
        const pdm_size    last = a == until ? d_until : a->n_dim;
        for (pdm_size d = 0; d < last; d++)
            if (strcmp(a->dim[d], until->dim[d_until]) == 0) return true;
        if (a == until) break;
    }
    return false;
}

static pdm_status print_dimensions(pdm_text *out, const case_group *g, int indent)
{
    pdm_status status = PDM_OK;
    bool       any    = false;

    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a = (const case_array *)node;
        for (pdm_size d = 0; d < a->n_dim; d++) {
            if (is_declared(g, a, d)) continue;
            if (!any) PDM_TRY(pdm_text_append(out, "%*sdimensions:\n", indent, ""));
            any = true;
            PDM_TRY(pdm_text_append(out, "%*s%s = %lld ;\n", indent + 4, "", a->dim[d], (long long)a->shape[d]));
        }
    }
done:
    return status;
}

static pdm_status print_variables(pdm_text *out, const case_group *g, int indent)
{
    pdm_status status = PDM_OK;

    if (case_present(g->array.first)) PDM_TRY(pdm_text_append(out, "%*svariables:\n", indent, ""));
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a = (const case_array *)node;
        PDM_TRY(pdm_text_append(out, "%*sdouble %s", indent + 4, "", node->name));
        for (pdm_size d = 0; d < a->n_dim; d++) PDM_TRY(pdm_text_append(out, "%s%s", d > 0 ? ", " : "(", a->dim[d]));
        PDM_TRY(pdm_text_append(out, "%s ;\n", a->n_dim > 0 ? ")" : ""));
        PDM_TRY(print_attributes(out, &a->attribute, indent + 8, node->name));
    }
done:
    return status;
}

static pdm_status print_data(pdm_text *out, const case_group *g, int indent)
{
    pdm_status status = PDM_OK;

    if (case_present(g->array.first)) PDM_TRY(pdm_text_append(out, "%*sdata:\n", indent, ""));
    for (const case_node *node = case_present(g->array.first); node; node = case_present(node->next)) {
        const case_array *a = (const case_array *)node;
        PDM_TRY(pdm_text_append(out, "%*s%s =", indent + 4, "", node->name));
        for (pdm_size i = 0; i < a->n_value; i++) {
            PDM_TRY(pdm_text_append(out, "%s", i == 0 ? " " : i % 8 == 0 ? ",\n        " : ", "));
            PDM_TRY(print_real(out, a->value[i]));
        }
        PDM_TRY(pdm_text_append(out, " ;\n"));
    }
done:
    return status;
}

static pdm_status print_group(pdm_text *out, const case_group *g, int indent)
{
    pdm_status status = PDM_OK;

    PDM_TRY(print_dimensions(out, g, indent));
    PDM_TRY(print_variables(out, g, indent));
    PDM_TRY(print_attributes(out, &g->attribute, indent, ""));
    PDM_TRY(print_data(out, g, indent));
    for (const case_node *node = case_present(g->group.first); node; node = case_present(node->next)) {
        PDM_TRY(pdm_text_append(out, "\n%*sgroup: %s {\n", indent, "", node->name));
        PDM_TRY(print_group(out, (const case_group *)node, indent + 4));
        PDM_TRY(pdm_text_append(out, "%*s}\n", indent, ""));
    }
done:
    return status;
}

pdm_status pdm_case_print(pdm_case *c, pdm_text *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(out, "netcdf case {\n"));
    PDM_TRY(print_group(out, c->root, 4));
    PDM_TRY(pdm_text_append(out, "}\n"));
done:
    return status;
}

pdm_status pdm_case_hash(pdm_case *c, char out[PDM_HASH_TEXT])
{
    pdm_status    status = PDM_OK;
    pdm_text      text   = {.ctx = c->ctx};
    XXH128_hash_t hash;

    PDM_TRY(pdm_case_print(c, &text));
    hash = XXH3_128bits(text.data, text.length);
    io_hash_text(hash.high64, hash.low64, out);
done:
    pdm_text_destroy(&text);
    return status;
}
