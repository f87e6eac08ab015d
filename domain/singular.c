/* Where rows are not finite: the first term and point, and the operation that is to blame. Plain loops, for messages. */
#include "domain/domain_impl.h"

#include <math.h>
#include <string.h>

enum { NAMED_ATOMS = 4 }; /* values of so many are told */

static bool is_usable(double x)
{
    return fabs(x) < 1e150; /* squares of rows must be finite, too */
}

/* ---- the operation ------------------------------------------------------------------------------------------------- */

static pdm_status name_operation(const pdm_instruction *k, double a, double b, pdm_text *out)
{
    static const char *const word[] = {
#define WORD(name, n_operand, text) #name,
        PDM_OPCODE_LIST(WORD)
#undef WORD
    };
    char lower[16] = "";

    switch (k->opcode) {
    case PDM_OPCODE_DIV: return pdm_text_append(out, "%g / %g", a, b);
    case PDM_OPCODE_RECIPROCAL: return pdm_text_append(out, "1 / %g", a);
    case PDM_OPCODE_POW: return pdm_text_append(out, "%g ^ %g", a, b);
    case PDM_OPCODE_SQUARE: return pdm_text_append(out, "%g ^ 2", a);
    case PDM_OPCODE_MUL: return pdm_text_append(out, "%g * %g", a, b);
    case PDM_OPCODE_ADD: return pdm_text_append(out, "%g + %g", a, b);
    case PDM_OPCODE_SUB: return pdm_text_append(out, "%g - %g", a, b);
    default: break;
    }
    for (size_t i = 0; i + 1 < sizeof lower && word[k->opcode][i]; i++) lower[i] = (char)(word[k->opcode][i] | 0x20);
    return pdm_text_append(out, "%s(%g)", lower, a);
}

/* The first instruction whose result cannot be used though its operands can. */
static pdm_status find_operation(const pdm_program *p, const domain_place *at, pdm_text *out)
{
    for (pdm_size i = 0; i < p->n_instruction; i++) {
        const pdm_instruction *k        = &p->instruction[i];
        const bool             computes = k->opcode > PDM_OPCODE_INPUT;
        const double           a        = computes ? at->work[k->a] : 0.0;
        const double           b        = computes && k->b >= 0 ? at->work[k->b] : 0.0;
        const pdm_program      one      = {.n_instruction = 1, .n_output = 1, .instruction = k, .output = &k->target};
        double                 value;
        pdm_program_evaluate(&one, at->in, &value, at->work);
        if (is_usable(value)) continue;
        return computes ? name_operation(k, a, b, out) : pdm_text_append(out, "a value of %g", value);
    }
    return PDM_OK;
}

/* ---- the place ----------------------------------------------------------------------------------------------------- */

static pdm_status name_atom(const pdm_domain *d, const pdm_atom *atom, pdm_text *out)
{
    pdm_status  status = PDM_OK;
    const char *name   = pdm_pde_atom_name(d->pde, atom->field);
    int         order  = 0;

    for (pdm_size j = 0; j < d->n_dim; j++) order += atom->order[j];
    if (order > 0) PDM_TRY(pdm_text_append(out, "d"));
    for (pdm_size j = 0; j < d->n_dim; j++)
        for (int k = 0; k < atom->order[j]; k++) PDM_TRY(pdm_text_append(out, "%s", pdm_pde_dim_name(d->pde, j)));
    const bool built_in = atom->field < (int32_t)d->n_field && pdm_pde_curve_weight(d->pde, atom->field);
    PDM_TRY(pdm_text_append(out, order > 0 ? "(%s%s)" : "%s%s", name, built_in ? "~" : ""));
done:
    return status;
}

