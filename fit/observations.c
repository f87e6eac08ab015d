/* Observations in a NetCDF file: variables named like a field of the case, or with an attribute observed = "expression".
 * Where they lie say variables named like the dimensions of the case, on dimensions that the observation has: on grids,
 * along stations, scattered. Missing values are left out. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/fit_impl.h"

static const double ROUNDING = 1e-6; /* of an extent: coordinates in single precision may miss its ends by so much */

/* One variable as it is in the file, missing values included. */
typedef struct raw_variable {
    pdm_variable v;
    char        *expression, *ancillary;
    char         units[PDM_UNIT_TEXT];
    double      *value, *noise, *coordinate[PDM_MAX_DIM]; /* [v.n_value]; noise NULL: not given */
    int32_t     *experiment;                              /* [v.n_value]                        */
    pdm_size     n_there;
} raw_variable;

typedef struct data_reader {
    const pdm_problem *p;
    pdm_context       *ctx;
    pdm_fields        *f;
    const fit_words   *noise;
    pdm_size           n_experiment, n_variable;
    raw_variable      *variable;
} data_reader;

static void reader_close(data_reader *r)
{
    for (pdm_size i = 0; r->variable && i < r->n_variable; i++) {
        raw_variable *x = &r->variable[i];
        pdm_free(r->ctx, x->expression);
        pdm_free(r->ctx, x->ancillary);
        pdm_free(r->ctx, x->value);
        pdm_free(r->ctx, x->noise);
        pdm_free(r->ctx, x->experiment);
        for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(r->ctx, x->coordinate[j]);
    }
    pdm_free(r->ctx, r->variable);
    pdm_fields_close(&r->f);
}

/* ---- which variables ---- */

static bool is_field(const pdm_pde *p, const char *name)
{
    for (pdm_size f = 0; f < pdm_pde_n_field(p); f++)
        if (strcmp(pdm_pde_field_name(p, f), name) == 0) return true;
    return false;
}

static pdm_status find_variables(data_reader *r)
{
    pdm_status status = PDM_OK;
    const int  n      = pdm_fields_n_variable(r->f);
    pdm_text   known  = {.ctx = r->ctx};
    char      *text   = NULL;

    PDM_TRY(pdm_alloc_array(r->ctx, n, &r->variable));
    for (int i = 0; i < n; i++) {
        raw_variable *x = &r->variable[r->n_variable];
        PDM_TRY(pdm_fields_variable(r->f, i, &x->v));
        PDM_TRY(pdm_text_append(&known, "%s%s", i > 0 ? ", " : "", x->v.name));
        PDM_TRY(pdm_fields_text(r->f, i, "observed", &text));
        if (!text && is_field(r->p->pde, x->v.name)) PDM_TRY(pdm_alloc_text(r->ctx, x->v.name, &text));
        if (!text) continue;
        x->expression = text;
        text          = NULL;
        r->n_variable++;
        PDM_TRY(pdm_fields_text(r->f, i, "ancillary_variables", &x->ancillary));
    }
    if (r->n_variable == 0)
        PDM_FAIL(r->ctx, PDM_ERR_DATA,
                 "%s: no observations; a variable named like a field of the case (\"%s\"), or with an attribute "
                 "observed = \"EXPRESSION\", expected (the file has: %s)",
                 pdm_fields_path(r->f), pdm_pde_field_name(r->p->pde, 0), n > 0 ? known.data : "nothing");
done:
    pdm_free(r->ctx, text);
    pdm_text_destroy(&known);
    return status;
}

/* ---- values ---- */

static pdm_status read_all(pdm_fields *f, const pdm_variable *v, double **out)
{
    pdm_status     status                   = PDM_OK;
    const pdm_size zero[PDM_FIELDS_MAX_DIM] = {0};
    double        *values                   = NULL;

    PDM_TRY(pdm_alloc_array(pdm_fields_context(f), v->n_value, &values));
    if (v->n_value > 0) PDM_TRY(pdm_fields_part(f, v, zero, v->shape, values));
    *out   = values;
    values = NULL;
done:
    pdm_free(pdm_fields_context(f), values);
    return status;
}

