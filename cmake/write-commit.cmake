# Writes OUT with the commit of SOURCE, "unknown" outside a git checkout; leaves the file alone when nothing changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define PDM_BUILD_COMMIT \"${commit}\"\n" @ONLY)
