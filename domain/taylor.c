/* What a solution does first, from the equations' own text: its derivatives in time at the start.
 *
 * The residuals R(atoms, x, t) hold along a solution, and so do their derivatives by t. With v = du/dt, M = dR/dv, and
 * a(f) an atom (a derivative in space) of f:
 *     M u' = -R at v = 0                                         M and R do not depend on v otherwise: R is linear in it
 *     M u'' = -(sum_a R_a a(u') + R_t)
 *     M u''' = -(sum_a R_a a(u'') + sum_ab R_ab da db + 2 sum_a R_at da + R_tt)
 * where da is a(u'), and u'' for the atoms v. docs/mathematics.md, "Taylor columns".
 *
 * Everything is evaluated at the Greville points in space (domain/stencil.c takes the derivatives); R_t, R_at, R_tt are
 * differences over four times next to the start. */
#include "domain/domain_impl.h"

#include <math.h>
#include <string.h>

enum {
    N_ORDER = 4, /* u, u', u'', u'''                */
    N_TIME  = 4, /* for derivatives by t            */
    N_POWER = 3  /* t, t^2, t^3                     */
};
static const double TIME_STEP = 1e-4; /* of these, relative to the extent of t */
/* Third order for the first derivative, second order for the second one. */
static const double first_difference[N_TIME]  = {-11.0 / 6.0, 3.0, -1.5, 1.0 / 3.0};
static const double second_difference[N_TIME] = {2.0, -5.0, 4.0, -1.0};
static const double SINGULAR                  = 1e-12; /* a pivot of M, relative to its largest entry */

/* The strong form of an equation, ready to be evaluated at points. */
typedef struct taylor_equation {
    const pdm_function *f;
    bool                uses_time;
    int32_t            *space;           /* [f->n_atom] number among the space atoms; -1: a time derivative */
    double             *sampled;         /* [f->n_sampled][N_TIME][n_space]                                */
    double             *in;              /* [f->n_input]              */
    double             *partial[N_TIME]; /* [1 + f->n_atom]      */
    double             *second;          /* [f->n_second]             */
} taylor_equation;

struct pdm_taylor {
    pdm_context      *ctx;
    const pdm_domain *d;
    pdm_where         where;
    pdm_size          n_space;              /* points, or coefficients, of one field at one time              */
    domain_stencil    stencil[PDM_MAX_DIM]; /* of the dimensions of space                                    */
    pdm_axis          axis[PDM_MAX_DIM];    /* time: N_TIME points; space: Greville points                    */
    void             *axis_memory[PDM_MAX_DIM];
    double            step; /* between the times                                              */

    pdm_size         n_equation; /* for its end, at which the domain may be gone    */
    taylor_equation *equation;   /* [n_field]                                       */
    pdm_size         n_atom;     /* distinct atoms in space, of all equations        */
    pdm_atom        *atom;       /* [n_atom]                                        */

    pdm_size           n_feature;
    double            *profile; /* [N_POWER][n_coef of t]                          */
    pdm_taylor_column *column;  /* packed, field by field, the most useful first  */
    pdm_size           column0[PDM_MAX_FIELD + 1];

    double *input_coef, *scalar, *registers, *line; /* of one sample */
    double *u;                                      /* [N_ORDER][n_field][n_space] values                            */
    double *work;                                   /* [3][n_space] for derived fields */
    double *derived;                                /* [3][n_atom][n_space] atoms of u, u', u''                      */
    double *matrix;                                 /* [n_field][n_field + 1] M and the right side, at a point        */
};

/* ---- structure ---- */

static bool is_in_time(const pdm_atom *a)
{
    return a->order[0] > 0;
}

