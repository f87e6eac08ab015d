/* Inside of train/: the model struct and the pieces its files share. */
#ifndef PDM_TRAIN_IMPL_H
#define PDM_TRAIN_IMPL_H

#include "train/train.h"

/* Formats of the model file. PLAIN: all there is to go on training as if nothing had been. SPARE: without moments of the
 * optimiser, or with moments younger than the model, or with packed weights; a file has it only when it needs it. */
enum { PDM_MODEL_FORMAT_PLAIN = 2, PDM_MODEL_FORMAT_SPARE = 3 };
enum { N_VALUE = 128, VERDICT_STEPS = 10 };

typedef enum loss_kind { LOSS_PHYSICS, LOSS_DATA, LOSS_MIX } loss_kind;

typedef struct training_settings {
    pdm_size steps, batch, slabs, seed, checkpoint_every, warmup, max_iter;
    int      loss;
    double   learning_rate, final_rate, clip, data_weight, tolerance;
} training_settings;

/* One number by name (pdm_model_value). */
typedef struct named_value {
    char   name[32];
    double value;
} named_value;

/* Given solutions to train on: inputs and fields of n samples on one output grid. */
typedef struct training_data {
    pdm_size         n_sample, n_point;
    double          *input; /* [n_sample][n_input]            */
    double          *field; /* [n_sample][n_field][n_point]   */
    pdm_point_grid   grid;
    pdm_points_plan *plan;
} training_data;

/* Output points of one slab: `n` times from number `first` on. n 0: it is only passed through. */
typedef struct output_slab {
    pdm_size         first, n;
    pdm_point_grid   grid;
    pdm_points_plan *plan;
} output_slab;

/* Fields on a tensor grid of output points. */
typedef struct output_grid {
    pdm_size     n[PDM_MAX_DIM], n_point;
    double      *coordinate[PDM_MAX_DIM];
    pdm_size     n_slab; /* 1 but for times beyond the horizon */
    output_slab *slab;   /* [n_slab]; NULL: no grid yet       */
    pdm_buffer  *values; /* [n_batch][points of a slab]       */
} output_grid;

/* The state that a slab hands to the next: on the points of the inputs that are initial data. */
typedef struct end_state {
    pdm_size         n_point; /* 0: not there yet */
    pdm_point_grid   grid;
    pdm_points_plan *plan;
    pdm_buffer      *values; /* [n_batch][n_point] */
} end_state;

/* Samples of one input in a file, path NULL without one. */
typedef struct sample_pool {
    char    *path;
    int32_t  file; /* inputs with the same path have the same number */
    pdm_size n_sample;
    double  *value; /* [n_sample][size of the input] */
} sample_pool;

/* What the gate has chosen in recent steps of training (usage.c). Lent until the next step. */
typedef struct routing_usage {
    pdm_size      n_expert, n_group; /* 0, and all else NULL: no gate                                             */
    double        weight;            /* 0: no steps are known, and all numbers are NaN; 1: as many as count       */
    const double *columns;           /* [n_expert] columns that exist, mean over samples                          */
    const double *null;              /* [n_expert] share of samples in which an expert is null                    */
    const double *load;              /* [n_expert] control points x columns^2, mean over samples                  */
    const double *group;             /* [n_expert][n_group] share of samples in which a group is on               */
} routing_usage;

enum { GATING_OPENING = 10 }; /* steps at the start of training in which all columns exist, where the gate is new */
/* The gate at work. */
typedef struct gating {
    pdm_routing *routing;
    pdm_gate    *gate;
    pdm_buffer  *g_ridge, *column_worth; /* like w */
    pdm_arena    arena;
    pdm_balance  balance;   /* global; tests try the other one */
    double       log_price; /* running mean; NaN: none yet */
    double       drift;     /* added to it for the share that was missed so far */
    double       next_price, next_drift;
    pdm_size     opening; /* steps in which all columns exist: GATING_OPENING, or 0 for a gate that a parent has trained */
    int32_t     *record; /* [samples of a prediction][n_expert] columns, then [..][n_expert][groups] 0 or 1; NULL: not wanted */
    pdm_size     n_record;
    /* usage.c */
    pdm_routing_use use, mean_use; /* running sums of means of steps; those over use_weight, to be lent */
    double          use_weight;    /* 1 - (memory)^(steps taken in)                                    */
    bool            told_closed;   /* gating_odd.c: said in this run that no expert has columns        */
    /* [n_batch][n_expert][...] host */
    double *x;                          /* [n_in]     */
    double *p, *g_p, *g_score, *target; /* [n_choice] */
    double *worth;                      /* [n_choice] */
    double *surcharge;                  /* one        */
    double *least;                      /* [n_batch]  */
} gating;

