// SPDX-License-Identifier: MIT
// A job from Kafka to Kafka, exactly once, that kills itself where it is told to; for
// test_fail_points.py, test_rules.py and test_bad_days.py.
//
//   exactly_once_probe steps             the names of the places
//   exactly_once_probe rules             the names of the rules that can be dropped
//   exactly_once_probe run KEY=VALUE...  counts the values of topic `in` and writes each count as
//   it goes up,
//                                        keyed by the value, to topic `out`; ends with what there
//                                        was at its start. step=NAME passing=N: SIGKILL at the N-th
//                                        passing; with then=stop SIGSTOP; with then=wait it says
//                                        "waiting" and does, for a line from its input.
//                                        without=RULE from=N: drops a rule from when it is due the
//                                        N-th time
#include "base/commit_rules.hpp"
#include "connectors/kafka/steps.hpp"
#include "probe_arguments.hpp"

#include <millrace/base/log.hpp>
#include <millrace/millrace.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

namespace {

using millrace::rules::kRuleNames;
using millrace::rules::Rule;
using millrace::steps::kStepNames;
using millrace::steps::Step;

using Count = std::pair<std::string, std::int64_t>;

std::string deadlyStep;
std::atomic<std::int64_t> passingsLeft{0};

std::string whatThen;

void endWhenDue(Step step) {
  if (kStepNames[static_cast<std::size_t>(step)] != deadlyStep || passingsLeft.fetch_sub(1) != 1)
    return;
  if (whatThen != "wait") {
    std::raise(whatThen == "stop" ? SIGSTOP : SIGKILL);
    return;
  }
  std::cerr << "waiting" << std::endl;
  std::string line;
  std::getline(std::cin, line);
}

std::string droppedRule;
std::atomic<std::int64_t> timesKept{0};

bool isKept(Rule rule) {
  return kRuleNames[static_cast<std::size_t>(rule)] != droppedRule || timesKept.fetch_sub(1) > 0;
}

// Takes its time over each record, so that a handful of them lasts for several epochs.
class Counter {
 public:
  using Context = millrace::ProcessContext<std::string, Count>;

  explicit Counter(std::chrono::microseconds pause) : pause_(pause) {}

  void open(millrace::StateContext& states) { seen_ = states.value<std::int64_t>("seen"); }

  void process(const std::string& value, Context& context) {
    std::this_thread::sleep_for(pause_);
    const std::int64_t* const before = seen_.get();
    const std::int64_t now = before == nullptr ? 1 : *before + 1;
    seen_.set(now);
    context.emit({value, now});
  }

 private:
  std::chrono::microseconds pause_;
  millrace::ValueState<std::int64_t> seen_;
};

millrace::KafkaSettings settingsOf(const Arguments& arguments) {
  millrace::KafkaSettings settings;
  settings.bootstrapServers = get(arguments, "bootstrap");
  const auto [begin, end] = arguments.equal_range("set");
  for (auto it = begin; it != end; ++it) settings.add(it->second).IgnoreError();
  return settings;
}

void describe(millrace::Pipeline& pipeline, const Arguments& arguments) {
  millrace::KafkaSourceOptions source;
  source.settings.bootstrapServers = get(arguments, "bootstrap");
  source.topics = {get(arguments, "in")};
  source.until = millrace::KafkaEnd::latest();
  millrace::KafkaSinkOptions sink;
  sink.settings = settingsOf(arguments);
  sink.topic = get(arguments, "out");
  const auto partition = static_cast<std::int32_t>(number(get(arguments, "partition", "-1")));
  pipeline
      .source("in", millrace::kafka<std::string, millrace::TextLineDecoder>(source),
              millrace::boundedOutOfOrderness(std::chrono::milliseconds(0)))
      .keyBy([](const std::string& value) { return value; })
      .process<Count>("counts",
                      Counter(std::chrono::microseconds(number(get(arguments, "pause", "500")))))
      .sink("out",
            millrace::toKafka(sink, [partition](const Count& count, millrace::KafkaRecord& out) {
              out.setKey(count.first);
              out.value = std::to_string(count.second);
              if (partition >= 0) out.partition = partition;
            }));
}

// False: there is no such thing.
bool arrangeMischief(const Arguments& arguments) {
  deadlyStep = get(arguments, "step");
  if (!deadlyStep.empty()) {
    if (std::find(kStepNames.begin(), kStepNames.end(), deadlyStep) == kStepNames.end())
      return false;
    whatThen = get(arguments, "then");
    passingsLeft = number(get(arguments, "passing", "1"));
    millrace::steps::stepHook = endWhenDue;
  }
  droppedRule = get(arguments, "without");
  if (droppedRule.empty()) return true;
  timesKept = number(get(arguments, "from", "1")) - 1;
  millrace::rules::ruleHook = isKept;
  return std::find(kRuleNames.begin(), kRuleNames.end(), droppedRule) != kRuleNames.end();
}

int run(const Arguments& arguments) {
  millrace::setLogSink([](millrace::LogLevel level, std::string_view text) {
    if (level != millrace::LogLevel::kDebug) std::cerr << text << std::endl;
  });
  if (!arrangeMischief(arguments)) return 2;
  millrace::Pipeline pipeline(get(arguments, "id", "probe"));
  describe(pipeline, arguments);
  millrace::JobOptions options;
  options.workers = static_cast<std::size_t>(number(get(arguments, "workers", "1")));
  options.batchSize = 16;
  options.checkpoints.directory = get(arguments, "state");
  options.checkpoints.interval = millrace::Duration(number(get(arguments, "interval", "20")));
  options.restarts.attempts = static_cast<std::size_t>(number(get(arguments, "restarts", "10")));
  const millrace::Status ended = millrace::run(pipeline.graph(), options);
  if (!ended.ok()) std::cerr << ended << std::endl;
  return ended.ok() ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const std::string_view what = count > 1 ? words[1] : "";
  if (what == "run") return run(argumentsOf(count, words));
  if (what == "steps") {
    for (const std::string_view name : kStepNames) std::cout << name << '\n';
  } else if (what == "rules") {
    for (const std::string_view name : kRuleNames) std::cout << name << '\n';
  } else {
    return 2;
  }
  return 0;
}
