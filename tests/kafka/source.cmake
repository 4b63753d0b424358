# The Kafka source against a real broker.
add_executable(source_probe source_probe.cpp)
target_link_libraries(source_probe PRIVATE millrace::millrace PkgConfig::rdkafka)
millrace_compile_options(source_probe)
millrace_kafka_test("source" COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/test_source.py
                                     --probe $<TARGET_FILE:source_probe>)
