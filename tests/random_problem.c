/* With X = x/L, T = t/S in [0, 1] and u = U p(T, X, Y),
 *     p = p0 + sum_j A_j f_jt(T) f_jx(X) f_jy(Y),
 * the residual is  u_t or S u_tt  - div(D grad u) - (D_xy u_y)_x + (v u + b u^2/2)_x + r1 u + r2 u^2 + r3 u^3 - source,
 * and the source U/S times what the same terms make of p, whose derivatives are those of the factors f. Coefficients have
 * scales L, S, U beside numbers near 1, so that they may have units, and scales of any size. */
#include "tests/random_problem.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { DIMS = 3, TERMS = 2 }; /* t, x, y */
enum { TIME, ALONG_X, ALONG_Y };

typedef enum factor_kind { CONSTANT, SINE, GROWTH, STEP, PARABOLA, HILL } factor_kind;
typedef struct factor {
    factor_kind kind;
    double      a, b; /* sin(a X + b), exp(a X), tanh((X - a)/b), 1 + a X + b X^2, exp(-((X - a)/b)^2) */
} factor;

/* What was drawn. */
typedef struct draft {
    uint64_t seed, count;
    bool     has[DIMS], periodic[DIMS], hard, units, second, steady;
    int      n[DIMS], n_term;
    double   constant, amplitude[TERMS];
    factor   factor[TERMS][DIMS];
    double   diffusion, across, bulge, slope, speed, steepening, rate[3]; /* D, D_xy, D's part in x and in u, v, b, r */
    double   phase;
    double   scale[DIMS], size; /* S, L, L; U */
} draft;

/* ---- numbers ---- */

/* splitmix64 of seed and a counter. */
static double uniform(draft *d, double low, double high)
{
    uint64_t z = d->seed * 0x9e3779b97f4a7c15u + ++d->count * 0xd1342543de82ef95u;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return low + (high - low) * (double)(z >> 11) * 0x1p-53;
}

static double log_uniform(draft *d, double low, double high)
{
    return exp(uniform(d, log(low), log(high)));
}

static bool chance(draft *d, double probability)
{
    return uniform(d, 0.0, 1.0) < probability;
}

static int whole(draft *d, int low, int high)
{
    return low + (int)uniform(d, 0.0, (double)(high - low + 1));
}

/* ---- the solution ---- */

static double turn(void)
{
    return 2.0 * acos(-1.0);
}

/* The length of a span in [0, 1]. */
static double span(const draft *d, int dim)
{
    return 1.0 / (double)(d->periodic[dim] ? d->n[dim] : d->n[dim] - 3);
}

/* Waves of at least 8 spans, steps and hills of a width of 2.5. */
static factor draw_smooth(draft *d, int dim)
{
    const double h = span(d, dim), width = fmax(0.1, log_uniform(d, 2.5, 6.0) * h);
    if (d->periodic[dim])
        return (factor){SINE, turn() * floor(uniform(d, 1.0, fmax(1.5, 0.125 / h))), uniform(d, 0.0, turn())};
    switch (whole(d, 0, 5)) {
    case 0: return (factor){CONSTANT, 0.0, 0.0};
    case 1: return (factor){GROWTH, uniform(d, -2.0, 1.0), 0.0};
    case 2: return (factor){STEP, uniform(d, 0.2, 0.8), width};
    case 3: return (factor){PARABOLA, uniform(d, -1.0, 1.0), uniform(d, -1.0, 1.0)};
    case 4: return (factor){HILL, uniform(d, 0.2, 0.8), width};
    default: return (factor){SINE, turn() * uniform(d, 0.3, 0.125 / h), uniform(d, 0.0, turn())};
    }
}

/* Waves of 1.2 to 4 spans, steps and hills of a width down to a hundredth. */
static factor draw_hard(draft *d, int dim)
{
    const double h = span(d, dim), wave = 1.0 / (h * log_uniform(d, 1.2, 4.0)), width = h * log_uniform(d, 0.01, 0.6);
    if (d->periodic[dim]) return (factor){SINE, turn() * floor(wave), uniform(d, 0.0, turn())};
    switch (whole(d, 0, 2)) {
    case 0: return (factor){STEP, uniform(d, 0.2, 0.8), width};
    case 1: return (factor){HILL, uniform(d, 0.2, 0.8), width};
    default: return (factor){SINE, turn() * wave, uniform(d, 0.0, turn())};
    }
}

