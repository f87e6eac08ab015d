#define _GNU_SOURCE /* flock, realpath, fstatat */
#include "io/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <netcdf.h>
#include <netcdf_mem.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

/* ---- folders and names ------------------------------------------------------------------------------------------- */

int io_folder_open(const char *path)
{
    const size_t n = (size_t)(pdm_base_name(path) - path);
    char         folder[PATH_MAX];

    if (n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, n);
    folder[n] = '\0';
    return open(n > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

uint32_t io_kernel_number(void)
{
    struct utsname host = {.nodename = ""};
    char           boot[64];
    ssize_t        n    = 0;
    int            file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (file >= 0) {
        n = read(file, boot, sizeof boot);
        (void)close(file);
    }
    if (n > 0) return (uint32_t)XXH3_64bits(boot, (size_t)n);
    (void)uname(&host);
    return (uint32_t)XXH3_64bits(host.nodename, strlen(host.nodename));
}

pdm_status io_target_find(pdm_context *ctx, const char *path, char **out)
{
    pdm_status  status = PDM_OK;
    char        real[PATH_MAX];
    struct stat info;

    if (lstat(path, &info) != 0) {
        if (errno != ENOENT) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        PDM_TRY(pdm_alloc_text(ctx, path, out));
        goto done;
    }
    const bool is_link = S_ISLNK(info.st_mode);
    if (is_link && (!realpath(path, real) || stat(real, &info) != 0))
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it is a link that leads nowhere (%s)", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it is a folder", path);
    if (!S_ISREG(info.st_mode))
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it exists and is not a regular file", path);
    PDM_TRY(pdm_alloc_text(ctx, is_link ? real : path, out));
done:
    return status;
}

/* ---- parts that dead processes left ------------------------------------------------------------------------------
 * Every part is held by a shared flock while it is written. One that can be had for itself alone is nobody's: but only
 * if its name says that it was made under this kernel, for locks of others (on NFS) need not be seen here. */

static void sweep_one(int folder, const char *name)
{
    const int   file = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;

    if (file < 0) return;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && flock(file, LOCK_EX | LOCK_NB) == 0 &&
        io_is_same_file(folder, name, file))
        (void)unlinkat(folder, name, 0); /* its maker, if it is about to lock it, sees that it is gone */
    (void)close(file);
}

