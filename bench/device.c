#include "bench/device.h"

#include <stddef.h>
#include <string.h>

static const bench_device DEVICES[] = {
    /* NVIDIA H200 Tensor Core GPU, data sheet, column SXM; multiprocessors: NVIDIA H100 Tensor Core GPU Architecture,
     * SXM5, which is the same chip */
    {"h200", "NVIDIA H200 SXM", 34e12, 67e12, 67e12, 4.8e12, 132.0},
    /* NVIDIA A100 Tensor Core GPU, data sheet, column 80GB SXM; multiprocessors: NVIDIA A100 Tensor Core GPU
     * Architecture */
    {"a100", "NVIDIA A100 SXM 80 GB", 9.7e12, 19.5e12, 19.5e12, 2.039e12, 108.0},
    /* NVIDIA Ada GPU Architecture, appendix on the GeForce RTX 4090; FP64 is 1/64 of FP32, tensor cores have none */
    {"rtx4090", "NVIDIA GeForce RTX 4090", 82.6e12 / 64.0, 82.6e12, 82.6e12 / 64.0, 1.008e12, 128.0},
};

const bench_device *bench_device_find(const char *name)
{
    for (size_t i = 0; i < sizeof DEVICES / sizeof *DEVICES; i++)
        if (strcmp(DEVICES[i].name, name) == 0) return &DEVICES[i];
    return NULL;
}

const char *bench_device_names(void)
{
    return "h200|a100|rtx4090";
}
