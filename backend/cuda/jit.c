#define _GNU_SOURCE /* O_CLOEXEC, mkdir, getpid */

#include "backend/cuda/jit.h"

#include <fcntl.h>
#include <limits.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "backend/cuda/texts.h"

struct cuda_jit {
    cuda_jit     *next;
    XXH128_hash_t hash;
    cudaLibrary_t library;
};

#define NVRTC_TRY(cu, call)                                                                                       \
    do {                                                                                                          \
        const nvrtcResult nvrtc_code = (call);                                                                    \
        if (nvrtc_code != NVRTC_SUCCESS)                                                                          \
            PDM_FAIL((cu)->base.ctx, PDM_ERR_INTERNAL, "NVRTC: %s (" #call ")", nvrtcGetErrorString(nvrtc_code)); \
    } while (0)

/* Compiled code. */
typedef struct cubin {
    char  *bytes;
    size_t size;
} cubin;

enum { MOST_BYTES = 1 << 26 }; /* of compiled code, in a file */

static void cubin_free(pdm_cuda *cu, cubin *code)
{
    pdm_free(cu->base.ctx, code->bytes);
    *code = (cubin){0};
}

/* ---- the compiler ---- */

/* The compiler's own words, with the line that it stumbled on. */
static pdm_status fail_to_compile(pdm_cuda *cu, nvrtcProgram program, nvrtcResult code)
{
    pdm_status status = PDM_OK;
    size_t     size   = 0;
    char      *log    = NULL;

    NVRTC_TRY(cu, nvrtcGetProgramLogSize(program, &size));
    PDM_TRY(pdm_alloc(cu->base.ctx, size + 1, &log));
    NVRTC_TRY(cu, nvrtcGetProgramLog(program, log));
    PDM_FAIL(cu->base.ctx, PDM_ERR_INTERNAL, "kernels of the PDE do not compile: %s: %.600s", nvrtcGetErrorString(code),
             log);
done:
    pdm_free(cu->base.ctx, log);
    return status;
}

/* What to compile for: the device's own architecture, or, of one that the compiler does not know, the newest before it,
 * as PTX, which the driver compiles. */
typedef struct target {
    char option[64];
    bool is_ptx;
} target;

static pdm_status find_target(pdm_cuda *cu, target *out)
{
    pdm_status status  = PDM_OK;
    const int  wanted  = 10 * cu->properties.major + cu->properties.minor;
    int        n_known = 0, best = 0, *known = NULL;

    NVRTC_TRY(cu, nvrtcGetNumSupportedArchs(&n_known));
    PDM_TRY(pdm_alloc_array(cu->base.ctx, n_known, &known));
    NVRTC_TRY(cu, nvrtcGetSupportedArchs(known));
    for (int i = 0; i < n_known; i++)
        if (known[i] <= wanted && known[i] > best) best = known[i];
    out->is_ptx = best < wanted;
    snprintf(out->option, sizeof out->option, "--gpu-architecture=%s_%d", out->is_ptx ? "compute" : "sm", best);
done:
    pdm_free(cu->base.ctx, known);
    return status;
}

static pdm_status take_code(pdm_cuda *cu, nvrtcProgram program, const target *t, cubin *out)
{
    pdm_status status = PDM_OK;

    NVRTC_TRY(cu, t->is_ptx ? nvrtcGetPTXSize(program, &out->size) : nvrtcGetCUBINSize(program, &out->size));
    PDM_TRY(pdm_alloc(cu->base.ctx, out->size, &out->bytes));
    NVRTC_TRY(cu, t->is_ptx ? nvrtcGetPTX(program, out->bytes) : nvrtcGetCUBIN(program, out->bytes));
done:
    return status;
}

static pdm_status compile(pdm_cuda *cu, const char *text, const char *name, const target *t, cubin *out)
{
    pdm_status   status  = PDM_OK;
    nvrtcProgram program = NULL;

    NVRTC_TRY(cu, nvrtcCreateProgram(&program, text, name, CUDA_INCLUDES, cuda_include_text, cuda_include_name));
    const nvrtcResult code = nvrtcCompileProgram(program, 1, (const char *const[]){t->option});
    if (code != NVRTC_SUCCESS) PDM_TRY(fail_to_compile(cu, program, code));
    PDM_TRY(take_code(cu, program, t, out));
done:
    if (program) (void)nvrtcDestroyProgram(&program);
    return status;
}

static XXH128_hash_t hash_of(const char *text, const target *t)
{
    int           version[2] = {0};
    XXH128_hash_t hash       = XXH3_128bits(t->option, strlen(t->option));

    (void)nvrtcVersion(&version[0], &version[1]);
    hash = XXH3_128bits_withSeed(version, sizeof version, hash.low64);
    for (int i = 0; i < CUDA_INCLUDES; i++)
        hash = XXH3_128bits_withSeed(cuda_include_text[i], strlen(cuda_include_text[i]), hash.low64 ^ hash.high64);
    return XXH3_128bits_withSeed(text, strlen(text), hash.low64 ^ hash.high64);
}

/* ---- the folder: what fails there costs time alone ---- */

static bool cache_folder(char folder[PATH_MAX])
{
    const char *said = getenv("PDEMOE_KERNELS"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int         n = -1;

    if (said && *said)
        n = snprintf(folder, PATH_MAX, "%s", said);
    else if (cache && *cache)
        n = snprintf(folder, PATH_MAX, "%s/pdemoe", cache);
    else if (home && *home)
        n = snprintf(folder, PATH_MAX, "%s/.cache/pdemoe", home);
    return n > 0 && n < PATH_MAX;
}

/* Makes a folder and those above it. */
static void make_folders(char *folder)
{
    for (char *c = folder + 1; *c; c++) {
        if (*c != '/') continue;
        *c = '\0';
        (void)mkdir(folder, 0700);
        *c = '/';
    }
    (void)mkdir(folder, 0700);
}

static bool file_name(char path[PATH_MAX], XXH128_hash_t hash, const char *ending)
{
    char folder[PATH_MAX];
    if (!cache_folder(folder)) return false;
    const int n = snprintf(path, PATH_MAX, "%s/%016llx%016llx.%s", folder, (unsigned long long)hash.high64,
                           (unsigned long long)hash.low64, ending);
    return n > 0 && n < PATH_MAX;
}

/* The code, with the hash of its bytes in front: half a file is none, and whatever else may lie there. */
static void read_cached(pdm_cuda *cu, XXH128_hash_t hash, cubin *out)
{
    XXH128_hash_t said;
    struct stat   is;
    char          path[PATH_MAX];
    const int     file = file_name(path, hash, "cubin") ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

    if (file < 0) return;
    const bool likely =
        fstat(file, &is) == 0 && S_ISREG(is.st_mode) && is.st_size > (off_t)sizeof said && is.st_size < MOST_BYTES;
    if (likely && pdm_alloc(cu->base.ctx, (size_t)is.st_size - sizeof said, &out->bytes) == PDM_OK) {
        out->size        = (size_t)is.st_size - sizeof said;
        const bool whole = read(file, &said, sizeof said) == (ssize_t)sizeof said &&
                           read(file, out->bytes, out->size) == (ssize_t)out->size;
        if (!whole || !XXH128_isEqual(said, XXH3_128bits(out->bytes, out->size))) cubin_free(cu, out);
    }
    (void)close(file);
}

/* Written beside and renamed: other processes see all of it or nothing. */
static void write_file(XXH128_hash_t hash, const char *ending, const void *head, size_t head_size, const void *bytes,
                       size_t size)
{
    char path[PATH_MAX], part[PATH_MAX + 32];

    if (!file_name(path, hash, ending)) return;
    snprintf(part, sizeof part, "%s.%ld", path, (long)getpid());
    FILE *file = fopen(part, "wb");
    if (!file) return;
    const bool whole = (head_size == 0 || fwrite(head, head_size, 1, file) == 1) && fwrite(bytes, size, 1, file) == 1;
    if (fclose(file) != 0 || !whole || rename(part, path) != 0) (void)remove(part);
}

static void write_text(XXH128_hash_t hash, const char *text)
{
    char folder[PATH_MAX];

    if (!cache_folder(folder)) return;
    make_folders(folder);
    write_file(hash, "cu", NULL, 0, text, strlen(text));
}

static void write_code(XXH128_hash_t hash, const cubin *code)
{
    const XXH128_hash_t of_code = XXH3_128bits(code->bytes, code->size);
    write_file(hash, "cubin", &of_code, sizeof of_code, code->bytes, code->size);
}

/* ---- libraries ---- */

static cudaError_t load(const cubin *code, cudaLibrary_t *out)
{
    return cudaLibraryLoadData(out, code->bytes, NULL, NULL, 0, NULL, NULL, 0);
}

/* From the folder, where it lies there and the driver takes it; else compiled, and put there. The text goes before, for
 * what the compiler may say of it. */
static pdm_status make_library(pdm_cuda *cu, const char *text, const target *t, XXH128_hash_t hash, cudaLibrary_t *out)
{
    pdm_status status = PDM_OK;
    cubin      code   = {0};
    char       name[64];

    read_cached(cu, hash, &code);
    if (code.bytes && load(&code, out) == cudaSuccess) goto done;
    (void)cudaGetLastError();
    cubin_free(cu, &code);
    write_text(hash, text);
    snprintf(name, sizeof name, "%016llx%016llx.cu", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    PDM_TRY(compile(cu, text, name, t, &code));
    CUDA_TRY(cu, load(&code, out));
    write_code(hash, &code);
done:
    cubin_free(cu, &code);
    return status;
}

pdm_status cuda_jit_library(pdm_cuda *cu, const char *text, cudaLibrary_t *out)
{
    pdm_status status = PDM_OK;
    cuda_jit  *made   = NULL;
    target     t;

    PDM_TRY(find_target(cu, &t));
    const XXH128_hash_t hash = hash_of(text, &t);
    for (const cuda_jit *k = cu->jit; k; k = k->next)
        if (XXH128_isEqual(k->hash, hash)) {
            *out = k->library;
            return PDM_OK;
        }
    PDM_TRY(pdm_alloc(cu->base.ctx, sizeof *made, &made));
    PDM_TRY(make_library(cu, text, &t, hash, &made->library));
    made->hash = hash;
    made->next = cu->jit;
    cu->jit    = made;
    *out       = made->library;
    made       = NULL;
done:
    pdm_free(cu->base.ctx, made);
    return status;
}

pdm_status cuda_jit_kernel(pdm_cuda *cu, cudaLibrary_t library, const char *name, const void **out)
{
    pdm_status   status = PDM_OK;
    cudaKernel_t kernel = NULL;

    CUDA_TRY(cu, cudaLibraryGetKernel(&kernel, library, name));
    *out = (const void *)kernel;
done:
    return status;
}

void cuda_jit_destroy(pdm_cuda *cu)
{
    while (cu->jit) {
        cuda_jit *k = cu->jit;
        cu->jit     = k->next;
        (void)cudaLibraryUnload(k->library);
        pdm_free(cu->base.ctx, k);
    }
}
