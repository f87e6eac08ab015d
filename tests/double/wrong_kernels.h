/* Kernels each with one fault, for the tests of the double. They run as blocks of 64 threads on x of 256 numbers, y of
 * 256 numbers that are not written, out of 64 zeros and n of 63. */
#ifndef PDM_DOUBLE_WRONG_KERNELS_H
#define PDM_DOUBLE_WRONG_KERNELS_H

#include "backend/cuda/device.h"

typedef struct wrong_args {
    const double *x;
    double       *y, *out;
    int          *n;
} wrong_args;

#define WRONG_KERNELS(X)                                                                    \
    X(barrier_not_reached, "which has ended")                                               \
    X(barrier_in_two_places, "waits at the barrier")                                        \
    X(shared_read_after_write, "without a barrier between")                                 \
    X(shared_write_after_read, "without a barrier between")                                 \
    X(shared_by_lanes, "without a barrier between")                                         \
    X(shared_by_warps, "without a barrier between")                                         \
    X(global_in_a_block, "of an allocation of 2048 bytes, which thread")                    \
    X(global_write_over_blocks, "without a barrier between")                                \
    X(global_read_over_blocks, "without a barrier between")                                 \
    X(global_overwrite_over_blocks, "without a barrier between")                            \
    X(global_behind_a_barrier_over_blocks, "without a barrier between")                     \
    X(atomic_and_not, "without a barrier between")                                          \
    X(bytes_together, "without a barrier between")                                          \
    X(device_unwritten, "of an allocation of 2048 bytes, which was never written")          \
    X(atomic_unwritten, "which was never written")                                          \
    X(shared_unwritten, "shared memory (byte")                                              \
    X(shared_of_the_block_before, "which was never written")                                \
    X(dynamic_unwritten, "of dynamic shared memory, which was never written")               \
    X(behind_the_end, "0 bytes behind the end of an allocation of 512 bytes")               \
    X(before_the_start, "bytes before an allocation")                                       \
    X(over_the_end, "8 bytes at byte 248 of an allocation of 252 bytes")                    \
    X(misaligned, "which is not aligned to them")                                           \
    X(dynamic_too_far, "touches 8 bytes at byte 256 of 256 bytes of dynamic shared memory") \
    X(dynamic_before, "at byte -8 of 256 bytes of dynamic shared memory")                   \
    X(shuffle_not_reached, "which has ended")                                               \
    X(shuffle_and_barrier, "which waits in")                                                \
    X(shuffles_in_two_places, "meets at")                                                   \
    X(shuffle_without_oneself, "is not in the mask")                                        \
    X(shuffle_from_nobody, "which takes no part")                                           \
    X(masks_that_differ, "which has ended")                                                 \
    X(trap_reached, "traps")                                                                \
    X(stack_too_small, "more than its stack holds")

#define X(name, text) PDM_KERNEL_DECLARE(name);
WRONG_KERNELS(X)
#undef X

/* With host memory in x, or with x freed. */
PDM_KERNEL_DECLARE(reads_x);

/* Compiled without being watched. */
PDM_KERNEL_DECLARE(plain_touch); /* x[256 + 32], which lies behind the page */
PDM_KERNEL_DECLARE(plain_dynamic);
PDM_KERNEL_DECLARE(plain_wild);
PDM_KERNEL_DECLARE(plain_barrier);

#endif
