/* What plot reads: files of fields, alone and against themselves, what is in them of experts, and training logs; some
 * of it is drawn. The first byte says which. */
#include "plot/routing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz_netcdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What fontconfig keeps to the end is not ours, nor what NetCDF 4.9.0 loses of an attribute that it refuses. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:nc4_put_att";
}

enum { MOST_SAMPLES = 4 };

static const char *const dimension[] = {"sample", "t", "x", "y", "z", "expert", "two", NULL};
static const char *const variable[]  = {
     "t", "x", "y", "z", "u", "v", "a", "sample", "expert_bounds", "expert_columns", "gate_columns", "solver_reason",
     NULL};
static const char *const attribute[] = {
    "units",           "_FillValue", "missing_value", "scale_factor", "axis",        "long_name", "role",
    "dimension_names", "period",     "title",         "case",         "pdemoe_kind", NULL};
static const char *const text[] = {
    "m", "s", "1", "T", "X", "Y", "input", "t x", "0 1", "x", "0", "a long name of a field", "", NULL};
static const fuzz_words words = {dimension, variable, attribute, text, false};

static void use_routing(pdm_context *ctx, const plot_file *f, const plot_field *x, size_t sample)
{
    routing r = {0};
    tile   *t = NULL;
    size_t  n = 0;

    if (routing_read(ctx, f, &r) == PDM_OK && routing_tiles(ctx, &r, x, sample, 0, &t, &n) == PDM_OK) pdm_free(ctx, t);
    routing_release(ctx, &r);
}

static void use_field(pdm_context *ctx, const plot_file *f, int number, size_t sample)
{
    plot_field a = {0}, b = {0}, difference = {0};
    char       words_of[PLOT_TEXT];
    double     error;

    if (plot_field_read(ctx, f, number, sample, NULL, &a) == PDM_OK) {
        plot_cut_text(&a, words_of);
        use_routing(ctx, f, &a, sample);
        if (plot_field_read(ctx, f, number, sample, &a, &b) == PDM_OK)
            (void)plot_compare(ctx, "a", &a, "b", &b, &difference, &error);
    }
    plot_field_release(ctx, &a);
    plot_field_release(ctx, &b);
    plot_field_release(ctx, &difference);
}

static void use_file(pdm_context *ctx, const char *path)
{
    plot_file f = {0};
    char      words_of[PLOT_TEXT];

    if (plot_file_open(ctx, path, &f) != PDM_OK) return;
    for (size_t s = 0; s < f.n_sample && s < MOST_SAMPLES; s++) {
        plot_sample_text(&f, s, words_of);
        for (int i = 0; i < f.n_field; i++) use_field(ctx, &f, f.field[i], s);
    }
    plot_file_close(ctx, &f);
}

static void draw(pdm_context *ctx, const char *path, bool compares, bool of_experts)
{
    static char  target[64];
    plot_request q = {.file = path, .output = target, .sample = -1, .width = 200, .routing = of_experts};
    plot_result  r = {0};

    if (compares) q.reference = path;
    if (!target[0]) (void)snprintf(target, sizeof target, "/tmp/pdemoe-fuzz-%ld.svg", (long)getpid());
    (void)plot_draw(ctx, &q, &r);
    (void)unlink(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes   b    = {data, size};
    const int    kind = fuzz_take(&b, 7);
    pdm_context *ctx  = NULL;
    plot_log     log  = {0};

    if (pdm_context_create(NULL, &ctx) != PDM_OK) abort();
    if (kind == 7) {
        if (plot_log_read(ctx, fuzz_file(b.data, b.n), &log) == PDM_OK) plot_log_release(ctx, &log);
    } else {
        const char *path = fuzz_netcdf(&b, &words);
        plot_kind   is;
        if (path) use_file(ctx, path);
        if (path) (void)plot_kind_of(ctx, path, &is);
        if (path && kind < 3) draw(ctx, path, kind == 1, kind == 2);
    }
    if (pdm_context_destroy(&ctx) != 0) abort();
    return 0;
}
