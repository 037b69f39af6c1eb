#include "scheduler/kinds.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "model/text.hpp"

namespace berth::scheduler {

namespace {

/// `10de` as a vendor's number; nullopt if it is not four hexadecimal digits.
std::optional<std::uint16_t> vendor_number(const std::string& text) {
  std::uint16_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, 16);
  const bool whole = text.size() == 4 && error == std::errc{} && stop == end;
  return whole ? std::optional{number} : std::nullopt;
}

bool vendor_matches(const std::string& wanted, const device_kind& kind) {
  return wanted.empty() || model::equals_ignoring_case(wanted, kind.vendor) ||
         vendor_number(wanted) == kind.vendor_device.vendor;
}

} // namespace

kind_id kind_table::add(const model::device_record& device) {
  latest_ = number_of(device);
  if (++kinds_[latest_].devices == 1) {
    ++generation_;
  }
  return latest_;
}

kind_id kind_table::number_of(const model::device_record& device) {
  const auto& info = device.info;
  const auto is_same = [&](const device_kind& kind) {
    return kind.model == info.model && kind.vendor == info.vendor &&
           kind.vendor_device == info.vendor_device && kind.type == device.type;
  };
  if (latest_ < kinds_.size() && is_same(kinds_[latest_])) {
    return latest_;
  }
  const auto [found, is_new] =
      by_key_.try_emplace(key{info.model, info.vendor, info.vendor_device, device.type},
                          static_cast<kind_id>(kinds_.size()));
  if (is_new) {
    kinds_.push_back({info.model, info.vendor, info.vendor_device, device.type});
  }
  return found->second;
}

void kind_table::remove(kind_id kind) {
  if (--kinds_.at(kind).devices == 0) {
    ++generation_;
  }
}

std::vector<bool> kind_table::match(const model::device_selector& selector) const {
  const bool exact =
      std::any_of(kinds_.begin(), kinds_.end(), [&selector](const device_kind& kind) {
        return kind.devices > 0 && model::equals_ignoring_case(kind.model, selector.model);
      });
  std::vector<bool> matches(kinds_.size());
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const auto& kind = kinds_[i];
    const bool model_matches = selector.model.empty() ||
                               (exact ? model::equals_ignoring_case(kind.model, selector.model)
                                      : model::contains_ignoring_case(kind.model, selector.model));
    matches[i] = kind.devices > 0 && model_matches && vendor_matches(selector.vendor, kind) &&
                 (!selector.type || *selector.type == kind.type) &&
                 (!selector.vendor_device || *selector.vendor_device == kind.vendor_device);
  }
  return matches;
}

} // namespace berth::scheduler
