/* Files: the case (NetCDF-4 or CDL), fields by the CF conventions, the model file, the training log; and units.
 * Nothing here knows what a PDE is. Nothing is ever left half written: files are written beside and renamed. NetCDF,
 * HDF5 and UDUNITS-2 are not thread-safe: every call of theirs is made under one lock of the process (io/lock.c), so
 * that contexts in different threads are independent here as elsewhere. */
#ifndef PDM_IO_H
#define PDM_IO_H

#include "core/core.h"

/* ---- case: a tree of groups with attributes, and variables (io/case.c) -----------------------------------------------
 * Public: pdm_case_read, pdm_case_create, pdm_case_set_text, pdm_case_set_numbers, pdm_case_set_array, pdm_case_destroy
 * (pdemoe.h).
 * group: path from the root, parts joined by '/' or '.': "pde/parameters". "" is the root.
 * Text is lent until the case changes. Everything asked for is remembered, found or not, so that
 * pdm_case_check_unread can refuse what nobody asked for and offer the nearest name somebody did ask for. */

/* fallback NULL: the attribute is required. Fails with PDM_ERR_CASE naming file, group, attribute, what was expected. */
pdm_status pdm_case_text(pdm_case *c, const char *group, const char *name, const char *fallback, const char **out);
/* Numbers: a numeric attribute, or a text that is a list of numbers. Between n_min and n_max of them; absent and not
 * required: *n = 0. */
pdm_status pdm_case_reals(pdm_case *c, const char *group, const char *name, bool required, pdm_size n_min,
                          pdm_size n_max, double *out, pdm_size *n);
bool       pdm_case_has(pdm_case *c, const char *group, const char *name);
bool       pdm_case_has_group(pdm_case *c, const char *group);
/* Listing, in the order of the file. Listing marks nothing as read; reading the values does. */
pdm_size    pdm_case_n_attribute(pdm_case *c, const char *group);
const char *pdm_case_attribute_name(pdm_case *c, const char *group, pdm_size i);
pdm_size    pdm_case_n_subgroup(pdm_case *c, const char *group);
const char *pdm_case_subgroup_name(pdm_case *c, const char *group, pdm_size i);
/* The place of an attribute (name NULL: of the group), for errors; text is its value when it is text. Lent. */
pdm_where    pdm_case_where(pdm_case *c, const char *group, const char *name);
const char  *pdm_case_path(const pdm_case *c); /* file it came from, or "(case)" */
pdm_context *pdm_case_context(const pdm_case *c);
pdm_status   pdm_case_copy(pdm_case *c, pdm_case **out); /* read marks cleared */
/* One whole number; pdm_case_set_numbers() sets others. */
pdm_status pdm_case_set_count(pdm_case *c, const char *group, const char *name, pdm_size n);
/* Takes an attribute out, and the groups that are empty without it; one that is not there is fine. */
pdm_status pdm_case_remove(pdm_case *c, const char *group, const char *name);
/* Error for the first group or attribute that nobody asked for. Known groups are those asked for. Root attributes
 * title, description, comment, references, history, source, institution, Conventions are free. `long_name`,
 * `description`, `comment` are free in every group. */
pdm_status pdm_case_check_unread(pdm_case *c);
/* Error for the first group of the root that is not among those n,
 * before anything is missed that was meant to be in it. */
pdm_status pdm_case_check_groups(pdm_case *c, const char *const *known, pdm_size n);
/* CDL text of the whole tree. Canonical: numbers with the fewest digits, texts that are lists of numbers as numbers. */
pdm_status pdm_case_print(pdm_case *c, pdm_text *out);
/* XXH3-128 of that text as 32 hexadecimal digits: identifies a case. */
#define PDM_HASH_TEXT 33
pdm_status pdm_case_hash(pdm_case *c, char out[PDM_HASH_TEXT]);

/* Variables of a case, kept as double. Attributes of variables are not checked by pdm_case_check_unread; neither is a
 * coordinate variable of a dimension that a variable read has. */
