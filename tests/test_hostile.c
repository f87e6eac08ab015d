/* Model files from strangers: bytes and contents of a sound one are altered, with the hashes made anew so that the
 * alteration gets past them. Reading such a file says no, or reads it; a crash is tolerated inside of HDF5 and NetCDF
 * alone, never with a frame of ours innermost.
 * usage: test_hostile [EVERY]   only one alteration in EVERY (10) */
#define _GNU_SOURCE /* dladdr, mkdtemp */
#include "io/io.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netcdf.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

enum {
    FORMAT    = 3, /* the newest of kind "model" */
    MAX_ENTRY = 200,
    NAME_SIZE = 160,
    PATH_SIZE = 200,
    SEAL      = 48, /* bytes at the end of a model file: "\npdemoe seal 1 ", 32 digits, "\n" */
    REFUSED   = 30, /* exit codes of a child */
    READ      = 31,
    CRASHED   = 32, /* inside of a library */
    OURS      = 33,
    CPU_LIMIT = 20 /* s; a case may ask for much work */
};

/* What a model file holds: one array or text each, as pdm_store wrote it. */
typedef struct entry {
    char           group[NAME_SIZE], name[NAME_SIZE], shape[NAME_SIZE];
    bool           is_text;
    pdm_store_type type;
    pdm_size       n;
    unsigned char *bytes; /* [n] items */
} entry;

static pdm_context *ctx;
static char         folder[] = "/tmp/pdemoe-hostile-XXXXXX", sound[PATH_SIZE], altered[PATH_SIZE];
static entry        all[MAX_ENTRY];
static int          n_entry, format, every = 10, n_tried, n_count[OURS + 1], n_wrong, n_slow;

#define NEED(condition)                                                                    \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%d: %s: %s\n", __LINE__, #condition, pdm_context_error(ctx)); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

static const char case_text[] =
    "netcdf tiny {\n"
    "group: pde { :fields = \"u\" ; group: parameters { :D = 0.05 ; :k = 0.3 ; }\n"
    "  group: residuals { :u = \"dt(u) - dx(D*dx(u)) + k*u*u - f\" ; }\n"
    "  group: initial { :u = \"u0\" ; }\n"
    "  group: boundary { :x_min = \"u = u0\" ; :x_max = \"flux(u) = 0\" ; } }\n"
    "group: inputs { group: u0 { :distribution = \"uniform(0.1, 0.9)\" ; }\n"
    "  group: f { :dimensions = \"x\" ; :distribution = \"gaussian_field(0.3)\" ; } }\n"
    "group: domain { :dimensions = \"t x\" ; group: t { :extent = 0., 1. ; :control_points = 6 ; }\n"
    "  group: x { :extent = 0., 1. ; :control_points = 8 ; :experts = 2 ; } }\n"
    "group: experts { :basis = 4 ; }\n"
    "group: gate { :groups = 2 ; :unknowns = 0.7 ; }\n"
    "group: surrogate { :width = 4 ; :layers = 1 ; :hidden = 4 ; :modes = 2 ; }\n"
    "group: training { :steps = 3 ; :batch = 2 ; }\n}\n";

/* ---- one try ----------------------------------------------------------------------------------------------------- */

/* Sanitizers tell by a signal too, so that it is seen whose fault it was. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1:handle_abort=0";
}

static bool is_run_time(const char *object)
{
    static const char *const part[] = {"libc.so", "libasan", "libubsan", "libtsan", "vdso"};

    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (strstr(object, part[i])) return true;
    return false;
}

/* Whose code the innermost frame outside of the C library is. Before the first frame in that, which brings the signal,
 * are those of this handler. */
