/* What an answer is worth, found out by grids that the solve does not know of: what it leaves over of the equations on
 * cells other and finer than its own, and how far it is from a solve on spans half as long, which is started from it.
 * docs/mathematics.md, "Verdicts".
 * An answer is good up to the error /solver:accuracy. */
#ifndef PDM_VERDICT_H
#define PDM_VERDICT_H

#include "problem/problem.h"

/* Why an answer is not good: the first of these that holds. */
typedef enum pdm_verdict_cause {
    PDM_CAUSE_NONE,
    PDM_CAUSE_NO_ANSWER, /* the solve has none                                             */
    PDM_CAUSE_LEFT_OVER, /* the equation is not obeyed between the points of the solve     */
    PDM_CAUSE_ERROR,     /* the estimate of the error is above the accuracy wanted         */
    PDM_CAUSE_NOT_FOUND, /* the solve, or the one on the finer grid, did not converge      */
    PDM_CAUSE_NO_ORDER,  /* differences do not fall on finer grids                         */
    PDM_CAUSE_UNSEEN,    /* data lie between the points of the grid                         */
    PDM_CAUSE_MANY,      /* no equation and no condition holds the fields in some direction  */
    PDM_CAUSES
} pdm_verdict_cause;

/* What an equation d(q, t) + d(F, x) + ... + S = 0 comes to over all of space and time. */
typedef struct pdm_account {
    bool   told;      /* all derivatives of the equation stand so, and there is a flux in space; else nothing below */
    double gained;    /* the integral of q at the end less that at the start                    */
    double let_in;    /* through the walls, the integral of -F outwards                           */
    double made;      /* by sources, the integral of -S                                           */
    double imbalance; /* gained - let_in - made, of the size of what is there; below 0: lost      */
} pdm_account;

/* Of one sample. */
enum { PDM_UNSEEN_TEXT = 256 };
typedef struct pdm_assessment {
    int32_t  word, cause;
    int32_t  reason;    /* of the solve                                    */
    bool     blind;     /* there was no finer grid: nothing is known       */
    bool     estimated; /* on a finer grid, by a solve that went well:     */
    bool     finer_good;
    bool     one_of_many;             /* a change of the fields goes unnoticed; equation, place: most of it    */
    double   estimate[PDM_MAX_FIELD]; /* relative L2 error on the output points; NaN: none                     */
    double   worst;                   /* of these                                                              */
    double   order;                   /* observed from three grids; NaN: not known                             */
    double   left;                    /* largest over equations of sum |residual| / sum |largest term| by cells */
    double   left_finer;              /* the same of the answer on the finer grid; NaN: none                   */
    pdm_size equation;                /* that has it                                                           */
    double   place[PDM_MAX_DIM];      /* where most of it is, physical                                         */
    char     unseen[PDM_UNSEEN_TEXT]; /* data that the grid does not see, in words; "": none                    */

    pdm_account account[PDM_MAX_FIELD]; /* equation by equation */
} pdm_assessment;

/* How much is found out. LEFT_OVER: residuals alone; ESTIMATE: and a solve on a coarser grid, where that is not enough
 * on a finer one; CLOSELY: on that in any case. */
typedef enum pdm_judge_depth { PDM_JUDGE_LEFT_OVER, PDM_JUDGE_ESTIMATE, PDM_JUDGE_CLOSELY } pdm_judge_depth;

/* Of answers to a problem on an output grid, in batches of up to n_most; march NULL, or what they are found by. All are
 * lent for its life. Where the finer grid is too large to be solved on the estimate is left out, and where there is none
 * at all the verdict is. */
typedef struct pdm_judge pdm_judge;
pdm_status pdm_judge_create(const pdm_problem *p, const pdm_march *march, const pdm_output_grid *grid, pdm_size n_most,
                            pdm_judge_depth depth, pdm_judge **out);
void       pdm_judge_destroy(pdm_judge **j);
/* A batch: inputs [n][n_input] of the problem. Then every slab k = 0, 1, ... with the coefficients that answer it, in a
 * buffer of the back end of the problem, or of the march's slab. Then verdicts [n] on the fields u
 * [n][n_field][n_point] with these results of the solve; NULL where left-overs are all that is looked at. */
pdm_status      pdm_judge_begin(pdm_judge *j, pdm_size n, const double *input);
pdm_status      pdm_judge_slab(pdm_judge *j, pdm_size k, pdm_buffer *c);
pdm_status      pdm_judge_end(pdm_judge *j, const double *u, const pdm_solve_result *result, pdm_assessment *out);
double          pdm_judge_seconds(const pdm_judge *j); /* spent so far */
pdm_judge_depth pdm_judge_depth_of(const pdm_judge *j);

/* Word and cause, from all else; anew when an estimate has changed. */
void pdm_verdict_decide(pdm_assessment *v, double accuracy);
/* One line on a verdict that is not good: why, and what to do; "equation u: 12 % of its largest term left, ..." */
pdm_status pdm_verdict_explain(const pdm_problem *p, const pdm_assessment *v, double accuracy, pdm_text *out);

/* ---- conservation: docs/mathematics.md, "Conservation" ---- */
bool pdm_account_is_told(const pdm_problem *p, pdm_size equation); /* ever, of an equation */
bool pdm_account_is_off(const pdm_account *a);                     /* by so much that it is to be said */
/* "the domain gained 0.12, walls let in 0.1203, sources made 0: 0.25 % lost" */
pdm_status pdm_account_explain(const pdm_problem *p, pdm_size equation, const pdm_account *a, pdm_text *out);

#endif
