/* Data that the grid does not see, for `check`, for warnings and for verdicts. docs/mathematics.md, "Data between the
 * points". */
#include "problem/problem.h"

#include "problem/problem_impl.h"

/* "x = 0.5137, t = 0.2"; with distances "0.025 in x". */
static pdm_status append_place(const pdm_problem *p, const pdm_unseen *u, bool distance, pdm_text *out)
{
    pdm_status status = PDM_OK;
    bool       first  = true;

    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++) {
        const char *name = pdm_pde_dim_name(p->pde, j), *comma = first ? "" : ", ";
        if (!u->reads[j]) continue;
        PDM_TRY(distance ? pdm_text_append(out, "%s%.2g in %s", comma, u->apart[j], name)
                         : pdm_text_append(out, "%s%s = %.6g", comma, name, u->at[j]));
        first = false;
    }
done:
    return status;
}

pdm_status pdm_unseen_view(const pdm_problem *p, const pdm_unseen *u, pdm_text *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(out, "%s: %s %.3g near ", u->what, u->inverse ? "down to" : "up to", u->size));
    PDM_TRY(append_place(p, u, false, out));
    PDM_TRY(pdm_text_append(out, ", of which the grid sees %.3g (its points are ", u->seen));
    PDM_TRY(append_place(p, u, true, out));
    PDM_TRY(pdm_text_append(out, " apart): knots there, more control points, or grading"));
done:
    return status;
}

static pdm_status note(const note_state *s, const pdm_unseen *u, pdm_notes *notes)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = s->p->ctx};

    PDM_TRY(pdm_unseen_view(s->p, u, &text));
    notes_add(notes, PDM_NOTE_UNSEEN, u->number, u->share, "%s", text.data);
done:
    pdm_text_destroy(&text);
    return status;
}

pdm_status unseen_find(const note_state *s, pdm_unseen_scope scope, pdm_notes *notes)
{
    pdm_status      status = PDM_OK;
    pdm_unseen_list list;

    PDM_TRY(pdm_domain_unseen(s->p->domain, s->input, s->p->magnitude, scope, &list));
    for (pdm_size i = 0; i < list.n; i++) PDM_TRY(note(s, &list.item[i], notes));
done:
    return status;
}
