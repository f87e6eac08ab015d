/* One point of a term after the other: what its programs read there. Plain loops, for set-up and messages. */
#include "domain/domain_impl.h"

pdm_status domain_place_create(const pdm_domain *d, domain_place *p)
{
    pdm_status status = PDM_OK;
    pdm_size   most   = 1;

    for (pdm_size t = 0; t < d->n_term; t++) {
        const pdm_function *f = d->term_function[t];
        const pdm_size      n = f->n_atom + f->n_input + 1;
        most                  = n > most ? n : most;
        most                  = f->value->n_register > most ? f->value->n_register : most;
        most                  = f->partial->n_register > most ? f->partial->n_register : most;
    }
    PDM_TRY(pdm_alloc_array(d->ctx, 4 * most, &p->atom));
    p->in   = p->atom + most;
    p->out  = p->in + most;
    p->work = p->out + most;
done:
    return status;
}

void domain_place_destroy(const pdm_domain *d, domain_place *p)
{
    pdm_free(d->ctx, p->atom);
}

void domain_place_go(const pdm_domain *d, domain_place *p, pdm_size t)
{
    p->term  = &d->term[t];
    p->f     = d->term_function[t];
    p->block = d->block[d->term_block[t]].name;
}

bool domain_place_first(const pdm_domain *d, domain_place *p)
{
    bool any = true;
    for (pdm_size j = 0; j < d->n_dim; j++) {
        p->index[j] = 0;
        any         = any && p->term->axis[j].n_point > 0;
    }
    return any;
}

bool domain_place_next(const pdm_domain *d, domain_place *p)
{
    for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
        if (++p->index[j] < p->term->axis[j].n_point) return true;
        p->index[j] = 0;
    }
    return false;
}

/* Derivative of a field, of coefficients c [n_coef], at the point. */
static double atom_value(const pdm_domain *d, const domain_place *p, const pdm_atom *atom, const double *c)
{
    pdm_size n_local = 1;
    double   sum     = 0.0;

    for (pdm_size j = 0; j < d->n_dim; j++) n_local *= d->spline[j].degree + 1;
    for (pdm_size i = 0; i < n_local; i++) {
        pdm_size coef = 0, rest = i, stride = 1;
        double   basis = 1.0;
        for (pdm_size j = d->n_dim - 1; j >= 0; j--) {
            const pdm_axis *axis = &p->term->axis[j];
            const pdm_size  n = d->spline[j].degree + 1, a = rest % n;
            basis *= axis->basis[(atom->order[j] * axis->n_point + p->index[j]) * n + a];
            coef += stride * ((axis->element[p->index[j]] + a) % d->spline[j].n_coef);
            stride *= d->spline[j].n_coef;
            rest /= n;
        }
        sum += basis * c[coef];
    }
    return sum;
}

void domain_place_read(const pdm_domain *d, const domain_place *p, const double *c, const double *scalar,
                       const double *sampled)
{
    pdm_size flat = 0;

    for (pdm_size j = 0; j < d->n_dim; j++) flat = flat * p->term->axis[j].n_point + p->index[j];
    for (pdm_size a = 0; a < p->f->n_atom; a++)
        p->atom[a] = atom_value(d, p, &p->f->atom[a], c + p->f->atom[a].field * d->n_coef);
    for (pdm_size i = 0; i < p->f->n_input; i++) {
        const int32_t k = p->f->input[i].index;
        switch (p->f->input[i].kind) {
        case PDM_INPUT_ATOM: p->in[i] = p->atom[k]; break;
        case PDM_INPUT_COORDINATE: p->in[i] = p->term->axis[k].coordinate[p->index[k]]; break;
        case PDM_INPUT_SCALAR: p->in[i] = scalar[k]; break;
        default: p->in[i] = sampled[p->term->sampled_offset[k] + flat];
        }
    }
}
