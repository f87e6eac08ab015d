/* Kernels made of programs, as text: those of every shipped case compile by NVRTC, which needs no GPU, by turns for the
 * oldest architecture of the build and a newer one. */
#include <check.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda/term_text.h"
#include "backend/cuda/texts.h"
#include "domain/domain.h"
#include "io/io.h"
#include "pde/pde.h"

static const char *const CASES[] = {"advection1d/advection1d",
                                    "allen_cahn/allen_cahn",
                                    "burgers/burgers",
                                    "burgers/burgers_random",
                                    "conduction3d/conduction3d",
                                    "darcy/darcy",
                                    "diffusion_sorption/diffusion_sorption",
                                    "diffusion_sorption/diffusion_sorption_columns",
                                    "heat2d/heat2d",
                                    "heat_source/heat_source",
                                    "kuramoto_sivashinsky/kuramoto_sivashinsky",
                                    "navier_stokes/navier_stokes",
                                    "plume/plume",
                                    "poisson/poisson",
                                    "reaction_diffusion/reaction_diffusion",
                                    "reaction_diffusion/reaction_diffusion_t5",
                                    "wave1d/wave1d"};
enum { N_CASE = sizeof CASES / sizeof *CASES };

static void compile(const char *text, const char *name, const char *architecture)
{
    nvrtcProgram program = NULL;
    size_t       size    = 0;

    ck_assert_int_eq(nvrtcCreateProgram(&program, text, name, CUDA_INCLUDES, cuda_include_text, cuda_include_name),
                     NVRTC_SUCCESS);
    if (nvrtcCompileProgram(program, 1, &architecture) != NVRTC_SUCCESS) {
        ck_assert_int_eq(nvrtcGetProgramLogSize(program, &size), NVRTC_SUCCESS);
        char *log = calloc(size + 1, 1);
        ck_assert_int_eq(nvrtcGetProgramLog(program, log), NVRTC_SUCCESS);
        ck_abort_msg("%s for %s: %s", name, architecture, log);
    }
    ck_assert_int_eq(nvrtcGetCUBINSize(program, &size), NVRTC_SUCCESS);
    ck_assert_uint_gt(size, 1000);
    ck_assert_int_eq(nvrtcDestroyProgram(&program), NVRTC_SUCCESS);
}

START_TEST(kernels_of_a_case_compile)
    {
        pdm_context *ctx = NULL;
        pdm_case    *c   = NULL;
        pdm_pde     *pde = NULL;
        pdm_domain  *d   = NULL;
        char         path[512];

        ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
        snprintf(path, sizeof path, "%s/cases/%s.cdl", PDM_SOURCE_DIR, CASES[_i]);
        ck_assert_msg(pdm_case_read(ctx, path, &c) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_msg(pdm_pde_create(ctx, c, &pde) == PDM_OK, "%s", pdm_context_error(ctx));
        ck_assert_msg(pdm_domain_create(ctx, c, pde, NULL, &d) == PDM_OK, "%s", pdm_context_error(ctx));
        const pdm_rows_desc *rows = pdm_domain_rows(d);
        pdm_text             text = {.ctx = ctx};
        ck_assert_int_eq(cuda_terms_write(&text, rows), PDM_OK);
        compile(text.data, CASES[_i], _i % 2 ? "--gpu-architecture=sm_80" : "--gpu-architecture=sm_90");
        pdm_text_destroy(&text);
        pdm_domain_destroy(&d);
        pdm_pde_destroy(&pde);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_texts");
    TCase *t     = tcase_create("texts");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, kernels_of_a_case_compile, 0, N_CASE);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
