/* Normal matrix H = C^T A^T M A C, straight into blocks; here M = I, the coarse rows are added in coarse.c.
 *
 * Elements that see the same experts form a patch: there J = A C is a tall dense matrix [rows of the patch][columns of
 * its experts], and H gets J^T J, added expert pair by expert pair. With identity columns every element is a patch of
 * its own and J is A itself. */
#include "backend/cpu/normal_impl.h"

#include <string.h>

#include "backend/cpu/rows_impl.h"
#include "backend/lists.h"

enum { J_ROWS = 256 }; /* rows of J formed before they are multiplied */

/* Everything needed while planning only. */
typedef struct normal_draft {
    pdm_owners owners;
    int32_t   *list; /* experts seen by one element */
    int32_t   *element_coef;
} normal_draft;

/* Experts an element sees, sorted, into list; returns how many. */
static pdm_size experts_seen(const pdm_normal_plan *p, const normal_draft *t, pdm_size element)
{
    const pdm_columns_desc *d = p->columns;
    pdm_size                n = 0;
    for (pdm_size f = 0; f < d->n_field; f++)
        for (pdm_size l = 0; l < p->n_local; l++) {
            const pdm_size at = f * d->n_coef + t->element_coef[element * p->n_local + l];
            for (pdm_size k = t->owners.first[at]; k < t->owners.first[at + 1]; k++) {
                const int32_t e = d->group[t->owners.group[k]].expert;
                pdm_size      i = 0;
                while (i < n && t->list[i] < e) i++;
                if (i < n && t->list[i] == e) continue;
                memmove(t->list + i + 1, t->list + i, (size_t)(n - i) * sizeof *t->list);
                t->list[i] = e;
                n++;
            }
        }
    return n;
}

static pdm_size count_references(const pdm_normal_plan *p, const normal_draft *t, pdm_size element)
{
    pdm_size n = 0;
    for (pdm_size f = 0; f < p->columns->n_field; f++)
        for (pdm_size l = 0; l < p->n_local; l++) {
            const pdm_size at = f * p->columns->n_coef + t->element_coef[element * p->n_local + l];
            n += t->owners.first[at + 1] - t->owners.first[at];
        }
    return n;
}

/* Patches: elements with the same experts; identity columns: one element each. Linear search backwards finds the patch
 * of a neighbour first. capacity of patch and patch_expert is the caller's care (n_element, sum of experts seen). */
static void plan_patches(pdm_normal_plan *p, normal_draft *t)
{
    const bool own  = p->columns->kind == PDM_COLUMNS_IDENTITY;
    pdm_size   used = 0;
    for (pdm_size e = 0; e < p->n_element; e++) {
        const pdm_size n     = experts_seen(p, t, e);
        pdm_size       found = -1;
        for (pdm_size q = p->n_patch - 1; q >= 0 && found < 0 && !own; q--)
            if (p->patch[q].n_expert == n &&
                memcmp(p->patch_expert + p->patch[q].expert0, t->list, (size_t)n * sizeof *t->list) == 0)
                found = q;
        if (found < 0) {
            found           = p->n_patch++;
            p->patch[found] = (normal_patch){.n_expert = n, .expert0 = used};
            memcpy(p->patch_expert + used, t->list, (size_t)n * sizeof *t->list);
            used += n;
        }
        p->element_patch[e] = (int32_t)found;
    }
}

/* Rows by element, elements by patch. */
static pdm_status plan_rows(pdm_context *ctx, pdm_normal_plan *p)
{
    pdm_status status = PDM_OK;
    pdm_size  *used = NULL, n = 0;

    PDM_TRY(pdm_alloc_array(ctx, p->n_patch, &used));
    PDM_TRY(pdm_rows_by_element(ctx, p->rows, &p->row0, &p->element_row));
    PDM_TRY(pdm_alloc_array(ctx, p->n_element, &p->patch_element));
    for (pdm_size e = 0; e < p->n_element; e++) {
        const pdm_size n_row = p->row0[e + 1] - p->row0[e];
        p->most_rows         = n_row > p->most_rows ? n_row : p->most_rows;
        p->patch[p->element_patch[e]].n_element++;
    }
    for (pdm_size q = 0; q < p->n_patch; q++) {
        p->patch[q].element0 = n;
        n += p->patch[q].n_element;
    }
    for (pdm_size e = 0; e < p->n_element; e++) {
        const int32_t q                                    = p->element_patch[e];
        p->patch_element[p->patch[q].element0 + used[q]++] = (int32_t)e;
    }
done:
    pdm_free(ctx, used);
    return status;
}

