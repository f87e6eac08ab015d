/* What a case says against itself, and what it leaves open: a list with sizes. */
#include "problem/problem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "problem/problem_impl.h"

static const double BESIDE = 0.5;         /* widths from the middle of a distribution that is still typical */
enum { SAMPLES_MOST = 16 };               /* inputs that are looked at for warnings */
static const double WORTH_WARNING = 1e-2; /* of a misfit                                                    */

static const struct {
    const char *label;
    double      least; /* relative size from which on it is a note: above the data's rounding, or the spline's error */
    bool        warns;
} kinds[PDM_NOTE_KINDS] = {
    [PDM_NOTE_CORNER] = {"corner", 1e-6, true},       [PDM_NOTE_EDGE] = {"edge", 1e-6, true},
    [PDM_NOTE_WALL] = {"wall", 2e-2, true},           [PDM_NOTE_STEADY] = {"start", 2e-2, true},
    [PDM_NOTE_CONSTRAINT] = {"integral", 1e-3, true}, [PDM_NOTE_SEAM] = {"seam", 1e-6, true},
    [PDM_NOTE_OPEN] = {"open side", 0.0, true},       [PDM_NOTE_OUTFLOW] = {"outflow", 0.0, true},
    [PDM_NOTE_GRADED] = {"graded", 0.0, false},       [PDM_NOTE_DIVISION] = {"division", 0.0, false},
    [PDM_NOTE_UNSEEN] = {"unseen", 0.0, true},
};

/* ---- the list ---- */

void notes_add(pdm_notes *notes, pdm_note_kind kind, pdm_size where, double relative, const char *format, ...)
{
    pdm_size i = 0;
    va_list  arguments;

    if (!(relative > kinds[kind].least)) return;
    while (i < notes->n && (notes->note[i].kind != kind || notes->note[i].where != where)) i++;
    if (i == PDM_NOTES_MOST || (i < notes->n && notes->note[i].relative >= relative)) return;
    if (i == notes->n) notes->n++;
    pdm_note *note = &notes->note[i];
    *note          = (pdm_note){.kind = kind, .where = where, .relative = relative};
    va_start(arguments, format);
    (void)vsnprintf(note->text, sizeof note->text, format, arguments);
    va_end(arguments);
}

pdm_status pdm_notes_view(const pdm_notes *notes, pdm_text *out)
{
    pdm_status status = PDM_OK;
    for (pdm_size i = 0; i < notes->n; i++)
        PDM_TRY(pdm_text_append(out, "%-12s %s\n", kinds[notes->note[i].kind].label, notes->note[i].text));
done:
    return status;
}

/* ---- all of it ---- */

static void note_jumps(const note_state *s, pdm_notes *notes)
{
    const pdm_jump *start = &s->report.start, *edge = &s->report.edge;

    if (start->size > 0.0)
        notes_add(notes, PDM_NOTE_CORNER, 0, start->relative,
                  "initial and boundary data disagree by %g (%s:%s); the initial state keeps its own", start->size,
                  start->where.group ? start->where.group : "", start->where.attribute ? start->where.attribute : "");
    if (edge->size > 0.0)
        notes_add(notes, PDM_NOTE_EDGE, 0, edge->relative,
                  "values of %s on two sides disagree by %g where they meet (%s:%s, which comes later, keeps its own)",
                  pdm_pde_field_name(s->p->pde, edge->field), edge->size, edge->where.group ? edge->where.group : "",
                  edge->where.attribute ? edge->where.attribute : "");
}

/* divisions: they are for `check`, of typical inputs. scope: of what is looked for between points. */
static pdm_status notes_of(const pdm_problem *p, const double *input, bool divisions, pdm_unseen_scope scope,
                           pdm_notes *notes)
{
    pdm_status status = PDM_OK;
    note_state s      = {0};

    PDM_TRY(note_state_create(p, input, &s));
    note_jumps(&s, notes);
    PDM_TRY(contradictions_find(&s, notes));
    PDM_TRY(seams_find(&s, notes));
    PDM_TRY(openings_find(&s, notes));
    PDM_TRY(unseen_find(&s, scope, notes));
    if (divisions) PDM_TRY(divisions_find(&s, notes));
done:
    note_state_destroy(&s);
    return status;
}

pdm_status pdm_notes_of_input(const pdm_problem *p, const double *input, pdm_notes *notes)
{
    return notes_of(p, input, false, PDM_UNSEEN_ALL, notes);
}

static pdm_status note_narrow(const pdm_problem *p, pdm_size dim, pdm_notes *notes)
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = p->ctx};

    PDM_TRY(pdm_narrow_view(p, dim, &text));
    notes_add(notes, PDM_NOTE_GRADED, dim + 1, 1.0, "%s", text.data);
done:
    pdm_text_destroy(&text);
    return status;
}

pdm_status pdm_notes_of_case(const pdm_problem *p, pdm_notes *notes)
{
    pdm_status     status = PDM_OK;
    const pdm_size n      = pdm_domain_n_input(p->domain);
    double        *input  = NULL;

    PDM_TRY(pdm_alloc_array(p->ctx, n, &input));
    for (int i = 0; i < (n > 0 ? 2 : 1); i++) { /* amplitudes drawn from about zero: nothing shows in the middle */
        pdm_inputs_typical(p->inputs, i == 0 ? 0.0 : BESIDE, input);
        PDM_TRY(notes_of(p, input, true, i == 0 ? PDM_UNSEEN_ALL : PDM_UNSEEN_OF_INPUT, notes));
    }
    if (p->start_is_graded)
        notes_add(notes, PDM_NOTE_GRADED, 0, 1.0,
                  "time, \"power 3\", for the layer that such a start is; grading = \"none\" turns it off");
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain); j++)
        if (p->data_growth[j] > 0.0) PDM_TRY(note_narrow(p, j, notes));
done:
    pdm_free(p->ctx, input);
    return status;
}

/* Those that may spoil a solution. */
static void warn(pdm_context *ctx, const char *topic, const pdm_notes *notes)
{
    for (pdm_size i = 0; i < notes->n; i++)
        if (kinds[notes->note[i].kind].warns && notes->note[i].relative >= WORTH_WARNING)
            pdm_log(ctx, PDM_LOG_WARNING, topic, "%s: %s", kinds[notes->note[i].kind].label, notes->note[i].text);
}

pdm_status pdm_notes_warn(const pdm_problem *p, const char *topic, pdm_size n, const double *input)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(p->domain);
    pdm_notes      notes   = {.n = 0};

    if (!input && n_input > 0) PDM_TRY(pdm_notes_of_case(p, &notes));
    for (pdm_size i = 0; i < (n_input == 0 ? 1 : input ? n : 0) && i < SAMPLES_MOST; i++)
        PDM_TRY(notes_of(p, input ? input + i * n_input : NULL, false, i == 0 ? PDM_UNSEEN_ALL : PDM_UNSEEN_OF_INPUT,
                         &notes));
    warn(p->ctx, topic, &notes);
done:
    return status;
}