struct pdm_model {
    pdm_context        *ctx;
    pdm_case           *the_case;
    char               *case_file; /* where the case came from in the first place */
    char               *history;   /* models that this one was made from: a line each, oldest first; NULL: none */
    char               *file;      /* that it was read from, NULL: none ... */
    char                file_hash[PDM_HASH_TEXT]; /* ... and the hash of its contents */
    training_settings   training;
    pdm_pde            *pde;
    pdm_domain         *domain;
    pdm_experts        *experts;
    pdm_backend        *backend;
    pdm_surrogate      *surrogate;
    pdm_solver         *solver; /* for batches of training.batch */
    pdm_implicit       *implicit;
    gating             *gating;          /* NULL without a gate */
    pdm_buffer         *g_window;        /* cotangent of learned windows; NULL: no window is learned */
    pdm_solver_settings solver_settings; /* of prediction; training has its own limits */
    pdm_experts        *free_experts;    /* polish: made on first use */
    pdm_solver         *polisher;
    bool                wants_estimate; /* of predictions to files and evaluations */

    /* per pde input (draw.c) */
    pdm_distribution  *distribution;
    pdm_random_field **field; /* NULL where the input is drawn otherwise */
    sample_pool       *pool;
    bool               samples_read; /* pools and `given` below */
    double            *input_shift, *input_scale;
    double            *magnitude; /* [n_field] */

    /* batch, on the back end */
    pdm_size      n_batch;
    pdm_buffer   *features, *basis, *g_basis, *lift, *g_c, *misfit;
    pdm_buffer   *base; /* like basis, to be added to the network's output; NULL where there is none */
    pdm_rows_data data; /* scalar, sampled */
    /* batch, on the host */
    pdm_arena         arena;
    double           *input;                     /* [n_batch][n_input]          */
    double           *carried;                   /* [n_batch][n_input] inputs of the next slab   */
    int64_t          *slab;                      /* [n_batch] slabs behind a sample; 0: it is drawn */
    double           *work;                      /* pdm_domain_prepare_work     */
    int32_t          *index, *good;              /* [n_batch]                   */
    int32_t          *pick;                      /* [n_batch] sample of the data */
    double           *weight_one, *weight_minus; /* [n_batch] 1 and -1 */
    pdm_solve_result *result;                    /* [n_batch] */
    pdm_lift_report   report;                    /* largest corner jump of the last batch */

    training_data given;
    output_grid   output;
    end_state     end;

    /* optimiser */
    pdm_buffer *adam_m, *adam_v;
    double      norm_mean; /* running mean of gradient norms, for clipping */
    pdm_size    step;
    pdm_size    moments_since; /* the step at which Adam's moments were zero; usually 0 */
    bool        moments_empty; /* zero now, and not worth a file's space                */

    /* verdict.c */
    double   first_loss;               /* sum over the first VERDICT_STEPS steps; NaN: not known */
    double   last_loss[VERDICT_STEPS]; /* of this run: of step s at (s - 1) mod VERDICT_STEPS    */
    pdm_size n_last_loss;

    named_value value[N_VALUE];
    pdm_size    n_value;
};

/* packed.c: weights whole or as factors, in single or half precision, as files have them (which that file describes). */
typedef struct low_rank {
    pdm_size  n_mode, n_number; /* n_number: of `factor` */
    uint16_t *rank;             /* [n_mode]; NULL: the tensor is stored whole */
    float    *factor;           /* [sum of ranks][2][n_in + n_out] */
} low_rank;
typedef struct packed_weights {
    bool      half;
    low_rank *tensor; /* [n_tensor] of the network */
} packed_weights;
/* Is it a matrix per mode, and its sizes. */
bool     tensor_has_modes(const pdm_tensor_info *t);
void     tensor_modes(const pdm_tensor_info *t, pdm_size *n_mode, pdm_size *n_in, pdm_size *n_out);
/* "3 x 4" of a tensor of that shape, with what stands between. */
enum { SHAPE_TEXT = 160 };
void     tensor_shape_text(const pdm_tensor_info *t, const char *between, char text[SHAPE_TEXT]);
void     packed_destroy(pdm_context *ctx, pdm_size n_tensor, packed_weights *p);
pdm_size packed_bytes(const pdm_surrogate *net, const packed_weights *p);
/* What a reader gets: out [n_parameter]. whole: those of tensors that are stored whole. */
pdm_status packed_unpack(const pdm_surrogate *net, const packed_weights *p, const float *whole, float *out);
pdm_status packed_put(const pdm_surrogate *net, pdm_store *s, const packed_weights *p /* NULL: whole */,
                      const float *whole);
