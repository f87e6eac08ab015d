/* experts/: windows share out the free coefficients; what they cost. */
#include "experts/experts.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/problems.h"

static const struct {
    int         problem;
    const char *x_experts, *t_experts, *partition, *overlap;
} partitions[] = {
    {PROBLEM_HEAT, "1", "1", "hard", "4"},      {PROBLEM_HEAT, "3", "2", "hard", "4"},
    {PROBLEM_HEAT, "8", "5", "hard", "4"},      {PROBLEM_HEAT, "3", "2", "smooth", "0.5"},
    {PROBLEM_HEAT, "4", "3", "smooth", "4"},    {PROBLEM_HEAT, "8", "5", "smooth", "64"},
    {PROBLEM_SYSTEM, "3", "2", "smooth", "3"},  {PROBLEM_BURGERS, "1", "1", "smooth", "4"},
    {PROBLEM_BURGERS, "2", "1", "smooth", "4"}, {PROBLEM_BURGERS, "4", "2", "hard", "4"},
    {PROBLEM_BURGERS, "4", "2", "smooth", "3"}, {PROBLEM_BURGERS, "9", "5", "smooth", "7"},
    {PROBLEM_SPACE3, "2", "1", "smooth", "2"},
};
enum { N_PARTITION = sizeof partitions / sizeof *partitions };

static pdm_experts *open_partition(problem *p, int i)
{
    pdm_experts *x = NULL;
    problem_open(p, partitions[i].problem, "cpu", 1);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain/x", "experts", partitions[i].x_experts), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain/t", "experts", partitions[i].t_experts), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "experts", "partition", partitions[i].partition), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "experts", "overlap", partitions[i].overlap), PDM_OK);
    ck_assert_int_eq(pdm_experts_create(p->ctx, p->the_case, p->domain, NULL, &x), PDM_OK);
    return x;
}

/* Windows are positive, stand at rising free coefficients, and sum to one there. */
START_TEST(windows_share_out_the_free_coefficients)
    {
        problem                 p;
        pdm_experts            *x       = open_partition(&p, _i);
        const pdm_columns_desc *desc    = pdm_experts_columns(x);
        const unsigned char    *is_free = pdm_domain_free(p.domain);
        double                 *sum     = calloc((size_t)p.c_size, sizeof *sum);
        ck_assert_int_eq(desc->n_expert, atoi(partitions[_i].x_experts) * atoi(partitions[_i].t_experts));
        for (pdm_size k = 0; k < desc->n_expert * desc->n_field; k++) {
            const pdm_column_group *g = &desc->group[k];
            for (pdm_size i = 0; i < g->n_coef; i++) {
                ck_assert(i == 0 || g->coef[i] > g->coef[i - 1]);
                ck_assert(g->coef[i] >= 0 && g->coef[i] < desc->n_coef);
                ck_assert_double_gt(g->window[i], 0.0);
                sum[g->field * desc->n_coef + g->coef[i]] += g->window[i];
            }
        }
        for (pdm_size i = 0; i < p.c_size; i++) ck_assert_double_eq_tol(sum[i], is_free[i] ? 1.0 : 0.0, 1e-14);
        free(sum);
        pdm_experts_destroy(&x);
        problem_close(&p);
    }
END_TEST

/* Boxes of experts fill the domain, once, and each control point lies in the box of who has it (of a smooth partition:
 * has more than half of it), once round where the dimension is periodic. */
