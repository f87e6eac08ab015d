/* Limits of GPUs as their vendor publishes them, for estimates: none of these numbers was measured here. */
#ifndef PDM_BENCH_DEVICE_H
#define PDM_BENCH_DEVICE_H

typedef struct bench_device {
    const char *name, *title;
    double      flops64, flops32; /* a second, multiply-add as two, without tensor cores        */
    double      tensor64;         /* of products of FP64 in libraries; flops64 where there is no such unit */
    double      bandwidth;        /* bytes a second, of the card's own memory                   */
    double      n_processor;      /* multiprocessors: fewer blocks of threads leave some idle   */
} bench_device;

/* No data sheet has these. Orders of magnitude, in seconds, the same for all cards. */
static const double BENCH_LAUNCH = 3e-6;  /* of a kernel, or a copy of a few numbers, in a stream without gaps    */
static const double BENCH_WAIT   = 12e-6; /* a few numbers to the host, which waits for them and goes on          */
static const double BENCH_STEP   = 1e-7;  /* of a recurrence within a kernel: a division, a barrier, what follows */

/* NULL: there is no such name. */
const bench_device *bench_device_find(const char *name);
const char         *bench_device_names(void); /* for messages */

#endif
