#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "model/failure.hpp"

namespace berth::apps {

/// Writes `text` to `path`, whole or not at all: a reader never sees a part of it. What is no
/// regular file, or a link such as /dev/stdout, is written to as it is. Fails naming it.
[[nodiscard]] model::result<void> write_file(const std::string& path, std::string_view text);
/// The same with what `write` puts into the stream.
[[nodiscard]] model::result<void> write_file(const std::string& path,
                                             const std::function<void(std::ostream&)>& write);

} // namespace berth::apps
