# Uses mold where it is installed: it links the test programs several times faster than ld.
find_program(MILLRACE_MOLD mold)
if(MILLRACE_MOLD AND NOT "${CMAKE_EXE_LINKER_FLAGS}" MATCHES "-fuse-ld")
  add_link_options(-fuse-ld=mold)
endif()
