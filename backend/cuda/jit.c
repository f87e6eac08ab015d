#define _GNU_SOURCE /* mkdir, getpid */

#include "backend/cuda/jit.h"

#include <errno.h>
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

static void architecture(const pdm_cuda *cu, char *option, size_t size)
{
    snprintf(option, size, "--gpu-architecture=sm_%d%d", cu->properties.major, cu->properties.minor);
}

static pdm_status compile(pdm_cuda *cu, const char *text, const char *name, cubin *out)
{
    static const char *const INCLUDED[] = {"backend/cuda/device.h", "backend/cuda/axis.h", "backend/cuda/term.h"};
    const char *const        included[] = {cuda_device_text, cuda_axis_text, cuda_term_text};
    pdm_status               status     = PDM_OK;
    nvrtcProgram             program    = NULL;
    char                     arch[64];

    architecture(cu, arch, sizeof arch);
    NVRTC_TRY(cu, nvrtcCreateProgram(&program, text, name, 3, included, INCLUDED));
    const nvrtcResult code = nvrtcCompileProgram(program, 1, (const char *const[]){arch});
    if (code != NVRTC_SUCCESS) PDM_TRY(fail_to_compile(cu, program, code));
    NVRTC_TRY(cu, nvrtcGetCUBINSize(program, &out->size));
    PDM_TRY(pdm_alloc(cu->base.ctx, out->size, &out->bytes));
    NVRTC_TRY(cu, nvrtcGetCUBIN(program, out->bytes));
done:
    if (program) (void)nvrtcDestroyProgram(&program);
    return status;
}

static XXH128_hash_t hash_of(const pdm_cuda *cu, const char *text)
{
    const char   *part[] = {text, cuda_device_text, cuda_axis_text, cuda_term_text};
    char          option[128];
    int           major = 0, minor = 0;
    XXH128_hash_t hash;

    (void)nvrtcVersion(&major, &minor);
    architecture(cu, option, sizeof option);
    hash = XXH3_128bits(option, strlen(option));
    hash = XXH3_128bits_withSeed(&major, sizeof major, hash.low64 ^ (uint64_t)minor);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        hash = XXH3_128bits_withSeed(part[i], strlen(part[i]), hash.low64 ^ hash.high64);
    return hash;
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
        (void)mkdir(folder, 0777);
        *c = '/';
    }
    (void)mkdir(folder, 0777);
}

static bool file_name(char path[PATH_MAX], XXH128_hash_t hash, const char *ending)
{
    char folder[PATH_MAX];
    if (!cache_folder(folder)) return false;
    const int n = snprintf(path, PATH_MAX, "%s/%016llx%016llx.%s", folder, (unsigned long long)hash.high64,
                           (unsigned long long)hash.low64, ending);
    return n > 0 && n < PATH_MAX;
}

/* The code with the hash of its bytes in front: half a file is none. */
static pdm_status read_cached(pdm_cuda *cu, XXH128_hash_t hash, cubin *out)
{
    pdm_status    status = PDM_OK;
    XXH128_hash_t said;
    char          path[PATH_MAX];
    FILE         *file = file_name(path, hash, "cubin") ? fopen(path, "rb") : NULL;
    long          size = -1;

    if (!file) return PDM_OK;
    if (fseek(file, 0, SEEK_END) == 0) size = ftell(file) - (long)sizeof said;
    rewind(file);
    if (size <= 0 || fread(&said, sizeof said, 1, file) != 1) goto done;
    out->size = (size_t)size;
    PDM_TRY(pdm_alloc(cu->base.ctx, out->size, &out->bytes));
    if (fread(out->bytes, out->size, 1, file) != 1 || !XXH128_isEqual(said, XXH3_128bits(out->bytes, out->size))) {
        pdm_free(cu->base.ctx, out->bytes);
        *out = (cubin){0};
    }
done:
    (void)fclose(file);
    return status;
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

static void write_cached(XXH128_hash_t hash, const char *text, const cubin *code)
{
    const XXH128_hash_t of_code = XXH3_128bits(code->bytes, code->size);
    char                folder[PATH_MAX];

    if (!cache_folder(folder)) return;
    make_folders(folder);
    write_file(hash, "cu", NULL, 0, text, strlen(text));
    write_file(hash, "cubin", &of_code, sizeof of_code, code->bytes, code->size);
}

/* ---- libraries ---- */

static pdm_status find_code(pdm_cuda *cu, const char *text, XXH128_hash_t hash, cubin *out)
{
    pdm_status status = PDM_OK;
    char       name[64];

    PDM_TRY(read_cached(cu, hash, out));
    if (out->bytes) goto done;
    snprintf(name, sizeof name, "%016llx%016llx.cu", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    PDM_TRY(compile(cu, text, name, out));
    write_cached(hash, text, out);
done:
    return status;
}

pdm_status cuda_jit_library(pdm_cuda *cu, const char *text, cudaLibrary_t *out)
{
    pdm_status          status = PDM_OK;
    const XXH128_hash_t hash   = hash_of(cu, text);
    cuda_jit           *made   = NULL;
    cubin               code   = {0};

    for (const cuda_jit *k = cu->jit; k; k = k->next)
        if (XXH128_isEqual(k->hash, hash)) {
            *out = k->library;
            return PDM_OK;
        }
    PDM_TRY(find_code(cu, text, hash, &code));
    PDM_TRY(pdm_alloc(cu->base.ctx, sizeof *made, &made));
    CUDA_TRY(cu, cudaLibraryLoadData(&made->library, code.bytes, NULL, NULL, 0, NULL, NULL, 0));
    made->hash = hash;
    made->next = cu->jit;
    cu->jit    = made;
    *out       = made->library;
    made       = NULL;
done:
    pdm_free(cu->base.ctx, made);
    pdm_free(cu->base.ctx, code.bytes);
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
