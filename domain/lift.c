/* From one sample's inputs to data: sampled inputs at the points of every term, and the lift, the coefficients that
 * initial and Dirichlet data fix. */
#include "domain/domain_impl.h"

#include <math.h>

/* Coefficients of the spline through values at the Greville points of dims[0..n), in place;
 * line is scratch for one line. */
static void interpolate_tensor(const pdm_domain *d, pdm_size n, const int32_t *dims, double *values, double *line)
{
    pdm_size total = 1, stride = 1;
    for (pdm_size k = 0; k < n; k++) total *= d->spline[dims[k]].n_coef;
    for (pdm_size k = n - 1; k >= 0; k--) {
        const pdm_spline *s = &d->spline[dims[k]];
        for (pdm_size outer = 0; outer < total / (s->n_coef * stride); outer++)
            for (pdm_size inner = 0; inner < stride; inner++) {
                double *start = values + outer * s->n_coef * stride + inner;
                for (pdm_size i = 0; i < s->n_coef; i++) line[i] = start[i * stride];
                pdm_spline_interpolate(s, line, 1, start, stride);
            }
        stride *= s->n_coef;
    }
}

enum { MOST_WIDTH = PDM_MAX_DEGREE + 1, MOST_OUTER = MOST_WIDTH * MOST_WIDTH * MOST_WIDTH };

/* Where a point of a tensor of axes sees an input field: places of coefficients with their weights, of all dimensions of
 * the input but its last. */
typedef struct seen_lines {
    pdm_size n, place[MOST_OUTER];
    double   weight[MOST_OUTER];
} seen_lines;

static void see_lines(const pdm_domain *d, const pdm_input_info *info, const int32_t *order, const pdm_size *stride,
                      const pdm_axis *const *axis, const pdm_size *index, seen_lines *seen)
{
    seen->n         = 1;
    seen->place[0]  = 0;
    seen->weight[0] = 1.0;
    for (pdm_size k = 0; k < info->n_dim - 1; k++) {
        const pdm_size    j     = info->dim[k];
        const pdm_spline *s     = &d->spline[j];
        const pdm_size    width = s->degree + 1, first = axis[j]->element[index[j]], n = seen->n;
        const double     *basis = axis[j]->basis + (order[j] * axis[j]->n_point + index[j]) * width;
        for (pdm_size l = width - 1; l >= 0; l--) /* l = 0 last: it overwrites what the others read */
            for (pdm_size i = 0; i < n; i++) {
                seen->place[l * n + i]  = seen->place[i] + (first + l) % s->n_coef * stride[k];
                seen->weight[l * n + i] = seen->weight[i] * basis[l];
            }
        seen->n = n * width;
    }
}

/* Derivative `order` of an input field, given by its coefficients, on a tensor of axes. out [prod n_point]. */
static void sample_spline(const pdm_domain *d, const pdm_input_info *info, const int32_t *order, const double *coef,
                          const pdm_axis *const *axis, double *out)
{
    const pdm_size    last    = info->dim[info->n_dim - 1];
    const pdm_spline *s       = &d->spline[last];
    const pdm_size    width   = s->degree + 1;
    pdm_size          n_point = 1, n = 1, stride[PDM_MAX_DIM];
    seen_lines        seen = {.n = 0};
    for (pdm_size j = 0; j < d->n_dim; j++) n_point *= axis[j]->n_point;
    for (pdm_size k = info->n_dim - 1; k >= 0; k--) {
        stride[k] = n;
        n *= d->spline[info->dim[k]].n_coef;
    }
    for (pdm_size i = 0; i < n_point; i++) {
        pdm_size index[PDM_MAX_DIM], rest = i;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            index[j] = rest % axis[j]->n_point;
            rest /= axis[j]->n_point;
        }
        if (last < d->n_dim - 1 || index[last] == 0) see_lines(d, info, order, stride, axis, index, &seen);
        const double *basis = axis[last]->basis + (order[last] * axis[last]->n_point + index[last]) * width;
        double        sum   = 0.0;
        for (pdm_size l = 0; l < width; l++) {
            const double *line = coef + (axis[last]->element[index[last]] + l) % s->n_coef;
            double        part = 0.0;
            for (pdm_size m = 0; m < seen.n; m++) part += seen.weight[m] * line[seen.place[m]];
            sum += basis[l] * part;
        }
        out[i] = sum;
    }
}