/* Only dt(u), alone and linearly: then M is a small matrix at every point. */
static pdm_status check_atoms(const pdm_taylor *t, pdm_size equation)
{
    pdm_status          status = PDM_OK;
    const pdm_domain   *d      = t->d;
    const pdm_function *f      = pdm_pde_strong(d->pde, equation);
    const char         *name   = pdm_pde_field_name(d->pde, equation);

    for (pdm_size a = 0; a < f->n_atom; a++) {
        const char *field = pdm_pde_atom_name(d->pde, f->atom[a].field);
        if (!is_in_time(&f->atom[a])) continue;
        if (f->atom[a].order[0] > 1)
            PDM_FAIL_AT(d->ctx, PDM_ERR_CASE, &t->where,
                        "\"%s\" is of order %d in time in equation \"%s\"; an equation of first order in time, or "
                        "another prior, expected",
                        field, (int)f->atom[a].order[0], name);
        if (f->atom[a].field >= d->n_field)
            PDM_FAIL_AT(
                d->ctx, PDM_ERR_CASE, &t->where,
                "equation \"%s\" has the time derivative of %s, which no factor at a point can turn into one of a "
                "field; dt of fields alone, or another prior, expected",
                name, field);
        for (pdm_size j = 1; j < d->n_dim; j++)
            if (f->atom[a].order[j] > 0)
                PDM_FAIL_AT(
                    d->ctx, PDM_ERR_CASE, &t->where,
                    "the time derivative of \"%s\" is differentiated by %s in equation \"%s\"; dt(%s) itself, or "
                    "another prior, expected",
                    field, pdm_pde_dim_name(d->pde, j), name, field);
    }
    for (pdm_size k = 0; k < f->n_second; k++)
        if (is_in_time(&f->atom[f->second_a[k]]) && is_in_time(&f->atom[f->second_b[k]]))
            PDM_FAIL_AT(
                d->ctx, PDM_ERR_CASE, &t->where,
                "equation \"%s\" is not linear in its time derivatives; one that is, or another prior, expected", name);
done:
    return status;
}

/* Every field changes in time, in some equation. */
static pdm_status check_time(const pdm_taylor *t)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *d      = t->d;

    if (!pdm_pde_has_time(d->pde))
        PDM_FAIL_AT(
            d->ctx, PDM_ERR_CASE, &t->where,
            "the problem has no dimension \"t\", so there is no start to expand about; \"polynomial\" or \"none\" "
            "expected");
    for (pdm_size e = 0; e < d->n_field; e++) PDM_TRY(check_atoms(t, e));
    for (pdm_size g = 0; g < d->n_field; g++) {
        bool found = false;
        for (pdm_size e = 0; e < d->n_field; e++) {
            const pdm_function *f = pdm_pde_strong(d->pde, e);
            for (pdm_size a = 0; a < f->n_atom; a++)
                found = found || (f->atom[a].field == g && is_in_time(&f->atom[a]));
        }
        if (!found)
            PDM_FAIL_AT(
                d->ctx, PDM_ERR_CASE, &t->where,
                "no equation has dt(%s), so its start does not follow from the initial state; \"polynomial\" or "
                "\"none\" expected",
                pdm_pde_field_name(d->pde, g));
    }
done:
    return status;
}

static bool same_atom(const pdm_atom *a, const pdm_atom *b)
{
    bool same = a->field == b->field;
    for (int j = 0; j < PDM_MAX_DIM; j++) same = same && a->order[j] == b->order[j];
    return same;
}

/* Atoms in space of all equations, each once. */
static void collect_atoms(pdm_taylor *t)
{
    for (pdm_size e = 0; e < t->d->n_field; e++) {
        taylor_equation *q = &t->equation[e];
        for (pdm_size a = 0; a < q->f->n_atom; a++) {
            const pdm_atom *atom = &q->f->atom[a];
            pdm_size        k    = 0;
            q->space[a]          = -1;
            if (is_in_time(atom)) continue;
            while (k < t->n_atom && !same_atom(&t->atom[k], atom)) k++;
            if (k == t->n_atom) t->atom[t->n_atom++] = *atom;
            q->space[a] = (int32_t)k;
        }
    }
}

