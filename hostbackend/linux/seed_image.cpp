#include "hostbackend/linux/seed_image.hpp"

#include <algorithm>
#include <array>
#include <cstdint> // libisofs.h uses it
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <sys/types.h> // and this

#define LIBISOFS_WITHOUT_LIBBURN // it declares struct burn_source itself then
#include <libisofs/libisofs.h>

#include "model/text.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr char label[] = "cidata";
constexpr mode_t for_root_only = 0400; // in the guest
constexpr int joliet_only = 2;         // where names need no dot and no version
constexpr std::size_t block_bytes = 2048;

struct released {
  void operator()(IsoImage* image) const { iso_image_unref(image); }
  void operator()(IsoWriteOpts* options) const { iso_write_opts_free(options); }
  void operator()(IsoStream* stream) const { iso_stream_unref(stream); }
  void operator()(unsigned char* bytes) const { std::free(bytes); }
  void operator()(burn_source* source) const {
    source->free_data(source);
    std::free(source);
  }
};
template <class Handle> using owned = std::unique_ptr<Handle, released>;

/// The library's texts are its own: they never hold a file's content.
tl::unexpected<model::failure> library_failed(int code) {
  const char* const text = iso_error_to_msg(code);
  return fail(errc::internal, std::string{"libisofs made no seed medium: "} +
                                  (text == nullptr ? std::to_string(code) : text));
}

result<void> start_library() {
  static const int started = [] {
    const int code = iso_init_with_flag(1); // 1: the process's locale stays as it is
    char never[] = "NEVER";
    char prefix[] = "";
    return code < 0 ? code : iso_set_msgs_severities(never, never, prefix); // nothing on stderr
  }();
  if (started < 0)
    return library_failed(started);
  return {};
}

result<void> add_file(IsoImage& image, const char* name, std::string_view content) {
  owned<unsigned char> bytes{static_cast<unsigned char*>(std::malloc(content.size() + 1))};
  if (!bytes)
    return library_failed(static_cast<int>(ISO_OUT_OF_MEM));
  content.copy(reinterpret_cast<char*>(bytes.get()), content.size());
  IsoStream* raw = nullptr;
  if (const int code = iso_memory_stream_new(bytes.get(), content.size(), &raw); code < 0)
    return library_failed(code);
  static_cast<void>(bytes.release()); // the stream's now
  owned<IsoStream> stream{raw};
  IsoFile* file = nullptr;
  const int code =
      iso_image_add_new_file(&image, iso_image_get_root(&image), name, stream.get(), &file);
  if (code < 0)
    return library_failed(code);
  static_cast<void>(stream.release()); // the file's now, and the file is the image's
  iso_node_set_permissions(reinterpret_cast<IsoNode*>(file), for_root_only);
  return {};
}

/// Rock Ridge for Linux, Joliet for Windows, and no time of the day: an image says only what it was
/// made of.
result<owned<IsoWriteOpts>> write_options() {
  IsoWriteOpts* raw = nullptr;
  if (const int code = iso_write_opts_new(&raw, 0); code < 0)
    return library_failed(code);
  owned<IsoWriteOpts> options{raw};
  char epoch[] = "1970010100000000";
  for (const int code :
       {iso_write_opts_set_iso_level(raw, 2), iso_write_opts_set_rockridge(raw, 1),
        iso_write_opts_set_joliet(raw, 1), iso_write_opts_set_no_force_dots(raw, joliet_only),
        iso_write_opts_set_omit_version_numbers(raw, joliet_only),
        iso_write_opts_set_replace_timestamps(raw, 2), iso_write_opts_set_default_timestamp(raw, 0),
        iso_write_opts_set_always_gmt(raw, 1),
        iso_write_opts_set_pvd_times(raw, 0, 0, 0, 0, epoch)})
    if (code < 0)
      return library_failed(code);
  return options;
}

result<std::string> read_all(burn_source& source) {
  std::string all;
  std::array<unsigned char, block_bytes> block{};
  int got = 0;
  while ((got = source.read_xt(&source, block.data(), static_cast<int>(block.size()))) > 0)
    all.append(reinterpret_cast<const char*>(block.data()), static_cast<std::size_t>(got));
  if (got < 0 || all.size() != static_cast<std::size_t>(source.get_size(&source)))
    return library_failed(static_cast<int>(ISO_WRITE_ERROR));
  return all;
}

/// Quoted: a name like `no` or `15` would be no text in YAML. A host name has nothing to escape.
std::string meta_data(const model::desired_server& server) {
  return "instance-id: \"" + to_string(server.id) + "\"\nlocal-hostname: \"" +
         guest_host_name(server) + "\"\n";
}

} // namespace

std::string guest_host_name(const model::desired_server& server) {
  constexpr std::size_t label_length_max = 63;
  auto name = server.spec->name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '_' || c == '.'; }, '-');
  name.erase(0, name.find_first_not_of('-'));
  name.resize(std::min(name.size(), label_length_max));
  name.erase(name.find_last_not_of('-') + 1);
  return name.empty() ? to_string(server.id) : name;
}

result<std::string> seed_image(const model::desired_server& server) {
  if (!model::is_name(server.spec->name))
    return fail(errc::invalid_argument,
                "the name of server " + to_string(server.id) + " is no name for a host");
  static std::mutex one_at_a_time; // the library numbers its streams in an unguarded global
  const std::scoped_lock hold{one_at_a_time};
  if (auto started = start_library(); !started)
    return tl::unexpected{std::move(started).error()};
  IsoImage* raw = nullptr;
  if (const int code = iso_image_new(label, &raw); code < 0)
    return library_failed(code);
  const owned<IsoImage> image{raw};
  for (const auto& added : {add_file(*image, "meta-data", meta_data(server)),
                            add_file(*image, "user-data", server.spec->user_data)})
    if (!added)
      return tl::unexpected{added.error()};
  const auto options = write_options();
  if (!options)
    return tl::unexpected{options.error()};
  burn_source* source = nullptr;
  if (const int code = iso_image_create_burn_source(image.get(), options->get(), &source); code < 0)
    return library_failed(code);
  return read_all(*owned<burn_source>{source});
}

} // namespace berth::hostbackend::host_linux
