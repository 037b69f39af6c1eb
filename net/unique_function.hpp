#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace berth::net {

template <class Signature> class unique_function;

/// A move-only std::function: callbacks may own move-only things such as a responder.
/// Calling an empty one is a bug (null dereference).
template <class R, class... Args> class unique_function<R(Args...)> {
public:
  unique_function() noexcept = default;
  unique_function(std::nullptr_t) noexcept {}

  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, unique_function> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>) unique_function(F&& f)
      : target_(std::make_unique<holder<std::decay_t<F>>>(std::forward<F>(f))) {}

  R operator()(Args... args) { return target_->call(std::forward<Args>(args)...); }
  explicit operator bool() const noexcept { return target_ != nullptr; }

private:
  struct base {
    base() = default;
    base(const base&) = delete;
    base& operator=(const base&) = delete;
    virtual ~base() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F> struct holder final : base {
    template <class G> explicit holder(G&& g) : f(std::forward<G>(g)) {}
    R call(Args... args) override { return f(std::forward<Args>(args)...); }
    F f;
  };
  std::unique_ptr<base> target_;
};

} // namespace berth::net
