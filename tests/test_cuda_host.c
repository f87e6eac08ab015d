/* A program whose data are on the device: predictions from there to there, in its stream, on the double of the
 * toolkit. */
#include <check.h>
#include <cuda_runtime_api.h>
#include <stdlib.h>
#include <string.h>

#include "pdemoe/pdemoe_cuda.h"
#include "tests/double/reach.h"
#include "tests/models.h"

enum { BATCH = 3, N = 2 * BATCH + 1 }; /* the last batch is not full */

/* ---- the toolkit, as the double has it ---- */

static struct toolkit {
    cudaError_t (*cudaMalloc)(void **p, size_t bytes);
    cudaError_t (*cudaMallocHost)(void **p, size_t bytes);
    cudaError_t (*cudaFree)(void *p);
    cudaError_t (*cudaFreeHost)(void *p);
    cudaError_t (*cudaMemcpy)(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind);
    cudaError_t (*cudaMemcpyAsync)(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s);
    cudaError_t (*cudaSetDevice)(int device);
    cudaError_t (*cudaStreamCreate)(cudaStream_t *stream);
    cudaError_t (*cudaStreamDestroy)(cudaStream_t stream);
    void (*pdm_double_device)(int n, int capability, size_t bytes);
} cuda;

#define DID(call) ck_assert_int_eq(call, cudaSuccess)

/* False: on a GPU, where nothing here is counted. */
static bool find_toolkit(void)
{
    if (!double_is_here()) return false;
#define FIND(name) ck_assert(double_find(#name, &cuda.name))
    FIND(cudaMalloc), FIND(cudaMallocHost), FIND(cudaFree), FIND(cudaFreeHost), FIND(cudaMemcpy), FIND(cudaMemcpyAsync);
    FIND(cudaSetDevice), FIND(cudaStreamCreate), FIND(cudaStreamDestroy), FIND(pdm_double_device);
#undef FIND
    return true;
}

/* ---- models, and what they are asked ---- */

/* Heat from a field that is given, and may go on from what it has become. */
static const word GOES_ON[] = {{"pde", "fields", "u"},
                               {"pde/residuals", "u", "dt(u) - dx(0.1*dx(u))"},
                               {"pde/initial", "u", "u0"},
                               {"pde/boundary", "x_min", "u = 0"},
                               {"pde/boundary", "x_max", "u = 0"},
                               {"inputs/u0", "distribution", "gaussian_field(length=0.4, kind=dirichlet)"},
                               {"inputs/u0", "dimensions", "x"},
                               {"domain", "dimensions", "t x"},
                               {"domain/t", "extent", "0 1"},
                               {"domain/t", "control_points", "10"},
                               {"domain/x", "extent", "0 1"},
                               {"domain/x", "control_points", "12"}};
static const word SOURCE[]  = {{"inputs/f", "distribution", "gaussian_field(length=0.2)"}};

static const struct kind {
    int         number; /* -1: none */
    const word *words;
    size_t      n_word;
    const char *slabs;
    pdm_size    n_time; /* of the output; 0: the default grid */
    double      time[3];
} KINDS[] = {{PROBLEM_HEAT, NULL, 0, "1", 0, {0}},
             {PROBLEM_POISSON, SOURCE, 1, "1", 0, {0}},
             {PROBLEM_POSITIVE, NULL, 0, "1", 0, {0}},
             {PROBLEM_VORTICITY, NULL, 0, "1", 0, {0}},
             {-1, GOES_ON, sizeof GOES_ON / sizeof *GOES_ON, "1", 3, {0.1, 1.25, 2.5}}, /* a roll-out */
             {-1, GOES_ON, sizeof GOES_ON / sizeof *GOES_ON, "2", 2, {0.25, 0.75}}};
enum { N_KIND = sizeof KINDS / sizeof *KINDS };

