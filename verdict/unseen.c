/* Data that lie between all points of a grid: an answer on it cannot be known to be good, whatever else agrees.
 * docs/mathematics.md, "Data between the points". */
#include "verdict/verdict.h"

#include <stdio.h>

#include "verdict/verdict_impl.h"

/* The one of which most is not seen, in words. */
static pdm_status find_worst(const pdm_problem *p, pdm_unseen_room *room, const double *input, pdm_unseen_scope scope,
                             char words[PDM_UNSEEN_TEXT])
{
    pdm_status      status = PDM_OK;
    pdm_size        worst  = 0;
    pdm_text        text   = {.ctx = p->ctx};
    pdm_unseen_list list;

    words[0] = '\0';
    pdm_unseen_find(room, input, p->magnitude, scope, &list);
    if (list.n == 0) goto done;
    for (pdm_size i = 1; i < list.n; i++)
        if (list.item[i].share > list.item[worst].share) worst = i;
    PDM_TRY(pdm_unseen_view(p, &list.item[worst], &text));
    (void)snprintf(words, PDM_UNSEEN_TEXT, "%s", text.data);
done:
    pdm_text_destroy(&text);
    return status;
}

/* Seen, on spans that grow too fast for the estimate to be believed. */
static pdm_status tell_strained(const pdm_problem *p, pdm_size dim, char words[PDM_UNSEEN_TEXT])
{
    pdm_status status = PDM_OK;
    pdm_text   text   = {.ctx = p->ctx};

    PDM_TRY(pdm_narrow_view(p, dim, &text));
    (void)snprintf(words, PDM_UNSEEN_TEXT, "graded: %s", text.data);
done:
    pdm_text_destroy(&text);
    return status;
}

pdm_status unseen_create(const pdm_problem *p, pdm_size n_most, unseen_data *out)
{
    pdm_status status = PDM_OK;

    PDM_TRY(pdm_alloc_array(p->ctx, n_most, &out->of_input));
    PDM_TRY(pdm_unseen_room_create(p->domain, &out->room));
    PDM_TRY(find_worst(p, out->room, NULL, PDM_UNSEEN_FIXED, out->fixed));
    for (pdm_size j = 0; j < pdm_domain_n_dim(p->domain) && out->fixed[0] == '\0'; j++)
        if (pdm_narrow_is_strained(p, j)) PDM_TRY(tell_strained(p, j, out->fixed));
done:
    return status;
}

void unseen_destroy(pdm_context *ctx, unseen_data *u)
{
    pdm_unseen_room_destroy(&u->room);
    pdm_free(ctx, u->of_input);
}

pdm_status unseen_look(const pdm_problem *p, pdm_size n, const double *input, unseen_data *u)
{
    pdm_status     status  = PDM_OK;
    const pdm_size n_input = pdm_domain_n_input(p->domain);

    for (pdm_size i = 0; i < n && n_input > 0; i++)
        PDM_TRY(find_worst(p, u->room, input + i * n_input, PDM_UNSEEN_OF_INPUT, u->of_input[i]));
done:
    return status;
}

void unseen_take(const unseen_data *u, pdm_size i, pdm_assessment *out)
{
    (void)snprintf(out->unseen, sizeof out->unseen, "%s", u->fixed[0] != '\0' ? u->fixed : u->of_input[i]);
}
