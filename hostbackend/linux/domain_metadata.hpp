#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/linux/xml_writer.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"
#include "model/link.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

/// The namespace of our element in a domain's `<metadata>`; the last part is its version.
inline constexpr const char* metadata_namespace = "urn:berth:server:1";
inline constexpr const char* metadata_prefix = "berth";

/// A device as the domain was given it.
struct noted_device {
  model::attachment attachment;
  model::pci_address address;

  friend bool operator==(const noted_device&, const noted_device&) = default;
};

/// What a domain says of itself: by this a restarted agent recognises its servers, and a domain
/// without it is somebody else's.
struct domain_note {
  model::server_id server;
  std::string name;
  std::string project;
  std::uint32_t restarts = 0; ///< of the desired state that it was defined from
  std::vector<noted_device> devices;

  friend bool operator==(const domain_note&, const domain_note&) = default;
};

/// Appends the element `berth:server` to a domain's metadata.
void write_note(xml_writer& xml, const domain_note& note);
/// The element without its namespace, as virDomainSetMetadata takes it (libvirt adds the namespace)
/// and virDomainGetMetadata gives it back.
[[nodiscard]] std::string bare_note(const domain_note& note);
/// Reads the element, with its namespace or without. Whatever is missing, unknown
/// or malformed is errc::invalid_argument: half a note is none. At most 256 KiB.
[[nodiscard]] model::result<domain_note> read_note(std::string_view xml);

} // namespace berth::hostbackend::host_linux
