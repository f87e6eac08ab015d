# Functions with which the folders describe themselves.

# Flags for every target of ours. Contraction is off everywhere, so that each instruction set gives the same bits;
# kernels that want fused multiply-add write it out.
add_library(pdm_flags INTERFACE)
target_compile_features(pdm_flags INTERFACE c_std_11)
target_compile_options(pdm_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:
  -Wall;-Wextra;-Wconversion;-Wshadow;-Wstrict-prototypes;-Wvla;-ffp-contract=off;$<$<BOOL:${PDM_WERROR}>:-Werror>>)
if(PDM_ASSERTIONS)
  target_compile_options(pdm_flags INTERFACE -UNDEBUG)
endif()
target_include_directories(pdm_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)

function(pdm_set_up_target target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:pdm_flags>)
endfunction()

# pdemoe and pdemoe_static (to ship) and pdemoe_whole (static, all symbols to be had): the layers add their objects to
# each. Without shared libraries pdemoe is pdemoe_static.
function(pdm_set_up_library)
  add_library(pdemoe)
  set_target_properties(pdemoe PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "${PDM_OPENBLAS_FOLDER}" INSTALL_RPATH_USE_LINK_PATH ON)
  set(shipped pdemoe)
  set(static pdemoe)
  if(BUILD_SHARED_LIBS AND PDM_STATIC)
    add_library(pdemoe_static STATIC)
    set_target_properties(pdemoe_static PROPERTIES OUTPUT_NAME pdemoe)
    list(APPEND shipped pdemoe_static)
    set(static pdemoe_static)
  elseif(BUILD_SHARED_LIBS)
    set(static "")
  endif()
  foreach(target IN LISTS shipped)
    add_library(pdemoe::${target} ALIAS ${target})
    pdm_set_up_target(${target})
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endforeach()
  if(static)
    pdm_hide_symbols(${static})
  endif()
  if(static STREQUAL "pdemoe")
    add_library(pdemoe::pdemoe_static ALIAS pdemoe)
  endif()
  set(PDM_STATIC_LIBRARY "${static}" PARENT_SCOPE)
  set(PDM_SHIPPED "${shipped}" PARENT_SCOPE)

  add_library(pdemoe_whole STATIC)
  pdm_set_up_target(pdemoe_whole)
  target_link_libraries(pdemoe_whole PUBLIC m)
  if(NOT PROJECT_IS_TOP_LEVEL)
    set_target_properties(pdemoe_whole PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# A static library as one object whose symbols are local but for PDM_API, as they are in the shared one: a program's
# own names do not meet ours.
function(pdm_hide_symbols target)
  set(object ${PROJECT_BINARY_DIR}/pdemoe.o)
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_LINKER} -r -o ${object} --whole-archive $<TARGET_FILE:${target}>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}
    COMMAND ${CMAKE_COMMAND} -E rm $<TARGET_FILE:${target}>
    COMMAND ${CMAKE_AR} qcs $<TARGET_FILE:${target}> ${object}
    COMMAND ${CMAKE_COMMAND} -E rm ${object}
    VERBATIM)
endfunction()

# Links pdemoe with what a folder needs. The parts are targets of this build alone; who links a static library links what
# the property PDM_INSTALLED_LINK of the targets says, which the global property of that name collects.
function(pdm_link_library)
  foreach(part IN LISTS ARGN)
    if(BUILD_SHARED_LIBS)
      target_link_libraries(pdemoe PRIVATE $<BUILD_INTERFACE:${part}>)
    endif()
    if(TARGET ${part})
      get_target_property(installed ${part} PDM_INSTALLED_LINK)
    else()
      set(installed -l${part})
    endif()
    if(installed)
      set_property(GLOBAL APPEND PROPERTY PDM_INSTALLED_LINK ${installed})
    endif()
  endforeach()
endfunction()

