/* The model: a problem, and what answers it: a network, experts, perhaps a gate, a solver and its derivative. Public
 * calls are in pdemoe/pdemoe.h. Here: what folders above see of a model, its batch,
 * and the chain from inputs to coefficients. */
#ifndef PDM_MODEL_H
#define PDM_MODEL_H

#include "comm/comm.h"
#include "gate/gate.h"
#include "implicit_diff/implicit_diff.h"
#include "problem/problem.h"
#include "reduction/reduction.h"
#include "surrogate/surrogate.h"

/* ---- numbers by name (model/values.c): what jobs hand out through pdm_model_value() ---- */
typedef struct pdm_named_value {
    char  *name;
    double value;
} pdm_named_value;
typedef struct pdm_values {
    pdm_size         n, capacity;
    pdm_named_value *value; /* [n] */
} pdm_values;
/* Set, new or not. Where there is no memory for a new name it stays unknown, which reads as NaN. */
void pdm_values_set(pdm_context *ctx, pdm_values *v, double value, const char *format, ...) PDM_PRINTF(4, 5);
/* Numbers of a struct, by name and place. */
typedef struct pdm_number_place {
    const char *name;
    size_t      offset; /* of a double */
} pdm_number_place;
void   pdm_values_set_all(pdm_context *ctx, pdm_values *v, pdm_size n, const pdm_number_place *place, const void *from);
double pdm_values_get(const pdm_values *v, const char *name); /* NaN: not known */
void   pdm_values_destroy(pdm_context *ctx, pdm_values *v);

/* ---- the model ---- */
/* How far training is, and what it goes on from. */
enum { PDM_VERDICT_STEPS = 10 };
/* Of a few answers to inputs that no step has drawn (predict/judged.c). Doubles alone: in a file they are an array. */
typedef struct pdm_judged {
    double n, doubtful;                  /* how many, 0: none, at these weights; doubtful or wrong */
    double left;                         /* the most that one leaves over; NaN: one has no answer  */
    double equation, place[PDM_MAX_DIM]; /* of that                                                */
} pdm_judged;

/* Samples of a step on their way through slabs of time. */
typedef struct pdm_carried {
    double  *input;  /* [n_total][n_input] what the next slab begins with                 */
    double  *origin; /* of a march: [n_total][inputs of the whole] where that comes from  */
    int64_t *slab;   /* [n_total] slabs behind a sample; 0: it is drawn                   */
} pdm_carried;

typedef struct pdm_training_state {
    pdm_size    step;
    pdm_size    moments_since;                /* the step at which Adam's moments were zero; usually 0 */
    bool        moments_empty;                /* zero now, and not worth a file's space                */
    pdm_buffer *adam_m, *adam_v;              /* like the network's parameters                         */
    double      norm_mean;                    /* running mean of gradient norms, for clipping          */
    pdm_carried carried, coming;              /* into this step, and out of it                         */
    double      first_loss;                   /* sum over the first PDM_VERDICT_STEPS steps; NaN: not known */
    double      last_loss[PDM_VERDICT_STEPS]; /* of this run: of step s at (s - 1) mod PDM_VERDICT_STEPS */
    pdm_size    n_last_loss;
    double      solves[2]; /* of all steps, and those that failed; NaN: not known */
    pdm_judged  judged;    /* forgotten by the next step */
} pdm_training_state;

/* Where the fields of training:data are, for a loss on them. */
typedef struct pdm_misfit {
    pdm_point_grid   grid;
    pdm_points_plan *plan; /* NULL: not needed yet */
    pdm_buffer      *values;
} pdm_misfit;

/* Solutions to learn from (model/pool.c): slab by slab of what inputs go through in training. */
typedef struct pdm_pool {
    pdm_model     *m;                           /* lent */
    pdm_size       n, n_most, n_failed, n_draw; /* samples, room, those without a solution, batches of inputs so far */
    pdm_size       n_wanted, n_held_out;        /* batches of inputs to learn from, and behind them others           */
    pdm_size       n_learn;                     /* samples to learn from: the first; the others are held out         */
    double        *input;                       /* [n][n_input]                                                      */
    float         *target;                      /* [n][n_field][n_coef] (c - lift)/size of the field; 0 where fixed  */
    double        *square;                      /* [n_field] sums of squares of target                               */
    unsigned char *is_good;                     /* [n_total][n_slab] of the batch of inputs that is being solved     */
    pdm_free_solver *free;
} pdm_pool;
/* For the solutions of so many inputs. */
pdm_status pdm_pool_create(pdm_model *m, pdm_size n_input, pdm_pool **out);
void       pdm_pool_destroy(pdm_pool **p);
/* Up to so many batches of inputs, those of the first steps of training; fails where nothing is solved. Overwrites
 * m->samples, m->drawn and m->pick. */
