#include "io/io.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/io_impl.h"

#define CHOICE_MAX    32 /* words of one choice */
#define FALLBACK_TEXT 64 /* a number or a word, and its end */

/* The words of "a|b|c" as texts of their own in `store`, which must hold strlen(choices) + 1 bytes. */
static pdm_size choice_split(const char *choices, char *store, const char *word[CHOICE_MAX])
{
    pdm_size n = 0;

    memcpy(store, choices, strlen(choices) + 1);
    for (char *p = store; p && n < CHOICE_MAX;) {
        char *bar = strchr(p, '|');
        word[n++] = p;
        if (bar) *bar++ = '\0';
        p = bar;
    }
    return n;
}

/* The words with ", " between them. */
static pdm_status choice_list(pdm_text *out, const char *const *word, pdm_size n)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < n; i++) PDM_TRY(pdm_text_append(out, "%s%s", i > 0 ? ", " : "", word[i]));
done:
    return status;
}

/* fallback: a word. */
static pdm_status read_choice(pdm_case *c, const char *group, const pdm_setting *s, const char *fallback, double *value)
{
    pdm_status  status = PDM_OK;
    char       *store  = NULL;
    pdm_text    list   = {.ctx = pdm_case_context(c)};
    const char *word[CHOICE_MAX], *text = NULL, *nearest = NULL;
    pdm_size    n = 0, i = 0;
    pdm_where   where;

    PDM_TRY(pdm_alloc(pdm_case_context(c), strlen(s->choices) + 1, &store));
    n = choice_split(s->choices, store, word);
    PDM_TRY(pdm_case_text(c, group, s->name, fallback, &text));
    while (i < n && strcmp(word[i], text) != 0) i++;
    *value = (double)i;
    if (i < n) goto done;
    where = pdm_case_where(c, group, s->name);
    PDM_TRY(choice_list(&list, word, n));
    nearest = pdm_text_nearest(text, word, n);
    if (nearest)
        PDM_FAIL_AT(pdm_case_context(c), PDM_ERR_CASE, &where, "\"%s\" is not one of: %s; did you mean \"%s\"?", text,
                    list.data, nearest);
    PDM_FAIL_AT(pdm_case_context(c), PDM_ERR_CASE, &where, "\"%s\" is not one of: %s", text, list.data);
done:
    pdm_text_destroy(&list);
    pdm_free(pdm_case_context(c), store);
    return status;
}

/* "0 to 1", ">= 1", "<= 5", "any"; bounds that no double exceeds are none. */
static void range_text(const pdm_setting *s, char *out, size_t size)
{
    const bool has_low = s->low > -DBL_MAX, has_high = s->high < DBL_MAX;
    char       low[IO_REAL_TEXT], high[IO_REAL_TEXT];

    io_real_text(s->low, low);
    io_real_text(s->high, high);
    if (has_low && has_high)
        (void)snprintf(out, size, "%s to %s", low, high);
    else if (has_low)
        (void)snprintf(out, size, ">= %s", low);
    else if (has_high)
        (void)snprintf(out, size, "<= %s", high);
    else
        (void)snprintf(out, size, "any");
}

/* fallback: a number as text. */
static pdm_status read_number(pdm_case *c, const char *group, const pdm_setting *s, const char *fallback, double *value)
{
    pdm_status status = PDM_OK;
    pdm_where  where;
    pdm_size   n = 0;
    char       range[2 * IO_REAL_TEXT + 8], number[IO_REAL_TEXT];
    const bool has_unit = s->unit && strcmp(s->unit, "1") != 0 && s->unit[0];

    PDM_TRY(pdm_case_reals(c, group, s->name, false, 1, 1, value, &n));
    where = pdm_case_where(c, group, s->name);
    if (n == 0 && !pdm_text_to_real(fallback, value))
        PDM_FAIL_AT(pdm_case_context(c), PDM_ERR_CASE, &where, "its default is \"%s\"; a number expected", fallback);
    range_text(s, range, sizeof range);
    io_real_text(*value, number);
    if (s->type == PDM_SETTING_COUNT && (*value != floor(*value) || fabs(*value) > 9007199254740992.0))
        PDM_FAIL_AT(pdm_case_context(c), PDM_ERR_CASE, &where, "%s is not a whole number; %s expected", number, range);
    if (*value < s->low || *value > s->high)
        PDM_FAIL_AT(pdm_case_context(c), PDM_ERR_CASE, &where, "%s is outside its range; %s%s%s expected", number,
                    range, has_unit ? " " : "", has_unit ? s->unit : "");
done:
    return status;
}

