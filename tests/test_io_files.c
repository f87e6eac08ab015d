/* Files: cases in CDL and NetCDF, fields in and out, stores. In memory: test_io.c. */
#define _GNU_SOURCE /* unshare, memmem */
#include "io/io.h"

#include <check.h>
#include <fcntl.h>
#include <float.h>
#include <ftw.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netcdf.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

#define N_OF(table) (int)(sizeof(table) / sizeof *(table))
#define PATH_SIZE   128

static pdm_context *ctx;
static char         folder[PATH_SIZE]; /* scratch of one test */

static void set_up(void)
{
    (void)strcpy(folder, "/tmp/pdemoe-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(pdm_context_create(NULL, &ctx), PDM_OK);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static void tear_down(void)
{
    ck_assert_int_eq(pdm_context_destroy(&ctx), 0);
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* "<folder>/<name>"; lent for the next 31 calls. */
static const char *in_folder(const char *name)
{
    static char path[32][2 * PATH_SIZE];
    static int  turn;
    turn = (turn + 1) % 32;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static const char *write_file(const char *name, const void *bytes, size_t n)
{
    const char *path = in_folder(name);
    FILE       *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static const char *write_text(const char *name, const char *text)
{
    return write_file(name, text, strlen(text));
}

/* All bytes of a file; to be freed. */
static unsigned char *read_file(const char *path, size_t *n)
{
    struct stat    info;
    FILE          *file = fopen(path, "rb");
    unsigned char *bytes;
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(stat(path, &info), 0);
    *n    = (size_t)info.st_size;
    bytes = malloc(*n + 1);
    ck_assert_uint_eq(fread(bytes, 1, *n, file), *n);
    ck_assert_int_eq(fclose(file), 0);
    return bytes;
}

static int n_file; /* counted by count_one */
static int count_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)path, (void)info, (void)at;
    n_file += type == FTW_F;
    return 0;
}

static int files_in_folder(void)
{
    n_file = 0;
    (void)nftw(folder, count_one, 8, FTW_PHYS);
    return n_file;
}

static pdm_size live_bytes(void)
{
    pdm_size live = 0;
    pdm_context_memory(ctx, &live, NULL, NULL);
    return live;
}

/* NetCDF file of the given kind ("classic", "nc4") from CDL, by the program itself. */
static const char *make_netcdf(const char *name, const char *kind, const char *cdl)
{
    char        command[8 * PATH_SIZE];
    const char *path = in_folder(name);
    (void)snprintf(command, sizeof command, "ncgen -k %s -o %s %s", kind, path, write_text("make.cdl", cdl));
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(unlink(in_folder("make.cdl")), 0);
    return path;
}

/* The error must be "<path>" followed by `rest`; or hold it when the rest starts with '*'. */
static void check_error(const char *path, const char *rest)
{
    char wanted[1024];
    if (rest[0] == '*') {
        ck_assert_msg(strstr(pdm_context_error(ctx), rest + 1) != NULL, "\"%s\" lacks \"%s\"", pdm_context_error(ctx),
                      rest + 1);
        return;
    }
    (void)snprintf(wanted, sizeof wanted, "%s%s", path, rest);
    ck_assert_str_eq(pdm_context_error(ctx), wanted);
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static const char case_cdl[] =
    "netcdf example {\n"
    "dimensions: n = 3 ;\n"
    "variables: double grid(n) ; grid:units = \"m\" ; grid:offset = 1, 2 ;\n"
    ":title = \"an \\\"example\\\"\\n\" ; :empty = \"\" ; :count = 3 ; :single = 0.5f ; :large = 12LL ;\n"
    "string :word = \"one\" ;\n"
    "data: grid = 0, 0.5, 1 ;\n"
    "group: pde { :fields = \"u v\" ;\n"
    "  group: parameters { :D = 5e-4 ; :phi = \"0.29\" ; :range = 0., 500. ; }\n"
    "}\n"
    "group: solver { :tolerance = 1e-8 ; }\n"
    "}\n";

static const char case_printed[] = "netcdf case {\n"
                                   "    dimensions:\n"
                                   "        n = 3 ;\n"
                                   "    variables:\n"
                                   "        double grid(n) ;\n"
                                   "            grid:units = \"m\" ;\n"
                                   "            grid:offset = 1., 2. ;\n"
                                   "    :title = \"an \\\"example\\\"\\n\" ;\n"
                                   "    :empty = \"\" ;\n"
                                   "    :count = 3. ;\n"
                                   "    :single = 0.5 ;\n"
                                   "    :large = 12. ;\n"
                                   "    :word = \"one\" ;\n"
                                   "    data:\n"
                                   "        grid = 0., 0.5, 1. ;\n"
                                   "\n"
                                   "    group: pde {\n"
                                   "        :fields = \"u v\" ;\n"
                                   "\n"
                                   "        group: parameters {\n"
                                   "            :D = 0.0005 ;\n"
                                   "            :phi = 0.29 ;\n"
                                   "            :range = 0., 500. ;\n"
                                   "        }\n"
                                   "    }\n"
                                   "\n"
                                   "    group: solver {\n"
                                   "        :tolerance = 1e-08 ;\n"
                                   "    }\n"
                                   "}\n";

/* From CDL, from NetCDF, and from what it prints itself: the same. */
START_TEST(test_case_round_trip)
    {
        pdm_case   *c    = NULL;
        const char *path = NULL;
        pdm_text    text = {.ctx = ctx};

        for (int way = 0; way < 3; way++) {
            path = way == 0   ? write_text("case.cdl", case_cdl)
                   : way == 1 ? make_netcdf("case.nc", "nc4", case_cdl)
                              : write_text("again.cdl", case_printed);
            ck_assert_int_eq(pdm_case_read(ctx, path, &c), PDM_OK);
            ck_assert_str_eq(pdm_case_path(c), path);
            text.length = 0;
            ck_assert_int_eq(pdm_case_print(c, &text), PDM_OK);
            ck_assert_str_eq(text.data, case_printed);
            pdm_case_destroy(&c);
        }
        ck_assert_int_eq(files_in_folder(), 3);
        pdm_text_destroy(&text);
    }
END_TEST

START_TEST(test_case_temporary_file)
    {
        pdm_case *c       = NULL;
        char      minus[] = "-o.cdl", before[PATH_SIZE], programs[4096];

        ck_assert_int_eq(mkdir(in_folder("tmp"), 0700), 0);
        ck_assert_int_eq(setenv("TMPDIR", in_folder("tmp"), 1), 0);
        ck_assert_int_eq(pdm_case_read(ctx, write_text("a.cdl", case_cdl), &c), PDM_OK);
        pdm_case_destroy(&c);
        ck_assert_int_eq(pdm_case_read(ctx, write_text("b.cdl", "netcdf {"), &c), PDM_ERR_CASE);
        ck_assert_int_eq(rmdir(in_folder("tmp")), 0); /* nothing was left in it */
        ck_assert_int_eq(pdm_case_read(ctx, write_text("a.cdl", case_cdl), &c), PDM_ERR_IO);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "no temporary file"));
        ck_assert_int_eq(unsetenv("TMPDIR"), 0);
        (void)write_text(minus, case_cdl); /* a name that looks like an option */
        ck_assert_ptr_nonnull(getcwd(before, sizeof before));
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(pdm_case_read(ctx, minus, &c), PDM_OK);
        ck_assert_int_eq(chdir(before), 0);
        pdm_case_destroy(&c);
        (void)snprintf(programs, sizeof programs, "%s", getenv("PATH"));
        ck_assert_int_eq(setenv("PATH", folder, 1), 0);
        ck_assert_int_eq(pdm_case_read(ctx, in_folder("a.cdl"), &c), PDM_ERR_IO);
        check_error(in_folder("a.cdl"),
                    ": reading CDL needs the program ncgen, which is not found; install the package netcdf-bin");
        ck_assert_int_eq(setenv("PATH", programs, 1), 0);
        ck_assert_ptr_null(c);
    }
END_TEST

/* name, content (NULL: no file), status, error behind the path */
static const struct {
    const char *name, *content;
    int         status;
    const char *error;
} bad_case_table[] = {
    {"absent.nc", NULL, PDM_ERR_IO, ": cannot be read: No such file or directory"},
    {"absent.cdl", NULL, PDM_ERR_IO, ": cannot be read: No such file or directory"},
    {"empty.nc", "", PDM_ERR_IO, ": the file is empty"},
    {"text.nc", "this is no NetCDF", PDM_ERR_IO,
     "*not a NetCDF file, or truncated or damaged (NetCDF: Unknown file format)"},
    {"short.nc", "\x89HDF\r\n\x1a\n", PDM_ERR_IO, "*not a NetCDF file, or truncated or damaged"},
    {"bad.cdl", "netcdf bad {\n :a : 1 ;\n}\n", PDM_ERR_CASE, "*bad.cdl:2: syntax error"},
    {"bad.cdl", "netcdf bad {\n :a = \"no end ;\n}\n", PDM_ERR_CASE, "*bad.cdl:"},
    {"bad.cdl", "netcdf bad {\n variables: double u(x) ;\n}\n", PDM_ERR_CASE,
     "*bad.cdl: Undefined or forward referenced dimension: x"},
    {"bad.cdl", "netcdf bad {\n dimensions: x = 2 ; variables: double u(x) ;\n}\n", PDM_ERR_CASE,
     ": /:u: entry 0 is missing or not finite (9.96921e+36)"},
    {"bad.cdl", "netcdf bad {\n dimensions: x = 2 ; variables: double u(x) ; data: u = 1, NaN ;\n}\n", PDM_ERR_CASE,
     ": /:u: entry 1 is missing or not finite (nan)"},
    {"bad.cdl",
     "netcdf bad {\n dimensions: x = 2 ; variables: short u(x) ; u:scale_factor = 2. ; data: u = 1, 2 ;\n}\n",
     PDM_ERR_CASE, ": /:u: packed numbers (scale_factor, add_offset) are for data files; plain ones expected"},
    {"bad.cdl", "netcdf bad {\n dimensions: x = 2 ; variables: char u(x) ;\n}\n", PDM_ERR_DATA,
     ": u: does not hold numbers; a numeric type is expected"},
    {"bad.cdl", "netcdf bad {\n dimensions: x = 2000000 ; variables: byte u(x) ;\n}\n", PDM_ERR_CASE,
     ": /:u: the variables of a case must not be empty and may hold 1048576 numbers together; put larger data into a "
     "file of their own"},
    {"bad.cdl", "netcdf bad {\n string :a = \"one\", \"two\" ;\n}\n", PDM_ERR_CASE,
     ": /:a: a list of texts; one text or numbers expected"},
    {"bad.cdl", "netcdf bad {\n :a = 9007199254740993LL ;\n}\n", PDM_ERR_CASE,
     "*is an integer beyond 2^53, which is not kept exactly"},
    {"bad.cdl", "netcdf bad {\n :a = \"x\\000y\" ;\n}\n", PDM_ERR_CASE, ": /:a: the text has a zero byte inside"},
    {"bad.cdl", "netcdf bad {\n group: g { :a.b = 1 ; }\n}\n", PDM_ERR_CASE,
     "*: /g: \"a.b\" is not the name of an attribute"},
    {"bad.cdl", "netcdf bad {\n types: byte enum e {one = 1} ;\n e :a = one ;\n}\n", PDM_ERR_CASE,
     ": /:a: a type of the file's own; one text or numbers expected"},
};

START_TEST(test_case_bad_file)
    {
        pdm_case   *c    = NULL;
        const char *path = in_folder(bad_case_table[_i].name);

        if (bad_case_table[_i].content) path = write_text(bad_case_table[_i].name, bad_case_table[_i].content);
        ck_assert_int_eq(pdm_case_read(ctx, path, &c), bad_case_table[_i].status);
        check_error(path, bad_case_table[_i].error);
        ck_assert_ptr_null(c);
    }
END_TEST

START_TEST(test_case_not_a_file)
    {
        pdm_case *c = NULL;

        ck_assert_int_eq(pdm_case_read(ctx, folder, &c), PDM_ERR_IO);
        check_error(folder, ": cannot be read: it is a folder");
        ck_assert_int_eq(pdm_case_read(ctx, "/dev/null", &c), PDM_ERR_IO);
        check_error("/dev/null", ": cannot be read: not a regular file");
        ck_assert_int_eq(pdm_case_read(ctx, "", &c), PDM_ERR_IO);
        ck_assert_int_eq(pdm_case_read(ctx, NULL, &c), PDM_ERR_ARGUMENT);
    }
END_TEST

/* Cut at any length: refused, never a crash. */
START_TEST(test_case_truncated)
    {
        size_t         n     = 0;
        unsigned char *bytes = read_file(make_netcdf("whole.nc", "nc4", case_cdl), &n);
        pdm_case      *c     = NULL;

        for (size_t cut = 0; cut < n; cut += 1 + n / 97) {
            ck_assert_int_eq(pdm_case_read(ctx, write_file("cut.nc", bytes, cut), &c), PDM_ERR_IO);
            ck_assert_ptr_null(c);
        }
        free(bytes);
    }
END_TEST

/* ---- fields in --------------------------------------------------------------------------------------------------- */

/* u(t, x) = 10 t + x + 1 for 2 times and 3 places, in m, however it is stored. */
static const char *const same_field[] = {
    "netcdf f { dimensions: t = 2, x = 3 ; variables: double u(t, x) ; u:units = \"m\" ; data: u = 1, 2, 3, 11, 12, 13 "
    "; }",
    "netcdf f { dimensions: t = 2, x = 3 ; variables: float u(x, t) ; u:units = \"m\" ; data: u = 1, 11, 2, 12, 3, 13 "
    "; }",
    "netcdf f { dimensions: t = UNLIMITED, x = 3 ; variables: double u(t, x) ; data: u = 1, 2, 3, 11, 12, 13 ; }",
    "netcdf f { dimensions: t = 2, x = 3, y = 1 ; variables: int u(x, y, t) ; data: u = 1, 11, 2, 12, 3, 13 ; }",
    "netcdf f { dimensions: t = 2, x = 3 ; variables: short u(t, x) ; u:scale_factor = 0.5 ; u:add_offset = -1. ;"
    " u:valid_range = 0s, 100s ; data: u = 4, 6, 8, 24, 26, 28 ; }",
    "netcdf f { dimensions: t = 2, x = 3 ; variables: short u(t, x) ; u:scale_factor = -0.5 ; u:valid_min = 0. ; "
    "u:valid_max = 20. ;"
    " data: u = -2, -4, -6, -22, -24, -26 ; }",
    "netcdf f { dimensions: t = 2, x = 3 ; variables: double u(t, x) ; u:units = \"km\" ; data: u = .001, .002, .003, "
    ".011, .012, .013 ; }",
    "netcdf f { dimensions: t = 2, x = 3 ; variables: byte u(t, x) ; u:_Unsigned = \"true\" ; u:add_offset = -199. ; "
    "u:valid_max = -1b ;"
    " data: u = -56, -55, -54, -46, -45, -44 ; }",
    "netcdf f { dimensions: sample = 1, t = 2, x = 3 ; variables: double u(t, sample, x) ; u:missing_value = -9., -99. "
    ";"
    " data: u = 1, 2, 3, 11, 12, 13 ; }",
};

START_TEST(test_fields_read)
    {
        const char *const dims[] = {"?sample", "t", "x"}, *const turned[] = {"x", "t"};
        pdm_fields *f = NULL;
        double     *u = NULL;
        pdm_size    shape[3];

        ck_assert_int_eq(pdm_fields_open(ctx, make_netcdf("f.nc", _i % 2 ? "nc4" : "classic", same_field[_i / 2]), &f),
                         PDM_OK);
        ck_assert_str_eq(pdm_fields_path(f), in_folder("f.nc"));
        ck_assert(pdm_fields_has(f, "u") && !pdm_fields_has(f, "v"));
        ck_assert_int_eq(pdm_fields_dimension(f, "x"), 3);
        ck_assert_int_eq(pdm_fields_dimension(f, "nothing"), -1);
        ck_assert_int_eq(pdm_fields_read(f, "u", 3, dims, "m", shape, &u), PDM_OK);
        ck_assert(shape[0] == 1 && shape[1] == 2 && shape[2] == 3);
        for (int t = 0; t < 2; t++) /* unpacking and conversion are one product and one sum each */
            for (int x = 0; x < 3; x++)
                ck_assert_double_le(fabs(u[3 * t + x] - (10 * t + x + 1)), 4 * DBL_EPSILON * 13.0);
        pdm_free(ctx, u);
        if (pdm_fields_dimension(f, "sample") < 0) {
            ck_assert_int_eq(pdm_fields_read(f, "u", 2, turned, "m", shape, &u), PDM_OK);
            for (int t = 0; t < 2; t++)
                for (int x = 0; x < 3; x++)
                    ck_assert_double_le(fabs(u[2 * x + t] - (10 * t + x + 1)), 4 * DBL_EPSILON * 13.0);
            pdm_free(ctx, u);
        }
        pdm_fields_close(&f);
    }
END_TEST

#define HEAD "netcdf f { dimensions: t = 2, x = 3 ; variables: double u(t, x) ; "
#define DATA "data: u = 1, 2, 3, 11, 12, 13 ; }"
static const struct {
    const char *cdl, *error; /* behind the path, reading u(?sample, t, x) in m */
} bad_field_table[] = {
    {"netcdf f { dimensions: t = 2 ; variables: double u(t) ; data: u = 1, 2 ; }",
     ": u: has dimensions (t=2); (sample if any, t, x) in any order expected"},
    {"netcdf f { dimensions: t = 1, y = 2, x = 1 ; variables: double u(t, y, x) ; data: u = 1, 2 ; }",
     ": u: has dimensions (t=1, y=2, x=1); (sample if any, t, x) in any order expected"},
    {"netcdf f { dimensions: x = 2 ; variables: double uu(x) ; double p(x) ; }",
     ": no variable \"u\"; did you mean \"uu\"?  (the file has: uu, p)"},
    {"netcdf f { dimensions: x = 2 ; variables: double pressure(x) ; }", ": no variable \"u\"; the file has: pressure"},
    {"netcdf f { :a = 1 ; }", ": no variable \"u\"; the file has: none"},
    {HEAD "u:units = \"s\" ; " DATA, ": u:units: \"s\" does not convert to \"m\""},
    {HEAD "u:units = \"furlongs per\" ; " DATA,
     ": u:units: \"furlongs per\" is not a unit; one that converts to \"m\" expected"},
    {HEAD "data: u = 1, 2, 3, 11, NaN, 13 ; }", ": u: nan at (t=1, x=1); finite numbers expected"},
    {HEAD "data: u = 1, 2, Infinity, 11, NaN, 13 ; }", ": u: inf at (t=0, x=2); finite numbers expected"},
    {HEAD "data: u = 1, 2, 3, 11, _, 13 ; }",
     ": u: missing value (9.96920997e+36) at (t=1, x=1); data everywhere are expected"},
    {HEAD "u:_FillValue = 12. ; " DATA, ": u: missing value (12) at (t=1, x=1); data everywhere are expected"},
    {HEAD "u:missing_value = 7., 13. ; " DATA, ": u: missing value (13) at (t=1, x=2); data everywhere are expected"},
    {HEAD "u:valid_max = 12.5 ; " DATA, ": u: 13 at (t=1, x=2) is outside the valid range of the file, -inf to 12.5"},
    {HEAD "u:valid_range = 2., 20. ; " DATA, ": u: 1 at (t=0, x=0) is outside the valid range of the file, 2 to 20"},
    {"netcdf f { dimensions: t = 1, x = 2 ; variables: float u(t, x) ; u:missing_value = 1e20, -999.9 ; "
     "data: u = 1, 1e20 ; }",
     ": u: missing value (1.00000002e+20) at (t=0, x=1); data everywhere are expected"},
    {"netcdf f { dimensions: t = 1, x = 2 ; variables: float u(t, x) ; u:missing_value = 1e20, -999.9 ; "
     "data: u = -999.9, 1 ; }",
     ": u: missing value (-999.900024) at (t=0, x=0); data everywhere are expected"},
    {"netcdf f { dimensions: t = 1, x = 2 ; variables: short u(t, x) ; u:missing_value = -9.9900002e2f ; "
     "data: u = -999, 1 ; }",
     ": u: missing value (-999) at (t=0, x=0); data everywhere are expected"},
    {HEAD "u:valid_range = 2. ; " DATA, ": u:valid_range: 1 number; exactly 2 expected"},
    {HEAD "u:scale_factor = \"two\" ; " DATA, ": u:scale_factor: 1 to 1 numbers expected"},
    {HEAD "u:scale_factor = 0. ; " DATA,
     ": u: scale_factor 0 and add_offset 0; finite ones, the factor not 0, are expected"},
    {"netcdf f { dimensions: t = 2, x = 3 ; variables: char u(t, x) ; }",
     ": u: does not hold numbers; a numeric type is expected"},
    {"netcdf f { dimensions: t = UNLIMITED, x = 3 ; variables: double u(t, x) ; }",
     ": u: dimension \"t\" has length 0; data expected"},
};

START_TEST(test_fields_bad)
    {
        const char *const dims[] = {"?sample", "t", "x"};
        pdm_fields       *f      = NULL;
        double           *u      = NULL;
        pdm_size          shape[3];
        const char       *path = make_netcdf("f.nc", "classic", bad_field_table[_i].cdl);

        ck_assert_int_eq(pdm_fields_open(ctx, path, &f), PDM_OK);
        ck_assert_int_eq(pdm_fields_read(f, "u", 3, dims, "m", shape, &u), PDM_ERR_DATA);
        check_error(path, bad_field_table[_i].error);
        ck_assert_ptr_null(u);
        pdm_fields_close(&f);
    }
END_TEST

static const struct {
    const char *variable, *error; /* NULL: fine; of x, wanted in m */
} coordinate_table[] = {
    {"double x(x) ; x:units = \"km\" ; data: x = 0, 0.5, 2 ;", NULL},
    {"float x(x) ; data: x = -1, 0.5, 2 ;", NULL},
    {"double x(x) ; data: x = 2, 1, 0 ;",
     ": x: decreases from 2 to 0; increasing coordinates expected: turn the dimension around in the file"},
    {"double x(x) ; data: x = 0, 1, 1 ;", ": x: 1 at index 2 follows 1; strictly increasing coordinates expected"},
    {"double x(x) ; data: x = 0, 2, 1 ;", ": x: 1 at index 2 follows 2; strictly increasing coordinates expected"},
    {"double x(x) ; data: x = 0, NaN, 1 ;", ": x: nan at (x=1); finite numbers expected"},
    {"double x(x) ; data: x = 0, _, 1 ;", "*: x: missing value"},
    {"double x(x) ; x:units = \"s\" ; data: x = 0, 1, 2 ;", ": x:units: \"s\" does not convert to \"m\""},
    {"double x(x, x) ; data: x = 0, 1, 2, 3, 4, 5, 6, 7, 8 ;", ": x: 2 dimensions; a coordinate has one"},
    {"double y(x) ; data: y = 0, 1, 2 ;", "*: no variable \"x\""},
    {"double x(other) ; data: x = 0, 1, 2, 3, 4 ;",
     ": coordinate x has 5 entries on dimension other; 3 on dimension x expected"},
    {"double x ; data: x = 0 ;", ": coordinate x has 1 entry on no dimension; 3 on dimension x expected"},
};

START_TEST(test_fields_coordinate)
    {
        char        cdl[512];
        const char *path  = NULL;
        pdm_fields *f     = NULL;
        double     *value = NULL;
        pdm_size    n     = -1;

        (void)snprintf(cdl, sizeof cdl, "netcdf f { dimensions: x = 3, other = 5 ; variables: %s }",
                       coordinate_table[_i].variable);
        path = make_netcdf("f.nc", "nc4", cdl);
        ck_assert_int_eq(pdm_fields_open(ctx, path, &f), PDM_OK);
        ck_assert_int_eq(pdm_fields_coordinate(f, "x", "m", &value, &n),
                         coordinate_table[_i].error ? PDM_ERR_DATA : PDM_OK);
        if (coordinate_table[_i].error) {
            check_error(path, coordinate_table[_i].error);
            ck_assert_int_eq(n, -1);
        } else {
            ck_assert_int_eq(n, 3);
            ck_assert_double_eq(value[2], _i == 0 ? 2000.0 : 2.0);
        }
        pdm_free(ctx, value);
        pdm_fields_close(&f);
    }
END_TEST

/* Numbers at the ends of ranges whose attributes have another type, and unpacked ranges: all are valid. */
static const char *const rounded_range[] = {
    "float u(x) ; u:valid_max = 0.1 ; u:valid_min = -0.7 ; data: u = 0.1, -0.7, 0 ;",
    "short u(x) ; u:scale_factor = 0.1 ; u:valid_range = -30., 4.3 ; data: u = 43, -300, 0 ;",
    "short u(x) ; u:scale_factor = 0.1f ; u:valid_range = -3000.f, 4.3f ; data: u = 43, -30000, 0 ;",
};

START_TEST(test_fields_rounded_range)
    {
        const char *const dims[] = {"x"};
        pdm_fields       *f      = NULL;
        double           *u      = NULL;
        pdm_size          shape[1];
        char              cdl[512];

        (void)snprintf(cdl, sizeof cdl, "netcdf f { dimensions: x = 3 ; variables: %s }", rounded_range[_i]);
        ck_assert_int_eq(pdm_fields_open(ctx, make_netcdf("f.nc", "nc4", cdl), &f), PDM_OK);
        ck_assert_msg(pdm_fields_read(f, "u", 1, dims, NULL, shape, &u) == PDM_OK, "%s", pdm_context_error(ctx));
        pdm_free(ctx, u);
        pdm_fields_close(&f);
    }
END_TEST

/* x of a file, the ends of a domain, and what the ends become. */
static const struct {
    const char *variable;
    double      low, high, first, last;
} snapped_table[] = {
    {"float x(x) ; data: x = 0.1, 0.5, 1.1 ;", 0.1, 1.1, 0.1, 1.1},
    {"float x(x) ; data: x = -6.2831853, 0, 6.2831853 ;", -6.283185307179586, 6.283185307179586, -6.283185307179586,
     6.283185307179586},
    {"float x(x) ; x:units = \"km\" ; data: x = 0.1, 0.5, 1.1 ;", 100.0, 1100.0, 100.0, 1100.0},
    {"double x(x) ; data: x = 0, 1, 2.0000009 ;", 0.0, 2.0, 0.0, 2.0},
    {"double x(x) ; data: x = 0, 1, 2.0000011 ;", 0.0, 2.0, 0.0, 2.0000011},
    {"short x(x) ; x:scale_factor = 0.001f ; data: x = 0, 1, 30000 ;", 0.0, 30.0, 0.0, 30.0},
    {"double x(x) ; data: x = 1, 2, 2.0000001 ;", 0.0, 2.0, 1.0, 2.0000001}, /* 2 is there already */
};

START_TEST(test_fields_snap)
    {
        pdm_fields *f = NULL;
        double     *x = NULL;
        pdm_size    n = 0;
        char        cdl[512];

        (void)snprintf(cdl, sizeof cdl, "netcdf f { dimensions: x = 3 ; variables: %s }", snapped_table[_i].variable);
        ck_assert_int_eq(pdm_fields_open(ctx, make_netcdf("f.nc", "nc4", cdl), &f), PDM_OK);
        ck_assert_int_eq(pdm_fields_coordinate(f, "x", "m", &x, &n), PDM_OK);
        ck_assert_int_eq(pdm_fields_snap(f, "x", snapped_table[_i].low, snapped_table[_i].high, x, n), PDM_OK);
        ck_assert_double_eq(x[0], snapped_table[_i].first);
        ck_assert_double_eq(x[2], snapped_table[_i].last);
        ck_assert(x[0] < x[1] && x[1] < x[2]);
        pdm_free(ctx, x);
        pdm_fields_close(&f);
    }
END_TEST

/* What takes files as they are: axes either way and without a variable, blocks with gaps. */
START_TEST(test_fields_as_they_are)
    {
        const char *path = make_netcdf("f.nc", "nc4",
                                       "netcdf f { dimensions: t = 2, x = 3, n = 2, zero = UNLIMITED, y = 2, zz = 7 ; "
                                       "variables: double t(t) ; float x(x) ; short u(t, x) ; double y(zz) ; "
                                       "u:_FillValue = 5s ; u:scale_factor = 0.5 ; u:note = \"one\" ; int n(n, n) ; "
                                       "data: t = 0, 1 ; x = 3, 2, 0 ; u = 1, 2, 3, 4, 5, 6 ; "
                                       "y = 0, 1, 2, 3, 4, 5, 6 ; n = 0, 0, 0, 0 ; }");
        const pdm_size first[2] = {0, 1}, count[2] = {2, 2}, too_many[2] = {2, 3};
        const double   wanted[4] = {1.0, 1.5, (double)NAN, 3.0};
        pdm_fields    *f         = NULL;
        pdm_variable   v;
        double        *x = NULL, u[4];
        pdm_size       n = -1;
        int            variable;
        bool           falls;
        char          *text = NULL;

        ck_assert_int_eq(pdm_fields_open(ctx, path, &f), PDM_OK);
        ck_assert_int_eq(pdm_fields_n_variable(f), 5);
        ck_assert_int_eq(pdm_fields_find(f, "no"), -1);
        ck_assert_int_eq(pdm_fields_axis(f, "x", &variable, &falls, &x, &n), PDM_OK);
        ck_assert(falls && variable == pdm_fields_find(f, "x") && n == 3 && x[0] == 0.0 && x[2] == 3.0);
        pdm_free(ctx, x);
        ck_assert_int_eq(pdm_fields_axis(f, "n", &variable, &falls, &x, &n), PDM_OK);
        ck_assert(!falls && variable == -1 && n == 2 && x[0] == 0.0 && x[1] == 1.0);
        pdm_free(ctx, x);
        x = NULL;
        ck_assert_int_eq(pdm_fields_axis(f, "y", &variable, &falls, &x, &n), PDM_ERR_DATA);
        check_error(path, ": coordinate y has 7 entries on dimension zz; 2 on dimension y expected");
        ck_assert_int_eq(pdm_fields_axis(f, "zero", &variable, &falls, &x, &n), PDM_ERR_DATA);
        check_error(path, ": dimension zero has no entries");
        ck_assert_int_eq(pdm_fields_axis(f, "none", &variable, &falls, &x, &n), PDM_ERR_DATA);
        ck_assert_ptr_null(x);

        ck_assert_int_eq(pdm_fields_variable(f, pdm_fields_find(f, "u"), &v), PDM_OK);
        ck_assert(!v.is_real && v.n_dim == 2 && v.n_value == 6 && strcmp(v.dim[1], "x") == 0 && v.shape[1] == 3);
        ck_assert_int_eq(pdm_fields_part(f, &v, first, count, u), PDM_OK);
        for (int i = 0; i < 4; i++) ck_assert(isnan(wanted[i]) ? isnan(u[i]) : u[i] == wanted[i]);
        ck_assert_int_eq(pdm_fields_part(f, &v, first, too_many, u), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_fields_text(f, v.number, "note", &text), PDM_OK);
        ck_assert_str_eq(text, "one");
        pdm_free(ctx, text);
        ck_assert_int_eq(pdm_fields_text(f, -1, "note", &text), PDM_OK);
        ck_assert_ptr_null(text);
        pdm_fields_close(&f);
    }
END_TEST


/* ---- fields out -------------------------------------------------------------------------------------------------- */

static const double  out_x[3] = {0.0, 0.5, 1.0};
static const double  out_u[6] = {1, 2, 3, 4, 5, 6};
static const int32_t out_k[2] = {7, -8};

static pdm_status write_output(const char *path)
{
    pdm_status        status = PDM_OK;
    pdm_output       *o      = NULL;
    const char *const dims[] = {"sample", "x"};

    PDM_TRY(pdm_output_create(ctx, path, &o));
    PDM_TRY(pdm_output_attribute(o, NULL, "title", "a test"));
    PDM_TRY(pdm_output_dimension(o, "sample", 2, NULL, NULL, NULL, NULL));
    PDM_TRY(pdm_output_dimension(o, "x", 3, out_x, "m", "X", "place"));
    PDM_TRY(pdm_output_variable(o, "u", 2, dims, "1", "a field"));
    PDM_TRY(pdm_output_attribute(o, "u", "comment", "none"));
    PDM_TRY(pdm_output_attribute(o, "u", "long_name", "a field, by another name"));
    PDM_TRY(pdm_output_attribute_real(o, "u", "error", 0.25));
    PDM_TRY(pdm_output_put(o, "u", 1, 1, out_u + 3));
    PDM_TRY(pdm_output_put(o, "u", 0, 1, out_u + 3)); /* and again, as it should be */
    PDM_TRY(pdm_output_put(o, "u", 0, 1, out_u));
    PDM_TRY(pdm_output_variable_int(o, "k", 1, dims, "a count")); /* after data: no modes to think of */
    PDM_TRY(pdm_output_put_int(o, "k", 0, 2, out_k));
    PDM_TRY(pdm_output_variable(o, "s", 0, NULL, "s", "a scalar"));
    PDM_TRY(pdm_output_put(o, "s", 0, 1, out_x + 1));
    PDM_TRY(pdm_output_commit(o));
done:
    pdm_output_destroy(&o);
    return status;
}

START_TEST(test_output)
    {
        const char *path = in_folder("out.nc");
        pdm_fields *f    = NULL;
        double     *u = NULL, *x = NULL, *k = NULL, *s = NULL;
        pdm_size    shape[2], n = 0;

        for (int again = 0; again < 2; again++) { /* a new file, and over an old one */
            ck_assert_int_eq(write_output(path), PDM_OK);
            ck_assert_int_eq(files_in_folder(), 1);
        }
        ck_assert_int_eq(pdm_fields_open(ctx, path, &f), PDM_OK);
        ck_assert_int_eq(pdm_fields_read(f, "u", 2, (const char *const[]){"sample", "x"}, "1", shape, &u), PDM_OK);
        ck_assert_int_eq(pdm_fields_coordinate(f, "x", "m", &x, &n), PDM_OK);
        ck_assert_int_eq(pdm_fields_read(f, "k", 1, (const char *const[]){"sample"}, NULL, shape, &k), PDM_OK);
        ck_assert_int_eq(pdm_fields_read(f, "s", 0, NULL, "ms", shape, &s), PDM_OK);
        for (int i = 0; i < 6; i++) ck_assert_double_eq(u[i], out_u[i]);
        for (int i = 0; i < 3; i++) ck_assert_double_eq(x[i], out_x[i]);
        for (int i = 0; i < 2; i++) ck_assert_double_eq(k[i], out_k[i]);
        ck_assert_double_eq(s[0], 500.0);
        pdm_free(ctx, u);
        pdm_free(ctx, x);
        pdm_free(ctx, k);
        pdm_free(ctx, s);
        pdm_fields_close(&f);
    }
END_TEST

START_TEST(test_output_misuse)
    {
        pdm_output *o = NULL;

        ck_assert_int_eq(pdm_output_create(ctx, in_folder("o.nc"), &o), PDM_OK);
        ck_assert_int_eq(pdm_output_dimension(o, "x", 0, NULL, NULL, NULL, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_output_dimension(o, "x", 2, NULL, NULL, NULL, NULL), PDM_OK);
        ck_assert_int_eq(pdm_output_dimension(o, "x", 2, NULL, NULL, NULL, NULL), PDM_ERR_IO);
        check_error(in_folder("o.nc"), ": NetCDF: String match to name in use");
        ck_assert_int_eq(pdm_output_variable(o, "u", 1, (const char *const[]){"y"}, NULL, NULL), PDM_ERR_ARGUMENT);
        check_error(in_folder("o.nc"), ": u: no dimension \"y\" has been defined");
        ck_assert_int_eq(pdm_output_variable(o, "u", 9, NULL, NULL, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_output_variable(o, "u", 1, (const char *const[]){"x"}, NULL, NULL), PDM_OK);
        ck_assert_int_eq(pdm_output_put(o, "v", 0, 1, out_u), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_output_put(o, "u", 1, 2, out_u), PDM_ERR_ARGUMENT);
        check_error(in_folder("o.nc"), ": u: entries 1 to 2 do not fit into 2");
        ck_assert_int_eq(pdm_output_put(o, "u", -1, 1, out_u), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_output_attribute(o, "v", "a", "b"), PDM_ERR_ARGUMENT);
        pdm_output_destroy(&o);
        ck_assert_int_eq(files_in_folder(), 0); /* not committed: nothing is left */
        pdm_output_destroy(&o);
    }
END_TEST

/* Paths that cannot be written are told at create. */
START_TEST(test_output_bad_path)
    {
        char        path[PATH_SIZE];
        pdm_output *o = NULL;
        struct stat info;

        ck_assert_int_eq(pdm_output_create(ctx, in_folder("no/such/out.nc"), &o), PDM_ERR_IO);
        check_error(in_folder("no/such/out.nc"), ": cannot be written: No such file or directory");
        ck_assert_int_eq(pdm_output_create(ctx, folder, &o), PDM_ERR_IO);
        check_error(folder, ": cannot be written: it is a folder");
        ck_assert_int_eq(pdm_output_create(ctx, "", &o), PDM_ERR_IO);
        ck_assert_int_eq(pdm_output_create(ctx, NULL, &o), PDM_ERR_IO);
        ck_assert_int_eq(pdm_output_create(ctx, "/dev/null", &o), PDM_ERR_IO);
        check_error("/dev/null", ": cannot be written: it exists and is not a regular file");
        ck_assert(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
        ck_assert_int_eq(pdm_output_create(ctx, "/proc/out.nc", &o), PDM_ERR_IO);
        check_error("/proc/out.nc", ": cannot be written: No such file or directory");
        ck_assert_int_eq(symlink("nowhere/x", in_folder("dangling")), 0);
        ck_assert_int_eq(pdm_output_create(ctx, in_folder("dangling"), &o), PDM_ERR_IO);
        if (geteuid() != 0) {
            ck_assert_int_eq(mkdir(in_folder("closed"), 0500), 0);
            ck_assert_int_eq(pdm_output_create(ctx, in_folder("closed/out.nc"), &o), PDM_ERR_IO);
            check_error(in_folder("closed/out.nc"), ": cannot be written: Permission denied");
        }
        ck_assert_ptr_null(o);
        /* a link is followed, and stays */
        ck_assert_int_eq(write_output(in_folder("real.nc")), PDM_OK);
        (void)snprintf(path, sizeof path, "%s", in_folder("link.nc"));
        ck_assert_int_eq(symlink("real.nc", path), 0);
        ck_assert_int_eq(write_output(path), PDM_OK);
        ck_assert(lstat(path, &info) == 0 && S_ISLNK(info.st_mode));
        ck_assert_int_eq(chdir(folder), 0); /* a name without folder */
        ck_assert_int_eq(write_output("plain.nc"), PDM_OK);
        ck_assert_int_eq(access(in_folder("plain.nc"), R_OK), 0);
        ck_assert_int_eq(chdir("/"), 0);
    }
END_TEST

/* The name of part n of a target, as io/part.c makes it. */
static const char *part_name(const char *target, pid_t process, int n)
{
    char name[PATH_SIZE];
    (void)snprintf(name, sizeof name, "%s.part-%08x-%ld-%d", target, (unsigned)io_kernel_number(), (long)process, n);
    return in_folder(name);
}

/* What stands at a name that a part would have is neither written to nor removed. */
START_TEST(test_part_names)
    {
        char           victim[PATH_SIZE];
        size_t         n = 0;
        unsigned char *bytes;
        struct stat    info;

        (void)snprintf(victim, sizeof victim, "%s", write_text("victim", "precious"));
        ck_assert_int_eq(mkfifo(part_name("out.nc", getpid(), 0), 0600), 0);
        ck_assert_int_eq(symlink(victim, part_name("out.nc", getpid(), 1)), 0);
        ck_assert_int_eq(link(victim, part_name("out.nc", getpid(), 2)), 0);
        ck_assert_int_eq(symlink("nowhere", part_name("out.nc", getpid(), 3)), 0);
        ck_assert_int_eq(symlink("nowhere", part_name("out.nc", 0, 0)), 0); /* not swept either */
        (void)umask(027);
        ck_assert_int_eq(write_output(in_folder("out.nc")), PDM_OK);
        ck_assert(stat(in_folder("out.nc"), &info) == 0 && (info.st_mode & 0777) == 0640);
        bytes = read_file(victim, &n);
        ck_assert(n == strlen("precious") && memcmp(bytes, "precious", n) == 0);
        free(bytes);
        ck_assert_int_eq(lstat(part_name("out.nc", getpid(), 0), &info), 0);
        ck_assert_int_eq(lstat(part_name("out.nc", getpid(), 1), &info), 0);
        ck_assert_int_eq(lstat(part_name("out.nc", 0, 0), &info), 0);
        /* a hard link at the target: its other name keeps what it has */
        ck_assert_int_eq(link(victim, in_folder("linked.nc")), 0);
        ck_assert_int_eq(write_output(in_folder("linked.nc")), PDM_OK);
        bytes = read_file(victim, &n);
        ck_assert_uint_eq(n, strlen("precious"));
        free(bytes);
    }
END_TEST

/* A part of a process that has ended is removed at the next writing of the target, one of a living process is not. */
START_TEST(test_part_swept)
    {
        int   ready[2], go[2], code = -1;
        char  c = 0;
        pid_t alive, dead;

        ck_assert(pipe(ready) == 0 && pipe(go) == 0);
        alive = fork();
        if (alive == 0) {
            pdm_output *o = NULL;
            if (pdm_output_create(ctx, in_folder("out.nc"), &o) != PDM_OK || write(ready[1], "r", 1) != 1) _exit(1);
            if (read(go[0], &c, 1) != 1 || pdm_output_commit(o) != PDM_OK) _exit(2);
            pdm_output_destroy(&o);
            _exit(0);
        }
        ck_assert_int_eq((int)read(ready[0], &c, 1), 1);
        dead = fork();
        if (dead == 0) {
            pdm_output *o = NULL;
            _exit(pdm_output_create(ctx, in_folder("out.nc"), &o) != PDM_OK);
        }
        ck_assert_int_eq(waitpid(dead, &code, 0), dead);
        ck_assert_int_eq(code, 0);
        ck_assert_int_eq(access(part_name("out.nc", dead, 0), F_OK), 0);
        ck_assert_int_eq(files_in_folder(), 2);
        ck_assert_int_eq(write_output(in_folder("out.nc")), PDM_OK);
        ck_assert_int_ne(access(part_name("out.nc", dead, 0), F_OK), 0);
        ck_assert_int_eq(access(part_name("out.nc", alive, 0), F_OK), 0);
        ck_assert_int_eq((int)write(go[1], "g", 1), 1);
        ck_assert_int_eq(waitpid(alive, &code, 0), alive);
        ck_assert_int_eq(code, 0);
        ck_assert_int_eq(files_in_folder(), 1);
    }
END_TEST

/* What a handler of signals does: everything unfinished goes, nothing finished, and nothing that took a name. */
START_TEST(test_remove_unfinished)
    {
        enum { N = 80 }; /* more than there are places */
        pdm_output *o[N] = {NULL};
        char        name[32];

        ck_assert_int_eq(write_output(in_folder("done.nc")), PDM_OK);
        for (int i = 0; i < N; i++) {
            (void)snprintf(name, sizeof name, "out-%d.nc", i);
            ck_assert_int_eq(pdm_output_create(ctx, in_folder(name), &o[i]), PDM_OK);
        }
        ck_assert_int_eq(unlink(part_name("out-0.nc", getpid(), 0)), 0);
        ck_assert_int_eq(close(creat(part_name("out-0.nc", getpid(), 0), 0600)), 0); /* of somebody else */
        pdm_remove_unfinished();
        ck_assert_int_le(files_in_folder(), 2 + N - 64);
        ck_assert_int_eq(access(in_folder("done.nc"), F_OK), 0);
        ck_assert_int_eq(access(part_name("out-0.nc", getpid(), 0), F_OK), 0);
        ck_assert_int_eq(pdm_output_commit(o[1]), PDM_ERR_IO); /* gone */
        for (int i = 0; i < N; i++) pdm_output_destroy(&o[i]);
        ck_assert_int_eq(files_in_folder(), 2);
        pdm_remove_unfinished();
        ck_assert_int_eq(files_in_folder(), 2);
    }
END_TEST

/* A log is written through no link and into no pipe. */
START_TEST(test_log_names)
    {
        char           victim[PATH_SIZE], log[PATH_SIZE];
        size_t         n = 0;
        unsigned char *bytes;
        pdm_jsonl     *j = NULL;

        (void)snprintf(victim, sizeof victim, "%s", write_text("victim", "precious\n"));
        (void)snprintf(log, sizeof log, "%s", in_folder("a.log.jsonl"));
        for (int append = 0; append < 2; append++) {
            ck_assert_int_eq(mkfifo(log, 0600), 0);
            ck_assert_int_eq(pdm_jsonl_open(ctx, log, append, &j), PDM_ERR_IO);
            check_error(log, ": cannot be written: it exists and is not a regular file");
            ck_assert_int_eq(pdm_jsonl_truncate(ctx, log, append), PDM_ERR_IO);
            ck_assert_int_eq(unlink(log), 0);
            ck_assert_int_eq(symlink(victim, log), 0);
            ck_assert_int_eq(pdm_jsonl_open(ctx, log, append, &j), PDM_ERR_IO);
            check_error(log, ": cannot be written: it is a link; a regular file, or none, expected");
            ck_assert_int_eq(pdm_jsonl_truncate(ctx, log, append), PDM_ERR_IO);
            ck_assert_int_eq(unlink(log), 0);
        }
        ck_assert_int_eq(link(victim, log), 0);
        ck_assert_int_eq(pdm_jsonl_truncate(ctx, log, 1), PDM_ERR_IO);
        ck_assert_int_eq(pdm_jsonl_open(ctx, log, true, &j), PDM_ERR_IO);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(ctx), "hard link"));
        ck_assert_int_eq(pdm_jsonl_open(ctx, log, false, &j), PDM_OK); /* anew: the other name keeps its file */
        pdm_jsonl_begin(j);
        ck_assert_int_eq(pdm_jsonl_end(j), PDM_OK);
        pdm_jsonl_close(&j);
        bytes = read_file(log, &n);
        ck_assert(n == 3 && memcmp(bytes, "{}\n", n) == 0);
        free(bytes);
        bytes = read_file(victim, &n);
        ck_assert(n == 9 && memcmp(bytes, "precious\n", n) == 0);
        free(bytes);
    }
END_TEST

/* Contexts of one process exclude each other like processes; a context has a claim once. */
START_TEST(test_claims)
    {
        pdm_context *other = NULL;
        pdm_claim   *mine = NULL, *again = NULL, *theirs = NULL;
        const char  *path = in_folder("model.nc");
        char         wanted[PATH_SIZE];

        ck_assert_int_eq(pdm_context_create(NULL, &other), PDM_OK);
        ck_assert_int_eq(pdm_claim_check(ctx, path), PDM_ERR_IO);
        ck_assert_int_eq(pdm_claim_create(ctx, path, 0, &mine), PDM_OK);
        ck_assert_ptr_nonnull(mine);
        ck_assert_int_eq(pdm_claim_create(ctx, path, 0, &again), PDM_OK);
        ck_assert_ptr_null(again);
        ck_assert_int_eq(pdm_claim_check(ctx, path), PDM_OK);
        ck_assert_int_eq(pdm_claim_create(other, path, 0, &theirs), PDM_ERR_IO);
        (void)snprintf(wanted, sizeof wanted, "another training writes it: process %ld on ", (long)getpid());
        ck_assert_ptr_nonnull(strstr(pdm_context_error(other), wanted));
        ck_assert_int_eq(pdm_claim_create(other, path, 1, &theirs), PDM_OK);
        ck_assert_ptr_nonnull(theirs);
        ck_assert_int_eq(pdm_claim_check(ctx, path), PDM_ERR_IO);
        ck_assert_int_eq(pdm_claim_check(other, path), PDM_OK);
        pdm_claim_destroy(&mine); /* which is no longer on the file */
        ck_assert_int_eq(files_in_folder(), 1);
        ck_assert_int_eq(pdm_claim_check(other, path), PDM_OK);
        pdm_claim_destroy(&theirs);
        ck_assert_int_eq(files_in_folder(), 0);
        for (pdm_size k = 1;; k++) {
            const pdm_size live = live_bytes();
            pdm_context_fail_allocation(ctx, k);
            const pdm_status status = pdm_claim_create(ctx, path, 0, &mine);
            pdm_context_fail_allocation(ctx, 0);
            if (status == PDM_OK) break;
            ck_assert_int_eq(status, PDM_ERR_MEMORY);
            ck_assert_int_eq(live_bytes(), live);
            ck_assert_int_eq(files_in_folder(), 0);
        }
        pdm_remove_unfinished();
        ck_assert_int_eq(files_in_folder(), 0);
        pdm_claim_destroy(&mine);
        ck_assert_int_eq(pdm_claim_create(ctx, in_folder("no/model.nc"), 0, &mine), PDM_ERR_IO);
        ck_assert_int_eq(pdm_context_destroy(&other), 0);
    }
END_TEST

/* ---- stores ------------------------------------------------------------------------------------------------------ */

static const float   weights[5] = {0.1f, -2.0f, 3.5f, 1e-30f, 4.0f};
static const double  moments[3] = {0.1, 1e-300, -7.0};
static const int64_t counts[2]  = {INT64_MAX, -1};

static pdm_status fill_store(pdm_store *s, pdm_case *c)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_store_put_text(s, "", "provenance", "seed 1\nversion 0"));
    PDM_TRY(pdm_store_put(s, "surrogate/fno", "weights", PDM_STORE_FLOAT, 5, weights, "5 1"));
    PDM_TRY(pdm_store_put_case(s, c));
    PDM_TRY(pdm_store_put(s, "adam", "moments", PDM_STORE_DOUBLE, 3, moments, NULL));
    PDM_TRY(pdm_store_put(s, "surrogate", "counts", PDM_STORE_INT64, 2, counts, NULL));
    PDM_TRY(pdm_store_put(s, "surrogate", "nothing", PDM_STORE_DOUBLE, 0, NULL, NULL));
    PDM_TRY(pdm_store_put_text(s, "adam", "empty", ""));
done:
    return status;
}

typedef struct lens {
    double   length;
    pdm_size blades;
    int      mount;
} lens;

/* With these defaults it is made, with those it is read. */
static const pdm_setting lens_table[2][3] = {
    {{"length", PDM_SETTING_REAL, offsetof(lens, length), 0.1, 0.0, 1.0, NULL, "m", ""},
     {"blades", PDM_SETTING_COUNT, offsetof(lens, blades), 5, 1, 9, NULL, "1", ""},
     {"mount", PDM_SETTING_CHOICE, offsetof(lens, mount), 1, 0, 0, "screw|bayonet|none", "1", ""}},
    {{"length", PDM_SETTING_REAL, offsetof(lens, length), 0.3, 0.0, 1.0, NULL, "m", ""},
     {"blades", PDM_SETTING_COUNT, offsetof(lens, blades), 7, 1, 9, NULL, "1", ""},
     {"mount", PDM_SETTING_CHOICE, offsetof(lens, mount), 0, 0, 0, "screw|bayonet|none", "1", ""}}};

static lens read_lens(pdm_case *c, int defaults)
{
    lens out = {0};
    ck_assert_int_eq(pdm_case_settings(c, "pde/lens", lens_table[defaults], 3, &out), PDM_OK);
    return out;
}

static pdm_case *example_case(void)
{
    pdm_case *c = NULL;
    ck_assert_int_eq(pdm_case_read(ctx, write_text("example.cdl", case_cdl), &c), PDM_OK);
    ck_assert_int_eq(unlink(in_folder("example.cdl")), 0);
    (void)read_lens(c, 0); /* so that stores have defaults */
    return c;
}

static pdm_status write_store(const char *path, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;

    PDM_TRY(pdm_store_create(ctx, path, "model", 3, &s));
    PDM_TRY(fill_store(s, c));
    PDM_TRY(pdm_store_commit(s));
done:
    pdm_store_destroy(&s);
    return status;
}

/* Reads everything back; PDM_ERR_INTERNAL when it differs. */
static pdm_status read_store(const char *path, pdm_case *c)
{
    pdm_status status = PDM_OK;
    pdm_store *s      = NULL;
    pdm_case  *stored = NULL;
    char      *text = NULL, *empty = NULL, hash[2][PDM_HASH_TEXT];
    float      w[5];
    double     m[3];
    int64_t    k[2];
    pdm_size   n[3];

    PDM_TRY(pdm_store_open(ctx, path, "model", 3, &s));
    PDM_TRY(pdm_store_get_text(s, "", "provenance", &text));
    PDM_TRY(pdm_store_get_text(s, "adam", "empty", &empty));
    PDM_TRY(pdm_store_get(s, "surrogate/fno", "weights", PDM_STORE_FLOAT, 5, w));
    PDM_TRY(pdm_store_get(s, "adam", "moments", PDM_STORE_DOUBLE, 3, m));
    PDM_TRY(pdm_store_get(s, "surrogate", "counts", PDM_STORE_INT64, 2, k));
    PDM_TRY(pdm_store_get(s, "surrogate", "nothing", PDM_STORE_DOUBLE, 0, NULL));
    PDM_TRY(pdm_store_length(s, "adam", "moments", &n[0]));
    PDM_TRY(pdm_store_length(s, "adam", "momentum", &n[1]));
    PDM_TRY(pdm_store_length(s, "surrogate", "nothing", &n[2]));
    PDM_TRY(pdm_store_get_case(s, &stored));
    PDM_TRY(pdm_case_hash(c, hash[0]));
    PDM_TRY(pdm_case_hash(stored, hash[1]));
    if (strcmp(text, "seed 1\nversion 0") || empty[0] || memcmp(w, weights, sizeof w) || memcmp(m, moments, sizeof m) ||
        memcmp(k, counts, sizeof k) || n[0] != 3 || n[1] != -1 || n[2] != 0 || strcmp(hash[0], hash[1]))
        status = PDM_ERR_INTERNAL;
done:
    pdm_free(ctx, text);
    pdm_free(ctx, empty);
    pdm_case_destroy(&stored);
    pdm_store_destroy(&s);
    return status;
}

START_TEST(test_store_round_trip)
    {
        pdm_case   *c    = example_case();
        const char *path = in_folder("model.nc");
        char        command[4 * PATH_SIZE];

        ck_assert_int_eq(pdm_case_set_text(c, "solver", "tolerance", "1e-9"), PDM_OK);
        for (int again = 0; again < 2; again++) {
            ck_assert_int_eq(write_store(path, c), PDM_OK);
            ck_assert_int_eq(read_store(path, c), PDM_OK);
            ck_assert_int_eq(files_in_folder(), 1);
        }
        (void)snprintf(command, sizeof command, "ncdump %s | grep -q 'pdemoe_kind = \"model\"'",
                       path); /* other programs read it too */
        ck_assert_int_eq(system(command), 0);
        pdm_case_destroy(&c);
    }
END_TEST

START_TEST(test_store_refuses)
    {
        pdm_case   *c    = example_case();
        const char *path = in_folder("model.nc");
        pdm_store  *s    = NULL;
        double      m[4];
        char       *text = NULL;

        ck_assert_int_eq(write_store(path, c), PDM_OK);
        ck_assert_int_eq(pdm_store_open(ctx, path, "residuals", 3, &s), PDM_ERR_MODEL);
        check_error(path, ": a pdemoe file of kind \"model\"; \"residuals\" expected");
        ck_assert_int_eq(pdm_store_open(ctx, path, "model", 2, &s), PDM_ERR_MODEL);
        check_error(path, ": written in format 3 of kind \"model\"; this pdemoe reads formats up to 2");
        ck_assert_int_eq(pdm_store_open(ctx, in_folder("none.nc"), "model", 3, &s), PDM_ERR_IO);
        ck_assert_int_eq(write_output(in_folder("out.nc")), PDM_OK);
        ck_assert_int_eq(pdm_store_open(ctx, in_folder("out.nc"), "model", 3, &s), PDM_ERR_MODEL);
        check_error(in_folder("out.nc"),
                    ": not a pdemoe model file, or truncated, or changed by another program: the seal that ends such a "
                    "file is missing");
        ck_assert_ptr_null(s);
        ck_assert_int_eq(pdm_store_open(ctx, path, "model", 3, &s), PDM_OK);
        ck_assert_int_eq(pdm_store_get(s, "adam", "moments", PDM_STORE_DOUBLE, 4, m), PDM_ERR_MODEL);
        check_error(path, ": /adam:moments has 3 values (shape \"\"); 4 expected");
        ck_assert_int_eq(pdm_store_get(s, "adam", "moments", PDM_STORE_FLOAT, 3, m), PDM_ERR_MODEL);
        check_error(path, ": /adam:moments is double; float expected");
        ck_assert_int_eq(pdm_store_get(s, "adam", "momenta", PDM_STORE_DOUBLE, 3, m), PDM_ERR_MODEL);
        check_error(path, ": /adam:momenta is missing; double expected");
        ck_assert_int_eq(pdm_store_get_text(s, "adam", "moments", &text), PDM_ERR_MODEL);
        ck_assert_int_eq(pdm_store_put_text(s, "", "a", "b"), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_commit(s), PDM_ERR_ARGUMENT);
        pdm_store_destroy(&s);
        ck_assert_int_eq(pdm_store_create(ctx, path, "model", 3, &s), PDM_OK);
        ck_assert_int_eq(pdm_store_put_text(s, "g", "a", "b"), PDM_OK);
        ck_assert_int_eq(pdm_store_put_text(s, "g", "a", "b"), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_put_text(s, "case", "a", "b"), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_put_text(s, "case/x", "a", "b"), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_put(s, "g", "n", PDM_STORE_FLOAT, -1, weights, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_put(s, "g//h", "n", PDM_STORE_FLOAT, 1, weights, NULL), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_put_case(s, c), PDM_OK);
        ck_assert_int_eq(pdm_store_put_case(s, c), PDM_ERR_ARGUMENT);
        ck_assert_int_eq(pdm_store_get_text(s, "g", "a", &text), PDM_ERR_ARGUMENT);
        pdm_store_destroy(&s); /* not committed: the old one stays */
        ck_assert_int_eq(read_store(path, c), PDM_OK);
        ck_assert_int_eq(files_in_folder(), 2);
        pdm_case_destroy(&c);
    }
END_TEST

static pdm_case *stored_case(const char *path)
{
    pdm_store *s = NULL;
    pdm_case  *c = NULL;
    ck_assert_int_eq(pdm_store_open(ctx, path, "model", 3, &s), PDM_OK);
    ck_assert_int_eq(pdm_store_get_case(s, &c), PDM_OK);
    pdm_store_destroy(&s);
    return c;
}

/* Defaults are those of the program that wrote the file; what the case states counts for more;
 * what is not in the file, for less. */
START_TEST(test_store_defaults)
    {
        pdm_case *c = example_case(), *stored = NULL, *copy = NULL, *plain = NULL;
        char      hash[2][PDM_HASH_TEXT];
        lens      x;

        ck_assert_int_eq(write_store(in_folder("model.nc"), c), PDM_OK);
        stored = stored_case(in_folder("model.nc"));
        ck_assert(!pdm_case_has(stored, "pde/lens", "length") && !pdm_case_has_group(stored, "pde/lens"));
        ck_assert_int_eq(pdm_case_copy(stored, &copy), PDM_OK);
        x = read_lens(copy, 1);
        ck_assert(x.length == 0.1 && x.blades == 5 && x.mount == 1);
        ck_assert_int_eq(pdm_case_set_text(copy, "pde/lens", "blades", "9"), PDM_OK);
        x = read_lens(copy, 1);
        ck_assert(x.length == 0.1 && x.blades == 9 && x.mount == 1);
        /* stated defaults are the same case as none: of the file, not of the program */
        ck_assert_int_eq(pdm_case_set_text(copy, "pde/lens", "blades", "5.0"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(copy, "pde/lens", "mount", "bayonet"), PDM_OK);
        ck_assert_int_eq(pdm_case_drop_defaults(copy, stored), PDM_OK);
        ck_assert_int_eq(pdm_case_hash(copy, hash[0]), PDM_OK);
        ck_assert_int_eq(pdm_case_hash(c, hash[1]), PDM_OK);
        ck_assert_str_eq(hash[0], hash[1]);
        ck_assert_int_eq(pdm_case_set_text(copy, "pde/lens", "blades", "7"), PDM_OK);
        ck_assert_int_eq(pdm_case_drop_defaults(copy, stored), PDM_OK);
        ck_assert(pdm_case_has(copy, "pde/lens", "blades"));
        /* a file without defaults */
        ck_assert_int_eq(pdm_case_read(ctx, write_text("plain.cdl", case_cdl), &plain), PDM_OK);
        ck_assert_int_eq(write_store(in_folder("model.nc"), plain), PDM_OK);
        pdm_case_destroy(&stored);
        stored = stored_case(in_folder("model.nc"));
        x      = read_lens(stored, 1);
        ck_assert(x.length == 0.3 && x.blades == 7 && x.mount == 0);
        pdm_case_destroy(&c);
        pdm_case_destroy(&copy);
        pdm_case_destroy(&stored);
        pdm_case_destroy(&plain);
    }
END_TEST

/* One bit wrong anywhere, or cut anywhere: told, never a crash. */
START_TEST(test_store_damaged)
    {
        pdm_case      *c     = example_case();
        pdm_store     *s     = NULL;
        size_t         n     = 0;
        unsigned char *bytes = NULL;

        ck_assert_int_eq(write_store(in_folder("model.nc"), c), PDM_OK);
        bytes = read_file(in_folder("model.nc"), &n);
        for (size_t at = 0; at < n; at += at + 64 < n ? 1 + n / 499 : 1) { /* every byte of the seal */
            bytes[at] ^= (unsigned char)(1u << (at % 8));
            ck_assert_int_eq(pdm_store_open(ctx, write_file("bad.nc", bytes, n), "model", 3, &s), PDM_ERR_MODEL);
            ck_assert_ptr_null(s);
            bytes[at] ^= (unsigned char)(1u << (at % 8));
        }
        for (size_t cut = 0; cut < n; cut += cut + 64 < n ? 1 + n / 199 : 1) {
            const pdm_status status = pdm_store_open(ctx, write_file("bad.nc", bytes, cut), "model", 3, &s);
            ck_assert_int_eq(status, cut == 0 ? PDM_ERR_IO : PDM_ERR_MODEL);
        }
        free(bytes);
        pdm_case_destroy(&c);
    }
END_TEST

/* A number changed, and a seal put on that fits: the hash over the entries tells. */
START_TEST(test_store_changed)
    {
        const size_t   seal  = strlen("\npdemoe seal 1 ") + 33;
        pdm_case      *c     = example_case();
        pdm_store     *s     = NULL;
        size_t         n     = 0;
        unsigned char *bytes = NULL, *at = NULL;
        XXH128_hash_t  hash;

        ck_assert_int_eq(write_store(in_folder("model.nc"), c), PDM_OK);
        bytes = read_file(in_folder("model.nc"), &n);
        at    = memmem(bytes, n, weights, sizeof weights);
        ck_assert_ptr_nonnull(at);
        at[3] ^= 1;
        hash = XXH3_128bits(bytes, n - seal);
        (void)snprintf((char *)bytes + n - seal, seal + 1, "\npdemoe seal 1 %016llx%016llx\n",
                       (unsigned long long)hash.high64, (unsigned long long)hash.low64);
        ck_assert_int_eq(pdm_store_open(ctx, write_file("bad.nc", bytes, n), "model", 3, &s), PDM_ERR_MODEL);
        check_error(in_folder("bad.nc"), "*: damaged: the hash of its contents is ");
        free(bytes);
        pdm_case_destroy(&c);
    }
END_TEST

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A process that ends while it writes leaves the old file. */
START_TEST(test_store_killed)
    {
        pdm_case   *c    = example_case();
        const char *path = in_folder("model.nc");

        ck_assert_int_eq(write_store(path, c), PDM_OK);
        for (int step = 0; step < 3; step++) {
            int         code  = -1;
            const pid_t child = fork();
            if (child == 0) {
                pdm_store *s = NULL;
                if (pdm_store_create(ctx, path, "model", 3, &s) != PDM_OK) _exit(1);
                if (step > 0 && fill_store(s, c) != PDM_OK) _exit(2);
                if (step > 1) set_file_limit(10000); /* SIGXFSZ ends it in the middle of the file */
                if (step > 1) (void)pdm_store_commit(s);
                _exit(0);
            }
            ck_assert_int_eq(waitpid(child, &code, 0), child);
            ck_assert(step > 1 ? WIFSIGNALED(code) : code == 0);
            ck_assert_int_eq(read_store(path, c), PDM_OK);
            ck_assert_int_eq(write_store(path, c), PDM_OK); /* and what it left is in nobody's way */
        }
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- full disks -------------------------------------------------------------------------------------------------- */

/* More than the disk takes; compressed and not. */
static pdm_status write_large(const char *path, int kind)
{
    enum { N = 60000 };
    pdm_status  status = PDM_OK;
    pdm_output *o      = NULL;
    pdm_store  *s      = NULL;
    double     *value  = NULL;

    PDM_TRY(pdm_alloc_array(ctx, N, &value));
    for (uint64_t i = 0; i < N; i++) value[i] = pdm_random_uniform((pdm_random_key){1, PDM_RANDOM_TEST, 0}, i);
    if (kind == 0) {
        PDM_TRY(pdm_output_create(ctx, path, &o));
        PDM_TRY(pdm_output_dimension(o, "x", N, NULL, NULL, NULL, NULL));
        PDM_TRY(pdm_output_variable(o, "u", 1, (const char *const[]){"x"}, NULL, NULL));
        PDM_TRY(pdm_output_put(o, "u", 0, N, value));
        PDM_TRY(pdm_output_commit(o));
    } else {
        PDM_TRY(pdm_store_create(ctx, path, "model", 3, &s));
        PDM_TRY(pdm_store_put(s, "g", "values", PDM_STORE_DOUBLE, N, value, NULL));
        PDM_TRY(pdm_store_commit(s));
    }
done:
    pdm_output_destroy(&o);
    pdm_store_destroy(&s);
    pdm_free(ctx, value);
    return status;
}

/* The file may not grow beyond a limit, at many limits; kind 0: output, 1: store. */
START_TEST(test_disk_limit)
    {
        char      path[2 * PATH_SIZE];
        bool      failed = false, passed = false;
        pdm_case *c = example_case();

        (void)snprintf(path, sizeof path, "%s", in_folder("model.nc"));
        ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
        ck_assert_int_eq(write_store(path, c), PDM_OK);
        for (rlim_t limit = 1; limit < 600000; limit = limit < 4096 ? limit * 4 : limit + 60000) {
            set_file_limit(limit);
            const pdm_status status = write_large(path, _i);
            set_file_limit(RLIM_INFINITY);
            failed = failed || status != PDM_OK;
            passed = passed || status == PDM_OK;
            ck_assert_int_eq(files_in_folder(), 1);
            if (status == PDM_OK) break;
            ck_assert_int_eq(status, PDM_ERR_IO);
            check_error(path, "*File too large");
            ck_assert_int_eq(strncmp(pdm_context_error(ctx), path, strlen(path)), 0);
            ck_assert_int_eq(read_store(path, c), PDM_OK); /* the old one */
        }
        ck_assert(failed && passed);
        pdm_case_destroy(&c);
    }
END_TEST

/* A file system of 256 KiB of this process's own, where that is allowed. */
START_TEST(test_disk_full)
    {
        pdm_case   *c    = example_case();
        const char *path = NULL;

        if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount("none", folder, "tmpfs", 0, "size=256k") == 0) {
            path = in_folder("model.nc");
            ck_assert_int_eq(write_store(path, c), PDM_OK);
            for (int again = 0; again < 3; again++) {
                ck_assert_int_eq(write_large(path, _i), PDM_ERR_IO);
                check_error(path, "*No space left on device");
                ck_assert_int_eq(files_in_folder(), 1);
                ck_assert_int_eq(read_store(path, c), PDM_OK);
            }
            ck_assert_int_eq(write_store(path, c), PDM_OK); /* the space is there again */
            ck_assert_int_eq(umount2(folder, MNT_DETACH), 0);
        }
        pdm_case_destroy(&c);
    }
END_TEST

/* ---- failing allocations ----------------------------------------------------------------------------------------- */

static pdm_case *common; /* of the test that runs */

static pdm_status do_write_store(void)
{
    return write_store(in_folder("model.nc"), common);
}
static pdm_status do_read_store(void)
{
    return read_store(in_folder("ready.nc"), common);
}
static pdm_status do_write_output(void)
{
    return write_output(in_folder("out.nc"));
}
static pdm_status do_read_case(const char *name)
{
    pdm_case  *c      = NULL;
    pdm_status status = pdm_case_read(ctx, in_folder(name), &c);
    if ((status == PDM_OK) != (c != NULL)) return PDM_ERR_INTERNAL;
    pdm_case_destroy(&c);
    return status;
}
static pdm_status do_read_netcdf(void)
{
    return do_read_case("case.nc");
}
static pdm_status do_read_cdl(void)
{
    return do_read_case("case.cdl");
}
static pdm_status do_read_fields(void)
{
    const char *const dims[] = {"?sample", "t", "x"};
    pdm_status        status = PDM_OK;
    pdm_fields       *f      = NULL;
    double           *u      = NULL;
    pdm_size          shape[3];

    PDM_TRY(pdm_fields_open(ctx, in_folder("f.nc"), &f));
    PDM_TRY(pdm_fields_read(f, "u", 3, dims, "km", shape, &u));
done:
    pdm_free(ctx, u);
    pdm_fields_close(&f);
    return status;
}
/* every n-th allocation: of one that is called for each attribute, some are enough */
static const struct {
    pdm_status (*call)(void);
    pdm_size stride;
} failing[] = {{do_write_store, 3}, {do_read_store, 7}, {do_write_output, 1},
               {do_read_netcdf, 1}, {do_read_cdl, 9},   {do_read_fields, 1}};

START_TEST(test_allocation_fails)
    {
        pdm_status status = PDM_ERR_MEMORY;
        int        n_before;

        common = example_case();
        (void)make_netcdf("case.nc", "nc4", case_cdl);
        (void)make_netcdf("f.nc", "nc4", same_field[1]);
        (void)write_text("case.cdl", case_cdl);
        ck_assert_int_eq(write_store(in_folder("ready.nc"), common), PDM_OK);
        n_before = files_in_folder();
        for (pdm_size k = 1; status != PDM_OK; k += failing[_i].stride) {
            const pdm_size live = live_bytes();
            pdm_context_fail_allocation(ctx, k);
            status = failing[_i].call();
            pdm_context_fail_allocation(ctx, 0);
            ck_assert_int_eq(live_bytes(), live);
            ck_assert(status == PDM_OK || status == PDM_ERR_MEMORY);
            if (status != PDM_OK) ck_assert_int_eq(files_in_folder(), n_before);
            ck_assert_int_lt(k, 10000);
        }
        pdm_case_destroy(&common);
    }
END_TEST

static Suite *make_suite(void)
{
    Suite *suite  = suite_create("io_files");
    TCase *cases  = tcase_create("case");
    TCase *fields = tcase_create("fields");
    TCase *output = tcase_create("output");
    TCase *store  = tcase_create("store");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, test_case_round_trip);
    tcase_add_test(cases, test_case_temporary_file);
    tcase_add_loop_test(cases, test_case_bad_file, 0, N_OF(bad_case_table));
    tcase_add_test(cases, test_case_not_a_file);
    tcase_add_test(cases, test_case_truncated);
    suite_add_tcase(suite, cases);

    tcase_add_checked_fixture(fields, set_up, tear_down);
    tcase_add_loop_test(fields, test_fields_read, 0, 2 * N_OF(same_field));
    tcase_add_loop_test(fields, test_fields_bad, 0, N_OF(bad_field_table));
    tcase_add_loop_test(fields, test_fields_coordinate, 0, N_OF(coordinate_table));
    tcase_add_loop_test(fields, test_fields_rounded_range, 0, N_OF(rounded_range));
    tcase_add_loop_test(fields, test_fields_snap, 0, N_OF(snapped_table));
    tcase_add_test(fields, test_fields_as_they_are);
    suite_add_tcase(suite, fields);

    tcase_add_checked_fixture(output, set_up, tear_down);
    tcase_add_test(output, test_output);
    tcase_add_test(output, test_output_misuse);
    tcase_add_test(output, test_output_bad_path);
    tcase_add_test(output, test_part_names);
    tcase_add_test(output, test_part_swept);
    tcase_add_test(output, test_remove_unfinished);
    tcase_add_test(output, test_log_names);
    tcase_add_test(output, test_claims);
    suite_add_tcase(suite, output);

    tcase_set_timeout(store, 30);
    tcase_add_checked_fixture(store, set_up, tear_down);
    tcase_add_test(store, test_store_round_trip);
    tcase_add_test(store, test_store_refuses);
    tcase_add_test(store, test_store_defaults);
    tcase_add_test(store, test_store_damaged);
    tcase_add_test(store, test_store_changed);
    tcase_add_test(store, test_store_killed);
    tcase_add_loop_test(store, test_disk_limit, 0, 2);
    tcase_add_loop_test(store, test_disk_full, 0, 2);
    tcase_add_loop_test(store, test_allocation_fails, 0, N_OF(failing));
    suite_add_tcase(suite, store);
    return suite;
}

int main(void)
{
    SRunner *runner   = srunner_create(make_suite());
    int      n_failed = 0;

    srunner_run_all(runner, CK_NORMAL);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
