# What most of our sources include, parsed once a build and not once a file; see cmake/Precompiled.cmake.
include(Precompiled)

# What all our targets have in common: penstock_target(NAME PUBLIC|PRIVATE KIND LINK-TARGETS...). KIND says what is there
# precompiled, see Precompiled.cmake.
function(penstock_target name visibility precompiled)
  target_include_directories(${name} ${visibility} ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} ${visibility} ${ARGN})
  penstock_warnings(${name})
  penstock_precompiled(${name} ${precompiled})
endfunction()

# Sets the variable to the kind, unless it is set: none for what uses the standard library only.
function(penstock_default_kind variable kind standard_library_only)
  if(standard_library_only)
    set(${variable} none PARENT_SCOPE)
  elseif(NOT ${variable})
    set(${variable} ${kind} PARENT_SCOPE)
  endif()
endfunction()

# penstock_library(NAME [STANDARD_LIBRARY_ONLY] SOURCES... LINK targets... [PRECOMPILED kind]): a static library,
# included from the source root.
function(penstock_library name)
  cmake_parse_arguments(ARG "STANDARD_LIBRARY_ONLY" "PRECOMPILED" "SOURCES;LINK" ${ARGN})
  penstock_default_kind(ARG_PRECOMPILED plain ${ARG_STANDARD_LIBRARY_ONLY})
  add_library(${name} STATIC ${ARG_SOURCES})
  penstock_target(${name} PUBLIC ${ARG_PRECOMPILED} ${ARG_LINK})
endfunction()

# penstock_program(NAME [STANDARD_LIBRARY_ONLY] SOURCES... LINK targets...): a program in bin/. One of the standard
# library only is linked statically, so that it starts and forks fast.
function(penstock_program name)
  cmake_parse_arguments(ARG "STANDARD_LIBRARY_ONLY" "PRECOMPILED" "SOURCES;LINK" ${ARGN})
  penstock_default_kind(ARG_PRECOMPILED plain ${ARG_STANDARD_LIBRARY_ONLY})
  add_executable(${name} ${ARG_SOURCES})
  penstock_target(${name} PRIVATE ${ARG_PRECOMPILED} ${ARG_LINK})
  if(ARG_STANDARD_LIBRARY_ONLY AND NOT PENSTOCK_SANITIZER)
    target_link_options(${name} PRIVATE -static)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# penstock_test(NAME SOURCES... LINK targets... [LABELS ...]): one GoogleTest program, one ctest entry.
# The label `unit` or `contract` also puts it in the sanitizer rings.
function(penstock_test name)
  if(NOT PENSTOCK_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT_S;PRECOMPILED" "SOURCES;LINK;LABELS" ${ARGN})
  penstock_default_kind(ARG_PRECOMPILED test FALSE)
  if(PENSTOCK_SANITIZER STREQUAL "thread")
    list(APPEND ARG_SOURCES ${CMAKE_SOURCE_DIR}/tests/support/absl_mutex_tsan.cc)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  penstock_target(${name} PRIVATE ${ARG_PRECOMPILED} ${ARG_LINK} GTest::gmock GTest::gtest_main)
  # GCC 12 warns of what std::string does itself, where its header is precompiled.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds$<SEMICOLON>-Wno-restrict$<SEMICOLON>-Wno-stringop-overflow>)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT_S)
    set(ARG_TIMEOUT_S 600)  # most take seconds, but on a machine that does much else
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT_S})
endfunction()