static void draw_solution(draft *d)
{
    d->n_term   = whole(d, 1, TERMS);
    d->constant = chance(d, 0.5) ? uniform(d, 0.2, 1.5) : 0.0;
    for (int j = 0; j < d->n_term; j++) {
        d->amplitude[j] = uniform(d, 0.3, 1.0);
        for (int i = 0; i < DIMS; i++) d->factor[j][i] = d->has[i] ? draw_smooth(d, i) : (factor){CONSTANT, 0.0, 0.0};
    }
    if (!d->hard) return;
    int dim = whole(d, 0, DIMS - 1);
    while (!d->has[dim]) dim = (dim + 1) % DIMS;
    d->factor[whole(d, 0, d->n_term - 1)][dim] = draw_hard(d, dim);
}

/* ---- terms and scales ---- */

static void draw_grid(draft *d, random_problem *out)
{
    static const char *const kinds[] = {"ode", "steady", "time", "steady 2d", "time 2d"};
    const double             r       = uniform(d, 0.0, 1.0);
    const int                kind    = r < 0.2 ? 0 : r < 0.45 ? 1 : r < 0.77 ? 2 : r < 0.95 ? 3 : 4;
    const int                least[] = {16, 14, 12, 9, 7}, most[] = {48, 36, 24, 14, 9};

    out->kind = kinds[kind];
    d->has[0] = kind == 0 || kind == 2 || kind == 4;
    d->has[1] = kind > 0;
    d->has[2] = kind > 2;
    d->steady = !d->has[0];
    d->hard   = chance(d, 1.0 / 3.0);
    d->units  = chance(d, 1.0 / 3.0);
    d->second = !d->steady && chance(d, 0.2);
    for (int i = 0; i < DIMS; i++) {
        d->n[i]        = whole(d, least[kind], most[kind]);
        d->periodic[i] = i > 0 && d->has[i] && chance(d, 0.2);
        d->scale[i]    = d->units ? log_uniform(d, 1e-3, 1e3) : 1.0;
    }
    d->scale[2] = d->scale[1];
    d->size     = d->units ? log_uniform(d, 1e-3, 1e4) : 1.0;
    out->hard   = d->hard;
}

/* Steady equations have one solution: their reaction grows with u, or is linear. */
static void draw_terms(draft *d)
{
    const bool in_space = d->has[1];
    const int  reaction = whole(d, 0, 3); /* none, linear, quadratic and linear, cubic and all */

    d->diffusion = in_space ? log_uniform(d, 0.002, 1.0) : 0.0;
    d->phase     = uniform(d, 0.0, turn());
    if (in_space && chance(d, 0.3)) d->bulge = uniform(d, 0.1, 0.6);
    if (in_space && d->bulge == 0.0 && chance(d, 0.3)) d->slope = uniform(d, 0.1, 1.0);
    if (d->has[2] && d->slope == 0.0 && chance(d, 0.3))
        d->across = d->diffusion * (1.0 - d->bulge) * uniform(d, -1.2, 1.2);
    if (in_space && !d->second && chance(d, 0.5)) d->speed = uniform(d, -3.0, 3.0);
    if (in_space && !d->second && !d->steady && chance(d, 0.3)) d->steepening = uniform(d, 0.1, 1.0);
    if (reaction > 0) d->rate[0] = d->steady ? uniform(d, 0.2, 10.0) : uniform(d, -1.0, 10.0);
    if (reaction == 1 && d->steady && d->slope == 0.0 && chance(d, 0.5)) d->rate[0] *= -1.0;
    if (reaction > 1) d->rate[2] = reaction == 3 || d->steady ? uniform(d, 0.2, 2.0) : 0.0;
    if (reaction > 1) d->rate[1] = uniform(d, -1.0, 1.0) * (d->steady ? sqrt(3.0 * d->rate[0] * d->rate[2]) : 1.0);
    /* without a condition that fixes the level of a periodic box */
    if (d->steady && d->rate[0] == 0.0 && (!d->has[1] || d->periodic[1]) && (!d->has[2] || d->periodic[2]))
        d->rate[0] = 2.0;
}

/* ---- text ---- */

