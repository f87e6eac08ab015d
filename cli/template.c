#include "cli/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 16, COMMENT_COLUMN = 40 };

/* ---- which lines there are ---- */

/* Does the word [n] hold? */
static bool word_holds(const char *word, size_t n, int dims, const char *conditions)
{
    if (isdigit((unsigned char)word[0])) {
        const int number = word[0] - '0';
        return n > 1 && word[1] == '+' ? dims >= number : dims == number;
    }
    return strlen(conditions) == n && strncmp(word, conditions, n) == 0;
}

/* Behind the words of the line, or NULL where one does not hold. */
static const char *line_kept(const char *line, int dims, const char *conditions)
{
    bool holds = true;

    if (*line != '@') return line;
    while (*line == '@') {
        const size_t n = strcspn(++line, "@ ");
        holds          = holds && word_holds(line, n, dims, conditions);
        line += n;
    }
    return holds ? line + 1 : NULL;
}

char *template_expand(const char *text, int dims, const char *conditions)
{
    char *out = malloc(strlen(text) + 1), *end = out;

    if (!out) return NULL;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        const char *kept = line_kept(line, dims, conditions);
        if (!kept) continue;
        const size_t n = strcspn(kept, "\n") + 1;
        memcpy(end, kept, n);
        end += n;
    }
    *end = '\0';
    return out;
}

/* ---- one attribute ---- */

/* The line of the attribute, if it is there; else where it is to stand: behind the opening line of its group, or in
 * groups before the closing line of the deepest one of its path that is there. */
typedef struct place {
    size_t line, end;      /* of the attribute; line == end: it is not there */
    size_t behind, before; /* of that group's opening line, of its closing   */
    int    depth;          /* groups of the path that are there              */
    char   comment[128];   /* of the attribute's line, with the slashes      */
} place;

/* Is the piece of a dotted path at p the name [n]? */
static bool is_piece(const char *p, const char *name, size_t n)
{
    return strncmp(p, name, n) == 0 && (p[n] == '.' || p[n] == '\0');
}

static const char *next_piece(const char *p)
{
    const size_t n = strcspn(p, ".");
    return p[n] ? p + n + 1 : p + n;
}

static size_t name_length(const char *word)
{
    size_t n = 0;

    while (isalnum((unsigned char)word[n]) || word[n] == '_') n++;
    return n;
}

static void keep_comment(const char *line, size_t n, char *comment, size_t size)
{
    const char *found  = NULL;
    bool        quoted = false;

    for (size_t i = 0; i + 1 < n && !found; i++) {
        if (line[i] == '"') quoted = !quoted;
        if (!quoted && line[i] == '/' && line[i + 1] == '/') found = line + i;
    }
    snprintf(comment, size, "%.*s", found ? (int)(line + n - found) : 0, found ? found : "");
}

static place find_place(const char *text, const setting *wanted)
{
    place       p    = {0};
    int         open = 0, within = 0; /* groups that are open; of these, those of the path, in its order */
    const char *piece = wanted->group;

    p.behind = strcspn(text, "\n") + 1; /* "netcdf NAME {" */
    for (const char *line = text + p.behind; *line;) {
        const size_t n    = strcspn(line, "\n");
        const char  *word = line + strspn(line, " ");
        if (strncmp(word, "group: ", 7) == 0) {
            const size_t length = name_length(word + 7);
            if (within == open && *piece && is_piece(piece, word + 7, length)) {
                within++;
                piece = next_piece(piece);
                if (within > p.depth) {
                    p.depth  = within;
                    p.behind = (size_t)(line - text) + n + 1;
                }
            }
            open++;
        } else if (*word == '}') {
            if (within == open && within == p.depth) p.before = (size_t)(line - text);
            if (within == open && open > 0) {
                within--;
                piece = wanted->group;
                for (int i = 0; i < within; i++) piece = next_piece(piece);
            }
            open--;
        } else if (*word == ':' && within == open && !*piece) {
            const size_t length = name_length(word + 1);
            if (strlen(wanted->name) == length && strncmp(word + 1, wanted->name, length) == 0) {
                p.line = (size_t)(line - text);
                p.end  = p.line + n + 1;
                keep_comment(line, n, p.comment, sizeof p.comment);
            }
        }
        line += n + (line[n] == '\n');
    }
    return p;
}

