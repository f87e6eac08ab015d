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
    if (s->input == PDM_SAMPLED_INSIDE) {
        domain_shape_sample(d, axis, out);
        return;
    }
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

static const double ON_CURVE = 1e-9, BESIDE = 1e-4; /* of the largest weight; of the extent              */
static const double JUMP = 1e-3;                    /* of the largest value: smaller disagreements are not */

/* Where a weight is zero, (u - data)/weight is 0/0: the mean of its values on both sides, in every dimension of space.
 * work: what domain_evaluate_on_axes() left there. */
static double beside_curve(const domain_layer *l, const pdm_domain *d, const double *scalar, const double *x,
                           pdm_size i, pdm_size n_point, double *work)
{
    const pdm_function *f  = l->function;
    double             *in = work + f->n_sampled * n_point, sum = 0.0;

    for (int side = -1; side <= 1; side += 2) {
        double value;
        for (pdm_size k = 0; k < f->n_input; k++) {
            const int32_t n = f->input[k].index;
            if (f->input[k].kind == PDM_INPUT_FIELD) in[k] = work[n * n_point + i];
            if (f->input[k].kind == PDM_INPUT_SCALAR) in[k] = scalar[n];
            if (f->input[k].kind == PDM_INPUT_COORDINATE)
                in[k] = n == 0 ? x[0] /* time */
                               : x[n] + side * BESIDE * (d->spline[n].map.high - d->spline[n].map.low);
        }
        pdm_program_evaluate(f->value, in, &value, in + f->n_input);
        sum += value;
    }
    return 0.5 * sum;
}

/* An initial state that is not what curves say would need an infinite spline there. */
static pdm_status check_curves(const pdm_domain *d, const domain_layer *l, const double *scalar, double most)
{
    pdm_status          status = PDM_OK;
    const pdm_function *given = l->initial->given, *data = pdm_pde_curve_data(d->pde, l->field);
    double             *room = NULL, value;
    pdm_text            at   = {.ctx = d->ctx};

    if (given->n_sampled > 0) return PDM_OK; /* what an input is between points is not known here */
    PDM_TRY(pdm_alloc_array(d->ctx, given->n_input + given->value->n_register + data->n_input + data->value->n_register,
                            &room));
    double *work = room + given->n_input + given->value->n_register;
    for (pdm_size e = 0; e < d->shape->n_end; e++) {
        const double *x = d->shape->end + e * d->n_dim;
        for (pdm_size k = 0; k < given->n_input; k++)
            room[k] =
                given->input[k].kind == PDM_INPUT_SCALAR ? scalar[given->input[k].index] : x[given->input[k].index];
        pdm_program_evaluate(given->value, room, &value, room + given->n_input);
        const double wanted = l->order == 0 ? domain_value_at(data, x, work) : 0.0;
        if (fabs(value - wanted) <= JUMP * fmax(most, fabs(wanted))) continue;
        for (pdm_size j = 1; j < d->n_dim; j++)
            PDM_TRY(pdm_text_append(&at, "%s%s = %.4g", j > 1 ? ", " : "", pdm_pde_dim_name(d->pde, j), x[j]));
        PDM_FAIL_AT(d->ctx, PDM_ERR_NUMERIC, &l->where,
                    "%g at %s, where a condition on a curve says %g; initial data that agree with what is built into "
                    "\"%s\" expected",
                    value, at.data, wanted, pdm_pde_field_name(d->pde, l->field));
    }
done:
    pdm_free(d->ctx, room);
    pdm_text_destroy(&at);
    return status;
}

/* values [n_point] of an initial layer of a field with values on curves, before the spline goes through them. */
static pdm_status mend_at_curves(const pdm_domain *d, const domain_layer *l, const double *scalar,
                                 const pdm_axis *const *axis, double *values, double *work)
{
    pdm_status          status  = PDM_OK;
    const pdm_function *weight  = pdm_pde_curve_weight(d->pde, l->field);
    const pdm_size      n_point = layer_points(d, l);
    double             *w = NULL, *room = NULL, most = 0.0, most_u = 0.0, x[PDM_MAX_DIM];

    PDM_TRY(pdm_alloc_array(d->ctx, n_point, &w));
    PDM_TRY(pdm_alloc_array(d->ctx, weight->n_input + weight->value->n_register, &room));
    for (int pass = 0; pass < 2; pass++)
        for (pdm_size i = 0; i < n_point; i++) {
            pdm_size rest = i;
            for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
                x[j] = axis[j]->coordinate[rest % axis[j]->n_point];
                rest /= axis[j]->n_point;
            }
            if (pass == 0) {
                w[i] = domain_value_at(weight, x, room);
                most = fmax(most, fabs(w[i]));
                continue;
            }
            if (fabs(w[i]) <= ON_CURVE * most) values[i] = beside_curve(l, d, scalar, x, i, n_point, work);
            if (isfinite(values[i])) most_u = fmax(most_u, fabs(values[i] * w[i]));
        }
    PDM_TRY(check_curves(d, l, scalar, most_u));
done:
    pdm_free(d->ctx, w);
    pdm_free(d->ctx, room);
    return status;
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
    if (l->initial && pdm_pde_curve_weight(d->pde, l->field) && l->initial->state < 0)
        PDM_TRY(mend_at_curves(d, l, scalar, axis, values, work));
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

pdm_status domain_curve_start(const pdm_domain *d, const domain_layer *l, const double *scalar,
                              const double *input_coef, double *values)
{
    pdm_status      status            = PDM_OK;
    const pdm_axis *axis[PDM_MAX_DIM] = {0};
    double         *work              = NULL;

    PDM_TRY(pdm_alloc_array(d->ctx, domain_function_work(l->function, layer_points(d, l)), &work));
    for (pdm_size j = 0; j < d->n_dim; j++) axis[j] = &d->axis[j][l->kind[j]].axis;
    domain_evaluate_on_axes(d, l->function, scalar, input_coef, axis, values, work);
    PDM_TRY(mend_at_curves(d, l, scalar, axis, values, work));
done:
    pdm_free(d->ctx, work);
    return status;
}
