/* pdemoe: neural PDE solvers whose answer obeys the PDE.
 *
 * One header, the same for every build. Handles are opaque. Every call that can fail returns a pdm_status;
 * a call that fails leaves its outputs and its object as they were, and pdm_context_error() has the reason as text.
 * Arguments outside their range (NULL where nothing says it may be, NaN, negative or absurd sizes) are PDM_ERR_ARGUMENT;
 * there is no text where the handle that leads to the context is NULL itself.
 * Strings and arrays passed in are borrowed for the call; strings handed out are lent, until the time stated.
 * One context belongs to one host thread at a time; different contexts are independent.
 */
#ifndef PDEMOE_PDEMOE_H
#define PDEMOE_PDEMOE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PDM_API __attribute__((visibility("default")))
#else
#define PDM_API
#endif

#define PDM_VERSION_MAJOR 0
#define PDM_VERSION_MINOR 1
#define PDM_VERSION_PATCH 0
#define PDM_VERSION_GE(a, b, c) \
    (PDM_VERSION_MAJOR * 1000000 + PDM_VERSION_MINOR * 1000 + PDM_VERSION_PATCH >= (a)*1000000 + (b)*1000 + (c))

typedef int64_t            pdm_size;    /* counts and offsets; signed, for Fortran and for differences */
typedef struct pdm_context pdm_context; /* log, error text, allocator, threads; one per host thread    */
typedef struct pdm_case    pdm_case;    /* what to solve: attributes and arrays, from a file or by set */
typedef struct pdm_model   pdm_model;   /* case, grids, weights, back end: ready to train and to run   */

/* Name, value (never renumbered), meaning. */
#define PDM_STATUS_LIST(X)                                                                   \
    X(PDM_OK, 0, "success")                                                                  \
    X(PDM_ERR_ARGUMENT, 1, "an argument of a call is outside its range")                     \
    X(PDM_ERR_MEMORY, 2, "memory could not be had")                                          \
    X(PDM_ERR_IO, 3, "a file could not be read or written")                                  \
    X(PDM_ERR_CASE, 4, "the case file says something that is not possible")                  \
    X(PDM_ERR_DATA, 5, "input data are missing, not finite, or of the wrong shape or units") \
    X(PDM_ERR_MODEL, 6, "a model file is damaged, or of another case or version")            \
    X(PDM_ERR_NUMERIC, 7, "a computation gave NaN or infinity")                              \
    X(PDM_ERR_UNSUPPORTED, 8, "this build or this machine cannot do it")                     \
    X(PDM_ERR_INTERRUPTED, 9, "stopped on request; what was done is saved")                  \
    X(PDM_ERR_INTERNAL, 10, "a mistake in pdemoe itself")

typedef enum pdm_status {
#define PDM_STATUS_ENUM(name, value, text) name = value,
    PDM_STATUS_LIST(PDM_STATUS_ENUM)
#undef PDM_STATUS_ENUM
} pdm_status;

/* What an answer is worth: word, value (in files too; never renumbered), as text. good: the error, as it is estimated, is
 * at most what /solver:accuracy says; none: nothing is against it, and its error is not known. Since 0.1 */
#define PDM_VERDICT_LIST(X)                \
    X(PDM_VERDICT_NONE, 0, "none")         \
    X(PDM_VERDICT_GOOD, 1, "good")         \
    X(PDM_VERDICT_DOUBTFUL, 2, "doubtful") \
    X(PDM_VERDICT_WRONG, 3, "wrong")

typedef enum pdm_verdict_word {
#define PDM_VERDICT_ENUM(name, value, text) name = value,
    PDM_VERDICT_LIST(PDM_VERDICT_ENUM)
#undef PDM_VERDICT_ENUM
} pdm_verdict_word;

/* Why the solve for a sample stopped: word, value (in files too; never renumbered), as text. Of 5 and 6 there is no
 * answer, and 0 is none. Since 0.1 */
#define PDM_REASON_LIST(X)                                                 \
    X(PDM_REASON_NONE, 0, "not solved")                                    \
    X(PDM_REASON_CONVERGED, 1, "converged")                                \
    X(PDM_REASON_ROUNDING, 2, "converged to rounding")                     \
    X(PDM_REASON_MAX_ITER, 3, "too many iterations")                       \
    X(PDM_REASON_STALLED, 4, "no step decreases the objective")            \
    X(PDM_REASON_NOT_FINITE, 5, "the residual is not finite at the start") \
    X(PDM_REASON_SINGULAR, 6, "the normal matrix cannot be factored")

typedef enum pdm_reason {
#define PDM_REASON_ENUM(name, value, text) name = value,
    PDM_REASON_LIST(PDM_REASON_ENUM)
#undef PDM_REASON_ENUM
} pdm_reason;

/* Meaning of a status as a constant string; never NULL. */
PDM_API const char *pdm_status_text(pdm_status status);
/* "doubtful"; a constant string, never NULL. Since 0.1 */
PDM_API const char *pdm_verdict_text(int32_t word);
/* "converged"; a constant string, never NULL. Since 0.1 */
PDM_API const char *pdm_reason_text(int32_t reason);
/* "0.1.0" */
PDM_API const char *pdm_version(void);
/* Several lines: compiler, commit, every part found. Constant string. */
PDM_API const char *pdm_build_info(void);

/* ---- context ---- */

/* Source of all of the library's memory. release() gets the pointer alloc() gave, and the same size. */
typedef struct pdm_allocator {
    void *(*alloc)(void *user, size_t bytes);
    void (*release)(void *user, void *p, size_t bytes);
    void *user;
} pdm_allocator;

typedef enum pdm_log_level {
    PDM_LOG_ERROR   = 0,
    PDM_LOG_WARNING = 1,
    PDM_LOG_INFO    = 2,
    PDM_LOG_DEBUG   = 3
} pdm_log_level;
/* topic: the folder that speaks ("solver"); text: one line without line feed; both lent for the call. */
typedef void (*pdm_log_function)(void *user, pdm_log_level level, const char *topic, const char *text);

