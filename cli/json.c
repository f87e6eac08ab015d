#include "cli/cli.h"

#include <math.h>
#include <stdio.h>

static void print_escaped(const char *text)
{
    while (*text) {
        uint32_t  code = 0;
        const int n    = text_character(text, &code);
        if (n == 0)
            fputs("\\ufffd", stdout); /* not UTF-8, which JSON has to be */
        else if (code == '"' || code == '\\')
            printf("\\%c", (char)code);
        else if (code == '\n')
            fputs("\\n", stdout);
        else if (text_is_control(code))
            printf("\\u%04x", (unsigned)code);
        else
            fwrite(text, 1, (size_t)n, stdout);
        text += n > 0 ? n : 1;
    }
}

static void print_key(const char *key)
{
    printf(", \"%s\": ", key);
}

void json_text(const char *key, const char *value)
{
    print_key(key);
    putchar('"');
    print_escaped(value);
    putchar('"');
}

void json_real(const char *key, double value)
{
    print_key(key);
    if (isfinite(value))
        printf("%.17g", value);
    else
        fputs("null", stdout);
}

void json_count(const char *key, pdm_size value)
{
    print_key(key);
    printf("%lld", (long long)value);
}

void json_value(const pdm_model *m, const char *name)
{
    json_real(name, pdm_model_value(m, name));
}

void json_end(void)
{
    puts("}");
}

void json_begin(const char *command_name, const options *o)
{
    printf("{\"command\": \"%s\"", command_name);
    json_text("file", o->operand[0]);
    if (o->operand[1]) json_text("data", o->operand[1]);
    if (o->output) json_text("output", o->output);
}

void json_prediction(const pdm_model *m)
{
    static const char *const name[] = {"samples",         "unconverged",   "unanswered",     "outside",     "seconds",
                                       "seconds.network", "seconds.solve", "seconds.output", "seconds.data"};
    static const char *const verdict[] = {"verdict.good", "verdict.doubtful", "verdict.wrong",
                                          "verdict.none", "imbalance",        "seconds.verdict"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) json_value(m, name[i]);
    for (size_t i = 0; i < sizeof verdict / sizeof *verdict; i++) json_value(m, verdict[i]);
}

void json_routing(const pdm_model *m)
{
    static const char *const name[] = {"gate.unknowns", "gate.null"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (!isnan(pdm_model_value(m, name[i]))) json_value(m, name[i]);
}

void json_estimate(const pdm_model *m, bool compared)
{
    static const char *const name[] = {"estimate",         "estimate.worst", "estimate.unconverged",
                                       "seconds.estimate", "estimate.ratio", "estimate.spread"};
    for (size_t i = 0; i < (compared ? 6 : 4); i++) json_value(m, name[i]);
}

void report_text(void *user, const char *text)
{
    report *r = user;

    if (!r->options->json) {
        print_plain(stdout, text);
        return;
    }
    if (!r->begun) {
        json_begin(r->command_name, r->options);
        print_key("text");
        putchar('"');
    }
    r->begun = true;
    print_escaped(text);
}

bool report_wants_numbers(report *r)
{
    if (r->begun) putchar('"');
    return r->begun;
}