pdm_status packed_get(const pdm_surrogate *net, pdm_store *s, float *out);
/* model.c */
/* Everything that follows from the case; without scales and network. grading as in pdm_domain_create(). */
pdm_status model_start(pdm_case *c, const pdm_grading *grading, pdm_model **out);
/* Starts a model again with the breaks that were found for it; without any it stays. */
pdm_status model_regrade(pdm_model **m, const pdm_grading *grading);
/* The network, its solver and optimiser, of a model that has its scales. */
pdm_status model_network(pdm_model *m);
/* One line more of m->history. */
pdm_status model_remember(pdm_model *m, const char *format, ...) PDM_PRINTF(2, 3);
/* model_file.c: pdm_model_write() with weights packed; NULL: whole, in single precision. */
pdm_status model_write(pdm_model *m, const char *path, const packed_weights *packed);
/* pdm_store_put() or pdm_store_get() of values [n], so that a file is read by the list that it is written by. */
pdm_status store_values(pdm_store *s, bool writing, const char *group, const char *name, pdm_store_type type,
                        pdm_size n, void *values);
/* inherit.c: a model of case c with the knots, scales, boxes and learned windows of the parent, and weights of its own. */
pdm_status model_inherit(pdm_case *c, const pdm_model *parent, pdm_model **out);
/* The file that it was read from, or "a model". Lent. */
const char *model_name(const pdm_model *m);
/* Do the weights of b mean the same in a: names, grid, knots, boxes, gate, network, columns? PDM_ERR_MODEL says what differs. */
pdm_status model_check_kin(const pdm_model *a, const pdm_model *b);
/* judge.c: how good models of one grid and one set of scales are, on the same inputs drawn anew and against the fields of a
 * file. floor: 1/2 |r|^2 with all coefficients free, which no network comes below; 0 where it is not known: with more than 6000
 * coefficients, or when that solve does not converge. */