/* allocator NULL: malloc and free. Fails with PDM_ERR_MEMORY. Destroy with pdm_context_destroy(), after everything
 * made with it. The context is silent until a log function is set. */
PDM_API pdm_status pdm_context_create(const pdm_allocator *allocator, pdm_context **out);
/* NULL is fine; *ctx becomes NULL. Returns the number of bytes still held by objects not
 * destroyed (0 when all is well). */
PDM_API pdm_size pdm_context_destroy(pdm_context **ctx);
/* Sets where log lines go; level: the most talkative one wanted. function NULL: silence. */
PDM_API void pdm_context_set_log(pdm_context *ctx, pdm_log_function function, void *user, pdm_log_level level);
/* Threads for the CPU back end; 0: as many as OpenMP offers. Results do not depend on it. */
PDM_API pdm_status pdm_context_set_threads(pdm_context *ctx, int n_thread);
/* Back end of the models that are made or read from now on: "cpu"; "cuda", an NVIDIA GPU, the current device of the
 * thread that makes the model; "auto", a GPU where there is one, else the CPU, and the log says why; "check", the CPU
 * with the manners of a device, to find mistakes. NULL, at first: what the case says (/solver:backend), else "cpu". A
 * name that this build or machine lacks fails with PDM_ERR_UNSUPPORTED when a model is made. Since 0.1 */
PDM_API pdm_status pdm_context_set_backend(pdm_context *ctx, const char *name);
/* Most bytes that the context's objects may hold together; 0, at first: what the machine has left when a large piece is
 * asked for (not with an allocator of the host's). Beyond it calls fail with PDM_ERR_MEMORY
 * before memory is touched. Since 0.1 */
PDM_API pdm_status pdm_context_set_memory(pdm_context *ctx, pdm_size bytes);
/* Text of the last failure on this context: one message, perhaps with a caret line; "" when none.
 * Lent until the next failing call on the context. */
PDM_API const char *pdm_context_error(const pdm_context *ctx);
/* Bytes held now, the most held so far, and allocations made so far. Any pointer may be NULL. */
PDM_API void pdm_context_memory(const pdm_context *ctx, pdm_size *live, pdm_size *peak, pdm_size *calls);

/* What takes a number in units `from` to units `to`: y = factor x + offset, by UDUNITS-2; "" and "1" are without
 * dimension. Fails with PDM_ERR_DATA where they do not convert, or one is no unit. Since 0.1 */
PDM_API pdm_status pdm_units_conversion(pdm_context *ctx, const char *from, const char *to, double *factor,
                                        double *offset);

/* ---- ranks ----
 * Several processes, or threads with a context each, can work on one model: each has a context with ranks, and all make
 * the same calls in the same order. Samples are shared out; results are those of one rank. Collective are
 * pdm_model_create, pdm_model_read, pdm_model_write, those two of memory, pdm_model_train, pdm_model_train_step,
 * pdm_model_judge, pdm_model_predict_file, pdm_model_polish_file, pdm_model_evaluate_file and
 * pdm_model_evaluate_exact; rank 0 alone writes files.
 * pdm_model_predict is not: each rank has inputs of its own. Where a collective call fails on one rank it fails on all,
 * on the others with that one's status and text ("rank 2: ..."), or, where a rank is not heard of, when the time is over;
 * after a training, or a call on files, that failed, contexts want other ranks. */

/* What carries bytes between ranks: pdemoe_mpi.h has one of MPI, a host may have its own. All return 0 when all is well,
 * and are called by the thread that calls the library. Messages from one rank to another with one tag arrive in order.
 * Requests are the transport's: *request is NULL before send and receive, and after what frees it. */
typedef struct pdm_transport {
    int   rank, n_rank;
    void *user;
    /* Begins; data stays as it is, and *request is kept, until test says done. */
    int (*send)(void *user, int to, int tag, const void *data, size_t bytes, void **request);
    int (*receive)(void *user, int from, int tag, void *data, size_t bytes, void **request);
    int (*test)(void *user, void **request, int *done); /* frees it when done */
    int (*probe)(void *user, int tag, int *from);       /* *from: of a message that is there; -1: there is none */
    void (*cancel)(void *user, void **request);         /* what is not done, and will not be */
    void (*release)(void *user);                        /* NULL: nothing to be done when the context goes */
} pdm_transport;
/* Ranks for a context, before it has models; t is copied, NULL: one rank again. seconds: how long a rank waits for others
 * in a call, 0: 600. Threads become the share that ranks have of the cores of their machine. Collective. Since 0.1 */
PDM_API pdm_status pdm_context_set_ranks(pdm_context *ctx, const pdm_transport *t, double seconds);
/* 0 and 1 without ranks, and for NULL. Since 0.1 */
PDM_API int pdm_context_rank(const pdm_context *ctx);
PDM_API int pdm_context_n_rank(const pdm_context *ctx);

/* ---- files ----
 * What the library writes is made beside its target, under a name that no other process has, and renamed when it is
 * complete: a reader sees the old file or the new one, never a part. A target that is a link stays one: the file that
 * it leads to is replaced. A file that has other names (hard links) keeps what it has under those. Parts that
 * processes on this machine left when they were killed are removed when the same target is written again. */

/* Claims `path`, which a training is to write, until pdm_claim_destroy(): a file path + ".lock" says who holds it and
 * since when, and a claim by another context or process fails with PDM_ERR_IO and these words. One of a process that
 * is dead is taken over; with force not 0 any is. pdm_model_train claims its path for the call, unless its context
 * has: *out is NULL where it has already. Destroy before the context. Since 0.1 */
typedef struct pdm_claim pdm_claim;
PDM_API pdm_status       pdm_claim_create(pdm_context *ctx, const char *path, int force, pdm_claim **out);
PDM_API void             pdm_claim_destroy(pdm_claim **c); /* NULL is fine; *c becomes NULL */
/* Removes the files, and the claims, that calls of any context have begun and not completed. For the handler of a
 * signal that ends the process, which may call it at any time (it is async-signal-safe); the library itself installs
 * no handlers. Since 0.1 */
PDM_API void pdm_remove_unfinished(void);

/* ---- case ---- */

