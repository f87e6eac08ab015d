#define _XOPEN_SOURCE 700 /* ftruncate, O_NOFOLLOW */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io_impl.h"

struct pdm_jsonl {
    pdm_context *ctx;
    char        *path;
    int          file;
    pdm_text     line;
    bool         has_key;
    off_t        cut;    /* where the line goes on in the file; 0: behind all that is there */
    pdm_status   status; /* first failure since begin */
};

/* A log is a regular file of one name: nothing is written through a link or into a pipe. *out -1: there is none. */
static pdm_status open_log(pdm_context *ctx, const char *path, int *out)
{
    pdm_status  status = PDM_OK;
    struct stat info   = {0};
    int         file   = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    *out = -1;
    if (file < 0 && errno == ENOENT) goto done;
    if (file < 0 && errno == ELOOP)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it is a link; a regular file, or none, expected", path);
    if (file < 0 || fstat(file, &info) != 0)
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: it exists and is not a regular file", path);
    if (info.st_nlink > 1)
        PDM_FAIL(ctx, PDM_ERR_IO,
                 "%s: cannot be written: the file has another name too (a hard link); put a copy in its place", path);
    *out = file;
    file = -1;
done:
    if (file >= 0) (void)close(file);
    return status;
}

/* A new file takes the place of what is there: other names that it has, and whoever still writes to it, keep the old
 * one. */
static pdm_status make_log(pdm_context *ctx, const char *path, int *out)
{
    pdm_status  status = PDM_OK;
    struct stat info   = {0};
    int         file   = -1;

    if (lstat(path, &info) == 0 && S_ISREG(info.st_mode)) (void)unlink(path);
    PDM_TRY(open_log(ctx, path, &file)); /* says what else is there */
    if (file < 0) file = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    *out = file;
done:
    return status;
}

pdm_status pdm_jsonl_open(pdm_context *ctx, const char *path, bool append, pdm_jsonl **out)
{
    pdm_status status = PDM_OK;
    pdm_jsonl *j      = NULL;

    PDM_TRY(pdm_alloc(ctx, sizeof *j, &j));
    j->ctx      = ctx;
    j->line.ctx = ctx;
    j->file     = -1;
    PDM_TRY(pdm_alloc_text(ctx, path, &j->path));
    PDM_TRY(pdm_text_append(&j->line, "%*s", 512, "")); /* room for a usual line */
    j->line.length = 0;
    if (append) PDM_TRY(open_log(ctx, path, &j->file));
    if (j->file < 0) PDM_TRY(make_log(ctx, path, &j->file));
    *out = j;
    j    = NULL;
done:
    pdm_jsonl_close(&j);
    return status;
}

pdm_status pdm_jsonl_reopen(pdm_context *ctx, const char *path, pdm_jsonl **out)
{
    pdm_status status = PDM_OK;
    pdm_jsonl *j      = NULL;
    char       end[2] = {0};

    *out = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) return PDM_OK;
    PDM_TRY(pdm_jsonl_open(ctx, path, true, &j));
    if (lseek(j->file, 0, SEEK_END) == 0) goto done; /* no line yet */
    j->cut = lseek(j->file, 0, SEEK_END) - (off_t)sizeof end;
    if (j->cut <= 0 || pread(j->file, end, sizeof end, j->cut) != (ssize_t)sizeof end || memcmp(end, "}\n", 2) != 0)
        PDM_FAIL(ctx, PDM_ERR_DATA, "%s: its last line is not a JSON object that could be added to", path);
    j->has_key = true;
    *out       = j;
    j          = NULL;
done:
    pdm_jsonl_close(&j);
    return status;
}

void pdm_jsonl_close(pdm_jsonl **j)
{
    if (!j || !*j) return;
    if ((*j)->file >= 0) (void)close((*j)->file);
    pdm_text_destroy(&(*j)->line);
    pdm_free((*j)->ctx, (*j)->path);
    pdm_free((*j)->ctx, *j);
    *j = NULL;
}

/* The first number of a line is beyond `last`: {"step": 12, ... */
static bool is_beyond(const char *line, pdm_size last)
{
    long long value = 0;
    return sscanf(line, "{\"%*[^\"]\": %lld", &value) == 1 && value > last;
}

