/* The CPU back end: its table, buffers in host memory, threads. */
#include "backend/cpu/cpu_impl.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

#include "backend/cpu/network_impl.h"

/* ---- threads ----
 * OpenBLAS splits sums by its number of threads, so it runs on one thread wherever we call it. The OpenMP variant looks
 * at omp_get_max_threads() at each call (and starts a nested team inside a region of one thread otherwise: 100 times
 * slower); the pthread variant has a number of its own, which is the process's: another context that restores it
 * meanwhile costs speed and last bits, not correctness. */

/* The host's settings, kept while OpenBLAS has to run on one thread. */
typedef struct host_threads {
    int omp, blas;
} host_threads;

static host_threads take_threads(const pdm_cpu *cpu)
{
    const host_threads saved = {omp_get_max_threads(), openblas_get_num_threads()};
    if (cpu->blas == CPU_BLAS_OPENMP)
        omp_set_num_threads(1);
    else if (saved.blas != 1)
        openblas_set_num_threads(1);
    return saved;
}

static void restore_threads(const pdm_cpu *cpu, host_threads saved)
{
    if (cpu->blas == CPU_BLAS_OPENMP)
        omp_set_num_threads(saved.omp);
    else if (saved.blas != 1)
        openblas_set_num_threads(saved.blas);
}

/* First thing in each thread of the pool. The number is the thread's own. */
static void begin_thread(void *user)
{
    const pdm_cpu *cpu = user;
    if (cpu->blas == CPU_BLAS_OPENMP) omp_set_num_threads(1);
}

void pdm_cpu_for(pdm_cpu *cpu, pdm_size n_task, pdm_cpu_task fn, void *user)
{
    const host_threads saved = take_threads(cpu);

    if (cpu->n_thread > 1 && n_task > 1 && !omp_in_parallel()) {
        pdm_cpu_pool_run(cpu->pool, n_task, fn, user);
    } else {
        for (pdm_size i = 0; i < n_task; i++) fn(user, i, 0);
    }
    restore_threads(cpu, saved);
}

/* All of the new scratch before any of the old is given up: on failure the plans that live keep what they have. */
void pdm_cpu_share(pdm_cpu *team, pdm_size n_task, pdm_cpu_task fn, void *user)
{
    if (team)
        pdm_cpu_for(team, n_task, fn, user);
    else
        for (pdm_size i = 0; i < n_task; i++) fn(user, i, 0);
}

pdm_status pdm_cpu_reserve(pdm_cpu *cpu, size_t bytes)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = cpu->base.ctx;
    void       **larger = NULL;

    if (bytes <= cpu->scratch_bytes) return PDM_OK;
    PDM_TRY(pdm_alloc_array(ctx, cpu->n_thread, &larger));
    for (int i = 0; i < cpu->n_thread; i++) PDM_TRY(pdm_alloc(ctx, bytes, &larger[i]));
    void **old         = cpu->scratch;
    cpu->scratch       = larger;
    cpu->scratch_bytes = bytes;
    larger             = old;
done:
    for (int i = 0; larger && i < cpu->n_thread; i++) pdm_free(ctx, larger[i]);
    pdm_free(ctx, larger);
    return status;
}

/* ---- buffers ---- */

static pdm_status buffer_create_cpu(pdm_backend *b, size_t bytes, pdm_buffer **out)
{
    pdm_status  status = PDM_OK;
    pdm_buffer *buffer = NULL;

    PDM_TRY(pdm_alloc(b->ctx, sizeof *buffer, &buffer));
    buffer->bytes = bytes;
    PDM_TRY(pdm_alloc(b->ctx, bytes, &buffer->host));
    *out   = buffer;
    buffer = NULL;
done:
    b->ops->buffer_destroy(b, &buffer);
    return status;
}

static void buffer_destroy_cpu(pdm_backend *b, pdm_buffer **buffer)
{
    if (!buffer || !*buffer) return;
    pdm_free(b->ctx, (*buffer)->host);
    pdm_free(b->ctx, *buffer);
    *buffer = NULL;
}

static pdm_status acquire_cpu(pdm_backend *b, pdm_buffer *buffer, pdm_access access, void **host)
{
    pdm_status status = PDM_OK;

    if (buffer->written) PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a buffer is acquired while a writer holds it");
    if (access != PDM_READ && buffer->n_reader > 0)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a buffer is acquired for writing while %lld readers hold it",
                 (long long)buffer->n_reader);
    if (access == PDM_READ)
        buffer->n_reader++;
    else
        buffer->written = true;
    *host = buffer->host;
