/* Private to io/ and its tests: how a case is held, files written beside and renamed, NetCDF's errors, number text. */
#ifndef PDM_IO_IMPL_H
#define PDM_IO_IMPL_H

#include "io/io.h"

#define CASE_MAX_NAME  127       /* bytes of a group, attribute, variable or dimension name          */
#define CASE_MAX_DEPTH 16        /* groups inside groups                                             */
#define CASE_MAX_NODE  65536     /* groups, attributes and variables of one case, asked for included */
#define CASE_MAX_TEXT  (1 << 16) /* bytes of one text attribute, and entries of a numeric one        */
#define CASE_MAX_VALUE (1 << 20) /* entries of all variables of a case: larger data go in data files */

/* ---- how a case is held ---------------------------------------------------------------------------------------------
 * Groups, attributes and variables are nodes in lists. A node is `present` when the case has it, `asked` when somebody
 * wanted it; one that is asked for and absent stays as a node so that it can be offered as the right spelling. */
typedef struct case_node {
    struct case_node *next;
    char             *name;
    bool              present, asked;
} case_node;

typedef struct case_list {
    case_node *first, *last; /* present ones are in the order in which they came */
} case_list;

typedef struct case_attribute {
    case_node node;
    char     *text; /* as given, or the numbers printed        */
    double   *real; /* [n_real], or NULL when given as text    */
    pdm_size  n_real;
} case_attribute;

typedef struct case_array {
    case_node node;
    pdm_size  n_dim, shape[PDM_CASE_MAX_DIM], n_value;
    char     *dim[PDM_CASE_MAX_DIM];
    double   *value;     /* [n_value], last index fastest */
    case_list attribute; /* of case_attribute             */
} case_array;

typedef struct case_group {
    case_node          node;
    struct case_group *parent;
    char              *path; /* "pde/boundary"; "" for the root */
    pdm_size           depth;
    case_list          attribute, array, group;
} case_group;

struct pdm_case {
    pdm_context *ctx;
    char        *path;
    case_group  *root;
    pdm_case    *defaults; /* of the settings that were read, whether the case states them or not; NULL: none read */
    pdm_size     n_node, n_value;
    pdm_status   remembered; /* not PDM_OK when memory for remembering a question could not be had */
};

/* First present node from `node` on, NULL at the end. */
case_node *case_present(case_node *node);
case_node *case_list_find(const case_list *list, const char *name);
/* A new absent node of `bytes` bytes, at the end of the list; it belongs to the list. */
pdm_status case_list_make(pdm_case *c, case_list *list, const char *name, size_t bytes, case_node **out);
bool       case_name_is_legal(const char *name);
pdm_status case_set_path(pdm_case *c, const char *path);
/* The group at the end of `path`, made (absent) where it is not there. */
pdm_status case_group_make(pdm_case *c, const char *path, case_group **out);
/* The group `name` inside `parent`, likewise. */
pdm_status case_subgroup_make(pdm_case *c, case_group *parent, const char *name, case_group **out);
void       case_group_set_present(case_group *g);
/* real NULL: text; text NULL: printed from real. Copies both. */
pdm_status case_attribute_set(pdm_case *c, case_group *g, case_list *list, const char *name, const char *text,
                              const double *real, pdm_size n_real);
/* values NULL: zeros, to be filled through the node that comes back. */
pdm_status case_array_set(pdm_case *c, case_group *g, const char *name, pdm_size n_dim, const char *const *dim,
                          const pdm_size *shape, const double *values, case_array **out);
/* The default of a setting where the case was read first, which is `fallback` when this is the first time. Lent. */
pdm_status case_default(pdm_case *c, const char *group, const char *name, const char *fallback, const char **out);
/* All of them, a line "group.name=value" each; parse takes the text apart in place. */
pdm_status case_defaults_print(const pdm_case *c, pdm_text *out);
pdm_status case_defaults_parse(pdm_case *c, char *text);
/* The value as in pdm_case_print. */
pdm_status case_value_print(pdm_text *out, const case_attribute *a);
/* Next number of a list separated by blanks and commas: 1 found, 0 at the end, -1 not a number (*cursor is at it). */
int case_next_real(const char **cursor, double *out);

/* Attributes, variables and groups of an open NetCDF group into the case, as its root. path: for errors. */
pdm_status case_read_netcdf(pdm_case *c, const char *path, int ncid);

/* ---- number text ------------------------------------------------------------------------------------------------- */
#define IO_REAL_TEXT 32
/* Fewest digits that give the same double back; independent of the locale; "nan", "inf", "-inf". */
void io_real_text(double value, char out[IO_REAL_TEXT]);
/* A 128-bit hash as 32 hexadecimal digits. */
void io_hash_text(uint64_t high, uint64_t low, char out[PDM_HASH_TEXT]);

/* ---- libraries with state of the process (io/lock.c) ----------------------------------------------------------------
 * One lock of the process, not recursive. Every call of NetCDF, and with it of HDF5, is inside IO_CALL or IO_NC, which
 * hold the lock for that call: tests/test_layers.sh refuses one that is not. UDUNITS: units.c. The thread that holds
 * it has HDF5's printing of errors turned off. */
