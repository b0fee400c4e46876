# Most of what a source costs is the headers that it includes, so sources of a target are compiled several at a time.
# Off in the presets `debug`, where a change is to compile one file, and `tidy`, which shows that each source includes
# what it uses.
option(PENSTOCK_UNITY "Compile the sources of a target several at a time" ON)

# penstock_unity(TARGET APART): sources whose names match the regex APART, which may be empty, are compiled alone, since
# names of theirs clash.
function(penstock_unity target apart_regex)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${PENSTOCK_UNITY} UNITY_BUILD_BATCH_SIZE 10)
  if(apart_regex)
    get_target_property(apart ${target} SOURCES)
    list(FILTER apart INCLUDE REGEX "${apart_regex}")
    set_source_files_properties(${apart} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()