/* Offset behind the last complete line before the first one that is beyond; -1 on failure. */
static off_t kept_end(int file, pdm_size last)
{
    char    block[4096], head[64];
    size_t  n_head = 0;
    off_t   end = 0, at = 0;
    ssize_t n = 0;

    for (;;) {
        n = read(file, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? -1 : end;
        for (ssize_t i = 0; i < n; i++) {
            if (block[i] != '\n') {
                if (n_head < sizeof head - 1) head[n_head++] = block[i];
                continue;
            }
            head[n_head] = '\0';
            n_head       = 0;
            if (is_beyond(head, last)) return end;
            end = at + i + 1;
        }
        at += n;
    }
}

pdm_status pdm_jsonl_truncate(pdm_context *ctx, const char *path, pdm_size last)
{
    pdm_status status = PDM_OK;
    int        file   = -1;
    off_t      end    = 0;

    if (access(path, F_OK) != 0 && errno == ENOENT) goto done;
    PDM_TRY(last > 0 ? open_log(ctx, path, &file) : make_log(ctx, path, &file));
    if (file < 0) goto done;
    end = kept_end(file, last);
    if (end < 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (ftruncate(file, end) != 0) PDM_FAIL(ctx, PDM_ERR_IO, "%s: cannot be cut: %s", path, strerror(errno));
done:
    if (file >= 0) (void)close(file);
    return status;
}

pdm_status pdm_jsonl_name(const char *path, pdm_text *out)
{
    const size_t n = strlen(path);

    if (n > 3 && strcmp(path + n - 3, ".nc") == 0) return pdm_text_append(out, "%.*s.log.jsonl", (int)n - 3, path);
    return pdm_text_append(out, "%s.jsonl", path);
}

/* Keeps the first failure, so that a record can be written without a check a line. */
static void note_status(pdm_jsonl *j, pdm_status status)
{
    if (j->status == PDM_OK) j->status = status;
}

/* A JSON string. Bytes above 127 stay as they are (UTF-8). */
static void append_quoted(pdm_jsonl *j, const char *text)
{
    note_status(j, pdm_text_append(&j->line, "\""));
    while (*text) {
        size_t n = 0;
        while ((unsigned char)text[n] >= 32 && text[n] != '"' && text[n] != '\\' && n < 4096) n++;
        note_status(j, pdm_text_append(&j->line, "%.*s", (int)n, text));
        text += n;
        if (*text == '\0' || n == 4096) continue;
        if (*text == '"' || *text == '\\')
            note_status(j, pdm_text_append(&j->line, "\\%c", *text));
        else if (*text == '\n')
            note_status(j, pdm_text_append(&j->line, "\\n"));
        else
            note_status(j, pdm_text_append(&j->line, "\\u%04x", (unsigned)(unsigned char)*text));
        text++;
    }
    note_status(j, pdm_text_append(&j->line, "\""));
}

static void append_key(pdm_jsonl *j, const char *key)
{
    if (j->has_key) note_status(j, pdm_text_append(&j->line, ", "));
    j->has_key = true;
    append_quoted(j, key);
    note_status(j, pdm_text_append(&j->line, ": "));
}

void pdm_jsonl_begin(pdm_jsonl *j)
{
    j->line.length = 0;
    j->has_key     = false;
    j->cut         = 0;
    j->status      = PDM_OK;
    note_status(j, pdm_text_append(&j->line, "{"));
}

void pdm_jsonl_real(pdm_jsonl *j, const char *key, double value)
{
    char number[IO_REAL_TEXT];

    io_real_text(value, number);
    append_key(j, key);
    note_status(j, pdm_text_append(&j->line, "%s", isfinite(value) ? number : "null"));
}

void pdm_jsonl_count(pdm_jsonl *j, const char *key, pdm_size value)
{
    append_key(j, key);
    note_status(j, pdm_text_append(&j->line, "%lld", (long long)value));
}

/* All of it, or what was written of the line is taken back. */
static pdm_status write_line(pdm_jsonl *j)
{
    pdm_status  status = PDM_OK;
    const off_t start  = lseek(j->file, 0, SEEK_END);
    size_t      done_n = 0;

    while (done_n < j->line.length) {
        const ssize_t n = write(j->file, j->line.data + done_n, j->line.length - done_n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            const int error = errno;
            if (start >= 0 && done_n > 0) (void)!ftruncate(j->file, start);
            PDM_FAIL(j->ctx, PDM_ERR_IO, "%s: cannot be written: %s", j->path, strerror(error));
        }
        done_n += (size_t)n;
    }
done:
    return status;
}

pdm_status pdm_jsonl_end(pdm_jsonl *j)
{
    pdm_status status = PDM_OK;

    note_status(j, pdm_text_append(&j->line, "}\n"));
    PDM_TRY(j->status);
    if (j->cut > 0 && ftruncate(j->file, j->cut) != 0)
        PDM_FAIL(j->ctx, PDM_ERR_IO, "%s: cannot be written: %s", j->path, strerror(errno));
    j->cut = 0;
    PDM_TRY(write_line(j));
done:
    return status;
}
