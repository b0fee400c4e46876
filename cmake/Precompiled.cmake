# Headers that most of our sources include, parsed once for each kind of target and not once a file. A source still
# includes what it uses: the preset tidy builds without these, and fails where one was forgotten.
option(PENSTOCK_PRECOMPILED "Precompile what is often included" ON)

set(PENSTOCK_PRECOMPILED_HEADERS
  <algorithm> <cstdint> <deque> <functional> <map> <memory> <optional> <set> <string> <utility> <variant> <vector>
  <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/match.h> <absl/strings/str_cat.h>
  <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/synchronization/mutex.h>
  <absl/time/time.h> <absl/types/span.h> <nlohmann/json.hpp>)

# The kinds, which CMakeLists.txt makes: `plain`, and `test` with GoogleTest besides. Headers of gRPC and of messages are
# left out: they are so large that reading them precompiled takes as long as parsing them.
function(penstock_precompiled_kind kind)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINK;OPTIONS" ${ARGN})
  if(NOT PENSTOCK_PRECOMPILED)
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/precompiled/${kind}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "// What is precompiled needs a source that it is compiled for.\n")
  add_library(penstock_precompiled_${kind} OBJECT EXCLUDE_FROM_ALL ${source})
  target_link_libraries(penstock_precompiled_${kind} PRIVATE ${ARG_LINK})
  target_compile_options(penstock_precompiled_${kind} PRIVATE ${ARG_OPTIONS})
  target_precompile_headers(penstock_precompiled_${kind} PRIVATE ${PENSTOCK_PRECOMPILED_HEADERS} ${ARG_HEADERS})
endfunction()

# penstock_precompiled(TARGET KIND): a kind, or none.
function(penstock_precompiled target kind)
  if(PENSTOCK_PRECOMPILED AND NOT kind STREQUAL none)
    target_precompile_headers(${target} REUSE_FROM penstock_precompiled_${kind})
    # As what was precompiled; -fPIE, which programs would have, is another setting to GCC.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()
