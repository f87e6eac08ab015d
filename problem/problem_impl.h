/* Inside of problem/. */
#ifndef PDM_PROBLEM_IMPL_H
#define PDM_PROBLEM_IMPL_H

#include "problem/problem.h"

/* grading.c: p's Peclet numbers, and breaks for the dimensions that ask for them or want them; all NULL where none does.
 * Destroy *out. Inputs have been read and measured. */
pdm_status grading_find(pdm_problem *p, pdm_grading *out);
/* problem.c: rows of a slab of time, see pdm_pde_create_slab */
pdm_status problem_create_slab(pdm_case *c, const pdm_grading *grading, pdm_problem **out);
/* slabs.c: does anything but the initial state tie the solution to a time? */
bool slabs_read_time(const pdm_problem *p);
/* march.c: /domain/t:slabs, and whether it can be. */
pdm_size   march_good_slabs(const pdm_problem *p); /* whatever the case says; 1: at once */
pdm_status march_read_setting(pdm_problem *p);
pdm_status march_check_setting(const pdm_problem *p);
/* start.c: breaks of time for a solution that starts with a layer; nothing where it does not, or where the case says how
 * time is to be graded. */
pdm_status start_find(const pdm_problem *p, pdm_grading *out);
/* Does the case leave it open where the knots of time are? */
bool start_is_open(const pdm_problem *p);
/* Is the field of first order in time, and of second along dim, and spreads over a knot span faster than it moves? */
struct note_state;
pdm_status start_spreads(const struct note_state *s, pdm_size field, pdm_size dim, bool *does);
/* narrow.c: breaks of space about narrow data that no point sees, where a case leaves them open; growth [n_dim] becomes
 * that of their spans. */
pdm_status narrow_find(const pdm_problem *p, pdm_grading *out, double *growth);
/* scales.c: sizes of fields and factors of rows, from a typical input. Inputs have been read and measured. */
pdm_status scales_find(pdm_problem *p);

/* notes.c: adds a note, or replaces the same one where it is smaller. */
void notes_add(pdm_notes *notes, pdm_note_kind kind, pdm_size where, double relative, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* note_state.c: one input with the state at the start. Destroy it. */
typedef struct note_state {
    const pdm_problem *p;
    const double      *input;
    double            *lift; /* [n_field][n_coef] */
    pdm_lift_report    report;
    double            *memory;
    pdm_size           n[PDM_MAX_DIM]; /* coordinates along each dimension ... */
    double            *x[PDM_MAX_DIM]; /* ... at the start of time: control points, and the ends of the extent */
} note_state;
pdm_status note_state_create(const pdm_problem *p, const double *input, note_state *out);
void       note_state_destroy(note_state *s);
/* Coefficients of constant fields, at the means of the lift's: allocated. */
pdm_status note_flatten(const note_state *s, double **lift);
/* An expression at the start, all over space, or with dim >= 0 at coordinate `at` of that dimension. */
pdm_status note_probe(const note_state *s, const pdm_function *f, const pdm_where *where, pdm_size dim, double at,
                      pdm_probe *out);
/* Are there tables for f? Not for derivatives of inputs on cells, and of more than the degree. */
bool note_has_tables(const note_state *s, const pdm_function *f);
/* Does f read what is known at the start: no time derivatives, and fields with an initial state only? */
bool note_is_known(const note_state *s, const pdm_function *f);
/* The largest of the terms that f is a sum of, to first order, with the atoms' largest values in `over`. */
double note_size(const note_state *s, const pdm_function *f, const pdm_probe *at, const pdm_probe *over);
/* At point i the partial of f by the field's derivative of order `across` along dim and `in_time` in time, all others
 * being 0; 0 where f does not read it. */
double note_coefficient(const pdm_function *f, pdm_size field, pdm_size dim, int32_t across, int32_t in_time,
                        const pdm_probe *q, pdm_size i);

/* contradictions.c: of the state at the start with conditions, equations, constraints */
pdm_status contradictions_find(const note_state *s, pdm_notes *notes);
/* The largest misfit of a flux or general condition at the start, relative; and the condition. */
pdm_status wall_misfit(const note_state *s, pdm_size condition, double *misfit, double *relative);
/* seams.c */
pdm_status seams_find(const note_state *s, pdm_notes *notes);
/* divisions.c: by what goes through zero in initial and boundary data */
pdm_status divisions_find(const note_state *s, pdm_notes *notes);
/* unseen.c: data that the grid does not see */
pdm_status unseen_find(const note_state *s, pdm_unseen_scope scope, pdm_notes *notes);
/* openings.c: sides left open, conditions on outflow sides */
pdm_status openings_find(const note_state *s, pdm_notes *notes);

/* output_shape.c: after coordinates; n values of field f a sample, of the slab that was evaluated, from v to u */
pdm_status output_shape_create(pdm_output_grid *g);
void       output_shape_destroy(pdm_context *ctx, pdm_output_shape *shape);
pdm_status output_shape_apply(const pdm_output_grid *g, pdm_batch batch, pdm_size n, pdm_size f);

#endif