static pdm_status create_equations(pdm_taylor *t)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *d      = t->d;
    pdm_size          n_atom = 0, n_register = 1;

    PDM_TRY(pdm_alloc_array(t->ctx, d->n_field, &t->equation));
    t->n_equation = d->n_field;
    for (pdm_size e = 0; e < d->n_field; e++) {
        taylor_equation    *q = &t->equation[e];
        const pdm_function *f = q->f  = pdm_pde_strong(d->pde, e);
        const pdm_program  *program[] = {f->partial, f->second};
        q->uses_time                  = pdm_pde_varies_in_time(d->pde, f);
        PDM_TRY(pdm_alloc_array(t->ctx, f->n_atom, &q->space));
        PDM_TRY(pdm_alloc_array(t->ctx, f->n_sampled * N_TIME * t->n_space, &q->sampled));
        PDM_TRY(pdm_alloc_array(t->ctx, f->n_input, &q->in));
        for (int k = 0; k < N_TIME; k++) PDM_TRY(pdm_alloc_array(t->ctx, 1 + f->n_atom, &q->partial[k]));
        PDM_TRY(pdm_alloc_array(t->ctx, f->n_second, &q->second));
        for (int k = 0; k < 2; k++)
            n_register = program[k]->n_register > n_register ? program[k]->n_register : n_register;
        n_atom += f->n_atom;
    }
    PDM_TRY(pdm_alloc_array(t->ctx, n_atom, &t->atom));
    PDM_TRY(pdm_alloc_array(t->ctx, n_register, &t->registers));
    collect_atoms(t);
done:
    return status;
}

/* ---- points ---- */

/* Tables of the domain's own splines: the first times, and the Greville points in space. */
static pdm_status create_axis(pdm_taylor *t, pdm_size dim, pdm_size n_order)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = &t->d->spline[dim];
    const pdm_size    n = dim == 0 ? N_TIME : s->n_coef, width = s->degree + 1;
    pdm_size         *element = NULL;
    double           *xi = NULL, *memory = NULL;

    PDM_TRY(pdm_alloc_array(t->ctx, n, &element));
    PDM_TRY(pdm_alloc_array(t->ctx, n, &xi));
    PDM_TRY(pdm_alloc_array(t->ctx, n * (2 + n_order * width), &memory));
    t->axis_memory[dim] = memory;
    for (pdm_size i = 0; i < n; i++) {
        xi[i]      = dim == 0 ? pdm_map_inverse(&s->map, s->map.low + (double)i * t->step) : s->greville[i];
        element[i] = pdm_spline_element(s, xi[i]);
    }
    double  *basis = memory + n;
    int32_t *e     = (int32_t *)(void *)(basis + n_order * n * width);
    domain_axis_tables(s, n, xi, element, n_order, e, memory, basis);
    t->axis[dim] = (pdm_axis){.n_point = n, .coordinate = memory, .element = e, .basis = basis};
done:
    pdm_free(t->ctx, element);
    pdm_free(t->ctx, xi);
    return status;
}

static pdm_status create_points(pdm_taylor *t)
{
    pdm_status        status  = PDM_OK;
    const pdm_domain *d       = t->d;
    pdm_size          n_order = 1;

    t->step = TIME_STEP * (d->spline[0].map.high - d->spline[0].map.low);
    for (pdm_size e = 0; e < d->n_field; e++)
        PDM_TRY(domain_need_orders(d, pdm_pde_strong(d->pde, e), &t->where, &n_order));
    for (pdm_size j = 0; j < d->n_dim; j++) PDM_TRY(create_axis(t, j, n_order));
    for (pdm_size j = 1; j < d->n_dim; j++) PDM_TRY(domain_stencil_create(&d->spline[j], &t->stencil[j]));
done:
    return status;
}

/* ---- columns ---- */

