! What a host needs to label arrays, fields on a grid of its own, models in memory, fits.
program fortran_labels
    use pdemoe
    use, intrinsic :: ieee_arithmetic, only: ieee_is_nan
    implicit none
    type(pdm_context) :: context
    type(pdm_case) :: c
    type(pdm_model) :: m, again
    type(pdm_quantity) :: q
    type(pdm_dimension) :: d
    type(pdm_numbers) :: numbers
    character(len=:), allocatable :: text
    integer(c_int8_t), allocatable :: bytes(:)
    integer(c_int64_t) :: left
    real(c_double) :: factor, offset
    real(c_double), allocatable :: point(:), hx(:), ht(:), given(:, :, :), out(:, :), input(:, :), u(:, :, :), v(:, :, :)
    integer(c_int32_t) :: reason(2)
    integer :: stat, i, j, k, unit

    call context%create()
    call context%set_log(6)
    call context%set_threads(1)
    call context%units_conversion('degC', 'K', factor, offset)
    call expect(abs(factor - 1) < 1e-15 .and. abs(offset - 273.15_c_double) < 1e-12, 'degC')
    call context%units_conversion('m', 's', factor, offset, stat)
    call expect(stat == PDM_ERR_DATA .and. abs(factor - 1) < 1e-15, 'm to s '//context%error())
    call expect(pdm_reason_text(PDM_REASON_MAX_ITER) == 'too many iterations', 'reason')

    call make()
    call c%get_text('domain.x', 'extent', text)
    call expect(text == '0 2', 'get '//text)
    call c%get_text('domain.x', 'nothing', text, stat)
    call expect(stat == PDM_ERR_CASE .and. text == '0 2', 'get nothing')
    call m%create(c)
    call expect(m%count_inputs() == 2 .and. m%n_dim() == 2, 'counts')
    do i = 1, 2
        call m%input(i, q)
        call expect(q%name == merge('b', 's', i == 1), 'names in the order of the case')
    end do
    call expect(q%name == 's' .and. q%n_dim == 2 .and. q%first == 2 .and. q%first + q%n - 1 == m%n_input(), 's')
    call m%input(1, q)
    call expect(abs(q%low - 0.05_c_double) < 1e-15 .and. q%first == 1, 'b')
    call m%input(3, q, stat)
    call expect(stat == PDM_ERR_ARGUMENT .and. q%name == 'b', 'input 3 '//context%error())
    call m%input(0, q, stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'input 0 '//context%error())
    call m%field(1, q)
    call expect(q%name == 'u' .and. q%first == 1 .and. q%n == m%n_point() .and. ieee_is_nan(q%low), 'field')
    call m%input_dimension(2, 1, d)
    call expect(d%name == 'x' .and. d%coordinate(size(d%coordinate)) == 2, 'dim 1 is x')
    point = d%coordinate
    call m%input_dimension(2, 2, d)
    call expect(d%name == 't' .and. d%coordinate(size(d%coordinate)) == 1, 'dim 2 is t')
    do k = 0, 3, 3
        call m%input_dimension(2, k, d, stat)
        call expect(stat == PDM_ERR_ARGUMENT .and. d%name == 't', 'no such dim '//context%error())
        call m%output_dimension(k, d, stat)
        call expect(stat == PDM_ERR_ARGUMENT .and. d%name == 't', 'no such output dim '//context%error())
    end do
    call m%input_dimension(1, 1, d, stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'scalar')
    call m%output_dimension(1, d)
    call expect(d%name == 'x', 'output x')
    call m%output_dimension(2, d)
    call expect(d%name == 't', 'output t')

    ! x + 10 t + 100 sample, exactly reproduced by splines; tells the dimensions apart.
    hx = [(2*real(i, c_double)/20, i=0, 20)]
    ht = [(real(i, c_double)/9, i=0, 9)]
    allocate (given(21, 10, 2))
    do k = 1, 2
        do j = 1, 10
            do i = 1, 21
                given(i, j, k) = hx(i) + 10*ht(j) + 100*k
            end do
        end do
    end do
    call m%input(2, q)
    call m%input_dimension(2, 2, d)
    allocate (out(q%n, 2), input(m%n_input(), 2))
    call m%bring_input(2, hx, ht, given, out)
    do k = 1, 2
        do j = 1, size(d%coordinate)
            do i = 1, size(point)
                call expect(abs(out(i + size(point)*(j - 1), k) - (point(i) + 10*d%coordinate(j) + 100*k)) < 1e-9, 'bring')
            end do
        end do
    end do
    input(1, :) = 0.1_c_double
    given = 0.01_c_double
    call m%bring_input(2, hx, ht, given, input(q%first:q%first + q%n - 1, :))
    call expect(all(abs(input(2:, :) - 0.01_c_double) < 1e-12) .and. all(input(1, :) == 0.1_c_double), 'into a section')
    call m%bring_input(2, hx, given(:, 1, :), out, stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'one dim of two')
    call m%bring_input(2, ht, hx, given, out, stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'swapped')
    call m%bring_input(2, hx, ht, given, out(2:, :), stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'short out')
    call m%bring_input(2, hx, ht, given, out(:, 1:1), stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'few out')
    call m%bring_input(2, hx(:11), ht, given(:11, :, :), out, stat)
    call expect(stat == PDM_ERR_DATA, 'not covering '//context%error())
    call m%bring_input(1, hx, given(:, 1, :), out, stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'a number')
    call m%bring_input(2, hx(:0), ht, given(:0, :, :), out, stat)
    call expect(stat /= PDM_OK, 'no points '//context%error())

    call m%set_output('x', hx)
    call m%set_output('t', ht)
    allocate (u(21*10, 1, 2), v(21*10, 1, 2))
    call try_statistics()
    call m%set_polish(1e-8_c_double)
    call m%predict(input, u, reason)
    call expect(all(reason == PDM_REASON_CONVERGED .or. reason == PDM_REASON_ROUNDING), 'polished')
    call m%set_polish(-1.0_c_double, stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'polish -1')
    call m%write_memory(bytes)
    call again%read_memory(context, bytes)
    call again%set_polish(1e-8_c_double)
    call again%set_output('x', hx)
    call again%set_output('t', ht)
    call again%predict(input, v, reason)
    call expect(all(abs(u - v) < 1e-12), 'the same model')
    call again%destroy()
    bytes(size(bytes)/2:) = 0
    call again%read_memory(context, bytes, stat)
    call expect(stat == PDM_ERR_MODEL, 'damaged '//context%error())
    call again%read_memory(context, bytes(:0), stat)
    call expect(stat /= PDM_OK, 'nothing '//context%error())
    call again%write_memory(bytes, stat)
    call expect(stat == PDM_ERR_ARGUMENT .and. size(bytes) > 0, 'no model')
    call again%input(1, q, stat)
    call expect(stat == PDM_ERR_ARGUMENT .and. again%count_inputs() == 0 .and. again%n_dim() == 0, 'no model')
    call again%input_points('s', 'x', point, stat)
    call expect(stat == PDM_ERR_ARGUMENT .and. size(point) > 0, 'no points')

    ! A fit: data are the reference of the case with b = given, by the case itself.
    call m%destroy()
    call c%destroy()
    call fit_case()
    call c%reference('fit-data.nc', tolerance=1e-3_c_double)
    call c%set('pde.parameters', 'b', 0.15_c_double)
    open (newunit=unit, status='scratch')
    call c%fit('fit-data.nc', 'fit-out.nc', 'b', start='b = 0.12', bounds='b = 0.05 : 0.3', noise='0.001', max_unknowns=0, &
        unit=unit, numbers=numbers)
    call expect(abs(numbers%value('value.b') - 0.1_c_double) < 1e-3, 'fit')
    call c%fit('fit-data.nc', 'fit-out.nc', 'nobody', stat=stat)
    call expect(stat == PDM_ERR_CASE .or. stat == PDM_ERR_ARGUMENT, 'nobody '//context%error())
    call c%fit('fit-data.nc', 'fit-out.nc', 'b', tolerance=2.0_c_double, stat=stat)
    call expect(stat == PDM_ERR_ARGUMENT, 'tolerance '//context%error())
    call c%destroy()
    call fit_case('uniform(0.05, 0.3)')
    call m%create(c)
    call m%fit('fit-data.nc', 'fit-out.nc', 'b', noise='0.001', max_unknowns=0, apart=.true., numbers=numbers)
    call expect(abs(numbers%value('value.b') - 0.1_c_double) < 1e-3, 'model fit')
    call m%destroy()
    call c%destroy()
    call context%destroy(left)
    call expect(left == 0, 'left')
contains
    ! The sum of all answers by b, against differences; a file of statistics.
    subroutine try_statistics()
        real(c_double), parameter :: step = 1e-3_c_double
        real(c_double) :: more, less
        real(c_double), allocatable :: g_u(:, :, :), g_input(:, :)
        allocate (g_u(21*10, 1, 2), g_input(m%n_input(), 2))
        g_u = 1
        call m%gradient(input, g_u, g_input)
        input(1, 1) = 0.1_c_double + step
        call m%predict(input, v)
        more = sum(v(:, :, 1))
        input(1, 1) = 0.1_c_double - step
        call m%predict(input, v)
        less = sum(v(:, :, 1))
        input(1, 1) = 0.1_c_double
        call expect(abs((more - less)/(2*step) - g_input(1, 1)) < 1e-3*abs(g_input(1, 1)), 'a gradient')
        call m%gradient(input, g_u(:, :, 1:1), g_input, stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'too few cotangents')
        call m%ensemble('statistics.nc', n_sample=4, quantile=[0.5_c_double], polish=1e-6_c_double)
        call m%ensemble('statistics.nc', quantile=[0.5_c_double, 0.1_c_double], stat=stat)
        call expect(stat == PDM_ERR_ARGUMENT, 'quantiles that fall')
    end subroutine

    ! Heat with a diffusivity b and a source s(t, x).
    subroutine make()
        call c%create(context)
        call c%set('pde', 'fields', 'u')
        call c%set('pde.residuals', 'u', 'dt(u) - b*dxx(u) - s')
        call c%set('pde.initial', 'u', 'sin(pi*x)')
        call c%set('pde.boundary', 'x_min', 'u = 0')
        call c%set('pde.boundary', 'x_max', 'u = 0')
        call c%set('inputs.b', 'distribution', 'uniform(0.05, 0.15)')
        call c%set('inputs.s', 'dimensions', 't x')
        call c%set('inputs.s', 'distribution', 'gaussian_field(length=0.5, amplitude=0.5)')
        call c%set('domain', 'dimensions', 't x')
        call c%set('domain.t', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.t', 'control_points', 8)
        call c%set('domain.x', 'extent', [0.0_c_double, 2.0_c_double])
        call c%set('domain.x', 'control_points', 12)
        call c%set('experts', 'basis', 4)
        call c%set('surrogate', 'width', 4)
        call c%set('surrogate', 'modes', 2)
    end subroutine

    ! Heat whose diffusivity b is a number of the case, or an input.
    subroutine fit_case(distribution)
        character(len=*), intent(in), optional :: distribution
        call c%create(context)
        call c%set('pde', 'fields', 'u')
        if (present(distribution)) then
            call c%set('inputs.b', 'distribution', distribution)
        else
            call c%set('pde.parameters', 'b', 0.1_c_double)
        end if
        call c%set('pde.residuals', 'u', 'dt(u) - b*dxx(u)')
        call c%set('pde.initial', 'u', 'sin(pi*x)')
        call c%set('pde.boundary', 'x_min', 'u = 0')
        call c%set('pde.boundary', 'x_max', 'u = 0')
        call c%set('domain', 'dimensions', 't x')
        call c%set('domain.t', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.t', 'control_points', 8)
        call c%set('domain.x', 'extent', [0.0_c_double, 1.0_c_double])
        call c%set('domain.x', 'control_points', 10)
        call c%set('experts', 'basis', 2)
        call c%set('surrogate', 'width', 2)
        call c%set('surrogate', 'layers', 1)
    end subroutine

    subroutine expect(holds, what)
        logical, intent(in) :: holds
        character(len=*), intent(in) :: what
        if (holds) return
        print '(a)', 'not as expected: '//what, context%error()
        error stop 1
    end subroutine
end program
