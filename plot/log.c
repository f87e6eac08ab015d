/* The log of a training run: a flat JSON object a line, of which some numbers are drawn. */
#include "plot/data.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const key[N_LOG_COLUMN] = {"step", "loss", "gradient", "failed", "rate"};

enum { LINE_SIZE = 16384, FIRST_CAPACITY = 1024 };

static const char *skip_blanks(const char *c)
{
    while (isspace((unsigned char)*c)) c++;
    return c;
}

/* Behind the closing quote of the string that starts at c, or NULL. */
static const char *skip_string(const char *c)
{
    for (c++; *c && *c != '"'; c++)
        if (*c == '\\' && c[1]) c++;
    return *c == '"' ? c + 1 : NULL;
}

/* A value; a number into *number, NaN for anything else. Returns what is behind it, or NULL. */
static const char *read_value(const char *c, double *number)
{
    static const char *const word[] = {"null", "true", "false"};
    char                    *end    = NULL;

    *number = NAN;
    if (*c == '"') return skip_string(c);
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strncmp(c, word[i], strlen(word[i])) == 0) return c + strlen(word[i]);
    if (*c != '-' && !isdigit((unsigned char)*c)) return NULL;
    *number = strtod(c, &end);
    return end;
}

/* Numbers of one line; false where it is not a flat JSON object. */
static bool read_line(const char *line, double value[N_LOG_COLUMN])
{
    const char *c = skip_blanks(line);

    for (int i = 0; i < N_LOG_COLUMN; i++) value[i] = NAN;
    if (*c != '{') return false;
    c = skip_blanks(c + 1);
    while (*c == '"') {
        const char *name = c + 1, *end = skip_string(c);
        double      number;
        if (!end) return false;
        c = skip_blanks(end);
        if (*c != ':') return false;
        c = read_value(skip_blanks(c + 1), &number);
        if (!c) return false;
        for (int i = 0; i < N_LOG_COLUMN; i++)
            if ((size_t)(end - 1 - name) == strlen(key[i]) && strncmp(name, key[i], strlen(key[i])) == 0)
                value[i] = number;
        c = skip_blanks(c);
        if (*c == ',') c = skip_blanks(c + 1);
    }
    return *c == '}' && *skip_blanks(c + 1) == '\0';
}

static pdm_status grow(pdm_context *ctx, plot_log *x, size_t *capacity)
{
    pdm_status   status = PDM_OK;
    const size_t more   = *capacity ? 2 * *capacity : FIRST_CAPACITY;

    for (int i = 0; i < N_LOG_COLUMN; i++) {
        double *column = NULL;
        PDM_TRY(pdm_alloc_array(ctx, (pdm_size)more, &column));
        if (x->n > 0) memcpy(column, x->column[i], x->n * sizeof *column);
        pdm_free(ctx, x->column[i]);
        x->column[i] = column;
    }
    *capacity = more;
done:
    return status;
}

static pdm_status append(pdm_context *ctx, plot_log *x, size_t *capacity, const double value[N_LOG_COLUMN])
{
    pdm_status status = PDM_OK;

    if (x->n == *capacity) PDM_TRY(grow(ctx, x, capacity));
    for (int i = 0; i < N_LOG_COLUMN; i++) x->column[i][x->n] = value[i];
    if (!isfinite(value[LOG_STEP])) x->column[LOG_STEP][x->n] = (double)x->n + 1.0;
    x->n++;
done:
    return status;
}

pdm_status plot_log_read(pdm_context *ctx, const char *path, plot_log *out)
{
    pdm_status status   = PDM_OK;
    plot_log   x        = {0};
    size_t     capacity = 0, number = 0;
    double     value[N_LOG_COLUMN];
    char       line[LINE_SIZE];
    FILE      *file = fopen(path, "r");

    if (!file) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file)) {
        number++;
        if (!strchr(line, '\n') && feof(file)) break; /* a run that goes on is writing it */
        if (!read_line(line, value))
            PDM_FAIL(ctx, PDM_ERR_DATA,
                     "%s:%zu: not a line of a training log: a JSON object like {\"step\": 1, \"loss\": 0.1} expected",
                     path, number);
        PDM_TRY(append(ctx, &x, &capacity, value));
    }
    if (ferror(file)) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (x.n == 0) PDM_FAIL(ctx, PDM_ERR_DATA, "%s: no steps are logged in it", path);
    *out = x;
    x    = (plot_log){0};
done:
    if (file) (void)fclose(file);
    plot_log_release(ctx, &x);
    return status;
}

void plot_log_release(pdm_context *ctx, plot_log *x)
{
    for (int i = 0; i < N_LOG_COLUMN; i++) pdm_free(ctx, x->column[i]);
    *x = (plot_log){0};
}
