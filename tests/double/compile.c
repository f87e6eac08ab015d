/* NVRTC: the host compiler, run on the text. A "cubin" is a shared object. */
#include "tests/double/impl.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <nvrtc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_ARGUMENT = 64, MAX_HEADER = 64 };

typedef struct text {
    char  *p;
    size_t n;
} text;

struct _nvrtcProgram {
    char        *source, *name;
    int          n_header;
    char        *header[MAX_HEADER], *include[MAX_HEADER];
    text         cubin, log;
    bool         compiled, gone;
    nvrtcProgram next;
};

static nvrtcProgram programs; /* all that ever were */

const char *nvrtcGetErrorString(nvrtcResult result)
{
    switch (result) {
    case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_PROGRAM_CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_INTERNAL_ERROR: return "NVRTC_ERROR_INTERNAL_ERROR";
    default: return "NVRTC_ERROR unknown";
    }
}

static bool watches(void)
{
    const char *watch = getenv("PDM_DOUBLE_WATCH");
    return watch && !strcmp(watch, "1");
}

/* No version of NVRTC: who keeps compiled code by version keeps the double's apart, and that which is watched. */
nvrtcResult nvrtcVersion(int *major, int *minor)
{
    if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
    *major = CUDART_VERSION / 1000;
    *minor = watches() ? 901 : 900;
    return NVRTC_SUCCESS;
}

static bool program_ok(nvrtcProgram program, const char *what)
{
    for (nvrtcProgram p = programs; p; p = p->next)
        if (p == program && !p->gone) return true;
    double_found("%s: a program that does not exist, or not any more", what);
    return false;
}

static char *copied(const char *s)
{
    char *p = strdup(s ? s : "default_program");
    if (!p) abort();
    return p;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *out, const char *source, const char *name, int n_header,
                               const char *const *headers, const char *const *includes)
{
    ENTER();
    if (double_fails()) return NVRTC_ERROR_PROGRAM_CREATION_FAILURE;
    if (!out || !source || n_header < 0 || n_header > MAX_HEADER || (n_header > 0 && (!headers || !includes))) {
        double_found("nvrtcCreateProgram: null, or %d headers; 0 to %d expected", n_header, MAX_HEADER);
        return NVRTC_ERROR_INVALID_INPUT;
    }
    nvrtcProgram program = calloc(1, sizeof *program);
    if (!program) abort();
    program->source   = copied(source);
    program->name     = copied(name);
    program->n_header = n_header;
    for (int i = 0; i < n_header; i++) {
        program->header[i]  = copied(headers[i]);
        program->include[i] = copied(includes[i]);
    }
    program->next = programs;
    programs      = program;
    *out          = program;
    double_now.count.live_handles++;
    return NVRTC_SUCCESS;
}

static void empty(nvrtcProgram program)
{
    free(program->cubin.p);
    free(program->log.p);
    program->cubin = program->log = (text){0};
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    ENTER();
    if (!program || !program_ok(*program, "nvrtcDestroyProgram")) return NVRTC_ERROR_INVALID_PROGRAM;
    nvrtcProgram p = *program;
    empty(p);
    free(p->source);
    free(p->name);
    for (int i = 0; i < p->n_header; i++) {
        free(p->header[i]);
        free(p->include[i]);
    }
    p->gone  = true;
    *program = NULL;
    double_now.count.live_handles--;
    return NVRTC_SUCCESS;
}

/* ---- files of one compilation, in a folder of its own ---- */

static bool write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    if (!file) return false;
    const bool ok = fputs(content, file) >= 0;
    return fclose(file) == 0 && ok;
}

static text read_whole(const char *path)
{
    text  t    = {.p = calloc(1, 1)};
    FILE *file = fopen(path, "rb");
    if (file && fseek(file, 0, SEEK_END) == 0) {
        const long n = ftell(file);
        rewind(file);
        free(t.p);
        t.p = calloc(1, (size_t)n + 1);
        if (t.p) t.n = fread(t.p, 1, (size_t)n, file);
    }
    if (!t.p) abort();
    if (file) fclose(file);
    return t;
}

