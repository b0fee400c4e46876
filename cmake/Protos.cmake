# penstock_proto_library(NAME FILES... IMPORTS dirs... [GRPC] [LINK targets...])
# Generates C++ into the build tree (never committed) and makes a library of it.
# FILES are relative to proto/; headers are included as "kubeflow/.../run.pb.h".
function(penstock_proto_library name)
  cmake_parse_arguments(ARG "GRPC" "" "FILES;IMPORTS;LINK" ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/proto_gen)
  file(MAKE_DIRECTORY ${out})
  find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
  find_program(PROTOC protoc REQUIRED)
  set(import_args -I ${CMAKE_SOURCE_DIR}/proto)
  foreach(dir ${ARG_IMPORTS})
    list(APPEND import_args -I ${dir})
  endforeach()
  set(generated)
  foreach(file ${ARG_FILES})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(plugin_args)
    if(ARG_GRPC)
      list(APPEND outputs ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(plugin_args --grpc_out=${out} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN})
    endif()
    set(source ${CMAKE_SOURCE_DIR}/proto/${file})
    set(dep ${source})
    if(NOT EXISTS ${source})
      set(dep)
      foreach(dir ${ARG_IMPORTS})
        if(EXISTS ${dir}/${file})
          set(dep ${dir}/${file})
        endif()
      endforeach()
    endif()
    add_custom_command(OUTPUT ${outputs}
      COMMAND ${PROTOC} ${import_args} --cpp_out=${out} ${plugin_args} ${file}
      DEPENDS ${dep} VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  add_library(${name} STATIC ${generated})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf ${ARG_LINK})
  if(ARG_GRPC)
    target_link_libraries(${name} PUBLIC gRPC::grpc++)
  endif()
  penstock_only_for_tests(${name})
  if(PENSTOCK_SANITIZER)
    target_compile_options(${name} PRIVATE -fno-sanitize=all)  # what is generated is not what is tested
  endif()
  penstock_unity_protos(${name} "${generated}")
endfunction()

# Messages are compiled together, and services: most of what each costs is the headers of Protobuf and gRPC. Every file of
# messages has tables of the same names, so each gets names of its own.
function(penstock_unity_protos name generated)
  set(messages ${generated})
  list(FILTER messages INCLUDE REGEX "\\.pb\\.cc$")
  set(services ${messages})
  list(FILTER services INCLUDE REGEX "\\.grpc\\.pb\\.cc$")
  list(FILTER messages EXCLUDE REGEX "\\.grpc\\.pb\\.cc$")
  set_source_files_properties(${messages} PROPERTIES UNITY_GROUP messages)
  set_source_files_properties(${services} PROPERTIES UNITY_GROUP services)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP
    UNITY_BUILD_UNIQUE_ID PENSTOCK_FILE
    UNITY_BUILD_CODE_BEFORE_INCLUDE "\
#undef PENSTOCK_JOIN
#undef PENSTOCK_JOIN_OF
#undef schemas
#undef file_default_instances
#define PENSTOCK_JOIN_OF(a, b) a##b
#define PENSTOCK_JOIN(a, b) PENSTOCK_JOIN_OF(a, b)
#define schemas PENSTOCK_JOIN(schemas_, PENSTOCK_FILE)
#define file_default_instances PENSTOCK_JOIN(file_default_instances_, PENSTOCK_FILE)")
endfunction()
