/* A whole file or none: written beside, then renamed. */
#define _XOPEN_SOURCE 700 /* realpath, fsync */
#include "cli/plot/page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_TEXT = 32 };

static exit_code refuse(session *s, const char *path, const char *reason)
{
    return fail(s, CODE_FILE, "%s: cannot be written: %s", path, reason);
}

/* Where to write: the path itself, or where a link leads. */
static exit_code find_target(session *s, const char *path, char target[PATH_MAX])
{
    struct stat info;

    if (strlen(path) + PART_TEXT >= PATH_MAX) return refuse(s, path, strerror(ENAMETOOLONG));
    if (lstat(path, &info) != 0) {
        if (errno != ENOENT) return refuse(s, path, strerror(errno));
        memcpy(target, path, strlen(path) + 1);
        return CODE_FINE;
    }
    if (!realpath(path, target) || stat(target, &info) != 0) return refuse(s, path, strerror(errno));
    if (S_ISDIR(info.st_mode)) return refuse(s, path, "it is a folder");
    if (!S_ISREG(info.st_mode)) return refuse(s, path, "it exists and is not a regular file");
    return CODE_FINE;
}

static bool write_all(int file, const char *from, size_t n)
{
    while (n > 0) {
        const ssize_t wrote = write(file, from, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return false;
        from += wrote;
        n -= (size_t)wrote;
    }
    return fsync(file) == 0;
}

exit_code write_whole(session *s, const char *path, const void *data, size_t n)
{
    exit_code code = CODE_FINE;
    char      target[PATH_MAX], part[PATH_MAX + PART_TEXT];
    int       file = -1;

    CLI_TRY(find_target(s, path, target));
    snprintf(part, sizeof part, "%s.part-%ld", target, (long)getpid());
    file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0 || !write_all(file, data, n) || rename(part, target) != 0) {
        code = refuse(s, path, strerror(errno));
        if (file >= 0) (void)unlink(part);
    }
done:
    if (file >= 0) (void)close(file);
    return code;
}