/* Columns of J, dense: experts of the patch one after the other. Identity: one column per reference, in order. */
static pdm_size expert_columns(const pdm_normal_plan *p, int32_t expert)
{
    return p->column0[(expert + 1) * p->columns->n_field] - p->column0[expert * p->columns->n_field];
}

static pdm_status plan_references(pdm_context *ctx, pdm_normal_plan *p, const normal_draft *t)
{
    pdm_status              status = PDM_OK;
    const pdm_columns_desc *d      = p->columns;

    PDM_TRY(pdm_alloc_array(ctx, p->n_element + 1, &p->reference0));
    for (pdm_size e = 0; e < p->n_element; e++) p->reference0[e + 1] = p->reference0[e] + count_references(p, t, e);
    PDM_TRY(pdm_alloc_array(ctx, p->reference0[p->n_element], &p->reference));
    for (pdm_size e = 0; e < p->n_element; e++) {
        const normal_patch *q = &p->patch[p->element_patch[e]];
        element_reference  *r = p->reference + p->reference0[e];
        for (pdm_size f = 0; f < d->n_field; f++)
            for (pdm_size x = 0; x < q->n_expert; x++) { /* group by group, so that each is one product */
                const int32_t group = (int32_t)(p->patch_expert[q->expert0 + x] * d->n_field + f);
                for (pdm_size l = 0; l < p->n_local; l++) {
                    const pdm_size at = f * d->n_coef + t->element_coef[e * p->n_local + l];
                    for (pdm_size k = t->owners.first[at]; k < t->owners.first[at + 1]; k++)
                        if (t->owners.group[k] == group)
                            *r++ = (element_reference){(int32_t)(f * p->n_local + l), group, t->owners.place[k],
                                                       (int32_t)x};
                }
            }
        const pdm_size n   = p->reference0[e + 1] - p->reference0[e];
        p->most_references = n > p->most_references ? n : p->most_references;
    }
done:
    return status;
}

/* -1: not in the pattern. */
static pdm_size block_offset(const pdm_blocks_desc *d, int32_t i, int32_t j)
{
    for (int32_t k = d->start[j]; k < d->start[j + 1]; k++)
        if (d->row[k] == i) return d->offset[k];
    return -1;
}

/* Targets of J^T J, dense columns: expert by expert, b <= a. */
static pdm_status plan_pairs(pdm_context *ctx, pdm_normal_plan *p)
{
    pdm_status     status  = PDM_OK;
    pdm_size       n       = 0;
    const pdm_size n_field = p->columns->n_field;

    for (pdm_size q = 0; q < p->n_patch; q++) {
        p->patch[q].pair0 = n;
        n += p->patch[q].n_expert * (p->patch[q].n_expert + 1) / 2;
        p->patch[q].n_column = 0;
        for (pdm_size i = 0; i < p->patch[q].n_expert; i++)
            p->patch[q].n_column += expert_columns(p, p->patch_expert[p->patch[q].expert0 + i]);
        if (p->patch[q].n_column > p->most_columns) p->most_columns = p->patch[q].n_column;
    }
    PDM_TRY(pdm_alloc_array(ctx, n, &p->pair));
    n = 0;
    for (pdm_size q = 0; q < p->n_patch; q++) {
        const int32_t *expert = p->patch_expert + p->patch[q].expert0;
        for (pdm_size a = 0; a < p->patch[q].n_expert; a++)
            for (pdm_size b = 0; b <= a; b++, n++) {
                normal_pair *k = &p->pair[n];
                if (expert_columns(p, expert[a]) == 0 || expert_columns(p, expert[b]) == 0) continue;
                const pdm_size ua = p->column0[expert[a] * n_field], ub = p->column0[expert[b] * n_field];
                const int32_t  block_a = p->block_of[ua], block_b = p->block_of[ub];
                k->diagonal   = a == b;
                k->transposed = block_a < block_b || (block_a == block_b && p->place[ua] < p->place[ub]);
                k->block_j    = k->transposed ? block_a : block_b;
                k->offset     = block_offset(p->blocks, k->transposed ? block_b : block_a, k->block_j);
            }
    }
done:
    return status;
}