/* Reads a case from NetCDF, or from CDL when the name ends in ".cdl" (needs the program ncgen). *out is written only on
 * success; destroy it with pdm_case_destroy() before its context.
 * Fails with PDM_ERR_IO, PDM_ERR_CASE (text names group and attribute), PDM_ERR_MODEL (a model file), PDM_ERR_MEMORY. */
PDM_API pdm_status pdm_case_read(pdm_context *ctx, const char *path, pdm_case **out);
/* An empty case, to be filled by pdm_case_set_text(). */
PDM_API pdm_status pdm_case_create(pdm_context *ctx, pdm_case **out);
/* Sets one attribute, new or not. group: "solver", "domain.x", "" for the root. value: text; numbers as text too. */
PDM_API pdm_status pdm_case_set_text(pdm_case *c, const char *group, const char *name, const char *value);
/* The same of n numbers, n >= 1, which keep all their digits. PDM_ERR_ARGUMENT when one is not finite. Since 0.1 */
PDM_API pdm_status pdm_case_set_numbers(pdm_case *c, const char *group, const char *name, pdm_size n,
                                        const double *values);
/* Sets one variable, new or not: values [shape[0]] ... [shape[n_dim-1]], last index fastest, copied; dims: names of its
 * dimensions, each of one length in a group. Attributes of a variable that was there stay. Fails with PDM_ERR_CASE when
 * names, lengths or the number of all values of the case (2^20 at most) are not possible. Since 0.1 */
PDM_API pdm_status pdm_case_set_array(pdm_case *c, const char *group, const char *name, pdm_size n_dim,
                                      const char *const *dims, const pdm_size *shape, const double *values);
/* One attribute as text; numbers have a space between them. *value: lent until the case changes. Fails with
 * PDM_ERR_CASE where there is none. Since 0.1 */
PDM_API pdm_status pdm_case_get_text(pdm_case *c, const char *group, const char *name, const char **value);
PDM_API void       pdm_case_destroy(pdm_case **c); /* NULL is fine; *c becomes NULL */

/* Receives text, one or several lines; lent for the call. */
typedef void (*pdm_sink)(void *user, const char *text);
/* Checks the whole case and says what will be solved: fluxes and source as parsed, unknowns, rows, conditions on each
 * side, the time that training will take, from two steps made on the spot, the memory of the back end that it takes, and
 * the largest batch that fits in what is free or in pdm_context_set_memory(), from models of few samples. */
PDM_API pdm_status pdm_case_describe(pdm_case *c, pdm_sink sink, void *user);
/* Receives a number by name; the name is lent for the call. */
typedef void (*pdm_number)(void *user, const char *name, double value);
/* The equations of the case on somebody's fields: finds wrong signs, missing factors, mistaken units. data: NetCDF with
 * the fields and inputs of samples, on coordinates. Every term, taken apart at its + and -, is integrated over boxes of
 * a spline through the data; for each the table has its root mean square, and the factor that makes the residual least,
 * alone and jointly with the others, with standard errors; then how well the data meet initial and boundary conditions.
 * Text goes to sink, then numbers to `numbers` (either may be NULL), user to both: notes (how many things were found),
 * equation.F.residual (rms, relative to the largest term), equation.F.terms, equation.F.best (the term that one factor
 * explains the misfit by, -1: none), equation.F.K.rms, .factor, .error, .left (residual with it), .joint, .joint_error
 * for term K = 0, 1, ... in the order of the table; condition.K.misfit, relative to the size of what it is made of.
 * The case is not changed. Fails with PDM_ERR_CASE, PDM_ERR_DATA, PDM_ERR_IO, PDM_ERR_NUMERIC. Since 0.1 */
PDM_API pdm_status pdm_case_check_data(pdm_case *c, const char *data, pdm_sink sink, pdm_number numbers, void *user);
typedef struct pdm_reference_settings {
    size_t      size;         /* of this struct, as pdm_reference_settings_init() was told */
    const char *input;        /* NULL: inputs are drawn                                    */
    pdm_size    n_sample;     /* of those; 0: as many as make sense                        */
    const char *method;       /* NULL: "auto"                                              */
    double      tolerance;    /* 1e-4                                                      */
    pdm_size    max_unknowns; /* 0: see below                                              */
    double      max_seconds;  /* 0: no limit                                               */
} pdm_reference_settings;
/* Defaults; size: sizeof(pdm_reference_settings). Since 0.1 */
PDM_API void pdm_reference_settings_init(pdm_reference_settings *s, size_t size);
/* A converged solution, by rounds on finer and finer grids until the estimate of the relative L2 error of every sample
 * is at most `tolerance`: the change from the round before, extrapolated by the order that is observed, so three rounds
 * at least. method:
 *   "polish"  all coefficients free on finer and finer control grids (knot spans of every dimension times 1.5 a round;
 *             knots given as numbers get midpoints, a grading "auto" is found anew);
 *   "lines"   finite differences in space, SUNDIALS' IDA in time (nodes times 2 a round in one dimension of space, 1.5
 *             in two; a quarter of the tolerance in time): shares the text of the equations with the other, and nothing
 *             else. Needs a build with SUNDIALS, and a time-dependent case without inputs in cells or that vary in time;
 *   "auto", or NULL: lines where it is built and gets through its first round, else polish, saying why.
 * settings NULL: the defaults. input: inputs and output coordinates as for pdm_model_predict_file, or NULL: n_sample
 * inputs drawn as by pdm_model_polish_file. Stops short where the next grid has more than max_unknowns unknowns (0:
 * 20000 coefficients, or 6000 where the matrix is dense, with domain:levels; 40000 values at nodes), would likely end
 * after max_seconds (0: no limit), does not find memory, or the integration in time does not get through; that is
 * PDM_OK, and the number `converged` 0. output is written after every round; beside fields and inputs it has
 * error_estimate and observed_order of every sample, and the method and its grid as attributes. The table of rounds
 * goes to sink, then to `numbers` (either may be NULL), user to both: converged, rounds, samples, unknowns,
 * error_estimate (worst), seconds, error_estimate.K of sample K. Fails with PDM_ERR_ARGUMENT, when the first grid has
 * too many unknowns and when the method is not for this case or build, PDM_ERR_CASE, PDM_ERR_DATA, PDM_ERR_IO,
 * PDM_ERR_MEMORY, PDM_ERR_NUMERIC (lines does not get through the first round). Since 0.1 */
