#include "io/io.h"

#include "io/io_impl.h"

pdm_status pdm_file_write(pdm_context *ctx, const char *path, const void *bytes, size_t n)
{
    pdm_status status = PDM_OK;
    io_part    part   = {0};

    PDM_TRY(io_part_create(ctx, path, &part));
    PDM_TRY(io_part_write(&part, bytes, n));
    PDM_TRY(io_part_commit(&part));
done:
    io_part_destroy(&part);
    return status;
}