static void say(char *out, size_t size, const char *format, ...)
{
    va_list      list;
    const size_t used = strlen(out);
    va_start(list, format);
    vsnprintf(out + used, size - used, format, list);
    va_end(list);
}

static void add(random_problem *p, const char *group, const char *name, const char *format, ...)
{
    random_word *w = &p->word[p->n_word++];
    va_list      list;
    va_start(list, format);
    snprintf(w->group, sizeof w->group, "%s", group);
    snprintf(w->name, sizeof w->name, "%s", name);
    vsnprintf(w->value, sizeof w->value, format, list);
    va_end(list);
}

/* The factor, or a derivative of it by X. */
static void say_factor(const factor *f, int order, const char *X, char *out, size_t size)
{
    char z[96];
    switch (f->kind) {
    case CONSTANT: say(out, size, order ? "0" : "1"); break;
    case SINE:
        snprintf(z, sizeof z, "(%.12g*%s + %.12g)", f->a, X, f->b);
        if (order == 0) say(out, size, "sin%s", z);
        if (order == 1) say(out, size, "%.12g*cos%s", f->a, z);
        if (order == 2) say(out, size, "(-%.12g)*sin%s", f->a * f->a, z);
        break;
    case GROWTH: say(out, size, "(%.12g)*exp((%.12g)*%s)", pow(f->a, order), f->a, X); break;
    case STEP:
        snprintf(z, sizeof z, "tanh((%s - %.12g)/%.12g)", X, f->a, f->b);
        if (order == 0) say(out, size, "%s", z);
        if (order == 1) say(out, size, "(1 - %s^2)/%.12g", z, f->b);
        if (order == 2) say(out, size, "(-2)*%s*(1 - %s^2)/%.12g^2", z, z, f->b);
        break;
    case PARABOLA:
        if (order == 0) say(out, size, "(1 + (%.12g)*%s + (%.12g)*%s^2)", f->a, X, f->b, X);
        if (order == 1) say(out, size, "(%.12g + (%.12g)*%s)", f->a, 2.0 * f->b, X);
        if (order == 2) say(out, size, "(%.12g)", 2.0 * f->b);
        break;
    case HILL:
        snprintf(z, sizeof z, "((%s - %.12g)/%.12g)", X, f->a, f->b);
        if (order == 1) say(out, size, "(-2)*%s/%.12g*", z, f->b);
        if (order == 2) say(out, size, "(4*%s^2 - 2)/%.12g^2*", z, f->b);
        say(out, size, "exp(-%s^2)", z);
        break;
    }
}

/* p, or a derivative of it. */
static void add_derivative(random_problem *p, const draft *d, const char *name, int t, int x, int y)
{
    static const char *const X[]                = {"T", "X", "Y"};
    const int                order[]            = {t, x, y};
    char                     text[RANDOM_VALUE] = "";

    say(text, sizeof text, "%.12g", t + x + y ? 0.0 : d->constant);
    for (int j = 0; j < d->n_term; j++) {
        say(text, sizeof text, " + %.12g", d->amplitude[j]);
        for (int i = 0; i < DIMS; i++) {
            if (!d->has[i]) continue;
            say(text, sizeof text, "*");
            say_factor(&d->factor[j][i], order[i], X[i], text, sizeof text);
        }
    }
    add(p, "pde/definitions", name, "%s", text);
}

static void add_units(random_problem *p, const draft *d)
{
    static const char *const units[][2] = {{"u", "K"}, {"U", "K"}, {"S", "s"}, {"L", "m"}};
    for (size_t i = 0; d->units && i < sizeof units / sizeof *units; i++)
        add(p, "pde/units", units[i][0], "%s", units[i][1]);
    if (d->units && d->has[0]) add(p, "pde/units", "t", "s");
    if (d->units && d->has[1]) add(p, "pde/units", "x", "m");
    if (d->units && d->has[2]) add(p, "pde/units", "y", "m");
}