/* Folders of "a/b/c.h" below `folder`. */
static void make_folders(const char *folder, const char *name)
{
    char path[600];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "%s/%.*s", folder, (int)(slash - name), name);
        mkdir(path, 0700);
    }
}

static void remove_files(const char *folder, nvrtcProgram program)
{
    static const char *const files[] = {"text.c", "text.o", "text.so", "log"};
    char                     path[600];

    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    for (int i = 0; i < program->n_header; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, program->include[i]);
        unlink(path);
        for (char *slash = strrchr(path, '/'); slash && strlen(path) > strlen(folder); slash = strrchr(path, '/')) {
            *slash = '\0';
            if (strlen(path) > strlen(folder)) rmdir(path);
        }
    }
    rmdir(folder);
}

/* ---- compiling ---- */

static bool is_nvrtc_option(const char *option)
{
    static const char *const known[] = {"--gpu-architecture=compute_",
                                        "--gpu-architecture=sm_",
                                        "-arch=compute_",
                                        "-arch=sm_",
                                        "--fmad=true",
                                        "--fmad=false",
                                        "-fmad=true",
                                        "-fmad=false",
                                        "--std=c++",
                                        "-std=c++",
                                        "--use_fast_math",
                                        "-use_fast_math",
                                        "--device-as-default-execution-space",
                                        "-default-device",
                                        "--prec-div=true",
                                        "--prec-sqrt=true",
                                        "--ftz=false",
                                        "--generate-line-info",
                                        "-lineinfo",
                                        "--device-debug",
                                        "-G",
                                        "--maxrregcount=",
                                        "--split-compile=",
                                        "--minimal",
                                        "-minimal",
                                        "--disable-warnings",
                                        "-w",
                                        "--extra-device-vectorization",
                                        "--no-cache",
                                        "-no-cache"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(option, known[i], strlen(known[i]))) return true;
    return false;
}