START_TEST(bounds_hold_control_points)
    {
        problem                 p;
        pdm_experts            *x      = open_partition(&p, _i);
        const pdm_columns_desc *desc   = pdm_experts_columns(x);
        const pdm_size          n_dim  = pdm_domain_n_dim(p.domain);
        double                 *bounds = calloc((size_t)(desc->n_expert * n_dim * 2), sizeof *bounds);
        double                  all = 0.0, whole = 1.0;
        pdm_experts_bounds(x, bounds);
        for (pdm_size j = 0; j < n_dim; j++)
            whole *= pdm_domain_spline(p.domain, j)->map.high - pdm_domain_spline(p.domain, j)->map.low;
        for (pdm_size e = 0; e < desc->n_expert; e++) {
            double         volume = 1.0;
            const pdm_size owned  = desc->group[e * desc->n_field].n_coef;
            if (owned == 0) ck_assert(isnan(bounds[2 * e * n_dim]));
            if (owned == 0) continue;
            for (pdm_size j = 0; j < n_dim; j++) {
                const pdm_spline *s = pdm_domain_spline(p.domain, j);
                const double     *b = bounds + 2 * (e * n_dim + j);
                ck_assert(s->map.low <= b[0] && b[0] < b[1] && b[0] < s->map.high);
                ck_assert(b[1] <= s->map.high || (s->periodic && b[1] < b[0] + s->map.high - s->map.low));
                volume *= b[1] - b[0];
            }
            all += volume;
        }
        ck_assert_double_eq_tol(all, whole, 1e-12 * whole);
        for (pdm_size k = 0; k < desc->n_expert * desc->n_field; k++) {
            const pdm_column_group *g = &desc->group[k];
            for (pdm_size i = 0; i < g->n_coef; i++) {
                pdm_size at = g->coef[i];
                if (g->window[i] <= 0.5) continue;
                for (pdm_size j = n_dim - 1; j >= 0; j--) {
                    const pdm_spline *s      = pdm_domain_spline(p.domain, j);
                    const double     *b      = bounds + 2 * (g->expert * n_dim + j);
                    const double      length = s->map.high - s->map.low;
                    double            where  = pdm_domain_greville(p.domain, j)[at % s->n_coef];
                    if (s->periodic && where < b[0]) where += length;
                    ck_assert_msg(b[0] <= where && where <= b[1], "expert %d, dimension %d: %g is not in %g to %g",
                                  (int)g->expert, (int)j, where, b[0], b[1]);
                    at /= s->n_coef;
                }
            }
        }
        free(bounds);
        pdm_experts_destroy(&x);
        problem_close(&p);
    }
END_TEST

/* ---- boxes = "measured" ---- */

/* Experts along t and x of the heat problem: 5 x n_x control points, 4 x (n_x - 2) of them free. */
static pdm_experts *open_measured(problem *p, const char *n_x, const char *along_t, const char *along_x,
                                  const char *basis, pdm_domain **d)
{
    pdm_experts *x = NULL;
    problem_open(p, PROBLEM_HEAT, "cpu", 1);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain/x", "control_points", n_x), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain/x", "experts", along_x), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "domain/t", "experts", along_t), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "experts", "basis", basis), PDM_OK);
    ck_assert_int_eq(pdm_case_set_text(p->the_case, "experts", "boxes", "measured"), PDM_OK);
    ck_assert_int_eq(pdm_domain_create(p->ctx, p->the_case, p->pde, NULL, d), PDM_OK);
    ck_assert_int_eq(pdm_experts_create(p->ctx, p->the_case, *d, NULL, &x), PDM_OK);
    return x;
}

static void close_measured(problem *p, pdm_experts **x, pdm_domain **d)
{
    pdm_experts_destroy(x);
    pdm_domain_destroy(d);
    problem_close(p);
}

/* With the bounds that were found the experts share out the free coefficients like any others, and none is without some;
 * polynomials stay within -1 and 1 on their boxes. Half of the ways have few control points for what is asked. */
