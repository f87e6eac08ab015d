#define _XOPEN_SOURCE 700 /* fstatat, unlinkat */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io_impl.h"

/* Files of the process that are to be gone when it ends: parts that are being written, locks of trainings. The list is
 * here for pdm_remove_unfinished, which a handler of signals calls: no memory is taken, and a place has a version that
 * is odd while it changes, so that the handler never acts on half of a name. What finds no place is left to the next
 * run's sweep. */
enum { N_PLACE = 1024, N_SWEPT = 16, NAME_SIZE = 256 };

typedef struct place {
    atomic_uint version;
    int         folder, file; /* open; file -1: the place is free */
    char        name[NAME_SIZE];

    const pdm_context *owner;
} place;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static place           all[N_PLACE];
static atomic_int      n_used; /* places from here on have never been used */

/* Targets whose folder was looked through for parts of dead processes, the last ones. */
static uint64_t swept[N_SWEPT];
static unsigned n_swept;

static void change(place *p, int folder, int file, const char *name, const pdm_context *owner)
{
    (void)atomic_fetch_add(&p->version, 1);
    p->folder = folder;
    p->file   = file;
    p->owner  = owner;
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    (void)atomic_fetch_add(&p->version, 1);
}

int io_unfinished_add(int folder, int file, const char *name, const pdm_context *owner)
{
    int i = -1;

    if (strlen(name) >= NAME_SIZE) return -1;
    (void)pthread_mutex_lock(&mutex);
    for (i = 0; i < atomic_load(&n_used) && all[i].file >= 0; i++) continue;
    if (i < N_PLACE) {
        change(&all[i], folder, file, name, owner);
        if (i == atomic_load(&n_used)) atomic_store(&n_used, i + 1);
    }
    (void)pthread_mutex_unlock(&mutex);
    return i < N_PLACE ? i : -1;
}

void io_unfinished_remove(int i)
{
    if (i < 0) return;
    (void)pthread_mutex_lock(&mutex);
    change(&all[i], -1, -1, "", NULL);
    (void)pthread_mutex_unlock(&mutex);
}

bool io_unfinished_has(int folder, const char *name, const pdm_context *owner)
{
    bool has = false;

    (void)pthread_mutex_lock(&mutex);
    for (int i = 0; i < atomic_load(&n_used); i++)
        has = has || (all[i].file >= 0 && all[i].owner == owner && io_is_same_file(folder, name, all[i].file));
    (void)pthread_mutex_unlock(&mutex);
    return has;
}

bool io_is_same_file(int folder, const char *name, int file)
{
    struct stat named, opened;
    return fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(file, &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

void pdm_remove_unfinished(void)
{
    const int before = errno;

    for (int i = 0; i < atomic_load(&n_used); i++) {
        const unsigned version = atomic_load(&all[i].version);
        const place    p       = {.folder = all[i].folder, .file = all[i].file};
        char           name[NAME_SIZE];

        memcpy(name, all[i].name, sizeof name);
        if (version % 2 != 0 || p.file < 0 || atomic_load(&all[i].version) != version) continue;
        if (io_is_same_file(p.folder, name, p.file)) (void)unlinkat(p.folder, name, 0);
    }
    errno = before;
}

bool io_unfinished_first_sweep(uint64_t target)
{
    bool first = true;

    (void)pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < N_SWEPT && i < n_swept; i++) first = first && swept[i] != target;
    if (first) swept[n_swept++ % N_SWEPT] = target;
    (void)pthread_mutex_unlock(&mutex);
    return first;
}
