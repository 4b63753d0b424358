// SPDX-License-Identifier: MIT
#include <millrace/base/hash.hpp>
#include <millrace/base/status.hpp>
#include <millrace/time/timestamp.hpp>

#include <iostream>

int main() {
  const millrace::Status status =
      millrace::annotate(absl::NotFoundError("no such file"), "opening the mill");
  std::cout << status.message() << '\n'
            << millrace::millraceHash(std::string_view("mill")) << '\n'
            << millrace::floorDivide(-1, 1000) << '\n';
}