/* Powers of the time since the start, over the extent, as splines:
 * exact where the map is linear and the degree allows it. */
static pdm_status create_profiles(pdm_taylor *t)
{
    pdm_status        status = PDM_OK;
    const pdm_spline *s      = &t->d->spline[0];
    const double      length = s->map.high - s->map.low;
    double           *value  = NULL;

    PDM_TRY(pdm_alloc_array(t->ctx, N_POWER * s->n_coef, &t->profile));
    PDM_TRY(pdm_alloc_array(t->ctx, s->n_coef, &value));
    for (pdm_size k = 0; k < N_POWER; k++) {
        for (pdm_size i = 0; i < s->n_coef; i++)
            value[i] = pow((t->d->greville[0][i] - s->map.low) / length, (double)(k + 1));
        pdm_spline_interpolate(s, value, 1, t->profile + k * s->n_coef, 1);
    }
done:
    pdm_free(t->ctx, value);
    return status;
}

/* Features: order 0 .. 3 of every field, then the atoms that are derivatives in space. */
static int32_t state_feature(pdm_size field, pdm_size order)
{
    return (int32_t)(field * N_ORDER + order);
}

/* Is an atom a feature of its own? */
static bool is_derivative(const pdm_taylor *t, const pdm_atom *a)
{
    if (a->field >= t->d->n_field) return true;
    for (int j = 0; j < PDM_MAX_DIM; j++)
        if (a->order[j] > 0) return true;
    return false;
}

static void add_column(pdm_taylor *t, pdm_size *n, pdm_size power, int32_t feature)
{
    t->column[(*n)++] = (pdm_taylor_column){.power = (int32_t)power, .feature = feature};
}

/* The field itself, or the one that a derived field is made of. */
static pdm_size source_field(const pdm_taylor *t, pdm_size field)
{
    return field < t->d->n_field ? field : pdm_pde_derived(t->d->pde, field - t->d->n_field)->field;
}

/* Does the equation of a field read another one? Its own it always does. */
static bool reads(const pdm_taylor *t, pdm_size equation, pdm_size field)
{
    const pdm_function *f     = t->equation[equation].f;
    bool                found = equation == field;
    for (pdm_size a = 0; a < f->n_atom; a++) found = found || source_field(t, f->atom[a].field) == field;
    return found;
}

static bool reads_atom(const pdm_taylor *t, pdm_size equation, pdm_size atom)
{
    const pdm_function *f = t->equation[equation].f;
    for (pdm_size a = 0; a < f->n_atom; a++)
        if (t->equation[equation].space[a] == atom) return true;
    return false;
}

/* Columns t^power times all features that equation e reads but u^(power), which is there already. */
static void add_others(pdm_taylor *t, pdm_size e, pdm_size power, pdm_size *n)
{
    for (pdm_size i = 0; i < t->d->n_field; i++) {
        const pdm_size g = i == 0 ? e : i <= e ? i - 1 : i; /* its own first */
        if (!reads(t, e, g)) continue;
        for (pdm_size k = N_ORDER; k-- > 0;)
            if (g != e || k != power) add_column(t, n, power, state_feature(g, k));
    }
    for (pdm_size a = 0, feature = t->d->n_field * N_ORDER; a < t->n_atom; a++) {
        if (!is_derivative(t, &t->atom[a])) continue;
        if (reads_atom(t, e, a)) add_column(t, n, power, (int32_t)feature);
        feature++;
    }
}

static pdm_status create_columns(pdm_taylor *t)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_field = t->d->n_field, degree = t->d->spline[0].degree,
                   n_power = degree < N_POWER ? degree : N_POWER;
    pdm_size n             = 0;

    t->n_feature = n_field * N_ORDER;
    for (pdm_size a = 0; a < t->n_atom; a++) t->n_feature += is_derivative(t, &t->atom[a]);
    PDM_TRY(pdm_alloc_array(t->ctx, n_field * N_POWER * t->n_feature, &t->column));
    for (pdm_size e = 0; e < n_field; e++) {
        for (pdm_size k = 1; k <= n_power; k++) add_column(t, &n, k, state_feature(e, k));
        for (pdm_size k = 1; k <= n_power; k++) add_others(t, e, k, &n);
        t->column0[e + 1] = n;
    }
