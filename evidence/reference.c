/* Converged solutions, by one of a table of methods. docs/mathematics.md, "Reference solutions". */
#include "evidence/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evidence/evidence_impl.h"

/* ---- words and numbers ---- */

static pdm_status append_number(pdm_text *text, const char *format, double value, int width)
{
    return isnan(value) ? pdm_text_append(text, "%*s", width, "-") : pdm_text_append(text, format, value);
}

static pdm_status report_rounds(const reference_job *j, pdm_text *text)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_text_append(text, "%-6s %-22s %9s  %10s  %6s  %10s  %9s\n", "round", j->method->grid, "unknowns",
                            "change", "order", "error", "time"));
    for (pdm_size i = 0; i < j->n_round; i++) {
        const round_record *r = &j->record[i];
        char                grid[96];
        size_t              used = 0;
        for (pdm_size dim = j->method->first_dim; dim < j->n_dim && used < sizeof grid; dim++)
            used += (size_t)snprintf(grid + used, sizeof grid - used, "%s%lld", used > 0 ? " x " : "",
                                     (long long)r->n[dim]);
        PDM_TRY(pdm_text_append(text, "%-6lld %-22s %9lld  ", (long long)i + 1, grid, (long long)r->unknowns));
        PDM_TRY(append_number(text, "%10.3e", r->change, 10));
        PDM_TRY(append_number(text, "  %6.2f", r->order, 8));
        PDM_TRY(append_number(text, "  %10.3e", r->estimate, 12));
        PDM_TRY(pdm_text_append(text, "  %7.2f s", r->seconds));
        if (r->unconverged > 0)
            PDM_TRY(pdm_text_append(text, "  %lld solves did not converge", (long long)r->unconverged));
        PDM_TRY(pdm_text_append(text, "\n"));
    }
done:
    return status;
}

/* The worst of the last round; or what its grid does not see. */
static pdm_status append_left_over(const reference_job *j, pdm_text *text)
{
    pdm_size worst = 0;
    for (pdm_size s = 0; s < j->n_sample; s++)
        if (j->verdict[s].unseen[0] != '\0') return pdm_text_append(text, "%s\n", j->verdict[s].unseen);
    for (pdm_size s = 1; s < j->n_sample; s++)
        if (!(j->verdict[s].left <= j->verdict[worst].left)) worst = s;
    return pdm_text_append(text,
                           "what is left over of the equations on finer cells, %.2g %% of the largest term, is "
                           "more than right answers leave, or does not fall: there may be no solution\n",
                           100.0 * j->verdict[worst].left);
}

static pdm_status report_end(const reference_job *j, pdm_text *text)
{
    pdm_status          status = PDM_OK;
    const round_record *last   = &j->record[j->n_round - 1];

    if (*j->note) PDM_TRY(pdm_text_append(text, "%s\n", j->note));
    PDM_TRY(pdm_text_append(text, "path: %s; %lld samples, worst of each shown\n", j->method->name,
                            (long long)j->n_sample));
    if (j->is_converged)
        return pdm_text_append(text,
                               "converged: estimated relative L2 error at most %.2e, tolerance %.2e; by one method "
                               "only\n",
                               last->estimate, j->tolerance);
    PDM_TRY(pdm_text_append(text, "NOT converged to %.2e: %s\n", j->tolerance, j->why));
    if (j->n_round > 2 && !j->falls)
        PDM_TRY(pdm_text_append(text, "the estimate of the error does not fall from round to round: something in the "
                                      "solution is not resolved, or there is more than one solution\n"));
    if (!j->obeyed) PDM_TRY(append_left_over(j, text));
    if (j->blank)
        PDM_TRY(pdm_text_append(text, "an answer is zero everywhere: what the equations have may lie between all "
                                      "points of all rounds\n"));
    if (last->unconverged > 0)
        PDM_TRY(pdm_text_append(text, "%lld solves of the last round did not converge; solver_reason says why\n",
                                (long long)last->unconverged));
done:
    return status;
}

static void give_numbers(const reference_job *j, pdm_number numbers, void *user)
{
    const round_record *last = &j->record[j->n_round - 1];
    char                name[48];

    numbers(user, "converged", j->is_converged ? 1.0 : 0.0);
    numbers(user, "rounds", (double)j->n_round);
    numbers(user, "samples", (double)j->n_sample);
    numbers(user, "unknowns", (double)last->unknowns);
    numbers(user, "error_estimate", last->estimate);
    numbers(user, "seconds", pdm_clock() - j->start);
    for (pdm_size s = 0; s < j->n_sample; s++) {
        snprintf(name, sizeof name, "error_estimate.%lld", (long long)s);
        numbers(user, name, j->estimate[s]);
    }
}

/* ---- choice of the method ---- */

