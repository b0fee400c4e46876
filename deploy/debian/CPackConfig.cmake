# The Debian package, from the files that deploy/debian.sh has put together: it gives CPACK_PACKAGE_VERSION,
# CPACK_PACKAGE_CONTACT and CPACK_INSTALLED_DIRECTORIES.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME penstock)
set(CPACK_PACKAGE_FILE_NAME penstock)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "runs Kubeflow Pipelines without Kubernetes")
set(CPACK_PACKAGE_DESCRIPTION
"A server that answers the API of Kubeflow Pipelines 2 and runs its pipelines
as processes of the machine that it is on, with a dashboard and a command line.
It stores them in SQLite or PostgreSQL.
.
As a service it is neither enabled nor started by itself: README.Debian says
how to make the Python environment that its tasks run in.")
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# dpkg-shlibdeps adds the libraries.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, tzdata")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, python3-venv")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, postgresql")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(file conffiles postinst postrm prerm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/${file})
endforeach()