done:
    return status;
}

/* ---- life ---- */

static pdm_status create_work(pdm_taylor *t)
{
    pdm_status        status  = PDM_OK;
    const pdm_domain *d       = t->d;
    pdm_size          longest = 1;

    for (pdm_size j = 0; j < d->n_dim; j++) longest = d->spline[j].n_coef > longest ? d->spline[j].n_coef : longest;
    PDM_TRY(pdm_alloc_array(t->ctx, d->input_offset[pdm_pde_n_input(d->pde)], &t->input_coef));
    PDM_TRY(pdm_alloc_array(t->ctx, pdm_pde_n_scalar(d->pde), &t->scalar));
    PDM_TRY(pdm_alloc_array(t->ctx, longest, &t->line));
    PDM_TRY(pdm_alloc_array(t->ctx, N_ORDER * d->n_field * t->n_space, &t->u));
    PDM_TRY(pdm_alloc_array(t->ctx, 3 * t->n_space, &t->work));
    PDM_TRY(pdm_alloc_array(t->ctx, (N_ORDER - 1) * t->n_atom * t->n_space, &t->derived));
    PDM_TRY(pdm_alloc_array(t->ctx, d->n_field * (d->n_field + 1), &t->matrix));
done:
    return status;
}

pdm_status pdm_taylor_create(const pdm_domain *d, pdm_where where, pdm_taylor **out)
{
    pdm_status  status = PDM_OK;
    pdm_taylor *t      = NULL;

    PDM_TRY(pdm_alloc(d->ctx, sizeof *t, &t));
    t->ctx   = d->ctx;
    t->d     = d;
    t->where = where;
    PDM_TRY(check_time(t));
    t->n_space = d->n_coef / d->spline[0].n_coef;
    PDM_TRY(create_points(t));
    PDM_TRY(create_equations(t));
    PDM_TRY(create_profiles(t));
    PDM_TRY(create_columns(t));
    PDM_TRY(create_work(t));
    *out = t;
    t    = NULL;
done:
    pdm_taylor_destroy(&t);
    return status;
}

void pdm_taylor_destroy(pdm_taylor **taylor)
{
    if (!taylor || !*taylor) return;
    pdm_taylor *t = *taylor;
    for (pdm_size e = 0; e < t->n_equation; e++) {
        pdm_free(t->ctx, t->equation[e].space);
        pdm_free(t->ctx, t->equation[e].sampled);
        pdm_free(t->ctx, t->equation[e].in);
        for (int k = 0; k < N_TIME; k++) pdm_free(t->ctx, t->equation[e].partial[k]);
        pdm_free(t->ctx, t->equation[e].second);
    }
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) {
        domain_stencil_destroy(&t->stencil[j]);
        pdm_free(t->ctx, t->axis_memory[j]);
    }
    void *piece[] = {t->equation,  t->atom, t->profile, t->column, t->input_coef, t->scalar,
                     t->registers, t->line, t->u,       t->work,   t->derived,    t->matrix};
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) pdm_free(t->ctx, piece[i]);
    pdm_free(t->ctx, t);
    *taylor = NULL;
}

pdm_size pdm_taylor_n_feature(const pdm_taylor *t)
{
    return t->n_feature;
}

const pdm_taylor_column *pdm_taylor_columns(const pdm_taylor *t, pdm_size field, pdm_size *n)
{
    *n = t->column0[field + 1] - t->column0[field];
    return t->column + t->column0[field];
}

