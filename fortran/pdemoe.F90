! pdemoe from Fortran 2008: two modules, to be compiled with your program and linked with the library.
!
!     pdemoe_c   the public header pdemoe.h as it is: names, arguments, constants. Handles are c_ptr.
!     pdemoe     the same with types, strings, arrays and optional arguments of Fortran; what most programs use.
!
! What holds for all of module pdemoe:
!   * Arrays are those of C seen from Fortran, first index fastest, and are not copied where they are contiguous: what
!     pdemoe.h calls u [n][n_field][n_point] is u(n_point, n_field, n), and with dimensions "t x" n_point is (x, t).
!   * stat, where it is there, gets PDM_OK or an error, and ctx%error() has the text. Where it is not, an error ends the
!     program by "error stop", after its text. That is how allocate does it. Arrays of a wrong size, and names that are
!     not found, are seen here: PDM_ERR_ARGUMENT without a text in ctx%error().
!   * A call that fails leaves its outputs and its object as they were.
!   * unit is a unit for lines of text that a call has to say. Without one they are not said.
!   * Strings lose their trailing blanks; numbers of samples, experts, inputs, fields and dimensions begin at 1, and
!     dimension 1 is that of the first index of an array, the last in the case. Texts of errors count as C does.
!   * A pdm_context, pdm_case or pdm_model is a handle: assignment does not copy what it stands for, and nothing is
!     destroyed by itself. Destroy models and cases before their context.
! Ranks by a transport of the host's, and an allocator of its own, are for callers of pdemoe_c.
! What a call does, and why it fails, stands at the C function of the same name in pdemoe.h.

