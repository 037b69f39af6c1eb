#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace berth::hostbackend::testing {

// Reads small ISO 9660 images as a guest does, without the library that writes them: ECMA-119,
// with Rock Ridge (IEEE P1282) or Joliet. Throws when the image is none.

enum class iso_names { rock_ridge, joliet };

struct iso_file {
  std::string content;
  std::uint32_t mode = 0; ///< with the file's type; Rock Ridge's, else 0
};

struct iso_volume {
  std::string label;
  std::map<std::string, iso_file> files; ///< of the root directory, by name
};

class iso_reader {
public:
  iso_reader(std::string_view image, iso_names names) : image_{image}, names_{names} {}

  [[nodiscard]] iso_volume read() const {
    const auto descriptor = block(descriptor_block(), 1);
    const auto joliet = names_ == iso_names::joliet;
    iso_volume volume;
    volume.label = trimmed(joliet ? narrowed(descriptor.substr(40, 32))
                                  : std::string{descriptor.substr(40, 32)});
    const auto root = descriptor.substr(156, 34);
    const auto directory = content_of(root);
    for (std::size_t at = 0; at < directory.size();) {
      const auto length = static_cast<unsigned char>(directory[at]);
      if (length == 0) { // records do not cross blocks
        at = (at / block_bytes + 1) * block_bytes;
        continue;
      }
      const auto record = directory.substr(at, length);
      at += length;
      constexpr unsigned is_directory = 2;
      if ((static_cast<unsigned char>(record.at(25)) & is_directory) == 0)
        volume.files[name_of(record)] = {std::string{content_of(record)}, mode_of(record)};
    }
    return volume;
  }

private:
  static constexpr std::size_t block_bytes = 2048;
  static constexpr std::size_t first_descriptor = 16;

  [[nodiscard]] std::string_view block(std::size_t first, std::size_t bytes_or_more) const {
    const auto part = image_.substr(first * block_bytes);
    if (part.size() < bytes_or_more)
      throw std::runtime_error{"the image is too short"};
    return part;
  }
  [[nodiscard]] std::size_t descriptor_block() const {
    constexpr char primary = 1;
    constexpr char supplementary = 2;
    constexpr char end = '\xff';
    const auto wanted = names_ == iso_names::joliet ? supplementary : primary;
    for (auto at = first_descriptor;; ++at) {
      const auto descriptor = block(at, block_bytes);
      if (descriptor.substr(1, 5) != "CD001" || descriptor[0] == end)
        throw std::runtime_error{"the image has no such volume descriptor"};
      if (descriptor[0] == wanted)
        return at;
    }
  }
  static std::uint32_t number(std::string_view little_endian) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
      value = value << 8U | static_cast<unsigned char>(little_endian.at(i));
    return value;
  }
  [[nodiscard]] std::string_view content_of(std::string_view record) const {
    const auto size = number(record.substr(10));
    return block(number(record.substr(2)), size).substr(0, size);
  }

  /// UCS-2, big endian; other characters than ASCII become '?'.
  static std::string narrowed(std::string_view wide) {
    std::string text;
    for (std::size_t i = 0; i + 1 < wide.size(); i += 2)
      text += wide[i] == 0 ? wide[i + 1] : '?';
    return text;
  }
  static std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(std::string_view{" \0", 2}) + 1);
    return text;
  }
  [[nodiscard]] std::string name_of(std::string_view record) const {
    if (names_ == iso_names::rock_ridge)
      return std::string{entry_of(record, "NM").substr(5)};
    return narrowed(record.substr(33, static_cast<unsigned char>(record.at(32))));
  }
  [[nodiscard]] std::uint32_t mode_of(std::string_view record) const {
    return names_ == iso_names::rock_ridge ? number(entry_of(record, "PX").substr(4)) : 0;
  }
  /// Of the record's system use area.
  static std::string_view entry_of(std::string_view record, std::string_view signature) {
    const auto name_length = static_cast<unsigned char>(record.at(32));
    std::size_t at = 33 + name_length + (name_length % 2 == 0 ? 1 : 0);
    while (at + 4 <= record.size()) {
      const auto length = static_cast<unsigned char>(record.at(at + 2));
      if (length < 4)
        break;
      if (record.substr(at, 2) == signature)
        return record.substr(at, length);
      at += length;
    }
    throw std::runtime_error{"the record has no entry " + std::string{signature}};
  }

  std::string_view image_;
  iso_names names_;
};

[[nodiscard]] inline iso_volume read_iso(std::string_view image,
                                         iso_names names = iso_names::rock_ridge) {
  return iso_reader{image, names}.read();
}

} // namespace berth::hostbackend::testing
