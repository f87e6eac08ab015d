#include "core/core_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_MESSAGE_SIZE 1400 /* the rest of the buffer is kept for the place, the text with its caret, and a note */
#define ERROR_TEXT_COLUMNS 100  /* longer lines are shown as a window around the caret */

const char *pdm_status_text(pdm_status status)
{
    switch (status) {
#define STATUS_CASE(name, value, text) \
    case name: return text;
        PDM_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

void pdm_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "pdemoe: %s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

/* Text under construction: [length] bytes of data, always terminated; what does not fit is dropped. */
typedef struct error_text {
    char  *data;
    size_t size, length;
} error_text;

static void text_add_list(error_text *t, const char *format, va_list list)
{
    const size_t room = t->size - t->length;
    const int    n    = vsnprintf(t->data + t->length, room, format, list);
    if (n > 0) t->length += (size_t)n < room ? (size_t)n : room - 1;
}

PDM_PRINTF(2, 3) static void text_add(error_text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    text_add_list(t, format, list);
    va_end(list);
}

static bool is_utf8_tail(char byte)
{
    return ((unsigned char)byte & 0xC0u) == 0x80u;
}

/* file: /group:attribute: */
static void text_add_place(error_text *t, const pdm_where *where)
{
    if (where->file) text_add(t, "%s: ", where->file);
    if (where->group || where->attribute) text_add(t, "/%s", where->group ? where->group : "");
    if (where->attribute) text_add(t, ":%s", where->attribute);
    if (where->group || where->attribute) text_add(t, ": ");
}

/* The line of `text` that holds offset, indented by four, and a caret under it. Columns are characters, not bytes. */
static void text_add_caret(error_text *t, const char *text, pdm_size offset)
{
    const size_t length = strlen(text);
    const size_t at     = offset < 0 ? 0 : (size_t)offset < length ? (size_t)offset : length;
    size_t       first  = at;
    size_t       last   = at;

    while (first > 0 && text[first - 1] != '\n') first--;
    while (last < length && text[last] != '\n') last++;
    const bool cut_left = at - first > ERROR_TEXT_COLUMNS - 20;
    if (cut_left) first = at - (ERROR_TEXT_COLUMNS - 40);
    while (cut_left && first < at && is_utf8_tail(text[first])) first++;
    const bool cut_right = last - first > ERROR_TEXT_COLUMNS;
    if (cut_right) last = first + ERROR_TEXT_COLUMNS;
    while (cut_right && last > at && is_utf8_tail(text[last])) last--;

    text_add(t, "\n    %s", cut_left ? "..." : "");
    for (size_t i = first; i < last; i++) {
        const bool blank = text[i] == '\t' || text[i] == '\r';
        text_add(t, "%c", blank ? ' ' : text[i]);
    }
    text_add(t, "%s", cut_right ? "..." : "");
    if (offset < 0) return;
    text_add(t, "\n    %s", cut_left ? "   " : "");
    for (size_t i = first; i < at; i++)
        if (!is_utf8_tail(text[i])) text_add(t, " ");
    text_add(t, "^");
}

/* Writers take turns, so that failures in several threads leave one whole message. */
static void error_publish(pdm_context *ctx, const error_text *t)
{
    while (atomic_flag_test_and_set_explicit(&ctx->error_busy, memory_order_acquire)) continue;
    memcpy(ctx->error, t->data, t->length + 1);
    atomic_flag_clear_explicit(&ctx->error_busy, memory_order_release);
}

pdm_status pdm_error_set(pdm_context *ctx, pdm_status code, const pdm_where *where, const char *function,
                         const char *format, ...)
{
    char       buffer[CORE_ERROR_SIZE]; /* apart from the context's: arguments may point into that */
    error_text t = {buffer, ERROR_MESSAGE_SIZE, 0};
    va_list    list;

    if (!ctx) return code;
    buffer[0] = '\0';
    if (where) text_add_place(&t, where);
    va_start(list, format);
    text_add_list(&t, format, list);
    va_end(list);
    t.size = sizeof buffer;
    if (t.length == ERROR_MESSAGE_SIZE - 1) text_add(&t, "...");
    if (where && where->text) text_add_caret(&t, where->text, where->offset);
    error_publish(ctx, &t);
    pdm_log(ctx, PDM_LOG_DEBUG, "core", "%s: %s: %s", function ? function : "", pdm_status_text(code), buffer);
    return code;
}

void pdm_error_note(pdm_context *ctx, const char *format, ...)
{
    char       buffer[CORE_ERROR_SIZE];
    error_text t = {buffer, sizeof buffer, 0};
    va_list    list;

    if (!ctx) return;
    buffer[0] = '\0';
    text_add(&t, "%s%s", ctx->error, ctx->error[0] ? "\n" : "");
    va_start(list, format);
    text_add_list(&t, format, list);
    va_end(list);
    error_publish(ctx, &t);
}