static pdm_model *model_of_kind(const struct kind *k)
{
    static const word SMALL[] = {{"surrogate", "width", "4"},  {"surrogate", "layers", "1"},
                                 {"surrogate", "hidden", "4"}, {"surrogate", "modes", "1"},
                                 {"training", "batch", "3"},   {"experts", "basis", "3"}};
    pdm_case         *c       = NULL;
    OK(k->number < 0 ? pdm_case_create(ctx, &c) : problem_case(ctx, k->number, &c));
    set(c, sizeof SMALL / sizeof *SMALL, SMALL);
    set(c, k->n_word, k->words);
    OK(pdm_case_set_text(c, "experts", "slabs", k->slabs));
    pdm_model *m = model_of(c);
    if (k->n_time > 0) OK(pdm_model_set_output(m, "t", k->n_time, k->time));
    return m;
}

/* A call, with room for what it reads and writes on both sides. */
typedef struct call {
    pdm_model *m;
    size_t     in, out; /* bytes of all inputs, of all fields */
    double    *input, *u, *got, *d_input, *d_u;
    int32_t    reason[N], got_reason[N];
} call;

static void open_call(const struct kind *k, call *x)
{
    *x            = (call){.m = model_of_kind(k)};
    x->in         = (size_t)(N * pdm_model_n_input(x->m)) * sizeof(double);
    x->out        = (size_t)(N * pdm_model_n_field(x->m) * pdm_model_n_point(x->m)) * sizeof(double);
    x->input      = calloc(1, x->in + 8);
    x->u          = calloc(1, x->out);
    x->got        = calloc(1, x->out);
    void *d_input = NULL, *d_u = NULL;
    DID(cuda.cudaMalloc(&d_input, x->in + 8));
    DID(cuda.cudaMalloc(&d_u, x->out));
    x->d_input = d_input;
    x->d_u     = d_u;
    OK(pdm_inputs_draw_unseen(x->m->whole->inputs, N, x->input));
}

static void close_call(call *x)
{
    free(x->input), free(x->u), free(x->got);
    DID(cuda.cudaFree(x->d_input));
    DID(cuda.cudaFree(x->d_u));
    pdm_model_destroy(&x->m);
}

static pdm_status predict_there(call *x)
{
    return pdm_model_predict_cuda(x->m, N, x->d_input, x->d_u, x->got_reason);
}

/* What is on the device, bit by bit. */
static void compare(call *x)
{
    DID(cuda.cudaMemcpy(x->got, x->d_u, x->out, cudaMemcpyDeviceToHost));
    ck_assert_mem_eq(x->got, x->u, x->out);
    ck_assert_mem_eq(x->got_reason, x->reason, sizeof x->reason);
}

/* ---- tests ---- */

START_TEST(fields_are_those_of_the_host)
    {
        call x;
        if (!find_toolkit()) return;
        open_context();
        OK(pdm_context_set_backend(ctx, "cuda"));
        open_call(&KINDS[_i], &x);
        DID(cuda.cudaMemcpy(x.d_input, x.input, x.in, cudaMemcpyHostToDevice));
        OK(pdm_model_set_verdict(x.m, 1));
        OK(pdm_model_predict(x.m, N, x.input, x.u, x.reason));
        const double unconverged = pdm_model_value(x.m, "unconverged"), none = pdm_model_value(x.m, "verdict.none");
        OK(predict_there(&x));
        compare(&x);
        ck_assert_double_eq(pdm_model_value(x.m, "unconverged"), unconverged);
        ck_assert_double_eq(pdm_model_value(x.m, "verdict.none"), none);
        close_call(&x);
        close_context();
    }
END_TEST

/* To the host come the inputs in place of the fields, and all else as ever; to the device nothing more does. And no
 * more memory is taken, from the second call on. */
