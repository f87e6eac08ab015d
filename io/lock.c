#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "io/io.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "io/io_impl.h"

/* NetCDF-C and UDUNITS-2 keep lists, parsers and error handlers of the process and guard none of them; HDF5 guards its
 * own only where it was built so. Contexts are independent, hence this lock, the only state of the process in io/
 * besides the list of unfinished files. Nothing is called under it that takes another lock of ours. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* H5Eset_auto2(H5E_DEFAULT = 0, NULL, NULL). NetCDF calls it once, in the thread that comes first; HDF5 keeps the
 * setting for each thread, and prints its error stack from all others. Looked up at run time: it is the HDF5 that
 * NetCDF was linked with that has to be quiet, and no other can be meant. */
typedef int (*quiet_function)(int64_t stack, void *function, void *data);

static void silence_hdf5(void)
{
    static quiet_function quiet  = NULL;
    static bool           sought = false;

    if (!sought) {
        void *found = dlsym(RTLD_DEFAULT, "H5Eset_auto2");
        memcpy(&quiet, &found, sizeof quiet);
        sought = true;
    }
    if (quiet) (void)quiet(0, NULL, NULL);
}

void io_lock(void)
{
    (void)pthread_mutex_lock(&mutex);
    silence_hdf5();
}

void io_unlock(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

int io_unlock_with(int code)
{
    io_unlock();
    return code;
}