void domain_input_coefficients(const pdm_domain *d, const double *input, double *scalar, double *coef, double *line)
{
    const pdm_size n_input = pdm_pde_n_input(d->pde);
    for (pdm_size i = 0; i < d->input_offset[n_input]; i++) coef[i] = input[i];
    for (pdm_size i = 0; i < n_input; i++) {
        const pdm_input_info *info = pdm_pde_input(d->pde, i);
        if (info->scalar >= 0)
            scalar[info->scalar] = input[d->input_offset[i]];
        else if (!d->cells[i].used)
            interpolate_tensor(d, info->n_dim, info->dim, coef + d->input_offset[i], line);
    }
}

void domain_sample_input(const pdm_domain *d, const pdm_sampled_input *s, const double *input_coef,
                         const pdm_axis *const *axis, double *out)
{
    const double *coef = input_coef + d->input_offset[s->input];
    if (d->cells[s->input].used)
        domain_cells_sample(d, s->input, coef, axis, out); /* of order 0: domain_need_orders */
    else
        sample_spline(d, pdm_pde_input(d->pde, s->input), s->order, coef, axis, out);
}

void domain_evaluate_on_axes(const pdm_domain *d, const pdm_function *f, const double *scalar, const double *input_coef,
                             const pdm_axis *const *axis, double *out, double *work)
{
    pdm_size n_point = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n_point *= axis[j]->n_point;
    double *sampled = work, *in = work + f->n_sampled * n_point, *registers = in + f->n_input;

    for (pdm_size k = 0; k < f->n_sampled; k++)
        domain_sample_input(d, &f->sampled[k], input_coef, axis, sampled + k * n_point);
    for (pdm_size i = 0; i < n_point; i++) {
        pdm_size index[PDM_MAX_DIM], rest = i;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            index[j] = rest % axis[j]->n_point;
            rest /= axis[j]->n_point;
        }
        for (pdm_size k = 0; k < f->n_input; k++) {
            const int32_t n = f->input[k].index;
            switch ((pdm_input_kind)f->input[k].kind) {
            case PDM_INPUT_COORDINATE: in[k] = axis[n]->coordinate[index[n]]; break;
            case PDM_INPUT_SCALAR: in[k] = scalar[n]; break;
            case PDM_INPUT_FIELD: in[k] = sampled[n * n_point + i]; break;
            case PDM_INPUT_ATOM: in[k] = 0.0; break; /* pde/ lets no field into such a function */
            }
        }
        pdm_program_evaluate(f->value, in, &out[i], registers);
    }
}

pdm_size domain_function_work(const pdm_function *f, pdm_size n_point)
{
    return f->n_sampled * n_point + f->n_input + f->value->n_register;
}

static pdm_size layer_points(const pdm_domain *d, const domain_layer *l)
{
    pdm_size n = 1;
    for (pdm_size j = 0; j < d->n_dim; j++) n *= d->axis[j][l->kind[j]].axis.n_point;
    return n;
}

pdm_size domain_work_size(const pdm_domain *d)
{
    pdm_size most = 0;
    for (pdm_size i = 0; i < d->n_initial + d->n_side; i++) {
        const domain_layer *l = i < d->n_initial ? &d->initial[i] : &d->side[i - d->n_initial];
        const pdm_size      n = layer_points(d, l), need = n + domain_function_work(l->function, n);
        if (need > most) most = need;
    }
    pdm_size line = 0;
    for (pdm_size j = 0; j < d->n_dim; j++) line = d->spline[j].n_coef > line ? d->spline[j].n_coef : line;
    return d->input_offset[pdm_pde_n_input(d->pde)] + line + most;
}

pdm_size pdm_domain_prepare_work(const pdm_domain *d)
{
    return d->work_size;
}

