// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

TEST_CASE("The corpus, its files cut short and its files with bytes changed keep their promises") {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MILLRACE_FUZZ_CORPUS)) {
    INFO(entry.path());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    const auto run = [](const std::string& input) {
      return LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()),
                                    input.size());
    };
    CHECK(run(bytes) == 0);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      run(bytes.substr(0, i));
      for (const char change : {'"', '\\', '{', '}', '0', '\0', '\x80'}) {
        std::string changed = bytes;
        changed[i] = change;
        run(changed);
      }
    }
    ++files;
  }
  CHECK(files > 0);
}

}  // namespace