/* Values of variable `from`, on dimensions that v has, at every entry of v. */
static pdm_status spread_over(data_reader *r, const pdm_variable *from, const double *values, const pdm_variable *v,
                              double **out)
{
    pdm_status status                     = PDM_OK;
    pdm_size   stride[PDM_FIELDS_MAX_DIM] = {0}, step = 1;
    double    *all = NULL;

    for (int d = from->n_dim - 1; d >= 0; d--) {
        int k = 0;
        while (k < v->n_dim && strcmp(v->dim[k], from->dim[d]) != 0) k++;
        if (k == v->n_dim)
            PDM_FAIL(r->ctx, PDM_ERR_DATA,
                     "%s: \"%s\" has the dimension \"%s\", which the observations \"%s\" do not have; some of theirs "
                     "expected",
                     pdm_fields_path(r->f), from->name, from->dim[d], v->name);
        stride[k] += step;
        step *= from->shape[d];
    }
    PDM_TRY(pdm_alloc_array(r->ctx, v->n_value, &all));
    for (pdm_size i = 0; i < v->n_value; i++) {
        pdm_size rest = i, at = 0;
        for (int k = v->n_dim - 1; k >= 0; k--) {
            at += stride[k] * (rest % v->shape[k]);
            rest /= v->shape[k];
        }
        all[i] = values[at];
    }
    *out = all;
    all  = NULL;
done:
    pdm_free(r->ctx, all);
    return status;
}

static pdm_status read_values(data_reader *r, raw_variable *x)
{
    pdm_status status = PDM_OK;
    double     factor, offset;
    pdm_where  where = {
         .file = pdm_fields_path(r->f), .group = x->v.name, .attribute = "observed", .text = x->expression};

    PDM_TRY(pdm_pde_unit_of(r->p->pde, x->expression, where, x->units));
    for (pdm_size f = 0; f < pdm_pde_n_field(r->p->pde) && !*x->units; f++)
        if (strcmp(x->expression, pdm_pde_field_name(r->p->pde, f)) == 0)
            snprintf(x->units, sizeof x->units, "%s", pdm_pde_field_units(r->p->pde, f));
    PDM_TRY(pdm_fields_conversion(r->f, &x->v, *x->units ? x->units : NULL, &factor, &offset));
    PDM_TRY(read_all(r->f, &x->v, &x->value));
    for (pdm_size i = 0; i < x->v.n_value; i++) {
        x->value[i] = factor * x->value[i] + offset;
        x->n_there += isfinite(x->value[i]);
    }
    if (x->n_there == 0)
        PDM_FAIL(r->ctx, PDM_ERR_DATA, "%s: all %lld values of \"%s\" are missing; observations expected",
                 pdm_fields_path(r->f), (long long)x->v.n_value, x->v.name);
done:
    return status;
}

/* ---- where and of which experiment ---- */

/* Coordinates of the values that are there lie in the domain. */
static pdm_status check_coordinates(const data_reader *r, const raw_variable *x, pdm_size dim)
{
    pdm_status     status = PDM_OK;
    const pdm_map *map    = &pdm_domain_spline(r->p->domain, dim)->map;
    const double   slack  = ROUNDING * (map->high - map->low);
    const char    *name   = pdm_pde_dim_name(r->p->pde, dim);

    for (pdm_size i = 0; i < x->v.n_value; i++) {
        double *at = &x->coordinate[dim][i];
        if (!isfinite(x->value[i])) continue;
        if (!isfinite(*at))
            PDM_FAIL(r->ctx, PDM_ERR_DATA,
                     "%s: \"%s\" of observation %lld of \"%s\" is missing or not finite; a number expected",
                     pdm_fields_path(r->f), name, (long long)i, x->v.name);
        if (!(*at >= map->low - slack && *at <= map->high + slack))
            PDM_FAIL(r->ctx, PDM_ERR_DATA,
                     "%s: observation %lld of \"%s\" is at %s = %.9g, outside of the domain; %.9g to %.9g expected",
                     pdm_fields_path(r->f), (long long)i, x->v.name, name, *at, map->low, map->high);
        *at = fmin(fmax(*at, map->low), map->high);
    }
done:
    return status;
}