static pdm_status plan_unknowns(pdm_context *ctx, pdm_normal_plan *p)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_group = p->columns->n_expert * p->columns->n_field;
    pdm_size       packed  = 0;

    PDM_TRY(pdm_alloc_array(ctx, n_group + 1, &p->column0));
    for (pdm_size g = 0; g < n_group; g++) p->column0[g + 1] = p->column0[g] + p->columns->group[g].n_col;
    PDM_TRY(pdm_alloc_array(ctx, p->blocks->n_unknown, &p->block_of));
    PDM_TRY(pdm_alloc_array(ctx, p->blocks->n_unknown, &p->place));
    for (pdm_size j = 0; j < p->blocks->n_block; j++)
        for (pdm_size i = 0; i < p->blocks->size[j]; i++, packed++) {
            p->block_of[p->blocks->order[packed]] = (int32_t)j;
            p->place[p->blocks->order[packed]]    = (int32_t)i;
        }
done:
    return status;
}

/* Numbers of what exists, n_on [n_group]; NULL: all. */
static void find_sizes(const pdm_normal_plan *p, const int32_t *n_on, normal_sizes *s)
{
    const pdm_columns_desc *d       = p->columns;
    const pdm_size          n_group = d->n_expert * d->n_field;

    s->column0[0] = 0;
    for (pdm_size g = 0; g < n_group; g++)
        s->column0[g + 1] = s->column0[g] + (n_on ? n_on[g] : (int32_t)d->group[g].n_col);
    for (pdm_size j = 0; j < p->blocks->n_block; j++) s->block[j] = n_on ? 0 : p->blocks->size[j];
    for (pdm_size i = 0; i < p->n_packed && n_on; i++) {
        const int32_t e = p->packed_expert[i], block = p->block_of[p->column0[e * d->n_field]];
        s->place[e] = s->block[block];
        s->block[block] += s->column0[(e + 1) * d->n_field] - s->column0[e * d->n_field];
    }
    s->packed0[0] = 0;
    for (pdm_size j = 0; j < p->blocks->n_block; j++) s->packed0[j + 1] = s->packed0[j] + s->block[j];
}

static pdm_size sizes_length(const pdm_normal_plan *p)
{
    return 2 * p->blocks->n_block + 1 + p->columns->n_expert * (1 + p->columns->n_field) + 1;
}

/* at [sizes_length()] */
static normal_sizes sizes_at(const pdm_normal_plan *p, int32_t *at)
{
    normal_sizes s = {.block = at, .packed0 = at + p->blocks->n_block};
    s.place        = s.packed0 + p->blocks->n_block + 1;
    s.column0      = s.place + p->columns->n_expert;
    return s;
}

static pdm_status plan_sizes(pdm_context *ctx, pdm_normal_plan *p)
{
    pdm_status              status = PDM_OK;
    const pdm_columns_desc *d      = p->columns;
    int32_t                *at     = NULL;

    PDM_TRY(pdm_alloc_array(ctx, sizes_length(p), &at));
    p->full = sizes_at(p, at);
    find_sizes(p, NULL, &p->full);
    if (d->kind != PDM_COLUMNS_DENSE) goto done;
    PDM_TRY(pdm_alloc_array(ctx, d->n_expert, &p->packed_expert));
    PDM_TRY(pdm_alloc_array(ctx, p->blocks->n_unknown, &at));
    for (pdm_size i = 0; i < p->blocks->n_unknown; i++) at[i] = -1;
    for (pdm_size e = 0; e < d->n_expert; e++)
        if (expert_columns(p, (int32_t)e) > 0) at[p->column0[e * d->n_field]] = (int32_t)e;
    for (pdm_size i = 0; i < p->blocks->n_unknown; i++)
        if (at[p->blocks->order[i]] >= 0) p->packed_expert[p->n_packed++] = at[p->blocks->order[i]];
    pdm_free(ctx, at);
done:
    return status;
}

/* Which coefficients every element sees. */
static pdm_status draft_elements(pdm_context *ctx, pdm_normal_plan *p, normal_draft *t)
{
    pdm_status status = PDM_OK;

    p->n_local = p->n_element = 1;
    for (pdm_size j = 0; j < p->rows->n_dim; j++) {
        p->n_local *= p->rows->degree[j] + 1;
        p->n_element *= p->rows->n_element[j];
    }
    PDM_TRY(pdm_alloc_array(ctx, p->n_element * p->n_local, &t->element_coef));
    pdm_rows_coefficients(p->rows, t->element_coef);
done:
    return status;
}