START_TEST(measured_boxes_share_out_the_free_coefficients)
    {
        static const char *const way[][5] = {{"20", "1", "4", "5", "hard"},   {"20", "4", "18", "3", "hard"},
                                             {"30", "2", "7", "4", "hard"},   {"30", "2", "7", "4", "smooth"},
                                             {"23", "3", "5", "2", "smooth"}, {"64", "2", "8", "6", "hard"}};
        problem                  p;
        pdm_domain              *d = NULL;
        pdm_experts             *x = open_measured(&p, way[_i][0], way[_i][1], way[_i][2], way[_i][3], &d), *cut = NULL;
        const pdm_size           n = pdm_domain_n_coef(d), n_expert = pdm_experts_columns(x)->n_expert;
        double                  *u = calloc((size_t)n, sizeof *u), *sum = calloc((size_t)n, sizeof *sum);
        int64_t                 *bounds = calloc((size_t)(4 * n_expert), sizeof *bounds);
        for (pdm_size i = 0; i < n; i++) u[i] = tanh((double)(i % 7) - 3.0) + exp(-0.1 * (double)i);
        ck_assert(pdm_experts_wants_boxes(x) && !pdm_experts_boxes(x));
        ck_assert_int_eq(pdm_experts_cut(x, 1, u, bounds), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "partition", way[_i][4]), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, d, bounds, &cut), PDM_OK);
        ck_assert_mem_eq(pdm_experts_boxes(cut), bounds, (size_t)(4 * n_expert) * sizeof *bounds);
        for (pdm_size e = 0; e < n_expert; e++) {
            const pdm_column_group *g = &pdm_experts_columns(cut)->group[e];
            ck_assert_int_gt(g->n_coef, 0);
            for (pdm_size i = 0; i < g->n_coef; i++) sum[g->coef[i]] += g->window[i];
            for (pdm_size i = 0; i < g->n_coef * g->n_col; i++) ck_assert_double_le(fabs(g->prior[i]), 1.0);
        }
        for (pdm_size i = 0; i < n; i++) ck_assert_double_eq_tol(sum[i], pdm_domain_free(d)[i] ? 1.0 : 0.0, 1e-14);
        for (pdm_size i = 0; i < 2 * n_expert && atoi(way[_i][1]) == 1; i += 2) /* not to be cut */
            ck_assert(bounds[2 * i] == 0 && bounds[2 * i + 1] == 5);
        free(u);
        free(sum);
        free(bounds);
        pdm_experts_destroy(&cut);
        close_measured(&p, &x, &d);
    }
END_TEST

/* What 1, t, x leave of u at the free coefficients from .. to-1 in x, by Gram-Schmidt: another way than cut.c's. */
static double left_by_planes(const pdm_domain *d, const double *u, pdm_size from, pdm_size to)
{
    const pdm_size n_x = pdm_domain_spline(d, 1)->n_coef;
    double         q[3][256], rest[256], left = 0.0;
    pdm_size       n = 0;
    for (pdm_size i = 0; i < pdm_domain_n_coef(d); i++) {
        if (!pdm_domain_free(d)[i] || i % n_x < from || i % n_x >= to) continue;
        q[0][n] = 1.0, q[1][n] = (double)(i / n_x), q[2][n] = (double)(i % n_x);
        rest[n++] = u[i];
    }
    for (int k = 0; k < 3; k++) {
        double size = 0.0, along = 0.0;
        for (int l = 0; l < k; l++) {
            double dot = 0.0;
            for (pdm_size i = 0; i < n; i++) dot += q[k][i] * q[l][i];
            for (pdm_size i = 0; i < n; i++) q[k][i] -= dot * q[l][i];
        }
        for (pdm_size i = 0; i < n; i++) size += q[k][i] * q[k][i];
        for (pdm_size i = 0; i < n; i++) q[k][i] = size > 1e-9 ? q[k][i] / sqrt(size) : 0.0;
        for (pdm_size i = 0; i < n; i++) along += q[k][i] * rest[i];
        for (pdm_size i = 0; i < n; i++) rest[i] -= along * q[k][i];
    }
    for (pdm_size i = 0; i < n; i++) left += rest[i] * rest[i];
    return left;
}

