// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace millrace {

/// What this library is and works with. The versions of libraries are those of the ones at hand
/// when the program runs, not of the headers it was built with.
struct BuildInfo {
  std::string version;  ///< of Millrace: "0.1.0"
  std::string commit;   ///< its first 12 digits; "unknown" where it was built without a repository
  std::string rocksDb;  ///< "7.8.3"
  std::string librdkafka;  ///< "2.0.2"
};

BuildInfo buildInfo();

/// For a program's --version: its name, and a line each for Millrace and the libraries; ends in a
/// newline.
std::string versionText(const std::string& program);

}  // namespace millrace
