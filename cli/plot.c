#include "cli/cli.h"

#include <stdio.h>

#include "plot/plot.h"

static const option_info table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(options, output), true, "PICTURE",
     "picture; its ending .png, .svg or .pdf says which kind"},
    {"sample", 0, OPTION_INDEX, offsetof(options, sample), false, "N",
     "only this sample, from 0; the first three by default"},
    {"field", 0, OPTION_TEXT, offsetof(options, field), false, "NAME", "only this field; all by default"},
    {"routing", 0, OPTION_FLAG, offsetof(options, routing), false, NULL,
     "with a gate or measured boxes: experts and their columns, beside the fields"},
    {"width", 0, OPTION_COUNT, offsetof(options, width), false, "PIXELS",
     "width; 150 pixels an inch by default, 1600 where wide"},
    {"title", 0, OPTION_TEXT, offsetof(options, title), false, "TEXT", "title; by default that of the file"},
};

static void print_result(const plot_result *r, const options *o)
{
    say("%s: %d x %d pixels", o->output, r->pixels_x, r->pixels_y);
    if (r->n_sample > 0) say(", %zu sample%s", r->n_sample, r->n_sample == 1 ? "" : "s");
    if (o->operand[1]) say(", relative L2 error %.4f %%", 100.0 * r->error);
    putchar('\n');
}

static void print_json(const plot_result *r, const options *o)
{
    json_begin("plot", o);
    json_text("kind", r->kind);
    json_count("width", r->pixels_x);
    json_count("height", r->pixels_y);
    json_count("samples", (pdm_size)r->n_sample);
    json_count("not_finite", (pdm_size)r->n_missing);
    if (o->operand[1]) json_real("error", r->error);
    json_end();
}

static exit_code run(session *s, const options *o)
{
    exit_code          code = CODE_FINE;
    plot_result        r    = {0};
    const plot_request q    = {.file      = o->operand[0],
                               .reference = o->operand[1],
                               .output    = o->output,
                               .field     = o->field,
                               .title     = o->title,
                               .sample    = o->sample,
                               .width     = o->width,
                               .routing   = o->routing};

    if (o->n_set > 0) return fail(s, CODE_USAGE, "plot: --set changes a case; no case is read here");
    CLI_TRY(check_output(s));
    CLI_TRY(check(s, plot_draw(s->ctx, &q, &r)));
    if (o->json)
        print_json(&r, o);
    else
        print_result(&r, o);
done:
    return code;
}

const command plot_command = {
    .name     = "plot",
    .operands = "FILE [REFERENCE.nc]",
    .summary  = "draw fields, errors or a training run",
    .details =
        "Draws what is in FILE:\n"
        "  fields (a prediction, a reference)  over time and space, as maps, or as lines;\n"
        "  with REFERENCE.nc                   beside the reference, with the difference and its relative L2 error, "
        "on\n"
        "                                      the coordinates that both have;\n"
        "  MODEL.log.jsonl, or MODEL.nc        loss, gradient, failed solves and learning rate of the training.\n\n"
        "With --routing a prediction of a model with a gate: experts as boxes, with the columns that they have for "
        "each\n"
        "sample, beside its fields (of several times: below maps, of one sample); or of one with measured boxes.\n\n"
        "Colours are the same for all samples of a field. Values that are not finite are grey, and counted.",
    .n_needed  = 1,
    .n_operand = 2,
    .option    = table,
    .n_option  = sizeof table / sizeof *table,
    .run       = run,
};
