/* A double of the CUDA toolkit for tests: its functions over host memory. Kernels, compiled as C with
 * "tests/double/device.h", run as fibers; libraries are OpenBLAS; NVRTC is the host compiler. Work is queued and done as
 * late as the real thing allows, memory of the device is closed to the host, and what a GPU would punish at random is
 * found and told.
 *
 * In kernels that are watched (pdm_double_objects(... WATCH ...), or PDM_DOUBLE_WATCH=1 for texts): races, reads of what
 * was never written, accesses outside of allocations, alignment, memory of the host. What one block hands to another
 * within a launch is told as a race, fences and atomics or not. Static shared arrays are not told from each other. A copy
 * on the device carries over what was never written, one to the host is found.
 * In all kernels: barriers and warp calls that not all reach, accesses to closed pages (those behind an allocation, when
 * its last bytes fill 256), shared memory and what cudaMalloc() gives are NaN until written.
 *
 * A finding prints one line and aborts, unless pdm_double_on_finding() says otherwise.
 * Environment: PDM_DOUBLE_SEED=7            orders of blocks, threads and streams
 *              PDM_DOUBLE_DEVICE=1,8.0,1e10 number, compute capability, bytes; "none": no device; "no-driver"
 *              PDM_DOUBLE_NO_KEYS=1         memory is closed by mprotect(), as where there are no protection keys
 *              PDM_DOUBLE_WATCH=1           texts given to NVRTC are watched, as kernels built with WATCH are */
#ifndef PDM_DOUBLE_H
#define PDM_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PDM_DOUBLE_API __attribute__((visibility("default")))

typedef struct pdm_double_count {
    int64_t launches;
    int64_t to_device, to_host, on_device; /* copies; on_device counts memsets too */
    int64_t bytes_to_device, bytes_to_host;
    int64_t synchronisations; /* calls that wait: of streams, events, the device, and blocking copies */
    int64_t library_calls;
    int64_t live, live_bytes; /* allocations on the device */
    int64_t live_pinned;      /* allocations of pinned memory */
    int64_t live_handles;     /* streams, events, libraries and handles of cuBLAS, cuSOLVER and NVRTC */
    int64_t fallible;         /* calls that pdm_double_fail_at() counts */
    int64_t pending;          /* operations queued */
    int64_t findings;
} pdm_double_count;

/* Takes findings instead of abort(); the text lives as long as the call. The launch that is at fault ends. NULL: abort.
 * A handler may leave by longjmp() only where the host touched device memory; it must, to go on. */
PDM_DOUBLE_API void pdm_double_on_finding(void (*handler)(const char *text));
/* The k-th fallible call from now on fails; 0: none does. */
PDM_DOUBLE_API void             pdm_double_fail_at(int64_t k);
PDM_DOUBLE_API pdm_double_count pdm_double_counts(void);
PDM_DOUBLE_API void             pdm_double_seed(uint64_t seed);
/* What machine to be; capability 80 is 8.0. n < 0: the driver is missing. */
PDM_DOUBLE_API void pdm_double_device(int n, int capability, size_t bytes);
/* Calls that use a device are findings while another one is current than this, be it allowed or not; < 0: any may be. */
PDM_DOUBLE_API void pdm_double_only_device(int which);

#endif
