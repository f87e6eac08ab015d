/* Cases in NetCDF files: what is read prints, copies and hashes as it should. */
#include "io/io.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz_netcdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[]     = {"pde", "domain", "x", "y", "parameters", "inputs", "u", "a b", NULL};
static const char *const attribute[] = {"fields",       "u",   "extent", "units", "comment", "_FillValue",
                                        "scale_factor", "x.y", NULL};
static const char *const text[]      = {"u", "0, 1", "dt(u)", "1e400", "", " ", "a\"b", "\xc3\xa4", NULL};
static const fuzz_words  words       = {names, names, attribute, text, false};

static void use_case(pdm_context *ctx, pdm_case *c)
{
    pdm_text  printed[2] = {{.ctx = ctx}, {.ctx = ctx}};
    pdm_case *copy       = NULL;
    char      hash[2][PDM_HASH_TEXT];
    double    real[2];
    pdm_size  n = 0;

    if (pdm_case_print(c, &printed[0]) != PDM_OK || pdm_case_hash(c, hash[0]) != PDM_OK) abort();
    (void)pdm_case_reals(c, "domain/x", "extent", true, 2, 2, real, &n);
    (void)pdm_case_check_unread(c);
    if (pdm_case_copy(c, &copy) != PDM_OK || pdm_case_print(copy, &printed[1]) != PDM_OK ||
        pdm_case_hash(copy, hash[1]) != PDM_OK)
        abort();
    if (strcmp(printed[0].data, printed[1].data) != 0 || strcmp(hash[0], hash[1]) != 0) abort();
    pdm_case_destroy(&copy);
    pdm_text_destroy(&printed[0]);
    pdm_text_destroy(&printed[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes   b    = {data, size};
    const char  *path = fuzz_netcdf(&b, &words);
    pdm_context *ctx  = NULL;
    pdm_case    *c    = NULL;

    if (!path) return 0;
    if (pdm_context_create(NULL, &ctx) != PDM_OK) abort();
    if (pdm_case_read(ctx, path, &c) == PDM_OK) use_case(ctx, c);
    pdm_case_destroy(&c);
    if (pdm_context_destroy(&ctx) != 0) abort();
    return 0;
}
