#include "core/core.h"

#include "build_commit.h"
#include "build_info.h"

#define TEXT_OF(x)      #x
#define JOIN(a, b, c)   TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)
#define LIBRARY_VERSION JOIN(PDM_VERSION_MAJOR, PDM_VERSION_MINOR, PDM_VERSION_PATCH)

const char *pdm_version(void)
{
    return LIBRARY_VERSION;
}

const char *pdm_build_info(void)
{
    return "pdemoe " LIBRARY_VERSION "\n"
           "commit " PDM_BUILD_COMMIT "\n"
           "compiler " PDM_BUILD_COMPILER "\n"
           "build " PDM_BUILD_TYPE "\n" PDM_BUILD_PARTS;
}
