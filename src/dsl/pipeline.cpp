// SPDX-License-Identifier: MIT
#include <millrace/dsl/pipeline.hpp>

namespace millrace {

Pipeline::Pipeline(std::string_view name) : graph_(name) {}

Status Pipeline::build() const { return graph_->validate(); }

std::string Pipeline::explain() const { return millrace::explain(*graph_); }
std::string Pipeline::toDot() const { return millrace::toDot(*graph_); }
std::string Pipeline::toJson() const { return millrace::toJson(*graph_); }
std::string Pipeline::describe() const { return millrace::describe(*graph_); }

}  // namespace millrace