static void tell_crash(int number)
{
    void     *frame[64];
    const int n          = backtrace(frame, 64);
    bool      is_handler = true;
    Dl_info   here, info;

    (void)number;
    if (!dladdr((void *)(uintptr_t)tell_crash, &here)) _exit(OURS);
    for (int i = 0; i < n; i++) {
        if (!dladdr(frame[i], &info) || !info.dli_fname) continue;
        is_handler = is_handler && !strstr(info.dli_fname, "libc.so");
        if (is_handler || is_run_time(info.dli_fname)) continue;
        _exit(info.dli_fbase == here.dli_fbase ? OURS : CRASHED);
    }
    _exit(OURS);
}

static void say_nothing(void *user, const char *text)
{
    (void)user, (void)text;
}

/* What was read must not crash later either. */
static void use(pdm_model *m)
{
    const pdm_size n_input = pdm_model_n_input(m), n_value = pdm_model_n_field(m) * pdm_model_n_point(m);
    double        *input = calloc((size_t)n_input + 1, sizeof *input), *u = NULL;

    (void)pdm_model_describe(m, say_nothing, NULL);
    if (n_value <= 1000000) u = calloc((size_t)n_value, sizeof *u);
    for (pdm_size i = 0; input && i < n_input; i++) input[i] = 0.5;
    if (input && u && pdm_model_predict(m, 1, input, u, NULL) == PDM_ERR_INTERNAL) _exit(1);
    free(input);
    free(u);
}

static void read_it(const char *path)
{
    static const int    number[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct rlimit seconds = {CPU_LIMIT, CPU_LIMIT}, none = {0, 0};
    const int           quiet = open("/dev/null", O_WRONLY);
    void               *frame[1];
    pdm_model          *m = NULL;

    (void)backtrace(frame, 1); /* loads what it needs */
    (void)setrlimit(RLIMIT_CPU, &seconds);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(quiet, STDERR_FILENO);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) (void)signal(number[i], tell_crash);
    const pdm_status status = pdm_model_read(ctx, path, &m);
    if (status != PDM_OK) _exit(pdm_context_error(ctx)[0] && !m ? REFUSED : 1);
    use(m);
    pdm_model_destroy(&m);
    _exit(READ);
}

/* One of `every`, out of step with all loops. */
static bool is_chosen(void)
{
    const int number = n_tried++;
    return XXH3_64bits(&number, sizeof number) % (uint64_t)every == 0;
}

static void try(const char *what)
{
    int         code  = 0;
    const pid_t child = fork();

    if (child == 0) read_it(altered);
    NEED(child > 0 && waitpid(child, &code, 0) == child);
    if (WIFSIGNALED(code) && (WTERMSIG(code) == SIGXCPU || WTERMSIG(code) == SIGKILL)) {
        n_slow++; /* of the limit on time, or for want of memory */
        return;
    }
    if (WIFEXITED(code) && WEXITSTATUS(code) >= REFUSED && WEXITSTATUS(code) <= CRASHED) {
        n_count[WEXITSTATUS(code)]++;
        return;
    }
    n_wrong++;
    fprintf(stderr, "%s: %s %d\n", what, WIFEXITED(code) ? "exit code" : "signal",
            WIFEXITED(code) ? WEXITSTATUS(code) : WTERMSIG(code));
}

/* ---- contents ---------------------------------------------------------------------------------------------------- */

