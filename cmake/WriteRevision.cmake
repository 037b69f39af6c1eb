# cmake -DSOURCE=... -DOUTPUT=... -P WriteRevision.cmake
# Writes the definition of berth::apps::revision() if the revision of SOURCE differs from the one that is there.
execute_process(COMMAND git describe --always --abbrev=12 --dirty --exclude=*
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[#include "apps/config.hpp"

std::string_view berth::apps::revision() {
  return "@revision@";
}
]])