done:
    return status;
}

static pdm_status release_cpu(pdm_backend *b, pdm_buffer *buffer, void **host)
{
    pdm_status status = PDM_OK;

    if (!*host || *host != buffer->host)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a pointer is released that acquire() did not give");
    if (!buffer->written && buffer->n_reader == 0)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "a buffer is released that nobody holds");
    if (buffer->written)
        buffer->written = false;
    else
        buffer->n_reader--;
    *host = NULL;
done:
    return status;
}

static pdm_status copy_cpu(pdm_backend *b, pdm_buffer *to, const pdm_buffer *from, size_t to_offset, size_t from_offset,
                           size_t bytes)
{
    pdm_status status = PDM_OK;

    if (to_offset > to->bytes || bytes > to->bytes - to_offset)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "%zu bytes are copied to offset %zu of a buffer of %zu", bytes, to_offset,
                 to->bytes);
    if (from_offset > from->bytes || bytes > from->bytes - from_offset)
        PDM_FAIL(b->ctx, PDM_ERR_INTERNAL, "%zu bytes are copied from offset %zu of a buffer of %zu", bytes,
                 from_offset, from->bytes);
    memmove((char *)to->host + to_offset, (const char *)from->host + from_offset, bytes);
done:
    return status;
}

static pdm_status synchronise_cpu(pdm_backend *b)
{
    (void)b; /* operations are done when they return */
    return PDM_OK;
}

/* ---- life ---- */

static void destroy_cpu(pdm_backend *b)
{
    pdm_context *ctx = b->ctx;
    pdm_cpu_finish(pdm_cpu_of(b));
    pdm_free(ctx, b);
}

static const char *blas_text(cpu_blas blas)
{
    return blas == CPU_BLAS_OPENMP ? "OpenMP" : "pthread";
}

static pdm_status view_cpu(pdm_backend *b, pdm_text *out)
{
    pdm_status     status = PDM_OK;
    const pdm_cpu *cpu    = pdm_cpu_of(b);

    PDM_TRY(pdm_text_append(out, "back end         %s\n", b->ops->name));
    PDM_TRY(pdm_text_append(out, "instruction set  %s, %d doubles a vector\n", cpu->kernels->isa, cpu->kernels->lanes));
    PDM_TRY(pdm_text_append(out, "BLAS             %s, %s variant\n", openblas_get_config(), blas_text(cpu->blas)));
    PDM_TRY(
        pdm_text_append(out, "threads          %d, %zu bytes of scratch each\n", cpu->n_thread, cpu->scratch_bytes));
done:
    return status;
}

