/* Problems drawn at random, with solutions that are made first and sources that follow from them in closed form.
 * A seed is a problem: every number is a hash of seed and place. */
#ifndef PDM_TESTS_RANDOM_PROBLEM_H
#define PDM_TESTS_RANDOM_PROBLEM_H

#include <stdint.h>
#include <stdio.h>

enum { RANDOM_WORDS = 64, RANDOM_VALUE = 2400 };

/* An attribute of the case. */
typedef struct random_word {
    char group[24], name[16], value[RANDOM_VALUE];
} random_word;

typedef struct random_problem {
    uint64_t    seed;
    const char *kind; /* "ode", "steady", "time", "steady 2d", "time 2d" */
    int         hard; /* the solution has waves or steps that the grid does not hold */
    int         n_word;
    random_word word[RANDOM_WORDS]; /* those of a group one after the other, groups before those within them */
} random_problem;

void random_problem_make(uint64_t seed, random_problem *out);
/* As a CDL file. */
void random_problem_print(const random_problem *p, FILE *file);

#endif