typedef struct trial_inputs {
    pdm_size n;
    double  *input; /* [n][n_input] */
    double  *floor; /* [n]          */
    bool     has_floor;
} trial_inputs;
typedef struct judgement {
    pdm_size unconverged; /* solves, those of the file also */
    double   residual;    /* mean of |r| = sqrt(2 phi) over the inputs                                              */
    double   excess;      /* mean of sqrt(2 (phi - floor)): the distance to the free solution in the norm of the rows */
    double   error;       /* mean relative L2 error; NaN: there is no file                                          */
    double   columns;     /* that exist, mean over the inputs; all without a gate                                    */
} judgement;
/* unseen: other than those of training; of training:data there are no others. floor is NULL. */
pdm_status trial_inputs_draw(pdm_model *m, pdm_size n, bool unseen, trial_inputs *out);
pdm_status trial_inputs_create(pdm_model *m, trial_inputs *out); /* so many as judge by, and with floors */
void       trial_inputs_destroy(pdm_context *ctx, trial_inputs *x);
pdm_status judge(pdm_model *m, const trial_inputs *x, const char *against /* NULL: none */, judgement *out);
/* What of a judgement counts: the error where there is a file, else the excess. */
double judgement_measure(const judgement *j);
/* changes.c: " --set GROUP.NAME=VALUE" for all that `after` says and `before` does not, but of solver and training. */
pdm_status changes_print(pdm_case *before, pdm_case *after, pdm_text *text);
/* unused.c: groups of a gate that are hardly ever on, and a model without them. */
typedef struct unused_groups {
    pdm_size       n, n_keep; /* groups; 0: there is no gate, or its use is not known */
    unsigned char *keep;      /* [n]                                                   */
    double        *use;       /* [n] largest share of samples over experts             */
} unused_groups;
/* keep: those that are on in `share` of the samples of some expert, or more. */
pdm_status unused_groups_find(const pdm_model *m, double share, unused_groups *out);
void       unused_groups_destroy(pdm_context *ctx, unused_groups *x);
/* A model like m with the groups that are kept: same step, knots and scales, no moments; m stays as it is. n_keep: 1 or more. */
pdm_status model_without_groups(const pdm_model *m, const unused_groups *x, pdm_model **out);
/* low_rank.c: the matrices of all modes, taken apart into directions by how much they change the network's output. */
typedef struct rank_order rank_order;
pdm_status rank_order_create(pdm_model *m, rank_order **out); /* of the weights as they are; draws inputs */
void       rank_order_destroy(pdm_context *ctx, rank_order **x);
pdm_size   rank_order_n_mode(const rank_order *x); /* of all tensors together, so many matrices */
pdm_size   rank_order_n_direction(const rank_order *x);
/* So many directions hold this share of what all of them do to the output (squared). */
pdm_size rank_order_count(const rank_order *x, double energy);
/* The first n of them, into p->tensor, which is allocated and empty; the caller destroys it. */
pdm_status rank_order_take(const rank_order *x, pdm_size n, packed_weights *p);
/* A model without its network: all that a solve with all coefficients free needs. */
pdm_status model_ground(pdm_case *c, pdm_model **out);
pdm_status training_settings_view(pdm_text *out);
void       model_set_value(pdm_model *m, const char *name, double value);
/* The case's, for all coefficients free. */
pdm_solver_settings model_free_settings(const pdm_model *m, double tolerance, pdm_size max_iter);
/* grading.c: breaks for the dimensions of m's case that ask for them; all NULL where none does. Owned by the caller. */
pdm_status grading_find(const pdm_model *m, pdm_grading *out);
void       grading_destroy(pdm_context *ctx, pdm_grading *g);
/* The breaks that one model has, of the dimensions for which another's case asks for them. Lent. */
void grading_lend(const pdm_model *wants, const pdm_model *has, pdm_grading *lent);
/* A model on that grid whose polisher has solved the inputs of the first step, with all coefficients free; *batch: those that
 * went well. `what` begins the message where none did. Destroy *out. */
pdm_status solve_few(pdm_case *c, const pdm_grading *grading, const char *what, pdm_model **out, pdm_batch *batch);

/* boxes.c: bounds for pdm_experts_create() where m's case asks for them, else *out stays. Owned by the caller. */
pdm_status boxes_find(const pdm_model *m, int64_t **out);
/* Experts anew with these bounds, NULL: as they are. Before there is a network. */
pdm_status boxes_set(pdm_model *m, const int64_t *bounds);
/* Bounds that were found, to or from a model file. */
pdm_status boxes_store(pdm_model *m, pdm_store *s, bool writing);
/* scales.c */
pdm_status scales_find(pdm_model *m);
/* batch.c: inputs -> lift, data and features of sample i of the batch buffers */
pdm_status batch_prepare(pdm_model *m, pdm_size n, const double *input);
pdm_status batch_draw(pdm_model *m, pdm_size step); /* fills m->input, m->pick */
pdm_batch  batch_of(pdm_model *m, pdm_size n);
/* Basis functions of samples that are prepared: the network's output, and what the experts' prior adds. keep: for backward,
 * which is that of the network alone. */
pdm_status batch_basis(pdm_model *m, pdm_batch batch, bool keep);
/* step.c: mean loss of those samples of `among` whose solve converged, and with gradient also the adjoint: the first *n_good
 * of m->good. PDM_ERR_NUMERIC when there is none. */
pdm_status step_loss(pdm_model *m, pdm_size step, pdm_batch among, bool gradient, pdm_size *n_good, double *loss);
/* range.c: warns of inputs that a trained model has never seen the like of, with one line for all; sets outside, how many samples
 * have some. uniform: outside of its ends; list: not in it; all others: beyond 5 deviations of the mean. */
pdm_status range_check(pdm_model *m, pdm_size n, const double *input);
/* verdict.c */
/* Takes in the loss of the step that was just done: sets loss.first and loss.last. */
void verdict_step(pdm_model *m, double loss);
/* Sets loss.free, the loss of the batch of the last step with all coefficients free; NaN when that takes more than about so
 * many seconds, or more than 6000 coefficients, or the loss is not the objective alone. */