module pdemoe_c
    use, intrinsic :: iso_c_binding
    implicit none
    private :: c_funptr, c_ptr, c_null_ptr, c_null_funptr, c_char, c_double, c_int, c_int32_t, c_int64_t, c_size_t

    ! pdm_status
    integer(c_int), parameter :: PDM_OK = 0, PDM_ERR_ARGUMENT = 1, PDM_ERR_MEMORY = 2, PDM_ERR_IO = 3
    integer(c_int), parameter :: PDM_ERR_CASE = 4, PDM_ERR_DATA = 5, PDM_ERR_MODEL = 6, PDM_ERR_NUMERIC = 7
    integer(c_int), parameter :: PDM_ERR_UNSUPPORTED = 8, PDM_ERR_INTERRUPTED = 9, PDM_ERR_INTERNAL = 10
    ! pdm_verdict_word
    integer(c_int32_t), parameter :: PDM_VERDICT_NONE = 0, PDM_VERDICT_GOOD = 1
    integer(c_int32_t), parameter :: PDM_VERDICT_DOUBTFUL = 2, PDM_VERDICT_WRONG = 3
    ! pdm_reason
    integer(c_int32_t), parameter :: PDM_REASON_NONE = 0, PDM_REASON_CONVERGED = 1, PDM_REASON_ROUNDING = 2
    integer(c_int32_t), parameter :: PDM_REASON_MAX_ITER = 3, PDM_REASON_STALLED = 4
    integer(c_int32_t), parameter :: PDM_REASON_NOT_FINITE = 5, PDM_REASON_SINGULAR = 6
    ! pdm_log_level
    integer(c_int), parameter :: PDM_LOG_ERROR = 0, PDM_LOG_WARNING = 1, PDM_LOG_INFO = 2, PDM_LOG_DEBUG = 3

    type, bind(C) :: pdm_allocator
        type(c_funptr) :: alloc, release
        type(c_ptr) :: user
    end type
    type, bind(C) :: pdm_transport
        integer(c_int) :: rank, n_rank
        type(c_ptr) :: user
        type(c_funptr) :: send, receive, test, probe, cancel, release
    end type
    type, bind(C) :: pdm_reference_settings
        integer(c_size_t) :: size
        type(c_ptr) :: input
        integer(c_int64_t) :: n_sample
        type(c_ptr) :: method
        real(c_double) :: tolerance
        integer(c_int64_t) :: max_unknowns
        real(c_double) :: max_seconds
    end type
    type, bind(C) :: pdm_fit_settings
        integer(c_size_t) :: size
        type(c_ptr) :: parameters, start, bounds, priors, noise
        real(c_double) :: tolerance
        integer(c_int64_t) :: max_iter, max_unknowns
        integer(c_int) :: apart
    end type
    type, bind(C) :: pdm_compress_settings
        integer(c_size_t) :: size
        real(c_double) :: rank, energy, groups, tolerance
        integer(c_int) :: half
        type(c_ptr) :: against
    end type
    type, bind(C) :: pdm_ensemble_settings
        integer(c_size_t) :: size
        type(c_ptr) :: input
        integer(c_int64_t) :: n_sample, n_quantile
        type(c_ptr) :: quantile
        integer(c_int64_t) :: n_mark
        real(c_double) :: polish
        integer(c_int) :: skip_doubtful
    end type
    type, bind(C) :: pdm_quantity
        type(c_ptr) :: name, units, long_name
        integer(c_int64_t) :: first, n, n_dim
        real(c_double) :: low, high
    end type
    type, bind(C) :: pdm_dimension
        type(c_ptr) :: name, units, long_name
        integer(c_int64_t) :: n
        type(c_ptr) :: coordinate
    end type

    interface
        type(c_ptr) function pdm_status_text(status) bind(C, name="pdm_status_text")
            import
            integer(c_int), value :: status
        end function
        type(c_ptr) function pdm_verdict_text(word) bind(C, name="pdm_verdict_text")
            import
            integer(c_int32_t), value :: word
        end function
        type(c_ptr) function pdm_reason_text(reason) bind(C, name="pdm_reason_text")
            import
            integer(c_int32_t), value :: reason
        end function
        type(c_ptr) function pdm_version() bind(C, name="pdm_version")
            import
        end function
        type(c_ptr) function pdm_build_info() bind(C, name="pdm_build_info")
            import
        end function
        integer(c_int) function pdm_context_create(allocator, out) bind(C, name="pdm_context_create")
            import
            type(c_ptr), value :: allocator
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int64_t) function pdm_context_destroy(ctx) bind(C, name="pdm_context_destroy")
            import
            type(c_ptr), intent(inout) :: ctx
        end function
        subroutine pdm_context_set_log(ctx, callback, user, level) bind(C, name="pdm_context_set_log")
            import
            type(c_ptr), value :: ctx
            type(c_funptr), value :: callback
            type(c_ptr), value :: user
            integer(c_int), value :: level
        end subroutine
        integer(c_int) function pdm_context_set_threads(ctx, n_thread) bind(C, name="pdm_context_set_threads")
            import
            type(c_ptr), value :: ctx
            integer(c_int), value :: n_thread
        end function
        integer(c_int) function pdm_context_set_backend(ctx, name) bind(C, name="pdm_context_set_backend")
            import
            type(c_ptr), value :: ctx, name
        end function
        integer(c_int) function pdm_context_set_memory(ctx, bytes) bind(C, name="pdm_context_set_memory")
            import
            type(c_ptr), value :: ctx
            integer(c_int64_t), value :: bytes
        end function
        type(c_ptr) function pdm_context_error(ctx) bind(C, name="pdm_context_error")
            import
            type(c_ptr), value :: ctx
        end function
        subroutine pdm_context_memory(ctx, live, peak, calls) bind(C, name="pdm_context_memory")
            import
            type(c_ptr), value :: ctx, live, peak, calls
        end subroutine
        integer(c_int) function pdm_units_conversion(ctx, from, to, factor, offset) bind(C, name="pdm_units_conversion")
            import
            type(c_ptr), value :: ctx
            character(kind=c_char), intent(in) :: from(*), to(*)
            real(c_double), intent(inout) :: factor, offset
        end function
        integer(c_int) function pdm_context_set_ranks(ctx, t, seconds) bind(C, name="pdm_context_set_ranks")
            import
            type(c_ptr), value :: ctx, t
            real(c_double), value :: seconds
        end function
        integer(c_int) function pdm_context_rank(ctx) bind(C, name="pdm_context_rank")
            import
            type(c_ptr), value :: ctx
        end function
        integer(c_int) function pdm_context_n_rank(ctx) bind(C, name="pdm_context_n_rank")
            import
            type(c_ptr), value :: ctx
        end function
        integer(c_int) function pdm_claim_create(ctx, path, force, out) bind(C, name="pdm_claim_create")
            import
            type(c_ptr), value :: ctx
            character(kind=c_char), intent(in) :: path(*)
            integer(c_int), value :: force
            type(c_ptr), intent(inout) :: out
        end function
        subroutine pdm_claim_destroy(c) bind(C, name="pdm_claim_destroy")
            import
            type(c_ptr), intent(inout) :: c
        end subroutine
        subroutine pdm_remove_unfinished() bind(C, name="pdm_remove_unfinished")
            import
        end subroutine
        integer(c_int) function pdm_case_read(ctx, path, out) bind(C, name="pdm_case_read")
            import
            type(c_ptr), value :: ctx
            character(kind=c_char), intent(in) :: path(*)
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_case_create(ctx, out) bind(C, name="pdm_case_create")
            import
            type(c_ptr), value :: ctx
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_case_set_text(c, group, name, value) bind(C, name="pdm_case_set_text")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: group(*), name(*), value(*)
        end function
        integer(c_int) function pdm_case_set_numbers(c, group, name, n, values) &
            bind(C, name="pdm_case_set_numbers")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: group(*), name(*)
            integer(c_int64_t), value :: n
            real(c_double), intent(in) :: values(*)
        end function
        integer(c_int) function pdm_case_set_array(c, group, name, n_dim, dims, shape, values) &
            bind(C, name="pdm_case_set_array")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: group(*), name(*)
            integer(c_int64_t), value :: n_dim
            type(c_ptr), intent(in) :: dims(*)
            integer(c_int64_t), intent(in) :: shape(*)
            real(c_double), intent(in) :: values(*)
        end function
        integer(c_int) function pdm_case_get_text(c, group, name, value) bind(C, name="pdm_case_get_text")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: group(*), name(*)
            type(c_ptr), intent(inout) :: value
        end function
        subroutine pdm_case_destroy(c) bind(C, name="pdm_case_destroy")
            import
            type(c_ptr), intent(inout) :: c
        end subroutine
        integer(c_int) function pdm_case_describe(c, sink, user) bind(C, name="pdm_case_describe")
            import
            type(c_ptr), value :: c
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_case_check_data(c, data, sink, numbers, user) &
            bind(C, name="pdm_case_check_data")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: data(*)
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
        end function
        subroutine pdm_reference_settings_init(s, size) bind(C, name="pdm_reference_settings_init")
            import
            type(pdm_reference_settings), intent(inout) :: s
            integer(c_size_t), value :: size
        end subroutine
        integer(c_int) function pdm_case_reference(c, output, settings, sink, numbers, user) &
            bind(C, name="pdm_case_reference")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: output(*)
            type(c_ptr), value :: settings
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
        end function
        subroutine pdm_fit_settings_init(s, size) bind(C, name="pdm_fit_settings_init")
            import
            type(pdm_fit_settings), intent(inout) :: s
            integer(c_size_t), value :: size
        end subroutine
        integer(c_int) function pdm_case_fit(c, data, output, settings, sink, numbers, user) &
            bind(C, name="pdm_case_fit")
            import
            type(c_ptr), value :: c
            character(kind=c_char), intent(in) :: data(*), output(*)
            type(c_ptr), value :: settings
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_settings_describe(ctx, sink, user) bind(C, name="pdm_settings_describe")
            import
            type(c_ptr), value :: ctx
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_create(c, out) bind(C, name="pdm_model_create")
            import
            type(c_ptr), value :: c
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_read(ctx, path, out) bind(C, name="pdm_model_read")
            import
            type(c_ptr), value :: ctx
            character(kind=c_char), intent(in) :: path(*)
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_write_memory(m, take, user) bind(C, name="pdm_model_write_memory")
            import
            type(c_ptr), value :: m
            type(c_funptr), value :: take
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_read_memory(ctx, bytes, n, out) bind(C, name="pdm_model_read_memory")
            import
            type(c_ptr), value :: ctx, bytes
            integer(c_size_t), value :: n
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_create_from(c, parent, out) bind(C, name="pdm_model_create_from")
            import
            type(c_ptr), value :: c, parent
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_case(m, out) bind(C, name="pdm_model_case")
            import
            type(c_ptr), value :: m
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_merge(ctx, n, path, weight, out) bind(C, name="pdm_model_merge")
            import
            type(c_ptr), value :: ctx
            integer(c_int64_t), value :: n
            type(c_ptr), intent(in) :: path(*)
            type(c_ptr), value :: weight
            type(c_ptr), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_upcycle(m, c, against, tolerance, sink, numbers, user, out) &
            bind(C, name="pdm_model_upcycle")
            import
            type(c_ptr), value :: m, c, against
            real(c_double), value :: tolerance
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
            type(c_ptr), intent(inout) :: out
        end function
        subroutine pdm_compress_settings_init(s, size) bind(C, name="pdm_compress_settings_init")
            import
            type(pdm_compress_settings), intent(inout) :: s
            integer(c_size_t), value :: size
        end subroutine
        integer(c_int) function pdm_model_compress(m, output, settings, sink, numbers, user) &
            bind(C, name="pdm_model_compress")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: output(*)
            type(c_ptr), value :: settings
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_write(m, path) bind(C, name="pdm_model_write")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: path(*)
        end function
        subroutine pdm_model_destroy(m) bind(C, name="pdm_model_destroy")
            import
            type(c_ptr), intent(inout) :: m
        end subroutine
        integer(c_int) function pdm_model_check_case(m, c) bind(C, name="pdm_model_check_case")
            import
            type(c_ptr), value :: m, c
        end function
        integer(c_int) function pdm_model_describe(m, sink, user) bind(C, name="pdm_model_describe")
            import
            type(c_ptr), value :: m
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_routing(m, numbers, user) bind(C, name="pdm_model_routing")
            import
            type(c_ptr), value :: m
            type(c_funptr), value :: numbers
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_set_training(m, name, value) bind(C, name="pdm_model_set_training")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: name(*), value(*)
        end function
        integer(c_int) function pdm_model_train_step(m) bind(C, name="pdm_model_train_step")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int) function pdm_model_train(m, path, progress, user) bind(C, name="pdm_model_train")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: path(*)
            type(c_funptr), value :: progress
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_judge(m, path, sink, user) bind(C, name="pdm_model_judge")
            import
            type(c_ptr), value :: m, path
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int64_t) function pdm_model_step(m) bind(C, name="pdm_model_step")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int64_t) function pdm_model_steps(m) bind(C, name="pdm_model_steps")
            import
            type(c_ptr), value :: m
        end function
        real(c_double) function pdm_model_value(m, name) bind(C, name="pdm_model_value")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: name(*)
        end function
        integer(c_int64_t) function pdm_model_n_input(m) bind(C, name="pdm_model_n_input")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int64_t) function pdm_model_n_field(m) bind(C, name="pdm_model_n_field")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int64_t) function pdm_model_n_point(m) bind(C, name="pdm_model_n_point")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int64_t) function pdm_model_count_inputs(m) bind(C, name="pdm_model_count_inputs")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int) function pdm_model_input(m, i, out) bind(C, name="pdm_model_input")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: i
            type(pdm_quantity), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_field(m, f, out) bind(C, name="pdm_model_field")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: f
            type(pdm_quantity), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_input_dimension(m, i, k, out) bind(C, name="pdm_model_input_dimension")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: i, k
            type(pdm_dimension), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_bring_input(m, i, n_sample, n, coordinate, values, out) &
            bind(C, name="pdm_model_bring_input")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: i, n_sample
            integer(c_int64_t), intent(in) :: n(*)
            type(c_ptr), intent(in) :: coordinate(*)
            real(c_double), intent(in) :: values(*)
            real(c_double), intent(inout) :: out(*)
        end function
        integer(c_int64_t) function pdm_model_n_dim(m) bind(C, name="pdm_model_n_dim")
            import
            type(c_ptr), value :: m
        end function
        integer(c_int) function pdm_model_output_dimension(m, j, out) bind(C, name="pdm_model_output_dimension")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: j
            type(pdm_dimension), intent(inout) :: out
        end function
        integer(c_int) function pdm_model_set_output(m, name, n, coordinate) bind(C, name="pdm_model_set_output")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int64_t), value :: n
            real(c_double), intent(in) :: coordinate(*)
        end function
        integer(c_int) function pdm_model_predict(m, n, input, u, reason) bind(C, name="pdm_model_predict")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: n
            real(c_double), intent(in) :: input(*)
            real(c_double), intent(inout) :: u(*)
            type(c_ptr), value :: reason
        end function
        integer(c_int) function pdm_model_gradient(m, n, input, g_u, g_input, u, reason) bind(C, name="pdm_model_gradient")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: n
            real(c_double), intent(in) :: input(*), g_u(*)
            real(c_double), intent(inout) :: g_input(*)
            type(c_ptr), value :: u, reason
        end function
        subroutine pdm_ensemble_settings_init(s, size) bind(C, name="pdm_ensemble_settings_init")
            import
            type(pdm_ensemble_settings), intent(inout) :: s
            integer(c_size_t), value :: size
        end subroutine
        integer(c_int) function pdm_model_ensemble(m, output, settings, progress, sink, user) &
            bind(C, name="pdm_model_ensemble")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: output(*)
            type(c_ptr), value :: settings
            type(c_funptr), value :: progress, sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_set_verdict(m, wanted) bind(C, name="pdm_model_set_verdict")
            import
            type(c_ptr), value :: m
            integer(c_int), value :: wanted
        end function
        integer(c_int) function pdm_model_set_polish(m, tolerance) bind(C, name="pdm_model_set_polish")
            import
            type(c_ptr), value :: m
            real(c_double), value :: tolerance
        end function
        integer(c_int) function pdm_model_verdicts(m, n, word, left_over, estimate) &
            bind(C, name="pdm_model_verdicts")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: n
            type(c_ptr), value :: word, left_over, estimate
        end function
        integer(c_int) function pdm_model_explain_verdict(m, i, sink, user) &
            bind(C, name="pdm_model_explain_verdict")
            import
            type(c_ptr), value :: m
            integer(c_int64_t), value :: i
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_set_estimate(m, wanted) bind(C, name="pdm_model_set_estimate")
            import
            type(c_ptr), value :: m
            integer(c_int), value :: wanted
        end function
        integer(c_int) function pdm_model_predict_file(m, input, output, polish) &
            bind(C, name="pdm_model_predict_file")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: input(*), output(*)
            real(c_double), value :: polish
        end function
        integer(c_int) function pdm_model_polish_file(m, input, n_sample, output, tolerance, sink, user) &
            bind(C, name="pdm_model_polish_file")
            import
            type(c_ptr), value :: m, input
            integer(c_int64_t), value :: n_sample
            character(kind=c_char), intent(in) :: output(*)
            real(c_double), value :: tolerance
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_evaluate_file(m, reference, output, polish, sink, user) &
            bind(C, name="pdm_model_evaluate_file")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: reference(*)
            type(c_ptr), value :: output
            real(c_double), value :: polish
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_evaluate_exact(m, polish, sink, user) &
            bind(C, name="pdm_model_evaluate_exact")
            import
            type(c_ptr), value :: m
            real(c_double), value :: polish
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_fit(m, data, output, settings, sink, numbers, user) &
            bind(C, name="pdm_model_fit")
            import
            type(c_ptr), value :: m
            character(kind=c_char), intent(in) :: data(*), output(*)
            type(c_ptr), value :: settings
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_compare_modes(m, input, n_count, count, max_sweeps, sink, numbers, user) &
            bind(C, name="pdm_model_compare_modes")
            import
            type(c_ptr), value :: m, input
            integer(c_int64_t), value :: n_count
            type(c_ptr), value :: count
            integer(c_int64_t), value :: max_sweeps
            type(c_funptr), value :: sink, numbers
            type(c_ptr), value :: user
        end function
        integer(c_int) function pdm_model_check_gradient(m, slope, sink, user) &
            bind(C, name="pdm_model_check_gradient")
            import
            type(c_ptr), value :: m
            real(c_double), intent(inout) :: slope
            type(c_funptr), value :: sink
            type(c_ptr), value :: user
        end function
    end interface
end module