START_TEST(fields_do_not_come_to_the_host)
    {
        call     x;
        pdm_size calls[3];
        if (!find_toolkit()) return;
        open_context();
        OK(pdm_context_set_backend(ctx, "cuda"));
        open_call(&KINDS[_i], &x);
        DID(cuda.cudaMemcpy(x.d_input, x.input, x.in, cudaMemcpyHostToDevice));
        OK(pdm_model_predict(x.m, N, x.input, x.u, x.reason));
        OK(predict_there(&x));
        pdm_context_memory(ctx, NULL, NULL, &calls[0]);
        const pdm_double_count before = double_counts();
        OK(pdm_model_predict(x.m, N, x.input, x.u, x.reason));
        const pdm_double_count between = double_counts();
        pdm_context_memory(ctx, NULL, NULL, &calls[1]);
        OK(predict_there(&x));
        const pdm_double_count after = double_counts();
        pdm_context_memory(ctx, NULL, NULL, &calls[2]);
        const int64_t n_batch = (N + BATCH - 1) / BATCH;
        const int64_t fields = n_batch * BATCH * (int64_t)x.out / N, inputs = n_batch * BATCH * (int64_t)x.in / N;
        ck_assert_int_eq(after.bytes_to_host - between.bytes_to_host,
                         between.bytes_to_host - before.bytes_to_host - fields + inputs);
        ck_assert_int_eq(after.bytes_to_device - between.bytes_to_device,
                         between.bytes_to_device - before.bytes_to_device);
        ck_assert_int_eq(after.live, before.live);
        ck_assert_int_eq(after.live_pinned, before.live_pinned);
        ck_assert_int_eq(calls[2] - calls[1], calls[1] - calls[0]);
        close_call(&x);
        close_context();
    }
END_TEST

/* Inputs that are on their way in the program's stream when it calls are those that are read. A model takes no stream of
 * its own then, and leaves the program's. */
START_TEST(work_is_in_the_programs_stream)
    {
        call         x;
        cudaStream_t stream = NULL, given = NULL;
        if (!find_toolkit()) return;
        open_context();
        DID(cuda.cudaStreamCreate(&stream));
        given = _i == 0 ? stream : _i == 1 ? NULL : _i == 2 ? cudaStreamLegacy : cudaStreamPerThread;
        OK(pdm_context_set_backend(ctx, "cuda"));
        const int64_t before = double_counts().live_handles;
        pdm_model    *own    = model_of_kind(&KINDS[0]);
        const int64_t of_own = double_counts().live_handles - before;
        pdm_model_destroy(&own);
        OK(pdm_context_set_cuda(ctx, _i % 2 - 1, given));
        open_call(&KINDS[0], &x);
        ck_assert_int_eq(double_counts().live_handles - before, of_own - 1);
        OK(pdm_model_predict(x.m, N, x.input, x.u, x.reason));
        DID(cuda.cudaMemcpyAsync(x.d_input, x.input, x.in, cudaMemcpyHostToDevice, given));
        OK(predict_there(&x));
        ck_assert_int_eq(double_counts().pending, 0);
        compare(&x);
        close_call(&x);
        DID(cuda.cudaStreamDestroy(stream));
        close_context();
    }
END_TEST

#define REFUSED(call, words)                      \
    do {                                          \
        ck_assert_int_eq(call, PDM_ERR_ARGUMENT); \
        SAYS(words);                              \
    } while (0)

START_TEST(wrong_memory_is_refused)
    {
        call   x;
        double on_host[8] = {0};
        void  *pinned = NULL, *small = NULL, *elsewhere = NULL;
        if (!find_toolkit()) return;
        cuda.pdm_double_device(2, 90, (size_t)1 << 30);
        open_context();
        OK(pdm_context_set_backend(ctx, "cuda"));
        open_call(&KINDS[0], &x);
        DID(cuda.cudaMemcpy(x.d_input, x.input, x.in, cudaMemcpyHostToDevice));
        OK(pdm_model_predict(x.m, N, x.input, x.u, x.reason));
        DID(cuda.cudaMallocHost(&pinned, x.out));
        DID(cuda.cudaMalloc(&small, 1024)); /* what follows it is closed, as it fills 256 bytes */
        DID(cuda.cudaSetDevice(1));
        DID(cuda.cudaMalloc(&elsewhere, x.out));
        DID(cuda.cudaSetDevice(0));
        ck_assert_uint_gt(x.out, 1024);
        REFUSED(pdm_model_predict_cuda(x.m, N, on_host, x.d_u, NULL), "input: its first byte");
        REFUSED(pdm_model_predict_cuda(x.m, N, x.d_input, on_host, NULL), "u: its first byte");
        SAYS("none of a device; memory of device 0, or managed memory, expected");
        REFUSED(pdm_model_predict_cuda(x.m, N, x.d_input, pinned, NULL), "pinned memory of the host");
        REFUSED(pdm_model_predict_cuda(x.m, N, x.d_input, small, NULL), "u: its last byte");
        SAYS("bytes expected there");
        REFUSED(pdm_model_predict_cuda(x.m, N, x.d_input, elsewhere, NULL), "is on device 1; the model is on device 0");
        REFUSED(pdm_model_predict_cuda(x.m, N, (double *)(void *)((char *)x.d_input + 4), x.d_u, NULL),
                "is not a multiple of 8");
        REFUSED(pdm_model_predict_cuda(x.m, N, NULL, x.d_u, NULL), "input is NULL");
        REFUSED(pdm_model_predict_cuda(x.m, N, x.d_input, NULL, NULL), "u is NULL");
        REFUSED(pdm_model_predict_cuda(x.m, -1, x.d_input, x.d_u, NULL), "-1 samples");
        OK(pdm_model_set_verdict(x.m, 1));
        OK(pdm_model_set_estimate(x.m, 1));
        REFUSED(predict_there(&x), "estimates of errors are made on the host");
        OK(pdm_model_set_estimate(x.m, 0));
        OK(predict_there(&x));
        compare(&x);
        DID(cuda.cudaFreeHost(pinned));
        DID(cuda.cudaFree(small));
        DID(cuda.cudaFree(elsewhere));
        close_call(&x);
        close_context();
    }