static void add_definitions(random_problem *p, const draft *d)
{
    const char *g = "pde/definitions";
    if (d->has[0]) add(p, g, "T", "t/S");
    if (d->has[1]) add(p, g, "X", "x/L");
    if (d->has[2]) add(p, g, "Y", "y/L");
    add_derivative(p, d, "p", 0, 0, 0);
    if (d->has[0]) add_derivative(p, d, "pt", 1, 0, 0);
    if (d->second) add_derivative(p, d, "ptt", 2, 0, 0);
    if (d->has[1]) add_derivative(p, d, "px", 0, 1, 0);
    if (d->has[1]) add_derivative(p, d, "pxx", 0, 2, 0);
    if (d->has[2]) add_derivative(p, d, "py", 0, 0, 1);
    if (d->has[2]) add_derivative(p, d, "pyy", 0, 0, 2);
    if (d->across != 0.0) add_derivative(p, d, "pxy", 0, 1, 1);
    if (!d->has[1]) return;
    /* D/(L^2/S) as a function of X or of u, for u and for p, and the derivative of the latter by X */
    add(p, g, "m", "1 + %.12g*sin(%.12g*X + %.12g) + %.12g*(u/U)^2", d->bulge, turn(), d->phase, d->slope);
    add(p, g, "mp", "1 + %.12g*sin(%.12g*X + %.12g) + %.12g*p^2", d->bulge, turn(), d->phase, d->slope);
    add(p, g, "mx", "%.12g*cos(%.12g*X + %.12g) + %.12g*p*px", d->bulge * turn(), turn(), d->phase, 2.0 * d->slope);
    if (d->has[2]) add(p, g, "my", "%.12g*p*py", 2.0 * d->slope);
    add(p, g, "D", "%.12g*L^2/S*m", d->diffusion);
}

/* The flux along x, of u or, over U L/S, of p. */
static void say_flux(const draft *d, bool of_u, char *out, size_t size)
{
    if (of_u) {
        say(out, size, "-D*dx(u)");
        if (d->across != 0.0) say(out, size, " - (%.12g)*L^2/S*dy(u)", d->across);
        if (d->speed != 0.0) say(out, size, " + (%.12g)*L/S*u", d->speed);
        if (d->steepening != 0.0) say(out, size, " + %.12g*L/(S*U)*u^2", 0.5 * d->steepening);
        return;
    }
    say(out, size, "-%.12g*mp*px", d->diffusion);
    if (d->across != 0.0) say(out, size, " - (%.12g)*py", d->across);
    if (d->speed != 0.0) say(out, size, " + (%.12g)*p", d->speed);
    if (d->steepening != 0.0) say(out, size, " + %.12g*p^2", 0.5 * d->steepening);
}

static void say_source(const draft *d, char *out, size_t size)
{
    say(out, size, "0");
    if (d->has[0]) say(out, size, d->second ? " + ptt" : " + pt");
    if (d->has[1]) say(out, size, " - %.12g*(mx*px + mp*pxx)", d->diffusion);
    if (d->has[2]) say(out, size, " - %.12g*(my*py + mp*pyy)", d->diffusion);
    if (d->across != 0.0) say(out, size, " - (%.12g)*pxy", d->across);
    if (d->speed != 0.0) say(out, size, " + (%.12g)*px", d->speed);
    if (d->steepening != 0.0) say(out, size, " + %.12g*p*px", d->steepening);
    for (int k = 0; k < 3; k++)
        if (d->rate[k] != 0.0) say(out, size, " + (%.12g)*p^%d", d->rate[k], k + 1);
}

static void add_residual(random_problem *p, const draft *d)
{
    char text[RANDOM_VALUE] = "", flux[512] = "";
    if (d->has[0]) say(text, sizeof text, d->second ? "S*dt(dt(u)) " : "dt(u) ");
    if (d->has[1]) {
        say_flux(d, true, flux, sizeof flux);
        say(text, sizeof text, "+ dx(%s) ", flux);
    }
    if (d->has[2]) say(text, sizeof text, "- dy(D*dy(u)) ");
    for (int k = 0; k < 3; k++)
        if (d->rate[k] != 0.0) say(text, sizeof text, "+ (%.12g)/(S*U^%d)*u^%d ", d->rate[k], k, k + 1);
    say(text, sizeof text, "- U/S*(");
    say_source(d, text, sizeof text);
    say(text, sizeof text, ")");
    add(p, "pde/residuals", "u", "%s", text[0] == '+' ? text + 2 : text);
    if (!d->has[0]) return;
    add(p, "pde/initial", "u", "U*p");
    if (d->second) add(p, "pde/initial", "u_t", "U/S*pt");
}