static void list_variables(int ncid, const char *group)
{
    int n = 0, id[MAX_ENTRY];

    NEED(nc_inq_nvars(ncid, &n) == NC_NOERR && n_entry + n <= MAX_ENTRY);
    for (int v = 0; v < n; v++) {
        entry  *e = &all[n_entry++];
        nc_type type;
        int     dim[1];
        size_t  length, item, shape = 0;
        NEED(nc_inq_var(ncid, v, e->name, &type, NULL, dim, NULL) == NC_NOERR);
        NEED(nc_inq_dimlen(ncid, dim[0], &length) == NC_NOERR && nc_inq_type(ncid, type, NULL, &item) == NC_NOERR);
        (void)snprintf(e->group, sizeof e->group, "%s", group);
        e->is_text = type == NC_CHAR;
        e->type    = type == NC_FLOAT    ? PDM_STORE_FLOAT
                     : type == NC_DOUBLE ? PDM_STORE_DOUBLE
                     : type == NC_INT64  ? PDM_STORE_INT64
                                         : PDM_STORE_UINT16;
        e->n       = (pdm_size)length;
        e->bytes   = calloc(length + 1, item);
        NEED(e->bytes && (length == 0 || nc_get_var(ncid, v, e->bytes) == NC_NOERR));
        if (nc_inq_attlen(ncid, v, "shape", &shape) == NC_NOERR && shape < sizeof e->shape)
            NEED(nc_get_att_text(ncid, v, "shape", e->shape) == NC_NOERR);
    }
    NEED(nc_inq_grps(ncid, &n, id) == NC_NOERR);
    for (int g = 0; g < n; g++) {
        char name[NC_MAX_NAME + 1], path[NAME_SIZE];
        NEED(nc_inq_grpname(id[g], name) == NC_NOERR);
        if (!group[0] && strcmp(name, "case") == 0) continue;
        (void)snprintf(path, sizeof path, "%.70s%s%.70s", group, group[0] ? "/" : "", name);
        list_variables(id[g], path);
    }
}

static void list_entries(void)
{
    int ncid;

    NEED(nc_open(sound, NC_NOWRITE, &ncid) == NC_NOERR);
    NEED(nc_get_att_int(ncid, NC_GLOBAL, "pdemoe_format", &format) == NC_NOERR);
    list_variables(ncid, "");
    NEED(nc_close(ncid) == NC_NOERR);
}

/* The altered file: all entries, number `which` being *e in place of its own (NULL: left out). */
static void write_altered(pdm_case *c, int which, const entry *e)
{
    pdm_store *s = NULL;

    NEED(pdm_store_create(ctx, altered, "model", format, &s) == PDM_OK);
    NEED(pdm_store_put_case(s, c) == PDM_OK);
    for (int i = 0; i < n_entry; i++) {
        const entry *x = i == which ? e : &all[i];
        if (!x || (!x->group[0] && strcmp(x->name, "defaults") == 0)) continue; /* put with the case */
        if (x->is_text)
            NEED(pdm_store_put_text(s, x->group, x->name, (const char *)x->bytes) == PDM_OK);
        else
            NEED(pdm_store_put(s, x->group, x->name, x->type, x->n, x->bytes, x->shape[0] ? x->shape : NULL) == PDM_OK);
    }
    NEED(pdm_store_commit(s) == PDM_OK);
    pdm_store_destroy(&s);
}

static void alter(pdm_case *c, int which, const entry *e, const char *what)
{
    char text[3 * NAME_SIZE];

    if (!is_chosen()) return;
    (void)snprintf(text, sizeof text, "%s/%s: %s", all[which].group, all[which].name, what);
    write_altered(c, which, e);
    try(text);
}

static void set_item(entry *e, pdm_size i, double x)
{
    switch (e->type) {
    case PDM_STORE_FLOAT: ((float *)(void *)e->bytes)[i] = (float)x; break;
    case PDM_STORE_DOUBLE: ((double *)(void *)e->bytes)[i] = x; break;
    case PDM_STORE_INT64:
        ((int64_t *)(void *)e->bytes)[i] = x > 9e18 ? INT64_MAX : x < -9e18 ? INT64_MIN : isnan(x) ? -7 : (int64_t)x;
        break;
    case PDM_STORE_UINT16: ((uint16_t *)(void *)e->bytes)[i] = x > 65535.0 || !(x >= 0.0) ? 65535 : (uint16_t)x; break;
    }
}

