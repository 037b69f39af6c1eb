#include "hostbackend/linux/pci_names.hpp"

#include <array>
#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

extern "C" {
#include <pci/pci.h>
}

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;

namespace {

/// libpci's handler of errors must not return; its own ends the process. Ours leaves the reading of
/// the database by the way that C has for that; no C++ frame lies in between. At any other time the
/// only error is that there is no memory.
struct way_out {
  std::jmp_buf back;
  std::array<char, 256> message;
};
thread_local way_out* reading = nullptr;

[[gnu::noreturn]] void leave(char* format, ...) {
  if (reading == nullptr)
    std::abort();
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(reading->message.data(), reading->message.size(), format, arguments);
  va_end(arguments);
  std::longjmp(reading->back, 1);
}

void ignore(char*, ...) {}

/// Reads the whole database. False: there is none, or `out` has a message.
bool read_database(pci_access* access, way_out& out) {
  out.message[0] = '\0';
  reading = &out;
  const bool read = setjmp(out.back) == 0 && pci_load_name_list(access) != 0;
  reading = nullptr;
  return read;
}

std::string look_up(pci_access* access, int what, const model::vendor_device_id& id) {
  std::array<char, 1024> text{};
  constexpr int local_only = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
  const char* found = pci_lookup_name(access, text.data(), static_cast<int>(text.size()),
                                      what | local_only, id.vendor, id.device);
  return found == nullptr ? std::string{} : std::string{found};
}

/// The bracketed part of `GP107 [GeForce GTX 1050 Ti]`; the whole if there is none.
std::string model_name(const std::string& name) {
  const auto open = name.find('[');
  const auto close = name.rfind(']');
  const bool bracketed =
      open != std::string::npos && close != std::string::npos && close > open + 1;
  return bracketed ? name.substr(open + 1, close - open - 1) : name;
}

std::string_view short_vendor(std::uint16_t vendor) {
  return vendor == 0x10de ? "NVIDIA" : vendor == 0x1002 ? "AMD" : vendor == 0x8086 ? "Intel" : "";
}

} // namespace

void pci_names::release::operator()(pci_access* access) const {
  pci_cleanup(access);
}

model::result<pci_names> pci_names::load(const std::filesystem::path& file) {
  access database{pci_alloc()};
  database->error = leave;
  database->warning = ignore;
  database->debug = ignore;
  database->id_lookup_mode = 0; // without this, libpci asks its cache in the home directory
  if (!file.empty())            // libpci frees the copy
    pci_set_name_list_path(database.get(), ::strdup(file.c_str()), 1);
  way_out out;
  if (!read_database(database.get(), out)) {
    const std::string source{database->id_file_name};
    std::string message{out.message.data()};
    while (message.ends_with('\n'))
      message.pop_back();
    return message.empty()
               ? fail(errc::not_found, "cannot read the database of PCI ids, " + source +
                                           ": install the package pci.ids, or name another file")
               : fail(errc::invalid_argument, "libpci refuses the database of PCI ids: " + message);
  }
  return pci_names{std::move(database)};
}

device_names pci_names::of(const model::vendor_device_id& id) const {
  device_names names;
  names.vendor = short_vendor(id.vendor);
  if (names.vendor.empty())
    names.vendor = look_up(database_.get(), PCI_LOOKUP_VENDOR, id);
  if (names.vendor.empty())
    names.vendor = to_string(id).substr(0, 4);
  const auto device = look_up(database_.get(), PCI_LOOKUP_DEVICE, id);
  names.model = device.empty() ? "Device " + to_string(id).substr(5) : model_name(device);
  return names;
}

} // namespace berth::hostbackend::host_linux
