#include "api/bodies.hpp"

#include <array>
#include <limits>

#include "api/json_reader.hpp"

namespace berth::api {

using model::result;

namespace {

constexpr auto amount_max = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view dev_type_words = "GPU-HPC, GPU-VGA or PCI";

// Attach
// ------------------------------------------------------------------------------------------------

result<void> read_attach_device(attach_body& out, json_value v, const json_path& p) {
  return store(out.device, read_string(v, p));
}
result<void> read_attach_type(attach_body& out, json_value v, const json_path& p) {
  return store(out.type, read_word(v, p, model::parse_dev_type, dev_type_words));
}
constexpr std::array attach_fields{
    json_field<attach_body>{"device", read_attach_device},
    json_field<attach_body>{"dev_type", read_attach_type},
};

// Devices' settings
// ------------------------------------------------------------------------------------------------

using model::update_devices;

template <std::optional<std::int64_t> update_devices::*Member>
result<void> read_reserve(update_devices& out, json_value v, const json_path& p) {
  return store(out.*Member, read_integer(v, p, 0, amount_max));
}
result<void> read_type(update_devices& out, json_value v, const json_path& p) {
  return store(out.type, read_word(v, p, model::parse_dev_type, dev_type_words));
}
result<void> read_device_enabled(update_devices& out, json_value v, const json_path& p) {
  return store(out.enabled, read_bool(v, p));
}
result<void> read_ids(update_devices& out, json_value v, const json_path& p) {
  return store(out.devices, read_strings(v, p, 10'000));
}

// ids comes last: the settings of one device know every field but that.
constexpr std::array device_settings{
    json_field<update_devices>{"reserved_cpu", read_reserve<&update_devices::reserved_cpus>},
    json_field<update_devices>{"reserved_memory",
                               read_reserve<&update_devices::reserved_memory_mib>},
    json_field<update_devices>{"reserved_storage",
                               read_reserve<&update_devices::reserved_storage_mib>},
    json_field<update_devices>{"dev_type", read_type},
    json_field<update_devices>{"enabled", read_device_enabled},
    json_field<update_devices>{"ids", read_ids},
};
constexpr std::span<const json_field<update_devices>> device_fields{device_settings};

result<update_devices> require_a_setting(update_devices update) {
  if (!update.reserved_cpus && !update.reserved_memory_mib && !update.reserved_storage_mib &&
      !update.type && !update.enabled) {
    return model::fail(model::errc::invalid_argument,
                       "the body changes nothing: give reserved_cpu, reserved_memory, "
                       "reserved_storage, dev_type or enabled");
  }
  return update;
}

// Hosts' settings
// ------------------------------------------------------------------------------------------------

using model::update_host;

template <std::int64_t model::resources::*Member>
result<void> read_amount(model::resources& out, json_value v, const json_path& p) {
  return store(out.*Member, read_integer(v, p, 0, amount_max));
}
constexpr std::array resource_fields{
    json_field<model::resources>{"cpus", read_amount<&model::resources::cpus>},
    json_field<model::resources>{"memory_mib", read_amount<&model::resources::memory_mib>},
    json_field<model::resources>{"storage_mib", read_amount<&model::resources::storage_mib>},
};

template <std::optional<bool> update_host::*Member>
result<void> read_flag(update_host& out, json_value v, const json_path& p) {
  return store(out.*Member, read_bool(v, p));
}
result<void> read_host_tags(update_host& out, json_value v, const json_path& p) {
  return store(out.tags, read_strings(v, p, 64));
}
result<void> read_host_reserve(update_host& out, json_value v, const json_path& p) {
  return read_object<model::resources>(v, p, resource_fields, out.reserve.emplace());
}
result<void> read_cpu_overcommit(update_host& out, json_value v, const json_path& p) {
  return store(out.cpu_overcommit_milli, read_integer(v, p, 1000, 10'000));
}
result<void> read_memory_overcommit(update_host& out, json_value v, const json_path& p) {
  return store(out.memory_overcommit_milli, read_integer(v, p, 1000, 2000));
}
constexpr std::array host_settings{
    json_field<update_host>{"enabled", read_flag<&update_host::enabled>},
    json_field<update_host>{"maintenance", read_flag<&update_host::maintenance>},
    json_field<update_host>{"tags", read_host_tags},
    json_field<update_host>{"reserve", read_host_reserve},
    json_field<update_host>{"cpu_overcommit", read_cpu_overcommit},
    json_field<update_host>{"memory_overcommit", read_memory_overcommit},
};

// Flags
// ------------------------------------------------------------------------------------------------

struct flag_body {
  std::optional<bool> value;
};
result<void> read_flag_value(flag_body& out, json_value v, const json_path& p) {
  return store(out.value, read_bool(v, p));
}
constexpr std::array purge_fields{json_field<flag_body>{"detach", read_flag_value}};
constexpr std::array maintenance_fields{json_field<flag_body>{"on", read_flag_value}};

struct nothing {};

template <class T> std::vector<std::string_view> names_of(std::span<const json_field<T>> fields) {
  std::vector<std::string_view> names;
  for (const auto& field : fields) {
    names.push_back(field.name);
  }
  return names;
}

} // namespace

result<attach_body> read_attach_body(std::string& body) {
  auto read = read_body<attach_body>(body, attach_fields);
  if (read && read->device.empty()) {
    return model::fail(model::errc::invalid_argument,
                       "the body names no device: give its id in the field device",
                       {{"field", "device"}});
  }
  return read;
}

result<update_devices> read_device_settings(std::string& body) {
  return read_body<update_devices>(body, device_fields.first(device_fields.size() - 1))
      .and_then(require_a_setting);
}

result<update_devices> read_devices_update(std::string& body) {
  auto update = read_body<update_devices>(body, device_fields).and_then(require_a_setting);
  if (update && update->devices.empty()) {
    return model::fail(model::errc::invalid_argument,
                       "the body names no device: give at least one id in the field ids",
                       {{"field", "ids"}});
  }
  return update;
}

result<bool> read_purge_body(std::string& body) {
  return read_body<flag_body>(body, purge_fields, true).map([](const flag_body& flag) {
    return flag.value.value_or(false);
  });
}

result<bool> read_maintenance_body(std::string& body) {
  return read_body<flag_body>(body, maintenance_fields, true).map([](const flag_body& flag) {
    return flag.value.value_or(true);
  });
}

result<void> read_no_body(std::string& body) {
  return read_body<nothing>(body, {}, true).map([](nothing) {});
}

result<update_host> read_host_settings(std::string& body) {
  return read_body<update_host>(body, host_settings);
}

std::vector<std::string_view> device_settings_fields() {
  return names_of(device_fields);
}

std::vector<std::string_view> host_settings_fields() {
  return names_of<update_host>(host_settings);
}

} // namespace berth::api
