// SPDX-License-Identifier: MIT
#include "fuzz.hpp"
#include "unit/formats/plain_json.hpp"

#include <millrace/formats/json_reader.hpp>
#include <millrace/formats/json_writer.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace millrace {
namespace {

enum class Device { kMobile, kDesktop };

struct Item {
  std::string product;
  std::optional<double> weight;
  std::vector<Item> parts;
};

struct Data {
  Loose<Decimal> amount;
  Loose<std::string> currency;
  Loose<std::vector<Item>> items;
  std::optional<Device> device;
  std::uint16_t count = 1;
};

struct Event {
  Timestamp timestamp = 0;
  std::string eventType;
  std::string userId;
  std::string version = "1.0";
  Data data;
};

// Looks at nothing and so refuses broken JSON alone.
struct Nothing {};

}  // namespace

template <>
struct EnumNames<Device> {
  static constexpr EnumName<Device> names[] = {{Device::kMobile, "mobile"},
                                               {Device::kDesktop, "desktop"}};
};

template <>
struct Description<Item> {
  static void describe(Describer<Item>& d) {
    d.name("Item");
    d.field("product_id", &Item::product).required();
    d.field("weight", &Item::weight);
    d.field("parts", &Item::parts);
  }
};

template <>
struct Description<Data> {
  static void describe(Describer<Data>& d) {
    d.name("Data");
    d.field("amount", &Data::amount);
    d.field("currency", &Data::currency);
    d.field("items", &Data::items);
    d.field("device", &Data::device);
    d.field("count", &Data::count);
  }
};

template <>
struct Description<Event> {
  static void describe(Describer<Event>& d) {
    d.name("Event");
    d.timestamp("timestamp", &Event::timestamp).required().eventTime();
    d.field("event_type", &Event::eventType).required().nonEmpty();
    d.field("user_id", &Event::userId).required().nonEmpty();
    d.field("version", &Event::version);
    d.field("data", &Event::data);
  }
};

template <>
struct Description<Nothing> {
  static void describe(Describer<Nothing>& d) { d.name("Nothing"); }
};

namespace {

std::string written(const Event& event) {
  std::string text;
  writeJson(event, text);
  return text;
}

void readEvent(std::string_view line, bool isJson) {
  static JsonReader<Event> reader;
  static JsonReader<Event> readerOfOutput;
  static Event recycled;
  DecodeError error;
  const bool good = reader.decode(line, recycled, error);
  promise(good == (error.fault == DecodeFault::kNone));
  promise(good == error.reason.empty());
  promise(isJson || !good);
  // What is wrong with a line may be found in any order, but a good one is good.
  if (isJson) promise(error.fault != DecodeFault::kSyntax && error.fault != DecodeFault::kEncoding);
  if (!good) return;

  Event fresh;
  promise(JsonReader<Event>().decode(line, fresh, error));
  const std::string output = written(recycled);
  promise(written(fresh) == output);  // nothing is left over from records before
  promise(PlainJson(output, kMaxJsonDepth).isOneObject());

  const FuzzInput again(reinterpret_cast<const std::uint8_t*>(output.data()), output.size(),
                        kJsonPadding);
  Event read;
  promise(readerOfOutput.decode(again.view(), read, error));
  promise(written(read) == output);
}

// Lines of a block are read as each is alone.
void readLines(std::string_view block) {
  static JsonReader<Event> among;
  static JsonReader<Event> alone;
  among.expect(block);
  while (!block.empty()) {
    const std::string_view line = block.substr(0, block.find('\n'));
    block.remove_prefix(std::min(line.size() + 1, block.size()));
    Event one, other;
    DecodeError error, otherError;
    promise(among.decode(line, one, error) == alone.decode(line, other, otherError));
    promise(error.message() == otherError.message());
    promise(!error.reason.empty() || written(one) == written(other));
  }
  among.expect({});  // the bytes go
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const FuzzInput input(data, size, kJsonPadding);
  const bool isJson = PlainJson(input.view(), kMaxJsonDepth).isOneObject();
  static JsonReader<Nothing> reader;
  Nothing nothing;
  DecodeError error;
  promise(reader.decode(input.view(), nothing, error) == isJson);
  readEvent(input.view(), isJson);
  readLines(input.view());
  return 0;
}
