#define _GNU_SOURCE /* flock, gethostname, O_NOFOLLOW */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/io_impl.h"

/* The lock of TARGET is the file TARGET.lock, held by an exclusive flock, with a line in it that says who holds it.
 * The kernel lets go of it when the holder ends, however it ends: a lock of this kernel that can be had is nobody's.
 * Of one that another kernel's process made (on NFS) that cannot be known, so it stays until somebody removes it.
 * Where there are no locks on files, the number of the process has to do. */
enum { LINE_SIZE = 256, HOST_SIZE = 65, SINCE_SIZE = 32, TRIES = 100 };

struct pdm_claim {
    pdm_context *ctx;
    char        *path, *lock; /* as given, for errors; the lock's file */
    int          folder, file, place;
    bool         is_held;
};

typedef struct holder {
    long     process;
    uint32_t kernel;
    char     host[HOST_SIZE], since[SINCE_SIZE];
} holder;

/* False: the line is not there (yet), or not one of ours. */
static bool read_holder(int file, holder *h)
{
    char          line[LINE_SIZE];
    const ssize_t n = pread(file, line, sizeof line - 1, 0);

    *h = (holder){0};
    if (n <= 0) return false;
    line[n] = '\0';
    return sscanf(line, "process=%ld host=%64s kernel=%" SCNx32 " since=%31s", &h->process, h->host, &h->kernel,
                  h->since) == 4;
}

static bool write_holder(int file)
{
    char      line[LINE_SIZE], host[HOST_SIZE] = "?", since[SINCE_SIZE] = "?";
    time_t    now = time(NULL);
    struct tm parts;
    int       n;

    (void)gethostname(host, sizeof host - 1);
    if (gmtime_r(&now, &parts)) (void)strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &parts);
    n = snprintf(line, sizeof line, "process=%ld host=%s kernel=%08" PRIx32 " since=%s\n", (long)getpid(),
                 host[0] ? host : "?", io_kernel_number(), since);
    return ftruncate(file, 0) == 0 && pwrite(file, line, (size_t)n, 0) == n;
}

static pdm_status refuse(const pdm_claim *c, const holder *h, const char *more)
{
    return pdm_error_set(c->ctx, PDM_ERR_IO, NULL, __func__,
                         "%s: another training writes it: process %ld on %s, since %s (says %s)%s", c->path, h->process,
                         h->host, h->since, c->lock, more);
}