#define PDM_CASE_MAX_DIM 8
bool pdm_case_has_array(pdm_case *c, const char *group, const char *name);
/* At most n_dim_max dimensions: shape [n_dim] out, *values (last index fastest) lent until the case changes. n_dim may be
 * NULL. Fails with PDM_ERR_CASE when absent. */
pdm_status pdm_case_array(pdm_case *c, const char *group, const char *name, pdm_size n_dim_max, pdm_size *n_dim,
                          pdm_size *shape, const double **values);

/* A module's settings, listed once (X-macro in the module): reader, defaults, limits, --help and doc page follow. */
typedef enum pdm_setting_type {
    PDM_SETTING_REAL,  /* double   */
    PDM_SETTING_COUNT, /* pdm_size */
    PDM_SETTING_CHOICE /* int: index of the word in `choices` ("a|b|c") */
} pdm_setting_type;
typedef struct pdm_setting {
    const char      *name;
    pdm_setting_type type;
    size_t           offset; /* in the struct that is filled */
    double           fallback, low, high;
    const char      *choices; /* CHOICE only; fallback is an index into it */
    const char      *unit, *help;
} pdm_setting;
/* Reads them. A case remembers the default that each setting of a table had when it was read first, and that one is
 * taken from then on: pdm_case_copy keeps defaults, pdm_store_put_case writes them and pdm_store_get_case brings them
 * back, so that a model means the same in a program with other defaults. Nothing else sees them: not pdm_case_print,
 * pdm_case_hash, pdm_case_has, nor pdm_case_check_unread (one of a setting that is no more is ignored). What modules
 * read by pdm_case_text and pdm_case_reals with a fallback of their own is not among them: kind, degree, map and
 * grading of a dimension, cells of an input, modes of the network. To change such a fallback is to change what model
 * files mean, hence their format. */
pdm_status pdm_case_settings(pdm_case *c, const char *group, const pdm_setting *table, pdm_size n, void *out);
/* Takes out of c what it states though it is the default of `like`: c then says the same as a case that leaves it out. */
pdm_status pdm_case_drop_defaults(pdm_case *c, const pdm_case *like);
/* What two cases say differently, whatever the order: attributes, variables and groups that one of them lacks, values,
 * and defaults that both read; a setting that one states and the other has as its default is no difference. differs
 * gets the path of the group, the name and the two values as text (NULL where one has none; "..." for a variable), all
 * lent for the call; the first status that is not PDM_OK ends the comparison and is returned. */
typedef pdm_status (*pdm_case_differs)(void *user, const char *group, const char *name, const char *a, const char *b);
pdm_status pdm_case_compare(pdm_case *a, pdm_case *b, pdm_case_differs differs, void *user);
/* Help text, a line a setting. */
pdm_status pdm_settings_view(const char *group, const pdm_setting *table, pdm_size n, pdm_text *out);

/* ---- units (io/units.c): UDUNITS-2 ------------------------------------------------------------------------------- */
typedef struct pdm_units pdm_units; /* a unit system; its database is found at run time */
typedef struct pdm_unit  pdm_unit;  /* owned by its system */
pdm_status               pdm_units_create(pdm_context *ctx, pdm_units **out);
void                     pdm_units_destroy(pdm_units **u);
/* PDM_ERR_MEMORY when a NULL from the calls below was for want of memory, else PDM_OK. */
pdm_status pdm_units_status(const pdm_units *u);
/* NULL on unparsable text; "" and "1" are dimensionless. */
const pdm_unit *pdm_unit_parse(pdm_units *u, const char *text);
const pdm_unit *pdm_unit_multiply(pdm_units *u, const pdm_unit *a, const pdm_unit *b);
const pdm_unit *pdm_unit_divide(pdm_units *u, const pdm_unit *a, const pdm_unit *b);
const pdm_unit *pdm_unit_power(pdm_units *u, const pdm_unit *a, double exponent); /* NULL when not representable */
/* Of differences of a quantity in `a`: a itself but where its zero is not that of the quantity ("K" of "degC"); NULL: no
 * memory. */
