// SPDX-License-Identifier: MIT
#include <millrace/runtime/batch.hpp>

namespace millrace {

Batch::Batch() = default;
Batch::~Batch() = default;

void Batch::resizeTimes(std::size_t slots) { times_.resize(slots); }

}  // namespace millrace