/* Folders are large at times: once a target and process is enough. */
static void sweep(const io_part *p, const char *prefix)
{
    const size_t n    = strlen(prefix);
    struct stat  info = {0};
    uint64_t     key  = XXH3_64bits(prefix, n);
    int          copy = -1;
    DIR         *list = NULL;

    if (fstat(p->folder, &info) != 0) return;
    key ^= XXH3_64bits(&info.st_ino, sizeof info.st_ino);
    if (!io_unfinished_first_sweep(key)) return;
    copy = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    list = copy >= 0 ? fdopendir(copy) : NULL;
    for (const struct dirent *entry = NULL; list && (entry = readdir(list));)
        if (strncmp(entry->d_name, prefix, n) == 0) sweep_one(p->folder, entry->d_name);
    if (list)
        (void)closedir(list);
    else if (copy >= 0)
        (void)close(copy);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* Opens a new file of that name and holds it; false with errno EEXIST: another name, please. */
static bool open_new(io_part *p, const char *name)
{
    struct stat info = {0};

    p->file = openat(p->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (p->file < 0) return false;
    /* file systems without locks: nobody can have this one for himself alone either */
    if ((flock(p->file, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) && fstat(p->file, &info) == 0 &&
        info.st_nlink > 0)
        return true;
    (void)close(p->file);
    p->file = -1;
    errno   = EEXIST;
    return false;
}

static pdm_status make_file(io_part *p)
{
    enum { TRIES = 1000 };
    pdm_status status = PDM_OK;
    pdm_text   name   = {.ctx = p->ctx};
    size_t     length = 0;

    PDM_TRY(pdm_text_append(&name, "%s.part-%08x-", p->target, (unsigned)io_kernel_number()));
    sweep(p, pdm_base_name(name.data));
    length = name.length;
    for (int i = 0; i < TRIES && p->file < 0; i++) {
        name.length = length;
        PDM_TRY(pdm_text_append(&name, "%ld-%d", (long)getpid(), i));
        if (!open_new(p, pdm_base_name(name.data)) && errno != EEXIST) break;
    }
    if (p->file < 0) PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    p->place = io_unfinished_add(p->folder, p->file, pdm_base_name(name.data), p->ctx);
    p->part  = name.data; /* handed over */
    name     = (pdm_text){0};
done:
    pdm_text_destroy(&name);
    return status;
}

/* A file that is replaced keeps who may read and write it; one that may not be written is not replaced. */
static pdm_status keep_mode(const io_part *p)
{
    pdm_status  status = PDM_OK;
    struct stat info;

    if (fstatat(p->folder, pdm_base_name(p->target), &info, 0) != 0) goto done;
    if (faccessat(p->folder, pdm_base_name(p->target), W_OK, AT_EACCESS) != 0)
        PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    (void)fchmod(p->file, info.st_mode & 0777); /* some file systems have no modes */
done:
    return status;
}

pdm_status io_part_create(pdm_context *ctx, const char *path, io_part *p)
{
    pdm_status status = PDM_OK;
    io_part    part   = {.ctx = ctx, .folder = -1, .file = -1, .place = -1};

    if (!path || !path[0]) PDM_FAIL(ctx, PDM_ERR_IO, "the name of a file to write is expected, and is empty");
    PDM_TRY(pdm_alloc_text(ctx, path, &part.path));
    PDM_TRY(io_target_find(ctx, path, &part.target));
    part.folder = io_folder_open(part.target);
    if (part.folder < 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    PDM_TRY(make_file(&part));
    PDM_TRY(keep_mode(&part));
    *p   = part;
    part = (io_part){0};
done:
    io_part_destroy(&part);
    return status;
}

pdm_status io_part_write(io_part *p, const void *bytes, size_t n)
{
    pdm_status  status = PDM_OK;
    const char *from   = bytes;

    while (n > 0) {
        const ssize_t wrote = write(p->file, from, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
        from += wrote;
        n -= (size_t)wrote;
    }
done:
    return status;
}

pdm_status io_part_write_netcdf(io_part *p, int *ncid, char hash[PDM_HASH_TEXT])
{
    pdm_status status = PDM_OK;
    NC_memio   image  = {0};
    const int  id     = *ncid;

    *ncid = -1; /* closed by the next call even if it fails */
    IO_NC(p->ctx, p->path, nc_close_memio(id, &image));
    PDM_TRY(io_part_write(p, image.memory, image.size));
    if (hash) {
        const XXH128_hash_t value = XXH3_128bits(image.memory, image.size);
        io_hash_text(value.high64, value.low64, hash);
    }
done:
    free(image.memory); /* NetCDF's, by malloc */
    return status;
}

pdm_status io_part_check(io_part *p, pdm_status found)
{
    pdm_status status = PDM_OK;

    if (found == PDM_ERR_MEMORY) PDM_TRY(found);
    if (found != PDM_OK)
        PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: not written: what was made for it does not read back: %s", p->path,
                 pdm_context_error(p->ctx));
done:
    return status;
}

/* Lets go of the file, which is then complete, or gone. */
static void let_go(io_part *p)
{
    io_unfinished_remove(p->place);
    p->place = -1;
    if (p->file < 0) return;
    (void)flock(p->file, LOCK_UN); /* a child of the host that has the descriptor too must not go on holding it */
    (void)close(p->file);
    p->file = -1;
}

pdm_status io_part_commit(io_part *p)
{
    pdm_status status = PDM_OK;

    if (fsync(p->file) != 0) PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    if (renameat(p->folder, pdm_base_name(p->part), p->folder, pdm_base_name(p->target)) != 0)
        PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    let_go(p);
    /* the entry of the new name, which a crash could lose; file systems that cannot do it say EINVAL or ENOTSUP */
    if (fsync(p->folder) != 0 && errno != EINVAL && errno != ENOTSUP)
        PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: written, but its folder cannot be flushed to the disk: %s", p->path,
                 strerror(errno));
done:
    return status;
}

void io_part_destroy(io_part *p)
{
    if (!p->ctx) return;
    if (p->file >= 0 && p->part && io_is_same_file(p->folder, pdm_base_name(p->part), p->file))
        (void)unlinkat(p->folder, pdm_base_name(p->part), 0);
    let_go(p);
    if (p->folder >= 0) (void)close(p->folder);
    pdm_free(p->ctx, p->path);
    pdm_free(p->ctx, p->target);
    pdm_free(p->ctx, p->part);
    *p = (io_part){0};
}

pdm_status pdm_write_file(pdm_context *ctx, const char *path, const void *bytes, size_t n)
{
    pdm_status status = PDM_OK;
    io_part    part   = {0};

    PDM_TRY(io_part_create(ctx, path, &part));
    PDM_TRY(io_part_write(&part, bytes, n));
    PDM_TRY(io_part_commit(&part));
done:
    io_part_destroy(&part);
    return status;
}
