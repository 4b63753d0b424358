// SPDX-License-Identifier: MIT
// Several streams: two become one, which is split in three; an operator has a side output.

#include <millrace/millrace.hpp>

#include <iostream>
#include <string>

struct Parcel {
  std::string to;
  double kilograms = 0;
};

const std::vector<Parcel> kFromShop = {{"Oslo", 0.5}, {"Rome", 12}, {"Oslo", 2}, {"", 1}};
const std::vector<Parcel> kFromDepot = {{"Rome", 40}, {"Oslo", 0.1}};

const millrace::OutputTag<std::string> kMilestones("milestones");

// side output: an operator may put out more than one stream.
struct NumberPerTown {
  millrace::ValueState<int> sent;

  void open(millrace::StateContext& states) { sent = states.value<int>("sent"); }

  void process(const Parcel& parcel, millrace::ProcessContext<std::string, std::string>& context) {
    const int number = ++sent.edit();
    context.emit(parcel.to + " no. " + std::to_string(number));
    if (number == 3) context.emit(kMilestones, "three parcels to " + parcel.to);
  }
};

int main() {
  millrace::Pipeline pipeline("parcels");
  // [streams]
  const auto shop =
      pipeline.source("shop", millrace::collection(kFromShop), millrace::noWatermarks());
  const auto depot =
      pipeline.source("depot", millrace::collection(kFromDepot), millrace::noWatermarks());

  // unite: streams of one type as one stream.
  const auto parcels = shop.unite(depot).named("all-parcels");

  // split: each record goes to the first stream whose predicate holds, or else to the last.
  const auto [unaddressed, light, heavy] =
      parcels.split([](const Parcel& parcel) { return parcel.to.empty(); },
                    [](const Parcel& parcel) { return parcel.kilograms < 10; });

  const auto numbered =
      light.keyBy(&Parcel::to).process<std::string>("numbered", NumberPerTown(), kMilestones);
  // [streams end]

  const auto line = [](const std::string& text) { return text; };
  numbered.sink("light", millrace::toStdout(line));
  numbered.sideOutput(kMilestones).sink("milestones", millrace::toStdout(line));
  heavy.map([](const Parcel& parcel) { return "by lorry to " + parcel.to; })
      .sink("heavy", millrace::toStdout(line));
  unaddressed.map([](const Parcel&) { return std::string("returned to sender"); })
      .sink("unaddressed", millrace::toStdout(line));

  const millrace::Status status = millrace::run(pipeline);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
