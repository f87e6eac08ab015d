/* Numbers by name, with names of any length: what jobs say through the public header. */
#include "model/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static pdm_named_value *find(const pdm_values *v, const char *name)
{
    for (pdm_size i = 0; i < v->n; i++)
        if (strcmp(v->value[i].name, name) == 0) return &v->value[i];
    return NULL;
}

static pdm_status grow(pdm_context *ctx, pdm_values *v)
{
    pdm_status       status   = PDM_OK;
    const pdm_size   capacity = 2 * v->capacity + 32;
    pdm_named_value *more     = NULL;

    PDM_TRY(pdm_alloc_array(ctx, capacity, &more));
    if (v->n > 0) memcpy(more, v->value, (size_t)v->n * sizeof *more);
    pdm_free(ctx, v->value);
    v->value    = more;
    v->capacity = capacity;
done:
    return status;
}

static void set(pdm_context *ctx, pdm_values *v, const char *name, double value)
{
    pdm_status       status = PDM_OK;
    pdm_named_value *known  = find(v, name);

    if (known) {
        known->value = value;
        return;
    }
    if (v->n == v->capacity) PDM_TRY(grow(ctx, v));
    PDM_TRY(pdm_alloc_text(ctx, name, &v->value[v->n].name));
    v->value[v->n++].value = value;
done:
    return;
}

void pdm_values_set(pdm_context *ctx, pdm_values *v, double value, const char *format, ...)
{
    pdm_status status = PDM_OK;
    char       usual[128], *made = NULL, *name = usual;
    va_list    arguments;

    va_start(arguments, format);
    const int n = vsnprintf(usual, sizeof usual, format, arguments);
    va_end(arguments);
    if (n >= (int)sizeof usual) {
        PDM_TRY(pdm_alloc_array(ctx, n + 1, &made));
        va_start(arguments, format);
        vsnprintf(made, (size_t)n + 1, format, arguments);
        va_end(arguments);
        name = made;
    }
    set(ctx, v, name, value);
done:
    pdm_free(ctx, made);
}

void pdm_values_set_all(pdm_context *ctx, pdm_values *v, pdm_size n, const pdm_number_place *place, const void *from)
{
    for (pdm_size i = 0; i < n; i++)
        set(ctx, v, place[i].name, *(const double *)((const char *)from + place[i].offset));
}

double pdm_values_get(const pdm_values *v, const char *name)
{
    const pdm_named_value *known = find(v, name);
    return known ? known->value : NAN;
}

void pdm_values_destroy(pdm_context *ctx, pdm_values *v)
{
    for (pdm_size i = 0; i < v->n; i++) pdm_free(ctx, v->value[i].name);
    pdm_free(ctx, v->value);
    *v = (pdm_values){0};
}