const pdm_unit *pdm_unit_difference(pdm_units *u, const pdm_unit *a);
bool            pdm_unit_same(const pdm_unit *a, const pdm_unit *b); /* convertible with factor 1 and offset 0 */
/* y = factor x + offset takes a number in `from` to `to`. */
bool pdm_unit_convert(const pdm_unit *from, const pdm_unit *to, double *factor, double *offset);
void pdm_unit_format(const pdm_unit *a, char *out, size_t size);

/* ---- fields in (io/fields.c): CF --------------------------------------------------------------------------------- */
typedef struct pdm_fields pdm_fields; /* an open NetCDF file of any format */
pdm_status                pdm_fields_open(pdm_context *ctx, const char *path, pdm_fields **out);
void                      pdm_fields_close(pdm_fields **f);
bool                      pdm_fields_has(const pdm_fields *f, const char *name);
/* Reads coordinate variable `name` in `units` (NULL: as stored): finite, strictly increasing (strictly decreasing is
 * refused too, with words), on the dimension of its name where the file has one. *values allocated. */
pdm_status pdm_fields_coordinate(pdm_fields *f, const char *name, const char *units, double **values, pdm_size *n);
/* Coordinates read from variable `name` that miss `low` or `high` by the rounding of single precision, where the file has
 * it, or by a millionth of the spacing there, become these. */
pdm_status pdm_fields_snap(pdm_fields *f, const char *name, double low, double high, double *values, pdm_size n);
/* Are missing, fill and not finite values read as NaN from here on? At first they are refused. */
void pdm_fields_may_lack(pdm_fields *f, bool may);
/* Reads variable `name` with dimensions dims[0..n_dim) brought into that order whatever the file's order, unpacked
 * (scale_factor, add_offset), converted to `units` (NULL: as stored; a variable without units attribute is taken as
 * is). A dimension named "?sample" is optional: absent in the file, its size is 1. Other dimensions of the variable
 * must have size 1. shape [n_dim] out; *values allocated, last index fastest. Missing or fill values, NaN and infinity:
 * PDM_ERR_DATA naming the first bad index. */
pdm_status pdm_fields_read(pdm_fields *f, const char *name, pdm_size n_dim, const char *const *dims, const char *units,
                           pdm_size *shape, double **values);
/* Length of a dimension, -1 when the file has none of that name. */
pdm_size     pdm_fields_dimension(const pdm_fields *f, const char *name);
const char  *pdm_fields_path(const pdm_fields *f);
pdm_context *pdm_fields_context(const pdm_fields *f);

/* For those who take a file as it is. Variables have numbers from 0 on, in the order of the file. */
#define PDM_FIELDS_MAX_DIM 16
#define PDM_FIELDS_NAME    257 /* bytes of a name with its end */
typedef struct pdm_variable {
    char     name[PDM_FIELDS_NAME], dim[PDM_FIELDS_MAX_DIM][PDM_FIELDS_NAME];
    bool     is_real; /* stored as float or double */
    int      number, n_dim;
    pdm_size shape[PDM_FIELDS_MAX_DIM], n_value; /* may be 0 */
} pdm_variable;
int        pdm_fields_n_variable(const pdm_fields *f);
int        pdm_fields_find(const pdm_fields *f, const char *name); /* -1: there is none */
pdm_status pdm_fields_variable(pdm_fields *f, int number, pdm_variable *out);
/* A text attribute, of the file for variable -1. Allocated; NULL where there is none, or no text. */
pdm_status pdm_fields_text(pdm_fields *f, int variable, const char *name, char **out);
/* A numeric attribute of one entry; *found false where there is none. PDM_ERR_DATA where it is something else. */
pdm_status pdm_fields_real(pdm_fields *f, const pdm_variable *v, const char *name, bool *found, double *value);
/* y = factor x + offset from the units of a variable to `units`; 1 and 0 where either is not given. PDM_ERR_DATA where
 * they do not convert. */
pdm_status pdm_fields_conversion(pdm_fields *f, const pdm_variable *v, const char *units, double *factor,
                                 double *offset);
/* Coordinates of dimension `name` as stored: finite, and strictly increasing once falling ones are turned round, which
 * *falls says. Without a variable on it and of its name they are 0, 1, 2, ... and *variable is -1. *values allocated. */