/* The default as a case would state it. */
static void fallback_text(const pdm_setting *s, char out[FALLBACK_TEXT])
{
    const char *word = s->choices;
    const char *end  = NULL;
    char        number[IO_REAL_TEXT];

    if (s->type != PDM_SETTING_CHOICE) {
        io_real_text(s->fallback, number);
        (void)snprintf(out, FALLBACK_TEXT, "%s", number);
        return;
    }
    for (pdm_size i = (pdm_size)s->fallback; i > 0 && strchr(word, '|'); i--) word = strchr(word, '|') + 1;
    end = strchr(word, '|');
    (void)snprintf(out, FALLBACK_TEXT, "%.*s", end ? (int)(end - word) : (int)strlen(word), word);
}

static void store_value(const pdm_setting *s, double value, void *out)
{
    char *at = (char *)out + s->offset;

    if (s->type == PDM_SETTING_REAL) memcpy(at, &value, sizeof value);
    if (s->type == PDM_SETTING_COUNT) memcpy(at, &(pdm_size){(pdm_size)value}, sizeof(pdm_size));
    if (s->type == PDM_SETTING_CHOICE) memcpy(at, &(int){(int)value}, sizeof(int));
}

pdm_status pdm_case_settings(pdm_case *c, const char *group, const pdm_setting *table, pdm_size n, void *out)
{
    pdm_status status = PDM_OK;
    double    *value  = NULL;

    PDM_TRY(pdm_alloc_array(pdm_case_context(c), n, &value));
    for (pdm_size i = 0; i < n; i++) {
        char        text[FALLBACK_TEXT];
        const char *fallback = NULL;
        fallback_text(&table[i], text);
        PDM_TRY(case_default(c, group, table[i].name, text, &fallback));
        if (table[i].type == PDM_SETTING_CHOICE)
            PDM_TRY(read_choice(c, group, &table[i], fallback, &value[i]));
        else
            PDM_TRY(read_number(c, group, &table[i], fallback, &value[i]));
    }
    for (pdm_size i = 0; i < n; i++) store_value(&table[i], value[i], out);
done:
    pdm_free(pdm_case_context(c), value);
    return status;
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

/* What stands in the columns "default" and "range" of a setting; both lent or in buffers of the caller. */
typedef struct setting_words {
    char fallback[FALLBACK_TEXT], range[128];
} setting_words;

static void words_of(const pdm_setting *s, setting_words *w)
{
    fallback_text(s, w->fallback);
    if (s->type == PDM_SETTING_CHOICE)
        (void)snprintf(w->range, sizeof w->range, "%s", s->choices);
    else
        range_text(s, w->range, sizeof w->range);
}

static int longest(int width, const char *text)
{
    const size_t n = strlen(text);
    return n > (size_t)width ? (int)n : width;
}

pdm_status pdm_settings_view(const char *group, const pdm_setting *table, pdm_size n, pdm_text *out)
{
    pdm_status    status = PDM_OK;
    setting_words w;
    int           width[3] = {4, 7, 5}; /* name, default, range */

    for (pdm_size i = 0; i < n; i++) {
        words_of(&table[i], &w);
        width[0] = longest(width[0], table[i].name);
        width[1] = longest(width[1], w.fallback);
        width[2] = longest(width[2], w.range);
    }
    PDM_TRY(pdm_text_append(out, "%s\n", group));
    for (pdm_size i = 0; i < n; i++) {
        words_of(&table[i], &w);
        const char *unit = table[i].unit && strcmp(table[i].unit, "1") != 0 ? table[i].unit : "";
        PDM_TRY(pdm_text_append(out, "  %-*s  %-*s  %-*s  %s%s%s\n", width[0], table[i].name, width[1], w.fallback,
                                width[2], w.range, table[i].help ? table[i].help : "", *unit ? "; in " : "", unit));
    }
done:
    return status;
}
