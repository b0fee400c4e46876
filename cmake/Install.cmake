# What an installation consists of. From this list the image, the Debian package and the wheel are made:
#
#   cmake --install build/release --component runtime --strip --prefix DIR
include(GNUInstallDirs)

# What a user needs, without tests and benchmarks. The programs look for each other in the folder that they are in.
set(programs penstock penstock-runner penstock-env)
add_custom_target(penstock_programs DEPENDS ${programs})
install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
if(PENSTOCK_GATEWAY)
  add_dependencies(penstock_programs penstock_gateway penstock_cli penstock_launch penstock_kube)
  install(PROGRAMS ${CMAKE_BINARY_DIR}/bin/penstock-gateway ${CMAKE_BINARY_DIR}/bin/penstock-cli
      ${CMAKE_BINARY_DIR}/bin/penstock-launch ${CMAKE_BINARY_DIR}/bin/penstock-kube
    DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
endif()