pdm_status pdm_pool_fill(pdm_pool *p, pdm_size n_draw);

/* Few rows that stand for all in predictions (model/cubature.c). */
typedef struct pdm_cubature {
    pdm_model       *m; /* lent */
    pdm_row_list     list;
    pdm_reduced_rows rows;
    pdm_matrix_plan *start, *inputs; /* of their sampled inputs */
    pdm_solver      *solver;         /* on them; its weights are the model's */
    pdm_buffer      *origin;         /* like c: what columns are added to    */
    pdm_buffer      *sampled;
    pdm_buffer      *offset; /* [n_batch][n_column + 1] zeros, but for the weight of the offset */
    double           most;   /* objectives on all rows over those on few, in line */
    int32_t         *again;  /* [n_batch] */
} pdm_cubature;
void pdm_cubature_destroy(pdm_cubature **x);

/* `whole` is what the case says and users speak of: settings, inputs as they are drawn and given, points of output.
 * `problem` is what the network and the experts answer: rows, grid, back end, inputs of samples. They are the same,
 * unless the experts answer a march (experts:slabs): then it is the slab. */
struct pdm_model {
    pdm_context *ctx;
    pdm_problem *whole;
    pdm_march   *march; /* NULL: all of time at once */
    pdm_problem *problem;
    char        *case_file; /* where the case came from in the first place */
    char        *history;   /* models that this one was made from: a line each, oldest first; NULL: none */
    char        *file;      /* that it was read from, NULL: none ... */
    char         file_hash[PDM_HASH_TEXT]; /* ... and the hash of its contents */

    pdm_experts   *experts;
    pdm_surrogate *surrogate;
    pdm_solver    *solver; /* for batches of n_batch */
    pdm_implicit  *implicit;
    pdm_gate      *gate;                   /* NULL without one */
    pdm_buffer    *g_ridge, *column_worth; /* like w, with a gate */
    pdm_buffer    *g_window;               /* cotangent of learned windows; NULL: no window is learned */

    /* batch: of the n_total samples of a step `own` are this rank's, for n_batch of which there is room at a time; in
     * places 0 .. n_now - 1 are those from `first` on */
    pdm_size          n_total, n_batch, first, n_now;
    pdm_share         own;
    pdm_samples      *samples;
    double           *drawn; /* [n_batch][inputs of the whole] of a step of training */
    pdm_buffer       *features, *basis, *g_basis, *g_c;
    pdm_buffer       *g_sum; /* like the network's parameters, FP64: gradients of chunks of samples, added up */
    pdm_buffer       *base;  /* like basis, to be added to the network's output; NULL where there is none */
    pdm_arena         arena;
    int32_t          *good;              /* [n_batch] */
    int32_t          *pick;              /* [n_batch] sample of training:data */
    double           *least, *objective; /* [n_batch] for the gate */
    double           *weight;            /* [n_batch] of the loss by a sample's objective */
    double           *misfit_of;         /* [n_batch] of a sample's fields to those of training:data */
    pdm_solve_result *result;            /* [n_batch] of a host's prediction */
    pdm_routing_load  load;              /* of the last choice of the gate */

    pdm_training_state state;
    pdm_misfit         misfit;
    pdm_cubature      *cubature; /* of the weights as they are; NULL: predictions read all rows */
    bool               has_pod;  /* columns from solutions are found */
    pdm_pool          *pool;     /* NULL: nothing to learn from is needed, or yet made */
    /* made on first use */
    pdm_slab_end    *end;
    pdm_free_solver *free;
    pdm_output_grid *output; /* of pdm_model_predict */

    bool   wants_estimate; /* of predictions to files, evaluations, and where there are verdicts pdm_model_predict */
    bool   wants_verdict;  /* of pdm_model_predict */
    double polish;         /* of it: the tolerance to which all coefficients are solved for, or 0 */
    /* what pdm_model_predict keeps for the next call; NULL: not made yet */
    struct host_run *host;
    void (*host_destroy)(struct pdm_model *m);

    pdm_values values;
};

/* March and experts of a problem, which becomes the model's own, and is complete or has its scales set
 * before pdm_model_finish(). */
pdm_status pdm_model_start(pdm_problem **p, pdm_model **out);
/* Other breaks for its problem, and experts anew; where there are none all stays. Before pdm_model_finish(). */
pdm_status pdm_model_regrade(pdm_model *m, const pdm_grading *grading);
/* The same with those of another model, where the case asks for such. */
pdm_status pdm_model_take_knots(pdm_model *m, const pdm_model *from);
/* The network, its solver and optimiser, of a model whose problem has scales.
 * Fails where the case has what nobody read; where memory is short, it says which batch would fit,
 * and may have destroyed *m. */