PDM_API pdm_status pdm_case_reference(pdm_case *c, const char *output, const pdm_reference_settings *settings,
                                      pdm_sink sink, pdm_number numbers, void *user);

/* ---- parameters from data ---- */
typedef struct pdm_fit_settings {
    size_t      size;         /* of this struct, as pdm_fit_settings_init() was told                                 */
    const char *parameters;   /* "D, k": inputs of the case, or numbers of /pde/parameters. Needed                   */
    const char *start;        /* "D = 1e-3": where the search begins; NULL: see below                                */
    const char *bounds;       /* "D = 1e-4 : 1e-2, k = 0 :"; NULL: see below                                         */
    const char *priors;       /* "D = 5e-4 +- 1e-4, k = none": mean and standard deviation before there were data    */
    const char *noise;        /* standard errors: "0.01" of all data, "u = 0.01, c = 2" of variables; NULL: see below */
    double      tolerance;    /* of the search, in standard errors of the answer: 1e-4                               */
    pdm_size    max_iter;     /* steps of the search, 50                                                             */
    pdm_size    max_unknowns; /* of finer grids, 20000 (6000 with levels at most); 0: none but the case's own        */
    int         apart;        /* not 0: every sample of the data has parameters of its own; 0: all have the same     */
} pdm_fit_settings;
/* Defaults; size: sizeof(pdm_fit_settings). Since 0.1 */
PDM_API void pdm_fit_settings_init(pdm_fit_settings *s, size_t size);
/* Parameters, inputs and initial fields of the case from data: those with which its solutions are nearest to
 * observations, in the sum of squares over their standard errors, and how sure they are (docs/fit.md).
 * data: NetCDF with observations: variables named like fields, or with an attribute observed = "EXPRESSION" of fields,
 * coordinates and scalar inputs; variables named like the dimensions say where, on dimensions of the observations;
 * missing values are left out. Along the dimension "sample" there are several experiments. Inputs that are not to be
 * found are in the file, too.
 * Bounds are those of a distribution uniform(low, high), a belief is that of normal(mean, deviation), where settings say
 * nothing else; the search begins in the middle of the distribution, and at a constant as it is in the case. Field inputs
 * need a distribution gaussian_field(...), which is what is believed of them. Standard errors: of the setting, the
 * attribute standard_error of a variable, or its ancillary variable with a standard name "... standard_error"; else they
 * are estimated from what is left over.
 * What was found is checked on grids with spans half as long along one dimension each; where these would move it by more
 * than 0.3 standard errors the search goes on there, as long as grids have at most max_unknowns.
 * output: what was found with covariance, the observations with what is fitted, and the solution. The table goes to sink,
 * then to `numbers` (either may be NULL), user to both: converged, parameters, observations, missing, fits, steps,
 * solves, chi2, freedom, unseen (directions in which the data say nothing, or little), grids, shift (the most that a
 * finer grid would move one of them, in standard errors; NaN: not known), seconds (reading and search),
 * seconds.verdict, verdict.WORD, and of the number or scalar NAME its value.NAME, error.NAME (infinite: the data do not
 * say; 0: at_bound), at_bound.NAME (-1, 0, 1); of fit N > 0, with apart, N.value.NAME and so on. What was not found to
 * the tolerance is PDM_OK, and the number `converged` 0. Fails with PDM_ERR_ARGUMENT, PDM_ERR_CASE, PDM_ERR_DATA,
 * PDM_ERR_IO, PDM_ERR_NUMERIC where there is no solution to begin with. Since 0.1 */
PDM_API pdm_status pdm_case_fit(pdm_case *c, const char *data, const char *output, const pdm_fit_settings *settings,
                                pdm_sink sink, pdm_number numbers, void *user);
/* Help on the settings of all groups. */
PDM_API pdm_status pdm_settings_describe(pdm_context *ctx, pdm_sink sink, void *user);

/* ---- model ---- */

/* A model of the case with fresh weights drawn from training:seed. Copies the case. Checks everything in it.
 * Fails with PDM_ERR_CASE, PDM_ERR_DATA, PDM_ERR_MEMORY, ... Destroy with pdm_model_destroy() before the context. */
PDM_API pdm_status pdm_model_create(pdm_case *c, pdm_model **out);
/* Reads a model file (which is also a checkpoint). Fails with PDM_ERR_IO, PDM_ERR_MODEL. */
PDM_API pdm_status pdm_model_read(pdm_context *ctx, const char *path, pdm_model **out);
/* Receives bytes; lent for the call. */
typedef void (*pdm_bytes)(void *user, const void *bytes, size_t n);
/* The bytes of the file that pdm_model_write would write, to `take`, called once (collective, and then by rank 0
 * alone): to keep a model somewhere else than in a file, or to send it. Fails with PDM_ERR_MEMORY. Since 0.1 */
PDM_API pdm_status pdm_model_write_memory(pdm_model *m, pdm_bytes take, void *user);
/* A model of the n bytes of a model file, checked as a file is: collective, each rank with the same bytes. Fails with
 * PDM_ERR_MODEL. Since 0.1 */
PDM_API pdm_status pdm_model_read_memory(pdm_context *ctx, const void *bytes, size_t n, pdm_model **out);
/* A model of case c that starts with the weights of `parent`, and with its knots and scales, which say what the weights
 * mean; its training starts at step 0. The cases may differ in all else: distributions, experts, parameters, training.
 * A gate that the parent lacks starts anew. Fails with PDM_ERR_MODEL where names or order of fields, inputs and
 * dimensions, the control grid, or the sizes of the network or of gates that both have differ. c and parent are of one
 * context; neither is needed afterwards. Since 0.1 */