static size_t work_doubles(const pdm_normal_plan *p)
{
    const pdm_size n = p->most_references, c = p->most_columns;
    if (p->columns->kind == PDM_COLUMNS_IDENTITY) return (size_t)(n * (p->most_rows + n));
    return (size_t)(c * (J_ROWS + p->most_rows + c) + n * (p->most_rows + c)) + coarse_size(p) +
           (size_t)(sizes_length(p) / 2 + 1);
}

pdm_status normal_create_cpu(pdm_backend *b, const pdm_rows_desc *rows, const pdm_columns_desc *columns,
                             const pdm_blocks_desc *blocks, pdm_size n_sample, pdm_normal_plan **out)
{
    pdm_status       status = PDM_OK;
    pdm_context     *ctx    = b->ctx;
    pdm_normal_plan *p      = NULL;
    normal_draft     t      = {0};
    pdm_size         seen   = 0;
    (void)n_sample;

    PDM_TRY(pdm_alloc(ctx, sizeof *p, &p));
    p->rows    = rows;
    p->columns = columns;
    p->blocks  = blocks;
    PDM_TRY(draft_elements(ctx, p, &t));
    PDM_TRY(pdm_owners_create(ctx, columns, &t.owners));
    PDM_TRY(plan_unknowns(ctx, p));
    PDM_TRY(plan_sizes(ctx, p));
    PDM_TRY(pdm_alloc_array(ctx, columns->n_expert + 1, &t.list));
    for (pdm_size e = 0; e < p->n_element; e++) seen += experts_seen(p, &t, e);
    PDM_TRY(pdm_alloc_array(ctx, p->n_element, &p->patch));
    PDM_TRY(pdm_alloc_array(ctx, p->n_element, &p->element_patch));
    PDM_TRY(pdm_alloc_array(ctx, seen, &p->patch_expert));
    plan_patches(p, &t);
    PDM_TRY(plan_rows(ctx, p));
    PDM_TRY(plan_references(ctx, p, &t));
    if (columns->kind == PDM_COLUMNS_DENSE) PDM_TRY(plan_pairs(ctx, p));
    PDM_TRY(coarse_create(ctx, p));
    PDM_TRY(pdm_cpu_reserve(pdm_cpu_of(b), work_doubles(p) * sizeof(double)));
    *out = p;
    p    = NULL;
done:
    pdm_owners_destroy(ctx, &t.owners);
    pdm_free(ctx, t.list);
    pdm_free(ctx, t.element_coef);
    normal_destroy_cpu(b, &p);
    return status;
}

void normal_destroy_cpu(pdm_backend *b, pdm_normal_plan **plan)
{
    if (!plan || !*plan) return;
    pdm_normal_plan *p = *plan;
    coarse_destroy(b->ctx, p);
    pdm_free(b->ctx, p->patch);
    pdm_free(b->ctx, p->patch_expert);
    pdm_free(b->ctx, p->patch_element);
    pdm_free(b->ctx, p->row0);
    pdm_free(b->ctx, p->element_row);
    pdm_free(b->ctx, p->element_patch);
    pdm_free(b->ctx, p->pair);
    pdm_free(b->ctx, p->reference0);
    pdm_free(b->ctx, p->reference);
    pdm_free(b->ctx, p->block_of);
    pdm_free(b->ctx, p->place);
    pdm_free(b->ctx, p->column0);
    pdm_free(b->ctx, p->packed_expert);
    pdm_free(b->ctx, p->full.block);
    pdm_free(b->ctx, p);
    *plan = NULL;
}

typedef struct normal_task {
    pdm_cpu                *cpu;
    const pdm_normal_plan  *plan;
    const pdm_columns_plan *columns;
    pdm_batch               batch;
    const double           *A;
    double                 *H;
} normal_task;

/* Columns of an expert that exist. */
static pdm_size columns_on(const pdm_normal_plan *p, const normal_sizes *s, int32_t expert)
{
    return s->column0[(expert + 1) * p->columns->n_field] - s->column0[expert * p->columns->n_field];
}

