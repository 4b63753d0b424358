// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/serde/serde.hpp>
#include <millrace/window/aggregates.hpp>
#include <millrace/window/windows.hpp>

namespace millrace::test {

/// One record, as all window tests have them.
struct Rec {
  int value = 0;

  friend void millraceWrite(const Rec& rec, ByteWriter& out) { writeAll(out, rec.value); }
  friend bool millraceRead(ByteReader& in, Rec& rec) { return readAll(in, rec.value); }
};

/// A result in a form that compares and prints.
struct Row {
  std::string key;
  std::string value;
  Timestamp start = 0;
  Timestamp end = 0;
  Pane pane = Pane::kOnTime;

  auto operator<=>(const Row&) const = default;
};

inline void showValue(const Row& row, std::ostream& os) {
  os << row.key << "=" << row.value << " [" << row.start << "," << row.end << ") "
     << paneName(row.pane);
}
inline std::ostream& operator<<(std::ostream& os, const Row& row) {
  showValue(row, os);
  return os;
}

inline std::string text(std::int64_t value) { return std::to_string(value); }
inline std::string text(const std::tuple<std::int64_t, std::int64_t>& value) {
  return text(std::get<0>(value)) + "/" + text(std::get<1>(value));
}
inline std::string text(const std::vector<Rec>& records) {
  std::vector<int> values;
  for (const Rec& rec : records) values.push_back(rec.value);
  std::sort(values.begin(), values.end());
  std::string joined;
  for (const int value : values) joined += std::to_string(value) + " ";
  return joined;
}

/// An aggregate under test with what it should say about a list of values.
struct CountAndSum {
  static auto make() { return bindAggregate<Rec>(all(count(), sum(&Rec::value))); }
  static std::string expect(const std::vector<int>& values) {
    std::int64_t total = 0;
    for (const int value : values) total += value;
    return text(static_cast<std::int64_t>(values.size())) + "/" + text(total);
  }
};
struct Greatest {
  static auto make() { return bindAggregate<Rec>(max(&Rec::value)); }
  static std::string expect(const std::vector<int>& values) {
    return text(*std::max_element(values.begin(), values.end()));
  }
};
struct Elements {
  static auto make() { return bindAggregate<Rec>(elements()); }
  static std::string expect(const std::vector<int>& values) {
    std::vector<Rec> records;
    for (const int value : values) records.push_back({value});
    return text(records);
  }
};

template <typename Agg>
auto textOf(const Agg&) {
  return [](const auto& result) {
    return Row{result.key, text(result.value), result.windowStart, result.windowEnd, result.pane};
  };
}

/// Every window keeps its own list of records: Flink's WindowOperator, told as plainly as can be.
/// Windows by time only; sessions differ in how a record finds its window.
template <typename Kind>
class NaiveWindows {
 public:
  NaiveWindows(WindowSpec spec, WindowOptions options) : spec_(spec), options_(options) {}

  Placement add(const std::string& key, int value, Timestamp t, std::vector<Row>& out) {
    const std::vector<WindowBounds> bounds = windowsOf(t);
    if (bounds.empty()) return Placement::kOutside;
    std::size_t late = 0;
    for (const WindowBounds& window : bounds) {
      if (isClosed(window)) {
        ++late;
        continue;
      }
      Contents& contents = windows_[{window.end, window.start}][key];
      contents.everything.push_back(value);
      contents.fresh.push_back(value);
      if (window.maxTimestamp() <= watermark_)
        tell(key, contents, window, Pane::kLate, out);
      else if (options_.early.kind == EarlyFiring::Kind::kRecords &&
               contents.fresh.size() >= options_.early.records)
        tell(key, contents, window, Pane::kEarly, out);
    }
    if (late == 0) return Placement::kAccepted;
    return late == bounds.size() ? Placement::kLate : Placement::kLatePartial;
  }

  std::vector<Row> advance(Timestamp watermark, bool endOfInput) {
    std::vector<Row> out;
    const Timestamp before = watermark_;
    watermark_ = std::max(watermark_, watermark);
    const Pane pane = endOfInput ? Pane::kEndOfInput : Pane::kOnTime;
    for (auto it = windows_.begin(); it != windows_.end();) {
      const WindowBounds window{it->first.second, it->first.first};
      if (window.maxTimestamp() > before && window.maxTimestamp() <= watermark_)
        for (auto& [key, contents] : it->second)
          if (!options_.discarding || !contents.fresh.empty())
            tell(key, contents, window, pane, out);
      it = isClosed(window) ? windows_.erase(it) : std::next(it);
    }
    return out;
  }

  std::vector<Row> fireEarly() {
    std::vector<Row> out;
    for (auto& [bounds, keys] : windows_) {
      const WindowBounds window{bounds.second, bounds.first};
      if (window.maxTimestamp() <= watermark_) continue;
      for (auto& [key, contents] : keys)
        if (!contents.fresh.empty()) tell(key, contents, window, Pane::kEarly, out);
    }
    return out;
  }

 private:
  struct Contents {
    std::vector<int> everything;
    std::vector<int> fresh;  // since the last pane
  };

