#pragma once
#include <vector>

namespace net {
namespace detail {

/// A connection.
template <typename T>
class Connection : public Base {
public:
    Connection() : open_(false) {}
    ~Connection() {}
    bool operator==(const Connection& other) const { return true; }
    // Sends.
    template <class U>
    void send(U&& data) {
        buffer_.push_back(data);
    }
    void later();

private:
    struct Buffer { int size; };
    bool open_;
};

}  // namespace detail
}  // namespace net

void net::Client::connect(const std::string& host) {
    open_ = true;
}

int& Client::counter() { return n_; }

enum class Mode { Fast, Slow };
using Bytes = std::vector<char>;

template <typename T>
T max_of(T a, T b) { return a > b ? a : b; }