pdm_status pdm_model_finish(pdm_model **m);
/* The file that it was read from, or "a model". Lent. */
const char *pdm_model_name(const pdm_model *m);
/* m->output, made with the coordinates of the default where there is none (model/labels.c). */
pdm_status pdm_model_default_output(pdm_model *m);
/* One line more of m->history. */
pdm_status pdm_model_remember(pdm_model *m, const char *format, ...) PDM_PRINTF(2, 3);
enum { PDM_POLISH_ITERATIONS = 200 };
/* The solver with all coefficients free, for batches of n_batch. Lent. */
pdm_status pdm_model_free_solver(pdm_model *m, pdm_free_solver **out);
/* The same for the end of a slab. */
pdm_status pdm_model_slab_end(pdm_model *m, pdm_slab_end **out);
/* In words, as far as it is made. */
pdm_status pdm_model_view(pdm_model *m, pdm_text *out);
/* "NAME: not for models that answer slab after slab (experts:slabs = 4)", for what knows nothing of a march. */
pdm_status pdm_model_refuse_march(const pdm_model *m, const char *name);

/* ---- memory by the size of the batch (model/room.c) ---- */
/* Bytes that a model with batches of n samples holds, with what training keeps beside it: fixed + n sample, in the memory
 * of its back end. Batches of up to `most` fit, 0: none does. available: what there is without it; beyond PTRDIFF_MAX it
 * is not known. */
typedef struct pdm_room {
    double   fixed, sample, available;
    bool     is_host;
    pdm_size most;
} pdm_room;
/* Of a model like *m, by models of few samples that are made for it, without a solve. *m is destroyed, to make room. */
pdm_status pdm_model_measure_room(pdm_model **m, pdm_room *out);
pdm_status pdm_room_view(const pdm_room *r, pdm_size batch, pdm_text *out);

/* ---- boxes of equal difficulty (model/boxes.c), where the case has experts:boxes = "measured" ---- */
/* Bounds for pdm_experts_create(), else *out stays. Owned by the caller. */
pdm_status pdm_model_find_boxes(const pdm_model *m, int64_t **out);
/* Experts anew with these bounds, NULL: as they are. Before pdm_model_finish(). */
pdm_status pdm_model_set_boxes(pdm_model *m, const int64_t *bounds);

/* ---- the chain, for a batch (model/batch.c) ---- */
/* Inputs [n][n_input] of the first n samples of the batch: lift, data, features, and what the gate sees. */
pdm_status pdm_model_prepare(pdm_model *m, pdm_size n, const double *input);
/* Its last part alone, for lifts that are in m->samples already: features, and what the gate sees. */
pdm_status pdm_model_prepare_network(pdm_model *m, pdm_size n, const double *input);
/* Turns to part k = 0, 1, ... of this rank's samples of a step, as many as there is room for; false where there are no
 * more. */
bool pdm_model_turn_to(pdm_model *m, pdm_size k);
/* Samples whose gradients are added up in single precision; parts and ranks have whole chunks, so that a step's gradient
 * does not depend on how many there are. */
pdm_size pdm_model_chunk(const pdm_model *m);
bool     pdm_model_turn_to_chunk(pdm_model *m, pdm_size k); /* to a chunk, of all ranks' */
/* Samples of a step that are a rank's. */
pdm_share pdm_model_share(const pdm_model *m, pdm_size rank);
/* What every rank has of x, `bytes` for each of the n_total samples, to all of them. Collective. */
pdm_status pdm_model_gather(pdm_model *m, const char *what, size_t bytes, void *x);
/* Room for about half as many, where there is no memory for more; false where it cannot be less: a gate sees all samples
 * of a step at once. Before there is room. */
bool pdm_model_halve(pdm_model *m);
/* Those of this part of a step of training, into m->samples->input, m->drawn and m->pick: drawn, or carried on from the
 * slab before. */
pdm_status pdm_model_draw(pdm_model *m, pdm_size step);
/* Inputs as they are drawn in a step, into m->drawn and m->pick, and what its samples then begin with, into
 * m->samples->input; and these once more for the interval behind one that is answered by coefficients c. */
pdm_status pdm_model_begin(pdm_model *m, pdm_size step);
pdm_status pdm_model_next_slab(pdm_model *m, pdm_buffer *c);
/* Intervals that a drawn input goes through in training: of a march, or of a roll-out; 1: it does not. */
pdm_size pdm_model_n_slab(const pdm_model *m);
/* After the solves of this part of a step of training: those that went well go on from where they ended, once the step is
 * done: pdm_model_carried(). */
pdm_status pdm_model_carry_on(pdm_model *m);
void       pdm_model_carried(pdm_model *m);
/* Basis functions of samples that are prepared: the network's output, and what the experts' prior adds. keep: for
 * backward, which is that of the network alone. */