static pdm_status read_coordinates(data_reader *r, raw_variable *x)
{
    pdm_status   status = PDM_OK;
    double      *values = NULL;
    pdm_variable from;

    for (pdm_size j = 0; j < pdm_domain_n_dim(r->p->domain); j++) {
        const char *name = pdm_pde_dim_name(r->p->pde, j), *units = pdm_pde_dim_units(r->p->pde, j);
        const int   number = pdm_fields_find(r->f, name);
        double      factor, offset;
        if (number < 0)
            PDM_FAIL(r->ctx, PDM_ERR_DATA,
                     "%s: no variable \"%s\", which says where the observations \"%s\" lie; one number, or numbers on "
                     "dimensions of theirs, expected",
                     pdm_fields_path(r->f), name, x->v.name);
        PDM_TRY(pdm_fields_variable(r->f, number, &from));
        PDM_TRY(pdm_fields_conversion(r->f, &from, *units ? units : NULL, &factor, &offset));
        PDM_TRY(read_all(r->f, &from, &values));
        PDM_TRY(spread_over(r, &from, values, &x->v, &x->coordinate[j]));
        for (pdm_size i = 0; i < x->v.n_value; i++) x->coordinate[j][i] = factor * x->coordinate[j][i] + offset;
        PDM_TRY(check_coordinates(r, x, j));
        pdm_free(r->ctx, values);
        values = NULL;
    }
done:
    pdm_free(r->ctx, values);
    return status;
}

static pdm_status number_experiments(data_reader *r, raw_variable *x)
{
    pdm_status status = PDM_OK;
    pdm_size   inner  = 1;
    int        k      = x->v.n_dim - 1;

    PDM_TRY(pdm_alloc_array(r->ctx, x->v.n_value, &x->experiment));
    while (k >= 0 && strcmp(x->v.dim[k], "sample") != 0) inner *= x->v.shape[k--];
    for (pdm_size i = 0; k >= 0 && i < x->v.n_value; i++) x->experiment[i] = (int32_t)(i / inner % x->v.shape[k]);
    if (k < 0 && r->n_experiment > 1)
        PDM_FAIL(
            r->ctx, PDM_ERR_DATA,
            "%s: the file has %lld samples, and nothing says of which \"%s\" is; the dimension \"sample\" expected",
            pdm_fields_path(r->f), (long long)r->n_experiment, x->v.name);
done:
    return status;
}

/* ---- standard errors ---- */

/* A number, from the setting or from an attribute of the variable; *found false: neither. */
static pdm_status noise_number(const data_reader *r, const raw_variable *x, bool *found, double *value)
{
    pdm_status  status = PDM_OK;
    const char *text   = fit_words_find(r->noise, x->v.name);
    double      factor, offset;

    if (!text) text = fit_words_find(r->noise, "");
    *found = text;
    if (text && !pdm_text_to_real(text, value))
        PDM_FAIL(r->ctx, PDM_ERR_ARGUMENT, "noise of \"%s\": \"%s\"; a number expected", x->v.name, text);
    if (!text) {
        PDM_TRY(pdm_fields_real(r->f, &x->v, "standard_error", found, value));
        PDM_TRY(pdm_fields_conversion(r->f, &x->v, *x->units ? x->units : NULL, &factor, &offset));
        *value *= factor;
    }
    if (*found && !(*value > 0.0 && isfinite(*value)))
        PDM_FAIL(r->ctx, PDM_ERR_DATA, "%s: the standard error of \"%s\" is %g; a number above 0 expected",
                 pdm_fields_path(r->f), x->v.name, *value);
done:
    return status;
}