const double *pdm_taylor_profile(const pdm_taylor *t, pdm_size power)
{
    return t->profile + (power - 1) * t->d->spline[0].n_coef;
}

/* ---- one sample ---- */

/* Scalars, coefficients of the inputs that are fields, and all that is sampled, at the first times. */
static void take_input(pdm_taylor *t, const double *input)
{
    const pdm_domain *d                 = t->d;
    const pdm_size    n                 = N_TIME * t->n_space;
    const pdm_axis   *axis[PDM_MAX_DIM] = {0};

    for (pdm_size j = 0; j < d->n_dim; j++) axis[j] = &t->axis[j];
    domain_input_coefficients(d, input, t->scalar, t->input_coef, t->line);
    for (pdm_size e = 0; e < d->n_field; e++)
        for (pdm_size k = 0; k < t->equation[e].f->n_sampled; k++)
            domain_sample_input(d, &t->equation[e].f->sampled[k], t->input_coef, axis, t->equation[e].sampled + k * n);
}

/* Values at the Greville points in space and coefficients of a field, in place. */
static void values_to_coefficients(const pdm_taylor *t, double *field)
{
    pdm_size stride = 1;
    for (pdm_size j = t->d->n_dim - 1; j >= 1; j--) {
        const pdm_spline *s = &t->d->spline[j];
        for (pdm_size i = 0; i < t->n_space; i++)
            if (i / stride % s->n_coef == 0) pdm_collocation_solve(s->collocation, field + i, stride);
        stride *= s->n_coef;
    }
}

static void coefficients_to_values(const pdm_taylor *t, double *field)
{
    pdm_size stride = 1;
    for (pdm_size j = t->d->n_dim - 1; j >= 1; j--) {
        const pdm_axis *x = &t->axis[j];
        const pdm_size  n = x->n_point, width = t->d->spline[j].degree + 1;
        for (pdm_size i = 0; i < t->n_space; i++) {
            if (i / stride % n != 0) continue;
            for (pdm_size k = 0; k < n; k++) t->line[k] = field[i + k * stride];
            for (pdm_size k = 0; k < n; k++) {
                double sum = 0.0;
                for (pdm_size l = 0; l < width; l++) sum += x->basis[k * width + l] * t->line[(x->element[k] + l) % n];
                field[i + k * stride] = sum;
            }
        }
        stride *= n;
    }
}

/* Coefficients of field or derived field g of u^(order), from the values u. The one place that knows how fields are
 * made of others. */
static void field_coefficients(const pdm_taylor *t, pdm_size order, pdm_size g, double *coef)
{
    const pdm_size field = source_field(t, g);
    double        *own   = g == field ? coef : t->work;
    memcpy(own, t->u + (order * t->d->n_field + field) * t->n_space, (size_t)t->n_space * sizeof *own);
    values_to_coefficients(t, own);
    if (g != field) domain_derive_layers(t->d, g - t->d->n_field, t->n_space, own, coef, t->work + t->n_space);
}

/* All atoms of u^(order): [n_atom][n_space]. */
static void take_atoms(const pdm_taylor *t, pdm_size order)
{
    for (pdm_size a = 0; a < t->n_atom; a++) {
        double  *out    = t->derived + (order * t->n_atom + a) * t->n_space;
        pdm_size stride = 1;
        field_coefficients(t, order, t->atom[a].field, out);
        coefficients_to_values(t, out);
        for (pdm_size j = t->d->n_dim - 1; j >= 1; j--) {
            const pdm_size n = t->d->spline[j].n_coef;
            for (pdm_size i = 0; i < t->n_space && t->atom[a].order[j] > 0; i++)
                if (i / stride % n == 0) domain_stencil_apply(&t->stencil[j], t->atom[a].order[j], out + i, stride);
            stride *= n;
        }
    }
}