/* Coefficients of a layer of data through its values: [product of n_coef over the dimensions other than its own]. */
static pdm_status layer_coefficients(pdm_domain *d, const domain_layer *l, pdm_size skip, const double *scalar,
                                     const double *input_coef, double *line, double *values, double *work)
{
    pdm_status      status            = PDM_OK;
    const pdm_axis *axis[PDM_MAX_DIM] = {0};
    int32_t         dims[PDM_MAX_DIM];
    pdm_size        n       = 0;
    const pdm_size  n_point = layer_points(d, l);

    for (pdm_size j = 0; j < d->n_dim; j++) {
        axis[j] = &d->axis[j][l->kind[j]].axis;
        if (j != skip) dims[n++] = (int32_t)j;
    }
    domain_evaluate_on_axes(d, l->function, scalar, input_coef, axis, values, work);
    for (pdm_size i = 0; i < n_point && pdm_pde_is_positive(d->pde, l->field); i++)
        if (!isfinite(values[i]))
            PDM_FAIL_AT(d->ctx, PDM_ERR_NUMERIC, &l->where,
                        "\"%s\" is to stay positive (/pde:positive), and these data are not at point %lld of their "
                        "grid; values above 0 expected",
                        pdm_pde_field_name(d->pde, l->field), (long long)i);
    for (pdm_size i = 0; i < n_point; i++)
        if (!isfinite(values[i]))
            PDM_FAIL_AT(d->ctx, PDM_ERR_NUMERIC, &l->where,
                        "the value is %g at point %lld of its grid; a finite number expected%s", values[i],
                        (long long)i,
                        l->part && !domain_part_is_whole(d, l->part)
                            ? ", on the whole side: a spline does not end where its part does"
                            : "");
    interpolate_tensor(d, n, dims, values, line);
done:
    return status;
}

/* Initial states fill all times; a second one adds its slope from the second layer on:
 * du/dxi at the start = degree / (first knot span) * (c_1 - c_0). */
static void put_initial(const pdm_domain *d, const domain_layer *l, const double *values, double *lift)
{
    const pdm_spline *s       = &d->spline[0];
    const pdm_size    n_space = d->n_coef / s->n_coef;
    double           *field   = lift + l->field * d->n_coef;
    if (l->order == 0) {
        for (pdm_size j = 0; j < s->n_coef; j++)
            for (pdm_size i = 0; i < n_space; i++) field[j * n_space + i] = values[i];
        return;
    }
    double slope[2];
    pdm_map_derivatives(&s->map, 0.0, 1, slope);
    const double step = slope[1] * (s->knots[s->degree + 1] - s->knots[1]) / (double)s->degree;
    for (pdm_size j = 1; j < s->n_coef; j++)
        for (pdm_size i = 0; i < n_space; i++) field[j * n_space + i] += step * values[i];
}

/* Magnitude of a field in the lift and of n values that are to go there. */
static double data_scale(const pdm_domain *d, pdm_size field, const double *lift, pdm_size n, const double *values)
{
    double most = 0.0;
    for (pdm_size i = 0; i < d->n_coef; i++) most = fmax(most, fabs(lift[field * d->n_coef + i]));
    for (pdm_size i = 0; i < n; i++) most = fmax(most, fabs(values[i]));
    return most;
}

static void note_jump(pdm_jump *jump, const domain_layer *l, double size, double scale)
{
    if (!(size > jump->relative * scale)) return;
    *jump = (pdm_jump){.size = size, .relative = size / scale, .field = l->field, .dim = l->dim, .where = l->where};
}

/* Has an earlier side, of another dimension, put its value in this place? */
static bool is_taken(const pdm_domain *d, const domain_layer *l, pdm_size place)
{
    for (const domain_layer *k = d->side; k < l; k++) {
        pdm_size stride = 1;
        for (pdm_size j = k->dim + 1; j < d->n_dim; j++) stride *= d->spline[j].n_coef;
        const pdm_size n = d->spline[k->dim].n_coef, index = place / stride % n;
        if (k->field == l->field && k->dim != l->dim && index == (k->side ? n - 1 : 0) && domain_layer_has(d, k, place))
            return true;
    }
    return false;
}

/* Dirichlet layers; in time the initial layers keep their own. Disagreements at the start, and with sides that were put
 * before, are reported. */
