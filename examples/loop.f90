! A time loop in Fortran that asks a model for each of its steps. Tracers drift and spread on a ring,
!     dt(c) + dx(v*c - D*dx(c)) = 0,
! in one call: a tracer is a sample. The host's array c(x, tracer) is the input, once it is in the order of the points where
! the model wants it, and the answer comes as u(x, t, field, tracer). The case is made here, and its model found from a few
! solutions; a program that has a model file reads it by model%read(context, "model.nc").
!     example_loop       prints the error against the exact solution, and what was asked and doubted
program loop
    use pdemoe
    implicit none
    integer, parameter :: n_x = 32, n_tracer = 3, n_step = 20
    real(c_double), parameter :: pi = acos(-1.0_c_double), v = 0.5_c_double, D = 0.005_c_double, step = 0.1_c_double
    type(pdm_context) :: context
    type(pdm_model) :: model
    real(c_double) :: x(n_x), c(n_x, n_tracer), exact(n_x), u(n_x, 2, 1, n_tracer)
    integer(c_int32_t) :: reason(n_tracer), word(n_tracer)
    integer(c_int64_t) :: left
    integer :: i, k, at(n_x), doubted

    call context%create()
    call find_model()
    call find_order()
    x = [(real(i, c_double)/n_x, i=0, n_x - 1)]
    call model%set_output('x', x)
    call model%set_output('t', [step/2, step]) ! half of it too, to show the order: u(:, 2, 1, k) is tracer k after a step
    call model%set_verdict(.true.)

    do k = 1, n_tracer
        c(:, k) = wave(k, 0.0_c_double)
    end do
    doubted = 0
    do i = 1, n_step
        call model%predict(c(at, :), u, reason)
        call model%verdicts(word)
        doubted = doubted + count(word > PDM_VERDICT_GOOD .or. &
            (reason /= PDM_REASON_CONVERGED .and. reason /= PDM_REASON_ROUNDING))
        c = u(:, 2, 1, :)
    end do

    print '(a, i0, a, i0)', 'steps of tracers: ', n_step*n_tracer, ', doubted: ', doubted
    do k = 1, n_tracer
        exact = wave(k, n_step*step)
        print '(a, i0, a, es9.2, a, f10.7)', 'tracer ', k, ': relative error ', norm2(c(:, k) - exact)/norm2(exact), &
            ', mean ', sum(c(:, k))/n_x
    end do
    call model%destroy()
    call context%destroy(left)
    if (left /= 0) error stop 'something was not given back'

contains

    ! Tracer k at time t, as it is known: 1 and a wave that drifts and fades.
    function wave(k, t) result(value)
        integer, intent(in) :: k
        real(c_double), intent(in) :: t
        real(c_double) :: value(n_x)
        value = 1 + 0.5_c_double*exp(-D*(2*pi*k)**2*t)*cos(2*pi*k*(x - v*t))
    end function

    ! at(i): the host's point that is the model's point i. Both divide the ring by n_x; the model begins elsewhere.
    subroutine find_order()
        real(c_double), allocatable :: point(:)
        call model%input_points('c0', 'x', point)
        at = modulo(nint(point*n_x), n_x) + 1
        if (any(abs(point - (at - 1)/real(n_x, c_double)) > 1e-12)) error stop 'the model has other points'
    end subroutine

    ! One step of time is the extent of the case. Inputs are states, columns the directions of solutions.
    subroutine find_model()
        type(pdm_case) :: step_case
        integer :: unit
        call step_case%create(context)
        call step_case%set('pde', 'fields', 'c')
        call step_case%set('pde.parameters', 'v', v)
        call step_case%set('pde.parameters', 'D', D)
        call step_case%set('pde.residuals', 'c', 'dt(c) + dx(v*c - D*dx(c))')
        call step_case%set('pde.initial', 'c', 'c0')
        call step_case%set('inputs.c0', 'dimensions', 'x')
        call step_case%set('inputs.c0', 'distribution', 'gaussian_field(length=0.15, mean=1, amplitude=0.5, smoothness=inf)')
        call step_case%set('domain', 'dimensions', 't x')
        call step_case%set('domain.t', 'extent', [0.0_c_double, step])
        call step_case%set('domain.t', 'control_points', 6)
        call step_case%set('domain.x', 'extent', [0.0_c_double, 1.0_c_double])
        call step_case%set('domain.x', 'control_points', n_x)
        call step_case%set('domain.x', 'kind', 'periodic')
        call step_case%set('domain.x', 'grading', 'none') ! equal spans: inputs are wanted at the host's own points
        call step_case%set('experts', 'prior', 'pod')
        call step_case%set('experts', 'basis', 24)
        call step_case%set('training', 'solutions', 32)
        call model%create(step_case)
        call step_case%destroy()
        call model%train('loop.nc')
        open (newunit=unit, file='loop.nc') ! a program that wants the model again keeps it
        close (unit, status='delete')
        open (newunit=unit, file='loop.log.jsonl')
        close (unit, status='delete')
    end subroutine
end program
