/* Predicts for inputs that are on the device, in a stream of the program's own, with a trained model that has as many
 * inputs as are given:
 *     example_predict_cuda MODEL.nc INPUT ...       prints how the solve ended, and the largest value of the fields */
#include <pdemoe/pdemoe_cuda.h>
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What the program has on the device: inputs of one sample, and room for its fields. */
typedef struct fields {
    cudaStream_t stream;
    size_t       in, out; /* bytes */
    double      *input, *u;
} fields;

static cudaError_t fields_create(const pdm_model *m, const double *input, fields *f)
{
    cudaError_t error = cudaSuccess;

    f->in  = (size_t)pdm_model_n_input(m) * sizeof(double);
    f->out = (size_t)(pdm_model_n_field(m) * pdm_model_n_point(m)) * sizeof(double);
    error  = cudaMalloc((void **)&f->input, f->in);
    if (error == cudaSuccess) error = cudaMalloc((void **)&f->u, f->out);
    if (error == cudaSuccess) error = cudaMemcpyAsync(f->input, input, f->in, cudaMemcpyHostToDevice, f->stream);
    return error;
}

/* Here they come to the host; a simulation goes on from them on the device. */
static cudaError_t fields_print(const fields *f, int32_t reason)
{
    double           *host = malloc(f->out), largest = 0.0;
    const cudaError_t error = host ? cudaMemcpy(host, f->u, f->out, cudaMemcpyDeviceToHost) : cudaErrorMemoryAllocation;

    for (size_t i = 0; i < f->out / sizeof *host && error == cudaSuccess; i++) largest = fmax(largest, fabs(host[i]));
    if (error == cudaSuccess) printf("solver %d, largest value %.6g\n", (int)reason, largest);
    free(host);
    return error;
}

int main(int argc, char **argv)
{
    pdm_context *ctx       = NULL;
    pdm_model   *model     = NULL;
    fields       f         = {0};
    double       input[16] = {0};
    int32_t      reason    = 0;

    if (argc < 2 || argc > 18 || pdm_context_create(NULL, &ctx) != PDM_OK) return 2;
    for (int i = 2; i < argc; i++) input[i - 2] = strtod(argv[i], NULL);
    cudaError_t error  = cudaStreamCreateWithFlags(&f.stream, cudaStreamNonBlocking);
    pdm_status  status = pdm_context_set_backend(ctx, "cuda");
    if (status == PDM_OK) status = pdm_context_set_cuda(ctx, -1, f.stream);
    if (status == PDM_OK) status = pdm_model_read(ctx, argv[1], &model);
    const int fits = status == PDM_OK && pdm_model_n_input(model) == argc - 2;
    if (fits && error == cudaSuccess) error = fields_create(model, input, &f);
    if (fits && error == cudaSuccess) status = pdm_model_predict_cuda(model, 1, f.input, f.u, &reason);
    if (fits && error == cudaSuccess && status == PDM_OK) error = fields_print(&f, reason);

    if (status != PDM_OK)
        fprintf(stderr, "%s\n", pdm_context_error(ctx));
    else if (error != cudaSuccess)
        fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
    else if (!fits)
        fprintf(stderr, "%s has %lld inputs\n", argv[1], (long long)pdm_model_n_input(model));
    pdm_model_destroy(&model); /* before its stream */
    cudaFree(f.input);
    cudaFree(f.u);
    cudaStreamDestroy(f.stream);
    pdm_context_destroy(&ctx);
    return status != PDM_OK || error != cudaSuccess || !fits;
}
