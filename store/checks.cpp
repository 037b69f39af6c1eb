#include "store/checks.hpp"

#include <string>

namespace berth::store {

using std::to_string;

model::result<void> check_continues(model::sequence_number last,
                                    std::span<const model::log_record> batch) {
  model::sequence_number expected = last;
  for (const model::log_record& record : batch)
    if (record.sequence != ++expected)
      return model::fail(model::errc::internal, "append: record has sequence number " +
                                                    to_string(record.sequence) + ", must be " +
                                                    to_string(expected));
  return {};
}

model::result<void> check_snapshot_place(model::sequence_number at, model::sequence_number present,
                                         model::sequence_number last) {
  if (at >= present && at <= last && at > 0)
    return {};
  return model::fail(model::errc::internal, "snapshot: cannot stand at " + to_string(at) +
                                                ", must be between the present one at " +
                                                to_string(present) + " and the log's end at " +
                                                to_string(last));
}

model::failure compacted_away(model::sequence_number from, model::sequence_number first) {
  return {model::errc::gone,
          "events from " + to_string(from) + " on were compacted away: the oldest is " +
              to_string(first),
          {{"oldest", to_string(first)}}};
}

model::failure snapshot_is_over() {
  return {model::errc::internal, "snapshot: it was committed, has failed, or another was begun"};
}

} // namespace berth::store