module pdemoe
    use, intrinsic :: iso_c_binding, only: c_associated, c_char, c_double, c_f_pointer, c_funloc, c_funptr, c_int, &
        c_int8_t, c_int32_t, c_int64_t, c_loc, c_null_char, c_null_funptr, c_null_ptr, c_ptr, c_size_t, c_sizeof
    use, intrinsic :: iso_fortran_env, only: error_unit
    use pdemoe_c, c_status_text => pdm_status_text, c_verdict_text => pdm_verdict_text, &
        c_reason_text => pdm_reason_text, c_version => pdm_version, c_build_info => pdm_build_info, &
        c_quantity => pdm_quantity, c_dimension => pdm_dimension
    implicit none
    private

    public :: c_double, c_int8_t, c_int32_t, c_int64_t
    public :: PDM_OK, PDM_ERR_ARGUMENT, PDM_ERR_MEMORY, PDM_ERR_IO, PDM_ERR_CASE, PDM_ERR_DATA, PDM_ERR_MODEL
    public :: PDM_ERR_NUMERIC, PDM_ERR_UNSUPPORTED, PDM_ERR_INTERRUPTED, PDM_ERR_INTERNAL
    public :: PDM_VERDICT_NONE, PDM_VERDICT_GOOD, PDM_VERDICT_DOUBTFUL, PDM_VERDICT_WRONG
    public :: PDM_REASON_NONE, PDM_REASON_CONVERGED, PDM_REASON_ROUNDING, PDM_REASON_MAX_ITER, PDM_REASON_STALLED
    public :: PDM_REASON_NOT_FINITE, PDM_REASON_SINGULAR
    public :: PDM_LOG_ERROR, PDM_LOG_WARNING, PDM_LOG_INFO, PDM_LOG_DEBUG
    public :: pdm_context, pdm_claim, pdm_case, pdm_model, pdm_numbers, pdm_progress, pdm_quantity, pdm_dimension
    public :: pdm_status_text, pdm_verdict_text, pdm_reason_text, pdm_version, pdm_build_info, pdm_remove_unfinished

    ! Numbers by name, as some calls find them: value("within") is NaN for a name that is not among them.
    type :: pdm_number_entry
        character(len=:), allocatable :: name
        real(c_double) :: value
    end type
    type :: pdm_numbers
        integer :: n = 0
        type(pdm_number_entry), allocatable :: entry(:) ! (n) are set
    contains
        procedure :: value => numbers_value
    end type

    ! What the numbers of an input or of a field are: input(first:first + n - 1, sample).
    type :: pdm_quantity
        character(len=:), allocatable :: name, units, long_name
        integer :: first = 1, n = 0, n_dim = 0 ! of a field, first among the values of a sample; n_dim 0: one number
        real(c_double) :: low = 0, high = 0    ! between which training draws an input; NaN: not known, or of a field
    end type
    ! A dimension, and the points along it.
    type :: pdm_dimension
        character(len=:), allocatable :: name, units, long_name
        real(c_double), allocatable :: coordinate(:)
    end type

    ! Where a piece of text goes: to a unit, or to the end of a string.
    type :: text_target
        integer :: unit = 0
        logical :: keeps = .false.
        character(len=:), allocatable :: kept
    end type
    ! What the two callbacks of one call write to; user of both.
    type :: call_target
        type(text_target) :: text
        type(pdm_numbers) :: numbers
    end type
    ! What a callback for bytes writes to.
    type :: bytes_target
        integer(c_int8_t), allocatable :: bytes(:)
        integer :: stat = 0 ! of their allocation
    end type
    ! The texts of pdm_fit_settings, while addresses of them are used.
    type :: fit_texts
        character(kind=c_char), allocatable :: parameters(:), start(:), bounds(:), priors(:), noise(:)
    end type

    type :: pdm_context
        type(c_ptr) :: handle = c_null_ptr ! for pdemoe_c
        type(text_target), pointer, private :: log => null()
    contains
        procedure :: create => context_create
        procedure :: destroy => context_destroy
        procedure :: set_log => context_set_log
        procedure :: set_threads => context_set_threads
        procedure :: set_backend => context_set_backend
        procedure :: set_memory => context_set_memory
        procedure :: error => context_error
        procedure :: memory => context_memory
        procedure :: units_conversion => context_units_conversion
        procedure :: rank => context_rank
        procedure :: n_rank => context_n_rank
        procedure :: describe_settings => context_describe_settings
    end type

    type :: pdm_claim
        type(c_ptr) :: handle = c_null_ptr
    contains
        procedure :: create => claim_create
        procedure :: destroy => claim_destroy
    end type

    type :: pdm_case
        type(c_ptr) :: handle = c_null_ptr, context = c_null_ptr
    contains
        procedure :: create => case_create
        procedure :: read => case_read
        procedure :: destroy => case_destroy
        procedure, private :: case_set_text, case_set_integer, case_set_real, case_set_reals
        generic :: set => case_set_text, case_set_integer, case_set_real, case_set_reals
        procedure, private :: case_set_array_1, case_set_array_2, case_set_array_3, case_set_array_4
        generic :: set_array => case_set_array_1, case_set_array_2, case_set_array_3, case_set_array_4
        procedure :: get_text => case_get_text
        procedure :: describe => case_describe
        procedure :: check_data => case_check_data
        procedure :: reference => case_reference
        procedure :: fit => case_fit
    end type

    type :: pdm_model
        type(c_ptr) :: handle = c_null_ptr, context = c_null_ptr
    contains
        procedure :: create => model_create
        procedure :: create_from => model_create_from
        procedure :: read => model_read
        procedure :: merge => model_merge
        procedure :: write => model_write
        procedure :: read_memory => model_read_memory
        procedure :: write_memory => model_write_memory
        procedure :: destroy => model_destroy
        procedure :: get_case => model_get_case
        procedure :: check_case => model_check_case
        procedure :: describe => model_describe
        procedure :: routing => model_routing
        procedure :: upcycle => model_upcycle
        procedure :: compress => model_compress
        procedure :: set_training => model_set_training
        procedure :: train => model_train
        procedure :: train_step => model_train_step
        procedure :: judge => model_judge
        procedure :: step => model_step
        procedure :: steps => model_steps
        procedure :: value => model_value
        procedure :: n_input => model_n_input
        procedure :: n_field => model_n_field
        procedure :: n_point => model_n_point
        procedure :: n_dim => model_n_dim
        procedure :: count_inputs => model_count_inputs
        procedure :: input => model_input
        procedure :: field => model_field
        procedure :: input_dimension => model_input_dimension
        procedure :: output_dimension => model_output_dimension
        procedure :: input_points => model_input_points
        procedure, private :: model_bring_input_1, model_bring_input_2, model_bring_input_3, model_bring_input_4
        ! bring_input(i, x, values, out [, stat]): values(x, sample) of input i at the host's points x, to out(n, sample)
        ! at those of the model; of up to four dimensions: bring_input(i, x, t, values, out) has values(x, t, sample).
        generic :: bring_input => model_bring_input_1, model_bring_input_2, model_bring_input_3, model_bring_input_4
        procedure :: set_output => model_set_output
        procedure, private :: model_predict_one_1, model_predict_one_2, model_predict_one_3, model_predict_one_4
        procedure, private :: model_predict_3, model_predict_4, model_predict_5, model_predict_6
        ! predict(input, u [, reason] [, stat]), by the shape of u. Samples n: input(n_input, n), reason(n), and
        ! u(n_point, n_field, n), or n_point as up to four dimensions, those of the case backwards: u(x, t, n_field, n).
        ! One sample, of one field: input(n_input), reason, and u(n_point) or u(x, t), ...
        generic :: predict => model_predict_one_1, model_predict_one_2, model_predict_one_3, model_predict_one_4, &
            model_predict_3, model_predict_4, model_predict_5, model_predict_6
        procedure :: gradient => model_gradient
        procedure :: ensemble => model_ensemble
        procedure :: set_verdict => model_set_verdict
        procedure :: set_polish => model_set_polish
        procedure :: verdicts => model_verdicts
        procedure :: explain_verdict => model_explain_verdict
        procedure :: set_estimate => model_set_estimate
        procedure :: predict_file => model_predict_file
        procedure :: polish_file => model_polish_file
        procedure :: evaluate_file => model_evaluate_file
        procedure :: evaluate_exact => model_evaluate_exact
        procedure :: fit => model_fit
        procedure :: compare_modes => model_compare_modes
        procedure :: check_gradient => model_check_gradient
    end type

    abstract interface
        ! Called after every step of training: true to go on, false to stop after a checkpoint.
        logical function pdm_progress(model)
            import :: pdm_model
            type(pdm_model), intent(in) :: model
        end function
    end interface
    interface pdm_status_text
        module procedure text_of_status
    end interface
    interface pdm_verdict_text
        module procedure text_of_verdict
    end interface
    interface pdm_reason_text
        module procedure text_of_reason
    end interface
    interface pdm_version
        module procedure text_of_version
    end interface
    interface pdm_build_info
        module procedure text_of_build_info
    end interface

    type :: progress_target
        procedure(pdm_progress), pointer, nopass :: go_on => null()
        type(c_ptr) :: context
    end type

