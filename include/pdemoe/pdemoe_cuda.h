/* pdemoe for programs whose data are on an NVIDIA GPU: which device and stream models work in, and predictions from the
 * device's memory to the device's memory. The same for every build, and without a header of CUDA: cudaStream_t is
 * `struct CUstream_st *`. The library links nothing of CUDA; the back end "cuda" is opened when a model is made on it.
 */
#ifndef PDEMOE_PDEMOE_CUDA_H
#define PDEMOE_PDEMOE_CUDA_H

#include <pdemoe/pdemoe.h>

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;

/* Device and stream of the models on "cuda" that are made or read from now on (pdm_context_set_backend() says that they
 * are on it). device: its number as cudaSetDevice() has it; -1: the current one of the thread that makes a model.
 * stream: a stream of that device, lent until the models are destroyed; NULL: the default stream, which
 * cudaStreamLegacy and cudaStreamPerThread name, too. All of a model's work is enqueued there, behind what the program
 * has enqueued there before. Calls wait for the stream where numbers of a solve come to the host, and so for the
 * program's work in it; creating and destroying a model waits for the device.
 * The stream must not be capturing a graph. Without this call: the current device, and a stream of each model's own.
 * PDM_ERR_ARGUMENT for a device below -1; a device that is not there, or a stream of another one, is PDM_ERR_ARGUMENT
 * when a model is made. Since 0.1 */
PDM_API pdm_status pdm_context_set_cuda(pdm_context *ctx, int device, struct CUstream_st *stream);

/* pdm_model_predict() with input [n][n_input] and u [n][n_field][n_point] in memory of the model's device, or managed
 * memory: what cudaMalloc(), cudaMallocAsync() or cudaMallocManaged() gave, aligned to 8 bytes. reason [n] or NULL is
 * memory of the host, written at return. The bits of u are those of pdm_model_predict().
 * Copied to the host, a batch of training:batch samples at a time: the inputs, as lift and features are made there, and
 * numbers of the solve. u never is: it is copied on the device, field by field.
 * Input is read in the order of the model's stream: with that of pdm_context_set_cuda() what the program has enqueued
 * there before the call is seen; without one, input has to be there at the call. The call waits for the stream before
 * it ends: at return u is there for any stream.
 * Verdicts as with pdm_model_predict(). Allocates where that does, and once for inputs.
 * Fails with PDM_ERR_ARGUMENT for a model on another back end; for a pointer to memory of the host or of another device,
 * that is not aligned, or with less memory behind it, as far as the driver knows: the first and the last byte are
 * looked up; and with pdm_model_set_verdict() and pdm_model_set_estimate(), as estimates are made on the host.
 * PDM_ERR_DATA for inputs that are not finite. When a call fails, u and reason have been written for the batches
 * before. Since 0.1 */
PDM_API pdm_status pdm_model_predict_cuda(pdm_model *m, pdm_size n, const double *input, double *u, int32_t *reason);

#ifdef __cplusplus
}
#endif
#endif
