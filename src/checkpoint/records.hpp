// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/epoch.hpp>
#include <millrace/checkpoint/state_catalog.hpp>
#include <millrace/serde/bytes.hpp>

#include <string>
#include <string_view>
#include <vector>

/// What manifests and the epoch log are made of. Readers answer false where the bytes are damaged.
///   text    = size:length bytes
///   catalog = count:length { id:u16 operator:text name:text kind:text key-type:text
///   value-type:text
///                            schemas:length { schema:text } }
///   task    = operator:text worker:u32 position:text prepared:text
///   ending  = flags:u8 (1 final, 2 drained, 4 committed elsewhere) completed-at:i64
///   epoch   = number:u64 incarnation:u64 ending tasks:length { task }
namespace millrace::checkpoint {

void writeText(std::string_view text, ByteWriter& out);
bool readText(ByteReader& in, std::string& out);

void writeCatalog(const std::vector<CataloguedState>& states, ByteWriter& out);
bool readCatalog(ByteReader& in, std::vector<CataloguedState>& out);

/// All of a task's snapshot but its changes.
void writeTask(const TaskSnapshot& task, ByteWriter& out);
bool readTask(ByteReader& in, TaskSnapshot& out);

void writeEnding(const Epoch& epoch, ByteWriter& out);
bool readEnding(ByteReader& in, Epoch& out);

/// All of an epoch but the changes.
void writeEpoch(const Epoch& epoch, ByteWriter& out);
bool readEpoch(ByteReader& in, Epoch& out);

/// A copy without the changes.
Epoch withoutChanges(const Epoch& epoch);

}  // namespace millrace::checkpoint
