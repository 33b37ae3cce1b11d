// ByteSource: files, memory, and gzip by zlib.
#include <embergrad/io/byte_source.hpp>

#include <zlib.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <embergrad/engine/system/error.hpp>

namespace embergrad::inline EMBERGRAD_PRECISION::detail {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;  // inflated at once
constexpr std::size_t kCompressedBlock = std::size_t{64} << 10;
constexpr std::string_view kGzipMagic = "\x1f\x8b";

/// Which part of `all` so many bytes are.
std::optional<double> part(std::size_t done, std::optional<std::size_t> all) {
    if (!all) return std::nullopt;
    return *all == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*all));
}

class FileSource : public ByteSource {
public:
    explicit FileSource(FileReader file) : file_(std::move(file)) {}
    std::size_t read(std::span<char> buffer) override {
        const std::size_t n = file_.read(buffer);
        done_ += n;
        return n;
    }
    std::optional<std::size_t> size() const override { return file_.size(); }
    std::optional<double> fraction() const override { return part(done_, size()); }

private:
    FileReader file_;
    std::size_t done_ = 0;
};

class MemorySource : public ByteSource {
public:
    explicit MemorySource(std::string_view bytes) : all_(bytes.size()), rest_(bytes) {}
    std::size_t read(std::span<char> buffer) override {
        const std::size_t n = std::min(buffer.size(), rest_.size());
        std::copy_n(rest_.data(), n, buffer.data());
        rest_.remove_prefix(n);
        return n;
    }
    std::optional<std::size_t> size() const override { return all_; }
    std::optional<double> fraction() const override { return part(all_ - rest_.size(), all_); }

private:
    std::size_t all_;
    std::string_view rest_;
};

/// Another source's bytes behind some that were read from it already.
class PeekedSource : public ByteSource {
public:
    PeekedSource(std::string begin, std::unique_ptr<ByteSource> rest)
        : begin_(std::move(begin)), rest_(std::move(rest)) {}
    std::size_t read(std::span<char> buffer) override {
        const std::size_t n = std::min(buffer.size(), begin_.size() - used_);
        std::copy_n(begin_.data() + used_, n, buffer.data());
        used_ += n;
        return n + rest_->read(buffer.subspan(n));
    }
    std::optional<std::size_t> size() const override { return rest_->size(); }
    std::optional<double> fraction() const override { return rest_->fraction(); }

private:
    std::string begin_;
    std::size_t used_ = 0;
    std::unique_ptr<ByteSource> rest_;
};

class GzipSource : public ByteSource {
public:
    GzipSource(std::unique_ptr<ByteSource> compressed, std::string_view name)
        : compressed_(std::move(compressed)), name_(name), input_(kCompressedBlock) {
        constexpr int gzip_window = 16 + MAX_WBITS;
        if (inflateInit2(&stream_, gzip_window) != Z_OK) throw std::bad_alloc();
    }
    GzipSource(const GzipSource&) = delete;
    GzipSource& operator=(const GzipSource&) = delete;
    ~GzipSource() override { inflateEnd(&stream_); }

    std::size_t read(std::span<char> buffer) override {
        std::size_t done = 0;
        while (done < buffer.size() && !ended_) done += inflate_some(buffer.subspan(done));
        return done;
    }
    std::optional<double> fraction() const override { return compressed_->fraction(); }

private:
    std::size_t inflate_some(std::span<char> room) {
        if (stream_.avail_in == 0) refill();
        if (stream_.avail_in == 0) {
            require<std::runtime_error>(between_members_, name_, ": the gzip data is cut off");
            ended_ = true;
            return 0;
        }
        between_members_ = false;
        const std::size_t wanted = std::min(room.size(), kBlock);
        stream_.next_out = reinterpret_cast<Bytef*>(room.data());
        stream_.avail_out = static_cast<uInt>(wanted);
        const int result = inflate(&stream_, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR) throw std::bad_alloc();
        require<std::runtime_error>(result == Z_OK || result == Z_STREAM_END, name_, ": the gzip data is damaged (",
                                    stream_.msg != nullptr ? stream_.msg : "unknown reason", ")");
        if (result == Z_STREAM_END) {  // perhaps another member follows
            between_members_ = true;
            inflateReset(&stream_);
        }
        return wanted - stream_.avail_out;
    }

    void refill() {
        stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
        stream_.avail_in = static_cast<uInt>(compressed_->read(input_));
    }

    std::unique_ptr<ByteSource> compressed_;
    std::string name_;
    std::vector<char> input_;
    z_stream stream_{};
    bool between_members_ = false;
    bool ended_ = false;
};

std::unique_ptr<ByteSource> decompressed_if_need_be(std::unique_ptr<ByteSource> source, std::string_view name) {
    const bool is_gzip = peek(source, kGzipMagic.size()) == kGzipMagic;
    if (is_gzip) return std::make_unique<GzipSource>(std::move(source), name);
    return source;
}

}  // namespace

std::unique_ptr<ByteSource> open_source(const std::string& path) {
    return decompressed_if_need_be(plain_source(FileReader(path)), path);
}

std::unique_ptr<ByteSource> open_source(std::string_view bytes, std::string_view source_name) {
    return decompressed_if_need_be(std::make_unique<MemorySource>(bytes), source_name);
}

std::unique_ptr<ByteSource> plain_source(FileReader file) { return std::make_unique<FileSource>(std::move(file)); }

std::unique_ptr<ByteSource> plain_source(std::span<const std::byte> bytes) {
    return std::make_unique<MemorySource>(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string peek(std::unique_ptr<ByteSource>& source, std::size_t n) {
    std::string begin(n, '\0');
    begin.resize(source->read(begin));
    source = std::make_unique<PeekedSource>(begin, std::move(source));
    return begin;
}

}  // namespace embergrad::inline EMBERGRAD_PRECISION::detail