/* Of all cuts in two, on a grid that is fine enough for all to be tried, the one is taken that leaves least. */
START_TEST(the_best_cut_is_found)
    {
        problem        p;
        pdm_domain    *d   = NULL;
        pdm_experts   *x   = open_measured(&p, "8", "1", "2", "3", &d);
        const pdm_size n_x = 8;
        double         u[40], least    = INFINITY;
        int64_t        bounds[8], best = 0;
        for (pdm_size i = 0; i < 40; i++) {
            const double at = (double)(i % n_x) - (2.0 + 0.5 * _i);
            u[i]            = (at > 0.0 ? at * at : 0.0) + 0.1 * (double)(i / n_x) * sin((double)(i % n_x * (_i + 1)));
        }
        for (pdm_size at = 2; at < 7; at++) {
            const double left = left_by_planes(d, u, 0, at) + left_by_planes(d, u, at, n_x);
            if (left < least) least = left, best = at;
        }
        ck_assert_int_eq(pdm_experts_cut(x, 1, u, bounds), PDM_OK);
        ck_assert_int_eq(bounds[3], best);
        ck_assert_int_eq(bounds[6], best);
        close_measured(&p, &x, &d);
    }
END_TEST

/* Where nothing is left of the solutions boxes are halved; what is not a number is refused, and so are more experts
 * than there are boxes with something in them. */
START_TEST(odd_solutions_are_cut_or_refused)
    {
        problem      p;
        pdm_domain  *d = NULL;
        pdm_experts *x = open_measured(&p, "16", "1", "4", "3", &d);
        double       u[80];
        int64_t      bounds[64];
        for (pdm_size i = 0; i < 80; i++) u[i] = 1.0 + (double)(i % 16);
        ck_assert_int_eq(pdm_experts_cut(x, 1, u, bounds), PDM_OK);
        for (pdm_size e = 0; e < 4; e++) ck_assert_int_eq(bounds[4 * e + 2], 4 * e);
        u[20] = NAN;
        ck_assert_int_eq(pdm_experts_cut(x, 1, u, bounds), PDM_ERR_NUMERIC);
        close_measured(&p, &x, &d);
        x     = open_measured(&p, "8", "1", "8", "3", &d); /* 6 places in x are free */
        u[20] = 0.0;
        ck_assert_int_eq(pdm_experts_cut(x, 1, u, bounds), PDM_ERR_CASE);
        ck_assert_ptr_nonnull(strstr(pdm_context_error(p.ctx), "8 experts, but only 6 boxes"));
        close_measured(&p, &x, &d);
        x = open_measured(&p, "5", "1", "2", "6", &d); /* 4 x 3 free ones, twice 6: but only 4 and 8 can be had */
        for (pdm_size i = 0; i < 25; i++) u[i] = (double)(i * i % 11);
        ck_assert_int_eq(pdm_experts_cut(x, 1, u, bounds), PDM_OK);
        ck_assert_int_eq(bounds[3], bounds[6]);
        close_measured(&p, &x, &d);
    }
END_TEST

/* Polynomials of measured boxes are those of each, or all those of one box: with some of either they would be of boxes
 * that the experts are no parts of. */
START_TEST(measured_boxes_have_their_own_polynomials_or_those_of_one_box)
    {
        static const struct {
            const char *prior_t, *prior_x; /* NULL: not stated */
            pdm_status  status;
        } way[] = {{NULL, NULL, PDM_OK},      {"1", "1", PDM_OK},        {"2", "4", PDM_OK},
                   {"1", NULL, PDM_ERR_CASE}, {NULL, "1", PDM_ERR_CASE}, {"2", "1", PDM_ERR_CASE},
                   {"1", "2", PDM_ERR_CASE}};
        problem      p;
        pdm_domain  *d = NULL;
        pdm_experts *x = open_measured(&p, "20", "2", "4", "5", &d), *cut = NULL;
        if (way[_i].prior_t)
            ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/t", "prior_experts", way[_i].prior_t), PDM_OK);
        if (way[_i].prior_x)
            ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "prior_experts", way[_i].prior_x), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, d, NULL, &cut), way[_i].status);
        if (way[_i].status != PDM_OK) {
            const bool along_t = way[_i].prior_t && strcmp(way[_i].prior_t, "1") == 0;
            ck_assert_ptr_nonnull(strstr(pdm_context_error(p.ctx), along_t
                                                                       ? "/domain/t:prior_experts: 1 of 2 experts"
                                                                       : "/domain/x:prior_experts: 1 of 4 experts"));
        }
        pdm_experts_destroy(&cut);
        close_measured(&p, &x, &d);
    }
