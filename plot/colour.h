/* Colours of pictures: made in Oklab (B. Ottosson, 2020), where equal steps look equal, from a few control points. */
#ifndef PDM_PLOT_COLOUR_H
#define PDM_PLOT_COLOUR_H

typedef struct colour {
    double red, green, blue; /* sRGB, 0 to 1 */
} colour;

/* s from 0 (dark violet) to 1 (light yellow), clamped; lightness grows linearly with s. */
colour colour_sequential(double s);
/* s from -1 (blue) over 0 (white) to 1 (red), clamped; lightness falls linearly with |s|, alike on both sides. */
colour colour_diverging(double s);
/* Where there is no value. */
colour colour_missing(void);
/* Line i of n, dark to light, all of them readable on white. */
colour colour_line(int i, int n);
/* Oklab lightness, 0 (black) to 1 (white). */
double colour_lightness(colour c);

#endif