/* A value, a flux or a Robin condition; steady problems have a value on one side at least. */
static void add_side(random_problem *p, draft *d, int dim, bool low)
{
    static const char *const names[] = {"t", "x", "y"};
    char                     side[16], flux[512] = "";
    const double             h    = (low ? -1.0 : 1.0) * uniform(d, 0.5, 3.0);
    const int                kind = d->steady && low ? 0 : whole(d, 0, 2);

    snprintf(side, sizeof side, "%s_%s", names[dim], low ? "min" : "max");
    say_flux(d, false, flux, sizeof flux);
    if (kind == 0)
        add(p, "pde/boundary", side, "u = U*p");
    else if (kind == 1 && dim == ALONG_X)
        add(p, "pde/boundary", side, "flux(u) = U*L/S*(%s)", flux);
    else if (kind == 1)
        add(p, "pde/boundary", side, "flux(u) = U*L/S*(-%.12g*mp*py)", d->diffusion);
    else
        add(p, "pde/boundary", side, "d%s(u) + (%.12g)/L*u = U/L*(p%s + (%.12g)*p)", names[dim], h, names[dim], h);
}

static void add_grid(random_problem *p, draft *d)
{
    static const char *const names[] = {"t", "x", "y"};
    char                     all[8]  = "", group[16];

    for (int i = 0; i < DIMS; i++)
        if (d->has[i]) say(all, sizeof all, "%s%s", all[0] ? " " : "", names[i]);
    add(p, "domain", "dimensions", "%s", all);
    for (int i = 0; i < DIMS; i++) {
        if (!d->has[i]) continue;
        snprintf(group, sizeof group, "domain/%s", names[i]);
        add(p, group, "extent", "0 %.17g", d->scale[i]);
        add(p, group, "control_points", "%d", d->n[i]);
        if (d->periodic[i]) add(p, group, "kind", "periodic");
        if (d->periodic[i] || !chance(d, 0.25)) continue;
        if (i == TIME && !d->second) add(p, group, "map", "sqrt");
        if (i != TIME)
            add(p, group, "map", "sinh %.12g %.12g", uniform(d, 0.0, 1.0) * d->scale[i], uniform(d, 0.3, 3.0));
    }
}

void random_problem_make(uint64_t seed, random_problem *out)
{
    draft d = {.seed = seed};

    *out = (random_problem){.seed = seed};
    draw_grid(&d, out);
    draw_solution(&d);
    draw_terms(&d);
    add(out, "pde", "fields", "u");
    add_units(out, &d);
    add(out, "pde/parameters", "U", "%.17g", d.size);
    add(out, "pde/parameters", "S", "%.17g", d.scale[TIME]);
    add(out, "pde/parameters", "L", "%.17g", d.scale[ALONG_X]);
    add_definitions(out, &d);
    add_residual(out, &d);
    for (int i = ALONG_X; i < DIMS; i++)
        for (int low = 1; low >= 0 && d.has[i] && !d.periodic[i]; low--) add_side(out, &d, i, low);
    add(out, "pde/exact", "u", "U*p");
    add_grid(out, &d);
}

/* ---- CDL ---- */

static int depth_of(const char *group)
{
    int n = 1;
    for (; *group; group++) n += *group == '/';
    return n;
}

void random_problem_print(const random_problem *p, FILE *file)
{
    const char *now   = "";
    int         depth = 0;

    fprintf(file, "netcdf random {\n// seed %llu, %s\n", (unsigned long long)p->seed, p->kind);
    for (int i = 0; i < p->n_word; i++) {
        const random_word *w = &p->word[i];
        if (strcmp(w->group, now) != 0) {
            const int   wanted = depth_of(w->group);
            const bool  within = strncmp(w->group, now, strlen(now)) == 0 && w->group[strlen(now)] == '/' && now[0];
            const char *name   = strrchr(w->group, '/');
            for (; depth >= wanted && !within; depth--) fprintf(file, "}\n");
            fprintf(file, "group: %s {\n", name ? name + 1 : w->group);
            depth = wanted;
            now   = w->group;
        }
        fprintf(file, "  :%s = \"%s\" ;\n", w->name, w->value);
    }
    for (; depth >= 0; depth--) fprintf(file, "}\n");
}
