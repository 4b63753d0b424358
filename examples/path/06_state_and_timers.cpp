// SPDX-License-Identifier: MIT
// State and timers: which carts have been left alone for half an hour, and with what in them?

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

constexpr millrace::Timestamp kMinute = 60'000;

struct Added {
  std::string user;
  std::string product;
  std::int64_t pieces;
  millrace::Timestamp time;
};

const std::vector<Added> kAdded = {
    {"ann", "pencil", 2, 0},           {"bob", "globe", 1, 1 * kMinute},
    {"ann", "paper", 1, 20 * kMinute}, {"ann", "pencil", 1, 25 * kMinute},
    {"bob", "lamp", 1, 90 * kMinute},
};

// [process]
// An operator of one's own. Its states and timers belong to the key of the record at hand: here to
// one user. Records and timers of a key are handled one after the other, never at once.
class AbandonedCarts {
 public:
  using Context = millrace::ProcessContext<std::string, std::string>;

  void open(millrace::StateContext& states) {
    pieces_ = states.map<std::string, std::int64_t>("pieces");
    order_ = states.list<std::string>("order");
    deadline_ = states.value<millrace::Timestamp>("deadline");
  }

  void process(const Added& added, Context& context) {
    if (!pieces_.contains(added.product)) order_.add(added.product);
    pieces_.edit(added.product) += added.pieces;

    if (const millrace::Timestamp* old = deadline_.get()) context.deleteEventTimer(*old);
    deadline_.set(context.timestamp() + 30 * kMinute);
    context.registerEventTimer(*deadline_.get());
  }

  void onTimer(millrace::Timestamp time, Context& context) {
    std::string cart = millrace::formatUtc(time).substr(11, 5) + " " + context.key() + " left";
    for (const std::string& product : order_.view()) {
      cart += " " + std::to_string(*pieces_.get(product)) + " " + product;
    }
    context.emit(cart);
    pieces_.clear();
    order_.clear();
    deadline_.clear();
  }

 private:
  millrace::MapState<std::string, std::int64_t> pieces_;
  millrace::ListState<std::string> order_;
  millrace::ValueState<millrace::Timestamp> deadline_;
};
// [process end]

int main() {
  millrace::Pipeline pipeline("abandoned-carts");
  pipeline
      .source("added", millrace::collection(kAdded),
              millrace::boundedOutOfOrderness(1min).timestamps(&Added::time))
      .keyBy(&Added::user)
      .process<std::string>("carts", AbandonedCarts())
      .sink("out", millrace::toStdout());

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