END_TEST

START_TEST(wrong_devices_and_back_ends_are_refused)
    {
        double       number[64] = {0};
        cudaStream_t stream     = NULL;
        pdm_case    *c          = NULL;
        pdm_model   *m          = NULL;
        if (!find_toolkit()) return;
        cuda.pdm_double_device(2, 90, (size_t)1 << 30);
        open_context();
        DID(cuda.cudaStreamCreate(&stream));
        OK(pdm_context_set_backend(ctx, "cuda"));
        OK(problem_case(ctx, PROBLEM_HEAT, &c));
        OK(pdm_context_set_cuda(ctx, 2, NULL));
        REFUSED(pdm_model_create(c, &m), "there is no device 2; 0 to 1 are there");
        OK(pdm_context_set_cuda(ctx, 1, stream));
        REFUSED(pdm_model_create(c, &m), "the stream is of device 0; one of device 1 expected");
        OK(pdm_context_set_cuda(ctx, 1, NULL));
        OK(pdm_model_create(c, &m));
        REFUSED(pdm_model_predict_cuda(m, 1, number, number, NULL), "memory of device 1");
        pdm_model_destroy(&m);
        OK(pdm_context_set_backend(ctx, "cpu"));
        OK(pdm_model_create(c, &m));
        REFUSED(pdm_model_predict_cuda(m, 1, number, number, NULL),
                "on the back end \"cpu\"; one on \"cuda\" expected");
        pdm_model_destroy(&m);
        pdm_case_destroy(&c);
        DID(cuda.cudaStreamDestroy(stream));
        close_context();
    }
END_TEST

/* Every call of a library fails once: that is said, and the next time is right. */
START_TEST(failures_are_survived)
    {
        call       x;
        pdm_status status = PDM_ERR_INTERNAL;
        if (!find_toolkit()) return;
        open_context();
        OK(pdm_context_set_backend(ctx, "cuda"));
        open_call(&KINDS[0], &x);
        DID(cuda.cudaMemcpy(x.d_input, x.input, x.in, cudaMemcpyHostToDevice));
        OK(pdm_model_predict(x.m, N, x.input, x.u, x.reason));
        for (int64_t k = 1; status != PDM_OK; k += 1 + k / 32) {
            double_fail_at(k);
            status = predict_there(&x);
            double_fail_at(0);
            if (status != PDM_OK) ck_assert(strlen(pdm_context_error(ctx)) > 0);
        }
        OK(predict_there(&x));
        compare(&x);
        close_call(&x);
        close_context();
    }
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda_host");
    TCase *tests = tcase_create("host");

    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, fields_are_those_of_the_host, 0, N_KIND);
    tcase_add_loop_test(tests, fields_do_not_come_to_the_host, 0, N_KIND);
    tcase_add_loop_test(tests, work_is_in_the_programs_stream, 0, 4);
    tcase_add_test(tests, wrong_memory_is_refused);
    tcase_add_test(tests, wrong_devices_and_back_ends_are_refused);
    tcase_add_test(tests, failures_are_survived);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
