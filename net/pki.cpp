#include "net/pki.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::net {
namespace {

template <class T, void (*Free)(T*)> struct releaser {
  void operator()(T* p) const { Free(p); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, releaser<EVP_PKEY, EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, releaser<X509, X509_free>>;
using extension_ptr =
    std::unique_ptr<X509_EXTENSION, releaser<X509_EXTENSION, X509_EXTENSION_free>>;
using number_ptr = std::unique_ptr<BIGNUM, releaser<BIGNUM, BN_free>>;
using bio_ptr = std::unique_ptr<BIO, releaser<BIO, BIO_free_all>>;
using address_ptr =
    std::unique_ptr<ASN1_OCTET_STRING, releaser<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>>;

constexpr std::string_view uri_prefix = "berth-host:";
constexpr std::size_t name_size_max = 64; // X.509's bound for a common name
constexpr auto clock_skew = std::chrono::minutes(10);

tl::unexpected<error> openssl_fault(const std::string& what) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return fail(errc::system, what + ": " + (reason == nullptr ? "OpenSSL failed" : reason));
}

tl::unexpected<error> file_fault(const std::string& what, const std::filesystem::path& file) {
  const int number = errno;
  return fail(number == EEXIST ? errc::exists : errc::file,
              what + " " + file.string() + ": " + std::strerror(number));
}

/// Writes a new file whole or not at all: a synced temporary is linked to its name, which fails if
/// the name exists.
result<void> write_new(const std::filesystem::path& file, const std::string& text, mode_t mode) {
  std::string temporary = file.string() + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0)
    return file_fault("cannot create", temporary);
  const bool written = fchmod(fd, mode) == 0 &&
                       write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fsync(fd) == 0;
  const int write_errno = errno;
  ::close(fd);
  errno = write_errno;
  if (!written || link(temporary.c_str(), file.c_str()) != 0) {
    auto fault = file_fault(written ? "will not overwrite" : "cannot write", file);
    unlink(temporary.c_str());
    return fault;
  }
  unlink(temporary.c_str());
  return {};
}

template <class Write> result<std::string> to_pem(Write write_to) {
  const bio_ptr memory(BIO_new(BIO_s_mem()));
  if (!memory || write_to(memory.get()) != 1)
    return openssl_fault("cannot write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

result<void> add_extension(X509* cert, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  const extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  if (!extension || X509_add_ext(cert, extension.get(), -1) != 1)
    return openssl_fault("cannot add extension \"" + value + "\"");
  return {};
}

/// A certificate with its validity, subject, key and a random serial number; not yet signed.
result<cert_ptr> make_certificate(const std::string& name, EVP_PKEY* key,
                                  std::chrono::days validity) {
  cert_ptr cert(X509_new());
  const number_ptr serial(BN_new());
  const bool made =
      cert && serial && X509_set_version(cert.get(), X509_VERSION_3) == 1 &&
      BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(cert.get())) != nullptr &&
      X509_gmtime_adj(X509_getm_notBefore(cert.get()),
                      -std::chrono::duration_cast<std::chrono::seconds>(clock_skew).count()) !=
          nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(cert.get()), static_cast<int>(validity.count()), 0,
                       nullptr) != nullptr &&
      X509_set_pubkey(cert.get(), key) == 1;
  if (!made)
    return openssl_fault("cannot make a certificate for " + name);
  X509_NAME* subject = X509_get_subject_name(cert.get());
  const auto put = [&](const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
  };
  if (!put("O", "berth") || !put("CN", name))
    return openssl_fault("cannot name a certificate " + name);
  return cert;
}

result<certificate_files> write_pair(const std::filesystem::path& dir, const std::string& name,
                                     X509* cert, EVP_PKEY* key) {
  const certificate_files files{dir / (name + ".crt"), dir / (name + ".key")};
  const auto key_pem = to_pem([key](BIO* to) {
    return PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  const auto cert_pem = to_pem([cert](BIO* to) { return PEM_write_bio_X509(to, cert); });
  if (!key_pem || !cert_pem)
    return tl::unexpected((key_pem ? cert_pem : key_pem).error());
  if (access(files.certificate.c_str(), F_OK) == 0) {
    errno = EEXIST;
    return file_fault("will not overwrite", files.certificate);
  }
  if (auto done = write_new(files.key, *key_pem, S_IRUSR | S_IWUSR); !done)
    return tl::unexpected(done.error());
  if (auto done = write_new(files.certificate, *cert_pem, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
      !done) {
    unlink(files.key.c_str()); // ours, made a moment ago
    return tl::unexpected(done.error());
  }
  return files;
}

/// Reads with C stdio's close on the way out.
template <class T, class Read>
result<T> read_pem(const std::filesystem::path& file, const char* what, Read read_from) {
  const bio_ptr input(BIO_new_file(file.c_str(), "r"));
  T item(input ? read_from(input.get()) : nullptr);
  if (!item) {
    const auto why =
        openssl_fault("cannot read the authority's " + std::string(what) + " " + file.string());
    return fail(errc::file, why.value().message + "; make one with create_authority first");
  }
  return item;
}

result<std::string> alternative_names(const std::string& name,
                                      const std::vector<std::string>& names,
                                      certificate_role role) {
  std::string list;
  const auto put = [&list](const std::string& item) { list += (list.empty() ? "" : ",") + item; };
  if (role == certificate_role::host)
    put("URI:" + host_uri(name));
  for (const auto& each : names) {
    // The list has a syntax of its own; nothing but a plain name may enter it.
    if (each.empty() ||
        each.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789.-:*_") != std::string::npos)
      return fail(errc::bad_argument, "\"" + each + "\" is neither a DNS name nor an address");
    const address_ptr address(a2i_IPADDRESS(each.c_str()));
    if (!address && each.find(':') != std::string::npos)
      return fail(errc::bad_argument, "\"" + each + "\" is no IPv6 address");
    put((address ? "IP:" : "DNS:") + each);
  }
  ERR_clear_error();
  return list;
}

bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() <= name_size_max && name.front() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-") == std::string::npos;
}

} // namespace

std::string host_uri(const std::string& host_name) {
  return std::string(uri_prefix) + host_name;
}

std::string host_of(const std::vector<std::string>& uri_names) {
  for (const auto& uri : uri_names)
    if (uri.starts_with(uri_prefix))
      return uri.substr(uri_prefix.size());
  return {};
}

result<certificate_files> create_authority(const std::filesystem::path& dir,
                                           std::chrono::days validity) {
  std::error_code ec;
  if (std::filesystem::create_directories(dir, ec))
    std::filesystem::permissions(dir, std::filesystem::perms::owner_all, ec);
  if (ec)
    return fail(errc::file, "cannot create " + dir.string() + ": " + ec.message());
  const key_ptr key(EVP_EC_gen("P-256"));
  if (!key)
    return openssl_fault("cannot make a key");
  auto made = make_certificate("berth private CA", key.get(), validity);
  if (!made)
    return tl::unexpected(made.error());
  X509* cert = made->get();
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  const std::pair<int, const char*> extensions[] = {
      {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
      {NID_key_usage, "critical,keyCertSign,cRLSign"},
      {NID_subject_key_identifier, "hash"}};
  for (const auto& [id, value] : extensions)
    if (auto added = add_extension(cert, cert, id, value); !added)
      return tl::unexpected(added.error());
  if (X509_sign(cert, key.get(), EVP_sha256()) == 0)
    return openssl_fault("cannot sign the authority's certificate");
  return write_pair(dir, "ca", cert, key.get());
}

result<certificate_files> issue(const std::filesystem::path& dir, const std::string& whom,
                                const std::vector<std::string>& names, certificate_role role,
                                std::chrono::days validity) {
  const bool fleet = role == certificate_role::host && whom == "*";
  const std::string name = fleet ? "fleet" : whom;
  if (!is_file_name(name) || name == "ca")
    return fail(errc::bad_argument, "\"" + name +
                                        "\" cannot name a certificate: expected 1 to 64 letters, "
                                        "digits, '.', '_' or '-', and not \"ca\"");
  const auto ca_cert = read_pem<cert_ptr>(dir / "ca.crt", "certificate", [](BIO* from) {
    return PEM_read_bio_X509(from, nullptr, nullptr, nullptr);
  });
  if (!ca_cert)
    return tl::unexpected(ca_cert.error());
  const auto ca_key = read_pem<key_ptr>(dir / "ca.key", "key", [](BIO* from) {
    return PEM_read_bio_PrivateKey(from, nullptr, nullptr, nullptr);
  });
  if (!ca_key)
    return tl::unexpected(ca_key.error());
  const auto san = alternative_names(whom, names, role);
  if (!san)
    return tl::unexpected(san.error());
  const key_ptr key(EVP_EC_gen("P-256"));
  if (!key)
    return openssl_fault("cannot make a key");
  auto made = make_certificate(name, key.get(), validity);
  if (!made)
    return tl::unexpected(made.error());
  X509* cert = made->get();
  X509_set_issuer_name(cert, X509_get_subject_name(ca_cert->get()));
  std::vector<std::pair<int, std::string>> extensions = {
      {NID_basic_constraints, "critical,CA:FALSE"},
      {NID_key_usage, "critical,digitalSignature"},
      {NID_ext_key_usage, "serverAuth,clientAuth"},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, "keyid:always"}};
  if (!san->empty())
    extensions.emplace_back(NID_subject_alt_name, *san);
  for (const auto& [id, value] : extensions)
    if (auto added = add_extension(cert, ca_cert->get(), id, value); !added)
      return tl::unexpected(added.error());
  if (X509_sign(cert, ca_key->get(), EVP_sha256()) == 0)
    return openssl_fault("cannot sign the certificate of " + name);
  return write_pair(dir, name, cert, key.get());
}

} // namespace berth::net