static void alter_array(pdm_case *c, int which)
{
    static const double odd[] = {0.0, -1.0, 1e6, 1e19, -1e19, (double)INFINITY, (double)NAN, 4294967296.0, DBL_MIN};
    const size_t        bytes = (size_t)(all[which].n + 8) * sizeof(double);
    entry               e     = all[which];

    e.bytes = calloc(1, bytes);
    NEED(e.bytes);
    for (pdm_size n = 0; n < 5;
         n++) { /* other lengths: 0, 1, one fewer, one more, and the right one with another type */
        const pdm_size length[] = {0, 1, all[which].n - 1, all[which].n + 1, all[which].n};
        e.n                     = length[n];
        e.type = n == 4 ? (all[which].type == PDM_STORE_INT64 ? PDM_STORE_FLOAT : PDM_STORE_INT64) : all[which].type;
        if (e.n >= 0) alter(c, which, &e, "of another length or type");
    }
    e.n    = all[which].n;
    e.type = all[which].type;
    for (size_t k = 0; e.n > 0 && k < 2 * sizeof odd / sizeof *odd; k++) { /* all values, or one of them */
        const size_t item = e.type == PDM_STORE_FLOAT ? 4 : e.type == PDM_STORE_UINT16 ? 2 : 8;
        memcpy(e.bytes, all[which].bytes, (size_t)e.n * item);
        for (pdm_size i = 0; i < (k % 2 ? 1 : e.n); i++) set_item(&e, k % 2 ? e.n / 2 : i, odd[k / 2]);
        alter(c, which, &e, k % 2 ? "one odd value" : "odd values");
    }
    free(e.bytes);
}

static void alter_text(pdm_case *c, int which)
{
    static char long_text[100001];
    const char *odd[] = {"", "%s%n%s", "\n\n==", "a.b=c\nx", "\xff\xfe", long_text};
    entry       e     = all[which];

    (void)memset(long_text, 'a', sizeof long_text - 1);
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        e.bytes = (unsigned char *)odd[k];
        alter(c, which, &e, "odd text");
    }
}

static void alter_contents(pdm_case *c)
{
    for (int i = 0; i < n_entry; i++) {
        alter(c, i, NULL, "left out");
        if (all[i].is_text)
            alter_text(c, i);
        else
            alter_array(c, i);
    }
}

/* ---- the case ---------------------------------------------------------------------------------------------------- */

