// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace millrace::examples {

/// What `--version` prints: version, commit, and the libraries built in.
std::string versionText(const std::string& program);

}  // namespace millrace::examples
