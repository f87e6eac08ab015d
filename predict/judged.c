/* What the answers of a trained model are worth, found out from a few: left-overs of inputs that no step has drawn. */
#include "predict/predict.h"

#include <math.h>

#include "predict/predict_impl.h"

static const double DOUBTED_MOST   = 0.1;  /* of the answers, without a warning                               */
static const double NETWORKS_FAULT = 10.0; /* of the loss with all coefficients free: residuals thrice as large */

/* Answers by the model, without fields: of their points one is enough, at the end. */
typedef struct sampling {
    pdm_size          n;
    double           *input, *u;
    pdm_solve_result *result;  /* [n] */
    pdm_assessment   *verdict; /* [n] */
    pdm_output_grid  *grid;
    pdm_model_way     by;
    pdm_judge        *judge;
} sampling;

static void sampling_close(pdm_context *ctx, sampling *s)
{
    pdm_judge_destroy(&s->judge);
    pdm_model_way_close(&s->by);
    pdm_output_grid_destroy(&s->grid);
    pdm_free(ctx, s->input);
    pdm_free(ctx, s->u);
    pdm_free(ctx, s->result);
    pdm_free(ctx, s->verdict);
}

static pdm_status make_grid(pdm_model *m, pdm_output_grid **out)
{
    pdm_size n[PDM_MAX_DIM];
    double   high[PDM_MAX_DIM], *x[PDM_MAX_DIM];

    for (pdm_size j = 0; j < pdm_domain_n_dim(m->whole->domain); j++) {
        n[j]    = 1;
        high[j] = pdm_domain_spline(m->whole->domain, j)->map.high;
        x[j]    = &high[j];
    }
    if (m->whole->training.slabs > 1) { /* as far as it was trained */
        const pdm_map *time = &pdm_domain_spline(m->whole->domain, 0)->map;
        high[0] += (double)(m->whole->training.slabs - 1) * (time->high - time->low);
    }
    return pdm_output_grid_create(m->whole, m->n_batch, n, x, out);
}

/* As many as a batch, where inputs differ. */
static pdm_status run_sampling(pdm_model *m, sampling *s)
{
    pdm_status        status  = PDM_OK;
    const pdm_size    n_input = pdm_domain_n_input(m->whole->domain);
    pdm_predict_times times   = {.told = true};
    pdm_way           way;

    s->n    = n_input > 0 ? m->n_total : 1;
    s->by.m = m;
    PDM_TRY(make_grid(m, &s->grid));
    PDM_TRY(pdm_alloc_array(m->ctx, s->n * n_input, &s->input));
    PDM_TRY(pdm_alloc_array(m->ctx, s->n * pdm_domain_n_field(m->whole->domain) * s->grid->n_point, &s->u));
    PDM_TRY(pdm_alloc_array(m->ctx, s->n, &s->result));
    PDM_TRY(pdm_alloc_array(m->ctx, s->n, &s->verdict));
    PDM_TRY(pdm_inputs_draw_unseen(m->whole->inputs, s->n, s->input));
    PDM_TRY(pdm_way_of_model(&s->by, s->grid, &way));
    PDM_TRY(pdm_way_judge(&way, s->grid, PDM_JUDGE_LEFT_OVER, &s->judge));
    const pdm_share own = pdm_share_of(s->n, pdm_rank(m->ctx), pdm_n_rank(m->ctx));
    const pdm_run   run = {.n       = own.n,
                           .input   = s->input + own.first * n_input,
                           .u       = s->u, /* nobody reads them */
                           .result  = s->result,
                           .times   = &times,
                           .judge   = s->judge,
                           .verdict = s->verdict + own.first};
    PDM_TRY(pdm_predict_run(&way, s->grid, &run));
    PDM_TRY(pdm_ranks_gather_shares(m->ctx, "verdicts", true, s->n, sizeof *s->verdict, run.verdict, s->verdict));
done:
    return status;
}

