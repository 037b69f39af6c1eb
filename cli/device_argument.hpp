#pragma once

#include <string_view>

#include "cli/fault.hpp"
#include "cli/reading.hpp"
#include "model/request.hpp"

namespace berth::cli {

/// Reads one `--isolated-device` value, as Cloudpods does: pieces between colons, each an id, a
/// device type, `vendor=X`, or a model (`GPU-HPC:Tesla V100:vendor=NVIDIA`).
///
/// Ours on top: a PCI id pair (`10de:1c82`), a count in front (`4xA100`), alternatives in order of
/// preference (`H100|A100`), `model=X` for a model that looks like something else.
[[nodiscard]] result<model::device_request> parse_device_argument(std::string_view text);

/// The API's form of a device request.
[[nodiscard]] json to_json(const model::device_request& request);

} // namespace berth::cli