void verdict_free(pdm_model *m, double seconds);
/* draw.c: where inputs come from. create: from the case; read: samples in files, once, when they are needed first; scale:
 * shift and scale of inputs that are samples, which must have been read. */
pdm_status sources_create(pdm_model *m);
void       sources_destroy(pdm_model *m);
pdm_status sources_read(pdm_model *m);
void       sources_scale(pdm_model *m);
/* Middles of scalar distributions, plus `off` of their (half) widths; a draw of random fields; first of given samples. */
void sources_typical(pdm_model *m, double off, double *input); /* [n_input] */
void sources_draw(pdm_model *m, pdm_random_key draw, pdm_random_key pick, pdm_size sample, double *input);
/* n inputs never seen in training: drawn under a purpose of their own. */
pdm_status sources_draw_unseen(pdm_model *m, pdm_size n, double *input);
pdm_size   sources_pick(const pdm_model *m, pdm_random_key pick, pdm_size sample); /* a sample of training:data */
/* given.c */
pdm_status given_read(pdm_model *m);
void       given_destroy(pdm_model *m);
/* files.c */
typedef struct file_inputs {
    pdm_size n_sample, n_coordinate[PDM_MAX_DIM];
    double  *input;                   /* [n_sample][n_input] */
    double  *coordinate[PDM_MAX_DIM]; /* NULL: the file has none */
} file_inputs;
pdm_status file_inputs_read(pdm_model *m, pdm_fields *f, file_inputs *out);
/* Input i as it stands in the file, in the case's units: shape {n_sample or 1, its dimensions ...}; *values allocated. */
pdm_status file_input_read(pdm_model *m, pdm_fields *f, pdm_size i, pdm_size *shape, double **values);
void       file_inputs_destroy(pdm_model *m, file_inputs *x);
/* A field of n_sample samples on the file's coordinates, which it must have: *values [n_sample][points], allocated. */
pdm_status file_field_read(pdm_model *m, pdm_fields *f, pdm_size field, pdm_size n_sample, double **values);
/* All samples of input i at its own points: *values [n_sample][size of the input], allocated. */
pdm_status file_samples_read(pdm_model *m, const char *path, pdm_size i, pdm_size *n_sample, double **values);
/* result_file.c */
pdm_status result_header(pdm_model *m, pdm_output *o, pdm_size n_sample, double polish);
pdm_status result_file_inputs(pdm_model *m, pdm_fields *f, pdm_output *o, pdm_size n_sample);
pdm_status result_drawn_inputs(pdm_model *m, pdm_output *o, pdm_size n_sample, const double *input);
pdm_status result_samples(pdm_model *m, pdm_output *o, pdm_size n, const double *u, const pdm_solve_result *result);
/* output.c */
pdm_status output_set(pdm_model *m, const pdm_size *n, double *const *coordinate);
void       output_destroy(pdm_model *m);
pdm_status output_evaluate(pdm_model *m, pdm_batch batch, pdm_size k, pdm_buffer *c, double *u);
/* rollout.c */
/* Can the end of a slab be the start of the next? Fails with PDM_ERR_DATA, saying why not. */
pdm_status rollout_check(pdm_model *m);
/* Puts the state at the end of the slab that the solver has solved into the initial data of the first n of m->input. */
pdm_status rollout_advance(pdm_model *m, pdm_size n, const pdm_solver *solver);
void       rollout_destroy(pdm_model *m);
/* predict.c */
/* All coefficients free, for the batch that is prepared; the answer is m->polisher's c. */
pdm_status polish_batch(pdm_model *m, pdm_batch batch, double tolerance);
/* Seconds, summed over batches and slabs. */
typedef struct predict_times {
    double data, network, solve, output;
} predict_times;
/* u [n][n_field][n_point] for n inputs, through all slabs; times are added to. sample_seconds as below. */
pdm_status predict_run(pdm_model *m, pdm_size n, const double *input, double polish, double *u,
                       pdm_solve_result *result, double *sample_seconds, predict_times *times);
/* The same with the values of a prediction, and a warning about solves that did not converge.
 * sample_seconds [n]: each one's share of the solve of its batch; may be NULL. */
pdm_status predict_batches(pdm_model *m, pdm_size n, const double *input, double polish, double *u,
                           pdm_solve_result *result, double *sample_seconds);
