/* Any bytes as number, list of names, near miss of a name, and text under an error's caret. */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_names(const char *text)
{
    const char              *cursor  = text;
    static const char *const known[] = {"tolerance", "max_iterations"};
    while (pdm_text_next_name(&cursor).length > 0) continue;
    (void)pdm_text_nearest(text, known, 2);
}

/* The caret stands somewhere in the last line of the message, whatever the text and the offset. */
static void show_error(pdm_context *ctx, const char *text, pdm_size offset)
{
    const pdm_where where = {.file = "a.nc", .group = "pde", .attribute = "residual", .text = text, .offset = offset};
    pdm_error_set(ctx, PDM_ERR_CASE, &where, __func__, "what");
    const char *last = strrchr(pdm_context_error(ctx), '\n');
    if (!last || strspn(last + 1, " ") + 2 != strlen(last) || last[strlen(last) - 1] != '^') abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pdm_context *ctx  = NULL;
    char        *text = malloc(size + 1);
    double       real;
    pdm_size     count;

    if (!text || pdm_context_create(NULL, &ctx) != PDM_OK) abort();
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    (void)pdm_text_to_real(text, &real);
    (void)pdm_text_to_size(text, &count);
    read_names(text);
    show_error(ctx, text, size ? data[0] * (pdm_size)size / 256 : 0);
    if (pdm_context_destroy(&ctx) != 0) abort();
    free(text);
    return 0;
}
