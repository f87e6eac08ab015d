/* Ticks of an axis: round numbers in steps of 1, 2 or 5, and their labels. */
#ifndef PDM_PLOT_TICKS_H
#define PDM_PLOT_TICKS_H

enum { MAX_TICK = 16, TICK_TEXT = 32 };

typedef struct ticks {
    int    n;
    double at[MAX_TICK];
    char   label[MAX_TICK][TICK_TEXT]; /* UTF-8; "" for a tick without one */
    char   factor[TICK_TEXT]; /* what all labels are to be multiplied by, "\u00d710\u207b\u00b3" say; "" for 1 */
} ticks;

/* About `most` ticks, and no more than that, in low <= at <= high, give or take a hair; low < high. */
void ticks_linear(double low, double high, int most, ticks *out);
/* For a logarithmic axis, 0 < low < high: powers of ten; with fewer than two of them also 2 and 5 times these. */
void ticks_log(double low, double high, int most, ticks *out);
/* A number for a sentence: three digits, with a real minus sign. */
void number_text(double value, char text[TICK_TEXT]);

#endif
