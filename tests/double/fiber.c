/* Stacks of their own for threads that wait. Kept from launch to launch. */
#include "tests/double/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_feature)
#define HAS_ASAN __has_feature(address_sanitizer)
#else
#define HAS_ASAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if defined(__x86_64__) && !defined(PDM_DOUBLE_UCONTEXT)
#define BY_ASSEMBLY 1
#else
#define BY_ASSEMBLY 0
#include <ucontext.h>
#endif

enum { STACK = 256 * 1024, GUARD = 64 * 1024, LINE = 64, N_SHIFT = 61 };

struct double_fiber {
    double_fiber *next_idle, *next;
    char         *stack; /* NULL: the host's */
    size_t        bytes; /* less for some, so that their ends do not meet in the cache */
    void (*entry)(void);
#if BY_ASSEMBLY
    void *sp;
#else
    ucontext_t context;
#endif
#if SANITIZED
    void       *fake;
    const void *bottom;
    size_t      bottom_bytes;
#endif
};

static double_fiber *all, *idle;
static int           n_fiber;
static double_fiber  host;

#if BY_ASSEMBLY
/* Saves what a call keeps on the stack, and takes it from the other one. */
void double_switch_stacks(void **from, void *to) __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".p2align 4\n"
        ".hidden double_switch_stacks\n"
        ".globl double_switch_stacks\n"
        ".type double_switch_stacks, @function\n"
        "double_switch_stacks:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size double_switch_stacks, .-double_switch_stacks\n");
#endif

char  *double_stack;
size_t double_stack_bytes;

static double_fiber *running; /* for the first line of a fresh one */
#if SANITIZED
static double_fiber *came_from;

static void arrived(double_fiber *self)
{
    __sanitizer_finish_switch_fiber(self->fake, &came_from->bottom, &came_from->bottom_bytes);
}
#endif

static void first_line(void)
{
#if SANITIZED
    __sanitizer_finish_switch_fiber(NULL, &came_from->bottom, &came_from->bottom_bytes);
#endif
    running->entry();
    abort(); /* entries do not return */
}

static void make_fresh(double_fiber *fiber)
{
#if SANITIZED
    __asan_unpoison_memory_region(fiber->stack, fiber->bytes);
    fiber->fake         = NULL;
    fiber->bottom       = fiber->stack;
    fiber->bottom_bytes = fiber->bytes;
#endif
#if BY_ASSEMBLY
    void **top = (void **)(void *)(fiber->stack + fiber->bytes) -
                 2; /* at the first line, as after a call: 8 below a multiple of 16 */
    *--top = NULL;
    *--top = (void *)first_line;
    for (int i = 0; i < 6; i++) *--top = NULL;
    fiber->sp = top;
#else
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp   = fiber->stack;
    fiber->context.uc_stack.ss_size = fiber->bytes;
    fiber->context.uc_link          = NULL;
    makecontext(&fiber->context, first_line, 0);
#endif
}

double_fiber *double_fiber_take(void (*entry)(void))
{
    double_fiber *fiber = idle;
    if (fiber)
        idle = fiber->next_idle;
    else {
        char *memory = mmap(NULL, GUARD + STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        fiber        = calloc(1, sizeof *fiber);
        if (!fiber || memory == MAP_FAILED || mprotect(memory + GUARD, STACK, PROT_READ | PROT_WRITE)) {
            perror("cuda double: a fiber");
            abort();
        }
        fiber->stack = memory + GUARD;
        fiber->bytes = STACK - (size_t)(n_fiber++ % N_SHIFT) * 3 * LINE;
        fiber->next  = all;
        all          = fiber;
        make_fresh(fiber);
    }
    fiber->entry = entry;
    return fiber;
}

void double_fiber_give(double_fiber *fiber)
{
    fiber->next_idle = idle;
    idle             = fiber;
}

void double_fiber_reset_all(void)
{
    idle = NULL;
    for (double_fiber *fiber = all; fiber; fiber = fiber->next) {
        make_fresh(fiber);
        double_fiber_give(fiber);
    }
}

double_fiber *double_fiber_host(void)
{
    return &host;
}

void double_fiber_switch(double_fiber *from, double_fiber *to)
{
    running            = to;
    double_stack       = to->stack;
    double_stack_bytes = to->bytes;
#if SANITIZED
    came_from = from;
    __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->bottom_bytes);
#endif
#if BY_ASSEMBLY
    double_switch_stacks(&from->sp, to->sp);
#else
    swapcontext(&from->context, &to->context);
#endif
#if SANITIZED
    arrived(from);
#endif
}

bool double_fiber_overflown(const double_fiber *fiber, const void *p)
{
    const char *at = p;
    return fiber && fiber->stack && at >= fiber->stack - GUARD && at < fiber->stack;
}
