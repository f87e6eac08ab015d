/* Integration in time by SUNDIALS' IDA: backward differentiation of variable order and step, a sparse direct solver
 * (KLU) in its Newton iterations. SUNDIALS takes its memory from malloc. */
#include "lines/lines.h"

#include <ida/ida.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdio.h>
#include <string.h>
#include <sunlinsol/sunlinsol_klu.h>
#include <sunmatrix/sunmatrix_sparse.h>

#include "lines/lines_impl.h"

static const long   LOOK_AFTER   = 500;     /* steps, at whether they lead anywhere              */
static const long   MOST_STEPS   = 1000000; /* in all                                            */
static const double MOST_FAILING = 0.25;    /* Newton iterations that fail, of those that do not */

typedef struct integration {
    pdm_lines      *l;
    SUNContext      sun;
    void           *ida;
    N_Vector        y, rate, size, id;
    SUNMatrix       A;
    SUNLinearSolver solver;
    double         *value; /* Jacobian of the system */
    pdm_lines_stage stage;
    lines_output    output;
    char            said[200]; /* IDA's last message */
} integration;

bool pdm_lines_is_built(void)
{
    return true;
}

/* ---- what IDA calls: 0 fine, 1 it may try a smaller step ---- */

static int residual(realtype t, N_Vector y, N_Vector rate, N_Vector r, void *user)
{
    integration *x = user;
    return !pdm_lines_residual(x->l, t, N_VGetArrayPointer(y), N_VGetArrayPointer(rate), N_VGetArrayPointer(r));
}

static int jacobian(realtype t, realtype alpha, N_Vector y, N_Vector rate, N_Vector r, SUNMatrix A, void *user,
                    N_Vector w1, N_Vector w2, N_Vector w3)
{
    integration    *x = user;
    const pdm_size *row0;
    const int32_t  *column;
    sunindextype   *pointer = SUNSparseMatrix_IndexPointers(A), *index = SUNSparseMatrix_IndexValues(A);
    (void)r;
    (void)w1;
    (void)w2;
    (void)w3;
    if (!pdm_lines_jacobian(x->l, x->stage, t, alpha, N_VGetArrayPointer(y), N_VGetArrayPointer(rate), x->value))
        return 1;
    pdm_lines_pattern(x->l, &row0, &column);
    for (pdm_size i = 0; i <= x->l->n_unknown; i++) pointer[i] = (sunindextype)row0[i];
    for (pdm_size k = 0; k < row0[x->l->n_unknown]; k++) index[k] = column[k];
    memcpy(SUNSparseMatrix_Data(A), x->value, (size_t)row0[x->l->n_unknown] * sizeof *x->value);
    return 0;
}

static void keep_message(int code, const char *module, const char *function, char *text, void *user)
{
    integration *x = user;
    (void)module;
    (void)function;
    if (code < 0) snprintf(x->said, sizeof x->said, "%s", text);
}

/* ---- life ---- */

static void integration_destroy(integration *x)
{
    if (x->ida) IDAFree(&x->ida);
    if (x->solver) SUNLinSolFree(x->solver);
    if (x->A) SUNMatDestroy(x->A);
    N_Vector *const vector[] = {&x->y, &x->rate, &x->size, &x->id};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        if (*vector[i]) N_VDestroy(*vector[i]);
    if (x->sun) SUNContext_Free(&x->sun);
    pdm_free(x->l->ctx, x->value);
    lines_output_destroy(x->l, &x->output);
}

static pdm_status take_memory(integration *x)
{
    pdm_status      status = PDM_OK;
    const pdm_size *row0;
    const int32_t  *column;
    pdm_context    *ctx = x->l->ctx;
    const pdm_size  n   = x->l->n_unknown;

    pdm_lines_pattern(x->l, &row0, &column);
    PDM_TRY(pdm_alloc_array(ctx, row0[n], &x->value));
    if (SUNContext_Create(NULL, &x->sun)) PDM_FAIL(ctx, PDM_ERR_MEMORY, "SUNDIALS does not start");
    N_Vector *const vector[] = {&x->y, &x->rate, &x->size, &x->id};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        if (!(*vector[i] = N_VNew_Serial((sunindextype)n, x->sun)))
            PDM_FAIL(ctx, PDM_ERR_MEMORY, "no memory for %lld unknowns", (long long)n);
    x->A = SUNSparseMatrix((sunindextype)n, (sunindextype)n, (sunindextype)row0[n], CSR_MAT, x->sun);
    if (x->A) x->solver = SUNLinSol_KLU(x->y, x->A, x->sun);
    if (x->solver) x->ida = IDACreate(x->sun);
    if (!x->ida) PDM_FAIL(ctx, PDM_ERR_MEMORY, "no memory for %lld unknowns", (long long)n);
done:
    return status;
}