/* The ancillary variable that has the standard name modifier standard_error; -1: none. */
static pdm_status find_ancillary(const data_reader *r, const raw_variable *x, int *number)
{
    static const char modifier[] = "standard_error";
    pdm_status        status     = PDM_OK;
    char             *text       = NULL, name[PDM_FIELDS_NAME];
    const char       *at         = x->ancillary;

    for (*number = -1; at && *number < 0; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, " ");
        if (length == 0) break;
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), at);
        const int here = pdm_fields_find(r->f, name);
        if (here < 0)
            PDM_FAIL(r->ctx, PDM_ERR_DATA, "%s: %s:ancillary_variables: there is no variable \"%s\"",
                     pdm_fields_path(r->f), x->v.name, name);
        PDM_TRY(pdm_fields_text(r->f, here, "standard_name", &text));
        const size_t n = text ? strlen(text) : 0;
        if (n >= sizeof modifier - 1 && strcmp(text + n - (sizeof modifier - 1), modifier) == 0) *number = here;
        pdm_free(r->ctx, text);
        text = NULL;
    }
done:
    pdm_free(r->ctx, text);
    return status;
}

static pdm_status read_noise(data_reader *r, raw_variable *x)
{
    pdm_status   status = PDM_OK;
    bool         found  = false;
    double       value = 0.0, factor, offset, *values = NULL;
    int          number = -1;
    pdm_variable from;

    PDM_TRY(noise_number(r, x, &found, &value));
    if (!found) PDM_TRY(find_ancillary(r, x, &number));
    if (number >= 0) {
        PDM_TRY(pdm_fields_variable(r->f, number, &from));
        PDM_TRY(pdm_fields_conversion(r->f, &from, *x->units ? x->units : NULL, &factor, &offset));
        PDM_TRY(read_all(r->f, &from, &values));
        PDM_TRY(spread_over(r, &from, values, &x->v, &x->noise));
        for (pdm_size i = 0; i < x->v.n_value; i++) {
            x->noise[i] *= factor; /* of differences: an offset means nothing */
            if (isfinite(x->value[i]) && !(x->noise[i] > 0.0 && isfinite(x->noise[i])))
                PDM_FAIL(
                    r->ctx, PDM_ERR_DATA,
                    "%s: \"%s\", the standard error of observation %lld of \"%s\", is %g; a number above 0 expected",
                    pdm_fields_path(r->f), from.name, (long long)i, x->v.name, x->noise[i]);
        }
    } else if (found) {
        PDM_TRY(pdm_alloc_array(r->ctx, x->v.n_value, &x->noise));
        for (pdm_size i = 0; i < x->v.n_value; i++) x->noise[i] = value;
    }
done:
    pdm_free(r->ctx, values);
    return status;
}

/* ---- all ---- */

static pdm_status check_noise_names(const data_reader *r)
{
    pdm_status   status = PDM_OK;
    const char **name   = NULL;

    PDM_TRY(pdm_alloc_array(r->ctx, r->n_variable + 1, &name));
    for (pdm_size i = 0; i < r->n_variable; i++) name[i] = r->variable[i].v.name;
    name[r->n_variable] = ""; /* of all */
    PDM_TRY(fit_words_check(r->ctx, "noise", r->noise, r->n_variable + 1, name));
done:
    pdm_free(r->ctx, name);
    return status;
}

static pdm_status make_room(const data_reader *r, fit_data *d)
{
    pdm_status status = PDM_OK;

    for (pdm_size i = 0; i < r->n_variable; i++) d->n += r->variable[i].n_there;
    PDM_TRY(pdm_alloc_array(r->ctx, r->n_variable, &d->variable));
    d->n_variable = r->n_variable;
    PDM_TRY(pdm_alloc_array(r->ctx, d->n, &d->value));
    PDM_TRY(pdm_alloc_array(r->ctx, d->n, &d->noise));
    PDM_TRY(pdm_alloc_array(r->ctx, d->n, &d->of));
    PDM_TRY(pdm_alloc_array(r->ctx, d->n, &d->experiment));
    PDM_TRY(pdm_alloc_array(r->ctx, d->n, &d->place));
    PDM_TRY(pdm_alloc_array(r->ctx, r->n_experiment + 1, &d->first));
    for (pdm_size j = 0; j < pdm_domain_n_dim(r->p->domain); j++)
        PDM_TRY(pdm_alloc_array(r->ctx, d->n, &d->coordinate[j]));
done:
    return status;
}

