/* A code that steps in time asks a model for the next slab of time, looks at the verdict on the answer, and takes its own
 * solver where that is doubtful. The equation is Burgers' on a ring, dt(u) + dx(u^2/2 - nu*dx(u)) = 0; the own solver is
 * finite differences of second order in space and in time. The model is found here, from solutions of a slab that start
 * from random states; the run starts from a wave that is several times larger, steepens into a front, and fades:
 *     example_time_stepping          prints who answered each slab, and the distance to a run of the own solver alone
 * An answer is not doubtful while up to a tenth of the equation's largest term is left over: one of the first slabs
 * passes with 8 %, and an error of 4 %. A host that wants less looks at `left` as well. */
#include <math.h>
#include <pdemoe/pdemoe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 64, SLABS = 30, STEPS = 80 }; /* points of the ring; slabs of the run; steps of the own solver in a slab */

static const double NU = 0.02, SLAB = 0.1; /* the length of a slab in time */

/* ---- the own solver ---- */

/* du = -dx(u^2/2 - nu*dx(u)) at the points of the ring, [N]. */
static void slope(const double *u, double *du)
{
    const double h = 1.0 / N;

    for (int i = 0; i < N; i++) {
        const double low = u[(i + N - 1) % N], high = u[(i + 1) % N];
        du[i] = -(high * high - low * low) / (4.0 * h) + NU * (high - 2.0 * u[i] + low) / (h * h);
    }
}

/* u [N] after one slab, by Heun's method. */
static void own_slab(double *u)
{
    const double dt = SLAB / STEPS;
    double       first[N], second[N], trial[N];

    for (int step = 0; step < STEPS; step++) {
        slope(u, first);
        for (int i = 0; i < N; i++) trial[i] = u[i] + dt * first[i];
        slope(trial, second);
        for (int i = 0; i < N; i++) u[i] += 0.5 * dt * (first[i] + second[i]);
    }
}

/* ---- the model ---- */

/* One slab as a case: the state is an input, and every slab is like the first. */
static const char *const words[][3] = {
    {"pde", "fields", "u"},
    {"pde.parameters", "nu", "0.02"},
    {"pde.residuals", "u", "dt(u) + dx(u^2/2 - nu*dx(u))"},
    {"pde.initial", "u", "u0"},
    {"inputs.u0", "dimensions", "x"},
    {"inputs.u0", "distribution", "gaussian_field(length=0.15, amplitude=0.4, smoothness=inf)"},
    {"domain", "dimensions", "t x"},
    {"domain.t", "extent", "0 0.1"},
    {"domain.t", "control_points", "8"},
    {"domain.x", "extent", "0 1"},
    {"domain.x", "control_points", "64"},
    {"domain.x", "kind", "periodic"},
    {"domain.x", "grading", "none"}, /* the points of the ring */
    {"experts", "prior", "pod"},     /* columns from solutions: nothing else is trained */
    {"experts", "basis", "64"},
    {"training", "solutions", "128"},
};

static pdm_status find_model(pdm_context *ctx, pdm_model **out)
{
    pdm_case  *c      = NULL;
    pdm_model *m      = NULL;
    pdm_status status = pdm_case_create(ctx, &c);

    for (size_t i = 0; status == PDM_OK && i < sizeof words / sizeof *words; i++)
        status = pdm_case_set_text(c, words[i][0], words[i][1], words[i][2]);
    if (status == PDM_OK) status = pdm_model_create(c, &m);
    if (status == PDM_OK) status = pdm_model_train(m, "time_stepping.nc", NULL, NULL);
    remove("time_stepping.nc"), remove("time_stepping.log.jsonl"); /* a program that wants the model again keeps it */
    if (status == PDM_OK) {
        *out = m;
        m    = NULL;
    }
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
    return status;
}

/* What of the model the host needs: the order in which it wants the points, at [N], its answer at the end of a slab. */
static pdm_status set_up(pdm_model *m, int *at)
{
    double        x[N];
    pdm_dimension wanted; /* by the one input, u0, along x: N points */
    pdm_status    status = pdm_model_input_dimension(m, 0, 0, &wanted);

    for (int i = 0; i < N; i++) x[i] = i / (double)N;
    for (int i = 0; i < N && status == PDM_OK; i++) at[i] = (int)lround(wanted.coordinate[i] * N + N) % N;
    if (status == PDM_OK) status = pdm_model_set_output(m, "x", N, x);
    if (status == PDM_OK) status = pdm_model_set_output(m, "t", 1, &SLAB);
    if (status == PDM_OK) status = pdm_model_set_verdict(m, 1);
    return status;
}

/* The state u [N] after one slab into next [N]; *doubtful: it is not to be used. */
static pdm_status ask(pdm_model *m, const int *at, const double *u, double *next, double *left, bool *doubtful)
{
    double     input[N];
    int32_t    reason = 0, word = PDM_VERDICT_WRONG;
    pdm_status status;

    for (int i = 0; i < N; i++) input[i] = u[at[i]];
    status = pdm_model_predict(m, 1, input, next, &reason);
    if (status == PDM_OK) status = pdm_model_verdicts(m, 1, &word, left, NULL);
    *doubtful = word == PDM_VERDICT_DOUBTFUL || word == PDM_VERDICT_WRONG || reason < 1 || reason > 2;
    return status;
}

/* ---- the run ---- */

static double distance(const double *a, const double *b)
{
    double above = 0.0, below = 0.0;

    for (int i = 0; i < N; i++) {
        above += (a[i] - b[i]) * (a[i] - b[i]);
        below += b[i] * b[i];
    }
    return sqrt(above / below);
}

static pdm_status run(pdm_model *m)
{
    double     u[N], own[N], next[N], left = 0.0;
    int        at[N], by_model = 0, by_own = 0;
    pdm_status status = set_up(m, at);

    for (int i = 0; i < N; i++) own[i] = u[i] = 2.0 * sin(2.0 * acos(-1.0) * i / N);
    for (int slab = 0; slab < SLABS && status == PDM_OK; slab++) {
        bool doubtful = true;
        status        = ask(m, at, u, next, &left, &doubtful);
        own_slab(own);
        if (doubtful)
            own_slab(u);
        else
            memcpy(u, next, sizeof u);
        by_own += doubtful;
        by_model += !doubtful;
        printf("slab %2d: %6.2f %% left over, %s; %.3f %% from the own solver\n", slab + 1, 100.0 * left,
               doubtful ? "own solver" : "model", 100.0 * distance(u, own));
    }
    printf("slabs by the model: %d, by the own solver: %d, error at the end: %.3f %%\n", by_model, by_own,
           100.0 * distance(u, own));
    return status;
}

int main(void)
{
    pdm_context *ctx = NULL;
    pdm_model   *m   = NULL;

    if (pdm_context_create(NULL, &ctx) != PDM_OK) return 2;
    pdm_status status = find_model(ctx, &m);
    if (status == PDM_OK) status = run(m);
    if (status != PDM_OK) fprintf(stderr, "%s\n", pdm_context_error(ctx));
    pdm_model_destroy(&m);
    const pdm_size left = pdm_context_destroy(&ctx);
    if (left) fprintf(stderr, "%lld bytes were not given back\n", (long long)left);
    return status != PDM_OK || left != 0;
}
