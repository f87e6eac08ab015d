#include "plot/colour.h"

#include <math.h>

#define TURN 6.283185307179586

/* Lightness 0 to 1; a from green to red, b from blue to yellow. */
typedef struct oklab {
    double lightness, a, b;
} oklab;

/* A control point of a map: chroma and hue; lightness is not chosen, it is linear. */
typedef struct control {
    double chroma, hue; /* hue in degrees */
} control;

/* ---- Oklab to sRGB and back; matrices from https://bottosson.github.io/posts/oklab ---- */

static double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

static double encode(double linear)
{
    const double v = clamp(linear, 0.0, 1.0);
    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1.0 / 2.4) - 0.055;
}

static double decode(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double cube(double v)
{
    return v * v * v;
}

static colour to_srgb(oklab c)
{
    const double l = cube(c.lightness + 0.3963377774 * c.a + 0.2158037573 * c.b);
    const double m = cube(c.lightness - 0.1055613458 * c.a - 0.0638541728 * c.b);
    const double s = cube(c.lightness - 0.0894841775 * c.a - 1.2914855480 * c.b);

    return (colour){encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
                    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
                    encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

double colour_lightness(colour c)
{
    const double r = decode(c.red), g = decode(c.green), b = decode(c.blue);

    return 0.2104542553 * cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) +
           0.7936177850 * cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) -
           0.0040720468 * cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
}

/* ---- maps ---- */

static oklab point(control c)
{
    const double angle = c.hue / 360.0 * TURN;
    return (oklab){0.0, c.chroma * cos(angle), c.chroma * sin(angle)};
}

/* Cubic through p1 and p2 with the slopes of the chords around them (Catmull-Rom). */
static double cubic(double p0, double p1, double p2, double p3, double s)
{
    const double slope1 = 0.5 * (p2 - p0), slope2 = 0.5 * (p3 - p1);
    const double rise = p2 - p1;

    return p1 + s * (slope1 + s * (3.0 * rise - 2.0 * slope1 - slope2 + s * (slope1 + slope2 - 2.0 * rise)));
}

/* Hue and chroma at s, 0 to 1, through n equally spaced control points. */
static oklab along(const control *c, int n, double s)
{
    const double place = clamp(s, 0.0, 1.0) * (n - 1);
    const int    i     = place < n - 1 ? (int)place : n - 2;
    const oklab  p1 = point(c[i]), p2 = point(c[i + 1]);
    const oklab  p0 = point(c[i > 0 ? i - 1 : 0]), p3 = point(c[i + 2 < n ? i + 2 : n - 1]);

    return (oklab){0.0, cubic(p0.a, p1.a, p2.a, p3.a, place - i), cubic(p0.b, p1.b, p2.b, p3.b, place - i)};
}

colour colour_sequential(double s)
{
    static const control violet_to_yellow[] = {
        {0.115, 305.0}, {0.115, 268.0}, {0.100, 220.0}, {0.120, 165.0}, {0.165, 108.0}};
    oklab c = along(violet_to_yellow, 5, s);

    c.lightness = 0.26 + 0.68 * clamp(s, 0.0, 1.0);
    return to_srgb(c);
}

colour colour_diverging(double s)
{
    static const control to_blue[] = {{0.0, 250.0}, {0.080, 250.0}, {0.125, 256.0}, {0.130, 262.0}};
    static const control to_red[]  = {{0.0, 40.0}, {0.080, 38.0}, {0.145, 30.0}, {0.150, 24.0}};
    const double         size      = clamp(fabs(s), 0.0, 1.0);
    oklab                c         = along(s < 0.0 ? to_blue : to_red, 4, size);

    c.lightness = 0.975 - 0.575 * size;
    return to_srgb(c);
}

colour colour_missing(void)
{
    return to_srgb((oklab){0.72, 0.0, 0.0});
}

colour colour_line(int i, int n)
{
    return colour_sequential(n > 1 ? 0.05 + 0.65 * i / (n - 1) : 0.25);
}