PDM_API pdm_status pdm_model_create_from(pdm_case *c, const pdm_model *parent, pdm_model **out);
/* The model's case, a copy to change; destroy it with pdm_case_destroy(). Since 0.1 */
PDM_API pdm_status pdm_model_case(const pdm_model *m, pdm_case **out);
/* The mean of the weights of n >= 2 models in files, which were trained on from one (pdm_model_create_from), of their
 * networks and gates. weight [n]: above 0, of any sum; NULL: all alike. Their cases may differ in /training and in
 * distributions of inputs: those of the first are taken, ranges (uniform) and lists being united. The step is the
 * largest; the optimiser starts afresh. One model beside the first is in memory at a time. Fails with PDM_ERR_MODEL,
 * naming what differs; PDM_ERR_ARGUMENT, PDM_ERR_IO. Since 0.1 */
PDM_API pdm_status pdm_model_merge(pdm_context *ctx, pdm_size n, const char *const *path, const double *weight,
                                   pdm_model **out);
/* A model of case c, which is the case of m with more experts (/domain/DIM:experts; /experts but for basis, /gate but
 * for groups, shared and hidden, /solver and /training may change too), with the weights and the step of m; the
 * optimiser starts afresh. Both are compared on inputs drawn anew, and on those of the file `against` (NULL: none) with
 * the fields in it; the table goes to sink, then to `numbers` (either may be NULL), user to both: within (1: no number
 * is more than `tolerance` above that of before), experts.before, experts, with a gate kept.before, kept (columns that
 * exist, mean), residual.before, residual (mean norm of the rows), error.before, error. Whether to write the model is
 * up to the caller. Fails with PDM_ERR_CASE, PDM_ERR_MODEL. Since 0.1 */
PDM_API pdm_status pdm_model_upcycle(pdm_model *m, pdm_case *c, const char *against, double tolerance, pdm_sink sink,
                                     pdm_number numbers, void *user, pdm_model **out);
typedef struct pdm_compress_settings {
    size_t size;      /* of this struct, as pdm_compress_settings_init() was told                                 */
    double rank;      /* so many products a matrix on the mean, given to those that need them; 0: not said          */
    double energy;    /* so many that they have this share of what all do to the network's output; 0: not said     */
    double groups;    /* of a gate: drop those that have been on in less than this share of samples; 0: see below  */
    double tolerance; /* relative, 0.1                                                                             */
    int    half;      /* not 0: all weights in half precision                                                     */
    const char *against; /* a file with fields that errors are relative to; NULL: none                                */
} pdm_compress_settings;
/* Defaults; size: sizeof(pdm_compress_settings). Since 0.1 */
PDM_API void pdm_compress_settings_init(pdm_compress_settings *s, size_t size);
/* Writes the model in fewer bytes: without the optimiser's moments, matrices of modes as sums of few products of
 * vectors. settings NULL: the defaults. Without rank and energy several ranks are tried, and the smallest is taken that
 * keeps within (1 + tolerance) times what is now: the relative L2 error against the fields of the file `against`, or
 * without one the mean residual on inputs drawn anew. Where none does, nothing is written, and the number `within` is
 * 0. Of a model with a gate, groups that have been on in less than a share `groups` of the samples of every expert in
 * recent steps of training are dropped first, with their columns; groups = 0: a share of 0.01, and only where the error
 * stays within the tolerance. The table goes to sink, then to `numbers` (either may be NULL), user to both: within,
 * trials, residual.before, error.before, bytes.before (weights in single precision), with a gate groups.before, groups,
 * unknowns.before, unknowns, error.groups and excess.groups (without the groups that are dropped; NaN: none are), and
 * of what was written rank, residual, error, bytes, bytes.file. The model stays as it is: a second one is held for the
 * trials. Fails with PDM_ERR_ARGUMENT, PDM_ERR_MODEL, PDM_ERR_IO, PDM_ERR_DATA. Since 0.1 */
PDM_API pdm_status pdm_model_compress(pdm_model *m, const char *output, const pdm_compress_settings *settings,
                                      pdm_sink sink, pdm_number numbers, void *user);
PDM_API pdm_status pdm_model_write(pdm_model *m, const char *path);
PDM_API void       pdm_model_destroy(pdm_model **m); /* NULL is fine; *m becomes NULL */
/* PDM_OK when the two are models of the same case (training:steps and checkpoint_every may differ). */
PDM_API pdm_status pdm_model_check_case(const pdm_model *m, pdm_case *c);
PDM_API pdm_status pdm_model_describe(pdm_model *m, pdm_sink sink, void *user);
/* What the gate has chosen in recent steps of training (about the last 50; in the model file): routing.experts,
 * routing.unknowns (share of the unknowns that exist), routing.null (share of experts that are null), routing.load
 * (largest over mean load, a load being control points x columns squared), and of each expert N routing.N.columns
 * (mean), .null (share of samples), .load (over the mean), .group.K (share of samples in which its group K is on),
 * .DIM.from and .DIM.to (its box). Nothing without a gate, or before the first step. Fails with PDM_ERR_ARGUMENT,
 * PDM_ERR_MEMORY. Since 0.1 */
PDM_API pdm_status pdm_model_routing(const pdm_model *m, pdm_number numbers, void *user);
/* Changes training:steps or training:checkpoint_every of a model that exists. PDM_ERR_CASE for anything else. */
PDM_API pdm_status pdm_model_set_training(pdm_model *m, const char *name, const char *value);

/* One step of training. PDM_ERR_NUMERIC when the loss is not finite, or no sample of the batch has a loss and a
 * derivative (weights are left as they were). */
PDM_API pdm_status pdm_model_train_step(pdm_model *m);
/* Called after every step; return 0 to go on, anything else to stop after a checkpoint. */
typedef int (*pdm_progress)(void *user, const pdm_model *m);
/* Trains up to training:steps, writing a checkpoint to path every training:checkpoint_every steps and at the end, and
 * a line of JSON a step to path with ".log.jsonl" in place of ".nc", or ".jsonl" behind another name. progress may be
 * NULL. PDM_ERR_INTERRUPTED when progress asked to stop (the checkpoint is written). PDM_ERR_IO when another training
 * holds a claim on path, or took it meanwhile: then nothing more is written. At the end it finds loss.free, what the
 * inputs of the last step reach with all coefficients free: the loss of the best network there could be on this grid.
 * It takes a second or 3 % of the run; NaN when that is not enough, with more than 6000 coefficients, and when the loss
 * is on data. */