/* Largest absolute value of a variable at the start, at least `least`. */
static double size_of(const pdm_lines *l, const double *y, pdm_size variable, double least)
{
    for (pdm_size p = 0; p < l->n_node; p++) least = fmax(least, fabs(y[p * l->n_variable + variable]));
    return least;
}

/* Absolute tolerances; rates of change are of the size of their field over the time that there is. */
static void set_sizes(integration *x, double tolerance, const double *magnitude, double length)
{
    const pdm_lines *l    = x->l;
    const double    *y    = N_VGetArrayPointer(x->y);
    double          *size = N_VGetArrayPointer(x->size);

    for (pdm_size f = 0; f < l->n_field; f++) {
        const double own = size_of(l, y, f, magnitude ? magnitude[f] : 0.0), value = own > 0.0 ? own : 1.0;
        for (pdm_size p = 0; p < l->n_node; p++) size[p * l->n_variable + (pdm_size)f] = tolerance * value;
        if (l->rate_of[f] < 0) continue;
        const double rate = size_of(l, y, l->rate_of[f], value / length);
        for (pdm_size p = 0; p < l->n_node; p++) size[p * l->n_variable + l->rate_of[f]] = tolerance * rate;
    }
}

static pdm_status set_up(integration *x, double tolerance, double start)
{
    pdm_status status = PDM_OK;
    pdm_lines *l      = x->l;
    double    *id     = N_VGetArrayPointer(x->id);
    int        flag   = 0;

    for (pdm_size i = 0; i < l->n_unknown; i++) id[i] = l->differential[i];
    flag |= IDASetErrHandlerFn(x->ida, keep_message, x);
    flag |= IDAInit(x->ida, residual, start, x->y, x->rate);
    flag |= IDASVtolerances(x->ida, tolerance, x->size);
    flag |= IDASetUserData(x->ida, x);
    flag |= IDASetId(x->ida, x->id);
    flag |= IDASetMaxNumSteps(x->ida, LOOK_AFTER);
    flag |= IDASetLinearSolver(x->ida, x->solver, x->A);
    flag |= IDASetJacFn(x->ida, jacobian);
    flag |= SUNLinSol_KLUSetOrdering(x->solver, 0); /* minimum degree of A + A^T: the pattern is nearly symmetric */
    flag |= IDASetMaxNumStepsIC(x->ida, 30);
    if (flag) PDM_FAIL(l->ctx, PDM_ERR_MEMORY, "IDA cannot be set up: %s", x->said);
done:
    return status;
}

/* The initial data themselves, at the output's own coordinates; fields that have none as they follow from the others. */
static pdm_status put_start(integration *x, const pdm_size *n, const double *const *coordinate, pdm_size n_point,
                            double *u)
{
    pdm_status    status = PDM_OK;
    pdm_lines    *l      = x->l;
    pdm_size      sizes[PDM_MAX_DIM];
    const double *at[PDM_MAX_DIM];

    for (pdm_size f = 0; f < l->n_field; f++)
        lines_output_put(l, &x->output, N_VGetArrayPointer(x->y), f, u + f * n_point);
    for (pdm_size j = 0; j <= l->n_space; j++) {
        sizes[j] = j == 0 ? 1 : n[j];
        at[j]    = coordinate[j];
    }
    at[0] = &pdm_domain_spline(l->domain, 0)->map.low;
    for (pdm_size i = 0; i < pdm_pde_n_initial(l->pde); i++) {
        const pdm_initial *k = pdm_pde_initial(l->pde, i);
        if (k->order == 0)
            PDM_TRY(
                pdm_domain_evaluate(l->domain, k->function, &k->where, l->input, sizes, at, u + k->field * n_point));
    }
done:
    return status;
}

