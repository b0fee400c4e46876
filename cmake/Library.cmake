# What most of our sources include, parsed once a build and not once a file; see cmake/Precompiled.cmake.
include(Precompiled)
include(Unity)

# What all our targets have in common: penstock_target(NAME PUBLIC|PRIVATE KIND APART LINK-TARGETS...). KIND says what is
# there precompiled, see Precompiled.cmake; APART which sources are compiled alone, see Unity.cmake.
function(penstock_target name visibility precompiled apart)
  penstock_only_for_tests(${name})
  target_include_directories(${name} ${visibility} ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} ${visibility} ${ARGN})
  penstock_warnings(${name})
  penstock_precompiled(${name} ${precompiled})
  penstock_unity(${name} "${apart}")
endfunction()

# With a sanitizer, what no test of it needs is not built.
function(penstock_only_for_tests target)
  if(PENSTOCK_SANITIZER AND NOT ${target} MATCHES "_test$")
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# Sets the variable to the kind, unless it is set: none for what uses the standard library only.
function(penstock_default_kind variable kind standard_library_only)
  if(standard_library_only)
    set(${variable} none PARENT_SCOPE)
  elseif(NOT ${variable})
    set(${variable} ${kind} PARENT_SCOPE)
  endif()
endfunction()

# penstock_library(NAME [STANDARD_LIBRARY_ONLY] SOURCES... LINK targets... [PRECOMPILED kind] [APART regex]): a static library,
# included from the source root.
function(penstock_library name)
  cmake_parse_arguments(ARG "STANDARD_LIBRARY_ONLY" "PRECOMPILED;APART" "SOURCES;LINK" ${ARGN})
  penstock_default_kind(ARG_PRECOMPILED plain ${ARG_STANDARD_LIBRARY_ONLY})
  add_library(${name} STATIC ${ARG_SOURCES})
  penstock_target(${name} PUBLIC ${ARG_PRECOMPILED} "${ARG_APART}" ${ARG_LINK})
endfunction()

# penstock_program(NAME [STANDARD_LIBRARY_ONLY] SOURCES... LINK targets...): a program in bin/. One of the standard
# library only is linked statically, so that it starts and forks fast.
function(penstock_program name)
  cmake_parse_arguments(ARG "STANDARD_LIBRARY_ONLY" "PRECOMPILED" "SOURCES;LINK" ${ARGN})
  penstock_default_kind(ARG_PRECOMPILED plain ${ARG_STANDARD_LIBRARY_ONLY})
  add_executable(${name} ${ARG_SOURCES})
  penstock_target(${name} PRIVATE ${ARG_PRECOMPILED} "" ${ARG_LINK})
  if(ARG_STANDARD_LIBRARY_ONLY AND NOT PENSTOCK_SANITIZER)
    target_link_options(${name} PRIVATE -static)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# Shows the thread sanitizer the locks of Debian's Abseil; linked into each test.
if(PENSTOCK_TESTS AND PENSTOCK_SANITIZER STREQUAL "thread")
  add_library(penstock_absl_mutex_tsan OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/support/absl_mutex_tsan.cc)
  target_link_libraries(penstock_absl_mutex_tsan PRIVATE absl::synchronization)
endif()

# The code under test is what has to be fast, and in which undefined behaviour is looked for; both make a compiler slow.
set(PENSTOCK_TEST_OPTIONS $<$<CONFIG:Release>:-O1>)
if(PENSTOCK_SANITIZER STREQUAL "address")
  list(APPEND PENSTOCK_TEST_OPTIONS -fno-sanitize=undefined)
endif()

# penstock_test(NAME [ONE_THREAD] SOURCES... LINK targets... [LABELS ...] [TIMEOUT_S seconds] [DEFINES NAME=value...]
# [PRECOMPILED kind] [APART regex]): one GoogleTest program, one ctest entry. The sanitizers run it as well; where nothing
# runs on two threads, ONE_THREAD keeps it out of the thread sanitizer's.
function(penstock_test name)
  cmake_parse_arguments(ARG "ONE_THREAD" "TIMEOUT_S;PRECOMPILED;APART" "SOURCES;LINK;LABELS;DEFINES" ${ARGN})
  if(NOT PENSTOCK_TESTS)
    return()
  endif()
  # gRPC itself is not built for the thread sanitizer, which sees races in it where there are none.
  if(PENSTOCK_SANITIZER STREQUAL "thread" AND (ARG_ONE_THREAD OR ARG_LABELS STREQUAL "api"))
    return()
  endif()
  penstock_default_kind(ARG_PRECOMPILED test FALSE)
  add_executable(${name} ${ARG_SOURCES})
  penstock_target(${name} PRIVATE ${ARG_PRECOMPILED} "${ARG_APART}" ${ARG_LINK} GTest::gmock GTest::gtest_main)
  if(TARGET penstock_absl_mutex_tsan)
    target_link_libraries(${name} PRIVATE penstock_absl_mutex_tsan)
  endif()
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINES})
  target_compile_options(${name} PRIVATE ${PENSTOCK_TEST_OPTIONS})
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
