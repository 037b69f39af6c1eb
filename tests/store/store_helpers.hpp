#pragma once

#include <vector>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "store/event_store.hpp"
#include "store/sqlite_store.hpp"
#include "tests/proto/random_model.hpp"
#include "tests/store/temp_folder.hpp"

namespace berth::store_test {

using records = std::vector<model::log_record>;

/// The record that always has this sequence number, so that reader and writer need not share any.
[[nodiscard]] inline model::log_record record_at(model::sequence_number sequence) {
  model::random dice{sequence * 7919};
  return proto_test::random_record(dice, sequence);
}

[[nodiscard]] inline records records_between(model::sequence_number first,
                                             model::sequence_number last) {
  records made;
  for (auto sequence = first; sequence <= last; ++sequence)
    made.push_back(record_at(sequence));
  return made;
}

inline void append_between(store::event_store& store, model::sequence_number first,
                           model::sequence_number last, std::size_t batch = 1) {
  for (auto at = first; at <= last; at += batch) {
    const auto appended =
        store.append(records_between(at, std::min<model::sequence_number>(at + batch - 1, last)));
    ASSERT_TRUE(appended) << appended.error().message;
  }
}

/// Everything that read() gives, or its failure.
[[nodiscard]] inline model::result<records> read_all(const store::event_reader& store,
                                                     model::sequence_number from) {
  records found;
  auto read = store.read(from, [&](const model::log_record& record) {
    found.push_back(record);
    return true;
  });
  if (!read)
    return tl::unexpected{std::move(read).error()};
  return found;
}

struct loaded_snapshot {
  model::sequence_number at = 0;
  std::vector<store::snapshot_chunk> chunks;
};
[[nodiscard]] inline model::result<loaded_snapshot> load_all(const store::event_reader& store) {
  loaded_snapshot loaded;
  auto at = store.load_snapshot([&](const store::snapshot_chunk& chunk) -> model::result<void> {
    loaded.chunks.push_back(chunk);
    return {};
  });
  if (!at)
    return tl::unexpected{std::move(at).error()};
  loaded.at = *at;
  return loaded;
}

/// Gives the chunks one after the other, then empty ones.
[[nodiscard]] inline auto chunks_from(std::vector<store::snapshot_chunk> chunks) {
  return [chunks = std::move(chunks), at = std::size_t{0}]() mutable {
    return at < chunks.size() ? chunks[at++] : store::snapshot_chunk{};
  };
}

[[nodiscard]] inline model::result<std::unique_ptr<store::sqlite_store>>
open_at(const std::filesystem::path& path) {
  store::sqlite_options options;
  options.path = path;
  options.version = "1.2.3";
  return store::sqlite_store::open(options);
}

} // namespace berth::store_test