END_TEST

/* With a network that says nothing the columns are polynomials on each expert's box, by rising degree: the first ten
 * reach every polynomial of degree three in two dimensions, so that least squares on the columns leaves nothing of one.
 * Where one expert goes round a periodic dimension they are 1, cos, sin, ... there. */
START_TEST(prior_reaches_polynomials)
    {
        problem      p;
        pdm_experts *x = NULL;
        problem_open(&p, _i ? PROBLEM_BURGERS : PROBLEM_HEAT, "cpu", 1);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "experts", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/t", "experts", "1"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "basis", "10"), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, p.domain, NULL, &x), PDM_OK);
        const pdm_columns_desc *desc = pdm_experts_columns(x);
        const pdm_size          nx   = pdm_domain_spline(p.domain, 1)->n_coef;
        for (pdm_size k = 0; k < desc->n_expert; k++) {
            const pdm_column_group *g = &desc->group[k];
            double                  q[10][64], rest[64], size = 0.0, left = 0.0; /* q: the columns made orthonormal */
            ck_assert_int_eq(g->n_col, 10);
            ck_assert_int_le(g->n_coef, 64);
            for (pdm_size i = 0; i < g->n_coef; i++) {
                const double t = (double)(g->coef[i] / nx), r = (double)(g->coef[i] % nx);
                rest[i] = _i ? 1.0 + t * cos(2.0 * 3.14159265358979 * (r + 0.3) / (double)nx) - 0.1 * t * t
                             : 1.0 - 2.0 * t + 0.3 * t * t * r - r * r * r + 4.0 * t * r;
                size += rest[i] * rest[i];
            }
            for (int n = 0; n < 10; n++) {
                for (pdm_size i = 0; i < g->n_coef; i++) q[n][i] = g->prior[i * 10 + n];
                for (int pass = 0; pass < 2; pass++)
                    for (int m = 0; m < n; m++) {
                        double along = 0.0;
                        for (pdm_size i = 0; i < g->n_coef; i++) along += q[n][i] * q[m][i];
                        for (pdm_size i = 0; i < g->n_coef; i++) q[n][i] -= along * q[m][i];
                    }
                double norm = 0.0, along = 0.0;
                for (pdm_size i = 0; i < g->n_coef; i++) norm += q[n][i] * q[n][i];
                ck_assert_double_gt(norm, 1e-6); /* independent */
                for (pdm_size i = 0; i < g->n_coef; i++) q[n][i] /= sqrt(norm);
                for (pdm_size i = 0; i < g->n_coef; i++) along += q[n][i] * rest[i];
                for (pdm_size i = 0; i < g->n_coef; i++) rest[i] -= along * q[n][i];
            }
            for (pdm_size i = 0; i < g->n_coef; i++) left += rest[i] * rest[i];
            ck_assert_double_lt(sqrt(left), 1e-11 * sqrt(size));
        }
        pdm_experts_destroy(&x);
        problem_close(&p);
    }
END_TEST

/* Some of the prior's columns: those of experts that have all, in their places,
 * and of short experts the ones that those had. */
static const struct {
    int         problem;
    const char *x_experts, *numbers;
    int         basis, number[5];
} kept[] = {{PROBLEM_HEAT, "2", "0,2,3,7,11", 5, {0, 2, 3, 7, 11}},
            {PROBLEM_HEAT, "8", "1 2 5 11", 4, {1, 2, 5, 11}},
            {PROBLEM_SYSTEM, "3", "0,1,9", 3, {0, 1, 9}},
            {PROBLEM_BURGERS, "9", "4,5,6", 3, {4, 5, 6}}};

