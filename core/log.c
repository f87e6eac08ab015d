#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "core/core_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool pdm_log_wants(const pdm_context *ctx, pdm_log_level level)
{
    return ctx && ctx->log && level <= ctx->log_level;
}

void pdm_log(pdm_context *ctx, pdm_log_level level, const char *topic, const char *format, ...)
{
    char    line[CORE_ERROR_SIZE];
    va_list list;

    if (!pdm_log_wants(ctx, level)) return;
    va_start(list, format);
    const int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (n < 0) return;
    for (char *c = line; *c; c++)
        if (*c == '\n') *c = ' ';
    ctx->log(ctx->log_user, level, topic, line);
}

void pdm_record_begin(pdm_record *r)
{
    r->text[0] = '\0';
    r->length  = 0;
}

/* Appends key=value; an item that does not fit is left out whole. */
static void record_add(pdm_record *r, const char *key, const char *value)
{
    const size_t room = sizeof r->text - (size_t)r->length;
    const int    n    = snprintf(r->text + r->length, room, "%s%s=%s", r->length ? " " : "", key, value);
    if (n > 0 && (size_t)n < room)
        r->length += n;
    else
        r->text[r->length] = '\0';
}

void pdm_record_count(pdm_record *r, const char *key, pdm_size value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    record_add(r, key, text);
}

void pdm_record_real(pdm_record *r, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.3e", value);
    core_plain_point(text);
    record_add(r, key, text);
}

void pdm_record_log(pdm_context *ctx, pdm_log_level level, const char *topic, const pdm_record *r)
{
    pdm_log(ctx, level, topic, "%s", r->text);
}

double pdm_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
