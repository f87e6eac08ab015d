/* The word for an answer, and why. docs/mathematics.md, "Verdicts". */
#include "verdict/verdict.h"

#include <math.h>

#include "verdict/verdict_impl.h"

static const double LEFT_WRONG    = 0.3; /* of the largest term: beyond it the equation is not obeyed             */
static const double LEFT_HOPELESS = 0.8; /* without an estimate: a network after 3 steps leaves 0.5 and is 6 % off    */
static const double LEFT_DOUBTFUL = 0.1; /* right answers leave 3 % at most                                      */
static const double LEFT_SEEN     = 0.02; /* what is left beyond that should fall on the finer grid ...           */
static const double LEFT_FALLS    = 0.5;  /* ... below that share: by 4 and more where there is a solution        */
static const double ERROR_WRONG   = 0.5;  /* relative L2                                                          */
static const double LEAST_ORDER   = 0.5;  /* differences that fall more slowly do not fall                        */
static const double TINY          = 0.01; /* of the accuracy: an estimate below it is good in any order           */

const char *pdm_verdict_text(int32_t word)
{
#define TEXT_OF(name, value, text) [value] = text,
    static const char *const texts[]       = {PDM_VERDICT_LIST(TEXT_OF)};
    return word >= 0 && word < (int32_t)(sizeof texts / sizeof *texts) ? texts[word] : "unknown verdict";
}

void pdm_verdict_decide(pdm_assessment *v, double accuracy)
{
    const bool no_order  = v->estimated && v->order < LEAST_ORDER && v->worst > TINY * accuracy;
    const bool stays     = v->left > LEFT_SEEN && v->left_finer > LEFT_FALLS * v->left;
    const bool not_found = !pdm_reason_is_good(v->reason) || (v->estimated && !v->finer_good);
    struct {
        bool    holds;
        int32_t word, cause;
    } const rule[] = {
        {pdm_reason_is_useless(v->reason), PDM_VERDICT_WRONG, PDM_CAUSE_NO_ANSWER},
        {!v->blind && !(v->left <= (v->estimated ? LEFT_WRONG : LEFT_HOPELESS)), PDM_VERDICT_WRONG,
         PDM_CAUSE_LEFT_OVER},
        {v->estimated && !(v->worst <= ERROR_WRONG), PDM_VERDICT_WRONG, PDM_CAUSE_ERROR},
        {v->unseen[0] != '\0', PDM_VERDICT_DOUBTFUL, PDM_CAUSE_UNSEEN},
        {v->one_of_many, PDM_VERDICT_DOUBTFUL, PDM_CAUSE_MANY},
        {v->left > LEFT_DOUBTFUL, PDM_VERDICT_DOUBTFUL, PDM_CAUSE_LEFT_OVER},
        {v->estimated && v->worst > accuracy, PDM_VERDICT_DOUBTFUL, PDM_CAUSE_ERROR},
        {not_found, PDM_VERDICT_DOUBTFUL, PDM_CAUSE_NOT_FOUND},
        {stays || no_order, PDM_VERDICT_DOUBTFUL, PDM_CAUSE_NO_ORDER},
        {!v->estimated, PDM_VERDICT_NONE, PDM_CAUSE_NONE},
        {true, PDM_VERDICT_GOOD, PDM_CAUSE_NONE},
    };
    const int n = (int)(sizeof rule / sizeof *rule);
    int       i = 0;
    while (i + 1 < n && !rule[i].holds) i++;
    v->word  = rule[i].word;
    v->cause = rule[i].cause;
}

static pdm_status append_place(const pdm_problem *p, const pdm_assessment *v, pdm_text *out)
{
    pdm_status status = PDM_OK;
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++)
        PDM_TRY(pdm_text_append(out, "%s%s = %.3g", j ? ", " : "", pdm_pde_dim_name(p->pde, j), v->place[j]));
done:
    return status;
}

static pdm_status append_left(const pdm_problem *p, const pdm_assessment *v, pdm_text *out)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_text_append(out, "equation %s: %.2g %% of its largest term left, most near ",
                            pdm_pde_field_name(p->pde, v->equation), 100.0 * v->left));
    PDM_TRY(append_place(p, v, out));
done:
    return status;
}

pdm_status pdm_verdict_explain(const pdm_problem *p, const pdm_assessment *v, double accuracy, pdm_text *out)
{
    pdm_status status = PDM_OK;

    switch (v->cause) {
    case PDM_CAUSE_NO_ANSWER: return pdm_text_append(out, "the solve has no answer");
    case PDM_CAUSE_LEFT_OVER:
        PDM_TRY(append_left(p, v, out));
        PDM_TRY(pdm_text_append(out, "; the grid does not hold the solution there (more control points, grading = "
                                     "\"auto\", shorter slabs), or there is none"));
        break;
    case PDM_CAUSE_ERROR:
        PDM_TRY(pdm_text_append(out,
                                "error about %.2g %%, %.2g %% wanted (solver:accuracy); a finer grid, finest near ",
                                100.0 * v->worst, 100.0 * accuracy));
        PDM_TRY(append_place(p, v, out));
        break;
    case PDM_CAUSE_NOT_FOUND:
        PDM_TRY(pdm_text_append(out, "the iteration did not converge, here or on spans half as long; "));
        PDM_TRY(append_left(p, v, out));
        break;
    case PDM_CAUSE_NO_ORDER:
        PDM_TRY(pdm_text_append(out,
                                "differences do not fall on finer grids (order %.1f): something is not resolved, "
                                "or there is no solution, or more than one; ",
                                v->order));
        PDM_TRY(append_left(p, v, out));
        break;
    case PDM_CAUSE_UNSEEN: return pdm_text_append(out, "%s", v->unseen);
    case PDM_CAUSE_MANY:
        PDM_TRY(pdm_text_append(out,
                                "the solution is one of many: no equation and no condition notices a change of the "
                                "fields that is largest in %s near ",
                                pdm_pde_field_name(p->pde, v->equation)));
        PDM_TRY(append_place(p, v, out));
        return pdm_text_append(out, "; a condition more is needed");
    default: break;
    }
done:
    return status;
}