/* Inputs of an equation's programs at a point in space, at u, with v of order `order` (0: zero), at one of the times. */
static void take_point(const pdm_taylor *t, taylor_equation *q, pdm_size point, pdm_size order, pdm_size time)
{
    const pdm_domain *d = t->d;
    pdm_size          index[PDM_MAX_DIM], rest = point;

    for (pdm_size j = d->n_dim - 1; j >= 1; j--) {
        index[j] = rest % t->axis[j].n_point;
        rest /= t->axis[j].n_point;
    }
    index[0] = time;
    for (pdm_size k = 0; k < q->f->n_input; k++) {
        const int32_t n = q->f->input[k].index;
        switch ((pdm_input_kind)q->f->input[k].kind) {
        case PDM_INPUT_COORDINATE: q->in[k] = t->axis[n].coordinate[index[n]]; break;
        case PDM_INPUT_SCALAR: q->in[k] = t->scalar[n]; break;
        case PDM_INPUT_FIELD: q->in[k] = q->sampled[(n * N_TIME + time) * t->n_space + point]; break;
        case PDM_INPUT_ATOM:
            if (q->space[n] >= 0)
                q->in[k] = t->derived[q->space[n] * t->n_space + point];
            else
                q->in[k] = order == 0 ? 0.0 : t->u[(order * d->n_field + q->f->atom[n].field) * t->n_space + point];
            break;
        }
    }
}

/* Rate of an atom of an equation, from u' and u''. */
static double rate(const pdm_taylor *t, const taylor_equation *q, pdm_size atom, pdm_size point)
{
    if (q->space[atom] >= 0) return t->derived[(t->n_atom + q->space[atom]) * t->n_space + point];
    return t->u[(2 * t->d->n_field + q->f->atom[atom].field) * t->n_space + point];
}

static double difference(const taylor_equation *q, pdm_size output, const double *weight)
{
    double sum = 0.0;
    for (int k = 0; k < N_TIME; k++) sum += weight[k] * q->partial[k][output];
    return sum;
}

/* Row `e` of M and of the right side of the equation for u^(order), order 1 to 3. */
static void take_row(pdm_taylor *t, pdm_size e, pdm_size order, pdm_size point, double *row)
{
    taylor_equation    *q       = &t->equation[e];
    const pdm_function *f       = q->f;
    const pdm_size      n_field = t->d->n_field, n_time = q->uses_time && order > 1 ? N_TIME : 1;
    double              sum = 0.0;

    for (pdm_size k = n_time; k-- > 0;) { /* the start comes last: the second partials are taken there */
        take_point(t, q, point, order > 1 ? 1 : 0, k);
        pdm_program_evaluate(f->partial, q->in, q->partial[k], t->registers);
    }
    memset(row, 0, (size_t)(n_field + 1) * sizeof *row);
    if (order == 1) sum = q->partial[0][0];
    for (pdm_size a = 0; a < f->n_atom; a++) {
        const double partial = q->partial[0][1 + a];
        if (q->space[a] < 0)
            row[f->atom[a].field] += partial;
        else if (order > 1)
            sum += partial * t->derived[((order - 1) * t->n_atom + q->space[a]) * t->n_space + point];
    }
    if (order == 2 && n_time > 1) sum += difference(q, 0, first_difference) / t->step;
    if (order == 3) {
        pdm_program_evaluate(f->second, q->in, q->second, t->registers);
        for (pdm_size k = 0; k < f->n_second; k++)
            sum += (f->second_a[k] == f->second_b[k] ? 1.0 : 2.0) * q->second[k] * rate(t, q, f->second_a[k], point) *
                   rate(t, q, f->second_b[k], point);
        if (n_time > 1) sum += difference(q, 0, second_difference) / (t->step * t->step);
        for (pdm_size a = 0; a < f->n_atom && n_time > 1; a++)
            sum += 2.0 * difference(q, 1 + a, first_difference) / t->step * rate(t, q, a, point);
    }
    row[n_field] = -sum;
}