/* One of which nothing is known has most. */
static pdm_judged sum_up(pdm_size n, const pdm_assessment *v)
{
    const pdm_assessment *most = &v[0];
    pdm_judged            j    = {.n = (double)n};

    for (pdm_size i = 0; i < n; i++) {
        j.doubtful += v[i].word >= PDM_VERDICT_DOUBTFUL;
        if (!(v[i].left <= most->left)) most = &v[i];
    }
    j.left     = most->left;
    j.equation = (double)most->equation;
    for (int k = 0; k < PDM_MAX_DIM; k++) j.place[k] = most->place[k];
    return j;
}

/* The model again, and its numbers at the end of the last line of its log. */
static pdm_status write_judged(pdm_model *m, const char *path)
{
    pdm_status        status = PDM_OK;
    const pdm_judged *j      = &m->state.judged;
    pdm_jsonl        *log    = NULL;
    pdm_claim        *claim  = NULL;
    pdm_text          name   = {.ctx = m->ctx};

    if (pdm_rank(m->ctx) > 0) return pdm_model_write(m, path); /* its part of it */
    PDM_TRY(pdm_claim_create(m->ctx, path, 0, &claim));
    PDM_TRY(pdm_claim_check(m->ctx, path));
    PDM_TRY(pdm_model_write(m, path));
    PDM_TRY(pdm_jsonl_name(path, &name));
    PDM_TRY(pdm_jsonl_reopen(m->ctx, name.data, &log));
    if (!log) goto done;
    pdm_jsonl_count(log, "judged", (pdm_size)j->n);
    pdm_jsonl_real(log, "judged.doubtful", j->doubtful / j->n);
    pdm_jsonl_real(log, "judged.left", j->left);
    PDM_TRY(pdm_jsonl_end(log));
done:
    pdm_jsonl_close(&log);
    pdm_claim_destroy(&claim);
    pdm_text_destroy(&name);
    return status;
}

/* What is at fault, by the loss that training ended with and that of all coefficients free, where these are known. */
static pdm_status warn(const pdm_model *m, const sampling *s)
{
    pdm_status        status = PDM_OK;
    const pdm_judged *j      = &m->state.judged;
    const double      last = pdm_values_get(&m->values, "loss.last"), unbound = pdm_values_get(&m->values, "loss.free");

    if (last > NETWORKS_FAULT * unbound) {
        pdm_log(m->ctx, PDM_LOG_WARNING, "train",
                "%.0f of %.0f answers are doubtful or wrong: this network has a loss of %.1e, and all coefficients "
                "free %.1e; more training:steps or experts:basis may help, if the grid holds the solution, which "
                "pdemoe polish tells",
                j->doubtful, j->n, last, unbound);
        goto done;
    }
    PDM_TRY(verdicts_tell(m, "train", s->n, s->verdict));
done:
    return status;
}

pdm_status pdm_model_judge(pdm_model *m, const char *path, pdm_sink sink, void *user)
{
    pdm_status   status = PDM_OK;
    sampling     s      = {0};
    pdm_text     text   = {0};
    const double start  = pdm_clock();

    if (!m) return PDM_ERR_ARGUMENT;
    text.ctx = m->ctx;
    PDM_TRY(run_sampling(m, &s));
    if (s.n > 0 && s.verdict[0].blind)
        PDM_FAIL(m->ctx, PDM_ERR_UNSUPPORTED, "the finer cells that a verdict needs cannot be had");
    m->state.judged = sum_up(s.n, s.verdict);
    pdm_model_judged_values(m);
    if (path) PDM_TRY(write_judged(m, path));
    pdm_values_set(m->ctx, &m->values, pdm_clock() - start, "seconds.judged");
    if (m->state.judged.doubtful > DOUBTED_MOST * m->state.judged.n) PDM_TRY(warn(m, &s));
    PDM_TRY(pdm_model_judged_view(m, &text));
    if (sink) sink(user, text.data);
done:
    sampling_close(m->ctx, &s);
    pdm_text_destroy(&text);
    return status == PDM_ERR_UNSUPPORTED ? status : pdm_ranks_end(m->ctx, status); /* that is so for all */
}