/* The columns of the first `member` experts of a patch. */
static pdm_size columns_before(const pdm_normal_plan *p, const normal_sizes *s, const normal_patch *q, pdm_size member)
{
    pdm_size n = 0;
    for (pdm_size x = 0; x < member; x++) n += columns_on(p, s, p->patch_expert[q->expert0 + x]);
    return n;
}

/* G [n][n], columns of experts a and b from column_a and column_b on, into their block. */
static void scatter_pair(const normal_pair *k, const normal_sizes *s, const int32_t expert[2], const pdm_size size[2],
                         const pdm_size column[2], const double *G, pdm_size n, double *H)
{
    if (k->offset < 0) return;
    const pdm_size ld = s->block[k->block_j], place_a = s->place[expert[0]], place_b = s->place[expert[1]];
    double        *to = H + k->offset + (k->transposed ? place_b * ld + place_a : place_a * ld + place_b);

    for (pdm_size i = 0; i < size[0]; i++)
        for (pdm_size j = 0; j < (k->diagonal ? i + 1 : size[1]); j++) {
            const double v = G[(column[0] + i) * n + column[1] + j];
            if (k->transposed)
                to[j * ld + i] += v;
            else
                to[i * ld + j] += v;
        }
}

static void scatter_patch(const pdm_normal_plan *p, const normal_sizes *s, const normal_patch *q, const double *G,
                          pdm_size n, double *H)
{
    const normal_pair *pair      = p->pair + q->pair0;
    const int32_t     *member    = p->patch_expert + q->expert0;
    pdm_size           column[2] = {0, 0};
    for (pdm_size a = 0; a < q->n_expert; a++) {
        column[1] = 0;
        for (pdm_size b = 0; b <= a; b++, pair++) {
            const int32_t  expert[2] = {member[a], member[b]};
            const pdm_size size[2]   = {columns_on(p, s, member[a]), columns_on(p, s, member[b])};
            if (size[0] > 0 && size[1] > 0) scatter_pair(pair, s, expert, size, column, G, n, H);
            column[1] += size[1];
        }
        column[0] += columns_on(p, s, member[a]);
    }
}

/* The rows of J that form_rows() made of an element, into the coarse sums, expert by expert. */
static void add_coarse_rows(const pdm_normal_plan *p, const normal_sizes *s, const normal_patch *q, pdm_size element,
                            pdm_size n_column, const double *J, double *sums)
{
    const pdm_size n_on = s->packed0[p->blocks->n_block];
    for (pdm_size i = p->row0[element]; i < p->row0[element + 1]; i++, J += n_column)
        for (pdm_size x = 0, column = 0; x < q->n_expert; x++) {
            const int32_t  expert = p->patch_expert[q->expert0 + x];
            const pdm_size n      = columns_on(p, s, expert);
            if (n == 0) continue;
            const int32_t block = p->block_of[p->column0[expert * p->columns->n_field]];
            coarse_add(p, n_on, sums, p->element_row[i], s->packed0[block] + s->place[expert], n, J + column);
            column += n;
        }
}

/* Rows of J [rows of the element][n] that count in sums only are not to count by themselves. */
static void drop_rows(const pdm_normal_plan *p, pdm_size element, pdm_size n, double *J)
{
    for (pdm_size i = p->row0[element]; i < p->row0[element + 1]; i++, J += n)
        if (p->coarse.pyramid.own[p->element_row[i]] == 0.0) memset(J, 0, (size_t)n * sizeof *J);
}

