#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <libvirt/libvirt.h>

namespace berth::hostbackend::host_linux {

// libvirt's references and the strings that it allocates, owned. Only sources of this folder
// include this.

template <auto Release> struct released_by {
  template <class Handle> void operator()(Handle* handle) const { Release(handle); }
};

using domain_handle = std::unique_ptr<virDomain, released_by<virDomainFree>>;
using pool_handle = std::unique_ptr<virStoragePool, released_by<virStoragePoolFree>>;
using volume_handle = std::unique_ptr<virStorageVol, released_by<virStorageVolFree>>;
using stream_handle = std::unique_ptr<virStream, released_by<virStreamFree>>;
using owned_text = std::unique_ptr<char, released_by<std::free>>;
/// Shared, because calls that are still under way outlive their callers.
using connection_handle = std::shared_ptr<virConnect>;

} // namespace berth::hostbackend::host_linux
