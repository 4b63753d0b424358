# The flags every target of this project is built with; none of them reaches a user's target.
function(millrace_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 warns of overlapping copies inside std::string that cannot happen (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(MILLRACE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(MILLRACE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${MILLRACE_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    # What sanitizers add makes GCC take members of std::function and std::regex for uninitialized.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    target_link_options(${target} PUBLIC -fsanitize=${MILLRACE_SANITIZE})
  endif()
endfunction()

# millrace_sources(base/hash.cpp ...): adds a room's sources to the library.
function(millrace_sources)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  target_sources(millrace PRIVATE ${ARGN})
endfunction()

# Sets `result` to whether tests with these labels belong to this build.
function(millrace_wants_labels result labels)
  set(${result} TRUE PARENT_SCOPE)
  if(MILLRACE_FAST_TESTS_ONLY AND NOT "fast" IN_LIST labels)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

# millrace_test(NAME [ONE_THREAD] SOURCES a.cpp b.cpp [LABELS fast] [LIBRARIES lib]): one Catch2 program; each
# case is a ctest. Labels: fast (the default; all of them together under 30 s), slow, kafka, sim.
# ONE_THREAD: no case has a second one, so there is nothing to see for ThreadSanitizer.
function(millrace_test name)
  cmake_parse_arguments(arg "ONE_THREAD" "" "SOURCES;LABELS;LIBRARIES" ${ARGN})
  if(arg_ONE_THREAD AND MILLRACE_SANITIZE STREQUAL "thread")
    return()
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS fast)
  endif()
  millrace_wants_labels(wanted "${arg_LABELS}")
  if(NOT wanted)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE millrace::millrace millrace_test_main Catch2::Catch2 rapidcheck
                                        ${arg_LIBRARIES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  millrace_compile_options(${name})
  # Debian's RocksDB and librdkafka are not built with ThreadSanitizer. It cannot see how the former's threads
  # keep out of each other's way, and reports what is in order; the latter's (of C11) it does not survive.
  set(cases "")
  if(MILLRACE_SANITIZE STREQUAL "thread")
    set(cases TEST_SPEC "~[rocksdb]~[librdkafka]")
  endif()
  catch_discover_tests(${name} ${cases} TEST_PREFIX "${MILLRACE_TEST_PREFIX}${name}: "
                       PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300)
endfunction()

# millrace_command_test("name" COMMAND cmd arg... [LABELS fast] [TIMEOUT s] [PROCESSORS n]): a test
# that is a command, passed when it exits with 0. The programs it runs must be built by `all`.
function(millrace_command_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;PROCESSORS" "COMMAND;LABELS" ${ARGN})
  foreach(default "LABELS fast" "TIMEOUT 300" "PROCESSORS 1")
    string(REPLACE " " ";" default "${default}")
    list(POP_FRONT default key)
    if(NOT arg_${key})
      set(arg_${key} ${default})
    endif()
  endforeach()
  millrace_wants_labels(wanted "${arg_LABELS}")
  if(NOT wanted)
    return()
  endif()
  set(name "${MILLRACE_TEST_PREFIX}${name}")
  add_test(NAME "${name}" COMMAND ${arg_COMMAND} COMMAND_EXPAND_LISTS)
  set_tests_properties("${name}" PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
                                            PROCESSORS ${arg_PROCESSORS})
endfunction()