/* Rows of J = A C of one element, group by group: [rows][references of the group] times [references][columns]. */
static void form_rows(const normal_task *k, const normal_sizes *s, pdm_size sample, pdm_size element, pdm_size n_column,
                      double *restrict J, double *restrict work)
{
    const pdm_normal_plan *p = k->plan;
    const normal_patch    *q = &p->patch[p->element_patch[element]];
    const pdm_size row_size = pdm_rows_n_seen(p->rows) * p->n_local, n_row = p->row0[element + 1] - p->row0[element];
    const element_reference *first = p->reference + p->reference0[element],
                            *end   = p->reference + p->reference0[element + 1];
    const double *A                = k->A + sample * p->rows->n_row * row_size;
    const double *C                = k->columns->C + sample * k->columns->n_value;

    memset(J, 0, (size_t)(n_row * n_column) * sizeof *J);
    while (first < end) {
        const element_reference *last = first;
        while (last < end && last->group == first->group) last++;
        const pdm_size m = last - first, n = s->column0[first->group + 1] - s->column0[first->group];
        double        *a = work, *c = work + n_row * m;
        if (n == 0) {
            first = last;
            continue;
        }
        const int32_t  expert = p->columns->group[first->group].expert;
        const pdm_size column = columns_before(p, s, q, first->member) + s->column0[first->group] -
                                s->column0[expert * p->columns->n_field];
        for (pdm_size i = 0; i < n_row; i++)
            for (pdm_size r = 0; r < m; r++)
                a[i * m + r] = A[p->element_row[p->row0[element] + i] * row_size + first[r].local];
        for (pdm_size r = 0; r < m; r++)
            memcpy(c + r * n, C + k->columns->value0[first->group] + first[r].place * n, (size_t)n * sizeof *c);
        k->cpu->kernels->gemm_nn(n_row, n, m, a, m, c, n, J + column, n_column, PDM_CPU_SET);
        first = last;
    }
}

/* size [n_block]: of what exists. */
static void clear_blocks(const pdm_blocks_desc *d, const int32_t *size, double *H)
{
    for (pdm_size j = 0; j < d->n_block; j++)
        for (int32_t a = d->start[j]; a < d->start[j + 1]; a++)
            memset(H + d->offset[a], 0, (size_t)size[d->row[a]] * (size_t)size[j] * sizeof *H);
}

/* G += J^T J; only the experts' own blocks where no others are wanted. */
static void add_products(const normal_task *k, const normal_sizes *s, const normal_patch *q, pdm_size m, pdm_size n,
                         const double *J, double *G)
{
    const pdm_normal_plan *p = k->plan;

    if (pdm_blocks_are_coupled(p->blocks)) {
        pdm_cpu_syrk_tn(k->cpu->kernels, m, n, J, n, G, n, PDM_CPU_ADD);
        return;
    }
    for (pdm_size a = 0, column = 0; a < q->n_expert; a++) {
        const pdm_size size = columns_on(p, s, p->patch_expert[q->expert0 + a]);
        if (size > 0) pdm_cpu_syrk_tn(k->cpu->kernels, m, size, J + column, n, G + column * (n + 1), n, PDM_CPU_ADD);
        column += size;
    }
}

static void dense_task(void *user, pdm_size task, int thread)
{
    const normal_task     *k      = user;
    const pdm_normal_plan *p      = k->plan;
    const pdm_size         sample = k->batch.index[task];
    double                *H      = k->H + sample * p->blocks->n_value;
    double                *G = pdm_cpu_scratch(k->cpu, thread), *J = G + p->most_columns * p->most_columns;
    double                *work   = J + p->most_columns * (J_ROWS + p->most_rows);
    double                *sums   = work + p->most_references * (p->most_rows + p->most_columns);
    normal_sizes           sizes  = sizes_at(p, (int32_t *)(sums + coarse_size(p)));
    const bool             coarse = p->coarse.pyramid.n_level > 0;

    find_sizes(p, k->columns->n_on + sample * k->columns->n_group, &sizes);
    clear_blocks(p->blocks, sizes.block, H);
    if (coarse) memset(sums, 0, (size_t)(p->coarse.pyramid.n[1] * sizes.packed0[p->blocks->n_block]) * sizeof *sums);
    for (pdm_size i = 0; i < p->n_patch; i++) {
        const normal_patch *q = &p->patch[i];
        const pdm_size      n = columns_before(p, &sizes, q, q->n_expert);
        pdm_size            m = 0;
        if (n == 0) continue;
        memset(G, 0, (size_t)(n * n) * sizeof *G);
        for (pdm_size x = 0; x < q->n_element; x++) {
            const pdm_size e = p->patch_element[q->element0 + x];
            form_rows(k, &sizes, sample, e, n, J + m * n, work);
            if (coarse) {
                add_coarse_rows(p, &sizes, q, e, n, J + m * n, sums);
                drop_rows(p, e, n, J + m * n);
            }
            m += p->row0[e + 1] - p->row0[e];
            if (m < J_ROWS && x + 1 < q->n_element) continue;
            add_products(k, &sizes, q, m, n, J, G);
            m = 0;
        }
        scatter_patch(p, &sizes, q, G, n, H);
    }
    if (coarse) coarse_products(p, &sizes, NULL, k->cpu->kernels, sums, H);
}

