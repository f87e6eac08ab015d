/* The double's calls for suites that may run on the toolkit itself: not linked, or the toolkit's names would be the
 * double's, but found in the process once a back end has opened it. On the toolkit counts are 0, and nothing fails on
 * demand. */
#ifndef PDM_DOUBLE_REACH_H
#define PDM_DOUBLE_REACH_H

#include "tests/double/double.h"

/* A function of the double, of its own or of the toolkit's, into *function, a pointer to a pointer to it; false: the
 * double is not in the process. */
bool double_find(const char *name, void *function);
/* Opens the back end "cuda" for it, where nothing has yet. */
bool             double_is_here(void);
pdm_double_count double_counts(void);
void             double_fail_at(int64_t k);
void             double_seed(uint64_t seed);
/* So many devices, of which calls that use one are for `only`; -1: any. */
void double_devices(int n, int only);
/* The calling thread's current device; -1: not known. */
int  double_current(void);
void double_make_current(int which);

#endif