PDM_API pdm_status pdm_model_train(pdm_model *m, const char *path, pdm_progress progress, void *user);
/* What the answers of a trained model are worth: as many inputs as a batch has, drawn as no step of training draws them,
 * are predicted and judged by what they leave over (see pdm_model_set_verdict). A line of text goes to sink (may be
 * NULL); where more than a tenth of the answers are doubtful or wrong, the log gets warnings with what to do. The model
 * keeps it, until the next step; path: NULL, or the file that it was trained to, which is written again, numbers going to
 * the last line of its log. Sets the values judged (how many answers), judged.doubtful (the share that is doubtful or
 * wrong), judged.left (the most that is left over, of the largest term of the equation with number judged.equation),
 * judged.at.DIM (where), seconds.judged; all but the last are there after pdm_model_read, too. Since 0.1 */
PDM_API pdm_status pdm_model_judge(pdm_model *m, const char *path, pdm_sink sink, void *user);
/* Steps done and wanted; 0 for NULL. */
PDM_API pdm_size pdm_model_step(const pdm_model *m);
PDM_API pdm_size pdm_model_steps(const pdm_model *m);
/* A number by name, NaN for an unknown one and for NULL. After a step: loss, loss.first and loss.last (means of the
 * first 10 steps of the model, and of the last 10 of this run), gradient, rate, iterations, solves, failed (of these),
 * seconds, seconds.network, seconds.solve, seconds.backward, seconds.update, seconds.data. After training also:
 * loss.free, seconds.free, seconds.files (of the run). After a prediction: seconds, seconds.network, seconds.solve,
 * seconds.output, unconverged, unanswered (of these: not finite at the start, or singular); after a prediction to a file
 * or an evaluation verdict.good, verdict.doubtful, verdict.wrong, verdict.none (how many answers are called that) and
 * seconds.verdict, and where equations are in divergence form imbalance.FIELD, gained.FIELD, let_in.FIELD and
 * made.FIELD (of the answer of which most is lost, below 0, or too much; imbalance: of all fields); with inputs from a
 * file also outside, samples with an input that training never drew (0 for an untrained model); with a gate gate.unknowns
 * and gate.null, the shares of the unknowns that exist and of the experts that are null. After an evaluation also:
 * error, error.FIELD (mean relative L2), error.worst. */
PDM_API double pdm_model_value(const pdm_model *m, const char *name);

/* Numbers one input takes (scalars, then fields at their control points), fields, points of the
 * output grid; 0 for NULL. */
PDM_API pdm_size pdm_model_n_input(const pdm_model *m);
PDM_API pdm_size pdm_model_n_field(const pdm_model *m);
PDM_API pdm_size pdm_model_n_point(const pdm_model *m);
/* What these numbers are. Texts are lent as long as the model is; units are "" where the case gives none, and what has no
 * long_name has its name. An input that the case names (u0, k) is pdm_model_input() number 0 to pdm_model_count_inputs()
 * - 1, in the order of the case; 0 for NULL. PDM_ERR_ARGUMENT beyond. Since 0.1 */
typedef struct pdm_quantity {
    const char *name, *units, *long_name;
    pdm_size first, n;  /* of an input: its numbers among the n_input; of a field: its values among those of a sample */
    pdm_size n_dim;     /* 0: one number                                                                             */
    double   low, high; /* between which training draws an input, "uniform" or "list"; NaN: not known, or of a field */
} pdm_quantity;
PDM_API pdm_size   pdm_model_count_inputs(const pdm_model *m);
PDM_API pdm_status pdm_model_input(const pdm_model *m, pdm_size i, pdm_quantity *out);
PDM_API pdm_status pdm_model_field(const pdm_model *m, pdm_size f, pdm_quantity *out);
/* A dimension with coordinates [n], which increase. Since 0.1 */
typedef struct pdm_dimension {
    const char   *name, *units, *long_name;
    pdm_size      n;
    const double *coordinate; /* lent as long as the model is; of an output until the next pdm_model_set_output */
} pdm_dimension;
/* Dimension k of input i, and the points of its values, last dimension fastest; "t" and "x" of an input that varies in
 * both. Fails with PDM_ERR_ARGUMENT. Since 0.1 */
PDM_API pdm_status pdm_model_input_dimension(const pdm_model *m, pdm_size i, pdm_size k, pdm_dimension *out);
/* A field that is an input, on a host's own coordinates, at the points of the model, as inputs of files are brought
 * there: by cubic splines, on cells the nearest. n and coordinate: of its dimensions, as pdm_model_input_dimension has
 * them, increasing and over the whole domain; values [n_sample][n[0]] ... , out [n_sample][n of the input]. Fails with
 * PDM_ERR_ARGUMENT, PDM_ERR_DATA where they do not cover the domain, PDM_ERR_MEMORY. Since 0.1 */
PDM_API pdm_status pdm_model_bring_input(const pdm_model *m, pdm_size i, pdm_size n_sample, const pdm_size *n,
                                         const double *const *coordinate, const double *values, double *out);
/* Dimensions of all fields; 0 for NULL. Since 0.1 */
PDM_API pdm_size pdm_model_n_dim(const pdm_model *m);
/* Dimension j of fields, and the coordinates that pdm_model_predict answers on now. Fails with PDM_ERR_ARGUMENT,
 * PDM_ERR_MEMORY. Since 0.1 */
PDM_API pdm_status pdm_model_output_dimension(pdm_model *m, pdm_size j, pdm_dimension *out);
/* Output coordinates along dimension `name` for pdm_model_predict: n increasing numbers in the case's units, copied.
 * Until set: control_points * 4 equal steps over the extent. Calls that read files, or compare with exact solutions,
 * leave these as they are. */
