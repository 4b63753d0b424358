# Installs the library, its headers and what find_package(millrace) and pkg-config need.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)

install(TARGETS millrace
        EXPORT millraceTargets
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT millraceTargets NAMESPACE millrace:: DESTINATION ${package_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/millraceConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/cmake/millraceConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/millraceConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/millraceConfig.cmake
              ${PROJECT_BINARY_DIR}/cmake/millraceConfigVersion.cmake
        DESTINATION ${package_dir})

# A static library has no list of what it needs, so its users link all of it themselves:
# then plain `pkg-config --libs` has to name everything, not only `--libs --static`.
set(pc_public absl_status absl_statusor)
set(pc_private absl_flat_hash_map absl_strings absl_time fmt rocksdb simdjson zlib libzstd)
if(NOT BUILD_SHARED_LIBS)
  list(APPEND pc_public ${pc_private})
  set(pc_private "")
  # By its name, not by its package: `--static` would ask for what librdkafka itself is made of as well, and Debian's
  # package does not bring that along.
  set(MILLRACE_PC_LIBS " -lrdkafka")
endif()
list(JOIN pc_public " " MILLRACE_PC_REQUIRES)
list(JOIN pc_private " " MILLRACE_PC_REQUIRES_PRIVATE)
# Found from where the file lies, so an installed tree may be moved.
file(RELATIVE_PATH MILLRACE_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/millrace.pc.in ${PROJECT_BINARY_DIR}/cmake/millrace.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/millrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
