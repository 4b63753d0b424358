// SPDX-License-Identifier: MIT
// To be preloaded: a signal comes just when a consumer has joined its group, before it does
// anything else.
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>

extern "C" rd_kafka_resp_err_t rd_kafka_subscribe(rd_kafka_t* handle,
                                                  const rd_kafka_topic_partition_list_t* topics) {
  const auto real =
      reinterpret_cast<decltype(&rd_kafka_subscribe)>(dlsym(RTLD_NEXT, "rd_kafka_subscribe"));
  const auto answer = real(handle, topics);
  raise(SIGTERM);
  return answer;
}