void io_lock(void);
void io_unlock(void);
int  io_unlock_with(int code); /* returns code */
#define IO_CALL(call) (io_lock(), io_unlock_with(call))

/* ---- NetCDF (io/netcdf.c) ------------------------------------------------------------------------------------------
 * What can fail goes through IO_NC: its own message, and the system's when a disk is full, is kept. */
#define IO_NC(ctx, path, call) PDM_TRY(io_netcdf_check((ctx), (path), IO_CALL(call), __func__))
pdm_status io_netcdf_check(pdm_context *ctx, const char *path, int code, const char *function);
/* An existing regular file that may be read, or PDM_ERR_IO that says why not. */
pdm_status io_file_check(pdm_context *ctx, const char *path);
pdm_status io_netcdf_open(pdm_context *ctx, const char *path, int *ncid);

/* How numbers of a variable are stored. A stored number x is missing when it equals one of `missing` or lies outside
 * [low, high]; it means  scale x + shift. Attributes may have another type than the variable: what x is compared with is
 * rounded to the variable's. */
#define PACKING_MAX_MISSING 16
typedef struct io_packing {
    bool     is_packed;
    double   scale, shift;
    pdm_size n_missing;
    double   missing[PACKING_MAX_MISSING];
    double   low, high; /* of stored numbers                                         */
    double   rounding;  /* relative: of the type they are stored in, or unpacked by  */
    double   wrap;      /* added to negative stored numbers (_Unsigned), 0 otherwise */
} io_packing;
pdm_status io_packing_read(pdm_context *ctx, const char *path, int ncid, int variable, const char *name, io_packing *p);
/* Unpacks in place. Index of the first number that is missing or not finite, or -1: then all are unpacked; with an
 * index those before it are, and *stored is the number found there. */
pdm_size io_packing_apply(const io_packing *p, double *values, pdm_size n, double *stored);
/* A text attribute of any length, allocated; NULL when absent or not a text. */
pdm_status io_netcdf_text(pdm_context *ctx, const char *path, int ncid, int variable, const char *name, char **out);
/* A numeric attribute of variable `name`, of 1 to n_max entries; *n = 0 when absent. PDM_ERR_DATA for other ones. */
pdm_status io_netcdf_reals(pdm_context *ctx, const char *path, int ncid, int variable, const char *name,
                           const char *attribute, size_t n_max, double *out, size_t *n);

/* A NetCDF-4 file under construction. It is kept in memory and written by us: when HDF5 itself meets a full disk, it
 * keeps the file open and crashes when the process ends (1.10.8). */
pdm_status io_netcdf_create(pdm_context *ctx, const char *path, int *ncid);
void       io_netcdf_discard(int *ncid); /* *ncid becomes -1; -1 is fine */

/* ---- files written beside and renamed (io/part.c) ------------------------------------------------------------------
 * part: TARGET.part-KERNEL-PID-N in the same folder, made by O_EXCL, so that no other name of a file is ever written
 * through, and held by a shared flock while it is written. A path that is a link is written where the link leads. */
typedef struct io_part {
    pdm_context *ctx;
    char        *path; /* as given, for errors */
    char        *target, *part;
    int          folder, file; /* open while the part is there and ours: file reads and writes */
    int          place;        /* among the unfinished files */
} io_part;
/* Makes the empty part file, and removes those that dead processes left of the same target; fails when the folder is
 * missing or cannot be written. */
pdm_status io_part_create(pdm_context *ctx, const char *path, io_part *p);
pdm_status io_part_write(io_part *p, const void *bytes, size_t n);
/* Closes the file under construction, *ncid becomes -1, and writes it. hash: of its bytes (XXH3-128), or NULL. */
pdm_status io_part_write_netcdf(io_part *p, int *ncid, char hash[PDM_HASH_TEXT]);
/* found: of an attempt to read the part back. A failure is told as one of writing. */
pdm_status io_part_check(io_part *p, pdm_status found);
/* Part file to the disk, renamed over the target, folder to the disk. */
pdm_status io_part_commit(io_part *p);
/* Removes a part file that was not committed. Zero-initialised is fine. */
void io_part_destroy(io_part *p);

/* Where to write: the path itself, or where a link leads. Allocated. */
pdm_status io_target_find(pdm_context *ctx, const char *path, char **out);
/* The folder that the path is in, open; -1 with errno. */
int  io_folder_open(const char *path);
bool io_is_same_file(int folder, const char *name, int file);
/* The same for all processes under one running kernel, whose locks on files see each other; another for others. */
uint32_t io_kernel_number(void);

/* ---- files to be gone when the process ends (io/unfinished.c) --------------------------------------------------------
 * Descriptors are lent until io_unfinished_remove. A place, or -1 when all are taken, which is fine. */
int  io_unfinished_add(int folder, int file, const char *name, const pdm_context *owner);
void io_unfinished_remove(int place);
/* Is the file of that name in that folder one of the owner's? */
bool io_unfinished_has(int folder, const char *name, const pdm_context *owner);
/* False when it was asked about the same target a short while ago. */
bool io_unfinished_first_sweep(uint64_t target);

#endif
