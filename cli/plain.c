/* Text from files and names on its way to a terminal: it must not be able to steer one. Line feeds and tabs pass;
 * other control characters (C0, DEL, C1), those that turn the direction of writing, and bytes that are not UTF-8 are
 * escaped. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int text_character(const char *text, uint32_t *code)
{
    const unsigned char  *c       = (const unsigned char *)text;
    const int             n       = c[0] < 0x80 ? 1 : c[0] >= 0xc2 && c[0] < 0xe0 ? 2 : (c[0] & 0xf0) == 0xe0 ? 3 : 4;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    *code = n == 1 ? c[0] : c[0] & (0xffu >> (n + 1));
    if (n == 4 && (c[0] < 0xf0 || c[0] > 0xf4)) return 0;
    for (int i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (c[i] & 0x3fu);
    }
    return *code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : n;
}

bool text_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f || code == 0x061c ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void print_plain(FILE *to, const char *text)
{
    while (*text) {
        uint32_t  code = 0;
        const int n    = text_character(text, &code);
        if (n == 0)
            fprintf(to, "\\x%02x", (unsigned)(unsigned char)*text);
        else if (!text_is_control(code) || code == '\n' || code == '\t')
            fwrite(text, 1, (size_t)n, to);
        else
            fprintf(to, code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code);
        text += n > 0 ? n : 1;
    }
}

void print_plain_list(FILE *to, const char *format, va_list arguments)
{
    char    short_text[512], *text = short_text;
    va_list again;
    int     n;

    va_copy(again, arguments);
    n = vsnprintf(short_text, sizeof short_text, format, arguments);
    if (n >= (int)sizeof short_text) {
        text = malloc((size_t)n + 1);
        if (text) (void)vsnprintf(text, (size_t)n + 1, format, again);
    }
    va_end(again);
    print_plain(to, text ? text : short_text);
    if (text != short_text) free(text);
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_plain_list(stdout, format, arguments);
    va_end(arguments);
}