/* Gauss with row pivots of [M | right side]; the solution ends in the last column. false: M is singular. */
static bool solve_small(pdm_size n, double *m)
{
    double most = 0.0;
    for (pdm_size i = 0; i < n; i++)
        for (pdm_size j = 0; j < n; j++) most = fmax(most, fabs(m[i * (n + 1) + j]));
    for (pdm_size k = 0; k < n; k++) {
        pdm_size pivot = k;
        for (pdm_size i = k + 1; i < n; i++)
            if (fabs(m[i * (n + 1) + k]) > fabs(m[pivot * (n + 1) + k])) pivot = i;
        if (fabs(m[pivot * (n + 1) + k]) <= SINGULAR * most) return false;
        for (pdm_size j = k; j <= n && pivot != k; j++) {
            const double x         = m[k * (n + 1) + j];
            m[k * (n + 1) + j]     = m[pivot * (n + 1) + j];
            m[pivot * (n + 1) + j] = x;
        }
        for (pdm_size i = k + 1; i < n; i++) {
            const double factor = m[i * (n + 1) + k] / m[k * (n + 1) + k];
            for (pdm_size j = k; j <= n; j++) m[i * (n + 1) + j] -= factor * m[k * (n + 1) + j];
        }
    }
    for (pdm_size i = n - 1; i >= 0; i--) {
        for (pdm_size j = i + 1; j < n; j++) m[i * (n + 1) + n] -= m[i * (n + 1) + j] * m[j * (n + 1) + n];
        m[i * (n + 1) + n] /= m[i * (n + 1) + i];
    }
    return true;
}

/* u^(order) at all points; zero where it is not finite. */
static pdm_status take_derivative(pdm_taylor *t, pdm_size order)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_field = t->d->n_field;

    for (pdm_size i = 0; i < t->n_space; i++) {
        for (pdm_size e = 0; e < n_field; e++) take_row(t, e, order, i, t->matrix + e * (n_field + 1));
        if (!solve_small(n_field, t->matrix))
            PDM_FAIL_AT(t->ctx, PDM_ERR_NUMERIC, &t->where,
                        "the equations cannot be solved for the time derivatives of the initial state (point %lld of "
                        "%lld): their factors are zero or dependent there; \"polynomial\" or \"none\" expected",
                        (long long)i, (long long)t->n_space);
        for (pdm_size g = 0; g < n_field; g++) {
            const double v                               = t->matrix[g * (n_field + 1) + n_field];
            t->u[(order * n_field + g) * t->n_space + i] = isfinite(v) ? v : 0.0;
        }
    }
done:
    return status;
}

pdm_status pdm_taylor_features(pdm_taylor *t, const double *input, const double *lift, double *feature)
{
    pdm_status        status = PDM_OK;
    const pdm_domain *d      = t->d;
    const pdm_size    n      = t->n_space;

    take_input(t, input);
    for (pdm_size g = 0; g < d->n_field; g++) { /* a clamped spline starts with its first layer */
        memcpy(t->u + g * n, lift + g * d->n_coef, (size_t)n * sizeof(double));
        coefficients_to_values(t, t->u + g * n);
    }
    for (pdm_size order = 1; order < N_ORDER; order++) {
        take_atoms(t, order - 1);
        PDM_TRY(take_derivative(t, order));
    }
    for (pdm_size g = 0; g < d->n_field; g++)
        for (pdm_size order = 0; order < N_ORDER; order++)
            field_coefficients(t, order, g, feature + state_feature(g, order) * n);
    feature += d->n_field * N_ORDER * n;
    for (pdm_size a = 0; a < t->n_atom; a++) {
        if (!is_derivative(t, &t->atom[a])) continue;
        for (pdm_size i = 0; i < n; i++) {
            const double v = t->derived[a * n + i];
            feature[i]     = isfinite(v) ? v : 0.0;
        }
        values_to_coefficients(t, feature);
        feature += n;
    }
done:
    return status;
}
