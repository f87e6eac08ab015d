! Module pdemoe from a program: arrays in their order, status, texts, callbacks, mistakes, and nothing left at the end.
! Runs in a scratch folder; ends with "error stop" at the first thing that is not as expected.
program fortran_calls
    use pdemoe
    use, intrinsic :: ieee_arithmetic, only: ieee_is_nan
    implicit none
    integer, parameter :: n_x = 5, n_t = 3, n = 4
    real(c_double), parameter :: pi = acos(-1.0_c_double)
    real(c_double), parameter :: x(n_x) = [0.0_c_double, 0.25_c_double, 0.5_c_double, 0.75_c_double, 1.0_c_double]
    real(c_double), parameter :: t(n_t) = [0.25_c_double, 0.5_c_double, 1.0_c_double]
    type(pdm_context) :: context
    type(pdm_case) :: heat
    type(pdm_model) :: model
    integer :: steps_seen = 0

    call try_texts()
    call context%create()
    call make_heat(heat)
    call try_mistakes()
    call try_training()
    call try_prediction()
    call try_jobs()
    call try_lives()
    call model%destroy()
    call heat%destroy()
    call finish(context)
    print '(a)', 'fine'

contains

    subroutine expect(holds, what)
        logical, intent(in) :: holds
        character(len=*), intent(in) :: what
        if (holds) return
        print '(a)', 'not as expected: '//what, context%error()
        error stop 1
    end subroutine

    logical function says(word)
        character(len=*), intent(in) :: word
        says = index(context%error(), word) > 0
    end function

    subroutine finish(which)
        type(pdm_context), intent(inout) :: which
        integer(c_int64_t) :: left
        call which%destroy(left)
        call expect(left == 0, 'all memory is given back')
    end subroutine

    subroutine try_texts()
        call expect(len(pdm_version()) >= 5, 'a version')
        call expect(index(pdm_build_info(), 'NetCDF') > 0, 'the parts of the build')
        call expect(pdm_verdict_text(PDM_VERDICT_DOUBTFUL) == 'doubtful', 'a word')
        call expect(pdm_status_text(int(PDM_OK)) == 'success', 'a status')
    end subroutine

    ! u = a sin(pi x) exp(-b pi^2 t) + 2 x: two inputs, and a shape that tells x from t and both ends from each other.
    subroutine make_heat(c)
        type(pdm_case), intent(inout) :: c
        call c%create(context)
        call c%set('pde', 'fields', 'u')
        call c%set('pde.residuals', 'u', 'dt(u) - b*dxx(u)')
        call c%set('pde.initial', 'u', 'a*sin(pi*x) + 2*x')
        call c%set('pde.boundary', 'x_min', 'u = 0')
        call c%set('pde.boundary', 'x_max', 'u = 2')
        call c%set('inputs.a', 'distribution', 'uniform(0.5, 1.5)')
        call c%set('inputs.b', 'distribution', 'uniform(0.05, 0.15)')
        call c%set('domain', 'dimensions', 't x')
        call c%set('domain.t', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.t', 'control_points', 10)
        call c%set('domain.x', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.x', 'control_points', 12)
        call c%set('experts', 'prior', 'pod')
        call c%set('experts', 'basis', 6)
        call c%set('training', 'solutions', 12)
        call c%set('training', 'batch', 2)
    end subroutine

    elemental real(c_double) function exact(a, b, x, t)
        real(c_double), intent(in) :: a, b, x, t
        exact = a*sin(pi*x)*exp(-b*pi**2*t) + 2*x
    end function

    ! stat, where it is there, has the error; the text names the place.
    subroutine try_mistakes()
        type(pdm_case) :: other
        type(pdm_model) :: none
        real(c_double) :: nothing(0)
        integer :: stat
        call other%read(context, 'nowhere.cdl', stat)
        call expect(stat == PDM_ERR_IO .and. says('nowhere.cdl'), 'a case that is not there')
        call none%create(other, stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'a model of no case')
        call none%predict([1.0_c_double], nothing, stat=stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'a prediction of no model')
        call expect(none%n_point() == 0, 'no points of no model')
        call expect(ieee_is_nan(none%value('loss')), 'no numbers of no model')
        call none%set_output('x', x, stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'points of no model')
        call none%destroy()
        call heat%set('solver', 'tolerant', '1', stat)
        call expect(stat == PDM_OK, 'an attribute')
        call none%create(heat, stat)
        call expect(stat == PDM_ERR_CASE .and. says('tolerant'), 'an attribute that nobody reads')
        call heat%destroy()
        call make_heat(heat)
        call context%set_threads(-1, stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'threads below 0')
        call context%set_threads(1)
    end subroutine

    logical function stop_after_two(m)
        type(pdm_model), intent(in) :: m
        steps_seen = int(m%step())
        stop_after_two = steps_seen < 2
    end function

    ! A callback that stops, then columns from solutions, without steps.
    subroutine try_training()
        type(pdm_case) :: network
        type(pdm_model) :: trained
        type(pdm_numbers) :: numbers
        integer :: stat, unit
        character(len=200) :: line
        call make_heat(network)
        call network%set('experts', 'prior', 'polynomial')
        call network%set('surrogate', 'width', 4)
        call network%set('surrogate', 'modes', 2)
        call network%set('training', 'steps', 5)
        call trained%create(network)
        call trained%train('network.nc', stop_after_two, stat)
        call expect(stat == PDM_ERR_INTERRUPTED .and. steps_seen == 2 .and. trained%steps() == 5, 'a stop after two steps')
        call trained%destroy()
        call trained%read(context, 'network.nc')
        call expect(trained%step() == 2, 'a checkpoint')
        call trained%check_case(network)
        call trained%compress('half.nc', half=.true., tolerance=10.0_c_double, numbers=numbers)
        call expect(numbers%value('bytes.file') > 0, 'a compressed model')
        call trained%destroy()
        call network%destroy()

        call model%create(heat)
        call model%train('columns.nc')
        open (newunit=unit, status='scratch')
        call model%describe(unit)
        rewind (unit)
        read (unit, '(a)') line
        call expect(index(line, 'dt') > 0, 'the equation in the first line: '//trim(line))
        close (unit)
    end subroutine

    ! The same numbers whatever the shape that they are asked for in, and those of the exact solution.
    subroutine try_prediction()
        real(c_double) :: input(2, n), u(n_x, n_t, 1, n), flat(n_x*n_t, 1, n), one(n_x, n_t), line(n_x*n_t)
        real(c_double) :: wide(2*n_x, n_t, 1, n), left_over(n), estimate(1, n)
        integer(c_int32_t) :: reason(n), word(n), why
        character(len=:), allocatable :: text
        integer :: i, j, k, stat
        call expect(model%n_input() == 2 .and. model%n_field() == 1, 'two inputs, one field')
        call model%set_output('x', x)
        call model%set_output('t', t)
        call expect(model%n_point() == n_x*n_t, 'the points asked for')
        input(1, :) = [(0.6_c_double + 0.2_c_double*k, k=1, n)]
        input(2, :) = [(0.15_c_double - 0.02_c_double*k, k=1, n)]
        call model%set_verdict(.true.)
        call model%predict(input, u, reason)
        call expect(all(reason == 1 .or. reason == 2), 'solves that converge')
        do k = 1, n
            do j = 1, n_t
                do i = 1, n_x
                    call expect(abs(u(i, j, 1, k) - exact(input(1, k), input(2, k), x(i), t(j))) < 2e-3, 'u(x, t, 1, k)')
                end do
            end do
        end do
        call model%verdicts(word, left_over, estimate)
        call expect(all(word == PDM_VERDICT_NONE) .and. all(left_over >= 0) .and. all(ieee_is_nan(estimate)), 'verdicts')
        call model%explain_verdict(1, text)
        call expect(text == '', 'nothing is against it')
        call model%explain_verdict(n + 1, text, stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'a verdict that is not there')

        call model%predict(input, flat)
        call expect(all(reshape(flat, shape(u)) == u), 'points as one dimension')
        call model%predict(input(:, 3), one, why)
        call expect(all(abs(one - u(:, :, 1, 3)) < 1e-12) .and. why == reason(3), 'one sample')
        call model%predict(input(:, 3), line)
        call expect(all(reshape(line, shape(one)) == one), 'one sample, points as one dimension')
        wide = -1
        call model%predict(input, wide(1:2*n_x:2, :, :, :)) ! every other one: copied by the compiler
        call expect(all(wide(1:2*n_x:2, :, :, :) == u) .and. all(wide(2:2*n_x:2, :, :, :) < 0), 'an array with gaps')

        call model%predict(input, u(:, 2:, :, :), stat=stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'too few values')
        call model%predict(input(1:1, :), u, stat=stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'too few inputs')
        call model%predict(input, u, reason(2:), stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'too few reasons')
    end subroutine

    ! Numbers by name, settings as optional arguments, arrays into a case.
    subroutine try_jobs()
        type(pdm_case) :: c
        type(pdm_numbers) :: numbers
        type(pdm_model) :: given
        real(c_double) :: samples(12, 2) ! (x, sample)
        real(c_double), allocatable :: point(:)
        integer :: stat
        call heat%reference('reference.nc', n_sample=1, tolerance=0.02_c_double, numbers=numbers)
        call expect(numbers%value('samples') == 1 .and. numbers%value('converged') == 1, 'a reference')
        call expect(ieee_is_nan(numbers%value('nobody')), 'a number that is not there')
        call heat%reference('reference.nc', method='guess', stat=stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'a method that is not there')
        call heat%check_data('reference.nc', numbers=numbers)
        call expect(numbers%value('notes') == 0, 'equations on their own solution')

        call make_heat(c)
        call c%set('inputs.a', 'dimensions', 'x')
        call c%set('inputs.a', 'distribution', '')
        samples = 1
        call c%set_array('inputs.a', 'samples', ['x     '], samples, stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'too few names')
        call c%destroy()
        call c%create(context)
        call c%set('pde', 'fields', 'u')
        call c%set('pde.residuals', 'u', 'dt(u) - 0.1*dxx(u)')
        call c%set('pde.initial', 'u', 'u0')
        call c%set('pde.boundary', 'x_min', 'u = 1')
        call c%set('pde.boundary', 'x_max', 'u = 1')
        call c%set('inputs.u0', 'dimensions', 'x')
        call c%set_array('inputs.u0', 'samples', ['x     ', 'sample'], samples)
        call c%set('domain', 'dimensions', 't x')
        call c%set('domain.t', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.t', 'control_points', 5)
        call c%set('domain.x', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.x', 'control_points', 12)
        call given%create(c)
        call given%input_points('u0', 'x', point)
        call expect(size(point) == 12 .and. point(1) == 0 .and. point(12) == 1, 'points of an input')
        call given%input_points('u0', 't', point, stat)
        call expect(stat == PDM_ERR_ARGUMENT .and. size(point) == 12, 'an input that has no time')
        call given%destroy()
        call c%destroy()
    end subroutine

    ! Nothing stays behind, however often.
    subroutine try_lives()
        type(pdm_context) :: life
        type(pdm_case) :: c
        integer :: i
        do i = 1, 1000
            call life%create()
            call life%set_log(6)
            call c%create(life)
            call c%set('pde', 'fields', 'u')
            call c%destroy()
            call finish(life)
        end do
    end subroutine
end program