const pdm_backend_ops pdm_cpu_ops = {
    .version = PDM_BACKEND_OPS_VERSION,
    .name    = "cpu",
    .destroy = destroy_cpu,
    .view    = view_cpu,

    .buffer_create  = buffer_create_cpu,
    .buffer_destroy = buffer_destroy_cpu,
    .acquire        = acquire_cpu,
    .release        = release_cpu,
    .copy           = copy_cpu,
    .synchronise    = synchronise_cpu,

    .rows_create        = rows_create_cpu,
    .rows_destroy       = rows_destroy_cpu,
    .rows_residual      = rows_residual_cpu,
    .rows_linearise     = rows_linearise_cpu,
    .rows_weigh         = rows_weigh_cpu,
    .rows_apply         = rows_apply_cpu,
    .rows_apply_adjoint = rows_apply_adjoint_cpu,
    .rows_partials      = rows_partials_cpu,
    .rows_curvature     = rows_curvature_cpu,
    .rows_second_order  = rows_second_order_cpu,

    .points_create           = points_create_cpu,
    .points_destroy          = points_destroy_cpu,
    .points_evaluate         = points_evaluate_cpu,
    .points_evaluate_adjoint = points_evaluate_adjoint_cpu,

    .columns_create           = columns_create_cpu,
    .columns_destroy          = columns_destroy_cpu,
    .columns_select           = columns_select_cpu,
    .columns_windows          = columns_windows_cpu,
    .columns_build            = columns_build_cpu,
    .columns_start            = columns_start_cpu,
    .columns_expand           = columns_expand_cpu,
    .columns_reduce           = columns_reduce_cpu,
    .columns_backward         = columns_backward_cpu,
    .columns_windows_backward = columns_windows_backward_cpu,

    .blocks_create   = blocks_create_cpu,
    .blocks_destroy  = blocks_destroy_cpu,
    .blocks_select   = blocks_select_cpu,
    .normal_create   = normal_create_cpu,
    .normal_destroy  = normal_destroy_cpu,
    .normal_assemble = normal_assemble_cpu,
    .blocks_factor   = blocks_factor_cpu,
    .blocks_solve    = blocks_solve_cpu,
    .blocks_worth    = blocks_worth_cpu,
    .blocks_diagonal = blocks_diagonal_cpu,

    .nest_create  = nest_create_cpu,
    .nest_destroy = nest_destroy_cpu,
    .nest_factor  = nest_factor_cpu,
    .nest_solve   = nest_solve_cpu,

    .matrix_create  = matrix_create_cpu,
    .matrix_destroy = matrix_destroy_cpu,
    .matrix_apply   = matrix_apply_cpu,

    .vector_dots     = vector_dots_cpu,
    .vector_combine  = vector_combine_cpu,
    .vector_multiply = vector_multiply_cpu,
    .vector_positive = vector_positive_cpu,

    .fourier_create         = fourier_create_cpu,
    .fourier_destroy        = fourier_destroy_cpu,
    .fourier_lift           = fourier_lift_cpu,
    .fourier_layer          = fourier_layer_cpu,
    .fourier_head           = fourier_head_cpu,
    .fourier_head_backward  = fourier_head_backward_cpu,
    .fourier_layer_backward = fourier_layer_backward_cpu,
    .fourier_lift_backward  = fourier_lift_backward_cpu,
    .adam_f32               = adam_f32_cpu,
    .norm2_f32              = norm2_f32_cpu,
    .combine_f32            = combine_f32_cpu,
    .widen_f32              = widen_f32_cpu,
    .narrow_f64             = narrow_f64_cpu,
};

pdm_status pdm_cpu_start(pdm_context *ctx, const pdm_backend_ops *ops, pdm_cpu *cpu)
{
    pdm_status status = PDM_OK;

    cpu->base     = (pdm_backend){.ops = ops, .ctx = ctx};
    cpu->n_thread = pdm_context_threads(ctx);
    cpu->kernels  = pdm_cpu_kernels_best();
    cpu->blas     = (cpu_blas)openblas_get_parallel();
    if (cpu->blas == CPU_BLAS_SERIAL)
        PDM_FAIL(ctx, PDM_ERR_UNSUPPORTED,
                 "OpenBLAS (%s) is its serial variant, which gives wrong numbers when called from several threads; "
                 "the OpenMP variant is expected (Debian: libopenblas0-openmp)",
                 openblas_get_config());
    PDM_TRY(pdm_alloc_array(ctx, cpu->n_thread, &cpu->scratch));
    if (cpu->n_thread > 1) PDM_TRY(pdm_cpu_pool_create(ctx, cpu->n_thread, begin_thread, cpu, &cpu->pool));
done:
    return status;
}

void pdm_cpu_finish(pdm_cpu *cpu)
{
    pdm_cpu_pool_destroy(&cpu->pool);
    for (int i = 0; cpu->scratch && i < cpu->n_thread; i++) pdm_free(cpu->base.ctx, cpu->scratch[i]);
    pdm_free(cpu->base.ctx, cpu->scratch);
}

pdm_status pdm_cpu_create(pdm_context *ctx, pdm_backend **out)
{
    pdm_status status = PDM_OK;
    pdm_cpu   *cpu    = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *cpu, &cpu));
    PDM_TRY(pdm_cpu_start(ctx, &pdm_cpu_ops, cpu));
    *out = &cpu->base;
    cpu  = NULL;
done:
    if (cpu) destroy_cpu(&cpu->base);
    return status;
}

pdm_status pdm_cpu_force_isa(pdm_backend *b, const char *isa)
{
    pdm_status status = PDM_OK;

    for (const pdm_cpu_kernels *const *k = pdm_cpu_kernels_all(); *k; k++)
        if (pdm_text_equal((*k)->isa, isa) && pdm_cpu_kernels_supported(*k)) {
            pdm_cpu_of(b)->kernels = *k;
            goto done;
        }
    PDM_FAIL(b->ctx, PDM_ERR_UNSUPPORTED, "this build or this machine has no instruction set \"%s\"", isa);
done:
    return status;
}
