#include "tests/double/impl.h"

bool double_watched_code;

void double_access(void *p, size_t bytes, size_t alignment, bool write)
{
    (void)p, (void)bytes, (void)alignment, (void)write;
}

void double_watch_launch(const double_launch *launch)
{
    (void)launch;
}
void double_watch_block(uint32_t block)
{
    (void)block;
}
void double_watch_barrier(void)
{
}
void double_watch_warp(int warp)
{
    (void)warp;
}
void double_watch_unload(const char *shared)
{
    (void)shared;
}
void double_watch_written(char *base, size_t bytes)
{
    (void)base, (void)bytes;
}
const char *double_watch_unwritten(const char *base, size_t bytes)
{
    (void)base, (void)bytes;
    return NULL;
}
void pdm_double_atomic(volatile void *p, size_t bytes)
{
    (void)p, (void)bytes;
}