pdm_status pdm_model_basis(pdm_model *m, pdm_batch batch, bool keep);
/* Which columns the samples have, told to the solver; m->load. Nothing without a gate. */
pdm_status pdm_model_choose(pdm_model *m, pdm_batch batch);
/* The experts' weights, from zero. */
pdm_status pdm_model_solve(pdm_model *m, pdm_batch batch);
/* The same in a prediction: on few rows, where there are such; what is out of line on all of them once more on all. */
pdm_status pdm_model_answer(pdm_model *m, pdm_batch batch);
/* Few rows, where the case has solver:rows = "few": m->cubature stays NULL where none do. Slow; overwrites the batch. */
pdm_status pdm_model_find_cubature(pdm_model *m);
/* With all coefficients free: from the experts' answer, or from the lift when nothing was trained. Answer:
 * m->free->solver's. */
pdm_status pdm_model_polish(pdm_model *m, pdm_batch batch, double tolerance);
pdm_batch  pdm_model_batch(const pdm_model *m, pdm_size n);

/* ---- the gate with the solver (model/gating.c); nothing where there is none ---- */
pdm_status pdm_model_create_gate(pdm_model *m);
/* The gradient of the loss, through the ridge, into the gate's; after pdm_implicit_backward of the same samples. */
pdm_status pdm_model_gate_backward(pdm_model *m, pdm_batch good);
/* Turns it into that of log loss + cross entropy with what groups are worth; *distance: of the two. After it all
 * columns exist. */
pdm_status pdm_model_gate_learn(pdm_model *m, pdm_batch good, double loss, double *distance);

/* ---- columns from solutions (model/pod.c), where the case has experts:prior = "pod" ---- */
/* Are there none yet? */
bool pdm_model_wants_pod(const pdm_model *m);
/* Out of a pool. Overwrites m->samples and m->basis. */
pdm_status pdm_model_find_pod(pdm_model *m, pdm_pool *p);
/* Those of another model, as many numbers as pdm_experts_pod() has. */
pdm_status pdm_model_set_pod(pdm_model *m, const double *number);

/* ---- windows that are learned with the network (model/windows.c); nothing where m->g_window is NULL ---- */
pdm_status pdm_model_create_windows(pdm_model *m);
/* After a change of logits: the windows, told to the solver. */
pdm_status pdm_model_apply_windows(pdm_model *m);
/* The gradient of the loss into the logits', onto what is there already where it is of `more` samples; after
 * pdm_implicit_backward of the same samples. */
pdm_status pdm_model_windows_backward(pdm_model *m, pdm_batch good, bool more);
/* Turns it into that of log loss. Fails with PDM_ERR_NUMERIC when it is not finite. */
pdm_status pdm_model_windows_learn(pdm_model *m, double loss);
/* rate: the present one of something that starts at pdm_experts_learning_rate(). */
pdm_status pdm_model_windows_update(pdm_model *m, double rate);
/* Logits of a parent with the same experts; of one without, windows start anew. PDM_ERR_MODEL where experts differ. */
pdm_status pdm_model_take_windows(pdm_model *m, const pdm_model *parent);
/* Those of m = logit [n], and an optimiser that starts afresh. */
pdm_status pdm_model_set_windows(pdm_model *m, const double *logit);

/* ---- what its answers are worth (model/judged.c); where m->state.judged.n > 0 ---- */
void       pdm_model_judged_values(pdm_model *m);
pdm_status pdm_model_judged_view(const pdm_model *m, pdm_text *out); /* one line */

/* ---- weights in files (model/packed.c): whole or as factors, in single or half precision ---- */
typedef struct pdm_low_rank {
    pdm_size  n_mode, n_number; /* n_number: of `factor` */
    uint16_t *rank;             /* [n_mode]; NULL: the tensor is stored whole */
    float    *factor;           /* [sum of ranks][2][n_in + n_out] */
} pdm_low_rank;
typedef struct pdm_packed {
    bool          half;
    pdm_low_rank *tensor; /* [n_tensor] of the network */
} pdm_packed;
void     pdm_packed_destroy(pdm_context *ctx, pdm_size n_tensor, pdm_packed *p);
pdm_size pdm_packed_bytes(const pdm_surrogate *net, const pdm_packed *p);
/* What a reader gets: out [n_parameter]. whole: those of tensors that are stored whole. */
pdm_status pdm_packed_unpack(const pdm_surrogate *net, const pdm_packed *p, const float *whole, float *out);

/* ---- the file (model/file.c) ---- */
/* pdm_model_write() with weights packed, and no moments of the optimiser. */
pdm_status pdm_model_write_packed(pdm_model *m, const char *path, const pdm_packed *packed);

#endif
