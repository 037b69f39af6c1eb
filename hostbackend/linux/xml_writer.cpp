#include "hostbackend/linux/xml_writer.hpp"

namespace berth::hostbackend::host_linux {

namespace {

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&apos;";
      break;
    default:
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
}

} // namespace

void xml_writer::start(std::string_view name, attributes values) {
  out_.append(2 * open_.size(), ' ').append("<").append(name);
  for (const auto& [key, value] : values) {
    out_.append(" ").append(key).append("=\"");
    append_escaped(out_, value);
    out_ += '"';
  }
}

xml_writer& xml_writer::open(std::string_view name, attributes values) {
  start(name, values);
  out_ += ">\n";
  open_.emplace_back(name);
  content_at_ = out_.size();
  return *this;
}

xml_writer& xml_writer::close() {
  const auto name = std::move(open_.back());
  open_.pop_back();
  if (out_.size() == content_at_) { // nothing inside
    out_.replace(out_.size() - 2, 1, "/>");
    return *this;
  }
  out_.append(2 * open_.size(), ' ').append("</").append(name).append(">\n");
  return *this;
}

xml_writer& xml_writer::empty(std::string_view name, attributes values) {
  start(name, values);
  out_ += "/>\n";
  return *this;
}

xml_writer& xml_writer::text(std::string_view name, std::string_view content, attributes values) {
  start(name, values);
  out_ += '>';
  append_escaped(out_, content);
  out_.append("</").append(name).append(">\n");
  return *this;
}

std::string xml_writer::take() && {
  return std::move(out_);
}

} // namespace berth::hostbackend::host_linux
