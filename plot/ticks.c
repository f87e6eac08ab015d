#include "plot/ticks.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SLACK 0.004 /* of the extent: a tick so little beyond an end is put there */
#define MINUS "\u2212"
#define TIMES "\u00d7"

/* A number of the form %.*f, with a real minus sign and no minus zero. */
static void fixed_text(double value, int n_decimal, char text[TICK_TEXT])
{
    char plain[TICK_TEXT];

    snprintf(plain, sizeof plain, "%.*f", n_decimal, value);
    if (plain[0] == '-' && strspn(plain, "-0.") == strlen(plain))
        snprintf(text, TICK_TEXT, "%s", plain + 1);
    else if (plain[0] == '-')
        snprintf(text, TICK_TEXT, MINUS "%.28s", plain + 1);
    else
        snprintf(text, TICK_TEXT, "%s", plain);
}

static void power_text(int exponent, const char *front, char text[TICK_TEXT])
{
    static const char *const digit[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                        "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
    char                     plain[8];
    size_t                   used = (size_t)snprintf(text, TICK_TEXT, "%s10", front);

    snprintf(plain, sizeof plain, "%d", exponent);
    for (const char *c = plain; *c; c++)
        used += (size_t)snprintf(text + used, TICK_TEXT - used, "%s", *c == '-' ? "\u207b" : digit[*c - '0']);
}

void number_text(double value, char text[TICK_TEXT])
{
    char plain[TICK_TEXT];

    const bool is_long = fabs(value) >= 1000.0 && fabs(value) < 1e5; /* better whole than with an exponent */

    snprintf(plain, sizeof plain, is_long ? "%.0f" : "%.3g", value == 0.0 ? 0.0 : value);
    char *exponent = strchr(plain, 'e');
    int   power    = 0;
    if (exponent) {
        (void)sscanf(exponent + 1, "%d", &power);
        *exponent = '\0';
    }
    const char *sign = plain[0] == '-' ? MINUS : "", *digits = plain + (plain[0] == '-');
    if (!exponent) {
        snprintf(text, TICK_TEXT, "%s%.20s", sign, digits);
        return;
    }
    char factor[TICK_TEXT];
    power_text(power, TIMES, factor);
    snprintf(text, TICK_TEXT, "%s%.6s%.20s", sign, digits, factor);
}

/* The smallest of 1, 2, 5 times a power of ten that is no smaller than `least`; its power into *power. */
static double round_step(double least, int *power)
{
    static const double round[] = {1.0, 2.0, 5.0};

    *power           = (int)floor(log10(least));
    const double ten = pow(10.0, *power);
    for (int i = 0; i < 3; i++)
        if (round[i] * ten >= least * (1.0 - 1e-9)) return round[i] * ten;
    *power += 1;
    return 10.0 * ten;
}

/* Numbers like 25000 or 0.0005 are written over a common power of ten. */
static int common_exponent(double largest, int step_power)
{
    const int power = largest > 0.0 ? (int)floor(log10(largest) + 1e-9) : 0;
    return power >= 5 || step_power <= -4 || power <= -3 ? power : 0;
}

void ticks_linear(double low, double high, int most, ticks *out)
{
    int          power;
    const int    wanted   = most < 2 ? 2 : most > MAX_TICK ? MAX_TICK : most;
    double       step     = round_step((high - low) / wanted, &power);
    const double slack    = SLACK * (high - low);
    const int    exponent = common_exponent(fmax(fabs(low), fabs(high)), power);
    const double factor   = pow(10.0, exponent);
    const int    n_shown  = exponent - power > 0 ? exponent - power : 0;

    *out = (ticks){0};
    if (exponent) power_text(exponent, TIMES, out->factor);
    for (double k = ceil((low - slack) / step); k * step <= high + slack && out->n < MAX_TICK; k += 1.0) {
        out->at[out->n] = k * step;
        fixed_text(k * step / factor, n_shown < 12 ? n_shown : 12, out->label[out->n]);
        out->n++;
    }
}

static void add_log_tick(ticks *t, double at, double low, double high, int digit, int power)
{
    if (at < low * (1.0 - 1e-9) || at > high * (1.0 + 1e-9) || t->n == MAX_TICK) return;
    t->at[t->n] = at;
    if (digit == 1)
        power_text(power, "", t->label[t->n]);
    else {
        char front[8];
        snprintf(front, sizeof front, "%d" TIMES, digit);
        power_text(power, front, t->label[t->n]);
    }
    t->n++;
}

void ticks_log(double low, double high, int most, ticks *out)
{
    static const int digit[] = {1, 2, 5};
    const int        first = (int)floor(log10(low) + 1e-9), last = (int)ceil(log10(high) - 1e-9);
    const int        wanted = most < 2 ? 2 : most > MAX_TICK ? MAX_TICK : most;
    const int        every  = (last - first) / wanted + 1;
    const int        inside = (int)floor(log10(high) + 1e-9) - (int)ceil(log10(low) - 1e-9) + 1;

    *out = (ticks){0};
    for (int power = first; power <= last; power += every)
        for (int i = 0; i < (inside < 2 ? 3 : 1); i++)
            add_log_tick(out, digit[i] * pow(10.0, power), low, high, digit[i], power);
}