pdm_status pdm_fields_axis(pdm_fields *f, const char *name, int *variable, bool *falls, double **values, pdm_size *n);
/* A block of a variable, count [n_dim] entries from first [n_dim] on, in the file's order and units, unpacked; NaN where
 * values are missing or not finite. values [prod count]. */
pdm_status pdm_fields_part(pdm_fields *f, const pdm_variable *v, const pdm_size *first, const pdm_size *count,
                           double *values);

/* ---- fields out (io/output.c) ---------------------------------------------------------------------------------------
 * Written to a file beside `path`; pdm_output_commit renames it, pdm_output_destroy without commit removes it. */
typedef struct pdm_output pdm_output;
pdm_status                pdm_output_create(pdm_context *ctx, const char *path, pdm_output **out);
pdm_status                pdm_output_attribute(pdm_output *o, const char *variable /* NULL: global */, const char *name,
                                               const char *text);
pdm_status pdm_output_attribute_real(pdm_output *o, const char *variable, const char *name, double value);
pdm_status pdm_output_attribute_count(pdm_output *o, const char *variable, const char *name, pdm_size value);
/* What the numbers of an int variable mean: attributes flag_values 0, 1, ... n-1 and flag_meanings,
 * texts with '_' for ' '. */
pdm_status pdm_output_flags(pdm_output *o, const char *variable, pdm_size n, const char *const *meaning);
/* Dimension with coordinate variable (values may be NULL: no variable); axis "T","X","Y","Z" or NULL. */
pdm_status pdm_output_dimension(pdm_output *o, const char *name, pdm_size n, const double *values, const char *units,
                                const char *axis, const char *long_name);
/* Defines a double variable, shuffled and deflated (level 1); one of whole numbers has units "1". */
pdm_status pdm_output_variable(pdm_output *o, const char *name, pdm_size n_dim, const char *const *dims,
                               const char *units, const char *long_name);
pdm_status pdm_output_variable_int(pdm_output *o, const char *name, pdm_size n_dim, const char *const *dims,
                                   const char *long_name);
/* Whole variable, or entry `first` .. first+n of its first dimension. Attributes, and values by the same first and n, may
 * be put again. At the end all of them are looked for in the finished file before it is renamed. */
pdm_status pdm_output_put(pdm_output *o, const char *name, pdm_size first, pdm_size n, const double *values);
/* Entries of a double variable that are missing: may_lack before any is put, then put_nothing instead of one, or
 * put_some of one whose values that are NaN are missing. */
pdm_status pdm_output_may_lack(pdm_output *o, const char *variable);
pdm_status pdm_output_put_some(pdm_output *o, const char *name, pdm_size first, const double *values);
pdm_status pdm_output_put_nothing(pdm_output *o, const char *name, pdm_size first);
pdm_status pdm_output_put_int(pdm_output *o, const char *name, pdm_size first, pdm_size n, const int32_t *values);
/* Is the name one that the program itself gives to a variable or dimension of its outputs? No field, input or dimension
 * of a case may have it. */
bool       pdm_output_has_own(const char *name);
pdm_status pdm_output_commit(pdm_output *o);
void       pdm_output_destroy(pdm_output **o);

/* ---- store (io/store.c): named arrays, texts and a case in one NetCDF-4 file, with an XXH3-128 hash over all of it
 * --- The model file is a store. Writing: beside, flushed to disk, renamed. Reading checks format,
 * version and hash first. */
typedef struct pdm_store pdm_store;
typedef enum pdm_store_type { /* never renumbered: they enter the hash */
                              PDM_STORE_FLOAT  = 0,
                              PDM_STORE_DOUBLE = 1,
                              PDM_STORE_INT64  = 2,
                              PDM_STORE_UINT16 = 5
} pdm_store_type;
pdm_status pdm_store_create(pdm_context *ctx, const char *path, const char *kind /* "model" */, int version,
                            pdm_store **out);
