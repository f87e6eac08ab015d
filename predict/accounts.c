/* What equations come to over the whole domain (verdict/conservation.c): in files, as numbers, in words. */
#include "predict/predict.h"

#include <math.h>

#include "predict/predict_impl.h"

static pdm_size n_equation(const pdm_model *m)
{
    return pdm_pde_n_equation(m->problem->pde);
}

static bool is_told(const pdm_model *m, pdm_size equation)
{
    return pdm_account_is_told(m->problem, equation);
}

pdm_status accounts_header(const pdm_model *m, pdm_output *o)
{
    pdm_status        status = PDM_OK;
    const char *const dims[] = {"sample"};
    char              name[FIELD_VARIABLE_TEXT];

    for (pdm_size e = 0; e < n_equation(m); e++) {
        if (!is_told(m, e)) continue;
        field_variable(m->whole, "imbalance", e, name);
        PDM_TRY(pdm_output_variable(o, name, 1, dims, "1",
                                    "what the domain gained less what walls let in and sources made, of what is there; "
                                    "below 0: lost"));
    }
done:
    return status;
}

pdm_status accounts_put(const pdm_model *m, pdm_output *o, pdm_size first, pdm_size n, const pdm_assessment *v)
{
    pdm_status status = PDM_OK;
    char       name[FIELD_VARIABLE_TEXT];

    for (pdm_size e = 0; e < n_equation(m); e++) {
        if (!is_told(m, e)) continue;
        field_variable(m->whole, "imbalance", e, name);
        for (pdm_size i = 0; i < n; i++) {
            const double imbalance = v[i].account[e].told ? v[i].account[e].imbalance : NAN;
            PDM_TRY(pdm_output_put(o, name, first + i, 1, &imbalance));
        }
    }
done:
    return status;
}

/* The answer of which most is lost, or too much; -1: nothing is known of any. */
static pdm_size find_worst(pdm_size n, const pdm_assessment *v, pdm_size equation)
{
    pdm_size worst = -1;
    for (pdm_size i = 0; i < n; i++) {
        const pdm_account *a = &v[i].account[equation];
        if (!a->told || isnan(a->imbalance)) continue;
        if (worst < 0 || fabs(a->imbalance) > fabs(v[worst].account[equation].imbalance)) worst = i;
    }
    return worst;
}

void accounts_values(pdm_model *m, pdm_size n, const pdm_assessment *v)
{
    double most = NAN;

    for (pdm_size e = 0; e < n_equation(m); e++) {
        const char    *name  = pdm_pde_field_name(m->problem->pde, e);
        const pdm_size worst = find_worst(n, v, e);
        if (worst < 0) continue;
        const pdm_account *a = &v[worst].account[e];
        pdm_values_set(m->ctx, &m->values, a->imbalance, "imbalance.%s", name);
        pdm_values_set(m->ctx, &m->values, a->gained, "gained.%s", name);
        pdm_values_set(m->ctx, &m->values, a->let_in, "let_in.%s", name);
        pdm_values_set(m->ctx, &m->values, a->made, "made.%s", name);
        if (!(fabs(a->imbalance) <= fabs(most))) most = a->imbalance;
    }
    pdm_values_set(m->ctx, &m->values, most, "imbalance");
}

pdm_status accounts_append(const pdm_model *m, pdm_size n, const pdm_assessment *v, pdm_text *out)
{
    pdm_status status = PDM_OK;

    for (pdm_size e = 0; e < n_equation(m); e++) {
        const pdm_size worst = find_worst(n, v, e);
        if (worst < 0) continue;
        PDM_TRY(pdm_text_append(out, "equation %s: ", pdm_pde_field_name(m->problem->pde, e)));
        PDM_TRY(pdm_account_explain(m->problem, e, &v[worst].account[e], out));
        if (n > 1) PDM_TRY(pdm_text_append(out, " (sample %lld, the worst)", (long long)worst));
        PDM_TRY(pdm_text_append(out, "\n"));
    }
done:
    return status;
}

pdm_status accounts_tell(const pdm_model *m, const char *topic, pdm_size n, const pdm_assessment *v)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = m->ctx};

    for (pdm_size e = 0; e < n_equation(m); e++) {
        const pdm_size worst = find_worst(n, v, e);
        pdm_size       count = 0;
        for (pdm_size i = 0; i < n; i++) count += pdm_account_is_off(&v[i].account[e]);
        if (count == 0) continue;
        PDM_TRY(pdm_account_explain(m->problem, e, &v[worst].account[e], &text));
        pdm_log(m->ctx, PDM_LOG_WARNING, topic,
                "equation %s is not conserved in %lld of %lld answers; in the worst %s; a finer grid",
                pdm_pde_field_name(m->problem->pde, e), (long long)count, (long long)n, text.data);
        pdm_text_destroy(&text);
        text = (pdm_text){.ctx = m->ctx};
    }
done:
    pdm_text_destroy(&text);
    return status;
}