/* Opens the lock's file, made where absent. */
static pdm_status open_lock(pdm_claim *c)
{
    pdm_status  status = PDM_OK;
    struct stat info   = {0};

    c->file = openat(c->folder, pdm_base_name(c->lock), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (c->file < 0 && errno == ELOOP)
        PDM_FAIL(c->ctx, PDM_ERR_IO, "%s: cannot be written: it is a link; a regular file, or none, expected", c->lock);
    if (c->file < 0 || fstat(c->file, &info) != 0)
        PDM_FAIL(c->ctx, PDM_ERR_IO, "%s: cannot be written: %s", c->lock, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_nlink > 1)
        PDM_FAIL(c->ctx, PDM_ERR_IO, "%s: cannot be written: it exists and is not a regular file of one name", c->lock);
done:
    return status;
}

/* Whoever holds it is told from nobody. *taken false and PDM_OK: once more, please. */
static pdm_status try_lock(pdm_claim *c, bool force, bool *taken)
{
    pdm_status            status = PDM_OK;
    holder                h;
    const bool            is_locked = flock(c->file, LOCK_EX | LOCK_NB) == 0;
    const int             error     = is_locked ? 0 : errno;
    const bool            named     = read_holder(c->file, &h);
    const bool            is_ours   = h.kernel == io_kernel_number();
    const struct timespec a_little  = {.tv_nsec = 20000000};

    *taken = io_is_same_file(c->folder, pdm_base_name(c->lock), c->file);
    if (!*taken || force) goto done;
    if (error == EWOULDBLOCK) {
        if (named) PDM_TRY(refuse(c, &h, ""));
        *taken = false; /* it is just being written, or removed */
        (void)nanosleep(&a_little, NULL);
        goto done;
    }
    if (named && !is_ours)
        PDM_TRY(refuse(c, &h, "; whether it still runs cannot be seen from here: if not, remove that file"));
    if (named && !is_locked && (kill((pid_t)h.process, 0) == 0 || errno != ESRCH)) PDM_TRY(refuse(c, &h, ""));
done:
    if (*taken && force && (error == EWOULDBLOCK || named)) { /* a new file, which its holder does not have */
        (void)unlinkat(c->folder, pdm_base_name(c->lock), 0);
        *taken = false;
    }
    return status;
}

static pdm_status take(pdm_claim *c, bool force)
{
    pdm_status status = PDM_OK;
    bool       taken  = false;

    for (int i = 0; i < TRIES && !taken; i++) {
        if (c->file >= 0) (void)close(c->file);
        PDM_TRY(open_lock(c));
        PDM_TRY(try_lock(c, force, &taken));
    }
    if (!taken) PDM_FAIL(c->ctx, PDM_ERR_IO, "%s: cannot be locked: another process holds it", c->lock);
    c->is_held = true;
    if (!write_holder(c->file)) PDM_FAIL(c->ctx, PDM_ERR_IO, "%s: cannot be written: %s", c->lock, strerror(errno));
    c->place = io_unfinished_add(c->folder, c->file, pdm_base_name(c->lock), c->ctx);
    if (c->place < 0) PDM_FAIL(c->ctx, PDM_ERR_IO, "%s: too many files of this process are unfinished", c->path);
done:
    return status;
}

static pdm_status prepare(pdm_claim *c, const char *path)
{
    pdm_status   status = PDM_OK;
    pdm_context *ctx    = c->ctx;
    char        *target = NULL;
    pdm_text     lock   = {.ctx = ctx};

    PDM_TRY(pdm_alloc_text(ctx, path, &c->path));
    PDM_TRY(io_target_find(ctx, path, &target));
    PDM_TRY(pdm_text_append(&lock, "%s.lock", target));
    PDM_TRY(pdm_alloc_text(ctx, lock.data, &c->lock));
    c->folder = io_folder_open(c->lock);
    if (c->folder < 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
done:
    pdm_free(ctx, target);
    pdm_text_destroy(&lock);
    return status;
}

static void release(pdm_claim *c)
{
    if (c->is_held && io_is_same_file(c->folder, pdm_base_name(c->lock), c->file))
        (void)unlinkat(c->folder, pdm_base_name(c->lock), 0);
    io_unfinished_remove(c->place);
    if (c->file >= 0) (void)close(c->file);
    if (c->folder >= 0) (void)close(c->folder);
    pdm_free(c->ctx, c->path);
    pdm_free(c->ctx, c->lock);
}

pdm_status pdm_claim_create(pdm_context *ctx, const char *path, int force, pdm_claim **out)
{
    pdm_status status = PDM_OK;
    pdm_claim *c      = NULL;

    if (!ctx) return PDM_ERR_ARGUMENT;
    PDM_EXPECT_POINTER(ctx, path, "a file name");
    PDM_EXPECT_POINTER(ctx, out, "a place for the claim");
    PDM_TRY(pdm_alloc(ctx, sizeof *c, &c));
    *c = (pdm_claim){.ctx = ctx, .folder = -1, .file = -1, .place = -1};
    PDM_TRY(prepare(c, path));
    if (io_unfinished_has(c->folder, pdm_base_name(c->lock), ctx)) {
        *out = NULL;
        goto done;
    }
    PDM_TRY(take(c, force != 0));
    *out = c;
    c    = NULL;
done:
    pdm_claim_destroy(&c);
    return status;
}

pdm_status pdm_claim_check(pdm_context *ctx, const char *path)
{
    pdm_status status = PDM_OK;
    pdm_claim  c      = {.ctx = ctx, .folder = -1, .file = -1, .place = -1};

    PDM_TRY(prepare(&c, path));
    if (!io_unfinished_has(c.folder, pdm_base_name(c.lock), ctx))
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: not written: its lock %s was taken away, perhaps by another training", path,
                 c.lock);
done:
    release(&c);
    return status;
}

void pdm_claim_destroy(pdm_claim **c)
{
    if (!c || !*c) return;
    pdm_context *ctx = (*c)->ctx;
    release(*c);
    pdm_free(ctx, *c);
    *c = NULL;
}