static void put_side(const pdm_domain *d, const domain_layer *l, const double *values, double *lift,
                     pdm_lift_report *report)
{
    pdm_size stride = 1, n_first = 0;
    for (pdm_size j = l->dim + 1; j < d->n_dim; j++) stride *= d->spline[j].n_coef;
    const pdm_size n_here = d->spline[l->dim].n_coef, n_outer = d->n_coef / (n_here * stride);
    const pdm_size at = l->side ? n_here - 1 : 0;
    for (pdm_size k = 0; k < d->n_initial; k++)
        if (d->initial[k].field == l->field && d->initial[k].order + 1 > n_first) n_first = d->initial[k].order + 1;
    const pdm_size outer_per_time = n_first > 0 ? n_outer / d->spline[0].n_coef : n_outer; /* time is dimension 0 */
    const double   scale          = report ? data_scale(d, l->field, lift, n_outer * stride, values) : 0.0;

    for (pdm_size o = 0; o < n_outer; o++)
        for (pdm_size i = 0; i < stride; i++) {
            const pdm_size place = (o * n_here + at) * stride + i;
            double        *c     = &lift[l->field * d->n_coef + place];
            const double   value = values[o * stride + i];
            if (!domain_layer_has(d, l, place)) continue;
            if (n_first == 0 || o / outer_per_time >= n_first) {
                if (report && is_taken(d, l, place)) note_jump(&report->edge, l, fabs(value - *c), scale);
                *c = value;
            } else if (o / outer_per_time == 0 && report) {
                note_jump(&report->start, l, fabs(value - *c), scale);
            }
        }
}

/* All layers of data. by_values: those that jump as well; without it their values are not those of the data. */
static pdm_status fill_lift(pdm_domain *d, bool by_values, const double *scalar, const double *coef, double *line,
                            double *values, double *lift, pdm_lift_report *report)
{
    pdm_status status = PDM_OK;
    bool       done   = false;

    for (pdm_size i = 0; i < d->n_field * d->n_coef; i++) lift[i] = 0.0;
    for (pdm_size i = 0; i < d->n_initial; i++) {
        const domain_layer *l    = &d->initial[i];
        double             *work = values + layer_points(d, l);
        if (!by_values) PDM_TRY(domain_means_find(d, l, scalar, coef, values, &done));
        if (!done) PDM_TRY(layer_coefficients(d, l, 0, scalar, coef, line, values, work));
        put_initial(d, l, values, lift);
    }
    for (pdm_size i = 0; i < d->n_side; i++) {
        const domain_layer *l = &d->side[i];
        PDM_TRY(layer_coefficients(d, l, l->dim, scalar, coef, line, values, values + layer_points(d, l)));
        put_side(d, l, values, lift, report);
    }
done:
    return status;
}

pdm_status pdm_domain_prepare(pdm_domain *d, const double *input, double *scalar, double *sampled, double *lift,
                              double *work, pdm_lift_report *report)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_pde_n_input(d->pde);
    double        *coef = work, *line = coef + d->input_offset[n_input];
    pdm_size       longest = 0;

    for (pdm_size j = 0; j < d->n_dim; j++) longest = d->spline[j].n_coef > longest ? d->spline[j].n_coef : longest;
    double *values = line + longest;
    if (report) *report = (pdm_lift_report){0};
    domain_input_coefficients(d, input, scalar, coef, line);
    for (pdm_size t = 0; t < d->n_term; t++) {
        const pdm_function *f = d->term_function[t];
        const pdm_axis     *axis[PDM_MAX_DIM];
        for (pdm_size j = 0; j < d->n_dim; j++) axis[j] = &d->term[t].axis[j];
        for (pdm_size k = 0; k < f->n_sampled; k++)
            domain_sample_input(d, &f->sampled[k], coef, axis, sampled + d->term[t].sampled_offset[k]);
    }
    if (report && d->means) PDM_TRY(fill_lift(d, true, scalar, coef, line, values, lift, report));
    PDM_TRY(fill_lift(d, false, scalar, coef, line, values, lift, d->means ? NULL : report));
done:
    return status;
}
