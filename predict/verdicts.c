/* Verdicts on answers: in files, as numbers, in words. */
#include "predict/predict.h"

#include <math.h>
#include <stdio.h>

#include "predict/predict_impl.h"

void field_variable(const pdm_problem *p, const char *what, pdm_size field, char name[FIELD_VARIABLE_TEXT])
{
    if (pdm_domain_n_field(p->domain) == 1)
        snprintf(name, FIELD_VARIABLE_TEXT, "%s", what);
    else
        snprintf(name, FIELD_VARIABLE_TEXT, "%s_%s", what, pdm_pde_field_name(p->pde, field));
}

pdm_status pdm_result_verdicts_header(const pdm_problem *p, pdm_output *o)
{
#define TEXT_OF(name, value, text) text,
    static const char *const words[] = {PDM_VERDICT_LIST(TEXT_OF)};
    pdm_status               status  = PDM_OK;
    const char *const        dims[]  = {"sample"};
    char                     name[FIELD_VARIABLE_TEXT], text[224];

    PDM_TRY(pdm_output_attribute_real(o, NULL, "accuracy", p->solving.accuracy));
    PDM_TRY(pdm_output_variable_int(o, "verdict", 1, dims, "is the answer good to the accuracy wanted?"));
    PDM_TRY(pdm_output_flags(o, "verdict", (pdm_size)(sizeof words / sizeof *words), words));
    for (pdm_size f = 0; f < pdm_domain_n_field(p->domain); f++) {
        field_variable(p, "error_estimate", f, name);
        snprintf(text, sizeof text, "relative L2 error of %.128s, estimated on finer and coarser grids",
                 pdm_pde_field_name(p->pde, f));
        PDM_TRY(pdm_output_variable(o, name, 1, dims, "1", text));
    }
    PDM_TRY(pdm_output_variable(o, "observed_order", 1, dims, "1", "in which differences fall on finer grids"));
    PDM_TRY(pdm_output_variable(o, "left_over", 1, dims, "1",
                                "residual on cells finer than those of the solve, of the largest term"));
done:
    return status;
}

pdm_status pdm_result_verdicts(const pdm_problem *p, pdm_output *o, pdm_size first, pdm_size n, const pdm_assessment *v)
{
    pdm_status status = PDM_OK;
    char       name[FIELD_VARIABLE_TEXT];

    for (pdm_size i = 0; i < n; i++) {
        PDM_TRY(pdm_output_put_int(o, "verdict", first + i, 1, &v[i].word));
        for (pdm_size f = 0; f < pdm_domain_n_field(p->domain); f++) {
            field_variable(p, "error_estimate", f, name);
            PDM_TRY(pdm_output_put(o, name, first + i, 1, &v[i].estimate[f]));
        }
        PDM_TRY(pdm_output_put(o, "observed_order", first + i, 1, &v[i].order));
        PDM_TRY(pdm_output_put(o, "left_over", first + i, 1, &v[i].left));
    }
done:
    return status;
}

void verdicts_values(pdm_model *m, pdm_size n, const pdm_assessment *v)
{
    double count[4] = {0.0};
    for (pdm_size i = 0; i < n; i++) count[v[i].word] += 1.0;
    for (int w = 0; w < 4; w++) pdm_values_set(m->ctx, &m->values, count[w], "verdict.%s", pdm_verdict_text(w));
}

/* Without estimates by what is left over. */
static bool is_worse(const pdm_assessment *a, const pdm_assessment *b)
{
    if (a->word != b->word) return a->word > b->word;
    return isnan(a->worst) && isnan(b->worst) ? !(a->left <= b->left) : !(a->worst <= b->worst);
}

/* The worst with a cause, and how many have it. */
static const pdm_assessment *worst_of(pdm_size n, const pdm_assessment *v, int cause, pdm_size *count)
{
    const pdm_assessment *worst = NULL;
    *count                      = 0;
    for (pdm_size i = 0; i < n; i++) {
        if (v[i].cause != cause) continue;
        (*count)++;
        if (!worst || is_worse(&v[i], worst)) worst = &v[i];
    }
    return worst;
}

pdm_status verdicts_tell(const pdm_model *m, const char *topic, pdm_size n, const pdm_assessment *v)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = m->ctx};

    for (int cause = PDM_CAUSE_NONE + 1; cause < PDM_CAUSES; cause++) {
        pdm_size              count;
        const pdm_assessment *worst = worst_of(n, v, cause, &count);
        if (!worst) continue;
        PDM_TRY(pdm_verdict_explain(m->whole, worst, m->whole->solving.accuracy, &text));
        pdm_log(m->ctx, PDM_LOG_WARNING, topic, "%lld of %lld answers %s not good; the worst is %s: %s",
                (long long)count, (long long)n, count == 1 ? "is" : "are", pdm_verdict_text(worst->word), text.data);
        pdm_text_destroy(&text);
        text = (pdm_text){.ctx = m->ctx};
    }
done:
    pdm_text_destroy(&text);
    return status;
}
