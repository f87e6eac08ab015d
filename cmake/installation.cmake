# Library, header, Fortran modules, program (cli installs itself), CMake package, pkg-config file, cases, man page,
# documents, examples, completion.

include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/pdemoe)
# What a program links besides the library: with a shared one nothing, or what --static asks for.
list(JOIN PDM_LINK_PARTS " " parts)
set(PDM_PC_LIBS "")
set(PDM_PC_LIBS_PRIVATE "Libs.private: ${parts}")
if(NOT BUILD_SHARED_LIBS)
  set(PDM_PC_LIBS " ${parts}")
  set(PDM_PC_LIBS_PRIVATE "")
endif()
foreach(target IN LISTS PDM_SHIPPED)
  install(TARGETS ${target} EXPORT ${target}-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT ${target}-targets NAMESPACE pdemoe:: DESTINATION ${package})
endforeach()
install(FILES include/pdemoe/pdemoe.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pdemoe)
if(TARGET pdemoe_fortran)
  install(TARGETS pdemoe_fortran EXPORT pdemoe-targets)
  install(FILES fortran/pdemoe.F90 DESTINATION ${CMAKE_INSTALL_DATADIR}/pdemoe)
endif()
install(DIRECTORY cases/ DESTINATION ${CMAKE_INSTALL_DATADIR}/pdemoe/cases)
install(FILES docs/pdemoe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs PATTERN pdemoe.1 EXCLUDE)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples FILES_MATCHING PATTERN "*.c" PATTERN "*.f90")
install(FILES completion/pdemoe.bash RENAME pdemoe DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES completion/_pdemoe DESTINATION ${PDM_ZSH_FOLDER})

configure_package_config_file(cmake/pdemoe-config.cmake.in ${PROJECT_BINARY_DIR}/pdemoe-config.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pdemoe-config-version.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH PDM_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix/include)
get_filename_component(PDM_PC_UP ${PDM_PC_UP} DIRECTORY) # from pdemoe.pc up to the prefix
configure_file(cmake/pdemoe.pc.in ${PROJECT_BINARY_DIR}/pdemoe.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pdemoe-config.cmake ${PROJECT_BINARY_DIR}/pdemoe-config-version.cmake
  DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/pdemoe.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET pdemoe_mpi)
  install(TARGETS pdemoe_mpi EXPORT pdemoe_mpi-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES include/pdemoe/pdemoe_mpi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pdemoe)
  install(EXPORT pdemoe_mpi-targets NAMESPACE pdemoe:: DESTINATION ${package})
  list(JOIN MPI_C_LIBRARIES " " PDM_PC_MPI_LIBS)
  list(TRANSFORM MPI_C_INCLUDE_DIRS PREPEND -I OUTPUT_VARIABLE PDM_PC_MPI_FLAGS)
  list(JOIN PDM_PC_MPI_FLAGS " " PDM_PC_MPI_FLAGS)
  configure_file(cmake/pdemoe_mpi.pc.in ${PROJECT_BINARY_DIR}/pdemoe_mpi.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/pdemoe_mpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