/* evaluate.c: relative L2 error of one field of one sample over the output points with first coordinate at or above `from`. */
double relative_error(const pdm_model *m, const double *u, const double *reference, double from);
/* The exact solution in group /pde/exact, an expression, at the output points: values [n][n_point]. */
pdm_status exact_field(pdm_model *m, pdm_size field, pdm_size n, const double *input, double *values);
/* estimate.c */
/* Refuses an estimate of what is polished anyway. */
pdm_status estimate_check(pdm_model *m, double polish);
/* Errors of the predictions u [n][n_field][n_point] by those with all coefficients free: estimate [n][n_field], NaN where that
 * solve did not converge. Sets the values of an estimate. */
pdm_status estimate_run(pdm_model *m, pdm_size n, const double *input, const double *u, double *estimate);
pdm_status estimate_header(pdm_model *m, pdm_output *o);
pdm_status estimate_put(pdm_model *m, pdm_output *o, pdm_size n, const double *estimate);
/* Ratios of estimates and errors, of n pairs in n_all: mean, and sum of squares around it. */
typedef struct estimate_match {
    pdm_size n, n_all;
    double   mean, square;
} estimate_match;
void       estimate_match_add(estimate_match *match, double estimate, double error);
pdm_status estimate_match_report(pdm_model *m, const estimate_match *match, pdm_text *text);
/* Files and exact solutions have output grids of their own: that of pdm_model_predict, by which a host has sized its
 * arrays, is put aside and back. */
output_grid output_put_aside(pdm_model *m);
void        output_put_back(pdm_model *m, output_grid aside);
/* against.c: what a check of data has found; the text goes out before the numbers. */
typedef struct named_number {
    char   name[96];
    double value;
} named_number;
typedef struct findings {
    pdm_text      text;
    pdm_size      n_note, n_number, capacity;
    named_number *number; /* [n_number] */
} findings;
pdm_status findings_number(findings *f, double value, const char *format, ...) PDM_PRINTF(3, 4);
/* against_fit.c: what the terms of one equation are on data: integrals over boxes, divided by the root of the box's volume. */
typedef struct term_values {
    pdm_size n_term, n_sample, n_box, n_cluster; /* boxes, clusters: of all samples together */
    double  *value;                              /* [n_term][n_box] */
    double  *half;                               /* [n_term][n_box]: the same, of half of the data's points */
    int32_t *cluster;                            /* [n_box]         */
} term_values;
/* A factor on one term: alone, and jointly with the others, one of which is held at 1, and so are
 * those that depend on others (NaN). */
typedef struct term_fit {
    double rms, norm, factor, error, left; /* left: rms of the residual with it */
    double joint, joint_error;
    double change, unsure; /* of the term: what half of the points change, what may be an error; relative */
} term_fit;
/* No term may vanish. fit [n_term]. */
pdm_status terms_fit(pdm_context *ctx, const term_values *v, pdm_size held, term_fit *fit, double *residual,
                     double *joint_left);
