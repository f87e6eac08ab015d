/* Small NetCDF files made of the bytes that a fuzzer gives: dimensions, variables, attributes and groups whose names
 * are mostly those that our readers look for. libnetcdf writes them, so that what is tried is our reading of files that
 * are sound, and not its own of bytes that are not: libnetcdf 4.9.0 and HDF5 1.10.8 crash on hostile ones. */
#ifndef PDM_FUZZ_NETCDF_H
#define PDM_FUZZ_NETCDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t         n;
} fuzz_bytes;

/* The next byte modulo most + 1; 0 at the end. */
int fuzz_take(fuzz_bytes *b, int most);
/* One of the words, which end with NULL. */
const char *fuzz_word(fuzz_bytes *b, const char *const *words);

/* What to make: names of dimensions, variables and attributes, and texts that attributes have. Lists end with NULL. */
typedef struct fuzz_words {
    const char *const *dimension, *const *variable, *const *attribute, *const *text;
    bool netcdf4; /* never classic */
} fuzz_words;

/* Makes the file, and gives its path, which is good until the next call; NULL where libnetcdf takes it not. */
const char *fuzz_netcdf(fuzz_bytes *b, const fuzz_words *words);
/* Its bytes, until the next call. */
const uint8_t *fuzz_image(size_t *n);
/* A file of these bytes; its name, which is one for all of a process, and the file goes when the process ends well. */
const char *fuzz_file(const void *bytes, size_t n);
const char *fuzz_path(void);

#endif