START_TEST(kept_columns_are_those_of_all)
    {
        problem      p;
        char         number[16];
        pdm_experts *all = NULL, *some = NULL;
        pdm_size     less = 0;
        problem_open(&p, kept[_i].problem, "cpu", 1);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "experts", kept[_i].x_experts), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "basis", "12"), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, p.domain, NULL, &all), PDM_OK);
        snprintf(number, sizeof number, "%d", kept[_i].basis);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "basis", number), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "prior_columns", kept[_i].numbers), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, p.domain, NULL, &some), PDM_OK);
        const pdm_columns_desc *x = pdm_experts_columns(all), *y = pdm_experts_columns(some);
        for (pdm_size g = 0; g < x->n_expert * x->n_field; g++) {
            const pdm_column_group *a = &x->group[g], *b = &y->group[g];
            pdm_size                n = 0;
            while (n < kept[_i].basis && kept[_i].number[n] < a->n_col) n++;
            ck_assert_int_eq(b->n_col, n);
            less += n < kept[_i].basis;
            for (pdm_size k = 0; k < n; k++) ck_assert_int_eq(b->channel[k], b->field * kept[_i].basis + k);
            for (pdm_size i = 0; i < a->n_coef; i++)
                for (pdm_size k = 0; k < n; k++)
                    ck_assert_double_eq(b->prior[i * n + k], a->prior[i * a->n_col + kept[_i].number[k]]);
        }
        ck_assert(_i % 2 == 0 || less > 0); /* there are short experts */
        pdm_experts_destroy(&all);
        pdm_experts_destroy(&some);

        static const char *const wrong[][2] = {{"0,1", "2 numbers for"},
                                               {"0,3,3,4,5", "3; rising whole numbers from 0 to 255"},
                                               {"0,1,2.5,3,4", "2.5; rising"},
                                               {"-1,0,1,2,3", "-1; rising"},
                                               {"0,1,2,3,256", "256; rising"}};
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "basis", "5"), PDM_OK);
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            ck_assert_int_eq(pdm_case_set_text(p.the_case, "experts", "prior_columns", wrong[k][0]), PDM_OK);
            ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, p.domain, NULL, &some), PDM_ERR_CASE);
            ck_assert_msg(strstr(pdm_context_error(p.ctx), "/experts:prior_columns") &&
                              strstr(pdm_context_error(p.ctx), wrong[k][1]),
                          "%s", pdm_context_error(p.ctx));
            ck_assert_ptr_null(some);
        }
        problem_close(&p);
    }
END_TEST

/* Memory, and with it the work, follows the coefficients that the windows reach, not experts times coefficients. */
START_TEST(many_experts_cost_what_they_reach)
    {
        problem      p;
        pdm_experts *x = NULL;
        pdm_domain  *d = NULL;
        pdm_size     before, after;
        problem_open(&p, PROBLEM_HEAT, "cpu", 1);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "control_points", "4000"), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "experts", "1000"), PDM_OK);
        ck_assert_int_eq(pdm_domain_create(p.ctx, p.the_case, p.pde, NULL, &d), PDM_OK);
        pdm_context_memory(p.ctx, &before, NULL, NULL);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, d, NULL, &x), PDM_OK);
        pdm_context_memory(p.ctx, &after, NULL, NULL);
        ck_assert_int_lt(after - before, 120 * pdm_domain_n_coef(d)); /* columns of the prior alone: 12 of 8 bytes */
        pdm_experts_destroy(&x);
        pdm_domain_destroy(&d);
        problem_close(&p);
    }
END_TEST

/* The only expert that owns an element of dimension 1; -1: none or several. */
static pdm_size owner_of(const pdm_experts *x, pdm_size element)
{
    pdm_size found = -1, n = 0;
    for (pdm_size e = 0; e < pdm_experts_columns(x)->n_expert; e++)
        if (pdm_experts_owns(x, e, 1, element)) found = e, n++;
    return n == 1 ? found : -1;
}