PDM_API pdm_status pdm_model_set_output(pdm_model *m, const char *name, pdm_size n, const double *coordinate);
/* input [n][n_input], u [n][n_field][n_point] (dimensions in the order of the case, last fastest; NaN outside a shape of
 * the case, /geometry), reason [n] or NULL: 1 or 2 where the solve converged. Borrowed for the call. Not collective;
 * allocates only when the output grid or what is wanted changed, for estimates, and where a model answers slab after
 * slab. Samples are done training:batch at a time: when a call fails, u and reason have been written for the batches
 * before. */
PDM_API pdm_status pdm_model_predict(pdm_model *m, pdm_size n, const double *input, double *u, int32_t *reason);
/* Derivatives of what pdm_model_predict answers by its inputs, as it is set now, with pdm_model_set_polish too: g_input
 * [n][n_input] = sum over fields and points of g_u du/dinput, for g_u [n][n_field][n_point], the derivatives of a number
 * by the answers (1 where it is one value, 0 elsewhere). input, reason: as there; u: NULL, or gets the answers. NaN for
 * samples whose solve, or its adjoint, has not converged, with a warning: no derivative is made of these. Right to about
 * 1e-7 as far as it goes through the equations, to 1e-3 at worst through the network, which is single, and as far as
 * solves have converged (/solver:tolerance, or that of the polish, of nonlinear equations). Costs a prediction, an
 * adjoint solve, and for every number of an input two preparations of the samples, two evaluations and linearisations of
 * the rows where these read it, and four runs of the network where there is one. Answers that jump as inputs change
 * (step(x - a)) have no derivative: what is found there is that of the discrete answer. Fails with PDM_ERR_MODEL where
 * answers are made slab after slab (experts:slabs, times beyond the extent, polishes in slabs of time), and but for
 * polishes where a gate chooses columns, few rows are read, or experts are by themselves; with PDM_ERR_DATA on numbers
 * that are not finite, PDM_ERR_MEMORY. Allocates for the call. Sets the value seconds.gradient. Not collective. When a
 * call fails, samples of the batches before have been written. Since 0.1 */
PDM_API pdm_status pdm_model_gradient(pdm_model *m, pdm_size n, const double *input, const double *g_u, double *g_input,
                                      double *u, int32_t *reason);
/* wanted not 0: from now on pdm_model_predict also judges its answers, by what they leave over of the equations on cells
 * that the solve does not know of (docs/mathematics.md, "Verdicts"), and keeps the verdicts until the next call of it or
 * of pdm_model_set_output, about 1 KB a sample. They are those that pdm_model_predict_file writes: none, doubtful or
 * wrong; with pdm_model_set_estimate, which takes as long as a classical solve, also good, and estimates of the error.
 * Sets the values verdict.none, verdict.good, verdict.doubtful, verdict.wrong (how many answers are called that),
 * seconds.verdict (on top of seconds), and imbalance.FIELD and others, as of a prediction to a file. 0, the default: no
 * verdicts. Since 0.1 */
PDM_API pdm_status pdm_model_set_verdict(pdm_model *m, int wanted);
/* tolerance above 0: from now on pdm_model_predict solves for all coefficients to that tolerance, as
 * pdm_model_predict_file with that polish does: a classical solve, and its verdicts have estimates of the error. Calls
 * of pdm_model_predict fail with PDM_ERR_ARGUMENT where pdm_model_set_estimate wants another estimate beside it. 0, the
 * default: the model's own answers. Not for memory of a GPU. Since 0.1 */
PDM_API pdm_status pdm_model_set_polish(pdm_model *m, double tolerance);
/* Verdicts on the first n samples of the last pdm_model_predict: word [n], a pdm_verdict_word; left_over [n], sum of
 * |residual| / sum of |largest term| by cells, largest over equations; estimate [n][n_field], relative L2 error. Any may
 * be NULL. NaN: not known. PDM_ERR_ARGUMENT where there are not so many. Allocates nothing. Since 0.1 */
PDM_API pdm_status pdm_model_verdicts(const pdm_model *m, pdm_size n, int32_t *word, double *left_over,
                                      double *estimate);
/* Why sample i of them is doubtful or wrong, and what to do, one line: "equation u: 12 % of its largest term left, most
 * near t = 1, x = 0.25; ...". "" for others. Since 0.1 */
PDM_API pdm_status pdm_model_explain_verdict(const pdm_model *m, pdm_size i, pdm_sink sink, void *user);
/* wanted not 0: from now on pdm_model_predict_file and the evaluations, with polish 0, also solve for all coefficients
 * (to 1e-6, slab after slab in time), and compare that with solves on a finer and a coarser grid: the estimate of the
 * error of every sample and field is the distance to it, ||u - v|| / ||v|| over the output points (the variable
 * distance_to_polished), and its own error together: error_estimate (of several fields: error_estimate_FIELD) of the
 * output, and a column beside the errors. NaN where that solve does not converge. Sets the values estimate,
 * estimate.FIELD (means), estimate.worst, estimate.unconverged, seconds.estimate (on top of seconds); an evaluation also
 * estimate.ratio and estimate.spread, mean and standard deviation of estimate / error over samples and fields. With
 * polish > 0 those calls then fail with PDM_ERR_ARGUMENT, as that has estimates by itself. 0, the default: no estimates.
 * Since 0.1 */
PDM_API pdm_status pdm_model_set_estimate(pdm_model *m, int wanted);
/* Reads inputs (and, where present, output coordinates) from one NetCDF file, writes fields and inputs, sample
 * dimension first, to another, which can then serve as a reference. Fails with PDM_ERR_NUMERIC, without a file, when no
 * solve has an answer: the residual is not finite at the start, or the matrix singular. polish: 0, or the tolerance to
 * which all coefficients are solved for, from the network's answer. */