static const reference_method methods[] = {
    {"polish", "refined polish", "control points", "control_points", 0, reference_polish},
    {"lines", "method of lines", "nodes", "nodes", 1, reference_lines},
};

static const reference_method *find_method(const char *word)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(word, methods[i].word) == 0) return &methods[i];
    return NULL;
}

/* The method of lines where it is built and gets through the first round, else the refined polish, with a note why. */
static pdm_status run_auto(reference_job *j)
{
    j->method = find_method("lines");
    if (pdm_lines_is_built()) {
        const pdm_status status = j->method->run(j);
        if (j->n_round > 0 || (status != PDM_ERR_ARGUMENT && status != PDM_ERR_NUMERIC)) return status;
        snprintf(j->note, sizeof j->note, "not by %s", pdm_context_error(j->ctx));
    }
    j->method = find_method("polish");
    j->start  = pdm_clock();
    return j->method->run(j);
}

static pdm_status run(reference_job *j, const char *word)
{
    pdm_status status = PDM_OK;
    if (!word || strcmp(word, "auto") == 0) return run_auto(j);
    j->method = find_method(word);
    if (!j->method)
        PDM_FAIL(j->ctx, PDM_ERR_ARGUMENT, "method \"%s\"; \"auto\", \"polish\" or \"lines\" expected", word);
    PDM_TRY(j->method->run(j));
done:
    return status;
}

void pdm_reference_settings_init(pdm_reference_settings *s, size_t size)
{
    const pdm_reference_settings defaults = {.size = sizeof defaults, .tolerance = 1e-4};
    pdm_settings_fill(s, size, &defaults, sizeof defaults);
}

static pdm_status check_arguments(pdm_context *ctx, const pdm_reference_settings *s)
{
    pdm_status status = PDM_OK;
    if (s->n_sample < 0 || s->n_sample > PDM_MAX_COUNT || (s->input && s->n_sample > 0))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%lld samples; 0 with a file of inputs, 0 or more without one expected",
                 (long long)s->n_sample);
    if (!(s->tolerance > 0.0) || !isfinite(s->tolerance))
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "tolerance %g; a number above 0 expected", s->tolerance);
    if (s->max_unknowns < 0)
        PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "at most %lld unknowns; 0 or more expected", (long long)s->max_unknowns);
    if (!(s->max_seconds >= 0.0)) PDM_FAIL(ctx, PDM_ERR_ARGUMENT, "%g seconds; 0 or more expected", s->max_seconds);
done:
    return status;
}

pdm_status pdm_case_reference(pdm_case *c, const char *output, const pdm_reference_settings *settings, pdm_sink sink,
                              pdm_number numbers, void *user)
{
    pdm_status             status = PDM_OK;
    reference_job         *j      = NULL;
    pdm_output            *o      = NULL;
    pdm_text               text   = {0};
    pdm_reference_settings s;

    if (!c) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(pdm_case_context(c), output, "the path of a file to write");
    pdm_context *ctx = pdm_case_context(c);
    text.ctx         = ctx;
    pdm_reference_settings_init(&s, sizeof s);
    PDM_TRY(pdm_settings_take(ctx, "pdm_reference_settings", settings, &s, sizeof s));
    PDM_TRY(check_arguments(ctx, &s));
    PDM_TRY(pdm_alloc(ctx, sizeof *j, &j));
    *j = (reference_job){.ctx          = ctx,
                         .the_case     = c,
                         .output       = output,
                         .tolerance    = s.tolerance,
                         .max_seconds  = s.max_seconds,
                         .max_unknowns = s.max_unknowns,
                         .n_sample     = s.n_sample,
                         .start        = pdm_clock()};
    PDM_TRY(pdm_output_create(ctx, output, &o)); /* a path that cannot be written fails before the work */
    pdm_output_destroy(&o);
    if (s.input) PDM_TRY(pdm_fields_open(ctx, s.input, &j->f));
    PDM_TRY(run(j, s.method));
    PDM_TRY(report_rounds(j, &text));
    PDM_TRY(report_end(j, &text));
    if (sink) sink(user, text.data);
    if (numbers) give_numbers(j, numbers, user);
done:
    pdm_output_destroy(&o);
    pdm_text_destroy(&text);
    if (j) {
        pdm_fields_close(&j->f);
        for (pdm_size dim = 0; dim < PDM_MAX_DIM; dim++) pdm_free(ctx, j->coordinate[dim]);
        pdm_file_inputs_destroy(ctx, &j->x);
        pdm_free(ctx, j->u);
        pdm_free(ctx, j->u_before);
        pdm_free(ctx, j->result);
        pdm_free(ctx, j->change);
        pdm_free(ctx, j->order);
        pdm_free(ctx, j->estimate);
        pdm_free(ctx, j->verdict);
        pdm_free(ctx, j->left_before);
        pdm_free(ctx, j);
    }
    return status;
}
