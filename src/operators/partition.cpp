// SPDX-License-Identifier: MIT
#include <millrace/operators/partition.hpp>

namespace millrace {

KeyRouter::KeyRouter(std::size_t keyGroups, std::size_t workers) : owners_(keyGroups) {
  const auto groups = static_cast<std::uint32_t>(keyGroups);
  for (std::uint32_t group = 0; group < groups; ++group) {
    owners_[group] = ownerOf(KeyGroup{static_cast<std::uint16_t>(group)},
                             static_cast<std::uint32_t>(workers), groups);
  }
}

void KeyedOutputs::open(OperatorContext& context) {
  ports_.clear();
  for (std::size_t worker = 0; worker < context.workers(); ++worker) {
    ports_.push_back(&context.output(worker));
  }
  router_ = KeyRouter(context.keyGroups(), context.workers());
}

bool KeyedOutputs::areReady() {
  bool areReady = true;
  for (OutputPort* port : ports_) areReady = port->ready() && areReady;
  return areReady;
}

}  // namespace millrace
