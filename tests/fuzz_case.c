/* Any bytes as lines "group name value" of a case. Bytes of NetCDF files are left out: libnetcdf 4.9.0 and HDF5 1.10.8
 * crash on hostile ones before anything of ours sees them. */
#include "io/io.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct numbers {
    double   real;
    pdm_size count;
    int      choice;
} numbers;

static const pdm_setting table[] = {
    {"real", PDM_SETTING_REAL, offsetof(numbers, real), 0.5, 0.0, 1.0, NULL, "s", "a number"},
    {"count", PDM_SETTING_COUNT, offsetof(numbers, count), 3, 1, 100, NULL, "1", "a count"},
    {"choice", PDM_SETTING_CHOICE, offsetof(numbers, choice), 0, 0, 0, "first|second", "1", "a word"},
};

/* What is printed is the same for a copy, and asking does not change it. */
static void use_case(pdm_context *ctx, pdm_case *c)
{
    pdm_text  text[2] = {{.ctx = ctx}, {.ctx = ctx}};
    pdm_case *copy    = NULL;
    numbers   n;
    double    real[3];
    pdm_size  n_real = 0;

    if (pdm_case_print(c, &text[0]) != PDM_OK) abort();
    (void)pdm_case_settings(c, "g", table, 3, &n);
    (void)pdm_case_reals(c, "g", "reals", true, 1, 3, real, &n_real);
    (void)pdm_case_check_unread(c);
    if (pdm_case_copy(c, &copy) != PDM_OK || pdm_case_print(copy, &text[1]) != PDM_OK) abort();
    if (strcmp(text[0].data, text[1].data) != 0) abort();
    pdm_case_destroy(&copy);
    pdm_text_destroy(&text[0]);
    pdm_text_destroy(&text[1]);
}

static void read_lines(pdm_context *ctx, char *text)
{
    pdm_case *c = NULL;

    if (pdm_case_create(ctx, &c) != PDM_OK) abort();
    for (char *line = text; line;) {
        char *next = strchr(line, '\n'), *name = NULL, *value = NULL;
        if (next) *next++ = '\0';
        name = strchr(line, ' ');
        if (name) *name++ = '\0';
        value = name ? strchr(name, ' ') : NULL;
        if (value) *value++ = '\0';
        if (value) (void)pdm_case_set_text(c, line, name, value);
        line = next;
    }
    use_case(ctx, c);
    pdm_case_destroy(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pdm_context *ctx  = NULL;
    char        *text = malloc(size + 1);

    if (!text || pdm_context_create(NULL, &ctx) != PDM_OK) abort();
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    read_lines(ctx, text);
    if (pdm_context_destroy(&ctx) != 0) abort();
    free(text);
    return 0;
}
