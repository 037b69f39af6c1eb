#include "sim/report/outputs.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "sim/report/report_csv.hpp"
#include "sim/report/report_html.hpp"
#include "sim/report/report_json.hpp"

namespace berth::sim {

namespace {

namespace fs = std::filesystem;
using model::result;

tl::unexpected<model::failure> cannot_write(const std::string& path) {
  return model::fail(model::errc::store_failed,
                     "cannot write " + path + ": " + std::strerror(errno));
}

/// A file that has another name until it is complete.
class new_file {
public:
  explicit new_file(std::string path) : path_(std::move(path)) {}
  new_file(new_file&& from) noexcept
      : path_(std::move(from.path_)), complete_(std::exchange(from.complete_, true)) {}
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;
  new_file& operator=(new_file&&) = delete;
  ~new_file() {
    if (!complete_)
      ::unlink(written_path().c_str()); // never a directory that is in the way
  }

  result<void> write(const std::function<void(std::ostream&)>& write) {
    errno = 0;
    std::ofstream file{written_path(), std::ios::binary};
    if (file)
      write(file);
    file.flush();
    return file ? result<void>{} : cannot_write(path_);
  }
  result<void> commit() {
    if (std::rename(written_path().c_str(), path_.c_str()) != 0)
      return cannot_write(path_);
    complete_ = true;
    return {};
  }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  [[nodiscard]] std::string written_path() const { return path_ + ".partial"; }

  std::string path_;
  bool complete_ = false; ///< nothing is there under the other name
};

using part = std::pair<std::string, std::function<void(std::ostream&)>>;

std::vector<part> parts_of(const study_result& all, const outputs& wanted) {
  std::vector<part> parts;
  if (wanted.html)
    parts.emplace_back("report.html",
                       [&](std::ostream& out) { write_html(out, all, wanted.purchases); });
  if (wanted.csv)
    for (const auto& table : csv_tables())
      parts.emplace_back(table.file, [&](std::ostream& out) { table.write(out, all); });
  if (wanted.json)
    parts.emplace_back("result.json", [&](std::ostream& out) { write_json(out, all); });
  if (wanted.open_metrics)
    parts.emplace_back("metrics.om",
                       [&](std::ostream& out) { write_open_metrics(out, all, wanted.metrics); });
  return parts;
}

} // namespace

result<std::vector<std::string>> write_outputs(const std::string& directory,
                                               const study_result& all, const outputs& wanted) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed)
    return model::fail(model::errc::store_failed,
                       "cannot make the directory " + directory + ": " + failed.message());
  std::vector<new_file> files;
  for (const auto& [name, write] : parts_of(all, wanted)) {
    auto& file = files.emplace_back((fs::path{directory} / name).string());
    if (auto written = file.write(write); !written)
      return tl::unexpected{std::move(written.error())};
  }
  std::vector<std::string> paths;
  for (auto& file : files) {
    if (auto done = file.commit(); !done)
      return tl::unexpected{std::move(done.error())};
    paths.push_back(file.path());
  }
  return paths;
}

} // namespace berth::sim