/* Values that are there, experiment by experiment. */
static void gather(const data_reader *r, fit_data *d)
{
    pdm_size k = 0;
    for (pdm_size e = 0; e < r->n_experiment; e++) {
        d->first[e] = k;
        for (pdm_size i = 0; i < r->n_variable; i++) {
            const raw_variable *x = &r->variable[i];
            for (pdm_size q = 0; q < x->v.n_value; q++) {
                if (x->experiment[q] != e || !isfinite(x->value[q])) continue;
                d->value[k]      = x->value[q];
                d->noise[k]      = x->noise ? x->noise[q] : 0.0;
                d->of[k]         = (int32_t)i;
                d->experiment[k] = (int32_t)e;
                d->place[k]      = (int32_t)q;
                for (pdm_size j = 0; j < pdm_domain_n_dim(r->p->domain); j++) d->coordinate[j][k] = x->coordinate[j][q];
                k++;
            }
        }
    }
    d->first[r->n_experiment] = k;
}

static pdm_status name_variables(data_reader *r, fit_data *d)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < r->n_variable; i++) {
        raw_variable *x = &r->variable[i];
        d->variable[i]  = (fit_variable){.expression = x->expression,
                                         .n          = x->n_there,
                                         .n_missing  = x->v.n_value - x->n_there,
                                         .has_noise  = x->noise};
        x->expression   = NULL;
        PDM_TRY(pdm_alloc_text(r->ctx, x->v.name, &d->variable[i].name));
        PDM_TRY(pdm_alloc_text(r->ctx, x->units, &d->variable[i].units));
    }
done:
    return status;
}

pdm_status fit_data_read(const pdm_problem *p, const fit_unknowns *u, const char *path, const fit_words *noise,
                         fit_data *out)
{
    pdm_status  status = PDM_OK;
    data_reader r      = {.p = p, .ctx = p->ctx, .noise = noise};
    fit_data    d      = {.ctx = p->ctx};

    PDM_TRY(pdm_fields_open(p->ctx, path, &r.f));
    PDM_TRY(pdm_alloc_text(p->ctx, path, &d.path));
    const pdm_size n = pdm_fields_dimension(r.f, "sample");
    d.n_experiment = r.n_experiment = n > 0 ? n : 1;
    PDM_TRY(find_variables(&r));
    PDM_TRY(check_noise_names(&r));
    for (pdm_size i = 0; i < r.n_variable; i++) {
        PDM_TRY(read_values(&r, &r.variable[i]));
        PDM_TRY(read_coordinates(&r, &r.variable[i]));
        PDM_TRY(number_experiments(&r, &r.variable[i]));
        PDM_TRY(read_noise(&r, &r.variable[i]));
    }
    PDM_TRY(make_room(&r, &d));
    gather(&r, &d);
    PDM_TRY(name_variables(&r, &d));
    PDM_TRY(fit_data_inputs(p, u, r.f, &d));
    *out = d;
    d    = (fit_data){.ctx = NULL};
done:
    fit_data_destroy(&d);
    reader_close(&r);
    return status;
}

void fit_data_destroy(fit_data *d)
{
    if (!d->ctx) return;
    for (pdm_size i = 0; d->variable && i < d->n_variable; i++) {
        pdm_free(d->ctx, d->variable[i].name);
        pdm_free(d->ctx, d->variable[i].expression);
        pdm_free(d->ctx, d->variable[i].units);
    }
    pdm_free(d->ctx, d->variable);
    pdm_free(d->ctx, d->input);
    pdm_free(d->ctx, d->value);
    pdm_free(d->ctx, d->noise);
    pdm_free(d->ctx, d->of);
    pdm_free(d->ctx, d->experiment);
    pdm_free(d->ctx, d->place);
    pdm_free(d->ctx, d->first);
    pdm_free(d->ctx, d->path);
    for (pdm_size j = 0; j < PDM_MAX_DIM; j++) pdm_free(d->ctx, d->coordinate[j]);
    *d = (fit_data){.ctx = NULL};
}