# After the last layer: what links the static library links the parts as well, in this build, in a project around it and
# where it is installed. A shared one knows them itself. PDM_LINK_PARTS is for pkg-config.
function(pdm_end_library)
  get_property(parts GLOBAL PROPERTY PDM_INSTALLED_LINK)
  list(REMOVE_DUPLICATES parts)
  set(PDM_LINK_PARTS "${parts}" PARENT_SCOPE)
  if(PDM_STATIC_LIBRARY)
    target_link_libraries(${PDM_STATIC_LIBRARY} INTERFACE ${parts})
  endif()
endfunction()

# Is the folder among those to build? Tests and everything else too when PDM_ONLY is empty.
function(pdm_wants folder out)
  set(${out} OFF PARENT_SCOPE)
  if(PDM_ONLY STREQUAL "" OR folder IN_LIST PDM_ONLY OR folder STREQUAL "core" OR folder STREQUAL "tests")
    set(${out} ON PARENT_SCOPE)
  endif()
endfunction()

# pdm_add_layer(<folder> SOURCES a.c ... [LINK target ...]): object library pdm_<folder>, in all libraries.
function(pdm_add_layer folder)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "SOURCES;LINK")
  if(layer_UNPARSED_ARGUMENTS OR NOT layer_SOURCES)
    message(FATAL_ERROR "pdm_add_layer(${folder}): SOURCES a.c ... [LINK target ...] expected")
  endif()
  add_library(pdm_${folder} OBJECT ${layer_SOURCES})
  pdm_set_up_target(pdm_${folder})
  target_link_libraries(pdm_${folder} PRIVATE ${layer_LINK})
  foreach(library IN LISTS PDM_SHIPPED ITEMS pdemoe_whole)
    target_sources(${library} PRIVATE $<TARGET_OBJECTS:pdm_${folder}>)
  endforeach()
  pdm_link_library(${layer_LINK})
  target_link_libraries(pdemoe_whole PUBLIC ${layer_LINK})
endfunction()

function(pdm_set_up_program target)
  pdm_set_up_target(${target})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin INSTALL_RPATH_USE_LINK_PATH ON)
endfunction()

# pdm_add_program(<target> SOURCES a.c ...): built on the public library alone.
function(pdm_add_program target)
  cmake_parse_arguments(PARSE_ARGV 1 program "" "" "SOURCES")
  add_executable(${target} ${program_SOURCES})
  pdm_set_up_program(${target})
  target_link_libraries(${target} PRIVATE pdemoe::pdemoe)
endfunction()

# pdm_add_fortran_program(<target> SOURCES a.f90 ...): with the modules of fortran/.
function(pdm_add_fortran_program target)
  cmake_parse_arguments(PARSE_ARGV 1 program "" "" "SOURCES")
  add_executable(${target} ${program_SOURCES})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin Fortran_MODULE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${target}_modules)
  target_compile_options(${target} PRIVATE
    $<$<Fortran_COMPILER_ID:GNU>:-std=f2008;-Wall;-Wextra;-Wno-function-elimination;-Wno-compare-reals;-pedantic;-fcheck=all,no-array-temps;$<$<BOOL:${PDM_WERROR}>:-Werror>>)
  target_link_libraries(${target} PRIVATE pdemoe::fortran)
endfunction()

# pdm_add_limited_test(<name> <label> <command>...): a test in a scratch folder of its own (the working folder). Loops
# without end are stopped by a limit on CPU time; limits on wall clock are there for what waits without end, and are
# long, as the machine may be busy.
function(pdm_add_limited_test name label)
  set(scratch ${PROJECT_BINARY_DIR}/scratch/${name})
  file(MAKE_DIRECTORY ${scratch})
  set(slowness 1)
  if(label MATCHES "^(slow|long)$")
    set(slowness 3)
  endif()
  if(CMAKE_C_FLAGS MATCHES "-fsanitize|--coverage") # several times slower
    math(EXPR slowness "5 * ${slowness}")
  endif()
  math(EXPR cpu_seconds "300 * ${slowness}")
  math(EXPR seconds "1200 * ${slowness}") # a preset's time limit does not undo TIMEOUT
  math(EXPR multiplier "10 * ${slowness}")
  add_test(NAME ${name} COMMAND sh ${PROJECT_SOURCE_DIR}/tests/limited.sh ${cpu_seconds} ${ARGN})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "OMP_WAIT_POLICY=passive;CK_DEFAULT_TIMEOUT=60;CK_TIMEOUT_MULTIPLIER=${multiplier};\
PDEMOE_BACKENDS=${PROJECT_BINARY_DIR}/tests/backends;PDEMOE_KERNELS=${scratch}/kernels"
    WORKING_DIRECTORY ${scratch} TIMEOUT ${seconds} LABELS "${label}" SKIP_RETURN_CODE 77)