contains

    ! ---- strings, errors, callbacks ----

    function c_text(text) result(c)
        character(len=*), intent(in) :: text
        character(len=:, kind=c_char), allocatable :: c
        c = trim(text)//c_null_char
    end function

    ! A string that may be absent: its characters, kept in `chars` while the address is used, or NULL.
    type(c_ptr) function c_optional(text, chars) result(address)
        character(len=*), intent(in), optional :: text
        character(kind=c_char), allocatable, target, intent(inout) :: chars(:)
        integer :: i
        address = c_null_ptr
        if (.not. present(text)) return
        allocate (chars(len_trim(text) + 1))
        do i = 1, len_trim(text)
            chars(i) = text(i:i)
        end do
        chars(size(chars)) = c_null_char
        address = c_loc(chars)
    end function

    function f_text(address) result(text)
        type(c_ptr), intent(in) :: address
        character(len=:), allocatable :: text
        character(kind=c_char), pointer :: chars(:)
        integer :: i, n
        text = ''
        if (.not. c_associated(address)) return
        call c_f_pointer(address, chars, [huge(n)])
        n = 0
        do while (chars(n + 1) /= c_null_char)
            n = n + 1
        end do
        deallocate (text)
        allocate (character(len=n) :: text)
        do i = 1, n
            text(i:i) = chars(i)
        end do
    end function

    subroutine copy_reals(address, n, values)
        type(c_ptr), intent(in) :: address
        integer(c_int64_t), intent(in) :: n
        real(c_double), allocatable, intent(out) :: values(:)
        real(c_double), pointer :: there(:)
        call c_f_pointer(address, there, [n])
        allocate (values(n))
        values(:) = there
    end subroutine

    ! To stat, or, where it is absent, the end of the program.
    subroutine settle(status, context, stat)
        integer(c_int), intent(in) :: status
        type(c_ptr), intent(in) :: context
        integer, intent(out), optional :: stat
        character(len=:), allocatable :: text
        if (present(stat)) then
            stat = status
        else if (status /= PDM_OK) then
            text = f_text(pdm_context_error(context))
            if (len(text) == 0) text = pdm_status_text(status)
            write (error_unit, '(a)') 'pdemoe: '//text
            error stop 1
        end if
    end subroutine

    ! Lines of text as records; a line that is not ended yet, like those of the library's tables in pieces, goes on.
    subroutine put_text(to, text)
        type(text_target), intent(inout) :: to
        character(len=*), intent(in) :: text
        integer :: first, n
        if (to%keeps) then
            if (.not. allocated(to%kept)) to%kept = ''
            to%kept = to%kept//text
            return
        end if
        first = 1
        do while (first <= len(text))
            n = index(text(first:), new_line('a'))
            if (n == 0) then
                write (to%unit, '(a)', advance='no') text(first:)
                return
            end if
            write (to%unit, '(a)') text(first:first + n - 2)
            first = first + n
        end do
    end subroutine

    subroutine take_text(user, text) bind(C, name="")
        type(c_ptr), value :: user, text
        type(call_target), pointer :: to
        call c_f_pointer(user, to)
        call put_text(to%text, f_text(text))
    end subroutine

    subroutine take_number(user, name, value) bind(C, name="")
        type(c_ptr), value :: user, name
        real(c_double), value :: value
        type(call_target), pointer :: to
        type(pdm_number_entry), allocatable :: longer(:)
        call c_f_pointer(user, to)
        associate (all => to%numbers)
            if (.not. allocated(all%entry)) allocate (all%entry(16))
            if (all%n == size(all%entry)) then
                allocate (longer(2*all%n))
                longer(:all%n) = all%entry
                call move_alloc(longer, all%entry)
            end if
            all%n = all%n + 1
            all%entry(all%n)%name = f_text(name)
            all%entry(all%n)%value = value
        end associate
    end subroutine

    subroutine take_bytes(user, bytes, n) bind(C, name="")
        type(c_ptr), value :: user, bytes
        integer(c_size_t), value :: n
        type(bytes_target), pointer :: to
        integer(c_int8_t), pointer :: there(:)
        call c_f_pointer(user, to)
        call c_f_pointer(bytes, there, [n])
        if (allocated(to%bytes)) deallocate (to%bytes)
        allocate (to%bytes(n), stat=to%stat)
        if (to%stat == 0) to%bytes(:) = there
    end subroutine

    subroutine take_log(user, level, topic, text) bind(C, name="")
        type(c_ptr), value :: user, topic, text
        integer(c_int), value :: level
        type(text_target), pointer :: to
        character(len=7), parameter :: words(0:3) = [character(len=7) :: 'error', 'warning', 'info', 'debug']
        call c_f_pointer(user, to)
        write (to%unit, '(a)') trim(words(max(0, min(3, level))))//', '//f_text(topic)//': '//f_text(text)
    end subroutine

    integer(c_int) function take_progress(user, m) bind(C, name="")
        type(c_ptr), value :: user, m
        type(progress_target), pointer :: to
        call c_f_pointer(user, to)
        take_progress = merge(0_c_int, 1_c_int, to%go_on(pdm_model(m, to%context)))
    end function

    ! The sink for text: none without a unit.
    type(c_funptr) function text_sink(to, unit) result(sink)
        type(call_target), intent(inout) :: to
        integer, intent(in), optional :: unit
        sink = c_null_funptr
        if (.not. present(unit)) return
        to%text%unit = unit
        sink = c_funloc(take_text)
    end function

    function numbers_value(self, name) result(value)
        class(pdm_numbers), intent(in) :: self
        character(len=*), intent(in) :: name
        real(c_double) :: value
        integer :: i
        value = not_a_number()
        do i = 1, self%n
            if (self%entry(i)%name == name) value = self%entry(i)%value
        end do
    end function

    real(c_double) function not_a_number()
        not_a_number = pdm_model_value(c_null_ptr, c_text(''))
    end function

    ! ---- texts ----

    function text_of_status(status) result(text)
        integer, intent(in) :: status
        character(len=:), allocatable :: text
        text = f_text(c_status_text(int(status, c_int)))
    end function
    function text_of_verdict(word) result(text)
        integer(c_int32_t), intent(in) :: word
        character(len=:), allocatable :: text
        text = f_text(c_verdict_text(word))
    end function
    function text_of_reason(reason) result(text)
        integer(c_int32_t), intent(in) :: reason
        character(len=:), allocatable :: text
        text = f_text(c_reason_text(reason))
    end function
    function text_of_version() result(text)
        character(len=:), allocatable :: text
        text = f_text(c_version())
    end function
    function text_of_build_info() result(text)
        character(len=:), allocatable :: text
        text = f_text(c_build_info())
    end function

    ! ---- context ----

    subroutine context_create(self, stat)
        class(pdm_context), intent(inout) :: self
        integer, intent(out), optional :: stat
        call settle(pdm_context_create(c_null_ptr, self%handle), c_null_ptr, stat)
    end subroutine

    ! left: bytes that objects not destroyed still hold, 0 when all is well.
    subroutine context_destroy(self, left)
        class(pdm_context), intent(inout) :: self
        integer(c_int64_t), intent(out), optional :: left
        integer(c_int64_t) :: n
        n = pdm_context_destroy(self%handle)
        if (present(left)) left = n
        if (associated(self%log)) deallocate (self%log)
    end subroutine

    ! Lines of the log, from errors up to `level` (PDM_LOG_WARNING without one), to a unit; without unit: silence.
    subroutine context_set_log(self, unit, level)
        class(pdm_context), intent(inout) :: self
        integer, intent(in), optional :: unit
        integer(c_int), intent(in), optional :: level
        integer(c_int) :: most
        most = PDM_LOG_WARNING
        if (present(level)) most = level
        if (.not. present(unit)) then
            call pdm_context_set_log(self%handle, c_null_funptr, c_null_ptr, most)
            return
        end if
        if (.not. associated(self%log)) allocate (self%log)
        self%log%unit = unit
        call pdm_context_set_log(self%handle, c_funloc(take_log), c_loc(self%log), most)
    end subroutine

    subroutine context_set_threads(self, n, stat)
        class(pdm_context), intent(in) :: self
        integer, intent(in) :: n
        integer, intent(out), optional :: stat
        call settle(pdm_context_set_threads(self%handle, int(n, c_int)), self%handle, stat)
    end subroutine

    ! Without a name: what the case says.
    subroutine context_set_backend(self, name, stat)
        class(pdm_context), intent(in) :: self
        character(len=*), intent(in), optional :: name
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        call settle(pdm_context_set_backend(self%handle, c_optional(name, chars)), self%handle, stat)
    end subroutine

    subroutine context_set_memory(self, bytes, stat)
        class(pdm_context), intent(in) :: self
        integer(c_int64_t), intent(in) :: bytes
        integer, intent(out), optional :: stat
        call settle(pdm_context_set_memory(self%handle, bytes), self%handle, stat)
    end subroutine

    ! Text of the last failure, '' when there was none.
    function context_error(self) result(text)
        class(pdm_context), intent(in) :: self
        character(len=:), allocatable :: text
        text = f_text(pdm_context_error(self%handle))
    end function

    subroutine context_memory(self, live, peak, calls)
        class(pdm_context), intent(in) :: self
        integer(c_int64_t), intent(out), optional :: live, peak, calls
        integer(c_int64_t), target :: found(3)
        call pdm_context_memory(self%handle, c_loc(found(1)), c_loc(found(2)), c_loc(found(3)))
        if (present(live)) live = found(1)
        if (present(peak)) peak = found(2)
        if (present(calls)) calls = found(3)
    end subroutine

    ! y in units `to` = factor x + offset, of x in units `from`.
    subroutine context_units_conversion(self, from, to, factor, offset, stat)
        class(pdm_context), intent(in) :: self
        character(len=*), intent(in) :: from, to
        real(c_double), intent(inout) :: factor, offset
        integer, intent(out), optional :: stat
        call settle(pdm_units_conversion(self%handle, c_text(from), c_text(to), factor, offset), self%handle, stat)
    end subroutine

    integer function context_rank(self)
        class(pdm_context), intent(in) :: self
        context_rank = pdm_context_rank(self%handle)
    end function
    integer function context_n_rank(self)
        class(pdm_context), intent(in) :: self
        context_n_rank = pdm_context_n_rank(self%handle)
    end function

    subroutine context_describe_settings(self, unit, stat)
        class(pdm_context), intent(in) :: self
        integer, intent(in) :: unit
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_settings_describe(self%handle, sink, c_loc(to)), self%handle, stat)
    end subroutine

    ! ---- claims ----

    ! Where the context has claimed the path already there is no second claim, and destroy does nothing.
    subroutine claim_create(self, context, path, force, stat)
        class(pdm_claim), intent(inout) :: self
        type(pdm_context), intent(in) :: context
        character(len=*), intent(in) :: path
        logical, intent(in), optional :: force
        integer, intent(out), optional :: stat
        call settle(pdm_claim_create(context%handle, c_text(path), c_flag(force), self%handle), context%handle, stat)
    end subroutine
    subroutine claim_destroy(self)
        class(pdm_claim), intent(inout) :: self
        call pdm_claim_destroy(self%handle)
    end subroutine

    ! 1 for true; 0 for false and for what is absent.
    integer(c_int) function c_flag(flag)
        logical, intent(in), optional :: flag
        c_flag = 0
        if (present(flag)) c_flag = merge(1_c_int, 0_c_int, flag)
    end function

    ! ---- case ----

    subroutine case_create(self, context, stat)
        class(pdm_case), intent(inout) :: self
        type(pdm_context), intent(in) :: context
        integer, intent(out), optional :: stat
        integer(c_int) :: status
        status = pdm_case_create(context%handle, self%handle)
        if (status == PDM_OK) self%context = context%handle
        call settle(status, context%handle, stat)
    end subroutine

    subroutine case_read(self, context, path, stat)
        class(pdm_case), intent(inout) :: self
        type(pdm_context), intent(in) :: context
        character(len=*), intent(in) :: path
        integer, intent(out), optional :: stat
        integer(c_int) :: status
        status = pdm_case_read(context%handle, c_text(path), self%handle)
        if (status == PDM_OK) self%context = context%handle
        call settle(status, context%handle, stat)
    end subroutine

    subroutine case_destroy(self)
        class(pdm_case), intent(inout) :: self
        call pdm_case_destroy(self%handle)
    end subroutine

    ! set(group, name, value): an attribute, of text, of one number or of several.
    subroutine case_set_text(self, group, name, value, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name, value
        integer, intent(out), optional :: stat
        call settle(pdm_case_set_text(self%handle, c_text(group), c_text(name), c_text(value)), self%context, stat)
    end subroutine
    subroutine case_set_reals(self, group, name, value, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name
        real(c_double), intent(in), contiguous :: value(:)
        integer, intent(out), optional :: stat
        call settle(pdm_case_set_numbers(self%handle, c_text(group), c_text(name), size(value, kind=c_int64_t), &
            value), self%context, stat)
    end subroutine
    subroutine case_set_real(self, group, name, value, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name
        real(c_double), intent(in) :: value
        integer, intent(out), optional :: stat
        call case_set_reals(self, group, name, [value], stat)
    end subroutine
    subroutine case_set_integer(self, group, name, value, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name
        integer, intent(in) :: value
        integer, intent(out), optional :: stat
        call case_set_reals(self, group, name, [real(value, c_double)], stat)
    end subroutine

    ! set_array(group, name, dims, values): a variable. dims(k) names dimension k of values, first fastest; in C, and in
    ! files, they stand the other way round.
    subroutine set_array(self, group, name, dims, n, values, stat)
        type(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name, dims(:)
        integer, intent(in) :: n(:)
        real(c_double), intent(in) :: values(*)
        integer, intent(out), optional :: stat
        character(kind=c_char), target :: names(len(dims) + 1, size(n))
        type(c_ptr) :: pointers(size(n))
        integer :: i, k
        if (size(dims) /= size(n)) then
            call misuse('set_array', 'dims', size(dims), size(n), stat)
            return
        end if
        names = c_null_char
        do k = 1, size(n)
            do i = 1, len_trim(dims(k))
                names(i, k) = dims(k) (i:i)
            end do
            pointers(size(n) + 1 - k) = c_loc(names(1, k))
        end do
        call settle(pdm_case_set_array(self%handle, c_text(group), c_text(name), size(n, kind=c_int64_t), pointers, &
            int(n(size(n):1:-1), c_int64_t), values), self%context, stat)
    end subroutine
    subroutine case_set_array_1(self, group, name, dims, values, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name, dims(:)
        real(c_double), intent(in), contiguous :: values(:)
        integer, intent(out), optional :: stat
        call set_array(self, group, name, dims, shape(values), values, stat)
    end subroutine
    subroutine case_set_array_2(self, group, name, dims, values, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name, dims(:)
        real(c_double), intent(in), contiguous :: values(:, :)
        integer, intent(out), optional :: stat
        call set_array(self, group, name, dims, shape(values), values, stat)
    end subroutine
    subroutine case_set_array_3(self, group, name, dims, values, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name, dims(:)
        real(c_double), intent(in), contiguous :: values(:, :, :)
        integer, intent(out), optional :: stat
        call set_array(self, group, name, dims, shape(values), values, stat)
    end subroutine
    subroutine case_set_array_4(self, group, name, dims, values, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name, dims(:)
        real(c_double), intent(in), contiguous :: values(:, :, :, :)
        integer, intent(out), optional :: stat
        call set_array(self, group, name, dims, shape(values), values, stat)
    end subroutine

    ! An attribute as text; numbers have a space between them.
    subroutine case_get_text(self, group, name, text, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: group, name
        character(len=:), allocatable, intent(inout) :: text
        integer, intent(out), optional :: stat
        type(c_ptr) :: value
        integer(c_int) :: status
        value = c_null_ptr
        status = pdm_case_get_text(self%handle, c_text(group), c_text(name), value)
        if (status == PDM_OK) text = f_text(value)
        call settle(status, self%context, stat)
    end subroutine

    ! A mistake that the library cannot see: an array of another size than it has to be.
    subroutine misuse(what, argument, found, expected, stat)
        character(len=*), intent(in) :: what, argument
        integer, intent(in) :: found, expected
        integer, intent(out), optional :: stat
        character(len=24) :: a, b
        write (a, '(i0)') found
        write (b, '(i0)') expected
        call refuse(what//': '//argument//' of size '//trim(a)//'; '//trim(b)//' expected', stat)
    end subroutine
    subroutine refuse(text, stat)
        character(len=*), intent(in) :: text
        integer, intent(out), optional :: stat
        if (present(stat)) then
            stat = PDM_ERR_ARGUMENT
            return
        end if
        write (error_unit, '(a)') 'pdemoe: '//text
        error stop 1
    end subroutine

    subroutine case_describe(self, unit, stat)
        class(pdm_case), intent(in) :: self
        integer, intent(in) :: unit
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_case_describe(self%handle, sink, c_loc(to)), self%context, stat)
    end subroutine

    subroutine case_check_data(self, data, unit, numbers, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: data
        integer, intent(in), optional :: unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int) :: status
        sink = text_sink(to, unit)
        status = pdm_case_check_data(self%handle, c_text(data), sink, c_funloc(take_number), c_loc(to))
        if (present(numbers)) numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine

    ! What is absent has the default of pdm_reference_settings.
    subroutine case_reference(self, output, input, n_sample, method, tolerance, max_unknowns, max_seconds, unit, &
            numbers, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: output
        character(len=*), intent(in), optional :: input, method
        integer, intent(in), optional :: n_sample, max_unknowns
        real(c_double), intent(in), optional :: tolerance, max_seconds
        integer, intent(in), optional :: unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: input_chars(:), method_chars(:)
        type(pdm_reference_settings), target :: s
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int) :: status
        call pdm_reference_settings_init(s, c_sizeof(s))
        s%input = c_optional(input, input_chars)
        s%method = c_optional(method, method_chars)
        if (present(n_sample)) s%n_sample = n_sample
        if (present(tolerance)) s%tolerance = tolerance
        if (present(max_unknowns)) s%max_unknowns = max_unknowns
        if (present(max_seconds)) s%max_seconds = max_seconds
        sink = text_sink(to, unit)
        status = pdm_case_reference(self%handle, c_text(output), c_loc(s), sink, c_funloc(take_number), c_loc(to))
        if (present(numbers)) numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine

    ! Parameters from the observations in the file `data`. What is absent has the default of pdm_fit_settings. stat is
    ! PDM_OK, and numbers%value('converged') 0, where they were not found to the tolerance.
    subroutine case_fit(self, data, output, parameters, start, bounds, priors, noise, tolerance, max_iter, &
            max_unknowns, apart, unit, numbers, stat)
        class(pdm_case), intent(in) :: self
        character(len=*), intent(in) :: data, output, parameters
        character(len=*), intent(in), optional :: start, bounds, priors, noise
        real(c_double), intent(in), optional :: tolerance
        integer, intent(in), optional :: max_iter, max_unknowns
        logical, intent(in), optional :: apart
        integer, intent(in), optional :: unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        type(fit_texts), target :: texts
        type(pdm_fit_settings), target :: s
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int) :: status
        call set_fit(s, texts, parameters, start, bounds, priors, noise, tolerance, max_iter, max_unknowns, apart)
        sink = text_sink(to, unit)
        status = pdm_case_fit(self%handle, c_text(data), c_text(output), c_loc(s), sink, c_funloc(take_number), &
            c_loc(to))
        if (present(numbers)) numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine
    subroutine set_fit(s, texts, parameters, start, bounds, priors, noise, tolerance, max_iter, max_unknowns, apart)
        type(pdm_fit_settings), intent(inout) :: s
        type(fit_texts), target, intent(inout) :: texts
        character(len=*), intent(in) :: parameters
        character(len=*), intent(in), optional :: start, bounds, priors, noise
        real(c_double), intent(in), optional :: tolerance
        integer, intent(in), optional :: max_iter, max_unknowns
        logical, intent(in), optional :: apart
        call pdm_fit_settings_init(s, c_sizeof(s))
        s%parameters = c_optional(parameters, texts%parameters)
        s%start = c_optional(start, texts%start)
        s%bounds = c_optional(bounds, texts%bounds)
        s%priors = c_optional(priors, texts%priors)
        s%noise = c_optional(noise, texts%noise)
        if (present(tolerance)) s%tolerance = tolerance
        if (present(max_iter)) s%max_iter = max_iter
        if (present(max_unknowns)) s%max_unknowns = max_unknowns
        if (present(apart)) s%apart = c_flag(apart)
    end subroutine

    ! ---- model ----

    subroutine model_create(self, the_case, stat)
        class(pdm_model), intent(inout) :: self
        type(pdm_case), intent(in) :: the_case
        integer, intent(out), optional :: stat
        integer(c_int) :: status
        status = pdm_model_create(the_case%handle, self%handle)
        call adopt(self, status, the_case%context, stat)
    end subroutine
    subroutine model_read(self, context, path, stat)
        class(pdm_model), intent(inout) :: self
        type(pdm_context), intent(in) :: context
        character(len=*), intent(in) :: path
        integer, intent(out), optional :: stat
        integer(c_int) :: status
        status = pdm_model_read(context%handle, c_text(path), self%handle)
        call adopt(self, status, context%handle, stat)
    end subroutine
    subroutine model_create_from(self, the_case, parent, stat)
        class(pdm_model), intent(inout) :: self
        type(pdm_case), intent(in) :: the_case
        type(pdm_model), intent(in) :: parent
        integer, intent(out), optional :: stat
        integer(c_int) :: status
        status = pdm_model_create_from(the_case%handle, parent%handle, self%handle)
        call adopt(self, status, the_case%context, stat)
    end subroutine

    ! The mean of models in files; weights(size(paths)), all alike where absent.
    subroutine model_merge(self, context, paths, weights, stat)
        class(pdm_model), intent(inout) :: self
        type(pdm_context), intent(in) :: context
        character(len=*), intent(in) :: paths(:)
        real(c_double), intent(in), optional, contiguous, target :: weights(:)
        integer, intent(out), optional :: stat
        character(kind=c_char), target :: names(len(paths) + 1, size(paths))
        type(c_ptr) :: pointers(size(paths)), weight
        integer(c_int) :: status
        integer :: i, k
        weight = c_null_ptr
        if (present(weights)) then
            if (size(weights) /= size(paths)) then
                call misuse('merge', 'weights', size(weights), size(paths), stat)
                return
            end if
            if (size(weights) > 0) weight = c_loc(weights)
        end if
        names = c_null_char
        do k = 1, size(paths)
            do i = 1, len_trim(paths(k))
                names(i, k) = paths(k) (i:i)
            end do
            pointers(k) = c_loc(names(1, k))
        end do
        status = pdm_model_merge(context%handle, size(paths, kind=c_int64_t), pointers, weight, self%handle)
        call adopt(self, status, context%handle, stat)
    end subroutine

    ! A model that was just made knows its context.
    subroutine adopt(self, status, context, stat)
        class(pdm_model), intent(inout) :: self
        integer(c_int), intent(in) :: status
        type(c_ptr), intent(in) :: context
        integer, intent(out), optional :: stat
        if (status == PDM_OK) self%context = context
        call settle(status, context, stat)
    end subroutine

    subroutine model_write(self, path, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: path
        integer, intent(out), optional :: stat
        call settle(pdm_model_write(self%handle, c_text(path)), self%context, stat)
    end subroutine
    ! The bytes of a model file; size 0 on ranks other than the first.
    subroutine model_write_memory(self, bytes, stat)
        class(pdm_model), intent(in) :: self
        integer(c_int8_t), allocatable, intent(inout) :: bytes(:)
        integer, intent(out), optional :: stat
        type(bytes_target), target :: to
        integer(c_int) :: status
        allocate (to%bytes(0))
        status = pdm_model_write_memory(self%handle, c_funloc(take_bytes), c_loc(to))
        if (to%stat /= 0) status = PDM_ERR_MEMORY
        if (status == PDM_OK) call move_alloc(to%bytes, bytes)
        call settle(status, self%context, stat)
    end subroutine
    subroutine model_read_memory(self, context, bytes, stat)
        class(pdm_model), intent(inout) :: self
        type(pdm_context), intent(in) :: context
        integer(c_int8_t), intent(in), contiguous, target :: bytes(:)
        integer, intent(out), optional :: stat
        type(c_ptr) :: first
        integer(c_int) :: status
        first = c_null_ptr
        if (size(bytes) > 0) first = c_loc(bytes)
        status = pdm_model_read_memory(context%handle, first, size(bytes, kind=c_size_t), self%handle)
        call adopt(self, status, context%handle, stat)
    end subroutine
    subroutine model_destroy(self)
        class(pdm_model), intent(inout) :: self
        call pdm_model_destroy(self%handle)
    end subroutine

    ! A copy of the model's case, to be destroyed.
    subroutine model_get_case(self, the_case, stat)
        class(pdm_model), intent(in) :: self
        type(pdm_case), intent(inout) :: the_case
        integer, intent(out), optional :: stat
        integer(c_int) :: status
        status = pdm_model_case(self%handle, the_case%handle)
        if (status == PDM_OK) the_case%context = self%context
        call settle(status, self%context, stat)
    end subroutine
    subroutine model_check_case(self, the_case, stat)
        class(pdm_model), intent(in) :: self
        type(pdm_case), intent(in) :: the_case
        integer, intent(out), optional :: stat
        call settle(pdm_model_check_case(self%handle, the_case%handle), self%context, stat)
    end subroutine

    subroutine model_describe(self, unit, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: unit
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_model_describe(self%handle, sink, c_loc(to)), self%context, stat)
    end subroutine
    subroutine model_routing(self, numbers, stat)
        class(pdm_model), intent(in) :: self
        type(pdm_numbers), intent(out) :: numbers
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        integer(c_int) :: status
        status = pdm_model_routing(self%handle, c_funloc(take_number), c_loc(to))
        numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine

    subroutine model_upcycle(self, the_case, more, against, tolerance, unit, numbers, stat)
        class(pdm_model), intent(in) :: self
        type(pdm_case), intent(in) :: the_case
        type(pdm_model), intent(inout) :: more
        character(len=*), intent(in), optional :: against
        real(c_double), intent(in) :: tolerance
        integer, intent(in), optional :: unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int) :: status
        sink = text_sink(to, unit)
        status = pdm_model_upcycle(self%handle, the_case%handle, c_optional(against, chars), tolerance, sink, &
            c_funloc(take_number), c_loc(to), more%handle)
        if (present(numbers)) numbers = to%numbers
        call adopt(more, status, self%context, stat)
    end subroutine

    ! What is absent has the default of pdm_compress_settings.
    subroutine model_compress(self, output, rank, energy, groups, tolerance, half, against, unit, numbers, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: output
        real(c_double), intent(in), optional :: rank, energy, groups, tolerance
        logical, intent(in), optional :: half
        character(len=*), intent(in), optional :: against
        integer, intent(in), optional :: unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        type(pdm_compress_settings), target :: s
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int) :: status
        call pdm_compress_settings_init(s, c_sizeof(s))
        if (present(rank)) s%rank = rank
        if (present(energy)) s%energy = energy
        if (present(groups)) s%groups = groups
        if (present(tolerance)) s%tolerance = tolerance
        if (present(half)) s%half = c_flag(half)
        s%against = c_optional(against, chars)
        sink = text_sink(to, unit)
        status = pdm_model_compress(self%handle, c_text(output), c_loc(s), sink, c_funloc(take_number), c_loc(to))
        if (present(numbers)) numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine

    ! ---- training ----

    subroutine model_set_training(self, name, value, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: name, value
        integer, intent(out), optional :: stat
        call settle(pdm_model_set_training(self%handle, c_text(name), c_text(value)), self%context, stat)
    end subroutine
    subroutine model_train_step(self, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(out), optional :: stat
        call settle(pdm_model_train_step(self%handle), self%context, stat)
    end subroutine
    ! stat is PDM_ERR_INTERRUPTED when progress asked to stop; the checkpoint is written.
    subroutine model_train(self, path, progress, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: path
        procedure(pdm_progress), optional :: progress
        integer, intent(out), optional :: stat
        type(progress_target), target :: to
        type(c_funptr) :: callback
        callback = c_null_funptr
        to%context = self%context
        if (present(progress)) then
            to%go_on => progress
            callback = c_funloc(take_progress)
        end if
        call settle(pdm_model_train(self%handle, c_text(path), callback, c_loc(to)), self%context, stat)
    end subroutine
    subroutine model_judge(self, path, unit, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in), optional :: path
        integer, intent(in), optional :: unit
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_model_judge(self%handle, c_optional(path, chars), sink, c_loc(to)), self%context, stat)
    end subroutine

    integer(c_int64_t) function model_step(self)
        class(pdm_model), intent(in) :: self
        model_step = pdm_model_step(self%handle)
    end function
    integer(c_int64_t) function model_steps(self)
        class(pdm_model), intent(in) :: self
        model_steps = pdm_model_steps(self%handle)
    end function
    real(c_double) function model_value(self, name)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: name
        model_value = pdm_model_value(self%handle, c_text(name))
    end function
    integer function model_n_input(self)
        class(pdm_model), intent(in) :: self
        model_n_input = int(pdm_model_n_input(self%handle))
    end function
    integer function model_n_field(self)
        class(pdm_model), intent(in) :: self
        model_n_field = int(pdm_model_n_field(self%handle))
    end function
    integer function model_n_point(self)
        class(pdm_model), intent(in) :: self
        model_n_point = int(pdm_model_n_point(self%handle))
    end function

    integer function model_n_dim(self)
        class(pdm_model), intent(in) :: self
        model_n_dim = int(pdm_model_n_dim(self%handle))
    end function

    ! ---- what the numbers are ----

    integer function model_count_inputs(self)
        class(pdm_model), intent(in) :: self
        model_count_inputs = int(pdm_model_count_inputs(self%handle))
    end function
    subroutine model_input(self, i, quantity, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i
        type(pdm_quantity), intent(inout) :: quantity
        integer, intent(out), optional :: stat
        type(c_quantity) :: found
        integer(c_int) :: status
        status = pdm_model_input(self%handle, int(i, c_int64_t) - 1, found)
        if (status == PDM_OK) quantity = f_quantity(found)
        call settle(status, self%context, stat)
    end subroutine
    subroutine model_field(self, f, quantity, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: f
        type(pdm_quantity), intent(inout) :: quantity
        integer, intent(out), optional :: stat
        type(c_quantity) :: found
        integer(c_int) :: status
        status = pdm_model_field(self%handle, int(f, c_int64_t) - 1, found)
        if (status == PDM_OK) quantity = f_quantity(found)
        call settle(status, self%context, stat)
    end subroutine
    ! Dimension k of input i, and the model's points along it.
    subroutine model_input_dimension(self, i, k, along, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i, k
        type(pdm_dimension), intent(inout) :: along
        integer, intent(out), optional :: stat
        type(c_quantity) :: input
        type(c_dimension) :: found
        integer(c_int) :: status
        status = pdm_model_input(self%handle, int(i, c_int64_t) - 1, input)
        if (status == PDM_OK) &
            status = pdm_model_input_dimension(self%handle, int(i, c_int64_t) - 1, input%n_dim - k, found)
        if (status == PDM_OK) along = f_dimension(found)
        call settle(status, self%context, stat)
    end subroutine
    ! Dimension j of all fields, and the points along it that predict answers on now.
    subroutine model_output_dimension(self, j, along, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: j
        type(pdm_dimension), intent(inout) :: along
        integer, intent(out), optional :: stat
        type(c_dimension) :: found
        integer(c_int) :: status
        status = pdm_model_output_dimension(self%handle, pdm_model_n_dim(self%handle) - j, found)
        if (status == PDM_OK) along = f_dimension(found)
        call settle(status, self%context, stat)
    end subroutine

    function f_quantity(c) result(quantity)
        type(c_quantity), intent(in) :: c
        type(pdm_quantity) :: quantity
        quantity%name = f_text(c%name)
        quantity%units = f_text(c%units)
        quantity%long_name = f_text(c%long_name)
        quantity%first = int(c%first) + 1
        quantity%n = int(c%n)
        quantity%n_dim = int(c%n_dim)
        quantity%low = c%low
        quantity%high = c%high
    end function
    function f_dimension(c) result(along)
        type(c_dimension), intent(in) :: c
        type(pdm_dimension) :: along
        along%name = f_text(c%name)
        along%units = f_text(c%units)
        along%long_name = f_text(c%long_name)
        call copy_reals(c%coordinate, c%n, along%coordinate)
    end function

    ! The points of an input along a dimension, both by name; coordinate is allocated here.
    subroutine model_input_points(self, input, dim, coordinate, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: input, dim
        real(c_double), allocatable, intent(inout) :: coordinate(:)
        integer, intent(out), optional :: stat
        type(c_quantity) :: quantity
        type(c_dimension) :: along
        integer(c_int64_t) :: i, k
        do i = 0, pdm_model_count_inputs(self%handle) - 1
            if (pdm_model_input(self%handle, i, quantity) /= PDM_OK) cycle
            if (f_text(quantity%name) /= input) cycle
            do k = 0, quantity%n_dim - 1
                if (pdm_model_input_dimension(self%handle, i, k, along) /= PDM_OK) cycle
                if (f_text(along%name) /= dim) cycle
                call copy_reals(along%coordinate, along%n, coordinate)
                call settle(PDM_OK, self%context, stat)
                return
            end do
        end do
        call refuse('input_points: no input "'//trim(input)//'" along "'//trim(dim)//'" in this model', stat)
    end subroutine

    ! n(k) coordinates at x(k) along dimension k, values(n(1), n(2), ..., sample), out(n of the input, sample).
    subroutine bring(self, i, n, x, n_value, values, n_out, out, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i, n(:), n_value(:), n_out(2)
        type(c_ptr), intent(in) :: x(:)
        real(c_double), intent(in) :: values(*)
        real(c_double), intent(inout) :: out(*)
        integer, intent(out), optional :: stat
        type(c_quantity) :: input
        integer(c_int) :: status
        integer :: n_dim, n_sample, k
        status = pdm_model_input(self%handle, int(i, c_int64_t) - 1, input)
        if (status /= PDM_OK) then
            call settle(status, self%context, stat)
            return
        end if
        n_dim = size(n)
        n_sample = n_value(n_dim + 1)
        do k = 1, n_dim
            if (n_value(k) == n(k)) cycle
            call misuse('bring_input', 'a dimension of values', n_value(k), n(k), stat)
            return
        end do
        if (n_dim /= input%n_dim) then
            call misuse('bring_input', 'the list of dimensions', n_dim, int(input%n_dim), stat)
        else if (n_out(1) /= input%n) then
            call misuse('bring_input', 'dimension 1 of out', n_out(1), int(input%n), stat)
        else if (n_out(2) /= n_sample) then
            call misuse('bring_input', 'dimension 2 of out', n_out(2), n_sample, stat)
        else
            call settle(pdm_model_bring_input(self%handle, int(i, c_int64_t) - 1, int(n_sample, c_int64_t), &
                int(n(n_dim:1:-1), c_int64_t), x(n_dim:1:-1), values, out), self%context, stat)
        end if
    end subroutine
    subroutine model_bring_input_1(self, i, x1, values, out, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i
        real(c_double), intent(in), contiguous, target :: x1(:)
        real(c_double), intent(in), contiguous :: values(:, :)
        real(c_double), intent(inout), contiguous :: out(:, :)
        integer, intent(out), optional :: stat
        call bring(self, i, [size(x1)], &
            [address_of_reals(x1)], &
            shape(values), values, shape(out), out, stat)
    end subroutine
    subroutine model_bring_input_2(self, i, x1, x2, values, out, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i
        real(c_double), intent(in), contiguous, target :: x1(:), x2(:)
        real(c_double), intent(in), contiguous :: values(:, :, :)
        real(c_double), intent(inout), contiguous :: out(:, :)
        integer, intent(out), optional :: stat
        call bring(self, i, [size(x1), size(x2)], &
            [address_of_reals(x1), address_of_reals(x2)], &
            shape(values), values, shape(out), out, stat)
    end subroutine
    subroutine model_bring_input_3(self, i, x1, x2, x3, values, out, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i
        real(c_double), intent(in), contiguous, target :: x1(:), x2(:), x3(:)
        real(c_double), intent(in), contiguous :: values(:, :, :, :)
        real(c_double), intent(inout), contiguous :: out(:, :)
        integer, intent(out), optional :: stat
        call bring(self, i, [size(x1), size(x2), size(x3)], &
            [address_of_reals(x1), address_of_reals(x2), address_of_reals(x3)], &
            shape(values), values, shape(out), out, stat)
    end subroutine
    subroutine model_bring_input_4(self, i, x1, x2, x3, x4, values, out, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i
        real(c_double), intent(in), contiguous, target :: x1(:), x2(:), x3(:), x4(:)
        real(c_double), intent(in), contiguous :: values(:, :, :, :, :)
        real(c_double), intent(inout), contiguous :: out(:, :)
        integer, intent(out), optional :: stat
        call bring(self, i, [size(x1), size(x2), size(x3), size(x4)], &
            [address_of_reals(x1), address_of_reals(x2), address_of_reals(x3), address_of_reals(x4)], &
            shape(values), values, shape(out), out, stat)
    end subroutine
    type(c_ptr) function address_of_reals(x)
        real(c_double), intent(in), contiguous, target :: x(:)
        address_of_reals = c_null_ptr
        if (size(x) > 0) address_of_reals = c_loc(x)
    end function

    ! ---- prediction ----

    subroutine model_set_output(self, name, coordinate, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: name
        real(c_double), intent(in), contiguous :: coordinate(:)
        integer, intent(out), optional :: stat
        call settle(pdm_model_set_output(self%handle, c_text(name), size(coordinate, kind=c_int64_t), coordinate), &
            self%context, stat)
    end subroutine

    ! n samples; sizes are those of the caller's arrays. reason: NULL, or [n].
    subroutine predict(self, n, n_input, input, n_value, u, n_reason, reason, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: n, n_input, n_value, n_reason
        real(c_double), intent(in) :: input(*)
        real(c_double), intent(inout) :: u(*)
        type(c_ptr), intent(in) :: reason
        integer, intent(out), optional :: stat
        integer :: wanted
        wanted = self%n_point()*self%n_field()*n
        if (.not. c_associated(self%handle)) then
            call settle(PDM_ERR_ARGUMENT, self%context, stat)
        else if (n_input /= self%n_input()) then
            call misuse('predict', 'dimension 1 of input', n_input, self%n_input(), stat)
        else if (n_value /= wanted) then
            call misuse('predict', 'u', n_value, wanted, stat)
        else if (c_associated(reason) .and. n_reason /= n) then
            call misuse('predict', 'reason', n_reason, n, stat)
        else
            call settle(pdm_model_predict(self%handle, int(n, c_int64_t), input, u, reason), self%context, stat)
        end if
    end subroutine
    subroutine model_predict_one_1(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:)
        real(c_double), intent(inout), contiguous :: u(:)
        integer(c_int32_t), intent(out), optional, target :: reason
        integer, intent(out), optional :: stat
        type(c_ptr) :: to
        to = c_null_ptr
        if (present(reason)) to = c_loc(reason)
        call predict(self, 1, size(input), input, size(u), u, 1, to, stat)
    end subroutine
    subroutine model_predict_one_2(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:)
        real(c_double), intent(inout), contiguous :: u(:, :)
        integer(c_int32_t), intent(out), optional, target :: reason
        integer, intent(out), optional :: stat
        type(c_ptr) :: to
        to = c_null_ptr
        if (present(reason)) to = c_loc(reason)
        call predict(self, 1, size(input), input, size(u), u, 1, to, stat)
    end subroutine
    subroutine model_predict_one_3(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:)
        real(c_double), intent(inout), contiguous :: u(:, :, :)
        integer(c_int32_t), intent(out), optional, target :: reason
        integer, intent(out), optional :: stat
        type(c_ptr) :: to
        to = c_null_ptr
        if (present(reason)) to = c_loc(reason)
        call predict(self, 1, size(input), input, size(u), u, 1, to, stat)
    end subroutine
    subroutine model_predict_one_4(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:)
        real(c_double), intent(inout), contiguous :: u(:, :, :, :)
        integer(c_int32_t), intent(out), optional, target :: reason
        integer, intent(out), optional :: stat
        type(c_ptr) :: to
        to = c_null_ptr
        if (present(reason)) to = c_loc(reason)
        call predict(self, 1, size(input), input, size(u), u, 1, to, stat)
    end subroutine
    subroutine model_predict_3(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:, :)
        real(c_double), intent(inout), contiguous :: u(:, :, :)
        integer(c_int32_t), intent(out), optional, contiguous, target :: reason(:)
        integer, intent(out), optional :: stat
        call predict(self, size(input, 2), size(input, 1), input, size(u), u, size_of(reason), address_of(reason), stat)
    end subroutine
    subroutine model_predict_4(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:, :)
        real(c_double), intent(inout), contiguous :: u(:, :, :, :)
        integer(c_int32_t), intent(out), optional, contiguous, target :: reason(:)
        integer, intent(out), optional :: stat
        call predict(self, size(input, 2), size(input, 1), input, size(u), u, size_of(reason), address_of(reason), stat)
    end subroutine
    subroutine model_predict_5(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:, :)
        real(c_double), intent(inout), contiguous :: u(:, :, :, :, :)
        integer(c_int32_t), intent(out), optional, contiguous, target :: reason(:)
        integer, intent(out), optional :: stat
        call predict(self, size(input, 2), size(input, 1), input, size(u), u, size_of(reason), address_of(reason), stat)
    end subroutine
    subroutine model_predict_6(self, input, u, reason, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:, :)
        real(c_double), intent(inout), contiguous :: u(:, :, :, :, :, :)
        integer(c_int32_t), intent(out), optional, contiguous, target :: reason(:)
        integer, intent(out), optional :: stat
        call predict(self, size(input, 2), size(input, 1), input, size(u), u, size_of(reason), address_of(reason), stat)
    end subroutine

    ! Of an array that may be absent: its length (0), its address (NULL).
    integer function size_of(words)
        integer(c_int32_t), intent(in), optional :: words(:)
        size_of = 0
        if (present(words)) size_of = size(words)
    end function
    type(c_ptr) function address_of(words)
        integer(c_int32_t), intent(in), optional, contiguous, target :: words(:)
        address_of = c_null_ptr
        if (.not. present(words)) return
        if (size(words) > 0) address_of = c_loc(words)
    end function

    ! Derivatives g_input(n_input, n) of sum(g_u*u), g_u(n_point, n_field, n), by input(n_input, n).
    subroutine model_gradient(self, input, g_u, g_input, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in), contiguous :: input(:, :), g_u(:, :, :)
        real(c_double), intent(inout), contiguous :: g_input(:, :)
        integer, intent(out), optional :: stat
        integer :: n
        n = size(input, 2)
        if (.not. c_associated(self%handle)) then
            call settle(PDM_ERR_ARGUMENT, self%context, stat)
        else if (size(input, 1) /= self%n_input()) then
            call misuse('gradient', 'dimension 1 of input', size(input, 1), self%n_input(), stat)
        else if (size(g_u) /= self%n_point()*self%n_field()*n) then
            call misuse('gradient', 'g_u', size(g_u), self%n_point()*self%n_field()*n, stat)
        else if (size(g_input) /= size(input)) then
            call misuse('gradient', 'g_input', size(g_input), size(input), stat)
        else
            call settle(pdm_model_gradient(self%handle, int(n, c_int64_t), input, g_u, g_input, c_null_ptr, c_null_ptr), &
                self%context, stat)
        end if
    end subroutine
    ! Statistics of the answers to many inputs, to a file.
    subroutine model_ensemble(self, output, input, n_sample, quantile, n_mark, polish, skip_doubtful, unit, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: output
        character(len=*), intent(in), optional :: input
        integer, intent(in), optional :: n_sample, n_mark
        real(c_double), intent(in), optional, contiguous, target :: quantile(:)
        real(c_double), intent(in), optional :: polish
        logical, intent(in), optional :: skip_doubtful
        integer, intent(in), optional :: unit
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        type(pdm_ensemble_settings), target :: s
        type(call_target), target :: to
        type(c_funptr) :: sink
        call pdm_ensemble_settings_init(s, c_sizeof(s))
        s%input = c_optional(input, chars)
        if (present(n_sample)) s%n_sample = n_sample
        if (present(quantile)) then
            s%n_quantile = size(quantile)
            s%quantile = c_null_ptr
            if (size(quantile) > 0) s%quantile = c_loc(quantile)
        end if
        if (present(n_mark)) s%n_mark = n_mark
        if (present(polish)) s%polish = polish
        if (present(skip_doubtful)) s%skip_doubtful = c_flag(skip_doubtful)
        sink = text_sink(to, unit)
        call settle(pdm_model_ensemble(self%handle, c_text(output), c_loc(s), c_null_funptr, sink, c_loc(to)), &
            self%context, stat)
    end subroutine
    subroutine model_set_verdict(self, wanted, stat)
        class(pdm_model), intent(in) :: self
        logical, intent(in) :: wanted
        integer, intent(out), optional :: stat
        call settle(pdm_model_set_verdict(self%handle, c_flag(wanted)), self%context, stat)
    end subroutine

    ! From now on predict is a classical solve, with all coefficients free; 0: the model's own answers.
    subroutine model_set_polish(self, tolerance, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(in) :: tolerance
        integer, intent(out), optional :: stat
        call settle(pdm_model_set_polish(self%handle, tolerance), self%context, stat)
    end subroutine

    ! Of the last predict: word(n), left_over(n), estimate(n_field, n).
    subroutine model_verdicts(self, word, left_over, estimate, stat)
        class(pdm_model), intent(in) :: self
        integer(c_int32_t), intent(out), contiguous, target :: word(:)
        real(c_double), intent(out), optional, contiguous, target :: left_over(:), estimate(:, :)
        integer, intent(out), optional :: stat
        type(c_ptr) :: left, error
        left = c_null_ptr
        error = c_null_ptr
        if (present(left_over)) then
            if (size(left_over) /= size(word)) then
                call misuse('verdicts', 'left_over', size(left_over), size(word), stat)
                return
            end if
            if (size(left_over) > 0) left = c_loc(left_over)
        end if
        if (present(estimate)) then
            if (size(estimate) /= self%n_field()*size(word)) then
                call misuse('verdicts', 'estimate', size(estimate), self%n_field()*size(word), stat)
                return
            end if
            if (size(estimate) > 0) error = c_loc(estimate)
        end if
        call settle(pdm_model_verdicts(self%handle, size(word, kind=c_int64_t), address_of(word), left, error), &
            self%context, stat)
    end subroutine

    ! Why sample i = 1, 2, ... of the last predict is doubtful or wrong; '' for others.
    subroutine model_explain_verdict(self, i, text, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: i
        character(len=:), allocatable, intent(out) :: text
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        integer(c_int) :: status
        to%text%keeps = .true.
        status = pdm_model_explain_verdict(self%handle, int(i, c_int64_t) - 1, c_funloc(take_text), c_loc(to))
        text = ''
        if (allocated(to%text%kept)) text = to%text%kept
        call settle(status, self%context, stat)
    end subroutine

    subroutine model_set_estimate(self, wanted, stat)
        class(pdm_model), intent(in) :: self
        logical, intent(in) :: wanted
        integer, intent(out), optional :: stat
        call settle(pdm_model_set_estimate(self%handle, c_flag(wanted)), self%context, stat)
    end subroutine

    ! ---- files ----

    ! polish: the tolerance of a solve with all coefficients free; absent: none.
    subroutine model_predict_file(self, input, output, polish, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: input, output
        real(c_double), intent(in), optional :: polish
        integer, intent(out), optional :: stat
        call settle(pdm_model_predict_file(self%handle, c_text(input), c_text(output), or_zero(polish)), self%context, &
            stat)
    end subroutine

    real(c_double) function or_zero(x)
        real(c_double), intent(in), optional :: x
        or_zero = 0.0_c_double
        if (present(x)) or_zero = x
    end function

    ! input: a file; or n_sample inputs are drawn.
    subroutine model_polish_file(self, output, tolerance, input, n_sample, unit, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: output
        real(c_double), intent(in) :: tolerance
        character(len=*), intent(in), optional :: input
        integer, intent(in), optional :: n_sample, unit
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int64_t) :: n
        n = 0
        if (present(n_sample)) n = n_sample
        sink = text_sink(to, unit)
        call settle(pdm_model_polish_file(self%handle, c_optional(input, chars), n, c_text(output), tolerance, sink, &
            c_loc(to)), self%context, stat)
    end subroutine
    subroutine model_evaluate_file(self, reference, unit, output, polish, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: reference
        integer, intent(in) :: unit
        character(len=*), intent(in), optional :: output
        real(c_double), intent(in), optional :: polish
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_model_evaluate_file(self%handle, c_text(reference), c_optional(output, chars), &
            or_zero(polish), sink, c_loc(to)), self%context, stat)
    end subroutine
    subroutine model_evaluate_exact(self, unit, polish, stat)
        class(pdm_model), intent(in) :: self
        integer, intent(in) :: unit
        real(c_double), intent(in), optional :: polish
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_model_evaluate_exact(self%handle, or_zero(polish), sink, c_loc(to)), self%context, stat)
    end subroutine

    ! As the fit of a case, by what the model has learned.
    subroutine model_fit(self, data, output, parameters, start, bounds, priors, noise, tolerance, max_iter, &
            max_unknowns, apart, unit, numbers, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in) :: data, output, parameters
        character(len=*), intent(in), optional :: start, bounds, priors, noise
        real(c_double), intent(in), optional :: tolerance
        integer, intent(in), optional :: max_iter, max_unknowns
        logical, intent(in), optional :: apart
        integer, intent(in), optional :: unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        type(fit_texts), target :: texts
        type(pdm_fit_settings), target :: s
        type(call_target), target :: to
        type(c_funptr) :: sink
        integer(c_int) :: status
        call set_fit(s, texts, parameters, start, bounds, priors, noise, tolerance, max_iter, max_unknowns, apart)
        sink = text_sink(to, unit)
        status = pdm_model_fit(self%handle, c_text(data), c_text(output), c_loc(s), sink, c_funloc(take_number), &
            c_loc(to))
        if (present(numbers)) numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine

    ! counts: numbers of experts; those that fit where absent.
    subroutine model_compare_modes(self, input, counts, max_sweeps, unit, numbers, stat)
        class(pdm_model), intent(in) :: self
        character(len=*), intent(in), optional :: input
        integer, intent(in), optional :: counts(:), max_sweeps, unit
        type(pdm_numbers), intent(out), optional :: numbers
        integer, intent(out), optional :: stat
        character(kind=c_char), allocatable, target :: chars(:)
        integer(c_int64_t), allocatable, target :: count(:)
        integer(c_int64_t) :: n, sweeps
        type(call_target), target :: to
        type(c_funptr) :: sink
        type(c_ptr) :: first
        integer(c_int) :: status
        n = 0
        sweeps = 0
        first = c_null_ptr
        if (present(max_sweeps)) sweeps = max_sweeps
        if (present(counts)) then
            count = counts
            n = size(count)
            if (n > 0) first = c_loc(count)
        end if
        sink = text_sink(to, unit)
        status = pdm_model_compare_modes(self%handle, c_optional(input, chars), n, first, sweeps, sink, &
            c_funloc(take_number), c_loc(to))
        if (present(numbers)) numbers = to%numbers
        call settle(status, self%context, stat)
    end subroutine

    subroutine model_check_gradient(self, slope, unit, stat)
        class(pdm_model), intent(in) :: self
        real(c_double), intent(inout) :: slope
        integer, intent(in) :: unit
        integer, intent(out), optional :: stat
        type(call_target), target :: to
        type(c_funptr) :: sink
        sink = text_sink(to, unit)
        call settle(pdm_model_check_gradient(self%handle, slope, sink, c_loc(to)), self%context, stat)
    end subroutine
end module
