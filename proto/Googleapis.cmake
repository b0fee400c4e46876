# Sets PENSTOCK_GOOGLEAPIS_DIR: a folder with google/api/*.proto and google/rpc/*.proto.
# Unless given, it is filled once from the pinned PyPI package and shared by all build folders.

set(PENSTOCK_GOOGLEAPIS_DIR "" CACHE PATH "Folder with google/api/annotations.proto; empty: fetched from PyPI")

function(penstock_googleapis_fetch dir)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(requirements ${CMAKE_CURRENT_SOURCE_DIR}/requirements.txt)
  set(work ${dir}.part)
  file(REMOVE_RECURSE ${work} ${dir})
  message(STATUS "Fetching googleapis-common-protos into ${dir}")
  # A virtual environment, because the pip of the system may be absent or locked by the distribution.
  execute_process(COMMAND ${Python3_EXECUTABLE} -m venv ${work}/venv
    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "Cannot make a Python virtual environment (on Debian: apt install python3-venv), which is "
      "needed to fetch google/api/annotations.proto. Or pass -DPENSTOCK_GOOGLEAPIS_DIR=<folder with google/api>.\n${output}")
  endif()
  execute_process(
    COMMAND ${work}/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
      --require-hashes --only-binary :all: --target ${work}/out -r ${requirements}
    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "Cannot install ${requirements} with pip; is a package index reachable? "
      "Or pass -DPENSTOCK_GOOGLEAPIS_DIR=<folder with google/api>.\n${output}")
  endif()
  file(RENAME ${work}/out ${dir})
  file(REMOVE_RECURSE ${work})
endfunction()

if(NOT PENSTOCK_GOOGLEAPIS_DIR)
  file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/requirements.txt pin REGEX "^googleapis-common-protos==")
  string(REGEX REPLACE "^.*==([0-9.]+).*$" "\\1" pin "${pin}")
  set(PENSTOCK_GOOGLEAPIS_DIR ${CMAKE_SOURCE_DIR}/build/googleapis-${pin})
  # Several build folders may be configured at once.
  file(MAKE_DIRECTORY ${CMAKE_SOURCE_DIR}/build)
  file(LOCK ${PENSTOCK_GOOGLEAPIS_DIR}.lock GUARD FILE TIMEOUT 600)
  if(NOT EXISTS ${PENSTOCK_GOOGLEAPIS_DIR}/google/api/annotations.proto)
    penstock_googleapis_fetch(${PENSTOCK_GOOGLEAPIS_DIR})
  endif()
  file(LOCK ${PENSTOCK_GOOGLEAPIS_DIR}.lock RELEASE)
endif()

foreach(file google/api/annotations.proto google/api/http.proto google/rpc/status.proto)
  if(NOT EXISTS ${PENSTOCK_GOOGLEAPIS_DIR}/${file})
    message(FATAL_ERROR "PENSTOCK_GOOGLEAPIS_DIR is ${PENSTOCK_GOOGLEAPIS_DIR}, which has no ${file}.")
  endif()
endforeach()