  void tell(const std::string& key, Contents& contents, const WindowBounds& window, Pane pane,
            std::vector<Row>& out) {
    out.push_back({key, Kind::expect(options_.discarding ? contents.fresh : contents.everything),
                   window.start, window.end, pane});
    contents.fresh.clear();
  }

  bool isClosed(const WindowBounds& window) const {
    return saturatingAdd(window.maxTimestamp(), options_.allowedLateness.count()) <= watermark_;
  }

  // Flink's TimeWindow.getWindowStartWithOffset.
  static Timestamp windowStart(Timestamp t, Timestamp offset, Timestamp size) {
    const Timestamp remainder = (t - offset) % size;
    return remainder < 0 ? t - (remainder + size) : t - remainder;
  }

  std::vector<WindowBounds> windowsOf(Timestamp t) const {
    std::vector<WindowBounds> windows;
    if (const auto* w = std::get_if<TumblingWindows>(&spec_)) {
      const Timestamp start = windowStart(t, w->offset.count(), w->size.count());
      windows.push_back({start, start + w->size.count()});
    } else if (const auto* s = std::get_if<SlidingWindows>(&spec_)) {
      for (Timestamp start = windowStart(t, s->offset.count(), s->slide.count());
           start > t - s->size.count(); start -= s->slide.count())
        windows.push_back({start, start + s->size.count()});
    } else if (const auto* c = std::get_if<CumulatingWindows>(&spec_)) {
      const Timestamp start = windowStart(t, c->offset.count(), c->size.count());
      for (Timestamp end = start + c->step.count(); end <= start + c->size.count();
           end += c->step.count())
        if (t < end) windows.push_back({start, end});
    }
    return windows;
  }

  WindowSpec spec_;
  WindowOptions options_;
  Timestamp watermark_ = kMinTimestamp;
  std::map<std::pair<Timestamp, Timestamp>, std::map<std::string, Contents>> windows_;
};

/// Sessions as Flink's MergingWindowSet has them: a list per key, searched from end to end.
template <typename Kind>
class NaiveSessions {
 public:
  NaiveSessions(Duration gap, WindowOptions options) : gap_(gap.count()), options_(options) {}

  Placement add(const std::string& key, int value, Timestamp t, std::vector<Row>& out) {
    Session merged{{t, t + gap_}, {}, {}};
    std::vector<Session>& sessions = keys_[key];
    std::vector<Session> apart;
    for (Session& session : sessions) {
      const bool touches = session.bounds.start <= t + gap_ && session.bounds.end >= t;
      if (!touches) {
        apart.push_back(session);
        continue;
      }
      merged.bounds.start = std::min(merged.bounds.start, session.bounds.start);
      merged.bounds.end = std::max(merged.bounds.end, session.bounds.end);
      append(merged.everything, session.everything);
      append(merged.fresh, session.fresh);
    }
    if (isClosed(merged.bounds)) return Placement::kLate;
    merged.everything.push_back(value);
    merged.fresh.push_back(value);
    if (merged.bounds.maxTimestamp() <= watermark_)
      tell(key, merged, Pane::kLate, out);
    else if (options_.early.kind == EarlyFiring::Kind::kRecords &&
             merged.fresh.size() >= options_.early.records)
      tell(key, merged, Pane::kEarly, out);
    apart.push_back(merged);
    sessions = apart;
    return Placement::kAccepted;
  }

  std::vector<Row> advance(Timestamp watermark, bool endOfInput) {
    std::vector<Row> out;
    const Timestamp before = watermark_;
    watermark_ = std::max(watermark_, watermark);
    for (auto& [key, sessions] : keys_) {
      for (Session& session : sessions) {
        const Timestamp maxTimestamp = session.bounds.maxTimestamp();
        if (maxTimestamp > before && maxTimestamp <= watermark_ &&
            (!options_.discarding || !session.fresh.empty()))
          tell(key, session, endOfInput ? Pane::kEndOfInput : Pane::kOnTime, out);
      }
      std::erase_if(sessions, [&](const Session& s) { return isClosed(s.bounds); });
    }
    return out;
  }

  std::vector<Row> fireEarly() {
    std::vector<Row> out;
    for (auto& [key, sessions] : keys_)
      for (Session& session : sessions)
        if (session.bounds.maxTimestamp() > watermark_ && !session.fresh.empty())
          tell(key, session, Pane::kEarly, out);
    return out;
  }

 private:
  struct Session {
    WindowBounds bounds;
    std::vector<int> everything;
    std::vector<int> fresh;
  };

  static void append(std::vector<int>& to, const std::vector<int>& from) {
    to.insert(to.end(), from.begin(), from.end());
  }
  bool isClosed(const WindowBounds& window) const {
    return saturatingAdd(window.maxTimestamp(), options_.allowedLateness.count()) <= watermark_;
  }
  void tell(const std::string& key, Session& session, Pane pane, std::vector<Row>& out) {
    out.push_back({key, Kind::expect(options_.discarding ? session.fresh : session.everything),
                   session.bounds.start, session.bounds.end, pane});
    session.fresh.clear();
  }

  Timestamp gap_;
  WindowOptions options_;
  Timestamp watermark_ = kMinTimestamp;
  std::map<std::string, std::vector<Session>> keys_;
};

}  // namespace millrace::test