static pdm_status name_place(const pdm_domain *d, const domain_place *p, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size j = 0; j < d->n_dim; j++)
        PDM_TRY(pdm_text_append(out, "%s%s = %g", j ? ", " : " at ", pdm_pde_dim_name(d->pde, j),
                                p->term->axis[j].coordinate[p->index[j]] + (j == 0 ? p->start : 0.0)));
    for (pdm_size a = 0; a < p->f->n_atom && a < NAMED_ATOMS; a++) {
        const pdm_atom *atom  = &p->f->atom[a];
        int             order = 0;
        for (pdm_size j = 0; j < d->n_dim; j++) order += atom->order[j];
        const bool is_field = order == 0 && atom->field < (int32_t)d->n_field;
        PDM_TRY(pdm_text_append(out, a ? ", " : ", where "));
        PDM_TRY(name_atom(d, atom, out));
        PDM_TRY(pdm_text_append(out, " = %g",
                                is_field ? pdm_pde_from_spline(d->pde, atom->field, p->atom[a]) : p->atom[a]));
    }
done:
    return status;
}

/* "equation u: 1 / 0 in the term -(1/u) at t = 0.1, x = 0, where u = 0" */
static pdm_status describe(const pdm_domain *d, const domain_place *p, const pdm_program *program, pdm_size output,
                           pdm_text *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(out, "%s: ", p->block));
    PDM_TRY(find_operation(program, p, out));
    PDM_TRY(pdm_text_append(out, " in %sthe term %s", output > 0 ? "the derivative of " : "", p->f->text));
    if (output > 0) {
        PDM_TRY(pdm_text_append(out, " by "));
        PDM_TRY(name_atom(d, &p->f->atom[output - 1], out));
    }
    PDM_TRY(name_place(d, p, out));
done:
    return status;
}

/* Looks at all points of a term, values first or with them derivatives. */
static pdm_status search_term(const pdm_domain *d, domain_place *p, bool derivatives, const double *c,
                              const double *scalar, const double *sampled, pdm_text *out)
{
    pdm_status         status  = PDM_OK;
    const pdm_program *program = derivatives ? p->f->partial : p->f->value;

    if (!domain_place_first(d, p)) goto done;
    do {
        domain_place_read(d, p, c, scalar, sampled);
        pdm_program_evaluate(program, p->in, p->out, p->work);
        for (pdm_size i = 0; i < program->n_output; i++)
            if (!is_usable(p->out[i])) return describe(d, p, program, i, out);
    } while (domain_place_next(d, p));
done:
    return status;
}

static double slab_start(const pdm_domain *d, const double *scalar)
{
    const pdm_size start = pdm_pde_start(d->pde);
    return start < 0 ? 0.0 : scalar[pdm_pde_input(d->pde, start)->scalar];
}

pdm_status pdm_domain_explain(const pdm_domain *d, const double *c, const double *scalar, const double *sampled,
                              pdm_text *out)
{
    pdm_status     status = PDM_OK;
    const size_t   before = out->length;
    const pdm_size size = d->n_field * d->n_coef, n_seen = pdm_rows_n_seen(&d->rows);
    double        *seen = NULL, *work = NULL;
    domain_place   p = {.start = slab_start(d, scalar)};

    PDM_TRY(domain_place_create(d, &p));
    PDM_TRY(pdm_alloc_array(d->ctx, n_seen * d->n_coef, &seen));
    PDM_TRY(pdm_alloc_array(d->ctx, 2 * d->n_coef, &work));
    memcpy(seen, c, (size_t)size * sizeof *c);
    for (pdm_size k = 0; k < d->rows.n_derived; k++)
        domain_derive_layers(d, k, d->n_coef, c + d->derived[k].field * d->n_coef, seen + size + k * d->n_coef, work);
    for (int derivatives = 0; derivatives < 2; derivatives++)
        for (pdm_size t = 0; t < d->n_term && out->length == before; t++) {
            domain_place_go(d, &p, t);
            PDM_TRY(search_term(d, &p, derivatives, seen, scalar, sampled, out));
        }
done:
    domain_place_destroy(d, &p);
    pdm_free(d->ctx, seen);
    pdm_free(d->ctx, work);
    return status;
}