/* One element at a time: J is the element's rows of A, without the coefficients that are fixed. */
static void identity_task(void *user, pdm_size task, int thread)
{
    const normal_task     *k      = user;
    const pdm_normal_plan *p      = k->plan;
    const pdm_size         sample = k->batch.index[task], row_size = pdm_rows_n_seen(p->rows) * p->n_local;
    double                *H = k->H + sample * p->blocks->n_value;

    memset(H, 0, (size_t)p->blocks->n_value * sizeof *H);
    for (pdm_size e = 0; e < p->n_element; e++) {
        const element_reference *ref = p->reference + p->reference0[e];
        const pdm_size           n = p->reference0[e + 1] - p->reference0[e], n_row = p->row0[e + 1] - p->row0[e];
        double                  *G = pdm_cpu_scratch(k->cpu, thread), *J = G + n * n;
        if (n == 0 || n_row == 0) continue;
        for (pdm_size i = 0; i < n_row; i++) {
            const double *A = k->A + (sample * p->rows->n_row + p->element_row[p->row0[e] + i]) * row_size;
            for (pdm_size c = 0; c < n; c++) J[i * n + c] = A[ref[c].local];
        }
        if (p->coarse.pyramid.n_level > 0) drop_rows(p, e, n, J);
        pdm_cpu_syrk_tn(k->cpu->kernels, n_row, n, J, n, G, n, PDM_CPU_SET);
        int32_t  last_i = -1, last_j = -1;
        pdm_size offset = 0;
        for (pdm_size a = 0; a < n; a++)
            for (pdm_size c = 0; c <= a; c++) {
                const pdm_size ua = p->column0[ref[a].group] + ref[a].place,
                               uc = p->column0[ref[c].group] + ref[c].place;
                const bool swap   = p->block_of[ua] < p->block_of[uc] ||
                                  (p->block_of[ua] == p->block_of[uc] && p->place[ua] < p->place[uc]);
                const pdm_size ui = swap ? uc : ua, uj = swap ? ua : uc;
                if (p->block_of[ui] != last_i || p->block_of[uj] != last_j) {
                    last_i = p->block_of[ui];
                    last_j = p->block_of[uj];
                    offset = block_offset(p->blocks, last_i, last_j);
                }
                if (offset < 0) continue;
                H[offset + p->place[ui] * (pdm_size)p->blocks->size[last_j] + p->place[uj]] += G[a * n + c];
            }
    }
}

/* Identity columns have few samples and much work in each: one sample at a time, all threads on its products. */
static void identity_coarse(const normal_task *k, pdm_size sample)
{
    const pdm_normal_plan *p        = k->plan;
    const pdm_size         row_size = pdm_rows_n_seen(p->rows) * p->n_local;

    memset(p->coarse.shared, 0, coarse_size(p) * sizeof(double));
    for (pdm_size e = 0; e < p->n_element; e++)
        for (pdm_size i = p->row0[e]; i < p->row0[e + 1]; i++) {
            const int32_t row = p->element_row[i];
            const double *A   = k->A + (sample * p->rows->n_row + row) * row_size;
            for (pdm_size r = p->reference0[e]; r < p->reference0[e + 1]; r++) {
                const element_reference *ref = &p->reference[r];
                coarse_add(p, p->blocks->n_unknown, p->coarse.shared, row,
                           p->coarse.packed_of[p->column0[ref->group] + ref->place], 1, &A[ref->local]);
            }
        }
    coarse_products(p, &p->full, k->cpu, k->cpu->kernels, p->coarse.shared, k->H + sample * p->blocks->n_value);
}

pdm_status normal_assemble_cpu(pdm_backend *b, pdm_normal_plan *plan, pdm_batch s, pdm_columns_plan *columns,
                               pdm_buffer *A, pdm_buffer *H)
{
    normal_task task = {
        .cpu = pdm_cpu_of(b), .plan = plan, .columns = columns, .batch = s, .A = cpu_data(A), .H = cpu_data(H)};
    pdm_cpu_for(task.cpu, s.n, plan->columns->kind == PDM_COLUMNS_DENSE ? dense_task : identity_task, &task);
    if (plan->coarse.shared)
        for (pdm_size i = 0; i < s.n; i++) identity_coarse(&task, s.index[i]);
    return PDM_OK;
}