/* against_grid.c: fields of data as splines on the data's own grid. */
typedef struct data_grid {
    pdm_model   *own; /* pde and domain of the case itself */
    pdm_model   *m;   /* pde, domain and back end of a case on that grid, without conditions; one sample */
    pdm_context *ctx;
    file_inputs  x;                     /* coordinates and inputs, at the points of m's domain         */
    pdm_size     n_point;               /* of the data                                                  */
    double      *values[PDM_MAX_FIELD]; /* [n_sample][n_point]                                         */
    double      *fit[PDM_MAX_DIM];      /* [n_coef][n]: values along a dimension to coefficients        */
    double      *half_fit[PDM_MAX_DIM]; /* the same of the spline through every other value */
    pdm_size     n_used[PDM_MAX_DIM];   /* data points that its fit takes: without one that closes a period */
    bool         ends[PDM_MAX_DIM][2];  /* the grid ends where the case does                            */
    pdm_buffer  *c;                     /* [1][n_field][n_coef] of the sample that is prepared          */
    double      *work;                  /* pdm_domain_prepare_work                                      */
} data_grid;
pdm_status data_grid_open(pdm_case *c, const char *path, data_grid *out);
void       data_grid_close(data_grid *g);
/* Coefficients into g->c, inputs into g->m->data. half: as if the data had every other point of each dimension. */
pdm_status data_grid_prepare(data_grid *g, pdm_size sample, bool half);
/* against_conditions.c: how well data meet initial and boundary conditions, in words and numbers. */
pdm_status conditions_check(data_grid *g, findings *out);
/* ---- converged solutions: reference.c chooses a method and reports, reference_rounds.c has what methods share ---- */
enum { REFERENCE_MOST_ROUND = 24 };
typedef struct round_record {
    pdm_size n[PDM_MAX_DIM], unknowns, unconverged;
    double   ratio;                   /* the grid is so much finer than the one of the round before */
    double   time_tolerance;          /* 0: time is a dimension like the others                     */
    double   change, order, estimate; /* worst over samples; NaN where there is none yet            */
    double   start, seconds;
} round_record;
typedef struct reference_job reference_job;
typedef struct reference_method {
    const char *word, *name;
    const char *grid, *attribute; /* what round_record.n counts, in words and as a name */
    pdm_size    first_dim;        /* that has such a count */
    pdm_status (*run)(reference_job *j);
} reference_method;
struct reference_job {
    pdm_context            *ctx;
    pdm_case               *the_case;
    pdm_fields             *f; /* NULL: inputs are drawn */
    const char             *output;
    const reference_method *method;
    double                  tolerance, max_seconds, start;
    pdm_size                max_unknowns;

    file_inputs       x; /* inputs of the present round       */
    pdm_size          n_sample, n[PDM_MAX_DIM];
    double           *coordinate[PDM_MAX_DIM];                 /* [n]: those of the first round     */
    pdm_size          n_dim, n_field, n_element0[PDM_MAX_DIM]; /* of the case itself           */
    double            most_order;                              /* of the errors */
    double           *u, *u_before;                            /* [n_sample][n_field][n_point] */
    pdm_solve_result *result;                                  /* [n_sample]                   */
    double           *change, *order, *estimate;               /* [n_sample], relative L2      */
    round_record      record[REFERENCE_MOST_ROUND];
    pdm_size          n_round;
    bool              is_converged, falls;
    char              why[300];  /* it stopped              */
    char              note[400]; /* on the choice of method */
};
void reference_set_case(reference_job *j, const pdm_model *m); /* m: of the case itself */
/* Inputs at the points of m, output coordinates (those of the file, or the default ones of the first m), room for results. */
pdm_status reference_prepare(reference_job *j, pdm_model *m);
void       reference_swap(reference_job *j); /* before a round writes u: what is there becomes u_before */
/* Takes in a round, for which u and result are set, with its errors. */
void       reference_end_round(reference_job *j, const pdm_model *m, const round_record *done);
pdm_status reference_write(reference_job *j, pdm_model *m, double polish);
/* True, with the reason in j->why, where the next round, whose time grows with this power of the unknowns, would end too late. */
bool reference_ends(reference_job *j, pdm_size unknowns, double power);
/* Without memory for a round after the first the rounds end, and what there is stays. */
pdm_status reference_survive(reference_job *j, pdm_status status, bool *ended);
pdm_status reference_polish(reference_job *j); /* refined_polish.c  */
pdm_status reference_lines(reference_job *j);  /* reference_lines.c */
/* gating.c: pooled features, choices, and what the gate learns from. All calls do nothing where m->gating is NULL. */
pdm_status gating_create(pdm_model *m);
void       gating_destroy(pdm_model *m);
void       gating_pool(pdm_model *m, pdm_size sample, const float *features);
/* Which columns the samples have, told to the solver. */
pdm_status gating_choose(pdm_model *m, pdm_batch batch);
/* gating_record.c: what is chosen in a prediction of n samples, for o (which may be NULL), where there is a gate: begin defines variables and
 * takes memory, record keeps what is chosen for the first n samples of a batch, from sample `first` on; end puts it, sets the
 * values gate.* to means over all samples, and drops it. */
pdm_status gating_record_begin(pdm_model *m, pdm_output *o, pdm_size n);
void       gating_record(pdm_model *m, pdm_size first, pdm_size n);
pdm_status gating_record_end(pdm_model *m, pdm_output *o, pdm_size n);
void       gating_record_drop(pdm_model *m);
/* The gradient of the loss, through the ridge, into the gate's; after pdm_implicit_backward of the same samples. */
pdm_status gating_backward(pdm_model *m, pdm_batch good);
/* Turns the gradient of the loss into that of log loss + cross entropy with what groups are worth. After it all
 * columns exist. Fails with PDM_ERR_NUMERIC when the gradient is not finite. */