/* Elements of a hard partition: an element's owner owns one of the control points that it sees, nearest to its middle,
 * so that owners rise along a bounded dimension, in a periodic one every expert gets its share, and a mirror changes
 * owners like elements but for ties; elements meet where the control points that they see have two owners. */
START_TEST(elements_belong_to_experts)
    {
        static const struct {
            int         problem;
            const char *x_experts;
        } way[] = {{PROBLEM_HEAT, "1"},    {PROBLEM_HEAT, "2"},    {PROBLEM_HEAT, "3"},    {PROBLEM_HEAT, "8"},
                   {PROBLEM_BURGERS, "1"}, {PROBLEM_BURGERS, "2"}, {PROBLEM_BURGERS, "4"}, {PROBLEM_BURGERS, "9"}};
        problem      p;
        pdm_experts *x = NULL;
        problem_open(&p, way[_i].problem, "cpu", 1);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/x", "experts", way[_i].x_experts), PDM_OK);
        ck_assert_int_eq(pdm_case_set_text(p.the_case, "domain/t", "experts", "1"), PDM_OK);
        ck_assert_int_eq(pdm_experts_create(p.ctx, p.the_case, p.domain, NULL, &x), PDM_OK);
        const pdm_spline *s     = pdm_domain_spline(p.domain, 1);
        const pdm_size    n     = atoi(way[_i].x_experts);
        pdm_size         *count = calloc((size_t)n, sizeof *count);
        ck_assert_int_eq(pdm_experts_along(x, 1), n);
        for (pdm_size e = 0; e < s->n_element; e++) {
            const pdm_size owner = owner_of(x, e);
            bool           seen = false, two = false;
            for (pdm_size k = 0; k <= s->degree; k++) {
                /* control point i is the expert's whose range n_coef j / n .. n_coef (j + 1) / n has i + 1/2 */
                const pdm_size i = (e + k) % s->n_coef, j = (2 * i + 1) * n / (2 * s->n_coef);
                seen = seen || j == owner;
                two  = two || j != (2 * (e % s->n_coef) + 1) * n / (2 * s->n_coef);
            }
            ck_assert(seen);
            ck_assert_int_eq(pdm_experts_meet(x, (const pdm_size[PDM_MAX_DIM]){0, e}), two);
            count[owner]++;
            if (s->periodic) continue;
            if (e > 0) ck_assert_int_ge(owner, owner_of(x, e - 1));
            const pdm_size mirror = n - 1 - owner_of(x, s->n_element - 1 - e);
            ck_assert(owner == mirror || owner == mirror + 1);
            if (n == 2 && 2 * e + 1 != s->n_element) ck_assert_int_eq(owner, mirror);
        }
        for (pdm_size e = 0; e < n && s->periodic; e++) {
            ck_assert_int_ge(count[e], s->n_element / n);
            ck_assert_int_le(count[e], (s->n_element + n - 1) / n);
        }
        free(count);
        pdm_experts_destroy(&x);
        problem_close(&p);
    }
END_TEST

int main(void)
{
    Suite *s = suite_create("experts");
    TCase *t = tcase_create("experts");
    tcase_add_loop_test(t, prior_reaches_polynomials, 0, 2);
    tcase_add_loop_test(t, windows_share_out_the_free_coefficients, 0, N_PARTITION);
    tcase_add_loop_test(t, bounds_hold_control_points, 0, N_PARTITION);
    tcase_add_loop_test(t, measured_boxes_share_out_the_free_coefficients, 0, 6);
    tcase_add_loop_test(t, the_best_cut_is_found, 0, 6);
    tcase_add_test(t, odd_solutions_are_cut_or_refused);
    tcase_add_loop_test(t, measured_boxes_have_their_own_polynomials_or_those_of_one_box, 0, 7);
    tcase_add_loop_test(t, elements_belong_to_experts, 0, 8);
    tcase_add_loop_test(t, kept_columns_are_those_of_all, 0, (int)(sizeof kept / sizeof *kept));
    tcase_add_test(t, many_experts_cost_what_they_reach);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