endfunction()

# pdm_add_suite(<name> [LABEL slow] [LINK target ...]): tests/test_<name>.c with the test library and Check. The program
# knows PDM_SOURCE_DIR, the root of the tree. A suite named after a folder that PDM_ONLY leaves out is left out too.
function(pdm_add_suite name)
  cmake_parse_arguments(PARSE_ARGV 1 suite "" "LABEL" "LINK")
  set(wanted OFF)
  pdm_wants(${name} wanted)
  foreach(folder IN LISTS PDM_ONLY ITEMS core double)
    if(name MATCHES "^${folder}(_|$)")
      set(wanted ON)
    endif()
  endforeach()
  if(NOT wanted)
    return()
  endif()
  add_executable(test_${name} test_${name}.c)
  pdm_set_up_target(test_${name})
  target_compile_definitions(test_${name} PRIVATE
    PDM_SOURCE_DIR="${PROJECT_SOURCE_DIR}" $<$<TARGET_EXISTS:cuda_on_double>:PDM_TEST_CUDA>)
  target_link_libraries(test_${name} PRIVATE pdemoe_whole PkgConfig::CHECK ${suite_LINK})
  pdm_add_limited_test(${name} "${suite_LABEL}" $<TARGET_FILE:test_${name}>)
endfunction()

# pdm_add_backend(<suite> <back end> [label]): the suite once more, with models on that back end, as <suite>_<back end>.
function(pdm_add_backend suite backend)
  if(NOT TARGET test_${suite})
    return()
  endif()
  pdm_add_limited_test(${suite}_${backend} "${ARGN}" $<TARGET_FILE:test_${suite}>)
  set_property(TEST ${suite}_${backend} APPEND PROPERTY ENVIRONMENT "PDM_TEST_BACKEND=${backend}")
endfunction()

# pdm_add_fuzz(<name> [LINK target ...]): tests/fuzz_<name>.c, which defines LLVMFuzzerTestOneInput. With PDM_FUZZ a fuzzer;
# without, a test that replays every file of tests/corpus/<name>. Either way the test is called fuzz_<name>.
function(pdm_add_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 fuzz "" "" "LINK")
  add_executable(fuzz_${name} fuzz_${name}.c)
  pdm_set_up_target(fuzz_${name})
  target_link_libraries(fuzz_${name} PRIVATE pdemoe_whole ${fuzz_LINK})
  if(PDM_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set(found ${PROJECT_BINARY_DIR}/corpus/${name}) # what the fuzzer adds is written here, beside the build
    file(MAKE_DIRECTORY ${found})
    # NetCDF keeps the memory of files that it fails to finish, which the writers of some targets make on purpose.
    pdm_add_limited_test(fuzz_${name} ""
      $<TARGET_FILE:fuzz_${name}> -runs=20000 -seed=1 -rss_limit_mb=8192 ${found} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  else()
    target_sources(fuzz_${name} PRIVATE fuzz_replay.c)
    pdm_add_limited_test(fuzz_${name} "" $<TARGET_FILE:fuzz_${name}> ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endif()
endfunction()

# pdm_add_script(<name> [LABEL slow] [ARGUMENTS a ...]): runs tests/test_<name>.sh; exit code 77 means skipped.
function(pdm_add_script name)
  cmake_parse_arguments(PARSE_ARGV 1 script "" "LABEL" "ARGUMENTS")
  pdm_add_limited_test(${name} "${script_LABEL}" sh ${CMAKE_CURRENT_SOURCE_DIR}/test_${name}.sh ${script_ARGUMENTS})
endfunction()
