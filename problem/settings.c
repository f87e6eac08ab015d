/* Settings of group "training": what is drawn and how it is solved in training, and how weights are changed. */
#include "problem/problem.h"

#define TRAINING_SETTINGS(X)                                                                                         \
    X(steps, PDM_SETTING_COUNT, 400, 0, 1e9, NULL, "1", "training steps")                                            \
    X(batch, PDM_SETTING_COUNT, 4, 1, 4096, NULL, "1", "inputs per step")                                            \
    X(guess_steps, PDM_SETTING_COUNT, 0, 0, 1e9, NULL, "1",                                                          \
      "first steps, in which the guess of the network learns from solutions with all coefficients free")             \
    X(solutions, PDM_SETTING_COUNT, 256, 1, 1e6, NULL, "1", "inputs of which these are")                             \
    X(slabs, PDM_SETTING_COUNT, 1, 1, 1e6, NULL, "1", "time intervals that a drawn input goes through, a step each") \
    X(seed, PDM_SETTING_COUNT, 1, 0, 1e15, NULL, "1", "of weights and inputs")                                       \
    X(checkpoint_every, PDM_SETTING_COUNT, 50, 1, 1e9, NULL, "1", "steps between checkpoints")                       \
    X(learning_rate, PDM_SETTING_REAL, 2e-3, 0.0, 1.0, NULL, "1", "of Adam, at the start")                           \
    X(final_rate, PDM_SETTING_REAL, 0.0, 0.0, 1.0, NULL, "1",                                                        \
      "learning rate at the last step, relative to the first (cosine)")                                              \
    X(warmup, PDM_SETTING_COUNT, 0, 0, 1e9, NULL, "1", "steps over which the rate rises from zero")                  \
    X(clip, PDM_SETTING_REAL, 3.0, 0.1, 1e30, NULL, "1",                                                             \
      "gradient norms are cut at this multiple of their running mean")                                               \
    X(loss, PDM_SETTING_CHOICE, 0, 0, 2, "physics|data|mix", "1",                                                    \
      "the objective itself, the misfit to given fields, or both")                                                   \
    X(data_weight, PDM_SETTING_REAL, 0.5, 0.0, 1.0, NULL, "1", "share of the misfit in loss = \"mix\"")              \
    X(tolerance, PDM_SETTING_REAL, 1e-3, 1e-14, 1e-1, NULL, "1", "of the solver in training (see solver:tolerance)") \
    X(max_iter, PDM_SETTING_COUNT, 20, 1, 10000, NULL, "1", "of the solver in training")

#define SETTING(name_, type_, fallback_, low_, high_, choices_, unit_, help_) \
    {#name_, type_, offsetof(pdm_training_settings, name_), fallback_, low_, high_, choices_, unit_, help_},
static const pdm_setting settings_table[] = {TRAINING_SETTINGS(SETTING)};
#undef SETTING
enum { N_SETTING = sizeof settings_table / sizeof *settings_table };

pdm_status pdm_training_settings_read(pdm_case *c, pdm_training_settings *out)
{
    return pdm_case_settings(c, "training", settings_table, N_SETTING, out);
}

pdm_status pdm_training_settings_view(pdm_text *out)
{
    pdm_status status = PDM_OK;
    PDM_TRY(pdm_settings_view("training", settings_table, N_SETTING, out));
    PDM_TRY(pdm_text_append(out, "  %-16s  %-7s  %-16s  %s\n", "data", "none", "a file's name",
                            "samples of all inputs, and for loss = data or mix of the fields"));
done:
    return status;
}
