/* Lists of settings by name. */
#include "fit/fit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

/* One part of the list, between commas, [begin, end). */
static pdm_status read_word(pdm_context *ctx, const char *what, const char *text, pdm_span part, bool name_only,
                            fit_word *out)
{
    pdm_status  status = PDM_OK;
    const char *begin = part.start, *end = part.start + part.length;

    while (begin < end && isspace((unsigned char)*begin)) begin++;
    while (end > begin && isspace((unsigned char)end[-1])) end--;
    const char *sign = memchr(begin, '=', (size_t)(end - begin)), *name_end = sign ? sign : end, *value = sign;
    *out = (fit_word){{0}, {0}};
    if (begin == end)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s \"%s\": nothing between two commas, or at an end; %s expected", what, text,
                 name_only ? "names like \"D, k\"" : "\"NAME = VALUE, ...\"");
    if (name_only && sign) PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s \"%s\": names like \"D, k\" expected", what, text);
    if (!name_only && !sign) name_end = begin; /* a value alone */
    while (name_end > begin && isspace((unsigned char)name_end[-1])) name_end--;
    value = sign ? sign + 1 : begin;
    while (value < end && isspace((unsigned char)*value)) value++;
    if (name_end - begin >= FIT_NAME || (!name_only && end - value >= FIT_NAME))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s: \"%.60s...\" is too long; at most %d characters expected", what, begin,
                 FIT_NAME - 1);
    memcpy(out->name, begin, (size_t)(name_end - begin));
    if (!name_only) memcpy(out->value, value, (size_t)(end - value));
    if ((sign && out->name[0] == '\0') || (!name_only && out->value[0] == '\0'))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s \"%s\": \"NAME = VALUE, ...\" expected", what, text);
done:
    return status;
}

pdm_status fit_words_read(pdm_context *ctx, const char *what, const char *text, bool name_only, fit_words *out)
{
    pdm_status status = PDM_OK;

    out->n = 0;
    if (!text) return PDM_OK;
    for (const char *at = text;;) {
        const size_t length = strcspn(at, ",");
        if (out->n == FIT_PART_MOST)
            PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s: more than %d names; at most so many expected", what, FIT_PART_MOST);
        PDM_TRY(read_word(ctx, what, text, (pdm_span){at, (pdm_size)length}, name_only, &out->word[out->n]));
        for (pdm_size i = 0; i < out->n; i++)
            if (strcmp(out->word[i].name, out->word[out->n].name) == 0)
                PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s \"%s\": \"%s\" is there twice; once expected", what, text,
                         out->word[i].name);
        out->n++;
        at += length;
        if (*at++ == '\0') break;
    }
done:
    return status;
}

const char *fit_words_find(const fit_words *w, const char *name)
{
    for (pdm_size i = 0; i < w->n; i++)
        if (strcmp(w->word[i].name, name) == 0) return w->word[i].value;
    return NULL;
}

pdm_status fit_words_check(pdm_context *ctx, const char *what, const fit_words *w, pdm_size n, const char *const *name)
{
    pdm_status status = PDM_OK;
    pdm_text   known  = {.ctx = ctx};

    for (pdm_size i = 0; i < w->n; i++) {
        pdm_size k = 0;
        while (k < n && strcmp(name[k], w->word[i].name) != 0) k++;
        if (k < n) continue;
        const char *nearest = pdm_text_nearest(w->word[i].name, name, n);
        for (k = 0; k < n; k++) PDM_TRY(pdm_text_append(&known, "%s%s", k > 0 ? ", " : "", name[k]));
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%s: unknown name \"%s\"%s%s%s; one of these expected: %s", what,
                 w->word[i].name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "",
                 known.data ? known.data : "(there are none)");
    }
done:
    pdm_text_destroy(&known);
    return status;
}
