#include "sim/demand/berth_csv.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <unistd.h>

#include <zlib.h>

#include "sim/demand/trace_table.hpp"

namespace berth::sim {

namespace {

// In the order in which they are written.
enum column : std::size_t {
  arrive_s,
  lifetime_s,
  gpus,
  gpu_model,
  vcpus,
  memory_mib,
  project,
  patience_s,
  count_of_servers,
  parts,
  topology,
  priority,
  columns_known
};

constexpr std::array<trace_column, columns_known> berth_columns{{
    {"arrive_s", true},
    {"lifetime_s", true},
    {"gpus", true},
    {"model"},
    {"vcpus"},
    {"memory_mib"},
    {"project"},
    {"patience_s"},
    {"count"},
    {"parts"},
    {"topology"},
    {"priority"},
}};

constexpr std::string_view forever = "forever";

class berth_reader final : public trace_reader {
public:
  std::span<const trace_column> columns() const override { return berth_columns; }

  void convert(trace_row& row, demand_builder& into) override {
    arrival one;
    one.when = row.seconds(arrive_s);
    one.lifetime = time_or(row, lifetime_s, endless);
    one.patience = time_or(row, patience_s, unstated);
    one.gpus = static_cast<std::uint16_t>(row.whole(gpus, gpus_max));
    one.vcpus = static_cast<std::uint32_t>(positive_or(row, vcpus, vcpus_max, 0));
    one.memory_mib = static_cast<std::uint32_t>(positive_or(row, memory_mib, memory_mib_max, 0));
    const auto count = positive_or(row, count_of_servers, parts_max, 1);
    one.parts = static_cast<std::uint16_t>(positive_or(row, parts, parts_max, count));
    if (const auto wishes = model::parse_topology(row.text(topology)))
      one.topology = packed_topology{*wishes};
    else
      row.blame(topology, "must be wishes such as numa=require fabric=none (numa, pcie_root, "
                          "pcie_switch, fabric; none, prefer, require)");
    one.priority =
        static_cast<std::uint8_t>(row.is_empty(priority) ? 0 : row.whole(priority, priority_max));
    const auto model_name = row.name(gpu_model);
    const auto project_name = row.name(project);
    if (!row.fault()) {
      one.model = one.gpus == 0 ? 0 : into.model(model_name);
      one.project = into.project(project_name);
    }
    into.add(one, count, row, gpus);
  }

private:
  static model::duration time_or(trace_row& row, std::size_t column, model::duration unset) {
    const auto text = row.text(column);
    return text.empty() ? unset : text == forever ? endless : row.seconds(column);
  }
  static std::int64_t positive_or(trace_row& row, std::size_t column, std::int64_t most,
                                  std::int64_t unset) {
    return row.is_empty(column) ? unset : row.positive(column, most);
  }
};

void append_number(std::string& to, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_time(std::string& to, model::duration time) {
  if (time == endless) {
    to += forever;
  } else if (time != unstated) {
    append_seconds(to, time);
  }
}

/// A file that is complete or is not there: it has another name until commit().
class csv_file {
public:
  explicit csv_file(std::string path) : path_(std::move(path)) {}
  csv_file(const csv_file&) = delete;
  csv_file& operator=(const csv_file&) = delete;
  ~csv_file() {
    if (file_ != nullptr) {
      gzclose(file_);
    }
    if (!is_standard_output() && !is_committed_) {
      std::remove(partial_path().c_str());
    }
  }

  model::result<void> open() {
    const char* const mode = path_.ends_with(".gz") ? "wbe" : "wbTe"; // T: as it is, see gzopen
    file_ = is_standard_output() ? gzdopen(::dup(STDOUT_FILENO), mode)
                                 : gzopen(partial_path().c_str(), mode);
    return file_ == nullptr ? failed() : model::result<void>{};
  }
  model::result<void> write(std::string_view text) {
    const auto wanted = static_cast<unsigned>(text.size());
    return text.empty() || gzwrite(file_, text.data(), wanted) == static_cast<int>(wanted)
               ? model::result<void>{}
               : failed();
  }
  model::result<void> commit() {
    if (gzclose(std::exchange(file_, nullptr)) != Z_OK) {
      return failed();
    }
    if (!is_standard_output() && std::rename(partial_path().c_str(), path_.c_str()) != 0) {
      return failed();
    }
    is_committed_ = true;
    return {};
  }

private:
  [[nodiscard]] bool is_standard_output() const { return path_ == "-"; }
  [[nodiscard]] std::string partial_path() const { return path_ + ".partial"; }
  [[nodiscard]] model::result<void> failed() const {
    return model::fail(model::errc::store_failed,
                       "cannot write " + (is_standard_output() ? "to standard output" : path_) +
                           ": " + std::strerror(errno));
  }

  std::string path_;
  gzFile file_ = nullptr;
  bool is_committed_ = false;
};

} // namespace

std::unique_ptr<trace_reader> make_berth_reader() {
  return std::make_unique<berth_reader>();
}

void append_csv_field(std::string& to, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) {
    to.append(c == '"' ? 2U : 1U, c);
  }
  to += '"';
}

std::string berth_csv_header() {
  std::string line;
  for (const auto& column : berth_columns) {
    line += (line.empty() ? "" : ",") + std::string{column.name};
  }
  return line + "\n";
}

void append_berth_csv(std::string& to, const arrival& one, std::int64_t count,
                      const demand_names& names) {
  append_time(to, one.when);
  to += ',';
  append_time(to, one.lifetime);
  to += ',';
  append_number(to, one.gpus);
  to += ',';
  append_csv_field(to, names.models.name(one.model));
  to += ',';
  append_number(to, one.vcpus);
  to += ',';
  append_number(to, one.memory_mib);
  to += ',';
  append_csv_field(to, names.projects.name(one.project));
  to += ',';
  append_time(to, one.patience);
  to += ',';
  append_number(to, count);
  to += ',';
  append_number(to, one.parts);
  to += ',';
  to += model::to_string(one.topology.wishes());
  to += ',';
  if (one.priority != 0)
    append_number(to, one.priority);
  to += '\n';
}

model::result<written_csv> write_berth_csv(arrival_source& source, const std::string& path) {
  constexpr std::size_t chunk_bytes = std::size_t{256} * 1024;
  csv_file file{path};
  if (auto opened = file.open(); !opened) {
    return tl::unexpected{opened.error()};
  }
  written_csv written;
  std::string text = berth_csv_header();
  auto next = source.next();
  while (next) {
    const auto one = *next;
    std::int64_t count = 0;
    do { // equal parts of a job share a row
      ++count;
      next = source.next();
    } while (next == one && count < one.parts);
    append_berth_csv(text, one, count, source.names());
    ++written.rows;
    written.arrivals += static_cast<std::uint64_t>(count);
    if (text.size() >= chunk_bytes) {
      if (auto wrote = file.write(text); !wrote) {
        return tl::unexpected{wrote.error()};
      }
      text.clear();
    }
  }
  if (auto done = file.write(text).and_then([&file] { return file.commit(); }); !done) {
    return tl::unexpected{done.error()};
  }
  return written;
}

} // namespace berth::sim
