# penstock_warnings(TARGET): our own code compiles without warnings; generated code is not asked. With a sanitizer they
# are no errors: GCC warns of what the sanitizer itself adds.
function(penstock_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers)
  if(NOT PENSTOCK_SANITIZER)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety -Wno-unknown-warning-option)
  endif()
endfunction()

if(PENSTOCK_SANITIZER STREQUAL "address")
  # Left out of `undefined`: null pointers, which end a program anyway, and checks of alignment, dynamic types and sizes,
  # without which compiling takes two thirds of the time. The address sanitizer sees most of what they are for.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
    -fno-sanitize=null,alignment,vptr,object-size,nonnull-attribute,returns-nonnull-attribute)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(PENSTOCK_ADDRESS_SANITIZER)
elseif(PENSTOCK_SANITIZER STREQUAL "thread")
  # Protobuf's headers give classes another layout where they see this macro, and Debian's library was built without it.
  add_compile_options(-fsanitize=thread -U__SANITIZE_THREAD__ -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  add_compile_definitions(PENSTOCK_THREAD_SANITIZER)  # for ours, who may see it
endif()