pdm_status pdm_store_put_case(pdm_store *s, pdm_case *c);
pdm_status pdm_store_put_text(pdm_store *s, const char *group, const char *name, const char *text);
/* One-dimensional array with `shape_text` as attribute ("16 6 32 32"; NULL: none). */
pdm_status pdm_store_put(pdm_store *s, const char *group, const char *name, pdm_store_type type, pdm_size n,
                         const void *values, const char *shape_text);
pdm_status pdm_store_commit(pdm_store *s);
/* Fails with PDM_ERR_MODEL: not a pdemoe file of this kind, version newer than `version`, hash wrong;
 * PDM_ERR_IO otherwise. */
pdm_status pdm_store_open(pdm_context *ctx, const char *path, const char *kind, int version, pdm_store **out);
/* The same in memory: an image is the bytes of such a file. commit hands it to `take`, once, as the last it does; what
 * open_image is given is lent until the store is destroyed. */
pdm_status pdm_store_create_image(pdm_context *ctx, const char *kind, int version, pdm_store **out);
pdm_status pdm_store_commit_image(pdm_store *s, pdm_bytes take, void *user);
pdm_status pdm_store_open_image(pdm_context *ctx, const void *bytes, size_t n, const char *kind, int version,
                                pdm_store **out);
int        pdm_store_format(const pdm_store *s); /* of the file: at most the version asked for */
/* Of the contents: what was put so far, or what the file holds. */
void       pdm_store_hash(const pdm_store *s, char out[PDM_HASH_TEXT]);
pdm_status pdm_store_get_case(pdm_store *s, pdm_case **out);
pdm_status pdm_store_get_text(pdm_store *s, const char *group, const char *name, char **out); /* allocated */
pdm_status pdm_store_length(pdm_store *s, const char *group, const char *name, pdm_size *n);  /* -1: absent */
pdm_status pdm_store_get(pdm_store *s, const char *group, const char *name, pdm_store_type type, pdm_size n,
                         void *values);
/* put or get, so that a file is read by the list that it is written by. */
pdm_status pdm_store_exchange(pdm_store *s, bool writing, const char *group, const char *name, pdm_store_type type,
                              pdm_size n, void *values);
void       pdm_store_destroy(pdm_store **s); /* not committed: nothing is left behind */

/* ---- claims (io/claim.c) --------------------------------------------------------------------------------------------
 * Public: pdm_claim_create, pdm_claim_destroy. This one fails with PDM_ERR_IO when the context holds no claim on path
 * any more. */
pdm_status pdm_claim_check(pdm_context *ctx, const char *path);

/* n bytes to a new file beside `path`, which it replaces when it is complete (io/part.c). PDM_ERR_IO, PDM_ERR_MEMORY. */
pdm_status pdm_write_file(pdm_context *ctx, const char *path, const void *bytes, size_t n);

/* ---- JSON lines (io/jsonl.c) ------------------------------------------------------------------------------------- */
typedef struct pdm_jsonl pdm_jsonl;
pdm_status               pdm_jsonl_open(pdm_context *ctx, const char *path, bool append, pdm_jsonl **out);
/* Keeps complete lines up to the first one whose first number, a step, is beyond `last`, so that a run that is resumed
 * has each step once; a missing file is fine. */
pdm_status pdm_jsonl_truncate(pdm_context *ctx, const char *path, pdm_size last);
/* Where the log of a file is: ".log.jsonl" in place of ".nc", ".jsonl" behind another name. */
pdm_status pdm_jsonl_name(const char *path, pdm_text *out);
/* To put more at the end of the last line: keys, and pdm_jsonl_end(); until then the line stays as it is. *out
 * NULL: there is no file, or nothing in it. PDM_ERR_DATA where it has no such line. */
pdm_status pdm_jsonl_reopen(pdm_context *ctx, const char *path, pdm_jsonl **out);
void       pdm_jsonl_begin(pdm_jsonl *j);
void       pdm_jsonl_real(pdm_jsonl *j, const char *key, double value); /* shortest digits; NaN and infinity as null */
void       pdm_jsonl_count(pdm_jsonl *j, const char *key, pdm_size value);
pdm_status pdm_jsonl_end(pdm_jsonl *j); /* writes the line and flushes */
void       pdm_jsonl_close(pdm_jsonl **j);

#endif
