#define _POSIX_C_SOURCE 200809L /* newlocale, uselocale */
#include "core/core_impl.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX_WORD 64 /* longer words are near to nothing */

/* Characters are classified as ASCII: the host's locale has no say. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_part(char c)
{
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* ---- words ---- */

/* Levenshtein distance, case ignored; row by row over the table of prefixes. Both words shorter than TEXT_MAX_WORD. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t n = strlen(b);
    size_t       row[TEXT_MAX_WORD];

    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0]          = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j]   = best;
        }
    }
    return row[n];
}

const char *pdm_text_nearest(const char *word, const char *const *candidates, pdm_size n)
{
    const size_t length  = strlen(word);
    size_t       allowed = 1 + length / 3;
    const char  *nearest = NULL;

    for (pdm_size i = 0; i < n && length < TEXT_MAX_WORD; i++) {
        if (strlen(candidates[i]) >= TEXT_MAX_WORD) continue;
        const size_t distance = edit_distance(word, candidates[i]);
        if (distance > allowed || (nearest && distance == allowed)) continue;
        nearest = candidates[i];
        allowed = distance;
    }
    return nearest;
}

bool pdm_text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

pdm_span pdm_text_next_name(const char **cursor)
{
    const char *start = *cursor;
    while (*start && strchr(" \t\r\n,", *start)) start++;
    const char *end = start;
    while (is_name_part(*end)) end++;
    *cursor = end;
    return (pdm_span){start, end - start};
}

bool pdm_span_equals(pdm_span span, const char *text)
{
    return strlen(text) == (size_t)span.length && memcmp(span.start, text, (size_t)span.length) == 0;
}

/* ---- growing text ---- */

static pdm_status text_reserve(pdm_text *t, size_t capacity)
{
    pdm_status status = PDM_OK;
    char      *data   = NULL;

    if (capacity <= t->capacity) goto done;
    if (capacity < 2 * t->capacity) capacity = 2 * t->capacity;
    if (capacity < 256) capacity = 256;
    PDM_TRY(pdm_alloc(t->ctx, capacity, &data));
    if (t->data) memcpy(data, t->data, t->length + 1);
    pdm_free(t->ctx, t->data);
    t->data     = data;
    t->capacity = capacity;
done:
    return status;
}

pdm_status pdm_text_append(pdm_text *t, const char *format, ...)
{
    pdm_status status = PDM_OK;
    va_list    list;

    va_start(list, format);
    const int n = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (n < 0) PDM_FAIL(t->ctx, PDM_ERR_INTERNAL, "the text \"%s\" cannot be formatted", format);
    PDM_TRY(text_reserve(t, t->length + (size_t)n + 1));
    va_start(list, format);
    vsnprintf(t->data + t->length, t->capacity - t->length, format, list);
    va_end(list);
    t->length += (size_t)n;
done:
    return status;
}

void pdm_text_destroy(pdm_text *t)
{
    pdm_free(t->ctx, t->data);
    *t = (pdm_text){0};
}

/* ---- numbers ---- */

/* digits [. digits] or . digits, [e [sign] digits]; a sign in front. Neither blanks nor inf, nan, hexadecimal. */
static bool is_decimal(const char *c)
{
    pdm_size n_digit = 0;

    if (*c == '+' || *c == '-') c++;
    for (; is_digit(*c); c++) n_digit++;
    if (*c == '.') c++;
    for (; is_digit(*c); c++) n_digit++;
    if (n_digit == 0) return false;
    if (*c == 'e' || *c == 'E') {
        c++;
        if (*c == '+' || *c == '-') c++;
        if (!is_digit(*c)) return false;
        while (is_digit(*c)) c++;
    }
    return *c == '\0';
}

pdm_plain_locale pdm_plain_locale_begin(void)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return plain ? (pdm_plain_locale){plain, uselocale(plain)} : (pdm_plain_locale){NULL, NULL};
}

void pdm_plain_locale_end(pdm_plain_locale l)
{
    if (!l.plain) return;
    (void)uselocale((locale_t)l.before);
    freelocale((locale_t)l.plain);
}

bool pdm_text_to_real(const char *text, double *out)
{
    if (!is_decimal(text)) return false;
    const pdm_plain_locale locale = pdm_plain_locale_begin();
    if (!locale.plain) return false;
    const double value = strtod(text, NULL);
    pdm_plain_locale_end(locale);
    if (value > 1.7976931348623157e308 || value < -1.7976931348623157e308) return false; /* overflow */
    *out = value;
    return true;
}

bool pdm_text_to_size(const char *text, pdm_size *out)
{
    const char *c     = *text == '-' || *text == '+' ? text + 1 : text;
    pdm_size    value = 0;

    if (!*c) return false;
    for (; *c; c++) {
        if (!is_digit(*c)) return false;
        const pdm_size digit = *text == '-' ? '0' - *c : *c - '0';
        if (__builtin_mul_overflow(value, (pdm_size)10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static bool is_number_part(char c)
{
    return is_name_part(c) || c == '+' || c == '-';
}

void core_plain_point(char *number)
{
    char *point = number;
    while (is_number_part(*point)) point++;
    char *rest = point;
    while (*rest && !is_number_part(*rest)) rest++;
    if (rest == point) return;
    *point = '.';
    memmove(point + 1, rest, strlen(rest) + 1);
}

const char *pdm_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