/* The compiler's exit status. */
static int spawn(char *const argument[], const char *log)
{
    posix_spawn_file_actions_t actions;
    pid_t                      child  = 0;
    int                        status = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    if (posix_spawnp(&child, argument[0], &actions, NULL, argument, environ) == 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

static bool write_sources(nvrtcProgram program, const char *folder)
{
    char path[600];
    snprintf(path, sizeof path, "%s/text.c", folder);
    bool written = write_file(path, program->source);
    for (int i = 0; i < program->n_header; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, program->include[i]);
        make_folders(folder, program->include[i]);
        written = write_file(path, program->header[i]) && written;
    }
    return written;
}

/* In two steps: what is compiled to be watched is not to be linked with the sanitizer's library. */
static nvrtcResult compile(nvrtcProgram program, const char *const *extra, int n_extra, const char *folder)
{
    static const char *const always[] = {PDM_DOUBLE_CC,      "-c", "-fPIC",    "-O2",
                                         "-std=gnu11",       "-w", "-include", PDM_DOUBLE_FOLDER "/device.h",
                                         "-ffp-contract=off"};
    char                     source[600], object[600], module[600], log[600], include[600];
    const char              *argument[MAX_ARGUMENT];
    int                      n   = 0;
    Dl_info                  own = {0};

    if (!write_sources(program, folder) || !dladdr(&double_now, &own)) return NVRTC_ERROR_INTERNAL_ERROR;
    snprintf(source, sizeof source, "%s/text.c", folder);
    snprintf(object, sizeof object, "%s/text.o", folder);
    snprintf(module, sizeof module, "%s/text.so", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(include, sizeof include, "-I%s", folder);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) argument[n++] = always[i];
    if (watches()) argument[n++] = "-fsanitize=thread";
    for (int i = 0; i < n_extra; i++) argument[n++] = extra[i];
    argument[n++] = include;
    argument[n++] = "-o";
    argument[n++] = object;
    argument[n++] = source;
    argument[n]   = NULL;

    const char *const link[] = {PDM_DOUBLE_CC, "-shared", "-o", module, object, own.dli_fname, "-lm", NULL};
    int               status = spawn((char *const *)(uintptr_t)argument, log);
    if (status == 0) status = spawn((char *const *)(uintptr_t)link, log);
    program->log = read_whole(log);
    if (status != 0) return NVRTC_ERROR_COMPILATION;
    program->cubin    = read_whole(module);
    program->compiled = true;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int n_option, const char *const *options)
{
    ENTER();
    const char *extra[MAX_ARGUMENT / 2];
    int         n_extra = 0;
    char        folder[512];
    const char *place = getenv("TMPDIR");

    if (!program_ok(program, "nvrtcCompileProgram")) return NVRTC_ERROR_INVALID_PROGRAM;
    if (double_fails()) return NVRTC_ERROR_OUT_OF_MEMORY;
    empty(program);
    for (int i = 0; i < n_option; i++) {
        const bool for_both = !strncmp(options[i], "-D", 2) || !strncmp(options[i], "-I", 2);
        if ((for_both && n_extra == MAX_ARGUMENT / 2) || (!for_both && !is_nvrtc_option(options[i]))) {
            double_found("nvrtcCompileProgram: option \"%s\", which the double does not know", options[i]);
            return NVRTC_ERROR_INVALID_OPTION;
        }
        if (for_both) extra[n_extra++] = options[i];
    }
    snprintf(folder, sizeof folder, "%s/pdm_double_XXXXXX", place && *place ? place : "/tmp");
    if (!mkdtemp(folder)) {
        perror("cuda double: mkdtemp");
        return NVRTC_ERROR_INTERNAL_ERROR;
    }
    const nvrtcResult result = compile(program, extra, n_extra, folder);
    remove_files(folder, program);
    return result;
}

/* ---- what came of it ---- */

static nvrtcResult size_of(nvrtcProgram program, size_t *out, const char *what, bool log)
{
    ENTER();
    if (!program_ok(program, what)) return NVRTC_ERROR_INVALID_PROGRAM;
    if (double_fails()) return NVRTC_ERROR_OUT_OF_MEMORY;
    if (!out || (!log && !program->compiled)) {
        double_found("%s: %s", what, out ? "the program is not compiled" : "null");
        return NVRTC_ERROR_INVALID_INPUT;
    }
    *out = log ? program->log.n + 1 : program->cubin.n;
    return NVRTC_SUCCESS;
}

static nvrtcResult content_of(nvrtcProgram program, char *out, const char *what, bool log)
{
    size_t            n      = 0;
    const nvrtcResult result = size_of(program, &n, what, log);
    if (result != NVRTC_SUCCESS || !out) return result != NVRTC_SUCCESS ? result : NVRTC_ERROR_INVALID_INPUT;
    if (log && !program->log.p)
        *out = '\0';
    else
        memcpy(out, log ? program->log.p : program->cubin.p, n);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *out)
{
    return size_of(program, out, "nvrtcGetCUBINSize", false);
}
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *out)
{
    return content_of(program, out, "nvrtcGetCUBIN", false);
}
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *out)
{
    return size_of(program, out, "nvrtcGetPTXSize", false);
}
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *out)
{
    return content_of(program, out, "nvrtcGetPTX", false);
}
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *out)
{
    return size_of(program, out, "nvrtcGetProgramLogSize", true);
}
nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *out)
{
    return content_of(program, out, "nvrtcGetProgramLog", true);
}

/* The end of a shared object is that of its table of sections. */
bool double_is_compiled(const void *bytes, size_t *n)
{
    Elf64_Ehdr head;
    memcpy(&head, bytes, 16); /* what is no object may be short */
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return false;
    memcpy(&head, bytes, sizeof head);
    *n = (size_t)head.e_shoff + (size_t)head.e_shnum * head.e_shentsize;
    return head.e_type == ET_DYN;
}

static const int ARCHITECTURES[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

nvrtcResult nvrtcGetNumSupportedArchs(int *n)
{
    if (!n) return NVRTC_ERROR_INVALID_INPUT;
    *n = sizeof ARCHITECTURES / sizeof *ARCHITECTURES;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *out)
{
    if (!out) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, ARCHITECTURES, sizeof ARCHITECTURES);
    return NVRTC_SUCCESS;
}