static bool is_name(const char *word)
{
    return isalpha((unsigned char)*word) && name_length(word) == strlen(word);
}

static exit_code check_setting(session *s, const setting *w, int *n_group)
{
    char piece[64];

    *n_group = 0;
    for (const char *p = w->group; *p; p = next_piece(p), (*n_group)++) {
        snprintf(piece, sizeof piece, "%.*s", (int)strcspn(p, "."), p);
        if (!is_name(piece) || strcspn(p, ".") >= sizeof piece || *n_group == MOST_DEPTH)
            return fail(s, CODE_USAGE, "new: --set %s.%s=...: \"%s\" is no name of a group", w->group, w->name, piece);
    }
    if (!is_name(w->name))
        return fail(s, CODE_USAGE, "new: --set %s.%s=...: \"%s\" is no name of an attribute", w->group, w->name,
                    w->name);
    for (const char *c = w->value; *c; c++)
        if (iscntrl((unsigned char)*c))
            return fail(s, CODE_USAGE, "new: --set %s.%s=...: a value of one line expected", w->group, w->name);
    return CODE_FINE;
}

static bool is_number(const char *word)
{
    char *end = NULL;

    (void)strtod(word, &end);
    return end != word && !*end && strspn(word, "+-.0123456789eE") == strlen(word);
}

/* ":NAME = VALUE ;" with the comment, behind 2 blanks a level; numbers as they are, all else as text. */
static void print_attribute(FILE *to, const setting *w, int depth, const char *comment)
{
    int column = fprintf(to, "%*s:%s = ", 2 * depth, "", w->name);

    if (is_number(w->value)) {
        column += fprintf(to, "%s ;", w->value);
    } else {
        fputc('"', to);
        for (const char *c = w->value; *c; c++, column++) {
            if (*c == '"' || *c == '\\') fputc('\\', to);
            fputc(*c, to);
        }
        column += fprintf(to, "\" ;") + 1;
    }
    if (*comment) fprintf(to, "%*s%s", column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 1, "", comment);
    fputc('\n', to);
}

exit_code template_set(session *s, char **text, const setting *wanted)
{
    exit_code   code    = CODE_FINE;
    int         n_group = 0;
    char       *out     = NULL;
    size_t      size    = 0;
    FILE       *to      = NULL;
    const char *piece   = wanted->group;

    CLI_TRY(check_setting(s, wanted, &n_group));
    const place  p    = find_place(*text, wanted);
    const size_t from = p.end > p.line ? p.line : p.depth < n_group ? p.before : p.behind;
    const size_t on   = p.end > p.line ? p.end : from;
    to                = open_memstream(&out, &size);
    if (!to) {
        code = fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        goto done;
    }
    fwrite(*text, 1, from, to);
    for (int i = 0; i < p.depth; i++) piece = next_piece(piece);
    for (int i = p.depth; i < n_group; i++, piece = next_piece(piece))
        fprintf(to, "%s%*sgroup: %.*s {\n", i == 0 ? "\n" : "", 2 * i, "", (int)strcspn(piece, "."), piece);
    print_attribute(to, wanted, n_group, p.comment);
    for (int i = n_group - 1; i >= p.depth; i--) fprintf(to, "%*s}\n", 2 * i, "");
    fputs(*text + on, to);
    if (fclose(to) != 0) {
        code = fail(s, CODE_MEMORY, "%s", pdm_status_text(PDM_ERR_MEMORY));
        goto done;
    }
    free(*text);
    *text = out;
    out   = NULL;
done:
    free(out);
    return code;
}