pdm_status gating_learn(pdm_model *m, pdm_batch good, double loss);
void       gating_update(pdm_model *m, pdm_batch good); /* the same samples */
/* gating_kin.c: gates of models that are made from models. All but the first do nothing without a gate. */
/* Do the two have gates whose weights mean the same, or none? note [size] says what differs, a against b. */
bool gates_agree(const pdm_model *a, const pdm_model *b, char *note, size_t size);
/* m becomes the mean of itself and of others whose gates agree with its own; shares add up to 1. */
typedef struct gating_mean {
    double log_price, known; /* sums over models whose price is known */
} gating_mean;
void gating_mean_begin(pdm_model *m, double share, gating_mean *mean);
void gating_mean_add(pdm_model *m, const pdm_model *other, double share, gating_mean *mean);
void gating_mean_end(pdm_model *m, const gating_mean *mean);
void gating_forget_moments(pdm_model *m);
/* The weights and use of those choices of the parent that are kept, keep [its groups]; the price for the share of unknowns that
 * they are now. */
void gating_select(pdm_model *m, const pdm_model *parent, const unsigned char *keep);
/* The parent's weights and, for as many experts, its price; a gate that the parent lacks, and usage, start anew. */
void gating_take(pdm_model *m, const pdm_model *parent);
/* gating_teach.c: the gate of m learns to choose for its experts what the parent's gate chooses for those that had their control
 * points. Fails with PDM_ERR_NUMERIC. */
pdm_status gating_teach(pdm_model *m, pdm_model *parent);
/* usage.c: how often experts and groups were chosen in recent steps of training; in the model file. */
void          usage_layout(gating *g);
void          usage_clear(gating *g);
void          usage_take(pdm_model *m, pdm_batch batch); /* what is chosen now, as that of one step */
void          usage_scale(gating *g, double share);
void          usage_add(gating *g, const gating *other, double share); /* of as many experts and groups */
void          usage_select(gating *to, const gating *from, const unsigned char *keep); /* of the groups that are kept */
pdm_status    usage_store(pdm_model *m, pdm_store *s, bool writing);
routing_usage gating_usage(const pdm_model *m);
pdm_status    usage_view(const pdm_model *m, pdm_text *out); /* usage_report.c; nothing without gate and measured boxes */
/* gating_odd.c: what training should not be silent on: a step in which every expert of every sample is null (once a run); at the
 * end of a run a share of unknowns that is far from the one wanted. */
void       gating_tell_closed(pdm_model *m);
void       gating_tell_missed(pdm_model *m);
pdm_status gating_store(pdm_model *m, pdm_store *s, bool writing);
/* partition.c: windows that are learned with the network. All calls do nothing where m->g_window is NULL. */
pdm_status partition_create(pdm_model *m);
/* After a change of logits: the windows, told to the solver. */
pdm_status partition_apply(pdm_model *m);
/* The gradient of the loss into the logits'; after pdm_implicit_backward of the same samples. */
pdm_status partition_backward(pdm_model *m, pdm_batch good);
/* Turns it into that of log loss. Fails with PDM_ERR_NUMERIC when it is not finite. */
pdm_status partition_learn(pdm_model *m, double loss);
pdm_status partition_update(pdm_model *m);
pdm_status partition_store(pdm_model *m, pdm_store *s, bool writing); /* moments where the network's are stored */
/* Logits of a parent with the same experts; of one without, windows start anew. PDM_ERR_MODEL where experts differ. */
pdm_status partition_take(pdm_model *m, const pdm_model *parent);
/* Logits of kin, n of them: sum [n] += share times those of m; those of m = logit [n], and an optimiser that starts afresh. */
pdm_size   partition_n(const pdm_model *m);
void       partition_add(const pdm_model *m, double share, double *sum);
pdm_status partition_set(pdm_model *m, const double *logit);
/* optimiser.c */
pdm_status optimiser_create(pdm_model *m);
/* The present rate of something that starts at `start` and falls like the network's. */
double     optimiser_rate(const pdm_model *m, double start);
pdm_status optimiser_step(pdm_model *m, bool *finite);

#endif