static pdm_status stopped(integration *x, const char *where, double t)
{
    return pdm_error_set(x->l->ctx, PDM_ERR_NUMERIC, NULL, __func__, "method of lines: %s%.6g: %s", where, t,
                         *x->said ? x->said : "IDA gives no reason");
}

/* Steps up to t. Where rounding of high derivatives on fine nodes is above the tolerance Newton's iterations fail again
 * and again, and the steps get small without end. */
static pdm_status step_to(integration *x, double t)
{
    pdm_status status  = PDM_OK;
    realtype   reached = 0.0;
    int        flag;

    do {
        long steps = 0, failed = 0;
        flag = IDASolve(x->ida, t, &reached, x->y, x->rate, IDA_NORMAL);
        (void)IDAGetNumSteps(x->ida, &steps);
        (void)IDAGetNumNonlinSolvConvFails(x->ida, &failed);
        if (flag != IDA_TOO_MUCH_WORK) break;
        if ((double)failed > MOST_FAILING * (double)steps)
            snprintf(x->said, sizeof x->said,
                     "Newton's iterations failed %ld times in %ld steps, as where rounding is above the tolerance",
                     failed, steps);
        else if (steps < MOST_STEPS)
            flag = 0;
    } while (flag == 0);
    if (flag < 0) PDM_TRY(stopped(x, "integration stopped at t = ", reached));
done:
    return status;
}

static pdm_status run(integration *x, const pdm_size *n, const double *const *coordinate, double *u)
{
    pdm_status   status  = PDM_OK;
    pdm_size     n_point = 1, first = 0;
    const double start = pdm_domain_spline(x->l->domain, 0)->map.low, *time = coordinate[0];

    for (pdm_size j = 0; j <= x->l->n_space; j++) n_point *= n[j];
    while (first < n[0] && time[first] <= start) first++;
    if (first == n[0]) return put_start(x, n, coordinate, n_point, u);
    x->stage = PDM_LINES_START;
    if (IDACalcIC(x->ida, IDA_YA_YDP_INIT, time[first]) < 0) PDM_TRY(stopped(x, "no consistent start at t = ", start));
    x->stage = PDM_LINES_STEP;
    if (IDAGetConsistentIC(x->ida, x->y, x->rate) < 0) PDM_TRY(stopped(x, "no consistent start at t = ", start));
    for (pdm_size i = 0; i < first; i++) PDM_TRY(put_start(x, n, coordinate, n_point, u + i * (n_point / n[0])));
    if (IDASetStopTime(x->ida, time[n[0] - 1]) < 0) PDM_TRY(stopped(x, "integration to t = ", time[n[0] - 1]));
    for (pdm_size i = first; i < n[0]; i++) {
        PDM_TRY(step_to(x, time[i]));
        for (pdm_size f = 0; f < x->l->n_field; f++)
            lines_output_put(x->l, &x->output, N_VGetArrayPointer(x->y), f, u + f * n_point + i * (n_point / n[0]));
    }
done:
    return status;
}

pdm_status pdm_lines_integrate(pdm_lines *l, double tolerance, const double *magnitude, const pdm_size *n,
                               const double *const *coordinate, double *u, pdm_lines_work *work)
{
    pdm_status   status = PDM_OK;
    integration  x      = {.l = l};
    const double start = pdm_domain_spline(l->domain, 0)->map.low, length = coordinate[0][n[0] - 1] - start;
    long         steps = 0, factorisations = 0;

    PDM_TRY(take_memory(&x));
    PDM_TRY(lines_output_create(l, n, coordinate, &x.output));
    pdm_lines_start(l, N_VGetArrayPointer(x.y), N_VGetArrayPointer(x.rate));
    set_sizes(&x, tolerance, magnitude, length > 0.0 ? length : 1.0);
    PDM_TRY(set_up(&x, tolerance, start));
    PDM_TRY(run(&x, n, coordinate, u));
    (void)IDAGetNumSteps(x.ida, &steps);
    (void)IDAGetNumLinSolvSetups(x.ida, &factorisations);
    if (work) *work = (pdm_lines_work){.steps = steps, .factorisations = factorisations};
done:
    integration_destroy(&x);
    return status;
}