static void alter_group(pdm_case *c, const char *group)
{
    static const char *const odd[] = {"0",    "-1", "1e9", "nan", "", "9999999999999999999", "1 2 3 4 5 6 7 8 9",
                                      "a*(b", "x"};

    for (pdm_size i = 0; i < pdm_case_n_attribute(c, group); i++)
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
            pdm_case   *copy = NULL;
            const char *name = pdm_case_attribute_name(c, group, i);
            char        text[2 * NAME_SIZE];
            if (!is_chosen()) continue;
            NEED(pdm_case_copy(c, &copy) == PDM_OK && pdm_case_set_text(copy, group, name, odd[k]) == PDM_OK);
            (void)snprintf(text, sizeof text, "case: /%s:%s = \"%s\"", group, name, odd[k]);
            write_altered(copy, -1, NULL);
            pdm_case_destroy(&copy);
            try(text);
        }
    for (pdm_size i = 0; i < pdm_case_n_subgroup(c, group); i++) {
        char path[NAME_SIZE];
        (void)snprintf(path, sizeof path, "%s%s%s", group, group[0] ? "/" : "", pdm_case_subgroup_name(c, group, i));
        alter_group(c, path);
    }
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void write_bytes(const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(altered, "wb");
    NEED(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
}

/* Whole bytes and bits, mostly in the first and last parts, where HDF5 has its structures; with the seal made anew,
 * and not. */
static void alter_bytes(void)
{
    struct stat    info;
    unsigned char *bytes, seal[64];
    size_t         n;
    FILE          *file = fopen(sound, "rb");

    NEED(file && stat(sound, &info) == 0);
    n     = (size_t)info.st_size;
    bytes = malloc(n);
    NEED(bytes && fread(bytes, 1, n, file) == n && fclose(file) == 0);
    for (uint64_t k = 0; k < 700; k++) {
        const uint64_t      draw = XXH3_64bits(&k, sizeof k);
        const size_t        body = n - SEAL, at = (size_t)(draw % (k % 3 == 0 ? 2048 : body));
        const unsigned char kept = bytes[at];
        char                text[NAME_SIZE];
        if (!is_chosen()) continue;
        bytes[at] = (unsigned char)(k % 2 ? kept ^ (UINT64_C(1) << (draw >> 40) % 8) : (draw >> 50) % 256);
        if (k % 10 > 0) {
            const XXH128_hash_t hash = XXH3_128bits(bytes, body);
            (void)snprintf((char *)seal, sizeof seal, "\npdemoe seal 1 %016llx%016llx\n",
                           (unsigned long long)hash.high64, (unsigned long long)hash.low64);
            NEED(strlen((char *)seal) == SEAL);
        } else {
            memcpy(seal, bytes + body, SEAL);
        }
        (void)snprintf(text, sizeof text, "byte %zu from %d to %d", at, kept, bytes[at]);
        file = fopen(altered, "wb");
        NEED(file && fwrite(bytes, 1, body, file) == body && fwrite(seal, 1, SEAL, file) == SEAL && fclose(file) == 0);
        bytes[at] = kept;
        try(text);
    }
    for (size_t cut = 0; cut < n; cut += 1 + n / 20) {
        if (!is_chosen()) continue;
        write_bytes(bytes, cut);
        try("cut off");
    }
    free(bytes);
}

/* ---- */

static void make_sound(void)
{
    char       path[PATH_SIZE];
    pdm_case  *c = NULL;
    pdm_model *m = NULL;
    FILE      *file;

    (void)snprintf(path, sizeof path, "%s/case.cdl", folder);
    file = fopen(path, "w");
    NEED(file && fputs(case_text, file) >= 0 && fclose(file) == 0);
    NEED(pdm_case_read(ctx, path, &c) == PDM_OK && pdm_model_create(c, &m) == PDM_OK);
    for (int i = 0; i < 3; i++) NEED(pdm_model_train_step(m) == PDM_OK);
    NEED(pdm_model_write(m, sound) == PDM_OK);
    pdm_model_destroy(&m);
    pdm_case_destroy(&c);
}

int main(int n_word, char **word)
{
    pdm_store *s = NULL;
    pdm_case  *c = NULL;
    char       text[PATH_SIZE];

    if (n_word > 1) every = atoi(word[1]);
    NEED(mkdtemp(folder) && pdm_context_create(NULL, &ctx) == PDM_OK && pdm_context_set_threads(ctx, 1) == PDM_OK);
    (void)snprintf(sound, sizeof sound, "%s/sound.nc", folder);
    (void)snprintf(altered, sizeof altered, "%s/altered.nc", folder);
    make_sound();
    list_entries();
    NEED(pdm_store_open(ctx, sound, "model", FORMAT, &s) == PDM_OK && pdm_store_get_case(s, &c) == PDM_OK);
    pdm_store_destroy(&s);
    write_altered(c, -1, NULL); /* as it is: it has to be read */
    try("not altered");
    NEED(n_count[READ] == 1);
    alter_contents(c);
    alter_group(c, "");
    alter_bytes();
    printf("%d of %d alterations: %d refused, %d read, %d crashes inside HDF5 and NetCDF, %d too slow, %d wrong\n",
           n_count[REFUSED] + n_count[READ] + n_count[CRASHED] + n_slow + n_wrong - 1, n_tried, n_count[REFUSED],
           n_count[READ] - 1, n_count[CRASHED], n_slow, n_wrong);
    pdm_case_destroy(&c);
    NEED(pdm_context_destroy(&ctx) == 0);
    for (int i = 0; i < n_entry; i++) free(all[i].bytes);
    (void)snprintf(text, sizeof text, "rm -r %s", folder);
    return n_wrong > 0 || system(text) != 0;
}
