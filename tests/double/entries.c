/* What text compiled with -fsanitize=thread calls at each access. */
#include "tests/double/impl.h"

#define ENTRY __attribute__((visibility("default")))

#define ACCESS(n)                                  \
    ENTRY void __tsan_read##n(void *p);            \
    ENTRY void __tsan_write##n(void *p);           \
    ENTRY void __tsan_unaligned_read##n(void *p);  \
    ENTRY void __tsan_unaligned_write##n(void *p); \
    ENTRY void __tsan_volatile_read##n(void *p);   \
    ENTRY void __tsan_volatile_write##n(void *p);  \
    void       __tsan_read##n(void *p)             \
    {                                              \
        double_access(p, n, n > 8 ? 8 : n, false); \
    }                                              \
    void __tsan_write##n(void *p)                  \
    {                                              \
        double_access(p, n, n > 8 ? 8 : n, true);  \
    }                                              \
    void __tsan_unaligned_read##n(void *p)         \
    {                                              \
        double_access(p, n, 1, false);             \
    }                                              \
    void __tsan_unaligned_write##n(void *p)        \
    {                                              \
        double_access(p, n, 1, true);              \
    }                                              \
    void __tsan_volatile_read##n(void *p)          \
    {                                              \
        double_access(p, n, n > 8 ? 8 : n, false); \
    }                                              \
    void __tsan_volatile_write##n(void *p)         \
    {                                              \
        double_access(p, n, n > 8 ? 8 : n, true);  \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

ENTRY void  __tsan_init(void);
ENTRY void  __tsan_func_entry(void *caller);
ENTRY void  __tsan_func_exit(void);
ENTRY void  __tsan_read_range(void *p, unsigned long n);
ENTRY void  __tsan_write_range(void *p, unsigned long n);
ENTRY void *__tsan_memcpy(void *to, const void *from, unsigned long n);
ENTRY void *__tsan_memmove(void *to, const void *from, unsigned long n);
ENTRY void *__tsan_memset(void *to, int value, unsigned long n);

/* Watched modules call it when they are loaded, before anything is launched. */
void __tsan_init(void)
{
    double_now.watched = true;
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *p, unsigned long n)
{
    double_access(p, n, 1, false);
}

void __tsan_write_range(void *p, unsigned long n)
{
    double_access(p, n, 1, true);
}

void *__tsan_memcpy(void *to, const void *from, unsigned long n)
{
    double_access((void *)(uintptr_t)from, n, 1, false);
    double_access(to, n, 1, true);
    return memcpy(to, from, n);
}

void *__tsan_memmove(void *to, const void *from, unsigned long n)
{
    double_access((void *)(uintptr_t)from, n, 1, false);
    double_access(to, n, 1, true);
    return memmove(to, from, n);
}

void *__tsan_memset(void *to, int value, unsigned long n)
{
    double_access(to, n, 1, true);
    return memset(to, value, n);
}
