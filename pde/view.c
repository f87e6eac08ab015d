/* What was understood, in words. */
#include "pde/pde_impl.h"

#include <stdio.h>

static pdm_status view_equation(const pdm_pde *p, pdm_size equation, pdm_text *out)
{
    pdm_status status = PDM_OK;
    bool       first  = true;

    PDM_TRY(pdm_text_append(out, "equation     %s:", p->field_name[equation]));
    if (p->shape.level) {
        PDM_TRY(pdm_text_append(out, " [ %s ] = 0 inside\n", p->residual_text[equation]));
        goto done;
    }
    if (p->positive[equation] > 0.0) {
        PDM_TRY(pdm_text_append(out, " [ (%s)/slope of %s by %s~ ] = 0\n", p->residual_text[equation],
                                p->field_name[equation], p->field_name[equation]));
        goto done;
    }
    for (pdm_size i = 0; i < p->n_term; i++) {
        const pdm_term *term = &p->term[i];
        if (term->equation != equation) continue;
        PDM_TRY(pdm_text_append(out, first ? " " : " + "));
        if (term->dim < 0)
            PDM_TRY(pdm_text_append(out, "[ %s ]", term->function->text));
        else if (p->dim_name[term->dim][1] == '\0')
            PDM_TRY(pdm_text_append(out, "d%s( %s )", p->dim_name[term->dim], term->function->text));
        else
            PDM_TRY(pdm_text_append(out, "diff( %s , %s )", term->function->text, p->dim_name[term->dim]));
        first = false;
    }
    PDM_TRY(pdm_text_append(out, " = 0\n"));
done:
    return status;
}

static pdm_status view_condition(const pdm_pde *p, const pdm_condition *k, pdm_text *out)
{
    pdm_status  status = PDM_OK;
    const char *field  = p->field_name[k->field];
    char        side[PDE_MAX_NAME + 8];

    (void)snprintf(side, sizeof side, "%s_%s", p->dim_name[k->dim], k->side ? "max" : "min");
    PDM_TRY(pdm_text_append(out, "at %-9s ", side));
    switch (k->kind) {
    case PDM_CONDITION_DIRICHLET: PDM_TRY(pdm_text_append(out, "%s = %s", field, k->given->text)); break;
    case PDM_CONDITION_FLUX: PDM_TRY(pdm_text_append(out, "flux(%s) = %s", field, k->function->text)); break;
    case PDM_CONDITION_GENERAL: PDM_TRY(pdm_text_append(out, "%s = 0", k->function->text)); break;
    case PDM_CONDITION_FREE: PDM_TRY(pdm_text_append(out, "%s free", field)); break;
    }
    PDM_TRY(pdm_text_append(out, "%s%s\n", *k->part_text ? " where " : "", k->part_text));
    if (k->fixed)
        PDM_TRY(
            pdm_text_append(out,
                            "note         the flux of %s in %s, which is prescribed there as a whole, has a part that "
                            "reads no field: %s. For a flux g without it write flux(%s) = g + that part\n",
                            field, p->dim_name[k->dim], k->fixed->text, field));
done:
    return status;
}

pdm_status pdm_pde_view(const pdm_pde *p, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size e = 0; e < p->n_field; e++) PDM_TRY(view_equation(p, e, out));
    for (pdm_size f = 0; f < p->n_field; f++)
        if (p->positive[f] > 0.0)
            PDM_TRY(pdm_text_append(out, "positive     %s = %.9g*log(1 + exp(%s~/%.9g)), %s~ a spline\n",
                                    p->field_name[f], p->positive[f], p->field_name[f], p->positive[f],
                                    p->field_name[f]));
    if (p->shape.level) PDM_TRY(pdm_text_append(out, "inside       %s\n", p->shape.where.text));
    for (pdm_size f = 0; f < p->n_field; f++)
        if (p->shape.is_built_in[f])
            PDM_TRY(pdm_text_append(out, "on curves    %s = %s + %s~*(%s), %s~ a spline\n", p->field_name[f],
                                    p->shape.data[f]->text, p->field_name[f], p->shape.weight[f]->text,
                                    p->field_name[f]));
    for (pdm_size i = 0; i < p->n_initial; i++)
        PDM_TRY(pdm_text_append(out, "initial      %s%s = %s\n", p->field_name[p->initial[i].field],
                                p->initial[i].order ? "_t" : "", p->initial[i].given->text));
    for (pdm_size i = 0; i < p->n_condition; i++) PDM_TRY(view_condition(p, &p->condition[i], out));
    for (pdm_size i = 0; i < p->n_constraint; i++)
        PDM_TRY(pdm_text_append(out, "constraint   %s: integral( %s ) = %s\n", p->constraint[i].name,
                                p->constraint[i].inside->text, p->constraint[i].value->text));
    if (p->units) PDM_TRY(pdm_text_append(out, "units        checked\n"));
done:
    return status;
}
