#define _XOPEN_SOURCE 700 /* realpath, fsync */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <netcdf.h>
#include <netcdf_mem.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/io_impl.h"

/* Where to write: the path itself, or where a link leads. Allocated. */
static pdm_status find_target(pdm_context *ctx, const char *path, char **out)
{
    pdm_status  status = PDM_OK;
    char        real[PATH_MAX];
    struct stat info;

    if (lstat(path, &info) != 0) {
        if (errno != ENOENT) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        PDM_TRY(pdm_alloc_text(ctx, path, out));
        goto done;
    }
    if (!realpath(path, real) || stat(real, &info) != 0)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it is a link that leads nowhere (%s)", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it is a folder", path);
    if (!S_ISREG(info.st_mode))
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it exists and is not a regular file", path);
    PDM_TRY(pdm_alloc_text(ctx, real, out));
done:
    return status;
}

pdm_status io_part_create(pdm_context *ctx, const char *path, io_part *p)
{
    pdm_status status = PDM_OK;
    pdm_text   name   = {.ctx = ctx};
    io_part    part   = {.ctx = ctx};
    char      *slash  = NULL;

    if (!path || !path[0]) PDM_FAIL(ctx, PDM_ERR_IO, "the name of a file to write is expected, and is empty");
    PDM_TRY(pdm_alloc_text(ctx, path, &part.path));
    PDM_TRY(find_target(ctx, path, &part.target));
    PDM_TRY(pdm_alloc_text(ctx, part.target, &part.folder));
    slash = strrchr(part.folder, '/');
    if (slash)
        slash[slash == part.folder ? 1 : 0] = '\0';
    else
        memcpy(part.folder, ".", 2); /* the name has a byte at least */
    PDM_TRY(pdm_text_append(&name, "%s.part-%ld", part.target, (long)getpid()));
    PDM_TRY(pdm_alloc_text(ctx, name.data, &part.part));
    /* one left by a dead process of the same number is written over */
    part.file = open(part.part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (part.file < 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    part.is_there = true;
    *p            = part;
    part          = (io_part){0};
done:
    pdm_text_destroy(&name);
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

/* The entry of the new name, which a crash could lose. File systems that cannot do it say EINVAL or ENOTSUP. */
static pdm_status flush_folder(const io_part *p)
{
    pdm_status status = PDM_OK;
    int        file   = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file < 0 || (fsync(file) != 0 && errno != EINVAL && errno != ENOTSUP))
        PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: written, but its folder cannot be flushed to the disk: %s", p->path,
                 strerror(errno));
done:
    if (file >= 0) (void)close(file);
    return status;
}

pdm_status io_part_commit(io_part *p)
{
    pdm_status status = PDM_OK;

    if (fsync(p->file) != 0) PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    if (rename(p->part, p->target) != 0)
        PDM_FAIL(p->ctx, PDM_ERR_IO, "%s: cannot be written: %s", p->path, strerror(errno));
    (void)close(p->file);
    p->is_there = false;
    PDM_TRY(flush_folder(p));
done:
    return status;
}

void io_part_destroy(io_part *p)
{
    if (p->is_there) {
        (void)close(p->file);
        (void)unlink(p->part);
    }
    pdm_free(p->ctx, p->path);
    pdm_free(p->ctx, p->target);
    pdm_free(p->ctx, p->part);
    pdm_free(p->ctx, p->folder);
    *p = (io_part){0};
}