PDM_API pdm_status pdm_model_predict_file(pdm_model *m, const char *input, const char *output, double polish);
typedef struct pdm_ensemble_settings {
    size_t        size;          /* of this struct, as pdm_ensemble_settings_init() was told       */
    const char   *input;         /* a file with inputs; NULL: they are drawn                        */
    pdm_size      n_sample;      /* of those; 0: 1000                                               */
    pdm_size      n_quantile;    /* 3                                                               */
    const double *quantile;      /* [n_quantile] rising, from 0 to 1: 0.05 0.5 0.95                 */
    pdm_size      n_mark;        /* 256: see below                                                  */
    double        polish;        /* 0, or the tolerance to which all coefficients are solved for    */
    int           skip_doubtful; /* not 0: answers that are doubtful or wrong are left out          */
} pdm_ensemble_settings;
/* Defaults; size: sizeof(pdm_ensemble_settings). Since 0.1 */
PDM_API void pdm_ensemble_settings_init(pdm_ensemble_settings *s, size_t size);
/* Statistics of the answers to many inputs: of a file, or drawn from the distributions of the case, other than those of
 * training. Every answer is judged. Memory does not grow with the number of samples, but for the inputs of a file. output
 * gets FIELD_mean, FIELD_deviation (n - 1; NaN of one), FIELD_minimum, FIELD_maximum and, by quantile, FIELD_quantile on
 * the points of the file's coordinates, else of pdm_model_set_output. Quantiles are those of NumPy: number p (n - 1) of n
 * answers in their order. Of each value the first n_mark answers are kept as marks, and the others are counted between
 * them, so that a quantile is known to lie between two marks, and is interpolated there: FIELD_quantile_error is the most
 * by which it may be off, 0 with up to n_mark answers. That takes 12 n_mark bytes a value. Samples without an answer are
 * left out; how many these are, how many are doubtful and wrong, and by how much the latter change means and deviations
 * is in the output's attributes, the text for sink (may be NULL), and the values samples, used, unanswered, unconverged,
 * outside, verdict.good and others, effect.mean, effect.deviation (relative L2), quantile.error (largest, of the largest
 * deviation of its field), seconds, seconds.verdict. progress (may be NULL) is called after every batch, with the values
 * ensemble.so_far and ensemble.wanted; not 0: stop, PDM_ERR_INTERRUPTED, and nothing is written. user: for both.
 * settings NULL: the defaults. Fails with PDM_ERR_ARGUMENT, PDM_ERR_DATA, PDM_ERR_IO, PDM_ERR_MEMORY, PDM_ERR_NUMERIC
 * where no answer can be used, PDM_ERR_UNSUPPORTED on several ranks. Since 0.1 */
PDM_API pdm_status pdm_model_ensemble(pdm_model *m, const char *output, const pdm_ensemble_settings *settings,
                                      pdm_progress progress, pdm_sink sink, void *user);
/* All coefficients free, from the network's answer (an untrained model: from nothing), to `tolerance`: a classical
 * solve, and what pdm_model_predict_file does with polish > 0, with a table of the samples to sink (which may be NULL):
 * iterations, objective, time, why the solve stopped. input: as there, or NULL: n_sample inputs are drawn from the
 * distributions of the case (0: 4 of them, 1 where the case has no inputs), other than those of training, on the
 * default output grid. With a file n_sample is 0. Sets the values of a prediction, and iterations (mean),
 * objective.worst, unknowns. Since 0.1 */
PDM_API pdm_status pdm_model_polish_file(pdm_model *m, const char *input, pdm_size n_sample, const char *output,
                                         double tolerance, pdm_sink sink, void *user);
/* Predicts for the inputs of the file and compares with the fields in it. output may be NULL. The table goes to sink. */
PDM_API pdm_status pdm_model_evaluate_file(pdm_model *m, const char *reference, const char *output, double polish,
                                           pdm_sink sink, void *user);
/* The same for inputs drawn anew, against the exact solutions in group /pde/exact of the case. */
PDM_API pdm_status pdm_model_evaluate_exact(pdm_model *m, double polish, pdm_sink sink, void *user);
/* pdm_case_fit by a trained model, which answers in milliseconds; parameters are inputs that it has. The next finer
 * grid is that of the model with all coefficients free, and the solution in the output is found so. An untrained model is
 * its case. Since 0.1 */
PDM_API pdm_status pdm_model_fit(pdm_model *m, const char *data, const char *output, const pdm_fit_settings *settings,
                                 pdm_sink sink, pdm_number numbers, void *user);
/* The modes of the solve side by side (docs/mathematics.md, "Modes"): the network's basis functions are shared out
 * among count[0 .. n_count) experts (n_count 0: those of 1, 2, 4, ... 64 that fit), and solved for coupled, in sweeps
 * of at most max_sweeps (0: 1000), and independently. input: inputs, output coordinates and, where it has the fields,
 * what errors are relative to; or NULL: up to 8 inputs drawn anew, and the exact solutions where the case has them.
 * Lines of a table go to sink as they are found, then numbers to `numbers` (either may be NULL), user to both: samples,
 * and for K experts in MODE (of one: coupled alone) K.MODE.unknowns, .error (mean relative L2 over samples and fields;
 * NaN without a comparison), .seconds (of the solve, per sample), .iterations, .unconverged, .phi (objective of the
 * answer without the ridge), .interface_rows (share of the rows whose element sees more than one expert),
 * .interface_squares (their share of the squared residual; after a roll-out that of its last interval). A gate is left
 * out: all columns exist. The model is not changed. Fails with PDM_ERR_ARGUMENT when so many experts do not fit,
 * PDM_ERR_DATA, PDM_ERR_IO, PDM_ERR_MEMORY. Since 0.1 */
PDM_API pdm_status pdm_model_compare_modes(pdm_model *m, const char *input, pdm_size n_count, const pdm_size *count,
                                           pdm_size max_sweeps, pdm_sink sink, pdm_number numbers, void *user);
/* Taylor test of the gradient of the loss by the weights, on the model's own case: slope (2 is right) into *slope. With
 * a gate also by its weights, the choice of columns being fixed, and with learned windows by their logits: then the
 * slope that is farthest from 2. Sets the values slope.network, slope.gate and slope.windows, NaN for what the model
 * does not have, and where the loss does not depend on it. */
PDM_API pdm_status pdm_model_check_gradient(pdm_model *m, double *slope, pdm_sink sink, void *user);

#ifdef __cplusplus
}
#endif
#endif
